// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Walks of both stages.

use super::*;
use crate::iommu::paging::{FirstStageEntry, PageEntry, SecondStageEntry};
use crate::iommu::tables::{TableError, TableMemory};
use crate::mem::MemoryError;

const RW: PageRights = PageRights::READ_WRITE;
const READ: PageRights = PageRights::READ;
const WRITE_ONLY: PageRights = PageRights {
    read: false,
    write: true,
    user: true,
};
const MIB: u64 = 1 << 20;

/// A bench where `PASID` has first-stage tables.
fn first(levels: Levels) -> (Bench, FirstStage) {
    let mut bench = Bench::new();
    let tables = FirstStage::new(bench.memory.clone(), levels).unwrap();
    bench.set(
        PASID,
        PasidEntry::first_stage(Hpa(tables.root()), levels, DOMAIN),
    );
    (bench, tables)
}

/// A bench where `PASID` has second-stage tables.
fn second(levels: Levels) -> (Bench, SecondStage) {
    let mut bench = Bench::new();
    let tables = SecondStage::new(bench.memory.clone(), levels).unwrap();
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(tables.root()), levels, DOMAIN),
    );
    (bench, tables)
}

/// Guest memory from `GUEST_BASE` on, for first-stage tables.
struct Guest {
    memory: Memory,
    next: u64,
}

const GUEST_BASE: u64 = 32 * MIB;
const GUEST_BYTES: u64 = 2 * MIB;

impl TableMemory for Guest {
    fn alloc_table(&mut self) -> Result<u64, MemoryError> {
        self.next += 0x1000;
        Ok(self.next - 0x1000)
    }

    fn load(&self, address: u64) -> Result<u64, MemoryError> {
        self.memory.read_u64(Hpa(GUEST_BASE + address))
    }

    fn store(&mut self, address: u64, entry: u64) -> Result<(), MemoryError> {
        self.memory.write_u64(Hpa(GUEST_BASE + address), entry)
    }
}

/// A bench where `PASID` is nested: guest-physical 0 to 2 MiB is at `GUEST_BASE`, guest tables are
/// from 1 MiB on.
fn nested() -> (Bench, FirstStage<Guest>, SecondStage) {
    let mut bench = Bench::new();
    let memory = bench.memory.clone();
    let guest = Guest {
        memory: memory.clone(),
        next: MIB,
    };
    let tables = FirstStage::new(guest, Levels::Four).unwrap();
    let mut stage2 = SecondStage::new(memory, Levels::Four).unwrap();
    stage2.map(0, GUEST_BASE, GUEST_BYTES, RW).unwrap();
    let (first, second) = (Gpa(tables.root()), Hpa(stage2.root()));
    let entry = PasidEntry::nested(first, Levels::Four, second, Levels::Four, DOMAIN);
    bench.set(PASID, entry);
    (bench, tables, stage2)
}

/// Changes the raw entry of `level` on the way to `address` in four-level tables at `root`.
fn patch(bench: &mut Bench, root: u64, address: u64, level: u32, change: impl Fn(u64) -> u64) {
    let mut table = root;
    for l in (level + 1..=4).rev() {
        let at = Hpa(table + crate::iommu::paging::index(address, l) * 8);
        table = FirstStageEntry::from_raw(bench.memory.read_u64(at).unwrap()).table_address();
    }
    let at = Hpa(table + crate::iommu::paging::index(address, level) * 8);
    let raw = bench.memory.read_u64(at).unwrap();
    bench.memory.write_u64(at, change(raw)).unwrap();
}

#[test]
fn first_stage_maps_4_kib_and_2_mib_pages() {
    for levels in [Levels::Four, Levels::Five] {
        let (mut bench, mut tables) = first(levels);
        tables.map(0x7f00_0000_1000, 0x12_3000, 0x2000, RW).unwrap();
        tables.map(0x7f00_0020_0000, 4 * MIB, 2 * MIB, RW).unwrap();
        assert_eq!(bench.read(0x7f00_0000_1abc), Ok(0x12_3abc));
        assert_eq!(bench.write(0x7f00_0000_2fff), Ok(0x12_4fff));
        assert_eq!(bench.read(0x7f00_003f_fff8), Ok(6 * MIB - 8));
        assert_eq!(
            bench.read(0x7f00_0040_0000),
            Err(FaultReason::FirstStageNotPresent)
        );
    }
}

#[test]
fn first_stage_maps_1_gib_pages() {
    const GIB: u64 = 1 << 30;
    let (mut bench, mut tables) = first(Levels::Four);
    tables.map(5 * GIB, 2 * GIB, GIB, RW).unwrap();
    assert_eq!(bench.read(5 * GIB + 0x1234_5678), Ok(2 * GIB + 0x1234_5678));
    assert!(matches!(
        tables.unmap(5 * GIB, 0x20_0000),
        Err(TableError::LargePage {
            page_bytes: GIB,
            ..
        })
    ));
}

