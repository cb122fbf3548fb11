// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page requests: queue, overflow, responses without software.

use super::*;
use crate::iommu::PageRequest;
use crate::pcie::tlp::Message;

const INDEX: u16 = 0x155;

/// A bench whose context lets page requests in, with a queue of 128 and pass-through.
fn bench() -> (Bench, Hpa) {
    let mut bench = Bench::new();
    let context = bench.pasids.context_entry(RID_PASID).with_device_tlb(true);
    bench.root.set_context(SOURCE, context).unwrap();
    bench.set(PASID, PasidEntry::pass_through(DOMAIN));
    let queue = bench.memory.alloc_page().unwrap();
    bench.write64(regs::PQA, queue.0);
    bench.write32(regs::PECTL, 0);
    (bench, queue)
}

const REQUEST: PageRequest = PageRequest {
    source: SOURCE,
    pasid: Some(PASID),
    privileged: false,
    execute: false,
    page: Iova(0x1234_5000),
    read: true,
    write: false,
    last: true,
    index: INDEX,
};

const STOP_MARKER: PageRequest = PageRequest {
    read: false,
    page: Iova(0),
    index: 0,
    ..REQUEST
};

fn send(bench: &mut Bench, request: PageRequest) -> bool {
    bench.iommu.page_request(&bench.memory, &request)
}

/// Fills the queue.
fn fill(bench: &mut Bench) {
    for _ in 0..127 {
        send(bench, REQUEST);
    }
    bench.iommu.take_effects();
}

/// Response codes of the PRG Responses that were sent.
fn responses(bench: &mut Bench) -> Vec<u32> {
    let effects = bench.iommu.take_effects();
    let response = |effect| match effect {
        Effect::Message(message, None) => {
            assert_eq!(message.code, Message::PRG_RESPONSE);
            assert_eq!(message.header[0] & 0x1ff, u32::from(INDEX));
            assert_eq!(message.pasid.map(|prefix| prefix.pasid), Some(PASID));
            Some(message.header[0] >> 12 & 0xf)
        }
        _ => None,
    };
    effects.into_iter().filter_map(response).collect()
}

fn events(bench: &mut Bench) -> usize {
    let effects = bench.iommu.take_effects();
    let event = |effect: &&Effect| matches!(effect, Effect::Interrupt(_));
    effects.iter().filter(event).count()
}

#[test]
fn request_is_written_to_the_queue_and_raises_the_event() {
    let (mut bench, queue) = bench();
    assert!(send(&mut bench, REQUEST));
    let mut words = [0_u64; 4];
    bench
        .memory
        .read(queue, bytemuck::cast_slice_mut(&mut words))
        .unwrap();
    assert_eq!(words[0], 0x0000_0142_0100_0101);
    assert_eq!(words[1], 0x1234_5000 | u64::from(INDEX) << 3 | 0b101);
    assert_eq!(PageRequest::from_raw(words), REQUEST);
    assert_eq!(bench.iommu.read64(regs::PQT), WIDE);
    assert_eq!(bench.iommu.read32(regs::PRS), regs::PPR);
    assert_eq!(events(&mut bench), 1);
}

#[test]
fn event_is_raised_again_only_after_the_status_is_cleared() {
    let (mut bench, _) = bench();
    send(&mut bench, REQUEST);
    send(&mut bench, REQUEST);
    assert_eq!(events(&mut bench), 1);
    bench.write32(regs::PRS, regs::PPR);
    send(&mut bench, REQUEST);
    assert_eq!(events(&mut bench), 1);
}

#[test]
fn full_queue_answers_the_last_of_a_group_with_success_and_sets_overflow() {
    let (mut bench, _) = bench();
    fill(&mut bench);
    assert_eq!(bench.iommu.read32(regs::PRS), regs::PPR);
    send(
        &mut bench,
        PageRequest {
            last: false,
            ..REQUEST
        },
    );
    assert_eq!(responses(&mut bench), [0; 0]);
    assert_eq!(bench.iommu.read32(regs::PRS), regs::PPR | regs::PRO);
    send(&mut bench, REQUEST);
    assert_eq!(responses(&mut bench), [0]);
}

