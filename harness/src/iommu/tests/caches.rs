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

/// Whether page 1, no longer mapped, is forgotten after `invalidate`.
fn forgets(
    (mut bench, unmap): (Bench, impl FnOnce()),
    invalidate: impl FnOnce(&mut Iommu),
) -> bool {
    unmap();
    assert_eq!(
        bench.read(0x1abc),
        Ok(0x12_3abc),
        "dropped without invalidation"
    );
    invalidate(&mut bench.iommu);
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

#[test]
fn global_invalidation_forgets_all() {
    assert!(forgets(second(), Iommu::invalidate_iotlb));
    assert!(forgets(first(), Iommu::invalidate_iotlb));
}

#[test]
fn domain_invalidation_forgets_its_domain_only() {
    assert!(forgets(second(), |iommu| iommu.invalidate_iotlb_domain(DOMAIN)));
    assert!(!forgets(second(), |iommu| iommu.invalidate_iotlb_domain(OTHER)));
}

#[test]
fn page_invalidation_forgets_second_stage_pages_by_address() {
    assert!(forgets(second(), |iommu| iommu
        .invalidate_iotlb_pages(DOMAIN, 0x1000, 0)));
    assert!(forgets(second(), |iommu| iommu
        .invalidate_iotlb_pages(DOMAIN, 0x0, 1)));
    assert!(!forgets(second(), |iommu| iommu
        .invalidate_iotlb_pages(DOMAIN, 0x2000, 0)));
    assert!(!forgets(second(), |iommu| iommu
        .invalidate_iotlb_pages(OTHER, 0x1000, 0)));
}

#[test]
fn page_invalidation_forgets_first_stage_pages_whatever_their_address() {
    assert!(forgets(first(), |iommu| iommu
        .invalidate_iotlb_pages(DOMAIN, 0x9000, 0)));
}

#[test]
fn pasid_invalidation_forgets_its_pasid_only() {
    let other = Pasid::new(9).unwrap();
    assert!(forgets(second(), |iommu| iommu
        .invalidate_iotlb_pasid(DOMAIN, PASID)));
    assert!(!forgets(second(), |iommu| iommu
        .invalidate_iotlb_pasid(DOMAIN, other)));
    assert!(!forgets(second(), |iommu| iommu.invalidate_iotlb_pasid(OTHER, PASID)));
}

#[test]
fn page_in_pasid_invalidation_forgets_first_stage_pages_only() {
    let page = |iommu: &mut Iommu| iommu.invalidate_iotlb_pasid_pages(DOMAIN, PASID, 0x1000, 0);
    let beside = |iommu: &mut Iommu| iommu.invalidate_iotlb_pasid_pages(DOMAIN, PASID, 0x2000, 0);
    assert!(forgets(first(), page));
    assert!(!forgets(first(), beside));
    assert!(!forgets(second(), page));
}

#[test]
fn largest_order_covers_all_addresses() {
    assert!(forgets(second(), |iommu| iommu.invalidate_iotlb_pages(
        DOMAIN,
        1 << 56,
        63
    )));
}

/// Whether the PASID entry, no longer present, is forgotten after `invalidate`.
fn forgets_entry(invalidate: impl FnOnce(&mut Iommu)) -> bool {
    let (mut bench, _tables) = second_stage();
    bench.set(PASID, PasidEntry::default());
    bench.iommu.invalidate_iotlb();
    assert!(bench.read(0x1000).is_ok(), "dropped without invalidation");
    bench.iommu.invalidate_iotlb();
    invalidate(&mut bench.iommu);
    bench.read(0x1000) == Err(FaultReason::PasidEntryNotPresent)
}

#[test]
fn pasid_cache_forgets_by_pasid_and_domain() {
    assert!(forgets_entry(Iommu::invalidate_pasids));
    assert!(forgets_entry(
        |iommu| iommu.invalidate_pasids_of_domain(DOMAIN)
    ));
    assert!(forgets_entry(|iommu| iommu.invalidate_pasid(DOMAIN, PASID)));
    assert!(!forgets_entry(
        |iommu| iommu.invalidate_pasids_of_domain(OTHER)
    ));
    assert!(!forgets_entry(|iommu| iommu.invalidate_pasid(OTHER, PASID)));
    assert!(!forgets_entry(
        |iommu| iommu.invalidate_pasid(DOMAIN, RID_PASID)
    ));
    assert!(!forgets_entry(Iommu::invalidate_contexts));
}

#[test]
fn context_cache_forgets_by_requester() {
    let forgets = |invalidate: fn(&mut Iommu)| {
        let (mut bench, _tables) = second_stage();
        bench
            .root
            .set_context(SOURCE, ContextEntry::default())
            .unwrap();
        bench.iommu.invalidate_iotlb();
        assert!(bench.read(0x1000).is_ok(), "dropped without invalidation");
        bench.iommu.invalidate_iotlb();
        invalidate(&mut bench.iommu);
        bench.read(0x1000) == Err(FaultReason::ContextNotPresent)
    };
    assert!(forgets(Iommu::invalidate_contexts));
    assert!(forgets(|iommu| iommu.invalidate_context(SOURCE)));
    assert!(!forgets(|iommu| iommu.invalidate_context(Bdf::new(2, 0, 0))));
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
