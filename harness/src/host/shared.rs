// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Shared queues: many submit to one, each as itself.

use std::rc::Rc;

use siov_firmware::regs;
use tokio::sync::mpsc;

use super::configure::WqOwner;
use super::interrupt::ImsEntry;
use super::{AddressSpace, Driver, DriverError, Wq, WqConfig};
use crate::dsa::{Command, Descriptor, InterruptTable, PortalPage, SoftwareError, portal_address};
use crate::iommu::entry::DomainId;
use crate::pcie::{AccessError, Enqcmd, MsiVector, Pasid};

/// A queue that belongs to nobody: whoever may reach a portal page of it submits under the PASID
/// that the CPU puts into the descriptor.
pub type SharedWq = Wq<Shared>;

/// What a shared queue has of its own: nothing, as each submitter brings it.
#[derive(Debug)]
pub struct Shared;

impl Driver {
    /// Makes a configured queue a shared one, of which limited portals may fill `threshold`
    /// entries. Nobody's descriptors block on faults there, as one who waits may hold up the others.
    /// Also returns where its software errors go, whosever they are.
    pub fn share(
        self: &Rc<Self>,
        wq: WqConfig,
        threshold: u16,
    ) -> (SharedWq, mpsc::UnboundedReceiver<SoftwareError>) {
        self.program_wq(&wq, WqOwner::Submitters, false);
        let shared = SharedWq {
            driver: Rc::clone(self),
            config: wq,
            kind: Shared,
        };
        shared.set_threshold(threshold);
        let errors = self.own_errors(wq.index);
        (shared, errors)
    }
}

impl SharedWq {
    /// Lets limited portals fill so many entries from now on.
    pub fn set_threshold(&self, entries: u16) {
        let offset = self.driver.wqcfg(self.config.index) + regs::SIOV_WQCFG_THRESHOLD_OFFSET;
        self.driver.registers.write32(offset, entries.into());
    }

    /// Lets the owner of an address space submit: a PASID that translates through the space, and an
    /// IMS entry that only this PASID can raise.
    pub fn admit(&self, space: &AddressSpace) -> Result<Submitter, DriverError> {
        let (pasid, interrupt) = self.driver.new_identity(space)?;
        Ok(Submitter {
            driver: Rc::clone(&self.driver),
            wq: self.config.index,
            pasid,
            domain: space.domain,
            interrupt,
        })
    }
}

/// One of those who submit to a shared queue.
#[derive(Debug)]
pub struct Submitter {
    driver: Rc<Driver>,
    wq: u16,
    pasid: Pasid,
    domain: DomainId,
    interrupt: ImsEntry,
}

impl Submitter {
    /// The PASID on all that its descriptors cause.
    pub fn pasid(&self) -> Pasid {
        self.pasid
    }

    /// Physical address of one of the queue's portal pages.
    pub fn portal(&self, page: PortalPage) -> u64 {
        self.driver.portals + portal_address(self.wq, page)
    }

    /// Submits a descriptor as ENQCMD does: the CPU writes the PASID, and no privilege.
    pub async fn submit(
        &self,
        page: PortalPage,
        descriptor: &Descriptor,
    ) -> Result<Enqcmd, AccessError> {
        let mut descriptor = *descriptor;
        descriptor.pasid = self.pasid.raw().into();
        let bytes = zerocopy::transmute!(descriptor);
        self.driver.host.enqcmd(self.portal(page), &bytes).await
    }

    /// The handle for the interrupt that its descriptors may ask for.
    pub async fn request_interrupt_handle(&self) -> Result<u16, DriverError> {
        self.driver.ims_handle(&self.interrupt, self.wq).await
    }

    /// The vector of the host that its interrupt leads to.
    pub fn vector(&self) -> &MsiVector {
        &self.interrupt.vector
    }

    /// Masks or unmasks its interrupt.
    pub fn mask_interrupt(&self, masked: bool) {
        self.driver.set_ims_mask(&self.interrupt, masked);
    }

    /// Waits until everything that it has submitted has its effect.
    pub async fn drain(&self) -> Result<(), DriverError> {
        self.run(Command::DrainPasid(self.pasid)).await
    }

    /// Abandons what it has queued.
    pub async fn abort(&self) -> Result<(), DriverError> {
        self.run(Command::AbortPasid(self.pasid)).await
    }

    /// Takes everything from it: its work, its interrupt, its memory. The PASID is not used again.
    pub async fn revoke(&self) -> Result<(), DriverError> {
        self.abort().await?;
        let handle = Command::ReleaseInterruptHandle(InterruptTable::Ims, self.interrupt.index);
        self.run(handle).await?;
        self.driver.free_ims(&self.interrupt).await?;
        self.driver.detach(self.pasid, self.domain).await
    }

    async fn run(&self, command: Command) -> Result<(), DriverError> {
        self.driver.command(command).await.map(drop)
    }
}
