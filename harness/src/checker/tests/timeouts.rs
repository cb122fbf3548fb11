// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! When the tag of a request that nobody completes may be used again.

use super::super::*;
use super::port::*;

const DEVICE_CONTROL_2: u16 = PCIE_CAP + 0x28;
/// Of 50 us, in cycles of 1 ns that count 16 times.
const SHORTEST: u64 = 50_000 / 16;

/// A device that has sent a read with tag 1, whose completion is lost.
fn lost(control2: u32) -> Port {
    let mut port = Port::ready();
    port.write(DEVICE_CONTROL_2, control2);
    port.asked(1);
    port.checker.lose(Tag::new(1));
    port
}

/// What is said of the next request with the tag, so many cycles after the first.
fn reused_after(port: &mut Port, cycles: u64) -> Checked {
    port.cycle += cycles - 10;
    port.device(&read(1, PAGE, 1))
}

#[test]
fn tag_whose_completion_is_lost_is_free_when_the_request_may_have_timed_out() {
    assert_eq!(reused_after(&mut lost(0), SHORTEST), Ok(()));
}

#[test]
fn tag_whose_completion_is_lost_is_not_free_a_cycle_earlier() {
    let reused = reused_after(&mut lost(0), SHORTEST - 1);

    assert_eq!(reused.unwrap_err().rule, Rule::TagUnique);
}

#[test]
fn tag_is_free_at_the_shortest_that_the_timeout_value_allows() {
    const MICROSECONDS: [(u32, u64); 9] = [
        (0x0, 50),
        (0x1, 50),
        (0x2, 1_000),
        (0x5, 16_000),
        (0x6, 65_000),
        (0x9, 260_000),
        (0xa, 1_000_000),
        (0xd, 4_000_000),
        (0xe, 17_000_000),
    ];
    for (value, microseconds) in MICROSECONDS {
        let cycles = microseconds * 1_000 / 16;
        let early = reused_after(&mut lost(value), cycles - 1);

        assert!(early.is_err(), "{value:#x}");
        assert_eq!(reused_after(&mut lost(value), cycles), Ok(()), "{value:#x}");
    }
}

#[test]
fn tag_is_never_free_when_timeouts_are_disabled() {
    const DISABLE: u32 = 1 << 4;

    let reused = reused_after(&mut lost(DISABLE), 1 << 40);

    assert_eq!(reused.unwrap_err().rule, Rule::TagUnique);
}

#[test]
fn shorter_timeout_holds_for_requests_in_flight_too() {
    const LONG: u32 = 2;
    let mut port = lost(LONG);
    port.write(DEVICE_CONTROL_2, 0);

    assert_eq!(reused_after(&mut port, SHORTEST), Ok(()));
}

#[test]
fn completion_after_that_of_the_request_that_has_the_tag_now_is_unasked() {
    let mut port = lost(0);
    reused_after(&mut port, SHORTEST).unwrap();
    let completion = with_data(from_root(1, 4, 0), 1);
    port.host(&completion).unwrap();

    let late = port.host(&completion);

    assert_eq!(late.unwrap_err().rule, Rule::CompletionUnasked);
}

#[test]
fn pieces_behind_a_lost_one_are_let_pass() {
    let mut port = Port::ready();
    port.asked(32);
    port.checker.lose(Tag::new(1));

    let second_half = port.host(&with_data(from_root(1, 64, 64), 16));

    assert_eq!(second_half, Ok(()));
}
