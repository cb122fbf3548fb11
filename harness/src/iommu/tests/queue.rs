// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The invalidation queue: descriptors, waits, device-TLBs, errors.

use super::*;
use crate::iommu::descriptor::{DeviceInvalidation, GroupResponse, ResponseCode, Wait};
use crate::pcie::tlp::{Attributes, Message, Routing};
use crate::pcie::{Msi, Tag};

const DATA: u32 = 0xd0e;

const INVALIDATION: DeviceInvalidation = DeviceInvalidation {
    source: SOURCE,
    pasid: Some(PASID),
    global: false,
    pages: Pages::one(0x1234_5000),
    max_pending: 32,
};

/// A bench, and an address for wait descriptors to write to.
fn bench() -> (Bench, Hpa) {
    let bench = Bench::new();
    let status = bench.memory.alloc_page().unwrap();
    (bench, status)
}

fn wait(status: Hpa) -> Descriptor {
    Descriptor::Wait(Wait {
        status: Some((status, DATA)),
        ..Wait::default()
    })
}

/// The messages that were sent, with their payloads.
fn messages(bench: &mut Bench) -> Vec<(Message, Option<u64>)> {
    let effects = bench.iommu.take_effects();
    let message = |effect| match effect {
        Effect::Message(message, payload) => Some((message, payload)),
        _ => None,
    };
    effects.into_iter().filter_map(message).collect()
}

/// The device completes invalidations.
fn complete(bench: &mut Bench, source: Bdf, itags: u32, copies: u32) {
    let taken = send_completion(bench, source, [copies & 7, itags]);
    assert!(taken);
}

fn send_completion(bench: &mut Bench, source: Bdf, header: [u32; 2]) -> bool {
    let message = Message {
        requester: source,
        tag: Tag::default(),
        code: Message::INVALIDATE_COMPLETION,
        routing: Routing::Id,
        header,
        attr: Attributes::default(),
        pasid: None,
    };
    bench
        .iommu
        .invalidate_completed(&bench.memory, NOW, &message)
}

fn fault_status(bench: &Bench) -> u32 {
    bench.iommu.read32(regs::FSTS)
}

fn queue_error(bench: &Bench) -> u64 {
    bench.iommu.read64(regs::IQER)
}

#[test]
fn every_descriptor_reads_back_from_its_bits() {
    let domain = DomainId(0x1234);
    let pages = Pages {
        address: 0xffff_8000_0000_0000,
        order: 18,
    };
    for descriptor in [
        Descriptor::ContextCache(Contexts::All),
        Descriptor::ContextCache(Contexts::Domain(domain)),
        Descriptor::ContextCache(Contexts::Device {
            domain,
            source: SOURCE,
            mask: 3,
        }),
        Descriptor::Iotlb(Translations::All),
        Descriptor::Iotlb(Translations::Domain(domain)),
        Descriptor::Iotlb(Translations::Pages(domain, pages)),
        Descriptor::DeviceTlb(INVALIDATION),
        Descriptor::DeviceTlb(DeviceInvalidation {
            global: true,
            max_pending: 7,
            ..INVALIDATION
        }),
        Descriptor::DeviceTlb(DeviceInvalidation {
            pasid: None,
            ..INVALIDATION
        }),
        Descriptor::InterruptEntries(None),
        Descriptor::InterruptEntries(Some((0xfffe, 15))),
        Descriptor::Wait(Wait {
            status: Some((Hpa(0x1234_5678), 9)),
            interrupt: true,
            fence: true,
            drain: true,
        }),
        Descriptor::PasidIotlb(domain, Pasid::MAX, None),
        Descriptor::PasidIotlb(domain, Pasid::MAX, Some(pages)),
        Descriptor::PasidCache(PasidEntries::All),
        Descriptor::PasidCache(PasidEntries::Domain(domain)),
        Descriptor::PasidCache(PasidEntries::One(domain, Pasid::MAX)),
        Descriptor::GroupResponse(GroupResponse {
            source: SOURCE,
            pasid: Some(PASID),
            index: 0x1ff,
            code: ResponseCode::ResponseFailure,
        }),
    ] {
        assert_eq!(
            Descriptor::decode(descriptor.encode(), true),
            Ok(descriptor)
        );
    }
}

#[test]
fn block_of_pages_is_said_by_its_lowest_0_bit() {
    let ats = |address, order| Pages { address, order }.ats();
    assert_eq!(ats(0x1234_5000, 0), 0x1234_5000);
    assert_eq!(ats(0x1234_5000, 1), 0x1234_4800);
    assert_eq!(ats(0x1234_5000, 2), 0x1234_5800);
    assert_eq!(ats(0x4020_0000, 9), 0x402f_f800);
    assert_eq!(ats(0x4000_0000, 18), 0x5fff_f800);
    assert_eq!(Pages::ALL.ats(), 0x7fff_ffff_ffff_f800);
}

#[test]
fn wait_writes_its_status_and_moves_the_head() {
    let (mut bench, status) = bench();
    bench.submit(wait(status));
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
    assert_eq!(bench.iommu.read64(regs::IQH), WIDE);
    assert!(
        bench
            .iommu
            .take_effects()
            .contains(&Effect::Written(status, 4))
    );
}

