// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page walks: from an I/O virtual address to a host physical one (VT-d 3.6 to 3.8).

use super::entry::{HAW, Levels, PasidEntry, TranslationType};
use super::fault::FaultReason;
use super::paging::{FirstStageEntry, PageEntry, SecondStageEntry, index, span};
use crate::mem::{Hpa, Memory};

/// Where an address leads, and what may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub address: Hpa,
    pub read: bool,
    pub write: bool,
}

/// The tables of one PASID.
pub(super) struct Walk<'a> {
    memory: &'a Memory,
    entry: PasidEntry,
    kind: TranslationType,
    first: Levels,
    second: Levels,
    privileged: bool,
}

/// Which first-stage table is read; the fault reasons differ.
#[derive(Clone, Copy)]
enum Table {
    Root,
    Lower,
}

impl<'a> Walk<'a> {
    /// Checks how `entry` is programmed.
    pub fn new(
        memory: &'a Memory,
        entry: PasidEntry,
        privileged: bool,
    ) -> Result<Self, FaultReason> {
        use TranslationType::{FirstStage, Nested, SecondStage};
        let invalid = FaultReason::PasidEntryInvalid;
        let kind = entry.translation_type().ok_or(invalid)?;
        // A field that the type does not use may hold anything.
        let second = match kind {
            SecondStage | Nested => entry.second_stage_levels().ok_or(invalid)?,
            _ => Levels::Four,
        };
        let first = match kind {
            FirstStage | Nested => entry.first_stage_levels().ok_or(invalid)?,
            _ => Levels::Four,
        };
        if kind == Nested && entry.first_stage_root() >> second.address_bits() != 0 {
            return Err(invalid);
        }
        if privileged && !entry.supervisor_enabled() {
            return Err(FaultReason::SupervisorDisabled);
        }
        Ok(Self {
            memory,
            entry,
            kind,
            first,
            second,
            privileged,
        })
    }

    pub fn kind(&self) -> TranslationType {
        self.kind
    }

    /// Follows `address` as the entry's type says.
    pub fn translate(&self, address: u64) -> Result<Reached, FaultReason> {
        match self.kind {
            TranslationType::FirstStage | TranslationType::Nested => self.first_stage(address),
            TranslationType::SecondStage => self.second_stage(address),
            TranslationType::PassThrough if address >> HAW != 0 => {
                Err(FaultReason::BeyondHostAddress)
            }
            TranslationType::PassThrough => Ok(Reached {
                address: Hpa(address),
                read: true,
                write: true,
            }),
        }
    }

    fn first_stage(&self, address: u64) -> Result<Reached, FaultReason> {
        let unused = 64 - self.first.address_bits();
        if ((address << unused) as i64 >> unused) as u64 != address {
            return Err(FaultReason::NotCanonical);
        }
        let mut level = self.first as u32;
        let mut table = self.entry.first_stage_root();
        let mut which = Table::Root;
        let (mut user, mut write) = (true, true);
        let page = loop {
            let at = self.table_address(table + index(address, level) * 8, which)?;
            let raw = self.memory.read_u64(at).map_err(|_| match which {
                Table::Root => FaultReason::FirstStageRootAccess,
                _ => FaultReason::FirstStageAccess,
            })?;
            let entry = FirstStageEntry::from_raw(raw);
            if !entry.present() {
                return Err(FaultReason::FirstStageNotPresent);
            }
            if raw & entry.reserved_mask(level) != 0 {
                return Err(FaultReason::FirstStageReserved);
            }
            user &= entry.user();
            write &= entry.write();
            if entry.is_page(level) {
                break entry.page_address(level);
            }
            table = entry.table_address();
            which = Table::Lower;
            level -= 1;
        };
        if !self.privileged && !user {
            return Err(FaultReason::UserSupervisor);
        }
        let write = write || self.privileged && !self.entry.write_protect();
        let output = page | address & (span(level) - 1);
        if self.kind != TranslationType::Nested {
            return Ok(Reached {
                address: Hpa(output),
                read: true,
                write,
            });
        }
        if output >> self.second.address_bits() != 0 {
            return Err(FaultReason::NestedAddress);
        }
        let reached = self.second_stage(output)?;
        Ok(Reached {
            write: reached.write && write,
            ..reached
        })
    }

    /// Where a first-stage entry is in host memory.
    fn table_address(&self, address: u64, which: Table) -> Result<Hpa, FaultReason> {
        if self.kind != TranslationType::Nested {
            return Ok(Hpa(address));
        }
        if address >> self.second.address_bits() != 0 {
            return Err(FaultReason::NestedAddress);
        }
        let reached = self.second_stage(address)?;
        match (reached.read, which) {
            (true, _) => Ok(reached.address),
            (false, Table::Root) => Err(FaultReason::NestedRootRead),
            (false, _) => Err(FaultReason::NestedTableRead),
        }
    }

    fn second_stage(&self, address: u64) -> Result<Reached, FaultReason> {
        if address >> self.second.address_bits() != 0 {
            return Err(FaultReason::BeyondGuestAddress);
        }
        let top = self.second as u32;
        let mut level = top;
        let mut table = self.entry.second_stage_root();
        let (mut read, mut write) = (true, true);
        loop {
            let at = table.offset(index(address, level) * 8);
            let raw = self.memory.read_u64(at).map_err(|_| match level == top {
                true => FaultReason::SecondStageRootAccess,
                false => FaultReason::SecondStageAccess,
            })?;
            let entry = SecondStageEntry::from_raw(raw);
            if !entry.present() {
                return Err(FaultReason::SecondStageNotPresent);
            }
            if raw & entry.reserved_mask(level) != 0 {
                return Err(FaultReason::SecondStageReserved);
            }
            read &= entry.read();
            write &= entry.write();
            if !read && !write {
                return Err(FaultReason::SecondStageNotPresent);
            }
            if entry.is_page(level) {
                let output = entry.page_address(level) | address & (span(level) - 1);
                return Ok(Reached {
                    address: Hpa(output),
                    read,
                    write,
                });
            }
            table = Hpa(entry.table_address());
            level -= 1;
        }
    }
}
