// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Accessed and dirty flags.

use super::*;
use crate::iommu::paging::{FirstStageEntry, PageEntry, SecondStageEntry};
use crate::iommu::tables::PageTable;

const RW: PageRights = PageRights::READ_WRITE;
const PAGE: u64 = 0x1000;

/// Entries of the path to `PAGE`, root first.
fn path<E: PageEntry>(memory: &Memory, tables: &PageTable<Memory, E>) -> Vec<u64> {
    let mut table = tables.root();
    (1..=4)
        .rev()
        .map(|level| {
            let at = table + crate::iommu::paging::index(PAGE, level) * 8;
            let raw = memory.read_u64(Hpa(at)).unwrap();
            table = E::from_raw(raw).table_address();
            raw
        })
        .collect()
}

/// Which entries of the path have `flag`.
fn having<E: PageEntry>(bench: &Bench, tables: &PageTable<Memory, E>, flag: u64) -> Vec<bool> {
    let path = path(&bench.memory, tables);
    path.iter().map(|raw| raw & flag != 0).collect()
}

fn first_stage(entry: impl FnOnce(PasidEntry) -> PasidEntry) -> (Bench, FirstStage) {
    let mut bench = Bench::new();
    let mut tables = FirstStage::new(bench.memory.clone(), Levels::Four).unwrap();
    tables.map(PAGE, 0x12_3000, 0x1000, RW).unwrap();
    let plain = PasidEntry::first_stage(Hpa(tables.root()), Levels::Four, DOMAIN);
    bench.set(PASID, entry(plain));
    (bench, tables)
}

fn second_stage(entry: impl FnOnce(PasidEntry) -> PasidEntry) -> (Bench, SecondStage) {
    let mut bench = Bench::new();
    let mut tables = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    tables.map(PAGE, 0x12_3000, 0x1000, RW).unwrap();
    let plain = PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DOMAIN);
    bench.set(PASID, entry(plain));
    (bench, tables)
}

const ALL: [bool; 4] = [true; 4];
const NONE: [bool; 4] = [false; 4];
const LEAF: [bool; 4] = [false, false, false, true];

#[test]
fn first_stage_read_sets_accessed_on_the_way_and_nothing_dirty() {
    let (mut bench, tables) = first_stage(|entry| entry);
    bench.read(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::ACCESSED), ALL);
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), NONE);
}

#[test]
fn write_after_a_cached_read_sets_dirty_in_the_leaf() {
    let (mut bench, tables) = first_stage(|entry| entry);
    bench.read(PAGE).unwrap();
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), LEAF);
}

#[test]
fn flag_that_software_clears_is_set_again_after_invalidation_only() {
    let (mut bench, mut tables) = first_stage(|entry| entry);
    bench.write(PAGE).unwrap();
    tables.unmap(PAGE, 0x1000).unwrap();
    tables.map(PAGE, 0x12_3000, 0x1000, RW).unwrap();
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), NONE);
    bench.submit(Descriptor::Iotlb(Translations::All));
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), LEAF);
}

#[test]
fn second_stage_flags_are_kept_only_if_enabled() {
    let (mut bench, tables) = second_stage(|entry| entry);
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, SecondStageEntry::ACCESSED), NONE);
    let (mut bench, tables) = second_stage(PasidEntry::with_second_stage_flags);
    bench.read(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, SecondStageEntry::ACCESSED), ALL);
    assert_eq!(having(&bench, &tables, SecondStageEntry::DIRTY), NONE);
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &tables, SecondStageEntry::DIRTY), LEAF);
}

#[test]
fn flags_that_a_walk_without_snoop_must_set_are_faults() {
    let (mut first, _tables) = first_stage(PasidEntry::without_walk_snoop);
    assert_eq!(first.read(PAGE), Err(FaultReason::FirstStageNoSnoop));
    let (mut second, _tables) =
        second_stage(|entry| entry.with_second_stage_flags().without_walk_snoop());
    assert_eq!(second.read(PAGE), Err(FaultReason::SecondStageNoSnoop));
}

#[test]
fn walk_without_snoop_may_use_entries_whose_flags_are_set() {
    let (mut bench, tables) = first_stage(|entry| entry);
    bench.write(PAGE).unwrap();
    let entry = PasidEntry::first_stage(Hpa(tables.root()), Levels::Four, DOMAIN);
    bench.set(PASID, entry.without_walk_snoop());
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert_eq!(bench.write(PAGE), Ok(0x12_3000));
}

#[test]
fn translation_request_for_writing_sets_dirty_and_one_for_reading_does_not() {
    let (mut bench, tables) = first_stage(|entry| entry);
    let context = bench.pasids.context_entry(RID_PASID).with_device_tlb(false);
    bench.root.set_context(SOURCE, context).unwrap();
    let ask = Request {
        at: AddressType::TranslationRequest,
        ..request(Access::Read, PAGE)
    };
    bench.iommu.translate(&bench.memory, &ask, true).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), NONE);
    bench.iommu.translate(&bench.memory, &ask, false).unwrap();
    assert_eq!(having(&bench, &tables, FirstStageEntry::DIRTY), LEAF);
}

/// First-stage tables in guest memory that the second stage maps one to one with `rights`.
fn nested(rights: PageRights) -> (Bench, FirstStage) {
    let mut bench = Bench::new();
    let mut first = FirstStage::new(bench.memory.clone(), Levels::Four).unwrap();
    first.map(PAGE, 0x12_3000, 0x1000, RW).unwrap();
    let mut second = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    second.map(0, 0, 0x20_0000, rights).unwrap();
    let entry = PasidEntry::nested(
        Gpa(first.root()),
        Levels::Four,
        Hpa(second.root()),
        Levels::Four,
        DOMAIN,
    );
    bench.set(PASID, entry);
    (bench, first)
}

#[test]
fn nested_walk_sets_flags_in_the_guests_tables() {
    let (mut bench, first) = nested(RW);
    bench.write(PAGE).unwrap();
    assert_eq!(having(&bench, &first, FirstStageEntry::ACCESSED), ALL);
    assert_eq!(having(&bench, &first, FirstStageEntry::DIRTY), LEAF);
}

#[test]
fn guest_tables_that_the_second_stage_lets_nobody_write_are_a_fault() {
    let (mut bench, _first) = nested(PageRights::READ);
    assert_eq!(bench.read(PAGE), Err(FaultReason::NestedTableWrite));
}
