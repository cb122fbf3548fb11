// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Requests that the function must not carry out, and other TLPs that it should not get: what it
//! answers, and which error that is (PCIe 2.3.1, 6.2).

use siov::pcie::tlp::{CompletionStatus, Tlp};

use crate::bench::Bench;
use crate::bench::aer::{
    ADVISORY, COMPLETER_ABORT, MALFORMED, POISONED, UNEXPECTED_COMPLETION, UNSUPPORTED_REQUEST,
};
use crate::watched::{
    CA, CACHE_LINE, CAS, COMMAND, CONFIG_READ, CONFIG_READ_1, CONFIG_WRITE, CONFIG_WRITE_1,
    CORRECTABLE_FOUND, DETECTED_PARITY, DMWR, EP, ERR_COR, FETCH_ADD, IO_READ, IO_WRITE, MRD,
    MRD_LOCKED, MWR, PASID, PM_CONTROL, SCRATCH, SIGNALED_ABORT, SWAP, TAG, TC1, TD, TRANSLATED,
    Trace, UR, Watched, config_target, each, memory, message, nowhere, scratch, short, with_prefix,
};

#[test]
fn unsupported_requests_end_with_ur_and_are_advisory() {
    each(
        |function| {
            let (here, nowhere) = (scratch(function), nowhere(function));
            vec![
                memory(MRD | 1, nowhere, 0xf),
                memory(MRD_LOCKED | 1, here, 0xf),
                memory(MRD | TRANSLATED | 1, here, 0xf),
                with_prefix(PASID, memory(MRD | 1, here, 0xf)),
                memory(FETCH_ADD | 1, here, 0),
                memory(SWAP | 2, here, 0),
                memory(CAS | 4, here, 0),
                memory(DMWR | 2, here, 0xff),
                memory(DMWR | 16, nowhere & !0x3f, 0xff),
                short(IO_READ, 0x1000),
                short(IO_WRITE, 0x1000),
                short(CONFIG_READ, config_target(function, 1, 0)),
                short(CONFIG_WRITE, config_target(function, 7, 0)),
                short(CONFIG_READ_1, config_target(function, 0, 0)),
                short(CONFIG_WRITE_1, config_target(function, 0, 0)),
            ]
        },
        &Trace::advisory(UR, UNSUPPORTED_REQUEST),
    );
}

#[test]
fn locked_read_is_answered_by_a_locked_completion() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        bench.log.take();

        watched
            .send(&memory(MRD_LOCKED | 2, scratch(&watched.function), 0xff))
            .await;

        let answers = bench.log.take_from_device().into_iter();
        let answers: Vec<_> = answers
            .filter_map(|seen| match seen.tlp {
                Tlp::LockedCompletion { completion, data } => Some((completion, data)),
                Tlp::Completion { .. } => panic!("{seen:?}"),
                _ => None,
            })
            .collect();
        let [(completion, data)] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(completion.status, CompletionStatus::UnsupportedRequest);
        assert_eq!(completion.byte_count, 8);
        assert_eq!(u32::from(completion.tag.raw()), TAG >> 8);
        assert!(data.is_empty());
    });
}

#[test]
fn locked_completion_is_unexpected() {
    const CPL_LOCKED: u32 = 0x0b00_0000;
    let expected = Trace {
        messages: vec![ERR_COR],
        uncorrectable: UNEXPECTED_COMPLETION,
        correctable: ADVISORY,
        device: CORRECTABLE_FOUND,
        ..Trace::nothing()
    };
    each(
        |function| {
            let requester = u32::from(function.info.bdf.raw()) << 16;
            vec![vec![CPL_LOCKED, 4, requester]]
        },
        &expected,
    );
}

