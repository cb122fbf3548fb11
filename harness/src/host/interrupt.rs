// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupts: vectors of the host's CPUs, the remapping table, the MSI-X table, and IMS.
//!
//! Entry 0 of the remapping table is for MSI-X, entry n + 1 for IMS entry n. What the device is
//! given names its entry; where the interrupt goes is said there.

use std::cell::Cell;

use siov_firmware::regs;

use super::iommu::IommuDriver;
use super::posted::PostedInterrupts;
use super::{Driver, DriverError};
use crate::dsa::field::put32;
use crate::dsa::{Command, InterruptTable, PortalPage, portal_address};
use crate::iommu::descriptor::Descriptor;
use crate::iommu::interrupt_entry::{InterruptEntry, cpu_message, remappable_message};
use crate::mem::{Hpa, PAGE_SIZE};
use crate::pcie::{Bdf, CompletionInterrupt, Host, Msi, MsiVector, Pasid};

/// First vector that a device may use; those below are the CPU's exceptions.
const FIRST_VECTOR: u32 = 0x30;
const VECTORS_PER_CPU: u32 = 0xc0;
/// CPUs that 8-bit destinations can name.
const CPUS: u32 = 0xff;
const MSIX_ENTRY: u16 = 0;

/// Who has which vector and which IMS entry.
#[derive(Debug)]
pub(super) struct Interrupts {
    host: Host,
    /// Requester ID of all the device's messages.
    source: Bdf,
    table: Hpa,
    /// The table has 2^(`order` + 1) entries.
    order: u8,
    /// IMS entries given back, to be used again first.
    free: Vec<u16>,
    used: u32,
    entries: u32,
}

impl Interrupts {
    /// For a device with so many IMS entries.
    pub fn new(host: &Host, source: Bdf, entries: u32) -> Result<Self, DriverError> {
        let order = (entries + 1).next_power_of_two().ilog2().max(1) as u8 - 1;
        Ok(Self {
            table: host.memory().alloc(table_bytes(order), PAGE_SIZE)?,
            host: host.clone(),
            source,
            order,
            free: Vec::new(),
            used: 0,
            entries,
        })
    }

    /// From now on the device's interrupts go where the table says.
    pub async fn enable_remapping(&mut self, iommu: &IommuDriver) -> Result<(), DriverError> {
        iommu
            .enable_interrupt_remapping(self.table, self.order)
            .await
    }

    /// A vector that nobody else has, and its CPU.
    pub fn cpu_vector(&self) -> Result<(u32, u8), DriverError> {
        let number = self.host.next_vector();
        let available = CPUS * VECTORS_PER_CPU;
        if number >= available {
            return Err(DriverError::OutOfRange {
                what: "interrupt vector",
                wanted: number,
                available,
            });
        }
        let vector = FIRST_VECTOR + number % VECTORS_PER_CPU;
        Ok((number / VECTORS_PER_CPU, vector as u8))
    }

    /// Writes an entry of the remapping table.
    fn set_entry(&self, index: u16, entry: InterruptEntry) -> Result<(), DriverError> {
        let at = self
            .table
            .offset(u64::from(index) * InterruptEntry::ENTRY_SIZE);
        let words = entry.0.map(u64::to_le);
        self.host.memory().write(at, bytemuck::cast_slice(&words))?;
        Ok(())
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

fn table_bytes(order: u8) -> u64 {
    InterruptEntry::ENTRY_SIZE << (order + 1)
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.host.memory().free(self.table, table_bytes(self.order));
    }
}

/// An IMS entry that belongs to one PASID, with its entry in the remapping table.
#[derive(Debug)]
pub(super) struct ImsEntry {
    pub index: u16,
    /// A vector of the host, where its interrupts go until they are routed elsewhere.
    pub vector: MsiVector,
    pasid: Pasid,
    route: Cell<InterruptEntry>,
}

impl ImsEntry {
    fn remapping_entry(&self) -> u16 {
        self.index + MSIX_ENTRY + 1
    }

    /// The message that the device sends.
    pub fn message(&self) -> Msi {
        remappable_message(self.remapping_entry())
    }
}

impl Driver {
    /// A vector of the host that nobody else has, and the entry that leads there.
    fn host_vector(&self) -> Result<(MsiVector, InterruptEntry), DriverError> {
        let interrupts = self.interrupts.borrow();
        let (cpu, vector) = interrupts.cpu_vector()?;
        let entry = InterruptEntry::remapped(interrupts.source, cpu, vector, false);
        Ok((self.host.on_msi(cpu_message(cpu, vector)), entry))
    }

    /// Gives MSI-X entry 0 a vector of its own and unmasks it.
    pub(super) fn program_msix(&self) -> Result<MsiVector, DriverError> {
        let (vector, remapped) = self.host_vector()?;
        self.interrupts.borrow().set_entry(MSIX_ENTRY, remapped)?;
        let msi = remappable_message(MSIX_ENTRY);
        let entry = self.tables.msix;
        self.registers
            .write64(entry + regs::SIOV_MSIX_ADDR_LO_OFFSET, msi.address);
        self.registers
            .write32(entry + regs::SIOV_MSIX_DATA_OFFSET, msi.data);
        self.registers
            .write32(entry + regs::SIOV_MSIX_CTRL_OFFSET, 0);
        Ok(vector)
    }

