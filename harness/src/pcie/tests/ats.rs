// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! ATS and page requests on the link.

use super::*;
use crate::iommu::descriptor::{Descriptor, DeviceInvalidation, Pages, Wait};
use crate::iommu::entry::{DomainId, PasidEntry};
use crate::iommu::regs;
use crate::iommu::tables::{PasidTable, RootTable};
use crate::mem::Hpa;
use crate::pcie::tlp::{Message, PasidPrefix, Routing};
use crate::pcie::{Pasid, RunError};

const RID_PASID: Pasid = Pasid::from_field(0);
const PASID: Pasid = Pasid::from_field(5);

/// Turns the IOMMU on: `PASID` passes through, device-TLB and page requests are allowed.
fn enable_iommu(host: &Host) {
    let memory = host.memory();
    let mut root = RootTable::new(memory).unwrap();
    let mut pasids = PasidTable::new(memory, 0).unwrap();
    let context = pasids.context_entry(RID_PASID).with_device_tlb(true);
    root.set_context(DEVICE, context).unwrap();
    pasids
        .set(PASID, PasidEntry::pass_through(DomainId(1)))
        .unwrap();
    host.iommu_write64(regs::RTADDR, root.address().0 | regs::TTM_SCALABLE);
    host.iommu_write32(regs::GCMD, regs::SRTP);
    host.iommu_write32(regs::GCMD, regs::TE);
}

fn translation_request() -> MemRequest {
    MemRequest {
        at: AddressType::TranslationRequest,
        pasid: Some(PasidPrefix::new(PASID)),
        ..request(0x41, 0x1234_5000, 8)
    }
}

fn device_message(code: u8, header: [u32; 2]) -> Message {
    Message {
        requester: DEVICE,
        tag: Tag::default(),
        code,
        routing: Routing::RootComplex,
        header,
        attr: Attributes::default(),
        pasid: None,
    }
}

/// Messages among the TLPs taken, with their payloads.
fn messages(taken: &Taken) -> Vec<(Message, Vec<u32>)> {
    let taken = taken.borrow();
    let message = |(_, tlp): &(crate::Cycle, Tlp)| match tlp {
        Tlp::Message { message, data } => Some((*message, data.clone())),
        _ => None,
    };
    taken.iter().filter_map(message).collect()
}

#[test]
fn translation_request_is_answered_with_a_big_endian_quadword_after_its_latency() {
    let read = Tlp::MemRead {
        request: translation_request(),
    };
    let knobs = Knobs {
        translation_latency: 500,
        ..Knobs::default()
    };
    let (host, taken) = host_with(Mock::silent().sends(10, &read), knobs);
    enable_iommu(&host);

    host.run(host.sleep(1000)).unwrap();

    // 2 MiB from 1220_0000h on, S, W, R.
    let entry: u64 = 0x1220_0000 | 0xf_f000 | 1 << 11 | 3;
    let bytes = entry.to_be_bytes();
    let (cycle, header, data) = completions(&taken).remove(0);
    assert_eq!(cycle, 510);
    assert_eq!(header.status, CompletionStatus::Success);
    assert_eq!((header.byte_count, header.lower_address), (8, 64 - 8));
    assert_eq!(header.tag, Tag::new(0x41));
    assert_eq!(bytemuck::cast_slice::<u32, u8>(&data), bytes);
}

#[test]
fn translation_request_that_is_not_allowed_gets_a_completion_without_data() {
    let read = Tlp::MemRead {
        request: translation_request(),
    };
    let (host, taken) = host(Mock::silent().sends(10, &read));

    host.run(host.sleep(1000)).unwrap();

    let (_, header, data) = completions(&taken).remove(0);
    assert_eq!(header.status, CompletionStatus::UnsupportedRequest);
    assert!(data.is_empty());
}

#[test]
fn malformed_translation_request_ends_the_run() {
    let request = MemRequest {
        length: 3,
        ..translation_request()
    };
    let (host, _) = host(Mock::silent().sends(10, &Tlp::MemRead { request }));

    let result = host.run(host.sleep(1000));

    assert!(matches!(result, Err(RunError::Malformed { .. })));
}

#[test]
fn page_request_raises_the_event_and_its_queue_entry_ends_waits() {
    let mut message = device_message(Message::PAGE_REQUEST, [0, 0x1234_5000 | 0b101]);
    message.pasid = Some(PasidPrefix::new(PASID));
    let page_request = Tlp::Message {
        message,
        data: vec![],
    };
    let (host, _) = host(Mock::silent().sends(10, &page_request));
    enable_iommu(&host);
    let queue = host.memory().alloc_page().unwrap();
    host.iommu_write64(regs::PQA, queue.0);

    host.run(host.wait_for_write(queue)).unwrap();

    assert_eq!(host.iommu_read64(regs::PQT), 32);
    assert!(host.take_messages().is_empty());
}

/// Queues one device-TLB invalidation and a wait that writes to the address returned.
fn invalidate(host: &Host) -> Hpa {
    let memory = host.memory();
    let (queue, status) = (memory.alloc_page().unwrap(), memory.alloc_page().unwrap());
    let descriptors = [
        Descriptor::DeviceTlb(DeviceInvalidation {
            source: DEVICE,
            pasid: Some(PASID),
            global: false,
            pages: Pages::one(0x1234_5000),
            max_pending: 32,
        }),
        Descriptor::Wait(Wait {
            status: Some((status, 1)),
            ..Wait::default()
        }),
    ];
    for (at, descriptor) in (0..).step_by(32).zip(descriptors) {
        let words = descriptor.encode();
        let bytes = bytemuck::cast_slice(&words);
        memory.write(queue.offset(at), bytes).unwrap();
    }
    host.iommu_write64(regs::IQA, queue.0 | regs::IQA_WIDE);
    let lasting = host.iommu_read32(regs::GSTS) & regs::TE;
    host.iommu_write32(regs::GCMD, lasting | regs::QIE);
    host.iommu_write64(regs::IQT, 64);
    status
}

#[test]
fn invalidation_of_the_device_ends_with_its_completion() {
    let device = Mock::new(|_, tlp| match tlp {
        Tlp::Message { message, .. } => vec![(
            40,
            Tlp::Message {
                message: Message {
                    routing: Routing::Id,
                    ..device_message(Message::INVALIDATE_COMPLETION, [1, 1 << message.tag.raw()])
                },
                data: vec![],
            },
        )],
        _ => vec![],
    });
    let (host, taken) = host(device);
    enable_iommu(&host);
    let status = invalidate(&host);

    host.run(host.wait_for_write(status)).unwrap();

    assert_eq!(host.memory().read_u32(status), Ok(1));
    let (request, payload) = messages(&taken).remove(0);
    assert_eq!(request.code, Message::INVALIDATE_REQUEST);
    let bytes = 0x1234_5000_u64.to_be_bytes();
    assert_eq!(bytemuck::cast_slice::<u32, u8>(&payload), bytes);
}

#[test]
fn device_that_does_not_complete_an_invalidation_times_out() {
    let knobs = Knobs {
        invalidation_timeout: 700,
        ..Knobs::default()
    };
    let (host, _) = host_with(Mock::silent(), knobs);
    enable_iommu(&host);
    let status = invalidate(&host);

    host.run(host.sleep(699)).unwrap();
    assert_eq!(host.iommu_read32(regs::FSTS) & regs::ITE, 0);
    host.run(host.sleep(2)).unwrap();

    assert_eq!(host.iommu_read32(regs::FSTS) & regs::ITE, regs::ITE);
    assert_eq!(host.memory().read_u32(status), Ok(0));
}
