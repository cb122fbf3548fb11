// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Commands, fault recording and events.

use super::*;
use crate::pcie::Msi;

const EVENT: Msi = Msi {
    address: 0xfee0_3000,
    data: 0x77,
};

/// Points an event at `EVENT` and unmasks it.
fn route(bench: &mut Bench, control: u32) {
    bench.write32(control + regs::EVENT_DATA, EVENT.data);
    bench.write32(control + regs::EVENT_ADDRESS, EVENT.address as u32);
    bench.write32(control, 0);
}

/// A request that always ends in a fault, of page `n`.
fn fault(bench: &mut Bench, n: u64) {
    bench
        .route(request(Access::Read, 1 << 60 | n << 12))
        .unwrap_err();
}

/// A bench in which `PASID` passes through.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    bench
}

fn interrupts(bench: &mut Bench) -> usize {
    let effects = bench.iommu.take_effects();
    let event = |effect: &&Effect| **effect == Effect::Interrupt(EVENT);
    effects.iter().filter(event).count()
}

fn status(bench: &Bench) -> u32 {
    bench.iommu.read32(regs::FSTS)
}

#[test]
fn status_shows_commands_that_last_and_those_done_once() {
    let bench = Bench::new();
    assert_eq!(
        bench.iommu.read32(regs::GSTS),
        regs::TE | regs::QIE | regs::SRTP
    );
}

#[test]
fn write_of_two_commands_at_once_is_ignored() {
    let mut bench = Bench::new();
    let before = bench.iommu.read32(regs::GSTS);
    bench.write32(regs::GCMD, regs::QIE | regs::IRE);
    assert_eq!(bench.iommu.read32(regs::GSTS), before);
}

#[test]
fn root_table_takes_effect_with_its_command_only() {
    let mut bench = bench();
    bench.write64(regs::RTADDR, 1 << 40 | regs::TTM_ABORT);
    assert_eq!(bench.read(0x1000), Ok(0x1000));
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert_eq!(bench.read(0x1000), Ok(0x1000));
    bench.command(regs::SRTP);
    assert_eq!(bench.read(0x2000), Err(FaultReason::AbortMode));
}

#[test]
fn capabilities_say_where_fault_records_are_and_how_many() {
    let capabilities = Bench::new().iommu.read64(regs::CAP);
    assert_eq!((capabilities >> 24 & 0x3ff) * 16, u64::from(regs::FRCD));
    assert_eq!(
        (capabilities >> 40 & 0xff) as usize + 1,
        regs::FAULT_RECORDS
    );
}

#[test]
fn read_only_and_unknown_registers_ignore_writes() {
    let mut bench = Bench::new();
    for offset in [
        regs::VER,
        regs::CAP,
        regs::ECAP,
        regs::IQH,
        regs::IQER,
        0x300,
    ] {
        let before = bench.iommu.read64(offset);
        bench.write64(offset, u64::MAX);
        assert_eq!(bench.iommu.read64(offset), before, "{offset:#x}");
    }
}

#[test]
fn halves_of_a_register_can_be_written_apart() {
    let mut bench = Bench::new();
    bench.write32(regs::PQA, 0x5000 | 3);
    bench.write32(regs::PQA + 4, 0x12);
    assert_eq!(bench.iommu.read64(regs::PQA), 0x12_0000_5003);
}

#[test]
fn full_fault_records_keep_the_oldest_and_set_overflow() {
    let mut bench = bench();
    for n in 0..regs::FAULT_RECORDS as u64 {
        fault(&mut bench, n);
    }
    assert_eq!(status(&bench), regs::PPF);
    fault(&mut bench, 99);
    assert_eq!(status(&bench), regs::PPF | regs::PFO);
    assert_eq!(bench.pop_fault().map(|r| r.address), Some(Iova(1 << 60)));
    bench.write32(regs::FSTS, regs::PFO);
    assert_eq!(status(&bench), regs::PPF);
}

#[test]
fn nothing_is_recorded_until_overflow_is_cleared() {
    let mut bench = bench();
    for n in 0..=regs::FAULT_RECORDS as u64 {
        fault(&mut bench, n);
    }
    while bench.pop_fault().is_some() {}
    fault(&mut bench, 99);
    assert_eq!(status(&bench) & regs::PPF, 0);
    bench.write32(regs::FSTS, regs::PFO);
    fault(&mut bench, 99);
    assert_eq!(status(&bench) & regs::PPF, regs::PPF);
}

#[test]
fn equal_faults_are_recorded_once_until_the_record_is_taken() {
    let mut bench = bench();
    fault(&mut bench, 1);
    fault(&mut bench, 1);
    assert!(bench.pop_fault().is_some());
    assert!(bench.pop_fault().is_none());
    fault(&mut bench, 1);
    assert!(bench.pop_fault().is_some());
}

#[test]
fn records_go_round_and_fri_says_where_they_begin() {
    let mut bench = bench();
    for n in 0..3 {
        fault(&mut bench, n);
        bench.pop_fault().unwrap();
    }
    fault(&mut bench, 3);
    assert_eq!(status(&bench), regs::PPF | 3 << regs::FRI_SHIFT);
}

#[test]
fn first_of_several_faults_raises_the_event() {
    let mut bench = bench();
    route(&mut bench, regs::FECTL);
    fault(&mut bench, 1);
    fault(&mut bench, 2);
    assert_eq!(interrupts(&mut bench), 1);
    while bench.pop_fault().is_some() {}
    fault(&mut bench, 3);
    assert_eq!(interrupts(&mut bench), 1);
}

#[test]
fn masked_event_waits_for_the_mask_to_be_lifted() {
    let mut bench = bench();
    route(&mut bench, regs::FECTL);
    bench.write32(regs::FECTL, regs::IM);
    fault(&mut bench, 1);
    assert_eq!(interrupts(&mut bench), 0);
    assert_eq!(bench.iommu.read32(regs::FECTL), regs::IM | regs::IP);
    bench.write32(regs::FECTL, 0);
    assert_eq!(interrupts(&mut bench), 1);
    assert_eq!(bench.iommu.read32(regs::FECTL), 0);
}

#[test]
fn event_that_was_seen_to_while_masked_is_not_sent() {
    let mut bench = bench();
    route(&mut bench, regs::FECTL);
    bench.write32(regs::FECTL, regs::IM);
    fault(&mut bench, 1);
    bench.pop_fault().unwrap();
    bench.write32(regs::FECTL, 0);
    assert_eq!(interrupts(&mut bench), 0);
}

#[test]
fn fault_record_reads_back_from_its_bits() {
    let record = FaultRecord {
        reason: FaultReason::NoWrite,
        source: SOURCE,
        pasid: Some(PASID),
        privileged: true,
        address: Iova(0x1234_5000),
        access: FaultAccess::PageRequest,
        at: AddressType::TranslationRequest,
    };
    assert_eq!(FaultRecord::from_raw(record.raw()), Some(record));
}