#[test]
fn unsupported_posted_tlps_are_dropped_and_not_advisory() {
    const ASSERT_INTA: u32 = 0x20;
    const VENDOR_TYPE_0: u32 = 0x7e;
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MWR | 1, nowhere(function), 0xf),
                memory(MWR | TRANSLATED | 1, here, 0xf),
                with_prefix(PASID, memory(MWR | 1, here, 0xf)),
                message(VENDOR_TYPE_0, 4, 0),
                message(VENDOR_TYPE_0, 2, 1),
                message(ASSERT_INTA, 4, 0),
            ]
        },
        &Trace::non_fatal(UNSUPPORTED_REQUEST),
    );
}

#[test]
fn messages_that_a_function_may_ignore_are_no_error() {
    const UNLOCK: u32 = 0x00;
    const PME_TURN_OFF: u32 = 0x19;
    const SET_SLOT_POWER_LIMIT: u32 = 0x50;
    const VENDOR_TYPE_1: u32 = 0x7f;
    each(
        |_| {
            vec![
                message(UNLOCK, 3, 0),
                message(PME_TURN_OFF, 3, 0),
                message(SET_SLOT_POWER_LIMIT, 4, 1),
                message(VENDOR_TYPE_1, 4, 0),
                message(VENDOR_TYPE_1, 2, 3),
            ]
        },
        &Trace::nothing(),
    );
}

#[test]
fn reads_that_break_the_programming_model_end_with_ca_and_are_advisory() {
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MRD | 1, here, 0b0111),
                memory(MRD | 1, here, 0b0101),
                memory(MRD | 2, here, 0b0111_1110),
            ]
        },
        &Trace::advisory(CA, COMPLETER_ABORT),
    );
}

#[test]
fn writes_that_break_the_programming_model_are_dropped_and_not_advisory() {
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MWR | 1, here, 0b0111),
                memory(MWR | 1, here, 0b1001),
                memory(MWR | 2, here, 0b0111_1110),
            ]
        },
        &Trace::non_fatal(COMPLETER_ABORT),
    );
}

#[test]
fn completer_abort_sets_signaled_target_abort() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;

        let read = memory(MRD | 1, scratch(&watched.function), 0b0111);
        watched.send(&read).await;

        assert_eq!(watched.status().await & !0x10, SIGNALED_ABORT);
    });
}

#[test]
fn poisoned_writes_to_registers_are_dropped_and_not_advisory() {
    const SET_SLOT_POWER_LIMIT: u32 = 0x50;
    each(
        |function| {
            let mut power = message(SET_SLOT_POWER_LIMIT, 4, 1);
            power[0] |= EP;
            vec![
                memory(MWR | EP | 1, scratch(function), 0xf),
                memory(MWR | EP | 16, function.bar2(), 0xff),
                power,
            ]
        },
        &Trace::non_fatal(POISONED),
    );
}

#[test]
fn poisoned_non_posted_writes_end_with_ur_and_are_not_advisory() {
    let expected = Trace {
        answers: vec![UR],
        ..Trace::non_fatal(POISONED)
    };
    each(
        |function| {
            vec![
                short(CONFIG_WRITE | EP, config_target(function, 0, CACHE_LINE)),
                memory(DMWR | EP | 16, function.bar2(), 0xff),
            ]
        },
        &expected,
    );
}

#[test]
fn poisoned_config_write_changes_nothing_and_sets_detected_parity_error() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;

        let write = short(CONFIG_WRITE | EP, config_target(function, 0, CACHE_LINE));
        watched.send(&write).await;

        assert_eq!(function.config(CACHE_LINE).await, 0);
        assert_eq!(watched.status().await & !0x10, DETECTED_PARITY);
    });
}

