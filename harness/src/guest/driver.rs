// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The guest's driver: the same steps that a driver of the physical function takes, on a device
//! that comes configured.

use std::cell::Cell;
use std::rc::Rc;

use siov_firmware::{abi, regs};
use zerocopy::IntoBytes;

use super::pci::{self, Resources};
use super::{Apic, GuestError, GuestMemory, Layout, PciFunction, Vector};
use crate::dsa::field::get;
use crate::dsa::{
    Command, CommandStatus, Descriptor, InterruptTable, PortalPage, SoftwareError, Status,
    portal_address,
};
use crate::endpoint::Cycle;
use crate::pcie::{Host, Msi};

/// Vector of the one queue's completions; 0 is for commands and errors.
const COMPLETION_VECTOR: u16 = 1;

/// A clock that guests can read.
#[derive(Clone, Debug)]
pub struct Clock(Host);

impl Clock {
    /// The clock of the host.
    pub fn new(host: &Host) -> Self {
        Self(host.clone())
    }

    /// The current cycle.
    pub fn now(&self) -> Cycle {
        self.0.now()
    }
}

/// What surrounds the driver in its virtual machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The clock.
    pub clock: Clock,
    /// Guest-physical memory.
    pub memory: Rc<GuestMemory>,
    /// The interrupt controller.
    pub apic: Apic,
}

/// Where the driver may put things.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// Guest-physical addresses for BARs start here.
    pub mmio_base: u64,
    /// First of the driver's two interrupt vectors.
    pub first_vector: u32,
    /// Records and buffers.
    pub layout: Layout,
}

/// A driver whose device runs.
#[derive(Debug)]
pub struct Driver<F> {
    pub(super) machine: Machine,
    pub(super) layout: Layout,
    function: Rc<F>,
    bar0: u64,
    portal: u64,
    /// Handle for completion interrupts.
    pub(super) handle: u16,
    /// Its descriptors may wait for pages that are not there.
    pub(super) blocks_on_fault: bool,
    pub(super) completion: Rc<Vector>,
    misc: Rc<Vector>,
    /// Interrupts of `misc` that were seen to.
    misc_seen: Cell<u64>,
}

impl<F: PciFunction> Driver<F> {
    /// Finds out what the device is, resets it, sets up its interrupts, and enables it and its
    /// queue.
    pub async fn probe(
        function: Rc<F>,
        machine: Machine,
        placement: &Placement,
    ) -> Result<Self, GuestError> {
        let resources = pci::set_up(&*function, placement.mmio_base).await?;
        let message = |vector: u16| Msi {
            address: 0xfee0_0000,
            data: placement.first_vector + u32::from(vector),
        };
        let misc = machine.apic.vector(message(0));
        let mut driver = Self {
            layout: placement.layout,
            bar0: resources.bar0,
            portal: resources.bar2 + portal_address(0, PortalPage::UnlimitedMsix),
            handle: COMPLETION_VECTOR,
            blocks_on_fault: false,
            completion: machine.apic.vector(message(COMPLETION_VECTOR)),
            misc_seen: Cell::new(misc.count()),
            misc,
            machine,
            function,
        };
        driver.reset_device().await?;
        driver.blocks_on_fault = driver.check_queue().await?;
        for vector in [0, COMPLETION_VECTOR] {
            driver
                .program_vector(&resources, vector, message(vector))
                .await?;
        }
        pci::enable_msix(&*driver.function, &resources).await?;
        driver
            .write32(
                regs::SIOV_GENCTRL_OFFSET,
                regs::SIOV_GENCTRL_SWERROR_INT_EN_MASK | regs::SIOV_GENCTRL_HALT_INT_EN_MASK,
            )
            .await?;

        driver.command(Command::EnableDevice).await?;
        driver.command(Command::EnableWq(0)).await?;
        let commands = driver.read32(regs::SIOV_CMDCAP_OFFSET).await?;
        if commands >> abi::SIOV_CMD_REQUEST_INT_HANDLE & 1 == 1 {
            driver.handle = driver.command(request_handle()).await?;
        }
        Ok(driver)
    }

    /// Finishes what runs and disables the device.
    pub async fn remove(&self) -> Result<(), GuestError> {
        self.command(Command::DisableWq(0)).await?;
        self.command(release_handle()).await?;
        self.command(Command::DisableDevice).await?;
        Ok(())
    }

    /// Function Level Reset; the driver is of no use afterwards.
    pub async fn reset_function(&self) -> Result<(), GuestError> {
        pci::reset(&*self.function).await
    }

    /// Waits until the device has halted. No command may run meanwhile.
    pub async fn halted(&self) -> Result<(), GuestError> {
        self.cause(regs::SIOV_INTCAUSE_HALT_MASK).await
    }

    /// Waits for vector 0 to be raised for one of these causes.
    async fn cause(&self, causes: u32) -> Result<(), GuestError> {
        loop {
            self.misc.wait(self.misc_seen.get()).await;
            self.misc_seen.set(self.misc.count());
            let cause = self.read32(regs::SIOV_INTCAUSE_OFFSET).await?;
            self.write32(regs::SIOV_INTCAUSE_OFFSET, cause).await?;
            if cause & causes != 0 {
                return Ok(());
            }
        }
    }

    /// The handle its descriptors use for completion interrupts.
    pub fn interrupt_handle(&self) -> u16 {
        self.handle
    }

