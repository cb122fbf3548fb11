// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Device reads and writes of host memory.

use super::*;
use crate::iommu::regs;
use crate::mem::Hpa;
use crate::pcie::tlp::PasidPrefix;
use crate::pcie::{Pasid, Rcb};

const BUFFER: u64 = 0x2000;

/// Memory whose bytes at `BUFFER` count up, and a device that sends `reads`.
fn reading(knobs: Knobs, reads: &[(u64, MemRequest)]) -> (Host, Taken) {
    let device = reads
        .iter()
        .fold(Mock::silent(), |device, &(cycle, request)| {
            device.sends(cycle, &Tlp::MemRead { request })
        });
    let (host, taken) = host_with(device, knobs);
    let bytes: Vec<u8> = (0..4096).map(|i| (i % 251) as u8).collect();
    host.memory().write(Hpa(BUFFER), &bytes).unwrap();
    host.run(host.sleep(10_000)).unwrap();
    (host, taken)
}

/// The bytes that the completions of `request` carry, after checking their headers.
fn data_of(request: &MemRequest, taken: &Taken) -> Vec<u8> {
    let mut data = Vec::new();
    let total = request.byte_count();
    for (_, header, dwords) in completions(taken) {
        if header.tag != request.tag {
            continue;
        }
        let at = request.first_byte() + data.len() as u64;
        assert_eq!(header.status, CompletionStatus::Success);
        assert_eq!(u32::from(header.byte_count), total - data.len() as u32);
        assert_eq!(u64::from(header.lower_address), at & 0x7f);
        let bytes = dwords
            .iter()
            .flat_map(|dword| dword.to_le_bytes())
            .skip(at as usize & 3);
        data.extend(bytes.take(total as usize - data.len()));
    }
    data
}

fn expected(start: u64, bytes: u64) -> Vec<u8> {
    (start..start + bytes).map(|i| (i % 251) as u8).collect()
}

#[test]
fn read_is_answered_from_memory_after_the_latency() {
    let read = request(3, BUFFER, 64);
    let (_, taken) = reading(Knobs::default(), &[(10, read)]);
    let answers = completions(&taken);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, 10 + 300);
    assert_eq!(data_of(&read, &taken), expected(0, 64));
}

#[test]
fn without_latency_the_answer_is_ready_when_the_read_is_seen() {
    let read = request(3, BUFFER, 64);
    let knobs = Knobs {
        latency: 0,
        ..Knobs::default()
    };
    let (_, taken) = reading(knobs, &[(10, read)]);
    assert_eq!(completions(&taken)[0].0, 11);
}

#[test]
fn read_at_odd_address_and_length_is_byte_exact() {
    for (start, bytes) in [(1, 1), (3, 2), (2, 7), (61, 5), (63, 130), (5, 507)] {
        let read = request(3, BUFFER + start, bytes);
        let (_, taken) = reading(Knobs::default(), &[(10, read)]);
        assert_eq!(
            data_of(&read, &taken),
            expected(start, bytes),
            "{bytes} at {start}"
        );
    }
}

#[test]
fn completions_end_at_boundaries_and_keep_to_max_payload() {
    let read = request(3, BUFFER + 4, 508);
    let (_, taken) = reading(Knobs::default(), &[(10, read)]);
    let dwords: Vec<_> = completions(&taken).iter().map(|c| c.2.len()).collect();
    // Max_Payload_Size is 128 until the link is configured.
    assert_eq!(dwords, [31, 32, 32, 32]);
}

#[test]
fn split_completions_end_at_the_rcb() {
    for rcb in [Rcb::Bytes64, Rcb::Bytes128] {
        let knobs = Knobs {
            split_completions: true,
            rcb,
            seed: 7,
            ..Knobs::default()
        };
        let read = request(3, BUFFER + 100, 900);
        let (_, taken) = reading(knobs, &[(10, read)]);
        assert_eq!(data_of(&read, &taken), expected(100, 900));
        let mut at = BUFFER + 100;
        for (_, _, dwords) in completions(&taken) {
            at = (at & !3) + dwords.len() as u64 * 4;
            assert!(
                at.is_multiple_of(rcb as u64) || at == BUFFER + 1000,
                "{at:#x}"
            );
        }
    }
}

