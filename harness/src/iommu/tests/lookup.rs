// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! From the request to the PASID table entry: every check on the way.

use super::*;

const PASS: PasidEntry = PasidEntry::pass_through(DOMAIN);

/// A bench where `PASID` and RID_PASID pass through.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.set(PASID, PASS);
    bench.set(RID_PASID, PASS);
    bench
}

fn interrupt() -> Request {
    Request {
        pasid: None,
        whole_dword: true,
        ..request(Access::Write, 0xfee0_1004)
    }
}

#[test]
fn requests_pass_as_they_are_while_translation_is_off() {
    let mut bench = bench();
    bench.command(regs::TE);
    assert_eq!(bench.read(0x1234_5678_9abc), Ok(0x1234_5678_9abc));
}

#[test]
fn translated_request_is_blocked_without_a_record_while_translation_is_off() {
    let mut bench = bench();
    bench.command(regs::TE);
    let translated = Request {
        at: AddressType::Translated,
        ..request(Access::Read, 0x1000)
    };
    assert_eq!(bench.route(translated), Err(Blocked));
    assert!(bench.pop_fault().is_none());
}

#[test]
fn single_dword_write_without_pasid_to_feex_is_an_interrupt() {
    assert_eq!(bench().route(interrupt()), Ok(Target::Interrupt));
}

#[test]
fn other_requests_without_pasid_to_feex_are_malformed_interrupts() {
    let malformed = Err(FaultReason::MalformedInterrupt);
    let mut bench = bench();
    assert_eq!(
        bench.reason_of(Request {
            whole_dword: false,
            ..interrupt()
        }),
        malformed
    );
    assert_eq!(
        bench.reason_of(Request {
            access: Access::Read,
            ..interrupt()
        }),
        malformed
    );
}

#[test]
fn zero_length_read_of_feex_succeeds() {
    let read = Request {
        access: Access::Read,
        zero_length: true,
        ..interrupt()
    };
    assert_eq!(bench().route(read), Ok(Target::Nothing));
}

#[test]
fn write_with_pasid_to_feex_is_translated_and_its_output_refused() {
    let mut bench = bench();
    let write = Request {
        pasid: Some(PASID),
        ..interrupt()
    };
    assert_eq!(
        bench.reason_of(write),
        Err(FaultReason::OutputInterruptRange)
    );
}

#[test]
fn request_without_pasid_uses_rid_pasid() {
    let mut bench = bench();
    let read = Request {
        pasid: None,
        ..request(Access::Read, 0x5678)
    };
    assert_eq!(bench.reason_of(read), Ok(0x5678));
    bench.set(RID_PASID, PasidEntry::default());
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert_eq!(
        bench.reason_of(read),
        Err(FaultReason::PasidEntryNotPresent)
    );
}

#[test]
fn request_with_rid_pasid_is_blocked() {
    let read = Request {
        pasid: Some(RID_PASID),
        ..request(Access::Read, 0x5678)
    };
    assert_eq!(bench().reason_of(read), Err(FaultReason::PasidIsRidPasid));
}

#[test]
fn abort_mode_blocks_everything() {
    let mut bench = bench();
    bench.set_mode(regs::TTM_ABORT);
    assert_eq!(bench.read(0x1000), Err(FaultReason::AbortMode));
}

#[test]
fn legacy_and_reserved_modes_block_everything() {
    let mut bench = bench();
    let plain = Request {
        pasid: None,
        ..request(Access::Read, 0x1000)
    };
    bench.set_mode(0);
    assert_eq!(bench.read(0x1000), Err(FaultReason::LegacyPasid));
    assert_eq!(bench.reason_of(plain), Err(FaultReason::TableMode));
    bench.set_mode(0b10 << 10);
    assert_eq!(bench.read(0x1000), Err(FaultReason::TableMode));
}

#[test]
fn request_to_execute_is_blocked() {
    let execute = Request {
        execute: true,
        ..request(Access::Read, 0x1000)
    };
    let mut bench = bench();
    bench.read(0x1000).unwrap();
    assert_eq!(bench.reason_of(execute), Err(FaultReason::ExecuteRequested));
}

#[test]
fn root_entry_is_checked() {
    let mut bench = bench();
    let entry = bench.root.address().offset(16);
    let good = bench.memory.read_u64(entry).unwrap();
    let mut with = |value| {
        bench.memory.write_u64(entry, value).unwrap();
        bench.read(0x1000)
    };
    assert_eq!(with(0), Err(FaultReason::RootNotPresent));
    assert_eq!(with(good | 2), Err(FaultReason::RootReserved));
    assert_eq!(with(good | 1 << 50), Err(FaultReason::RootReserved));
    bench.write64(regs::RTADDR, 1 << 40 | regs::TTM_SCALABLE);
    bench.command(regs::SRTP);
    assert_eq!(bench.read(0x1000), Err(FaultReason::RootAccess));
}

