// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translations of more than 4 KiB, and the Smallest Translation Unit (PCIe 10.2.3, 10.5.1.3).

use std::collections::BTreeSet;
use std::rc::Rc;

use siov::dsa::{Descriptor, Status};
use siov::faults::{Deed, Fault, Kind, Match};
use siov::host::Driver;
use siov::iommu::descriptor::Pages;
use siov::iommu::entry::{DomainId, Levels, PasidEntry};
use siov::iommu::paging::PageRights;
use siov::iommu::tables::SecondStage;
use siov::mem::{Gpa, Hpa, PAGE_SIZE};

use crate::bench::{Bench, DATA, Function, RECORD, Tenant, pattern, wq};
use crate::invalidation::invalidate;
use crate::own_tables::{OwnTables, PREFIX, Window};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SOURCE: u64 = DATA + 8 * PAGE_SIZE;
/// What is at the source.
const BYTES: usize = 30_000;

/// The device behind one page of 1 GiB from `GIB` on, in which host memory is as it is; three pages
/// of it, and their translation is known.
async fn on_1_gib(bench: &Bench) -> (OwnTables, Window) {
    let memory = bench.host.memory();
    let mut tables = SecondStage::new(memory.clone(), Levels::Four).unwrap();
    tables.map(GIB, 0, GIB, PageRights::READ_WRITE).unwrap();
    let entry = PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DomainId(7));
    let own = OwnTables::new(bench, entry, true).await;
    own.start(0).await;
    let hpa = memory.alloc(Window::BYTES, PAGE_SIZE).unwrap();
    let iova = GIB + hpa.0;
    let window = Window { iova, hpa };
    window.run_copy(&own).await;
    bench.log.take();
    (own, window)
}

#[test]
fn one_translation_of_1_gib_serves_moves_anywhere_in_it() {
    let bench = Bench::new();
    bench.run(async {
        let (own, _) = on_1_gib(&bench).await;
        let memory = bench.host.memory();
        for far in [0, 3 * MIB, 40 * MIB] {
            memory.alloc(far + PAGE_SIZE, PAGE_SIZE).unwrap();
            let hpa = memory.alloc(Window::BYTES, PAGE_SIZE).unwrap();
            let iova = GIB + hpa.0;
            let window = Window { iova, hpa };
            memory.write(window.source(), &pattern(5, 4096)).unwrap();

            let record = window.run_copy(&own).await;

            assert_eq!(record.status(), Status::SUCCESS);
            assert!(window.result(&own) == pattern(5, 4096));
        }
        assert_eq!(bench.log.take_translation_requests(), []);
    });
}

/// Translation Requests of a move within the page of 1 GiB after an invalidation.
fn asked_after(pages: impl FnOnce(Window) -> Pages) -> usize {
    let bench = Bench::new();
    bench.run(async {
        let (own, window) = on_1_gib(&bench).await;

        let request = invalidate(Some(PREFIX), pages(window), 7);
        bench.host.send_raw(&request);
        bench.host.sleep(1_000).await;
        let record = window.run_copy(&own).await;

        assert_eq!(record.status(), Status::SUCCESS);
        bench.log.take_translation_requests().len()
    })
}

#[test]
fn invalidation_of_4_kib_in_a_page_of_1_gib_drops_all_of_it() {
    // Anywhere in it. The source is asked for to read, then the destination to write.
    assert_eq!(asked_after(|_| Pages::one(GIB + 512 * MIB)), 2);
    assert_eq!(asked_after(|window| Pages::one(window.iova)), 2);
}

#[test]
fn invalidation_beside_a_page_of_1_gib_leaves_it() {
    assert_eq!(asked_after(|_| Pages::one(2 * GIB)), 0);
    assert_eq!(asked_after(|_| Pages::one(GIB - PAGE_SIZE)), 0);
}

