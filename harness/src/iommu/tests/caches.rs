// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Caches keep what they have until they are told.

use super::*;

const RW: PageRights = PageRights::READ_WRITE;
const OTHER: DomainId = DomainId(8);

/// Second-stage tables with page 1 at 12_3000h, read once.
fn second_stage() -> (Bench, SecondStage) {
    let mut bench = Bench::new();
    let mut tables = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DOMAIN),
    );
    bench.read(0x1000).unwrap();
    (bench, tables)
}

/// First-stage tables with page 1 at 12_3000h, read once.
fn first_stage() -> (Bench, FirstStage) {
    let mut bench = Bench::new();
    let mut tables = FirstStage::new(bench.memory.clone(), Levels::Four).unwrap();
    tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap();
    bench.set(
        PASID,
        PasidEntry::first_stage(Hpa(tables.root()), Levels::Four, DOMAIN),
    );
    bench.read(0x1000).unwrap();
    (bench, tables)
}

/// Whether page 1, no longer mapped, is forgotten after `descriptor`.
fn forgets((mut bench, unmap): (Bench, impl FnOnce()), descriptor: Descriptor) -> bool {
    unmap();
    assert_eq!(
        bench.read(0x1abc),
        Ok(0x12_3abc),
        "dropped without invalidation"
    );
    bench.submit(descriptor);
    bench.read(0x1abc).is_err()
}

fn second() -> (Bench, impl FnOnce()) {
    let (bench, mut tables) = second_stage();
    (bench, move || tables.unmap(0x1000, 0x1000).unwrap())
}

fn first() -> (Bench, impl FnOnce()) {
    let (bench, mut tables) = first_stage();
    (bench, move || tables.unmap(0x1000, 0x1000).unwrap())
}

/// Invalidation of 2^`order` pages of a domain.
fn pages(domain: DomainId, address: u64, order: u8) -> Descriptor {
    Descriptor::Iotlb(Translations::Pages(domain, Pages { address, order }))
}

#[test]
fn global_invalidation_forgets_all() {
    let all = Descriptor::Iotlb(Translations::All);
    assert!(forgets(second(), all));
    assert!(forgets(first(), all));
}

#[test]
fn domain_invalidation_forgets_its_domain_only() {
    let of = |domain| Descriptor::Iotlb(Translations::Domain(domain));
    assert!(forgets(second(), of(DOMAIN)));
    assert!(!forgets(second(), of(OTHER)));
}

#[test]
fn page_invalidation_forgets_second_stage_pages_by_address() {
    assert!(forgets(second(), pages(DOMAIN, 0x1000, 0)));
    assert!(forgets(second(), pages(DOMAIN, 0x0, 1)));
    assert!(!forgets(second(), pages(DOMAIN, 0x2000, 0)));
    assert!(!forgets(second(), pages(OTHER, 0x1000, 0)));
}

#[test]
fn page_invalidation_forgets_first_stage_pages_whatever_their_address() {
    assert!(forgets(first(), pages(DOMAIN, 0x9000, 0)));
}

#[test]
fn page_invalidation_forgets_a_large_page_by_any_address_in_it() {
    let mut bench = Bench::new();
    let mut tables = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    tables.map(0x20_0000, 0x40_0000, 0x20_0000, RW).unwrap();
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DOMAIN),
    );
    bench.read(0x20_1000).unwrap();
    tables.unmap(0x20_0000, 0x20_0000).unwrap();
    bench.submit(pages(DOMAIN, 0x2f_f000, 0));
    assert!(bench.read(0x20_1000).is_err());
}

#[test]
fn pasid_invalidation_forgets_its_pasid_only() {
    let other = Pasid::new(9).unwrap();
    let of = |domain, pasid| Descriptor::PasidIotlb(domain, pasid, None);
    assert!(forgets(second(), of(DOMAIN, PASID)));
    assert!(!forgets(second(), of(DOMAIN, other)));
    assert!(!forgets(second(), of(OTHER, PASID)));
}

#[test]
fn page_in_pasid_invalidation_forgets_first_stage_pages_only() {
    let page = Descriptor::PasidIotlb(DOMAIN, PASID, Some(Pages::one(0x1000)));
    let beside = Descriptor::PasidIotlb(DOMAIN, PASID, Some(Pages::one(0x2000)));
    assert!(forgets(first(), page));
    assert!(!forgets(first(), beside));
    assert!(!forgets(second(), page));
}

