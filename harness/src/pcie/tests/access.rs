// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Host accesses to the device.

use super::*;
use crate::pcie::{Access, AccessError, Enqcmd};

/// Answers reads with bytes that equal the low byte of their address, in completions of at most
/// `piece` bytes that end at multiples of it.
fn addressed_memory(piece: u64) -> Mock {
    Mock::new(move |_, tlp| {
        let Tlp::MemRead { request } = tlp else {
            return vec![];
        };
        let end = request.first_byte() + u64::from(request.byte_count());
        let mut at = request.first_byte();
        let mut replies = vec![];
        while at < end {
            let next = ((at / piece + 1) * piece).min(end);
            let start = at & !3;
            let bytes: Vec<u8> = (start..next.next_multiple_of(4)).map(|a| a as u8).collect();
            let dwords = bytes
                .chunks(4)
                .map(|b| u32::from_le_bytes(b.try_into().unwrap()));
            let count = (end - at) as u16;
            let header = completion(request.requester, request.tag, count, (at & 0x7f) as u8);
            replies.push((
                5,
                Tlp::Completion {
                    completion: header,
                    data: dwords.collect(),
                },
            ));
            at = next;
        }
        replies
    })
}

/// Answers every read with one completion that `change` spoils.
fn spoiled(change: impl Fn(&mut Completion, &mut Vec<u32>) + 'static) -> Mock {
    Mock::new(move |_, tlp| {
        let Tlp::MemRead { request } = tlp else {
            return vec![];
        };
        let lower = (request.first_byte() & 0x7f) as u8;
        let count = request.byte_count() as u16;
        let mut header = completion(request.requester, request.tag, count, lower);
        let mut data = vec![0; request.length.into()];
        change(&mut header, &mut data);
        vec![(
            5,
            Tlp::Completion {
                completion: header,
                data,
            },
        )]
    })
}

fn read_error(device: Mock) -> AccessError {
    let (host, _) = host(device);
    host.run(host.read32(0x1000)).unwrap().unwrap_err()
}

const WHAT: Access = Access::MemRead {
    address: 0x1000,
    bytes: 4,
};

#[test]
fn read_of_odd_bytes_gathers_split_completions() {
    let (host, _) = host(addressed_memory(16));
    let mut data = [0; 45];
    host.run(host.read(0x1003, &mut data)).unwrap().unwrap();
    assert_eq!(data.to_vec(), (3..48).collect::<Vec<u8>>());
}