/// A tenant in one page of 2 MiB.
async fn on_2_mib(bench: &Bench, driver: &Rc<Driver>) -> Tenant {
    driver.configure(&[wq(0, 16)]).await.unwrap();
    let tenant = Tenant::on_large_page(driver, wq(0, 16)).await;
    tenant.write(SOURCE, &pattern(8, BYTES));
    bench.log.take();
    tenant
}

/// Moves `bytes` of what is in the page, as they must be moved.
async fn copy(tenant: &Tenant, bytes: usize) {
    let copy = Descriptor::memory_move(SOURCE, DATA, bytes as u32);

    let record = tenant.run(copy).await;

    assert_eq!(record.status(), Status::SUCCESS);
    assert!(tenant.read(DATA, bytes) == pattern(8, bytes));
}

#[test]
fn one_translation_of_2_mib_serves_moves_anywhere_in_it() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = on_2_mib(&bench, &bench.ats_driver(None).await).await;
        tenant.run(Descriptor::nop()).await;
        bench.log.take();

        copy(&tenant, BYTES).await;

        assert_eq!(bench.log.take_translation_requests(), []);
    });
}

#[test]
fn translation_of_a_size_between_is_right_for_the_page_asked_for() {
    /// Makes 64 KiB at 1 MiB of an entry for the 2 MiB around it.
    const TO_64_KIB: u64 = 0b11_1111 << 15;
    let bench = Bench::new();
    bench.run(async {
        let tenant = on_2_mib(&bench, &bench.ats_driver(None).await).await;
        bench.host.inject(Fault {
            matches: Match::new(Kind::TranslationCompletion),
            deed: Deed::FlipEntry(TO_64_KIB),
        });

        copy(&tenant, 5_000).await;

        let asked = bench.log.take_translation_requests();
        let pages: BTreeSet<_> = asked.iter().map(|request| request.address).collect();
        let expected = [RECORD, DATA, DATA + PAGE_SIZE, SOURCE, SOURCE + PAGE_SIZE];
        assert_eq!(pages, BTreeSet::from(expected));
    });
}

/// A driver that has set the Smallest Translation Unit to 2^9 pages, before the device is enabled.
async fn with_units_of_2_mib(bench: &Bench) -> Rc<Driver> {
    const ATS_CONTROL: u16 = 0x224;
    const ENABLE: u32 = 1 << 31;
    const STU: u32 = 9 << 16;
    let driver = bench.ats_driver(None).await;
    let function = Function::of(&driver);
    function.set_config(ATS_CONTROL, STU).await;
    function.set_config(ATS_CONTROL, ENABLE | STU).await;
    driver
}

#[test]
fn requests_name_whole_translation_units() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = on_2_mib(&bench, &with_units_of_2_mib(&bench).await).await;

        copy(&tenant, 5_000).await;

        let asked = bench.log.take_translation_requests();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|r| r.address == 0), "{asked:?}");
    });
}

#[test]
fn translation_smaller_than_the_unit_is_22h() {
    let bench = Bench::new();
    bench.run(async {
        let driver = with_units_of_2_mib(&bench).await;
        let mut tenant = bench.tenants_of(&driver, &[wq(0, 16)]).await.remove(0);
        let page = bench.host.memory().alloc_page().unwrap();
        // What the requests name: the start of the unit.
        tenant.space.map(Gpa(0), page, PAGE_SIZE).unwrap();

        tenant.submit(&Descriptor::memory_move(SOURCE, DATA, 64));

        let error = tenant.next_error().await;
        assert_eq!(error.status(), Status::TRANSLATION_ERROR);
        assert_eq!(tenant.read(DATA, 64), [0; 64]);
    });
}

#[test]
fn page_that_is_absent_is_03h_whatever_the_unit() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = on_2_mib(&bench, &with_units_of_2_mib(&bench).await).await;

        let record = tenant.run(Descriptor::fill(0, 4 * MIB, 64)).await;

        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert_eq!(record.fault_address.get(), 4 * MIB);
    });
}