    /// Completion interrupts so far.
    pub fn interrupts(&self) -> u64 {
        self.completion.count()
    }

    /// Reset Device, polled because there are no interrupts yet.
    async fn reset_device(&self) -> Result<(), GuestError> {
        const HALT: u64 = 3;
        let gensts = self.read32(regs::SIOV_GENSTS_OFFSET).await?;
        if get(gensts, regs::SIOV_GENSTS_STATE_MASK) == HALT {
            return Err(GuestError::Probe("device is halted"));
        }
        self.write32(regs::SIOV_CMD_OFFSET, Command::ResetDevice.word(false))
            .await?;
        while CommandStatus(self.read32(regs::SIOV_CMDSTATUS_OFFSET).await?).active() {}
        Ok(())
    }

    /// The device's configuration is fixed: it must be one dedicated queue without PASID. Returns
    /// whether descriptors may block on page faults.
    async fn check_queue(&self) -> Result<bool, GuestError> {
        let gencap = self.read64(regs::SIOV_GENCAP_OFFSET).await?;
        if get(gencap, regs::SIOV_GENCAP_CONFIG_EN_MASK) != 0 {
            return Err(GuestError::Probe("device is not configured"));
        }
        let wqcap = self.read64(regs::SIOV_WQCAP_OFFSET).await?;
        if get(wqcap, regs::SIOV_WQCAP_NUM_WQS_MASK) != 1 {
            return Err(GuestError::Probe("device has not one queue"));
        }
        let offsets = self.read64(regs::SIOV_OFFSETS0_OFFSET).await?;
        let wqcfg = 0x100 * get(offsets, regs::SIOV_OFFSETS0_WQCFG_MASK) as u32;
        let mode = self.read32(wqcfg + regs::SIOV_WQCFG_MODE_OFFSET).await?;
        let dedicated = get(mode, regs::SIOV_WQCFG_MODE_DEDICATED_MASK) == 1;
        if !dedicated || get(mode, regs::SIOV_WQCFG_MODE_PASID_EN_MASK) != 0 {
            return Err(GuestError::Probe(
                "queue is not dedicated, or wants a PASID",
            ));
        }
        Ok(get(mode, regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK) == 1)
    }

    async fn program_vector(
        &self,
        resources: &Resources,
        vector: u16,
        message: Msi,
    ) -> Result<(), GuestError> {
        let entry = resources.msix_table + u32::from(vector) * regs::SIOV_MSIX_STRIDE;
        let (low, high) = (message.address as u32, (message.address >> 32) as u32);
        self.write32(entry + regs::SIOV_MSIX_ADDR_LO_OFFSET, low)
            .await?;
        self.write32(entry + regs::SIOV_MSIX_ADDR_HI_OFFSET, high)
            .await?;
        self.write32(entry + regs::SIOV_MSIX_DATA_OFFSET, message.data)
            .await?;
        self.write32(entry + regs::SIOV_MSIX_CTRL_OFFSET, 0).await
    }

    /// Runs a command and returns its result.
    pub(super) async fn command(&self, command: Command) -> Result<u16, GuestError> {
        self.misc_seen.set(self.misc.count());
        self.write32(regs::SIOV_CMD_OFFSET, command.word(true))
            .await?;
        self.cause(regs::SIOV_INTCAUSE_COMMAND_MASK).await?;
        let status = CommandStatus(self.read32(regs::SIOV_CMDSTATUS_OFFSET).await?);
        match status.error() {
            0 => Ok(status.result()),
            _ => Err(GuestError::Command { command, status }),
        }
    }

    /// The software error that waits, if one does; makes room for the next.
    pub async fn take_software_error(&self) -> Result<Option<Status>, GuestError> {
        let mut error = SoftwareError::default();
        error.0[0] = self.read64(regs::SIOV_SWERROR0_OFFSET).await?;
        if !error.valid() {
            return Ok(None);
        }
        let clear = (error.0[0] & SoftwareError::clear_bits()) as u32;
        self.write32(regs::SIOV_SWERROR0_OFFSET, clear).await?;
        Ok(Some(error.status()))
    }

    /// Submits a descriptor. Every 64 bytes of the portal page are the same portal; going through
    /// them lets the processor combine nothing.
    pub(super) async fn submit(
        &self,
        number: u32,
        descriptor: &Descriptor,
    ) -> Result<(), GuestError> {
        let slot = u64::from(number % 64) * 64;
        let mut bytes = [0; Descriptor::SIZE];
        bytes.copy_from_slice(descriptor.as_bytes());
        self.function.store64(self.portal + slot, &bytes).await?;
        Ok(())
    }

    async fn read32(&self, offset: u32) -> Result<u32, GuestError> {
        Ok(self.function.load32(self.bar0 + u64::from(offset)).await?)
    }

    async fn read64(&self, offset: u32) -> Result<u64, GuestError> {
        Ok(self.function.load64(self.bar0 + u64::from(offset)).await?)
    }

    async fn write32(&self, offset: u32, value: u32) -> Result<(), GuestError> {
        Ok(self
            .function
            .store32(self.bar0 + u64::from(offset), value)
            .await?)
    }
}

fn request_handle() -> Command {
    Command::RequestInterruptHandle(InterruptTable::Msix, COMPLETION_VECTOR)
}

fn release_handle() -> Command {
    Command::ReleaseInterruptHandle(InterruptTable::Msix, COMPLETION_VECTOR)
}
