// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translation Requests and translated requests.

use super::*;
use crate::pcie::tlp::CompletionStatus;

const RW: PageRights = PageRights::READ_WRITE;
const READ: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const UNTRANSLATED: u64 = 1 << 2;
const PRIVILEGED: u64 = 1 << 4;
const SNOOP: u64 = 1 << 10;
const UR: Result<u64, CompletionStatus> = Err(CompletionStatus::UnsupportedRequest);
const CA: Result<u64, CompletionStatus> = Err(CompletionStatus::CompleterAbort);

/// A bench whose context lets device-TLBs in.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let context = bench.pasids.context_entry(RID_PASID).with_device_tlb(false);
    bench.root.set_context(SOURCE, context).unwrap();
    bench
}

/// The same, with second-stage tables for `PASID` as `map` fills them.
fn mapped(map: impl FnOnce(&mut SecondStage)) -> Bench {
    let mut bench = bench();
    let mut tables = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    map(&mut tables);
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DOMAIN),
    );
    bench
}

fn ask(address: u64) -> Request {
    Request {
        at: AddressType::TranslationRequest,
        ..request(Access::Read, address)
    }
}

fn translate(bench: &mut Bench, request: Request) -> Result<u64, CompletionStatus> {
    bench.iommu.translate(&bench.memory, &request, false)
}

fn translate_no_write(bench: &mut Bench, request: Request) -> Result<u64, CompletionStatus> {
    bench.iommu.translate(&bench.memory, &request, true)
}

fn translated(address: u64) -> Request {
    Request {
        at: AddressType::Translated,
        pasid: None,
        ..request(Access::Write, address)
    }
}

#[test]
fn page_is_answered_with_its_address_and_rights() {
    let mut bench = mapped(|tables| tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap());
    assert_eq!(
        translate(&mut bench, ask(0x1000)),
        Ok(0x12_3000 | READ | WRITE)
    );
}

#[test]
fn page_asked_for_without_writing_comes_without_that_right() {
    let mut bench = mapped(|tables| tables.map(0x1000, 0x12_3000, 0x1000, RW).unwrap());
    assert_eq!(
        translate_no_write(&mut bench, ask(0x1000)),
        Ok(0x12_3000 | READ)
    );
    assert_eq!(
        translate(&mut bench, ask(0x1000)),
        Ok(0x12_3000 | READ | WRITE)
    );
}

#[test]
fn read_only_page_is_answered_without_the_right_to_write_and_without_a_fault() {
    let read = PageRights::READ;
    let mut bench = mapped(|tables| tables.map(0x1000, 0x12_3000, 0x1000, read).unwrap());
    for _ in 0..2 {
        assert_eq!(translate(&mut bench, ask(0x1000)), Ok(0x12_3000 | READ));
    }
    assert_eq!(bench.pop_fault(), None);
}

#[test]
fn large_page_is_answered_whole() {
    let mut bench = mapped(|tables| tables.map(0x20_0000, 0x40_0000, 0x20_0000, RW).unwrap());
    let whole = Ok(0x40_0000 | 0xf_f000 | 1 << 11 | READ | WRITE);
    assert_eq!(translate(&mut bench, ask(0x20_5000)), whole);
    assert_eq!(translate(&mut bench, ask(0x20_5000)), whole);
}

#[test]
fn large_page_around_the_interrupt_range_is_answered_in_part() {
    let mut bench = bench();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    assert_eq!(
        translate(&mut bench, ask(0xfef0_0000)),
        Ok(0xfef0_0000 | READ | WRITE)
    );
}

#[test]
fn page_snoop_is_told() {
    let mut bench = bench();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN).with_page_snoop());
    let answer = translate(&mut bench, ask(0x1000)).unwrap();
    assert_eq!(answer & SNOOP, SNOOP);
}

#[test]
fn privileged_request_is_told_so() {
    let mut bench = bench();
    bench.set(
        PASID,
        PasidEntry::pass_through(DOMAIN).with_supervisor(false),
    );
    let privileged = Request {
        privileged: true,
        ..ask(0x1000)
    };
    let answer = translate(&mut bench, privileged).unwrap();
    assert_eq!(answer & PRIVILEGED, PRIVILEGED);
}

#[test]
fn privileged_request_without_sre_gets_no_rights() {
    let mut bench = bench();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    let privileged = Request {
        privileged: true,
        ..ask(0x1000)
    };
    assert_eq!(translate(&mut bench, privileged), Ok(PRIVILEGED));
}