#[test]
fn devices_16_to_31_have_the_upper_context_table() {
    let mut bench = bench();
    let source = Bdf::new(1, 16, 0);
    let read = Request {
        source,
        ..request(Access::Read, 0x1000)
    };
    assert_eq!(bench.reason_of(read), Err(FaultReason::RootNotPresent));
    bench
        .root
        .set_context(source, bench.pasids.context_entry(RID_PASID))
        .unwrap();
    assert_eq!(bench.reason_of(read), Ok(0x1000));
}

#[test]
fn context_entry_is_checked() {
    let mut bench = bench();
    let good = bench.pasids.context_entry(RID_PASID);
    let mut with = |change: fn(&mut [u64; 4])| {
        let mut words = good.0;
        change(&mut words);
        bench.root.set_context(SOURCE, ContextEntry(words)).unwrap();
        bench.submit(Descriptor::ContextCache(Contexts::All));
        bench.read(0x1000)
    };
    assert_eq!(
        with(|words| words[0] = 0),
        Err(FaultReason::ContextNotPresent)
    );
    // HPTE, EPTR and bits 8:7 are reserved here.
    assert_eq!(
        with(|words| words[0] |= 1 << 5),
        Err(FaultReason::ContextReserved)
    );
    assert_eq!(
        with(|words| words[0] |= 1 << 8),
        Err(FaultReason::ContextReserved)
    );
    assert_eq!(
        with(|words| words[1] |= 1 << 21),
        Err(FaultReason::ContextReserved)
    );
    assert_eq!(
        with(|words| words[3] |= 1),
        Err(FaultReason::ContextReserved)
    );
    // RID_PASID beyond a directory for 2^13 PASIDs.
    assert_eq!(
        with(|words| words[1] = 1 << 13),
        Err(FaultReason::ContextInvalid)
    );
    // PRE without DTE.
    assert_eq!(
        with(|words| words[0] |= 1 << 4),
        Err(FaultReason::ContextInvalid)
    );
    assert_eq!(
        with(|words| words[0] &= !(1 << 3)),
        Err(FaultReason::PasidDisabled)
    );
    assert_eq!(with(|_| ()), Ok(0x1000));
    let entry = bench.root.address().offset(16);
    bench.memory.write_u64(entry, 1 << 40 | 1).unwrap();
    bench.submit(Descriptor::ContextCache(Contexts::All));
    bench.submit(Descriptor::Iotlb(Translations::All));
    assert_eq!(bench.read(0x1000), Err(FaultReason::ContextAccess));
}

#[test]
fn pasid_beyond_the_directory_is_blocked() {
    let read = Request {
        pasid: Pasid::new(1 << 13),
        ..request(Access::Read, 0x1000)
    };
    assert_eq!(
        bench().reason_of(read),
        Err(FaultReason::PasidBeyondDirectory)
    );
}

#[test]
fn directory_entry_is_checked() {
    let mut bench = bench();
    let entry = bench.directory_entry_address();
    let good = bench.memory.read_u64(entry).unwrap();
    let mut with = |value| {
        bench.memory.write_u64(entry, value).unwrap();
        bench.read(0x1000)
    };
    assert_eq!(with(0), Err(FaultReason::DirectoryNotPresent));
    assert_eq!(with(good | 4), Err(FaultReason::DirectoryReserved));
    assert_eq!(with(1 << 40 | 1), Err(FaultReason::PasidEntryAccess));
    let far = ContextEntry::new(Hpa(1 << 40), 0, RID_PASID);
    bench.root.set_context(SOURCE, far).unwrap();
    bench.submit(Descriptor::ContextCache(Contexts::All));
    assert_eq!(bench.read(0x1000), Err(FaultReason::DirectoryAccess));
}

#[test]
fn pasid_entry_is_checked() {
    let mut bench = bench();
    let mut with = |change: fn(&mut [u64; 8])| {
        let mut words = PASS.0;
        change(&mut words);
        bench.set(PASID, PasidEntry(words));
        bench.submit(Descriptor::PasidCache(PasidEntries::All));
        bench.read(0x1000)
    };
    assert_eq!(
        with(|words| words[0] = 0),
        Err(FaultReason::PasidEntryNotPresent)
    );
    assert_eq!(
        with(|words| words[0] |= 1 << 5),
        Err(FaultReason::PasidEntryReserved)
    );
    assert_eq!(
        with(|words| words[0] |= 1 << 10),
        Err(FaultReason::PasidEntryReserved)
    );
    assert_eq!(
        with(|words| words[1] |= 1 << 16),
        Err(FaultReason::PasidEntryReserved)
    );
    assert_eq!(
        with(|words| words[1] |= 1 << 32),
        Err(FaultReason::PasidEntryReserved)
    );
    assert_eq!(
        with(|words| words[2] |= 1 << 1),
        Err(FaultReason::PasidEntryReserved)
    );
    assert_eq!(
        with(|words| words[7] |= 1),
        Err(FaultReason::PasidEntryReserved)
    );
    for pgtt in [0, 5, 6, 7] {
        let mut words = PASS.0;
        words[0] = words[0] & !(7 << 6) | pgtt << 6;
        bench.set(PASID, PasidEntry(words));
        bench.submit(Descriptor::PasidCache(PasidEntries::All));
        assert_eq!(
            bench.read(0x1000),
            Err(FaultReason::PasidEntryInvalid),
            "PGTT {pgtt}"
        );
    }
}

