// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt messages: vectors of the host's CPUs, the MSI-X table, and IMS.

use siov_firmware::regs;

use super::{Driver, DriverError};
use crate::dsa::field::put32;
use crate::pcie::{Msi, MsiVector, Pasid};

/// First vector that a device may use; those below are the CPU's exceptions.
const FIRST_VECTOR: u32 = 0x30;
const VECTORS_PER_CPU: u32 = 0xc0;
const MESSAGE_BASE: u64 = 0xfee0_0000;

/// Who has which message and which IMS entry.
#[derive(Debug)]
pub(super) struct Interrupts {
    messages: u32,
    /// IMS entries given back, to be used again first.
    free: Vec<u16>,
    used: u32,
    entries: u32,
}

impl Interrupts {
    pub fn new(entries: u32) -> Self {
        Self {
            messages: 0,
            free: Vec::new(),
            used: 0,
            entries,
        }
    }

    /// A message that nobody else has: the next vector of the next CPU.
    fn message(&mut self) -> Msi {
        let number = self.messages;
        self.messages += 1;
        let cpu = u64::from(number / VECTORS_PER_CPU);
        Msi {
            address: MESSAGE_BASE | cpu << 12,
            data: FIRST_VECTOR + number % VECTORS_PER_CPU,
        }
    }

    fn ims_entry(&mut self) -> Result<u16, DriverError> {
        if let Some(index) = self.free.pop() {
            return Ok(index);
        }
        if self.used == self.entries {
            return Err(DriverError::OutOfRange {
                what: "IMS entry",
                wanted: self.used,
                available: self.entries,
            });
        }
        self.used += 1;
        Ok((self.used - 1) as u16)
    }
}

/// An IMS entry that belongs to one PASID.
#[derive(Debug)]
pub(super) struct ImsEntry {
    pub index: u16,
    pub vector: MsiVector,
    pasid: Pasid,
}

impl Driver {
    /// Gives MSI-X entry `index` a message of its own and unmasks it.
    pub(super) fn program_msix(&self, index: u16) -> MsiVector {
        let msi = self.interrupts.borrow_mut().message();
        let entry = self.tables.msix + u32::from(index) * regs::SIOV_MSIX_STRIDE;
        self.registers
            .write64(entry + regs::SIOV_MSIX_ADDR_LO_OFFSET, msi.address);
        self.registers
            .write32(entry + regs::SIOV_MSIX_DATA_OFFSET, msi.data);
        self.registers
            .write32(entry + regs::SIOV_MSIX_CTRL_OFFSET, 0);
        self.host.on_msi(msi)
    }

    /// Takes an IMS entry for completion interrupts of work with `pasid`. It is masked.
    pub(super) fn allocate_ims(&self, pasid: Pasid) -> Result<ImsEntry, DriverError> {
        let index = self.interrupts.borrow_mut().ims_entry()?;
        let msi = self.interrupts.borrow_mut().message();
        let entry = ImsEntry {
            index,
            pasid,
            vector: self.host.on_msi(msi),
        };
        self.set_ims_mask(&entry, true);
        self.set_ims_message(index, msi);
        Ok(entry)
    }

    fn set_ims_message(&self, index: u16, msi: Msi) {
        let offset = self.ims_offset(index);
        self.registers
            .write64(offset + regs::SIOV_IMS_ADDR_LO_OFFSET, msi.address);
        self.registers
            .write32(offset + regs::SIOV_IMS_DATA_OFFSET, msi.data);
    }

    /// Masks or unmasks an entry; unmasking sends what is pending.
    pub(super) fn set_ims_mask(&self, entry: &ImsEntry, masked: bool) {
        let control = put32(regs::SIOV_IMS_CTRL_MASK_MASK, masked.into())
            | put32(regs::SIOV_IMS_CTRL_PASID_EN_MASK, 1)
            | put32(regs::SIOV_IMS_CTRL_PASID_MASK, entry.pasid.raw());
        let offset = self.ims_offset(entry.index);
        self.registers
            .write32(offset + regs::SIOV_IMS_CTRL_OFFSET, control);
    }

    /// Whether a message waits for the entry to be unmasked.
    pub(super) async fn ims_pending(&self, entry: &ImsEntry) -> Result<bool, DriverError> {
        let offset = self.ims_offset(entry.index) + regs::SIOV_IMS_CTRL_OFFSET;
        let control = self.registers.read32(offset).await?;
        Ok(control & regs::SIOV_IMS_CTRL_PENDING_MASK != 0)
    }

    /// Masks an entry and forgets what is pending, so that nothing from before comes out of it.
    pub(super) async fn quiet_ims(&self, entry: &ImsEntry) -> Result<(), DriverError> {
        self.set_ims_mask(entry, true);
        if self.ims_pending(entry).await? {
            // Pending ends only by sending: it goes where nobody listens.
            let msi = self.interrupts.borrow_mut().message();
            let nobody = self.host.on_msi(msi);
            self.set_ims_message(entry.index, msi);
            self.set_ims_mask(entry, false);
            nobody.wait(0).await;
            self.set_ims_mask(entry, true);
            self.set_ims_message(entry.index, entry.vector.msi());
        }
        Ok(())
    }

    /// Takes the entry from its PASID and gives it back.
    pub(super) async fn free_ims(&self, entry: &ImsEntry) -> Result<(), DriverError> {
        self.quiet_ims(entry).await?;
        let offset = self.ims_offset(entry.index) + regs::SIOV_IMS_CTRL_OFFSET;
        self.registers
            .write32(offset, regs::SIOV_IMS_CTRL_MASK_MASK);
        self.interrupts.borrow_mut().free.push(entry.index);
        Ok(())
    }

    fn ims_offset(&self, index: u16) -> u32 {
        self.tables.ims + u32::from(index) * regs::SIOV_IMS_STRIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_all_different_and_in_the_interrupt_range() {
        let mut interrupts = Interrupts::new(0);

        let messages: Vec<Msi> = (0..400).map(|_| interrupts.message()).collect();

        let mut different = messages.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), messages.len());
        assert!(
            messages
                .iter()
                .all(|m| m.address >> 20 == 0xfee && (0x30..0xf0).contains(&m.data))
        );
    }

    #[test]
    fn ims_entries_run_out() {
        let mut interrupts = Interrupts::new(1);

        assert_eq!(interrupts.ims_entry().unwrap(), 0);
        assert!(matches!(
            interrupts.ims_entry(),
            Err(DriverError::OutOfRange { .. })
        ));
    }
}
