// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Which message tells of an error, by its severity, its mask and the enables (PCIe 6.2.3, 6.2.4).

use crate::bench::Bench;
use crate::bench::aer::{
    ADVISORY, CORRECTABLE_MASK, MALFORMED, MASK, SEVERITY, UNSUPPORTED_REQUEST,
};
use crate::watched::{
    ALL_REPORTS, COMMAND, ERR_FATAL, FATAL_FOUND, MRD, MWR, SIGNALED_SYSTEM_ERROR, Trace,
    UNSUPPORTED_FOUND, UNSUPPORTED_REPORT, UR, Watched, memory, nowhere,
};

#[test]
fn advisory_error_that_is_masked_is_noted_as_correctable_only() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched
            .function
            .set_config(CORRECTABLE_MASK, ADVISORY)
            .await;
        let read = memory(MRD | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&read).await;

        let expected = Trace {
            messages: vec![],
            uncorrectable: 0,
            ..Trace::advisory(UR, UNSUPPORTED_REQUEST)
        };
        assert_eq!(trace, expected);
        assert_eq!(watched.header_log().await, [0; 4]);
    });
}

#[test]
fn error_of_fatal_severity_is_fatal_even_if_it_could_be_advisory() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let severity = watched.function.config(SEVERITY).await | UNSUPPORTED_REQUEST;
        watched.function.set_config(SEVERITY, severity).await;
        let read = memory(MRD | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&read).await;

        let expected = Trace {
            answers: vec![UR],
            messages: vec![ERR_FATAL],
            uncorrectable: UNSUPPORTED_REQUEST,
            correctable: 0,
            device: FATAL_FOUND | UNSUPPORTED_FOUND,
        };
        assert_eq!(trace, expected);
    });
}

#[test]
fn error_of_non_fatal_severity_is_told_by_err_nonfatal() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.function.set_config(SEVERITY, 0).await;

        let trace = watched.trace(&[0x1f00_0001, 0, 0]).await;

        assert_eq!(trace, Trace::non_fatal(MALFORMED));
    });
}

#[test]
fn masked_error_is_recorded_but_neither_told_nor_logged() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched
            .function
            .set_config(MASK, UNSUPPORTED_REQUEST | MALFORMED)
            .await;
        let lost = memory(MWR | 1, nowhere(&watched.function), 0xf);

        let unsupported = watched.trace(&lost).await;
        let malformed = watched.trace(&[0x1f00_0001, 0, 0]).await;

        for (trace, error) in [
            (unsupported, Trace::non_fatal(UNSUPPORTED_REQUEST)),
            (malformed, Trace::fatal(MALFORMED)),
        ] {
            let messages = vec![];
            assert_eq!(trace, Trace { messages, ..error });
        }
        assert_eq!(watched.header_log().await, [0; 4]);
    });
}

#[test]
fn unsupported_request_is_told_only_with_its_own_enable() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.report(ALL_REPORTS & !UNSUPPORTED_REPORT).await;
        let nowhere = nowhere(&watched.function);

        let read = watched.trace(&memory(MRD | 1, nowhere, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, nowhere, 0xf)).await;

        for (trace, told) in [
            (read, Trace::advisory(UR, UNSUPPORTED_REQUEST)),
            (write, Trace::non_fatal(UNSUPPORTED_REQUEST)),
        ] {
            let messages = vec![];
            assert_eq!(trace, Trace { messages, ..told });
        }
    });
}

#[test]
fn serr_enable_reports_too_and_sets_signaled_system_error() {
    const MEMORY_SPACE_AND_SERR: u32 = 0x102;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.report(0).await;
        watched
            .function
            .set_config(COMMAND, MEMORY_SPACE_AND_SERR)
            .await;
        let lost = memory(MWR | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&lost).await;

        assert_eq!(trace, Trace::non_fatal(UNSUPPORTED_REQUEST));
        assert_eq!(watched.status().await & !0x10, SIGNALED_SYSTEM_ERROR);
    });
}