#[test]
fn jitter_reorders_reads_but_not_the_completions_of_one() {
    let reads: Vec<_> = (0..32)
        .map(|i| {
            (
                10 + u64::from(i),
                request(i, BUFFER + u64::from(i) * 64, 512),
            )
        })
        .collect();
    let knobs = Knobs {
        jitter: 200,
        split_completions: true,
        seed: 1,
        ..Knobs::default()
    };
    let (_, taken) = reading(knobs, &reads);
    let order: Vec<_> = completions(&taken).iter().map(|c| c.1.tag).collect();
    assert!(!order.is_sorted());
    for (i, (_, read)) in reads.iter().enumerate() {
        assert_eq!(data_of(read, &taken), expected(i as u64 * 64, 512));
    }
}

#[test]
fn one_seed_gives_one_sequence_and_another_seed_another() {
    let reads: Vec<_> = (0..8)
        .map(|i| (10 + u64::from(i), request(i, BUFFER, 512)))
        .collect();
    let answers = |seed| {
        let knobs = Knobs {
            jitter: 200,
            split_completions: true,
            seed,
            ..Knobs::default()
        };
        completions(&reading(knobs, &reads).1)
    };
    assert_eq!(answers(5), answers(5));
    assert_ne!(answers(5), answers(6));
}

#[test]
fn zero_length_read_gets_one_dword_and_byte_count_1() {
    let read = MemRequest {
        first_be: 0,
        ..request(3, BUFFER + 8, 4)
    };
    let (_, taken) = reading(Knobs::default(), &[(10, read)]);
    let answers = completions(&taken);
    assert_eq!(
        (answers[0].1.byte_count, answers[0].1.lower_address),
        (1, 8)
    );
    assert_eq!(answers[0].2.len(), 1);
}

#[test]
fn attributes_of_a_read_return_in_its_completions() {
    let attr = Attributes {
        tc: 3,
        relaxed: true,
        no_snoop: true,
        ..Attributes::default()
    };
    let read = MemRequest {
        attr,
        ..request(3, BUFFER, 4)
    };
    let (_, taken) = reading(Knobs::default(), &[(10, read)]);
    assert_eq!(completions(&taken)[0].1.attr, attr);
}

#[test]
fn read_outside_memory_is_answered_ur() {
    let read = request(3, MEMORY_BYTES, 100);
    let (host, taken) = reading(Knobs::default(), &[(10, read)]);
    let (cycle, header, data) = completions(&taken).remove(0);
    assert_eq!((cycle, data.len()), (310, 0));
    assert_eq!(header.status, CompletionStatus::UnsupportedRequest);
    assert_eq!((header.byte_count, header.tag), (100, read.tag));
    assert_eq!(host.stats().unsupported, 1);
}

#[test]
fn read_blocked_by_the_iommu_is_answered_ur() {
    let pasid = Some(PasidPrefix::new(Pasid::new(5).unwrap()));
    let read = Tlp::MemRead {
        request: MemRequest {
            pasid,
            ..request(3, BUFFER, 64)
        },
    };
    let (host, taken) = host(Mock::silent().sends(10, &read));
    host.iommu_write32(regs::GCMD, regs::TE);
    host.run(host.sleep(1000)).unwrap();
    assert_eq!(
        completions(&taken)[0].1.status,
        CompletionStatus::UnsupportedRequest
    );
    assert_ne!(host.iommu_read32(regs::FSTS) & regs::PPF, 0);
}

