// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Random traffic on the RTL, of bounded time; and on devices that lie, which must be found out.

mod liar;
mod lies;

use super::*;
use crate::rtl::RtlEndpoint;
use crate::scenario::Profile;

fn device() -> RtlEndpoint {
    RtlEndpoint::new(Profile::Small.straps(), None).unwrap()
}

fn play(options: &Options) -> Outcome {
    run(Box::new(device()), options, vec![], |_| ())
        .unwrap_or_else(|error| panic!("{options:?}: {error}"))
}

fn everything(seed: u64, translation: Translation) -> Options {
    Options {
        tlps: 30_000,
        seed,
        faults: true,
        resets: true,
        translation: Some(translation),
        checker: true,
    }
}

fn quiet(seed: u64, translation: Translation) -> Options {
    Options {
        faults: false,
        resets: false,
        ..everything(seed, translation)
    }
}

#[test]
fn every_descriptor_ends_as_foreseen_whatever_goes_wrong() {
    let outcome = play(&everything(1, Translation::None));

    assert!(outcome.statuses.values().sum::<u64>() > 1_000, "{outcome}");
    assert!(outcome.injected.len() > 10, "{outcome}");
    assert!(outcome.noise.len() > 15, "{outcome}");
}

#[test]
fn every_descriptor_ends_as_foreseen_when_the_device_translates() {
    const PAGE_FAULT: u8 = 3;
    const TRANSLATION_ERROR: u8 = 0x22;

    let outcome = play(&everything(2, Translation::Ats));

    for status in [PAGE_FAULT, TRANSLATION_ERROR] {
        assert!(outcome.statuses.contains_key(&status), "{outcome}");
    }
}

#[test]
fn every_descriptor_ends_as_foreseen_when_the_device_asks_for_pages() {
    const PAGE_REQUEST_FAILED: u8 = 4;

    let outcome = play(&everything(3, Translation::Pri));

    let refused = outcome.statuses.contains_key(&PAGE_REQUEST_FAILED);
    assert!(refused, "{outcome}");
}

#[test]
fn without_faults_and_resets_nothing_fails_that_should_not() {
    const READ_ERROR: u8 = 0x20;

    let outcome = play(&quiet(4, Translation::Pri));

    assert!(outcome.injected.is_empty());
    assert!(!outcome.statuses.contains_key(&READ_ERROR), "{outcome}");
}

#[test]
fn one_seed_gives_one_run() {
    let options = everything(5, Translation::Pri);

    assert_eq!(play(&options).cycles, play(&options).cycles);
}
