// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! An assignable device interface: the part of the device that one owner may use directly.

use std::rc::Rc;

use tokio::sync::mpsc;

use super::configure::WqOwner;
use super::interrupt::ImsEntry;
use super::{AddressSpace, Driver, DriverError, PostedInterrupts, Wq, WqConfig};
use crate::dsa::{Command, InterruptTable, SoftwareError};
use crate::iommu::entry::DomainId;
use crate::pcie::{Msi, MsiVector, Pasid};

/// A dedicated queue with its portal pages, the PASID on all its DMA, and one interrupt.
pub type Adi = Wq<Dedicated>;

/// What a dedicated queue has of its own.
#[derive(Debug)]
pub struct Dedicated {
    pasid: Pasid,
    domain: DomainId,
    interrupt: ImsEntry,
    blocks_on_fault: bool,
}

impl Driver {
    /// Binds a configured queue to an address space: a PASID of its own that translates through
    /// the space, and an IMS entry that only this PASID can raise. If the space answers page
    /// requests, and the device may make them, descriptors may block on faults. Also returns where
    /// the queue's software errors go.
    pub fn assign(
        self: &Rc<Self>,
        wq: WqConfig,
        space: &AddressSpace,
    ) -> Result<(Adi, mpsc::UnboundedReceiver<SoftwareError>), DriverError> {
        let (pasid, interrupt) = self.new_identity(space)?;
        let blocks_on_fault = self.page_requests.get() && space.answers_page_requests();
        self.program_wq(&wq, WqOwner::Pasid(pasid), blocks_on_fault);
        let errors = self.own_errors(wq.index);
        let adi = Adi {
            driver: Rc::clone(self),
            config: wq,
            kind: Dedicated {
                pasid,
                domain: space.domain,
                interrupt,
                blocks_on_fault,
            },
        };
        Ok((adi, errors))
    }

    /// A PASID that nobody has had, which translates through the space, and an interrupt of its
    /// own.
    pub(super) fn new_identity(
        &self,
        space: &AddressSpace,
    ) -> Result<(Pasid, ImsEntry), DriverError> {
        let raw = self.next_pasid.get();
        let available = Pasid::MAX.raw() + 1;
        let pasid = Pasid::new(raw).ok_or(DriverError::OutOfRange {
            what: "PASID",
            wanted: raw,
            available,
        })?;
        self.next_pasid.set(raw + 1);
        self.attach(pasid, space)?;
        Ok((pasid, self.allocate_ims(pasid)?))
    }
}

impl Adi {
    /// Whether its descriptors may wait for pages.
    pub fn blocks_on_fault(&self) -> bool {
        self.kind.blocks_on_fault
    }

    /// The PASID on all its requests.
    pub fn pasid(&self) -> Pasid {
        self.kind.pasid
    }

    /// Abandons everything and returns to the state after assignment, whatever the owner did.
    pub async fn reset(&self) -> Result<(), DriverError> {
        self.run(Command::ResetWq(self.config.index)).await?;
        self.driver.quiet_ims(&self.kind.interrupt).await?;
        let owner = WqOwner::Pasid(self.kind.pasid);
        self.driver
            .program_wq(&self.config, owner, self.kind.blocks_on_fault);
        Ok(())
    }

    /// The handle for the interrupt that descriptors of this ADI may ask for.
    pub async fn request_interrupt_handle(&self) -> Result<u16, DriverError> {
        self.driver
            .ims_handle(&self.kind.interrupt, self.config.index)
            .await
    }

    /// Gives the handle back.
    pub async fn release_interrupt_handle(&self) -> Result<(), DriverError> {
        self.run(Command::ReleaseInterruptHandle(
            InterruptTable::Ims,
            self.kind.interrupt.index,
        ))
        .await
    }

    /// The vector of the host that its interrupt leads to, unless it was routed to a guest.
    pub fn vector(&self) -> &MsiVector {
        &self.kind.interrupt.vector
    }

    /// The message that the device sends for its interrupt.
    pub fn message(&self) -> Msi {
        self.kind.interrupt.message()
    }

    /// Posts its interrupt as `vector` of a virtual CPU from now on.
    pub async fn route_interrupt(
        &self,
        to: &PostedInterrupts,
        vector: u8,
    ) -> Result<(), DriverError> {
        self.driver
            .route_ims(&self.kind.interrupt, to, vector)
            .await
    }

    /// Masks or unmasks its interrupt.
    pub fn mask_interrupt(&self, masked: bool) {
        self.driver.set_ims_mask(&self.kind.interrupt, masked);
    }

    /// Whether its interrupt waits for the mask to be lifted.
    pub async fn interrupt_pending(&self) -> Result<bool, DriverError> {
        self.driver.ims_pending(&self.kind.interrupt).await
    }

    /// Takes the ADI from its owner: nothing of it works afterwards. The PASID is not used again.
    pub async fn revoke(&self) -> Result<(), DriverError> {
        self.run(Command::ResetWq(self.config.index)).await?;
        self.release_interrupt_handle().await?;
        self.driver.free_ims(&self.kind.interrupt).await?;
        self.driver.detach(self.kind.pasid, self.kind.domain).await
    }
}
