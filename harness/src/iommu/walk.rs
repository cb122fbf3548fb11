// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page walks: from an I/O virtual address to a host physical one, with accessed and dirty flags
//! (VT-d 3.6 to 3.8).

use super::entry::{HAW, Levels, PasidEntry, TranslationType};
use super::fault::FaultReason;
use super::paging::{FirstStageEntry, PageEntry, SecondStageEntry, index, span};
use crate::mem::{Hpa, Memory};

/// What pass-through is said to map by one entry: 2 MiB.
const PASS_THROUGH_ORDER: u8 = 9;

/// Where an address leads, and what may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub address: Hpa,
    pub read: bool,
    pub write: bool,
    /// Writes are allowed, and no dirty flag is left to be set for them.
    pub dirty: bool,
    /// The page is of 2^`order` times 4 KiB.
    pub order: u8,
    /// The page is to be snooped.
    pub snoop: bool,
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

/// A table entry that a walk has used.
#[derive(Clone, Copy, Default)]
struct Used {
    /// Where the tables say it is: with nesting, a guest address.
    address: u64,
    at: Hpa,
    raw: u64,
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

    /// Follows `address` as the entry's type says. Accessed flags on the way are set, and dirty
    /// flags if it is `for_write` and writes are allowed.
    pub fn translate(&self, address: u64, for_write: bool) -> Result<Reached, FaultReason> {
        match self.kind {
            TranslationType::FirstStage | TranslationType::Nested => {
                self.first_stage(address, for_write)
            }
            TranslationType::SecondStage => self.second_stage(address, for_write),
            TranslationType::PassThrough if address >> HAW != 0 => {
                Err(FaultReason::BeyondHostAddress)
            }
            TranslationType::PassThrough => Ok(Reached {
                address: Hpa(address),
                read: true,
                write: true,
                dirty: true,
                order: PASS_THROUGH_ORDER,
                snoop: self.entry.page_snoop(),
            }),
        }
    }

    fn first_stage(&self, address: u64, for_write: bool) -> Result<Reached, FaultReason> {
        let unused = 64 - self.first.address_bits();
        if ((address << unused) as i64 >> unused) as u64 != address {
            return Err(FaultReason::NotCanonical);
        }
        let mut level = self.first as u32;
        let mut table = self.entry.first_stage_root();
        let mut which = Table::Root;
        let (mut user, mut write) = (true, true);
        let mut path = [Used::default(); Levels::Five as usize];
        let mut depth = 0;
        let page = loop {
            let place = table + index(address, level) * 8;
            let at = self.table_address(place, which)?;
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
            path[depth] = Used {
                address: place,
                at,
                raw,
            };
            depth += 1;
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
        let order = order_of(level);
        let mut reached = Reached {
            address: Hpa(output),
            read: true,
            write,
            dirty: write,
            order,
            snoop: self.entry.page_snoop(),
        };
        if self.kind == TranslationType::Nested {
            if output >> self.second.address_bits() != 0 {
                return Err(FaultReason::NestedAddress);
            }
            let second = self.second_stage(output, for_write && write)?;
            reached = Reached {
                write: second.write && write,
                dirty: second.dirty && write,
                order: second.order.min(order),
                ..second
            };
        }
        let flags = FirstStageEntry::flags(for_write && reached.write);
        let leaf = self.mark(
            &path[..depth],
            flags,
            FaultReason::FirstStageNoSnoop,
            |entry| self.first_stage_writable(entry.address),
        )?;
        reached.dirty &= leaf & FirstStageEntry::DIRTY != 0;
        Ok(reached)
    }

    /// Sets the accessed flag in all entries of a path and `flags` in the last, as far as they are
    /// not set already; `writable` is asked before. Returns the last entry.
    fn mark(
        &self,
        path: &[Used],
        (accessed, flags): (u64, u64),
        no_snoop: FaultReason,
        writable: impl Fn(&Used) -> Result<(), FaultReason>,
    ) -> Result<u64, FaultReason> {
        let mut marked = 0;
        for (i, entry) in path.iter().enumerate() {
            let last = i + 1 == path.len();
            marked = entry.raw | if last { flags } else { accessed };
            if marked == entry.raw {
                continue;
            }
            if !self.entry.walk_snoop() {
                return Err(no_snoop);
            }
            writable(entry)?;
            // One thread runs everything, so that nobody can come between load and store. The
            // entry was read from here: there is memory.
            let _ = self.memory.write_u64(entry.at, marked);
        }
        Ok(marked)
    }

    /// Whether the second stage lets the flags of a first-stage entry be updated.
    fn first_stage_writable(&self, address: u64) -> Result<(), FaultReason> {
        if self.kind != TranslationType::Nested {
            return Ok(());
        }
        match self.second_stage(address, true)?.write {
            true => Ok(()),
            false => Err(FaultReason::NestedTableWrite),
        }
    }

    /// Where a first-stage entry is in host memory. With second-stage flags, a walk counts as a
    /// write to the first-stage tables.
    fn table_address(&self, address: u64, which: Table) -> Result<Hpa, FaultReason> {
        if self.kind != TranslationType::Nested {
            return Ok(Hpa(address));
        }
        if address >> self.second.address_bits() != 0 {
            return Err(FaultReason::NestedAddress);
        }
        let flags = self.entry.second_stage_flags();
        let reached = self.second_stage(address, flags)?;
        match (reached.read && (reached.write || !flags), which) {
            (true, _) => Ok(reached.address),
            (false, Table::Root) => Err(FaultReason::NestedRootRead),
            (false, _) => Err(FaultReason::NestedTableRead),
        }
    }

    fn second_stage(&self, address: u64, for_write: bool) -> Result<Reached, FaultReason> {
        if address >> self.second.address_bits() != 0 {
            return Err(FaultReason::BeyondGuestAddress);
        }
        let top = self.second as u32;
        let mut level = top;
        let mut table = self.entry.second_stage_root();
        let (mut read, mut write) = (true, true);
        let mut path = [Used::default(); Levels::Five as usize];
        let mut depth = 0;
        let entry = loop {
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
            path[depth] = Used {
                address: at.0,
                at,
                raw,
            };
            depth += 1;
            read &= entry.read();
            write &= entry.write();
            if !read && !write {
                return Err(FaultReason::SecondStageNotPresent);
            }
            if entry.is_page(level) {
                break entry;
            }
            table = Hpa(entry.table_address());
            level -= 1;
        };
        let mut reached = Reached {
            address: Hpa(entry.page_address(level) | address & (span(level) - 1)),
            read,
            write,
            dirty: write,
            order: order_of(level),
            snoop: self.entry.page_snoop() || entry.snoop(),
        };
        if self.entry.second_stage_flags() {
            let flags = SecondStageEntry::flags(for_write && write);
            let no_snoop = FaultReason::SecondStageNoSnoop;
            let leaf = self.mark(&path[..depth], flags, no_snoop, |_| Ok(()))?;
            reached.dirty &= leaf & SecondStageEntry::DIRTY != 0;
        }
        Ok(reached)
    }
}

/// Pages that one entry of a table of `level` maps, as a power of two.
const fn order_of(level: u32) -> u8 {
    9 * (level as u8 - 1)
}