#[test]
fn wait_with_interrupt_raises_the_event_once_until_it_is_served() {
    let (mut bench, _) = bench();
    bench.write32(regs::IECTL + regs::EVENT_DATA, 0x55);
    bench.write32(regs::IECTL, 0);
    let wait = Descriptor::Wait(Wait {
        interrupt: true,
        ..Wait::default()
    });
    let event = Effect::Interrupt(Msi {
        address: 0,
        data: 0x55,
    });
    bench.submit(wait);
    bench.submit(wait);
    assert_eq!(bench.iommu.take_effects(), std::slice::from_ref(&event));
    assert_eq!(bench.iommu.read32(regs::ICS), regs::IWC);
    bench.write32(regs::ICS, regs::IWC);
    bench.submit(wait);
    assert_eq!(bench.iommu.take_effects(), [event]);
}

#[test]
fn queue_goes_round() {
    let (mut bench, status) = bench();
    for i in 0..200 {
        bench.submit(Descriptor::Wait(Wait {
            status: Some((status, i)),
            ..Wait::default()
        }));
        assert_eq!(bench.memory.read_u32(status), Ok(i));
    }
}

#[test]
fn nothing_is_done_while_the_queue_is_off() {
    let (mut bench, status) = bench();
    bench.command(regs::QIE);
    bench.tail = 0;
    bench.submit(wait(status));
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    bench.command(regs::QIE);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
}

#[test]
fn device_invalidation_is_a_request_with_itag_pasid_and_size() {
    let (mut bench, _) = bench();
    bench.submit(Descriptor::DeviceTlb(DeviceInvalidation {
        pages: Pages {
            address: 0x4020_0000,
            order: 9,
        },
        global: true,
        ..INVALIDATION
    }));
    bench.submit(Descriptor::DeviceTlb(DeviceInvalidation {
        pasid: None,
        ..INVALIDATION
    }));
    let sent = messages(&mut bench);
    let (first, payload) = sent[0];
    assert_eq!((first.code, first.routing), (0x01, Routing::Id));
    assert_eq!((first.requester, first.tag), (ROOT, Tag::new(0)));
    assert_eq!(first.header, [u32::from(SOURCE.raw()) << 16, 0]);
    assert_eq!(first.pasid.map(|prefix| prefix.pasid), Some(PASID));
    assert_eq!(payload, Some(0x402f_f801));
    let (second, payload) = sent[1];
    assert_eq!((second.tag, second.pasid), (Tag::new(1), None));
    assert_eq!(payload, Some(0x1234_5000));
}

#[test]
fn wait_ends_when_all_device_invalidations_before_it_have() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    complete(&mut bench, SOURCE, 0b110, 1);
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    complete(&mut bench, SOURCE, 0b001, 1);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
}

#[test]
fn invalidation_ends_with_the_last_copy_of_its_completion() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    for _ in 0..7 {
        complete(&mut bench, SOURCE, 1, 0); // 0 means 8
        assert_eq!(bench.memory.read_u32(status), Ok(0));
    }
    complete(&mut bench, SOURCE, 1, 0);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
    assert_eq!(fault_status(&bench), 0);
}

#[test]
fn fence_holds_up_what_is_queued_later() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(Descriptor::Wait(Wait {
        fence: true,
        ..Wait::default()
    }));
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    assert_eq!(messages(&mut bench).len(), 1);
    complete(&mut bench, SOURCE, 1, 1);
    assert_eq!(messages(&mut bench).len(), 1);
    complete(&mut bench, SOURCE, 1, 1);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
}

#[test]
fn no_more_invalidations_are_pending_than_the_descriptor_allows() {
    let (mut bench, _) = bench();
    for _ in 0..3 {
        bench.submit(Descriptor::DeviceTlb(DeviceInvalidation {
            max_pending: 2,
            ..INVALIDATION
        }));
    }
    assert_eq!(messages(&mut bench).len(), 2);
    complete(&mut bench, SOURCE, 1, 1);
    let sent = messages(&mut bench);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.tag, Tag::new(0));
}

#[test]
fn completion_of_an_unknown_itag_or_device_is_recorded_and_changes_nothing() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    let stranger = Bdf::new(2, 0, 0);
    complete(&mut bench, stranger, 1, 1);
    assert_eq!(fault_status(&bench), regs::ICE);
    assert_eq!(queue_error(&bench) >> 48, u64::from(stranger.raw()));
    bench.write32(regs::FSTS, regs::ICE);
    complete(&mut bench, SOURCE, 2, 1);
    assert_eq!(fault_status(&bench), regs::ICE);
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    complete(&mut bench, SOURCE, 1, 1);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
}

#[test]
fn completion_for_another_iommu_or_while_translation_is_off_is_not_taken() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    assert!(!send_completion(&mut bench, SOURCE, [0x0100 << 16 | 1, 1]));
    bench.command(regs::TE);
    assert!(!send_completion(&mut bench, SOURCE, [1, 1]));
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    assert_eq!(fault_status(&bench), 0);
}