#[test]
fn largest_order_covers_all_addresses() {
    assert!(forgets(second(), pages(DOMAIN, 1 << 56, regs::MAMV)));
}

/// Whether the PASID entry, no longer present, is forgotten after `descriptor`.
fn forgets_entry(descriptor: Descriptor) -> bool {
    let (mut bench, _tables) = second_stage();
    bench.set(PASID, PasidEntry::default());
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert!(bench.read(0x1000).is_ok(), "dropped without invalidation");
    bench.submit(Descriptor::Iotlb(Translations::All));
    bench.submit(descriptor);
    bench.read(0x1000) == Err(FaultReason::PasidEntryNotPresent)
}

#[test]
fn pasid_cache_forgets_by_pasid_and_domain() {
    let one = |domain, pasid| Descriptor::PasidCache(PasidEntries::One(domain, pasid));
    let of = |domain| Descriptor::PasidCache(PasidEntries::Domain(domain));
    assert!(forgets_entry(Descriptor::PasidCache(PasidEntries::All)));
    assert!(forgets_entry(of(DOMAIN)));
    assert!(forgets_entry(one(DOMAIN, PASID)));
    assert!(!forgets_entry(of(OTHER)));
    assert!(!forgets_entry(one(OTHER, PASID)));
    assert!(!forgets_entry(one(DOMAIN, RID_PASID)));
    assert!(!forgets_entry(Descriptor::ContextCache(Contexts::All)));
}

#[test]
fn context_cache_forgets_by_requester() {
    let forgets = |which: Contexts| {
        let (mut bench, _tables) = second_stage();
        bench
            .root
            .set_context(SOURCE, ContextEntry::default())
            .unwrap();
        bench.submit(Descriptor::Iotlb(Translations::All));
        assert!(bench.read(0x1000).is_ok(), "dropped without invalidation");
        bench.submit(Descriptor::Iotlb(Translations::All));
        bench.submit(Descriptor::ContextCache(which));
        bench.read(0x1000) == Err(FaultReason::ContextNotPresent)
    };
    let device = |source, mask| Contexts::Device {
        domain: DOMAIN,
        source,
        mask,
    };
    assert!(forgets(Contexts::All));
    assert!(forgets(Contexts::Domain(OTHER)));
    assert!(forgets(device(SOURCE, 0)));
    assert!(!forgets(device(Bdf::new(2, 0, 0), 0)));
    assert!(!forgets(device(Bdf::new(1, 0, 4), 0)));
    assert!(forgets(device(Bdf::new(1, 0, 4), 1)));
    assert!(!forgets(device(Bdf::new(1, 0, 2), 1)));
}

#[test]
fn failures_are_not_cached() {
    let (mut bench, mut tables) = second_stage();
    assert!(bench.read(0x5000).is_err());
    tables.map(0x5000, 0x12_4000, 0x1000, RW).unwrap();
    assert_eq!(bench.read(0x5000), Ok(0x12_4000));
}

#[test]
fn cached_translation_without_the_right_is_walked_again() {
    let (mut bench, mut tables) = second_stage();
    tables
        .map(0x6000, 0x12_6000, 0x1000, PageRights::READ)
        .unwrap();
    bench.read(0x6000).unwrap();
    tables.unmap(0x6000, 0x1000).unwrap();
    tables.map(0x6000, 0x12_6000, 0x1000, RW).unwrap();
    assert_eq!(bench.write(0x6000), Ok(0x12_6000));
}

#[test]
fn streams_with_equal_addresses_do_not_share_translations() {
    let (mut bench, _tables) = second_stage();
    let other = Pasid::new(9).unwrap();
    bench.set(other, PasidEntry::pass_through(OTHER));
    bench.set(RID_PASID, PasidEntry::pass_through(OTHER));
    let read = request(Access::Read, 0x1000);
    assert_eq!(
        bench.reason_of(Request {
            pasid: Some(other),
            ..read
        }),
        Ok(0x1000)
    );
    assert_eq!(
        bench.reason_of(Request {
            pasid: None,
            ..read
        }),
        Ok(0x1000)
    );
    assert_eq!(bench.reason_of(read), Ok(0x12_3000));
}