#[test]
fn first_stage_address_must_be_canonical() {
    let (mut bench, mut tables) = first(Levels::Four);
    tables.map(0x8000_0000_0000, 0x12_3000, 0x1000, RW).unwrap();
    assert_eq!(bench.read(0xffff_8000_0000_0000), Ok(0x12_3000));
    assert_eq!(
        bench.read(0x0000_8000_0000_0000),
        Err(FaultReason::NotCanonical)
    );
    assert_eq!(
        bench.read(0x0100_0000_0000_0000),
        Err(FaultReason::NotCanonical)
    );
}

#[test]
fn first_stage_rights_are_those_of_all_levels() {
    let (mut bench, mut tables) = first(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, READ).unwrap();
    tables
        .map(0x2000, 0x12_4000, 0x1000, PageRights { user: false, ..RW })
        .unwrap();
    tables.map(0x20_0000, 0x12_5000, 0x1000, RW).unwrap();
    assert_eq!(bench.read(0x1000), Ok(0x12_3000));
    assert_eq!(bench.write(0x1000), Err(FaultReason::NoWrite));
    assert_eq!(bench.read(0x2000), Err(FaultReason::UserSupervisor));
    let root = tables.root();
    patch(&mut bench, root, 0x20_0000, 2, |raw| raw & !2);
    assert_eq!(bench.write(0x20_0000), Err(FaultReason::NoWrite));
    patch(&mut bench, root, 0x20_0000, 2, |raw| raw & !4);
    assert_eq!(bench.read(0x20_0000), Err(FaultReason::UserSupervisor));
}

#[test]
fn privileged_write_respects_read_only_pages_if_wpe() {
    for (wpe, expected) in [(false, Ok(0x12_3000)), (true, Err(FaultReason::NoWrite))] {
        let (mut bench, mut tables) = first(Levels::Four);
        let supervisor_page = PageRights {
            user: false,
            ..READ
        };
        tables
            .map(0x1000, 0x12_3000, 0x1000, supervisor_page)
            .unwrap();
        let entry = PasidEntry::first_stage(Hpa(tables.root()), Levels::Four, DOMAIN);
        bench.set(PASID, entry.with_supervisor(wpe));
        let write = Request {
            privileged: true,
            ..request(Access::Write, 0x1000)
        };
        assert_eq!(bench.reason_of(write), expected);
    }
}

#[test]
fn first_stage_reserved_bits_are_checked() {
    let (mut bench, mut tables) = first(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    tables.map(0x20_0000, 4 * MIB, 2 * MIB, RW).unwrap();
    let root = tables.root();
    let mut with = |address, level, bit: u64| {
        patch(&mut bench, root, address, level, |raw| raw ^ bit);
        let result = bench.read(address);
        patch(&mut bench, root, address, level, |raw| raw ^ bit);
        result
    };
    let reserved = Err(FaultReason::FirstStageReserved);
    assert_eq!(with(0x1000, 1, 1 << 48), reserved);
    assert_eq!(with(0x1000, 4, 1 << 7), reserved);
    assert_eq!(with(0x20_0000, 2, 1 << 13), reserved);
    // Ignored: 62:52, G; PAT of a large page; XD is not evaluated.
    assert_eq!(with(0x20_0000, 2, 1 << 12), Ok(4 * MIB));
    bench.submit(Descriptor::Iotlb(Translations::All));
    patch(&mut bench, root, 0x1000, 1, |raw| {
        raw | 1 << 63 | 1 << 52 | 1 << 8
    });
    assert_eq!(bench.read(0x1000), Ok(0x12_3000));
}

#[test]
fn tables_outside_memory_are_access_faults() {
    let (mut bench, mut tables) = first(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    patch(&mut bench, tables.root(), 0x1000, 3, |_| 1 << 40 | 7);
    assert_eq!(bench.read(0x1000), Err(FaultReason::FirstStageAccess));
    bench.set(
        PASID,
        PasidEntry::first_stage(Hpa(1 << 40), Levels::Four, DOMAIN),
    );
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    assert_eq!(bench.read(0x1000), Err(FaultReason::FirstStageRootAccess));

    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    patch(&mut bench, tables.root(), 0x1000, 3, |_| 1 << 40 | 7);
    assert_eq!(bench.read(0x1000), Err(FaultReason::SecondStageAccess));
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(1 << 40), Levels::Four, DOMAIN),
    );
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    assert_eq!(bench.read(0x1000), Err(FaultReason::SecondStageRootAccess));
}

