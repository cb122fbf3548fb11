// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The device behind every kind of tables that VT-d has, with and without ATS (VT-d 3.4 to 3.8).

use siov::dsa::Status;
use siov::iommu::FaultReason;
use siov::iommu::entry::{DomainId, Levels, PasidEntry};
use siov::iommu::paging::{FirstStageEntry, PageEntry, PageRights, SecondStageEntry, index};
use siov::iommu::tables::{FirstStage, PageTable, SecondStage, TableMemory};
use siov::mem::{Gpa, Hpa, Memory, MemoryError, PAGE_SIZE};

use crate::bench::{Bench, pattern};
use crate::own_tables::{OwnTables, Window};

const RW: PageRights = PageRights::READ_WRITE;
const DOMAIN: DomainId = DomainId(7);
const MIB: u64 = 1 << 20;
/// Needs four levels of tables, and fits into them.
const BITS_47: u64 = 0x7ff8_1234_5000;
/// Needs five.
const BITS_56: u64 = 0xff_1122_3344_5000;

fn window(memory: &Memory, iova: u64) -> Window {
    let hpa = memory.alloc(Window::BYTES, PAGE_SIZE).unwrap();
    Window { iova, hpa }
}

fn first_stage(memory: &Memory, window: Window, levels: Levels) -> (FirstStage, PasidEntry) {
    let mut tables = FirstStage::new(memory.clone(), levels).unwrap();
    let (iova, hpa) = (window.iova, window.hpa.0);
    tables.map(iova, hpa, Window::BYTES, RW).unwrap();
    let entry = PasidEntry::first_stage(Hpa(tables.root()), levels, DOMAIN);
    (tables, entry)
}

fn second_stage(memory: &Memory, window: Window, levels: Levels) -> (SecondStage, PasidEntry) {
    let mut tables = SecondStage::new(memory.clone(), levels).unwrap();
    let (iova, hpa) = (window.iova, window.hpa.0);
    tables.map(iova, hpa, Window::BYTES, RW).unwrap();
    let entry = PasidEntry::second_stage(Hpa(tables.root()), levels, DOMAIN);
    (tables, entry)
}

/// A page is moved exactly through these tables, whoever translates.
fn moves_exactly(tables: impl Fn(&Memory) -> (Window, PasidEntry)) {
    for ats in [false, true] {
        let bench = Bench::new();
        let (window, entry) = tables(bench.host.memory());
        bench.run(async {
            let own = OwnTables::new(&bench, entry, ats).await;
            own.start(0).await;
            let memory = bench.host.memory();
            memory.write(window.source(), &pattern(9, 4096)).unwrap();
            bench.log.take();

            let record = window.run_copy(&own).await;

            assert_eq!(record.status(), Status::SUCCESS);
            assert!(window.result(&own) == pattern(9, 4096));
            let asked = bench.log.take_translation_requests().len();
            assert_eq!(asked, if ats { 3 } else { 0 });
        });
    }
}

#[test]
fn first_stage_of_4_levels_is_walked() {
    moves_exactly(|memory| {
        let window = window(memory, BITS_47);
        (window, first_stage(memory, window, Levels::Four).1)
    });
}

#[test]
fn first_stage_of_5_levels_is_walked() {
    moves_exactly(|memory| {
        let window = window(memory, BITS_56);
        (window, first_stage(memory, window, Levels::Five).1)
    });
}

#[test]
fn second_stage_of_3_to_5_levels_is_walked() {
    for (levels, iova) in [
        (Levels::Three, 0x3f_1234_5000),
        (Levels::Four, BITS_47),
        (Levels::Five, BITS_56),
    ] {
        moves_exactly(|memory| {
            let window = window(memory, iova);
            (window, second_stage(memory, window, levels).1)
        });
    }
}

/// A guest's memory of 2 MiB, for its own tables.
struct Guest {
    memory: Memory,
    base: Hpa,
    next: u64,
}

impl TableMemory for Guest {
    fn alloc_table(&mut self) -> Result<u64, MemoryError> {
        self.next += PAGE_SIZE;
        Ok(self.next - PAGE_SIZE)
    }

    fn load(&self, address: u64) -> Result<u64, MemoryError> {
        self.memory.read_u64(self.base.offset(address))
    }

    fn store(&mut self, address: u64, entry: u64) -> Result<(), MemoryError> {
        self.memory.write_u64(self.base.offset(address), entry)
    }
}

#[test]
fn guests_own_tables_are_walked_through_the_hosts() {
    const DATA: u64 = 0x4000;
    const TABLES: u64 = MIB;
    moves_exactly(|memory| {
        let base = memory.alloc(2 * MIB, 2 * MIB).unwrap();
        let guest = Guest {
            memory: memory.clone(),
            base,
            next: TABLES,
        };
        let mut first = FirstStage::new(guest, Levels::Four).unwrap();
        first.map(BITS_47, DATA, Window::BYTES, RW).unwrap();
        let mut second = SecondStage::new(memory.clone(), Levels::Four).unwrap();
        second.map(0, base.0, 2 * MIB, RW).unwrap();
        let (root, host_root) = (Gpa(first.root()), Hpa(second.root()));
        let entry = PasidEntry::nested(root, Levels::Four, host_root, Levels::Four, DOMAIN);
        let window = Window {
            iova: BITS_47,
            hpa: base.offset(DATA),
        };
        (window, entry)
    });
}