#[test]
fn locked_read_of_the_device_is_answered_ur_by_a_locked_completion() {
    let read = request(3, BUFFER, 8);
    let (host, taken) = host(Mock::silent().sends(10, &Tlp::LockedRead { request: read }));
    host.run(host.sleep(1000)).unwrap();
    let taken = taken.borrow();
    let [(_, Tlp::LockedCompletion { completion, data })] = taken.as_slice() else {
        panic!("{taken:?}");
    };
    assert_eq!(completion.status, CompletionStatus::UnsupportedRequest);
    assert_eq!((completion.tag, completion.byte_count), (read.tag, 8));
    assert!(data.is_empty());
}

#[test]
fn dmwr_and_config_request_of_the_device_are_answered_ur() {
    let dmwr = Tlp::DmWr {
        request: request(3, BUFFER, 4),
        data: vec![0],
    };
    let config = Tlp::ConfigRead {
        request: ConfigRequest {
            requester: DEVICE,
            tag: Tag::new(4),
            target: ROOT,
            register: 0,
            first_be: 0xf,
            type1: false,
            attr: Attributes::default(),
        },
    };
    let (host, taken) = host(Mock::silent().sends(10, &dmwr).sends(11, &config));
    host.run(host.sleep(1000)).unwrap();
    for (_, header, data) in completions(&taken) {
        assert_eq!(header.status, CompletionStatus::UnsupportedRequest);
        assert_eq!(
            (header.byte_count, header.lower_address, data.len()),
            (4, 0, 0)
        );
    }
    assert_eq!(host.stats().unsupported, 2);
}

/// What is in the first 16 bytes of `BUFFER` after the device wrote; before, all were EEh.
fn written(request: MemRequest, data: Vec<u32>) -> [u8; 16] {
    let (host, _) = host(Mock::silent().sends(10, &Tlp::MemWrite { request, data }));
    host.memory().fill(Hpa(BUFFER), 0xee, 16).unwrap();
    host.run(host.sleep(100)).unwrap();
    let mut bytes = [0; 16];
    host.memory().read(Hpa(BUFFER), &mut bytes).unwrap();
    bytes
}

#[test]
fn write_stores_only_enabled_bytes() {
    let bytes = written(
        request(0, BUFFER + 2, 7),
        vec![0x0302_0100, 0x0706_0504, 0x0b0a_0908],
    );
    assert_eq!(bytes[..3], [0xee, 0xee, 2]);
    assert_eq!(bytes[3..9], [3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes[9..], [0xee; 7]);
}

#[test]
fn write_with_gaps_in_its_byte_enables_keeps_the_gaps() {
    let gaps = MemRequest {
        first_be: 0b1001,
        last_be: 0b0010,
        ..request(0, BUFFER, 8)
    };
    let bytes = written(gaps, vec![0x0302_0100, 0x0706_0504]);
    assert_eq!(bytes[..8], [0, 0xee, 0xee, 3, 0xee, 5, 0xee, 0xee]);
}

#[test]
fn zero_length_write_stores_nothing() {
    let none = MemRequest {
        first_be: 0,
        ..request(0, BUFFER, 4)
    };
    assert_eq!(written(none, vec![0]), [0xee; 16]);
}

#[test]
fn poisoned_write_is_dropped() {
    let attr = Attributes {
        poisoned: true,
        ..Attributes::default()
    };
    let poisoned = MemRequest {
        attr,
        ..request(0, BUFFER, 4)
    };
    assert_eq!(written(poisoned, vec![0]), [0xee; 16]);
}

#[test]
fn write_outside_memory_is_dropped_and_counted() {
    let write = Tlp::MemWrite {
        request: request(0, MEMORY_BYTES, 8),
        data: vec![1, 2],
    };
    let (host, _) = host(Mock::silent().sends(10, &write));
    host.run(host.sleep(100)).unwrap();
    assert_eq!(host.stats().dropped_writes, 1);
}