#[test]
fn read_is_split_at_max_payload_and_at_4_kib() {
    let (host, taken) = host(addressed_memory(64));
    let mut data = [0; 300];
    host.run(host.read(0x1f40, &mut data)).unwrap().unwrap();
    let requests: Vec<_> = taken
        .borrow()
        .iter()
        .map(|(_, tlp)| match tlp {
            Tlp::MemRead { request } => (request.first_byte(), request.byte_count()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(requests, [(0x1f40, 128), (0x1fc0, 64), (0x2000, 108)]);
    assert_eq!(data[299], (0x1f40 + 299) as u8);
}

#[test]
fn many_reads_at_once_wait_for_tags() {
    let (host, taken) = host(addressed_memory(64));
    let values = host.run(async {
        let reads = (0..600u64).map(|i| {
            let host = host.clone();
            tokio::task::spawn_local(async move { host.read32(i * 4).await })
        });
        let reads: Vec<_> = reads.collect();
        let mut values = vec![];
        for read in reads {
            values.push(read.await.unwrap().unwrap() as u8);
        }
        values
    });
    assert_eq!(
        values.unwrap(),
        (0..600u32).map(|i| (i * 4) as u8).collect::<Vec<u8>>()
    );
    assert_eq!(taken.borrow().len(), 600);
}

#[test]
fn error_status_of_a_completion_becomes_the_error() {
    let status = |status| {
        read_error(spoiled(move |header, data| {
            header.status = status;
            data.clear();
        }))
    };
    assert_eq!(
        status(CompletionStatus::UnsupportedRequest),
        AccessError::UnsupportedRequest { what: WHAT }
    );
    assert_eq!(
        status(CompletionStatus::CompleterAbort),
        AccessError::CompleterAbort { what: WHAT }
    );
    assert_eq!(
        status(CompletionStatus::Retry),
        AccessError::Retry { what: WHAT }
    );
}

#[test]
fn poisoned_completion_is_an_error() {
    let error = read_error(spoiled(|header, _| header.attr.poisoned = true));
    assert_eq!(error, AccessError::Poisoned { what: WHAT });
}

#[test]
fn completions_that_do_not_fit_the_request_are_errors() {
    let bad = |device| matches!(read_error(device), AccessError::BadCompletion { .. });
    assert!(bad(spoiled(|header, _| header.byte_count = 8)));
    assert!(bad(spoiled(|header, _| header.lower_address = 4)));
    assert!(bad(spoiled(|_, data| data.clear())));
    assert!(bad(spoiled(|_, data| data.push(0))));
}

#[test]
fn read_without_completion_times_out_and_a_late_one_is_unexpected() {
    let late = Mock::new(|_, tlp| {
        let Tlp::MemRead { request } = tlp else {
            return vec![];
        };
        let header = completion(request.requester, request.tag, 4, 0);
        vec![(
            1500,
            Tlp::Completion {
                completion: header,
                data: vec![1],
            },
        )]
    });
    let knobs = Knobs {
        completion_timeout: 1000,
        ..Knobs::default()
    };
    let (host, _) = host_with(late, knobs);
    let error = host.run(async {
        let error = host.read32(0x1000).await.unwrap_err();
        host.sleep(1000).await;
        error
    });
    let expected = AccessError::Timeout {
        what: WHAT,
        since: crate::Cycle(0),
        cycles: 1000,
    };
    assert_eq!(error.unwrap(), expected);
    assert_eq!(host.stats().unexpected_completions, 1);
}

#[test]
fn completion_for_another_requester_is_unexpected() {
    let header = completion(Bdf::new(7, 0, 0), Tag::new(0), 4, 0);
    let stray = Tlp::Completion {
        completion: header,
        data: vec![1],
    };
    let (host, _) = host(Mock::silent().sends(10, &stray));
    host.run(host.sleep(20)).unwrap();
    assert_eq!(host.stats().unexpected_completions, 1);
}

#[test]
fn write_becomes_dwords_with_byte_enables() {
    let (host, taken) = host(Mock::silent());
    host.run(async {
        host.write(0x1002, &[0xa2, 0xa3, 0xa4]);
        host.sleep(5).await;
    })
    .unwrap();
    let expected = Tlp::MemWrite {
        request: MemRequest {
            requester: ROOT,
            ..request(0, 0x1002, 3)
        },
        data: vec![0xa3a2_0000, 0xa4],
    };
    assert_eq!(taken.borrow()[0].1, expected);
}

#[test]
fn portal_write_is_one_tlp_of_64_bytes() {
    let (host, taken) = host(Mock::silent());
    host.run(async {
        host.write_portal(0x40_0000_0fc0, &[0x5a; 64]).unwrap();
        host.sleep(5).await;
    })
    .unwrap();
    let expected = Tlp::MemWrite {
        request: MemRequest {
            requester: ROOT,
            ..request(0, 0x40_0000_0fc0, 64)
        },
        data: vec![0x5a5a_5a5a; 16],
    };
    assert_eq!(taken.borrow().as_slice(), [(crate::Cycle(0), expected)]);
}

#[test]
fn portal_write_to_an_odd_address_is_refused() {
    let (host, _) = host(Mock::silent());
    let error = host.write_portal(0x1020, &[0; 64]);
    assert_eq!(error, Err(AccessError::UnalignedPortal { address: 0x1020 }));
}

/// Offers a deferrable write to a device that answers it with `status`.
fn enqcmd(status: CompletionStatus) -> (Result<Enqcmd, AccessError>, Tlp) {
    let (host, taken) = host(Mock::new(move |_, tlp| {
        let Tlp::DmWr { request, .. } = tlp else {
            return vec![];
        };
        let completion = Completion {
            status,
            ..completion(request.requester, request.tag, 4, 0)
        };
        let data = vec![];
        vec![(5, Tlp::Completion { completion, data })]
    }));
    let result = host.run(host.enqcmd(0x40_0000_0fc0, &[0x5a; 64])).unwrap();
    let seen = taken.borrow()[0].1.clone();
    (result, seen)
}

#[test]
fn enqcmd_is_one_deferrable_write_of_64_bytes() {
    let (_, seen) = enqcmd(CompletionStatus::Success);

    let expected = Tlp::DmWr {
        request: MemRequest {
            requester: ROOT,
            ..request(0, 0x40_0000_0fc0, 64)
        },
        data: vec![0x5a5a_5a5a; 16],
    };
    assert_eq!(seen, expected);
}

#[test]
fn status_says_what_became_of_an_enqcmd() {
    let address = 0x40_0000_0fc0;
    let what = Access::Enqcmd { address };
    for (status, expected) in [
        (CompletionStatus::Success, Ok(Enqcmd::Accepted)),
        (CompletionStatus::Retry, Ok(Enqcmd::Retry)),
        (
            CompletionStatus::UnsupportedRequest,
            Err(AccessError::UnsupportedRequest { what }),
        ),
    ] {
        assert_eq!(enqcmd(status).0, expected);
    }
}

#[test]
fn read_given_up_does_not_disturb_the_next() {
    let (host, _) = host(addressed_memory(64));
    let value = host.run(async {
        tokio::select! {
            _ = host.read32(0x1000) => panic!("the device takes 5 cycles"),
            () = host.sleep(2) => {}
        }
        host.read32(0x1044).await
    });
    assert_eq!(value.unwrap().unwrap(), 0x4746_4544);
}
