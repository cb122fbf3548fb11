// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Random traffic on the RTL, of bounded time.

use super::*;
use crate::rtl::RtlEndpoint;
use crate::scenario::Profile;

fn play(seed: u64, faults: bool, ats: bool) -> Outcome {
    let endpoint = RtlEndpoint::new(Profile::Small.straps(), None).unwrap();
    let options = Options {
        tlps: 20_000,
        seed,
        faults,
        ats,
    };
    run(Box::new(endpoint), &options).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

#[test]
fn every_descriptor_ends_rightly_whatever_the_noise() {
    let outcome = play(1, false, false);

    assert!(outcome.statuses.values().sum::<u64>() > 1_000, "{outcome}");
    assert!(outcome.noise.values().all(|&count| count > 0));
}

#[test]
fn failed_reads_end_only_their_descriptors() {
    let outcome = play(2, true, false);

    assert!(outcome.injected.len() > 2, "{outcome}");
}

#[test]
fn one_seed_gives_one_run() {
    assert_eq!(play(3, true, true).cycles, play(3, true, true).cycles);
}

#[test]
fn unmapped_pages_fault_when_the_device_translates() {
    const PAGE_FAULT: u8 = 3;

    let outcome = play(4, false, true);

    assert!(outcome.statuses.contains_key(&PAGE_FAULT), "{outcome}");
}