#[test]
fn pass_through_gives_addresses_as_they_are() {
    for ats in [false, true] {
        let bench = Bench::new();
        let hpa = window(bench.host.memory(), 0).hpa;
        let window = Window { iova: hpa.0, hpa };
        bench.run(async {
            let entry = PasidEntry::pass_through(DOMAIN);
            let own = OwnTables::new(&bench, entry, ats).await;
            own.start(0).await;
            let memory = bench.host.memory();
            memory.write(window.source(), &pattern(9, 4096)).unwrap();

            let record = window.run_copy(&own).await;

            assert_eq!(record.status(), Status::SUCCESS);
            assert!(window.result(&own) == pattern(9, 4096));
        });
    }
}

/// The entries that map source, destination and record.
fn leaves<E: PageEntry>(
    memory: &Memory,
    tables: &PageTable<Memory, E>,
    window: Window,
) -> [u64; 3] {
    [0, 1, 2].map(|page| {
        let address = window.iova + page * PAGE_SIZE;
        let mut raw = tables.root();
        for level in (1..=4).rev() {
            let table = E::from_raw(raw).table_address();
            raw = memory
                .read_u64(Hpa(table + index(address, level) * 8))
                .unwrap();
        }
        raw
    })
}

/// Whether source, destination and record are accessed, and whether they are dirty, once a page
/// has been moved.
fn flags<E: PageEntry>(
    ats: bool,
    tables: impl FnOnce(&Memory, Window) -> (PageTable<Memory, E>, PasidEntry),
) -> [[bool; 3]; 2] {
    let bench = Bench::new();
    let memory = bench.host.memory();
    let window = window(memory, BITS_47);
    let (tables, entry) = tables(memory, window);
    bench.run(async {
        let own = OwnTables::new(&bench, entry, ats).await;
        own.start(0).await;

        window.run_copy(&own).await;

        let leaves = leaves(memory, &tables, window);
        [E::ACCESSED, E::DIRTY].map(|flag| leaves.map(|leaf| leaf & flag != 0))
    })
}

#[test]
fn what_the_device_reads_is_accessed_and_what_it_writes_is_dirty() {
    const READ_WRITTEN_WRITTEN: [[bool; 3]; 2] = [[true; 3], [false, true, true]];
    for ats in [false, true] {
        let first = flags::<FirstStageEntry>(ats, |memory, window| {
            first_stage(memory, window, Levels::Four)
        });
        let second = flags::<SecondStageEntry>(ats, |memory, window| {
            let (tables, entry) = second_stage(memory, window, Levels::Four);
            (tables, entry.with_second_stage_flags())
        });

        assert_eq!(first, READ_WRITTEN_WRITTEN, "first stage, ATS {ats}");
        assert_eq!(second, READ_WRITTEN_WRITTEN, "second stage, ATS {ats}");
    }
}

#[test]
fn function_without_leave_to_translate_gets_no_translation() {
    let bench = Bench::new();
    let window = window(bench.host.memory(), BITS_47);
    let (_tables, entry) = second_stage(bench.host.memory(), window, Levels::Four);
    bench.run(async {
        let mut own = OwnTables::new(&bench, entry, true).await;
        own.allow_device_tlb(false);
        own.start(0).await;

        own.submit(&window.copy());
        bench.host.sleep(5_000).await;

        let error = own.function.software_error().await;
        assert_eq!(error.status(), Status::TRANSLATION_ERROR);
        let faults = bench.host.iommu_counts().faults;
        // The move's pages, and the record's.
        let expected = [(FaultReason::DeviceTlbDisabled, 3)];
        assert_eq!(faults.into_iter().collect::<Vec<_>>(), expected);
        let requests = bench.log.take_dma();
        assert_eq!(requests.len(), 3, "{requests:?}");
    });
}

#[test]
fn translated_requests_are_blocked_once_the_function_has_no_leave_to_translate() {
    let bench = Bench::new();
    let window = window(bench.host.memory(), BITS_47);
    let (_tables, entry) = second_stage(bench.host.memory(), window, Levels::Four);
    bench.run(async {
        let mut own = OwnTables::new(&bench, entry, true).await;
        own.start(0).await;
        let memory = bench.host.memory();
        memory.write(window.source(), &pattern(9, 4096)).unwrap();
        window.run_copy(&own).await;
        memory.write(window.destination(), &[0; 4096]).unwrap();

        own.allow_device_tlb(false);
        own.forget_contexts();
        memory.write(window.record(), &[0; 32]).unwrap();
        own.submit(&window.copy());
        bench.host.sleep(5_000).await;

        assert!(window.result(&own) == [0; 4096]);
        assert_eq!(memory.read_u64(window.record()).unwrap(), 0);
        let faults = bench.host.iommu_counts().faults;
        let reasons: Vec<_> = faults.into_keys().collect();
        assert_eq!(reasons, [FaultReason::DeviceTlbDisabled]);
    });
}