#[test]
fn recoverable_faults_are_answered_without_rights_and_not_recorded() {
    let mut bench = mapped(|_| ());
    assert_eq!(translate(&mut bench, ask(0x1000)), Ok(0));
    assert_eq!(translate(&mut bench, ask(1 << 50)), Ok(0));
    bench.set(PASID, PasidEntry::default());
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    assert_eq!(translate(&mut bench, ask(0x1000)), Ok(0));
    assert_eq!(bench.pop_fault(), None);
}

#[test]
fn faults_of_the_tables_are_completer_aborts_and_recorded() {
    let mut bench = bench();
    let mut words = PasidEntry::pass_through(DOMAIN).0;
    words[0] |= 1 << 5;
    bench.set(PASID, PasidEntry(words));
    assert_eq!(translate(&mut bench, ask(0x1000)), CA);
    let fault = bench.pop_fault().unwrap();
    assert_eq!(
        (fault.reason, fault.at, fault.access),
        (
            FaultReason::PasidEntryReserved,
            AddressType::TranslationRequest,
            FaultAccess::Read
        )
    );
}

#[test]
fn device_tlb_that_is_not_allowed_gets_unsupported_request() {
    let mut bench = Bench::new();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    bench.read(0x1000).unwrap();
    assert_eq!(translate(&mut bench, ask(0x1000)), UR);
    assert_eq!(
        bench.pop_fault().map(|fault| fault.reason),
        Some(FaultReason::DeviceTlbDisabled)
    );
    assert_eq!(
        bench.reason_of(translated(0x1000)),
        Err(FaultReason::DeviceTlbDisabled)
    );
}

#[test]
fn translation_request_is_unsupported_while_translation_is_off() {
    let mut bench = bench();
    bench.command(regs::TE);
    assert_eq!(translate(&mut bench, ask(0x1000)), UR);
    assert_eq!(bench.pop_fault(), None);
}

#[test]
fn interrupt_range_without_pasid_is_to_be_written_untranslated() {
    let mut bench = bench();
    let range = Request {
        pasid: None,
        ..ask(0xfee0_1000)
    };
    assert_eq!(translate(&mut bench, range), Ok(WRITE | UNTRANSLATED));
    assert_eq!(translate_no_write(&mut bench, range), Ok(0));
}

#[test]
fn translation_into_the_interrupt_range_is_a_completer_abort() {
    let mut bench = bench();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    assert_eq!(translate(&mut bench, ask(0xfee0_1000)), CA);
}

#[test]
fn translated_request_goes_where_it_says() {
    let mut bench = bench();
    assert_eq!(bench.reason_of(translated(0x12_3000)), Ok(0x12_3000));
}

#[test]
fn translated_request_with_pasid_is_blocked() {
    let with_pasid = Request {
        pasid: Some(PASID),
        ..translated(0x1000)
    };
    assert_eq!(
        bench().reason_of(with_pasid),
        Err(FaultReason::TranslatedPasid)
    );
}

#[test]
fn translated_request_beyond_host_memory_or_to_interrupts_is_blocked() {
    assert_eq!(
        bench().reason_of(translated(1 << 48)),
        Err(FaultReason::BeyondHostAddress)
    );
    let interrupt = Request {
        whole_dword: true,
        ..translated(0xfee0_1000)
    };
    assert_eq!(
        bench().reason_of(interrupt),
        Err(FaultReason::OutputInterruptRange)
    );
}

#[test]
fn write_with_the_type_of_a_translation_request_is_blocked() {
    let write = Request {
        at: AddressType::TranslationRequest,
        ..request(Access::Write, 0x1000)
    };
    assert_eq!(bench().route(write), Err(Blocked));
}

#[test]
fn statuses_of_translation_requests_are_those_of_the_fault_table() {
    let with = |status| {
        let reasons = FaultReason::ALL.iter();
        reasons
            .filter(|reason| reason.translation_status() == status)
            .map(|reason| reason.code())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        with(CompletionStatus::Success),
        [
            0x51, 0x59, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x80, 0x81,
            0x83, 0x84, 0x85, 0x86, 0x90
        ]
    );
    assert_eq!(
        with(CompletionStatus::CompleterAbort),
        [
            0x30, 0x38, 0x3a, 0x40, 0x42, 0x43, 0x50, 0x52, 0x58, 0x5a, 0x5b, 0x78, 0x7a, 0x7b,
            0x7c, 0x87
        ]
    );
}
