// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completion records: when there is one, and how it and the data around it are ordered (DSA 3.7,
//! 8.2).

use siov::dsa::{Descriptor, Flags, Status};
use zerocopy::IntoBytes;

use crate::bench::{BASE, Bench, DATA, RECORD, pattern};

const SOURCE: u64 = BASE + 32 * 4096;

#[test]
fn success_without_request_for_a_record_writes_none() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let mut descriptor = Descriptor::fill(0, DATA, 64).with_completion(RECORD);
        descriptor.set_flags(Flags::CRAV);

        tenant.submit(&descriptor);
        tenant.adi.drain().await.unwrap();

        assert_eq!(tenant.record(RECORD).status(), Status::NONE);
        assert_eq!(tenant.read(DATA, 64), [0; 64]);
    });
}

#[test]
fn record_may_lie_in_the_source() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let mut source = pattern(7, 4096);
        source[64] = 0; // the status that is polled
        tenant.write(SOURCE, &source);
        let descriptor = Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(SOURCE + 64);

        tenant.submit(&descriptor);
        tenant.ended(SOURCE + 64).await;

        assert_eq!(tenant.read(DATA, 4096), source);
    });
}

#[test]
fn record_in_the_destination_comes_after_the_data() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &[0; 4096]);
        tenant.write(DATA, &[0; 4096]);
        let descriptor = Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(DATA + 64);

        tenant.submit(&descriptor);
        tenant.ended(DATA + 64).await;
        tenant.adi.drain().await.unwrap();

        assert_eq!(tenant.record(DATA + 64).status(), Status::SUCCESS);
    });
}

#[test]
fn descriptor_memory_may_be_used_again_as_soon_as_it_is_submitted() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let descriptor = Descriptor::fill(0x1111_1111_1111_1111, DATA, 64).with_completion(RECORD);
        // The record overlays the descriptor that software keeps in memory.
        tenant.write(RECORD, descriptor.as_bytes());

        tenant.run_as_is(&descriptor).await;

        assert_eq!(tenant.read(DATA, 64), [0x11; 64]);
    });
}