#[test]
fn invalidation_that_times_out_abandons_waits_and_stops_the_queue() {
    let (mut bench, status) = bench();
    bench.submit(Descriptor::DeviceTlb(INVALIDATION));
    bench.submit(wait(status));
    assert_eq!(bench.iommu.deadline(), Some(NOW + TIMEOUT));
    bench.iommu.expire(NOW + (TIMEOUT - 1));
    assert_eq!(fault_status(&bench), 0);
    bench.iommu.expire(NOW + TIMEOUT);
    assert_eq!(fault_status(&bench), regs::ITE);
    assert_eq!(queue_error(&bench) >> 32 & 0xffff, u64::from(SOURCE.raw()));
    bench.submit(wait(status));
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    bench.write32(regs::FSTS, regs::ITE);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
    assert_eq!(bench.iommu.deadline(), None);
}

#[test]
fn group_response_goes_to_the_device() {
    let (mut bench, _) = bench();
    bench.submit(Descriptor::GroupResponse(GroupResponse {
        source: SOURCE,
        pasid: Some(PASID),
        index: 0x123,
        code: ResponseCode::InvalidRequest,
    }));
    let (message, payload) = messages(&mut bench)[0];
    assert_eq!((message.code, payload), (0x05, None));
    assert_eq!(
        message.header,
        [u32::from(SOURCE.raw()) << 16 | 1 << 12 | 0x123, 0]
    );
    assert_eq!(message.pasid.map(|prefix| prefix.pasid), Some(PASID));
}

/// IQEI after these quadwords were queued, which must stop the queue at them.
fn error_of(words: [u64; 4]) -> u64 {
    let (mut bench, status) = bench();
    bench.submit_raw(words);
    bench.submit(wait(status));
    assert_eq!(fault_status(&bench), regs::IQE);
    assert_eq!(bench.iommu.read64(regs::IQH), 0);
    assert_eq!(bench.memory.read_u32(status), Ok(0));
    queue_error(&bench) & 0xf
}

#[test]
fn unknown_type_stops_the_queue() {
    for kind in [0, 0xa, 0xf, 1 << 9 | 1] {
        assert_eq!(error_of([kind, 0, 0, 0]), 3, "{kind:#x}");
    }
}

#[test]
fn reserved_bit_or_value_stops_the_queue() {
    for (low, high) in [
        (1 | 1 << 4 | 1 << 6, 0),   // context cache, bit 6
        (1, 0),                     // context cache, granularity 0
        (2, 0),                     // IOTLB, granularity 0
        (2 | 3 << 4 | 1 << 16, 53), // IOTLB, AM beyond MAMV
        (6 | 1 << 4, 0),            // PASID-based IOTLB, granularity 1
        (7 | 2 << 4, 0),            // PASID cache, granularity 2
        (5, 1),                     // wait, bit 64
        (8, 1 << 1),                // PASID-based device-TLB, bit 65
        (9 | 2 << 12, 0),           // response code 2
        (4, 1),                     // interrupt entry cache, bit 64
    ] {
        assert_eq!(error_of([low, high, 0, 0]), 4, "{low:#x} {high:#x}");
    }
    assert_eq!(error_of([1 | 1 << 4, 0, 1, 0]), 4);
}

#[test]
fn queue_goes_on_at_the_head_after_the_error_is_cleared() {
    let (mut bench, status) = bench();
    bench.submit_raw([0xf, 0, 0, 0]);
    let head = bench.queue;
    let words = wait(status).encode();
    bench
        .memory
        .write(head, bytemuck::cast_slice(&words))
        .unwrap();
    bench.write32(regs::FSTS, regs::IQE);
    assert_eq!(bench.memory.read_u32(status), Ok(DATA));
    assert_eq!(queue_error(&bench) & 0xf, 0);
}

#[test]
fn tail_beyond_the_queue_or_between_descriptors_stops_it() {
    let (mut beyond, _) = bench();
    beyond.write64(regs::IQT, 0x1000);
    assert_eq!(queue_error(&beyond), 1);
    let (mut between, _) = bench();
    between.write64(regs::IQT, 0x10);
    assert_eq!(queue_error(&between), 6);
}

#[test]
fn narrow_descriptors_are_refused_in_scalable_mode() {
    let (mut bench, _) = bench();
    let queue = bench.queue.0;
    bench.write64(regs::IQA, queue);
    bench.write64(regs::IQT, 0x10);
    assert_eq!(queue_error(&bench), 5);
}

#[test]
fn queue_outside_memory_stops_with_a_fetch_error() {
    let (mut bench, _) = bench();
    bench.write64(regs::IQA, 1 << 40 | regs::IQA_WIDE);
    bench.write64(regs::IQT, 0x20);
    assert_eq!(queue_error(&bench), 2);
}

#[test]
fn error_of_the_queue_raises_the_fault_event() {
    let (mut bench, _) = bench();
    bench.write32(regs::FECTL, 0);
    bench.submit_raw([0xf, 0, 0, 0]);
    assert!(matches!(
        bench.iommu.take_effects()[..],
        [Effect::Interrupt(_)]
    ));
}