#[test]
fn nothing_is_queued_until_overflow_is_cleared() {
    let (mut bench, _) = bench();
    fill(&mut bench);
    send(&mut bench, REQUEST);
    let tail = bench.iommu.read64(regs::PQT);
    bench.write64(regs::PQH, tail);
    bench.iommu.take_effects();
    send(&mut bench, REQUEST);
    assert_eq!(bench.iommu.read64(regs::PQT), tail);
    assert_eq!(responses(&mut bench), [0]);
    bench.write32(regs::PRS, regs::PRO);
    send(&mut bench, REQUEST);
    assert_ne!(bench.iommu.read64(regs::PQT), tail);
}

#[test]
fn faulting_request_is_recorded_and_answered_invalid() {
    let (mut bench, _) = bench();
    bench.set(PASID, PasidEntry::default());
    send(&mut bench, REQUEST);
    assert_eq!(responses(&mut bench), [1]);
    let fault = bench.pop_fault().unwrap();
    assert_eq!(
        (fault.reason, fault.access),
        (FaultReason::PasidEntryNotPresent, FaultAccess::PageRequest)
    );
    assert_eq!(bench.iommu.read64(regs::PQT), 0);
}

#[test]
fn faulting_request_that_is_not_the_last_of_its_group_is_not_answered() {
    let (mut bench, _) = bench();
    bench.set(PASID, PasidEntry::default());
    send(
        &mut bench,
        PageRequest {
            last: false,
            ..REQUEST
        },
    );
    assert_eq!(responses(&mut bench), [0; 0]);
}

#[test]
fn page_requests_that_the_context_does_not_allow_are_invalid() {
    let (mut bench, _) = bench();
    let context = bench.pasids.context_entry(RID_PASID).with_device_tlb(false);
    bench.root.set_context(SOURCE, context).unwrap();
    send(&mut bench, REQUEST);
    assert_eq!(responses(&mut bench), [1]);
    assert_eq!(
        bench.pop_fault().map(|fault| fault.reason),
        Some(FaultReason::PageRequestDisabled)
    );
}

#[test]
fn page_request_in_legacy_mode_is_invalid() {
    let (mut bench, _) = bench();
    bench.set_mode(0);
    send(&mut bench, REQUEST);
    assert_eq!(responses(&mut bench), [1]);
    assert_eq!(
        bench.pop_fault().map(|fault| fault.reason),
        Some(FaultReason::LegacyPageRequest)
    );
}

#[test]
fn stop_marker_is_queued_and_never_answered() {
    let (mut bench, _) = bench();
    send(&mut bench, STOP_MARKER);
    assert_eq!(bench.iommu.read64(regs::PQT), WIDE);
    bench.set(PASID, PasidEntry::default());
    bench.submit(Descriptor::PasidCache(PasidEntries::All));
    send(&mut bench, STOP_MARKER);
    assert_eq!(responses(&mut bench), [0; 0]);
    assert_eq!(bench.pop_fault(), None);
}

#[test]
fn stop_marker_that_does_not_fit_is_dropped_without_a_word() {
    let (mut bench, _) = bench();
    fill(&mut bench);
    let tail = bench.iommu.read64(regs::PQT);
    send(&mut bench, STOP_MARKER);
    assert_eq!(bench.iommu.read64(regs::PQT), tail);
    assert_eq!(bench.iommu.read32(regs::PRS), regs::PPR);
    assert!(!bench.iommu.has_effects());
}

#[test]
fn page_request_is_refused_while_translation_is_off() {
    let (mut bench, _) = bench();
    bench.command(regs::TE);
    assert!(!send(&mut bench, REQUEST));
    assert!(!bench.iommu.has_effects());
}

#[test]
fn page_request_drops_what_the_iotlb_has_of_the_page() {
    let (mut bench, _) = bench();
    let mut tables = SecondStage::new(bench.memory.clone(), Levels::Four).unwrap();
    let rw = PageRights::READ_WRITE;
    tables.map(0x1234_5000, 0x10_0000, 0x1000, rw).unwrap();
    bench.set(
        PASID,
        PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DOMAIN),
    );
    bench.read(0x1234_5000).unwrap();
    tables.unmap(0x1234_5000, 0x1000).unwrap();
    tables.map(0x1234_5000, 0x20_0000, 0x1000, rw).unwrap();
    assert_eq!(bench.read(0x1234_5000), Ok(0x10_0000));
    send(&mut bench, REQUEST);
    assert_eq!(bench.read(0x1234_5000), Ok(0x20_0000));
}