#[test]
fn second_stage_maps_with_3_4_and_5_levels() {
    for levels in [Levels::Three, Levels::Four, Levels::Five] {
        let (mut bench, mut tables) = second(levels);
        let top = 1 << levels.address_bits();
        tables
            .map(top - 4 * MIB, 4 * MIB, 2 * MIB + 0x1000, RW)
            .unwrap();
        assert_eq!(bench.read(top - 4 * MIB + 0x1234), Ok(4 * MIB + 0x1234));
        assert_eq!(bench.write(top - 2 * MIB + 0xfff), Ok(6 * MIB + 0xfff));
        assert_eq!(
            bench.read(top - MIB),
            Err(FaultReason::SecondStageNotPresent)
        );
        assert_eq!(bench.read(top), Err(FaultReason::BeyondGuestAddress));
    }
}

#[test]
fn second_stage_rights_are_those_of_all_levels() {
    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, READ).unwrap();
    tables.map(0x2000, 0x12_4000, 0x1000, WRITE_ONLY).unwrap();
    assert_eq!(bench.write(0x1000), Err(FaultReason::NoWrite));
    assert_eq!(bench.read(0x2000), Err(FaultReason::NoRead));
    assert_eq!(bench.write(0x2000), Ok(0x12_4000));
    // Read-only tables on the way to a write-only page leave nothing.
    patch(&mut bench, tables.root(), 0x2000, 2, |raw| raw & !2);
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert_eq!(bench.write(0x2000), Err(FaultReason::SecondStageNotPresent));
}

#[test]
fn zero_length_read_of_a_write_only_page_succeeds() {
    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0x2000, 0x12_4000, 0x1000, WRITE_ONLY).unwrap();
    let read = Request {
        zero_length: true,
        ..request(Access::Read, 0x2000)
    };
    assert_eq!(bench.reason_of(read), Ok(0x12_4000));
}

#[test]
fn second_stage_reserved_bits_are_checked() {
    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    tables.map(0x20_0000, 4 * MIB, 2 * MIB, RW).unwrap();
    let root = tables.root();
    let mut with = |address, level, bit: u64| {
        patch(&mut bench, root, address, level, |raw| raw ^ bit);
        let result = bench.read(address);
        patch(&mut bench, root, address, level, |raw| raw ^ bit);
        result
    };
    let reserved = Err(FaultReason::SecondStageReserved);
    assert_eq!(with(0x1000, 1, 1 << 48), reserved);
    assert_eq!(with(0x1000, 1, 1 << 62), reserved);
    assert_eq!(with(0x1000, 2, 1 << 11), reserved);
    assert_eq!(with(0x1000, 4, 1 << 7), reserved);
    assert_eq!(with(0x20_0000, 2, 1 << 12), reserved);
    assert_eq!(with(0x20_0000, 2, 1 << 11), Ok(4 * MIB));
}

#[test]
fn reserved_bits_of_an_entry_that_is_not_present_do_not_matter() {
    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    patch(&mut bench, tables.root(), 0x1000, 1, |_| 1 << 62);
    assert_eq!(bench.read(0x1000), Err(FaultReason::SecondStageNotPresent));
}

#[test]
fn nested_translation_goes_through_both_stages() {
    let (mut bench, mut tables, _) = nested();
    tables.map(0x7f00_0000_0000, 0x5000, 0x1000, RW).unwrap();
    assert_eq!(bench.write(0x7f00_0000_0123), Ok(GUEST_BASE + 0x5123));
}

#[test]
fn nested_rights_are_those_of_both_stages() {
    let (mut bench, mut tables, mut stage2) = nested();
    stage2.map(4 * MIB, 8 * MIB, 0x1000, READ).unwrap();
    stage2
        .map(4 * MIB + 0x1000, 9 * MIB, 0x1000, WRITE_ONLY)
        .unwrap();
    tables.map(0x1000, 0x5000, 0x1000, READ).unwrap();
    tables.map(0x2000, 4 * MIB, 0x2000, RW).unwrap();
    assert_eq!(bench.write(0x1000), Err(FaultReason::NoWrite));
    assert_eq!(bench.read(0x2000), Ok(8 * MIB));
    assert_eq!(bench.write(0x2000), Err(FaultReason::NoWrite));
    assert_eq!(bench.read(0x3000), Err(FaultReason::NoRead));
}

#[test]
fn guest_that_maps_what_it_does_not_own_gets_nothing() {
    let (mut bench, mut tables, _) = nested();
    tables.map(0x1000, GUEST_BYTES, 0x1000, RW).unwrap();
    assert_eq!(bench.read(0x1000), Err(FaultReason::SecondStageNotPresent));
}

