// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt remapping and posting (VT-d 5).

use super::cache::EntryCache;
use super::interrupt_entry::{InterruptEntry, InterruptRequest};
use super::posted::{PostedDescriptor, Posting};
use super::{Effect, Fault, FaultReason, FaultRecord, Iommu, lookup, regs};
use crate::iommu::fault::FaultAccess;
use crate::mem::{Hpa, Iova, Memory};
use crate::pcie::tlp::AddressType;
use crate::pcie::{Bdf, Msi};

const CACHE_LINES: usize = 4096;

/// Registers and cache of interrupt remapping.
#[derive(Debug)]
pub(super) struct Remapping {
    /// IRTA as written; takes effect with SIRTP.
    pub address: u64,
    table: Hpa,
    entries: u32,
    x2apic: bool,
    enabled: bool,
    compatibility: bool,
    cache: EntryCache<u16, InterruptEntry>,
}

impl Default for Remapping {
    fn default() -> Self {
        Self {
            address: 0,
            table: Hpa(0),
            entries: 0,
            x2apic: false,
            enabled: false,
            compatibility: false,
            cache: EntryCache::new(CACHE_LINES),
        }
    }
}

impl Remapping {
    /// SIRTP.
    pub fn set_table(&mut self) {
        self.table = Hpa(self.address & !0xfff);
        self.entries = 2 << (self.address & 0xf);
        self.x2apic = self.address & regs::EIME != 0;
    }

    /// IRE and CFI.
    pub fn set_enabled(&mut self, enabled: bool, compatibility: bool) {
        self.enabled = enabled;
        self.compatibility = compatibility;
    }

    /// Drops all entries, or those of an aligned block of 2^n around an index.
    pub fn invalidate(&mut self, which: Option<(u16, u8)>) {
        self.cache.invalidate(|index, _| {
            which.is_none_or(|(around, order)| {
                (index ^ around).checked_shr(order.into()).unwrap_or(0) == 0
            })
        });
    }

    /// The entry of an index below the table's size.
    fn entry(&mut self, memory: &Memory, index: u16) -> Result<InterruptEntry, Fault> {
        let hash = usize::from(index);
        if let Some(entry) = self.cache.get(hash, index) {
            return Ok(entry);
        }
        let at = self
            .table
            .offset(u64::from(index) * InterruptEntry::ENTRY_SIZE);
        let entry = InterruptEntry(lookup::load(memory, at).ok_or(FaultReason::InterruptAccess)?);
        let fault = |reason| {
            Err(Fault {
                reason,
                fpd: entry.fpd(),
            })
        };
        if !entry.present() {
            return fault(FaultReason::InterruptNotPresent);
        }
        if entry.reserved(self.x2apic) {
            return fault(FaultReason::InterruptEntryReserved);
        }
        self.cache.insert(hash, index, entry);
        Ok(entry)
    }
}

impl Iommu {
    /// What becomes of an interrupt request: the message that a CPU gets now, if any.
    pub fn interrupt(
        &mut self,
        memory: &Memory,
        source: Bdf,
        address: u64,
        data: u32,
    ) -> Option<Msi> {
        if !self.remapping.enabled {
            return Some(Msi { address, data });
        }
        let request = InterruptRequest::new(address, data);
        match self.remap(memory, source, request, Msi { address, data }) {
            Ok(message) => message,
            Err(fault) => {
                let index = match request {
                    InterruptRequest::Compatibility => 0,
                    InterruptRequest::Remappable { index, .. } => u64::from(index),
                };
                self.record_interrupt(source, index, &fault);
                None
            }
        }
    }

    fn remap(
        &mut self,
        memory: &Memory,
        source: Bdf,
        request: InterruptRequest,
        as_sent: Msi,
    ) -> Result<Option<Msi>, Fault> {
        let remapping = &mut self.remapping;
        let index = match request {
            InterruptRequest::Compatibility if remapping.compatibility && !remapping.x2apic => {
                return Ok(Some(as_sent));
            }
            InterruptRequest::Compatibility => {
                return Err(FaultReason::InterruptCompatibility.into());
            }
            InterruptRequest::Remappable { reserved: true, .. } => {
                return Err(FaultReason::InterruptReserved.into());
            }
            InterruptRequest::Remappable { index, .. } if index >= remapping.entries => {
                return Err(FaultReason::InterruptIndex.into());
            }
            // The largest table has 2^16 entries.
            InterruptRequest::Remappable { index, .. } => index as u16,
        };
        let entry = remapping.entry(memory, index)?;
        let in_entry = |reason| Fault {
            reason,
            fpd: entry.fpd(),
        };
        if !entry.accepts(source) {
            return Err(in_entry(FaultReason::InterruptSource));
        }
        let x2apic = remapping.x2apic;
        if !entry.is_posted() {
            self.counts.remapped_interrupts += 1;
            return Ok(Some(entry.message(x2apic)));
        }
        let descriptor = PostedDescriptor::at(memory, entry.descriptor());
        let posting = descriptor
            .post(entry.vector(), entry.is_urgent(), x2apic)
            .map_err(|_| in_entry(FaultReason::PostedAccess))?;
        if posting == Posting::Reserved {
            return Err(in_entry(FaultReason::PostedReserved));
        }
        self.counts.posted_interrupts += 1;
        let written = Effect::Written(descriptor.address(), PostedDescriptor::SIZE);
        self.effects.push(written);
        match posting {
            Posting::Notify(message) => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    fn record_interrupt(&mut self, source: Bdf, index: u64, fault: &Fault) {
        *self.counts.faults.entry(fault.reason).or_default() += 1;
        if fault.fpd && fault.reason.qualified() {
            return;
        }
        let event = self.faults.record(&FaultRecord {
            reason: fault.reason,
            source,
            pasid: None,
            privileged: false,
            address: Iova(index << 48),
            access: FaultAccess::Write,
            at: AddressType::Untranslated,
        });
        self.raise(event);
    }
}
