// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! From requester and PASID to the PASID table entry: root, context, directory, table
//! (VT-d 3.4.3, 3.4.4).

use super::entry::{ContextEntry, DirectoryEntry, PasidEntry, RootHalf};
use super::{Fault, FaultReason, Iommu};
use crate::mem::{Hpa, Memory};
use crate::pcie::{Bdf, Pasid};

impl Iommu {
    /// The context entry of a requester.
    pub(super) fn context(&mut self, memory: &Memory, source: Bdf) -> Result<ContextEntry, Fault> {
        let hash = usize::from(source.raw());
        if let Some(context) = self.contexts.get(hash, source) {
            return Ok(context);
        }
        let devfn = u64::from(source.devfn());
        let half = self
            .root
            .offset(u64::from(source.bus()) * RootHalf::ENTRY_SIZE + (devfn >> 7) * 8);
        let root = RootHalf(memory.read_u64(half).map_err(|_| FaultReason::RootAccess)?);
        if !root.present() {
            return Err(FaultReason::RootNotPresent.into());
        }
        if root.reserved() {
            return Err(FaultReason::RootReserved.into());
        }
        let at = root
            .table()
            .offset((devfn & 0x7f) * ContextEntry::ENTRY_SIZE);
        let words = load(memory, at).ok_or(FaultReason::ContextAccess)?;
        let context = ContextEntry(words);
        let fault = |reason| {
            Err(Fault {
                reason,
                fpd: context.fpd(),
            })
        };
        if !context.present() {
            return fault(FaultReason::ContextNotPresent);
        }
        if context.reserved() {
            return fault(FaultReason::ContextReserved);
        }
        if context.rid_pasid().raw() >= context.pasid_limit()
            || context.page_requests() && !context.device_tlb()
        {
            return fault(FaultReason::ContextInvalid);
        }
        self.contexts.insert(hash, source, context);
        Ok(context)
    }

    /// The entry, and whether FPD was set in it or on the way to it.
    pub(super) fn pasid_entry(
        &mut self,
        memory: &Memory,
        source: Bdf,
        context: &ContextEntry,
        pasid: Pasid,
    ) -> Result<(PasidEntry, bool), Fault> {
        let hash = pasid.raw() as usize;
        if let Some(cached) = self.pasids.get(hash, (source, pasid)) {
            return Ok(cached);
        }
        let raw = u64::from(pasid.raw());
        let at = context
            .directory()
            .offset((raw >> 6) * DirectoryEntry::ENTRY_SIZE);
        let directory = DirectoryEntry(
            memory
                .read_u64(at)
                .map_err(|_| FaultReason::DirectoryAccess)?,
        );
        let mut fpd = context.fpd() || directory.fpd();
        if !directory.present() {
            return Err(Fault {
                reason: FaultReason::DirectoryNotPresent,
                fpd,
            });
        }
        if directory.reserved() {
            return Err(Fault {
                reason: FaultReason::DirectoryReserved,
                fpd,
            });
        }
        let at = directory
            .table()
            .offset((raw & 0x3f) * PasidEntry::ENTRY_SIZE);
        let entry = PasidEntry(load(memory, at).ok_or(FaultReason::PasidEntryAccess)?);
        fpd |= entry.fpd();
        if !entry.present() {
            return Err(Fault {
                reason: FaultReason::PasidEntryNotPresent,
                fpd,
            });
        }
        if entry.reserved() {
            return Err(Fault {
                reason: FaultReason::PasidEntryReserved,
                fpd,
            });
        }
        self.pasids.insert(hash, (source, pasid), (entry, fpd));
        Ok((entry, fpd))
    }
}

/// The quadwords of a table entry.
pub(super) fn load<const N: usize>(memory: &Memory, at: Hpa) -> Option<[u64; N]> {
    let mut words = [0u64; N];
    memory.read(at, bytemuck::cast_slice_mut(&mut words)).ok()?;
    Some(words.map(u64::from_le))
}