#[test]
fn nested_first_stage_address_beyond_the_second_stage_is_blocked() {
    let mut bench = Bench::new();
    let memory = bench.memory.clone();
    let guest = Guest {
        memory: memory.clone(),
        next: MIB,
    };
    let mut tables = FirstStage::new(guest, Levels::Four).unwrap();
    let mut stage2 = SecondStage::new(memory, Levels::Three).unwrap();
    stage2.map(0, GUEST_BASE, GUEST_BYTES, RW).unwrap();
    let (first, second) = (Gpa(tables.root()), Hpa(stage2.root()));
    let entry = PasidEntry::nested(first, Levels::Four, second, Levels::Three, DOMAIN);
    bench.set(PASID, entry);
    tables.map(0x1000, 1 << 40, 0x1000, RW).unwrap();
    assert_eq!(bench.read(0x1000), Err(FaultReason::NestedAddress));
}

#[test]
fn nested_tables_need_read_permission() {
    let mut bench = Bench::new();
    let memory = bench.memory.clone();
    let guest = Guest {
        memory: memory.clone(),
        next: MIB,
    };
    let mut tables = FirstStage::new(guest, Levels::Four).unwrap();
    tables.map(0x1000, 0x5000, 0x1000, RW).unwrap();
    let mut entry_with = |root: PageRights, lower: PageRights| {
        let mut stage2 = SecondStage::new(memory.clone(), Levels::Four).unwrap();
        stage2.map(MIB, GUEST_BASE + MIB, 0x1000, root).unwrap();
        stage2
            .map(MIB + 0x1000, GUEST_BASE + MIB + 0x1000, 0x3000, lower)
            .unwrap();
        let (first, second) = (Gpa(tables.root()), Hpa(stage2.root()));
        let entry = PasidEntry::nested(first, Levels::Four, second, Levels::Four, DOMAIN);
        bench.set(PASID, entry);
        bench.submit(Descriptor::PasidCache(PasidEntries::All));
        bench.read(0x1000)
    };
    assert_eq!(entry_with(WRITE_ONLY, RW), Err(FaultReason::NestedRootRead));
    assert_eq!(
        entry_with(RW, WRITE_ONLY),
        Err(FaultReason::NestedTableRead)
    );
}

#[test]
fn builder_refuses_what_cannot_be_mapped() {
    let (_, mut tables) = second(Levels::Three);
    tables.map(0x1000, 0x2000, 0x1000, RW).unwrap();
    tables.map(2 * MIB, 2 * MIB, 2 * MIB, RW).unwrap();
    let mapped = |from| Err(TableError::Mapped { from });
    assert_eq!(tables.map(0x1000, 0x3000, 0x1000, RW), mapped(0x1000));
    assert_eq!(tables.map(2 * MIB, 0x3000, 0x1000, RW), mapped(2 * MIB));
    assert!(matches!(
        tables.map(0x10, 0, 0x1000, RW),
        Err(TableError::Unaligned { .. })
    ));
    assert!(matches!(
        tables.map(1 << 39, 0, 0x1000, RW),
        Err(TableError::TooHigh { .. })
    ));
    let beyond = tables.map(0x5000, (1 << 48) - 0x1000, 0x2000, RW);
    assert!(matches!(beyond, Err(TableError::OutputTooHigh { .. })));
    assert!(matches!(
        tables.unmap(2 * MIB, 0x1000),
        Err(TableError::LargePage { .. })
    ));
}

#[test]
fn unmapped_pages_fault() {
    let (mut bench, mut tables) = second(Levels::Four);
    tables.map(0, 4 * MIB, 4 * MIB, RW).unwrap();
    tables.map(8 * MIB, 8 * MIB, 0x3000, RW).unwrap();
    tables.unmap(2 * MIB, 6 * MIB + 0x1000).unwrap();
    assert_eq!(bench.read(0), Ok(4 * MIB));
    assert_eq!(bench.read(2 * MIB), Err(FaultReason::SecondStageNotPresent));
    assert_eq!(bench.read(8 * MIB), Err(FaultReason::SecondStageNotPresent));
    assert_eq!(bench.read(8 * MIB + 0x1000), Ok(8 * MIB + 0x1000));
}

#[test]
fn second_stage_entry_bits_are_r_w_and_ps() {
    assert_eq!(SecondStageEntry::page(0x20_0000, 2, RW).raw(), 0x20_0083);
    assert_eq!(SecondStageEntry::page(0x3000, 1, READ).raw(), 0x3001);
    assert_eq!(FirstStageEntry::page(0x20_0000, 2, RW).raw(), 0x20_0087);
    assert_eq!(FirstStageEntry::page(0x3000, 1, READ).raw(), 0x3005);
}