#[test]
fn reserved_levels_of_a_used_stage_are_invalid() {
    let mut bench = bench();
    let mut with = |entry: PasidEntry, word: usize, bits: u64| {
        let mut words = entry.0;
        words[word] |= bits;
        bench.set(PASID, PasidEntry(words));
        bench.submit(Descriptor::PasidCache(PasidEntries::All));
        bench.read(0x1000)
    };
    let invalid = Err(FaultReason::PasidEntryInvalid);
    let second = PasidEntry::second_stage(Hpa(0x1000), Levels::Five, DOMAIN);
    assert_eq!(with(second, 0, 1 << 4), invalid);
    let first = PasidEntry::first_stage(Hpa(0x1000), Levels::Four, DOMAIN);
    assert_eq!(with(first, 2, 2 << 2), invalid);
    let nested = PasidEntry::nested(
        Gpa(1 << 40),
        Levels::Four,
        Hpa(0x1000),
        Levels::Three,
        DOMAIN,
    );
    assert_eq!(with(nested, 0, 0), invalid);
}

#[test]
fn privileged_request_needs_sre() {
    let mut bench = bench();
    let read = Request {
        privileged: true,
        ..request(Access::Read, 0x1000)
    };
    assert_eq!(bench.reason_of(read), Err(FaultReason::SupervisorDisabled));
    bench.set(PASID, PASS.with_supervisor(false));
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    assert_eq!(bench.reason_of(read), Ok(0x1000));
}

#[test]
fn pass_through_address_beyond_the_host_address_width_is_blocked() {
    assert_eq!(bench().read(1 << 48), Err(FaultReason::BeyondHostAddress));
}

#[test]
fn fault_is_recorded_with_all_that_is_known() {
    let mut bench = bench();
    bench.set(PASID, PasidEntry::default());
    bench
        .route(request(Access::Write, 0x1234_5678))
        .unwrap_err();
    let expected = FaultRecord {
        reason: FaultReason::PasidEntryNotPresent,
        source: SOURCE,
        pasid: Some(PASID),
        privileged: false,
        address: Iova(0x1234_5000),
        access: FaultAccess::Write,
        at: AddressType::Untranslated,
    };
    assert_eq!(bench.pop_fault(), Some(expected));
    assert_eq!(
        expected.to_string(),
        "59h SPT.2 (PasidEntryNotPresent): write of 0x12345000 by 01:00.0 pasid 0x142"
    );
}

#[test]
fn fpd_on_the_way_keeps_qualified_faults_out_of_the_log() {
    let blocked_silently = |bench: &mut Bench| {
        assert_eq!(bench.route(request(Access::Read, 1 << 48)), Err(Blocked));
        bench.pop_fault().is_none()
    };
    let mut in_entry = bench();
    in_entry.set(PASID, PASS.with_fault_processing_disabled());
    assert!(blocked_silently(&mut in_entry));
    let mut in_directory = bench();
    let at = in_directory.directory_entry_address();
    let directory = in_directory.memory.read_u64(at).unwrap();
    in_directory.memory.write_u64(at, directory | 2).unwrap();
    assert!(blocked_silently(&mut in_directory));
    // In a context entry FPD counts even if the entry is not present.
    let mut in_context = bench();
    in_context
        .root
        .set_context(SOURCE, ContextEntry([2, 0, 0, 0]))
        .unwrap();
    assert!(blocked_silently(&mut in_context));
}

#[test]
fn fpd_does_not_hide_faults_that_are_not_qualified() {
    let mut bench = bench();
    let far = ContextEntry::new(Hpa(1 << 40), 0, RID_PASID);
    let mut words = far.0;
    words[0] |= 2;
    bench.root.set_context(SOURCE, ContextEntry(words)).unwrap();
    assert_eq!(bench.read(0x1000), Err(FaultReason::DirectoryAccess));
}

#[test]
fn reasons_have_the_codes_of_the_specification() {
    let codes: Vec<_> = FaultReason::ALL
        .iter()
        .map(|reason| reason.code())
        .collect();
    assert!(codes.is_sorted());
    assert_eq!(FaultReason::FirstStageNotPresent.code(), 0x71);
    assert_eq!(FaultReason::NoRead.code(), 0x86);
}