    /// Takes an IMS entry for completion interrupts of work with `pasid`. It is masked, and leads
    /// to a vector of the host.
    pub(super) fn allocate_ims(&self, pasid: Pasid) -> Result<ImsEntry, DriverError> {
        let (vector, remapped) = self.host_vector()?;
        let index = self.interrupts.borrow_mut().ims_entry()?;
        let entry = ImsEntry {
            index,
            vector,
            pasid,
            route: Cell::new(remapped),
        };
        self.set_ims_mask(&entry, true);
        // Nothing to forget: the entry was not present.
        self.interrupts
            .borrow()
            .set_entry(entry.remapping_entry(), remapped)?;
        let msi = entry.message();
        let offset = self.ims_offset(index);
        self.registers
            .write64(offset + regs::SIOV_IMS_ADDR_LO_OFFSET, msi.address);
        self.registers
            .write32(offset + regs::SIOV_IMS_DATA_OFFSET, msi.data);
        Ok(entry)
    }

    /// The handle by which descriptors of queue `wq` ask for the entry's interrupt.
    pub(super) async fn ims_handle(&self, entry: &ImsEntry, wq: u16) -> Result<u16, DriverError> {
        let command = Command::RequestInterruptHandle(InterruptTable::Ims, entry.index);
        let handle = self.command(command).await?;
        self.host.expect_records(CompletionInterrupt {
            portal: self.portals + portal_address(wq, PortalPage::UnlimitedIms),
            handle,
            pasid: entry.pasid,
            message: entry.message(),
        });
        Ok(handle)
    }

    /// Posts the entry's interrupts as `vector` of a virtual CPU from now on.
    pub(super) async fn route_ims(
        &self,
        entry: &ImsEntry,
        to: &PostedInterrupts,
        vector: u8,
    ) -> Result<(), DriverError> {
        let source = self.interrupts.borrow().source;
        let posted = InterruptEntry::posted(source, to.descriptor(), vector);
        if entry.route.replace(posted) == posted {
            return Ok(());
        }
        self.set_remapping(entry, posted).await
    }

    /// Masks an entry and forgets what is pending, so that nothing from before comes out of it.
    pub(super) async fn quiet_ims(&self, entry: &ImsEntry) -> Result<(), DriverError> {
        self.set_ims_mask(entry, true);
        if self.ims_pending(entry).await? {
            // Pending ends only by sending: it goes where nobody listens.
            let (nobody, remapped) = self.host_vector()?;
            self.set_remapping(entry, remapped).await?;
            self.set_ims_mask(entry, false);
            nobody.wait(0).await;
            self.set_ims_mask(entry, true);
            self.set_remapping(entry, entry.route.get()).await?;
        }
        Ok(())
    }

    /// Changes where an entry leads.
    async fn set_remapping(
        &self,
        entry: &ImsEntry,
        remapping: InterruptEntry,
    ) -> Result<(), DriverError> {
        let index = entry.remapping_entry();
        self.interrupts.borrow().set_entry(index, remapping)?;
        self.iommu
            .invalidate(&[Descriptor::InterruptEntries(Some((index, 0)))])
            .await
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

    /// Takes the entry from its PASID and gives it back.
    pub(super) async fn free_ims(&self, entry: &ImsEntry) -> Result<(), DriverError> {
        self.quiet_ims(entry).await?;
        let offset = self.ims_offset(entry.index) + regs::SIOV_IMS_CTRL_OFFSET;
        self.registers
            .write32(offset, regs::SIOV_IMS_CTRL_MASK_MASK);
        let blocked = InterruptEntry::default();
        self.set_remapping(entry, blocked).await?;
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
    use crate::pcie::Knobs;
    use crate::pcie::mock::Mock;

    fn interrupts(entries: u32) -> Interrupts {
        let memory = crate::mem::Memory::new(1 << 20).unwrap();
        let host = Host::new(Box::new(Mock::silent()), memory, Knobs::default());
        Interrupts::new(&host, Bdf::new(1, 0, 0), entries).unwrap()
    }

    #[test]
    fn vectors_are_all_different_and_none_is_an_exception() {
        let interrupts = interrupts(0);

        let vectors: Vec<_> = (0..400).map(|_| interrupts.cpu_vector().unwrap()).collect();

        let mut different = vectors.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), vectors.len());
        assert!(
            vectors
                .iter()
                .all(|(_, vector)| (0x30..0xf0).contains(vector))
        );
    }

    #[test]
    fn ims_entries_run_out() {
        let mut interrupts = interrupts(1);

        assert_eq!(interrupts.ims_entry().unwrap(), 0);
        assert!(matches!(
            interrupts.ims_entry(),
            Err(DriverError::OutOfRange { .. })
        ));
    }

    #[test]
    fn remapping_table_has_an_entry_for_each_ims_entry_and_msix() {
        for (entries, order) in [(0, 0), (1, 0), (2, 1), (256, 8), (4096, 12)] {
            assert_eq!(interrupts(entries).order, order, "{entries}");
        }
    }
}
