// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What operations send: requests within their limits, no more than needed, and their attributes
//! (PCIe 2.2).

use siov::dsa::{Descriptor, Flags};
use siov::pcie::Knobs;

use crate::bench::{BASE, Bench, DATA, RECORD};

const SOURCE: u64 = BASE + 32 * 4096;

#[test]
fn requests_obey_payload_read_size_and_page_limits() {
    for (mps, mrrs) in [(128, 128), (256, 512), (512, 4096), (128, 256)] {
        let bench = Bench::knobs(Knobs {
            mps,
            mrrs,
            ..Knobs::default()
        });
        bench.run(async {
            let [tenant] = bench.tenants().await;

            tenant
                .run(Descriptor::memory_move(SOURCE + 9, DATA + 3, 10_000))
                .await;

            for (request, data) in bench.log.take_requests() {
                let bytes = u64::from(request.length) * 4;
                let limit = if data.is_empty() { mrrs } else { mps };
                assert!(bytes <= limit.into(), "{request:?}");
                assert!(request.address % 4096 + bytes <= 4096, "{request:?}");
            }
        });
    }
}

#[test]
fn aligned_move_takes_no_more_requests_than_it_must() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant
            .run(Descriptor::memory_move(SOURCE, DATA, 4096))
            .await;

        let requests = bench.log.take_requests();
        let reads = requests.iter().filter(|(_, data)| data.is_empty()).count();
        // MRRS 512, MPS 256; the completion record is one more write.
        assert_eq!((reads, requests.len() - reads), (8, 16 + 1));
    });
}

#[test]
fn completion_record_is_one_aligned_write_of_32_bytes() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for slot in 0..4 {
            let record = RECORD + 32 * slot;

            tenant
                .run_as_is(&Descriptor::nop().with_completion(record))
                .await;

            let requests = bench.log.take_requests();
            let [(request, data)] = requests.as_slice() else {
                panic!("{requests:?}");
            };
            assert_eq!((request.address, data.len()), (record, 8));
            assert_eq!((request.first_be, request.last_be), (0xf, 0xf));
        }
    });
}

#[test]
fn relaxed_ordering_is_on_data_and_never_on_the_record() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant.run(Descriptor::memory_move(SOURCE, DATA, 512)).await;

        for (request, _) in bench.log.take_requests() {
            let is_record = request.address == RECORD;
            assert_eq!(request.attr.relaxed, !is_record, "{request:?}");
        }
    });
}

#[test]
fn strict_ordering_keeps_relaxed_ordering_off_the_data() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant
            .run(Descriptor::fill(1, DATA, 512).with_flags(Flags::STRICT_ORDERING))
            .await;

        let requests = bench.log.take_requests();
        assert!(requests.iter().all(|(request, _)| !request.attr.relaxed));
    });
}