#[test]
fn malformed_tlps_are_dropped_unanswered_and_fatal() {
    const PAGE_RESPONSE: u32 = 0x05;
    const INVALIDATE: u32 = 0x01;
    const UNLOCK: u32 = 0x00;
    const OTHER_PREFIX: u32 = 0x9200_0000;
    each(
        |function| {
            let here = scratch(function);
            let config = config_target(function, 0, 0);
            let mut long = memory(MWR | 1, here, 0xf);
            long.push(0);
            let mut short_of_data = memory(MWR | 2, here, 0xff);
            short_of_data.pop();
            let mut digest = memory(MWR | 2, here, 0xff);
            digest[0] |= TD;
            vec![
                // Length and payload, Max_Payload_Size of 256, 4 KiB, digest.
                long,
                short_of_data,
                memory(MWR | 65, function.bar0(), 0xff),
                memory(MRD | 2, here & !0xfff | 0xffc, 0xff),
                digest,
                // Byte enables: empty ends, gaps.
                memory(MRD | 1, here, 0xff),
                memory(MRD | 2, here, 0xf0),
                memory(MRD | 2, here, 0x0f),
                memory(MRD | 3, here, 0xf5),
                memory(MRD | 3, here, 0xaf),
                memory(MRD | 2, here + 4, 0b1111_1001),
                // Config and I/O requests are of one DW and TC 0.
                short(CONFIG_READ + 1, config),
                short(CONFIG_READ | TC1, config),
                short(IO_READ | TC1, 0),
                // Prefixes.
                with_prefix(OTHER_PREFIX, memory(MRD | 1, here, 0xf)),
                with_prefix(PASID, short(CONFIG_READ, config)),
                // Routing and length of messages.
                message(UNLOCK, 0, 0),
                message(INVALIDATE, 2, 1),
                message(PAGE_RESPONSE, 0, 0),
                // No such type.
                vec![0x1f00_0001, 0, 0],
                vec![0xe000_0001, 0, 0, 0],
            ]
        },
        &Trace::fatal(MALFORMED),
    );
}

#[test]
fn reads_and_writes_of_legal_byte_enables_are_no_error() {
    const PORTALS_NEED_NONE: u32 = 0b1010;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let here = scratch(&watched.function);
        for (words, answers) in [
            (memory(MRD | 1, here, 0), vec![0]),
            (memory(MRD | 1, here, 0b1100), vec![0]),
            (memory(MRD | 2, here, 0b0011_1100), vec![0]),
            (memory(MRD | 2, here + 4, 0b0001_1000), vec![0]),
            (
                memory(MRD | 1, watched.function.bar2(), PORTALS_NEED_NONE),
                vec![0],
            ),
            (memory(MWR | 1, here, 0), vec![]),
            (memory(MWR | 2, here, 0b0011_1000), vec![]),
        ] {
            let trace = watched.trace(&words).await;

            let expected = Trace {
                answers,
                ..Trace::nothing()
            };
            assert_eq!(trace, expected, "{words:08x?}");
        }
    });
}

#[test]
fn in_d3hot_memory_requests_are_unsupported_and_config_requests_are_not() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        function.write32(SCRATCH, 0x1234_5678);
        function.read32(SCRATCH).await;
        function.set_config(PM_CONTROL, 3).await;
        let here = scratch(function);

        let read = watched.trace(&memory(MRD | 1, here, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, here, 0xf)).await;
        let portal = watched
            .trace(&memory(MWR | 16, function.bar2(), 0xff))
            .await;

        assert_eq!(read, Trace::advisory(UR, UNSUPPORTED_REQUEST));
        assert_eq!(write, Trace::non_fatal(UNSUPPORTED_REQUEST));
        assert_eq!(portal, Trace::non_fatal(UNSUPPORTED_REQUEST));
        function.set_config(PM_CONTROL, 0).await;
        // No Soft Reset.
        assert_eq!(function.read32(SCRATCH).await, 0x1234_5678);
    });
}

#[test]
fn with_memory_space_disabled_memory_requests_are_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.function.set_config(COMMAND, 0).await;
        let here = scratch(&watched.function);

        let read = watched.trace(&memory(MRD | 1, here, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, here, 0xf)).await;

        assert_eq!(read, Trace::advisory(UR, UNSUPPORTED_REQUEST));
        assert_eq!(write, Trace::non_fatal(UNSUPPORTED_REQUEST));
    });
}
