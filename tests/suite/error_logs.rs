// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What is kept of an error: first error, header and prefix log, status bits, until software or a
//! reset clears them (PCIe 6.2.4.2, 7.8.4).

use crate::bench::Bench;
use crate::bench::aer::{
    ADVISORY, COMPLETER_ABORT, CONTROL, CORRECTABLE, CORRECTABLE_MASK, MASK, POISONED, PREFIX_LOG,
    SEVERITY, UNCORRECTABLE, UNSUPPORTED_REQUEST,
};
use crate::watched::{
    COMMAND, CORRECTABLE_FOUND, DEVCTL, EP, INITIATE_FLR, MRD, MWR, PASID, SIGNALED_ABORT, Watched,
    memory, nowhere, scratch, with_prefix,
};

#[test]
fn first_error_is_logged_until_software_clears_its_bit() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let first = memory(MWR | 1, nowhere(function), 0xf);
        let second = memory(MWR | EP | 1, scratch(function), 0xf);

        watched.send(&first).await;
        watched.send(&second).await;

        let both = UNSUPPORTED_REQUEST | POISONED;
        assert_eq!(function.config(UNCORRECTABLE).await, both);
        assert_eq!(watched.first_error().await, 20);
        assert_eq!(watched.header_log().await, first[..4]);

        function
            .set_config(UNCORRECTABLE, UNSUPPORTED_REQUEST)
            .await;
        watched.send(&second).await;

        assert_eq!(watched.first_error().await, 12);
        assert_eq!(watched.header_log().await, second[..4]);
    });
}

#[test]
fn prefix_is_logged_with_the_header_and_only_if_there_is_one() {
    const PREFIX_PRESENT: u32 = 1 << 11;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let bare = memory(MWR | 1, nowhere(function), 0xf);

        watched.send(&with_prefix(PASID, bare.clone())).await;

        assert_eq!(
            function.config(CONTROL).await & PREFIX_PRESENT,
            PREFIX_PRESENT
        );
        assert_eq!(function.config(PREFIX_LOG).await, PASID);
        assert_eq!(watched.header_log().await, bare[..4]);

        function.set_config(UNCORRECTABLE, u32::MAX).await;
        watched.send(&bare).await;

        assert_eq!(function.config(CONTROL).await & PREFIX_PRESENT, 0);
        assert_eq!(function.config(PREFIX_LOG).await, 0);
    });
}

#[test]
fn every_status_bit_is_cleared_by_writing_1_and_by_nothing_else() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let aborted = memory(MRD | 1, scratch(function), 0b0111);
        watched.send(&aborted).await;
        let control = function.config(DEVCTL).await & 0xffff;
        let command = function.config(COMMAND).await & 0xffff;
        for (register, keep, found) in [
            (UNCORRECTABLE, 0, COMPLETER_ABORT),
            (CORRECTABLE, 0, ADVISORY),
            (DEVCTL, control, CORRECTABLE_FOUND << 16),
            (COMMAND, command | 0x10 << 16, SIGNALED_ABORT << 16),
        ] {
            function.set_config(register, keep).await;
            let after_zeros = function.config(register).await;
            function.set_config(register, keep | found).await;
            let after_ones = function.config(register).await;

            assert_eq!(after_zeros, keep | found, "{register:#x}");
            assert_eq!(after_ones, keep, "{register:#x}");
        }
    });
}

#[test]
fn aer_keeps_its_status_settings_and_logs_through_flr_and_the_rest_is_cleared() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        function.set_config(MASK, POISONED).await;
        function.set_config(SEVERITY, UNSUPPORTED_REQUEST).await;
        let read = with_prefix(PASID, memory(MRD | 1, scratch(function), 0xf));
        watched.send(&read).await;
        let aborted = memory(MWR | 1, scratch(function), 0b0111);
        watched.send(&aborted).await;
        let sticky = [
            UNCORRECTABLE,
            MASK,
            SEVERITY,
            CORRECTABLE,
            CORRECTABLE_MASK,
            CONTROL,
            PREFIX_LOG,
        ];
        let mut before = Vec::new();
        for register in sticky {
            before.push(function.config(register).await);
        }

        let control = function.config(DEVCTL).await & 0xffff;
        function.set_config(DEVCTL, control | INITIATE_FLR).await;
        bench.host.sleep(10_000).await;

        let mut after = Vec::new();
        for register in sticky {
            after.push(function.config(register).await);
        }
        assert_eq!(after, before);
        assert_eq!(before[0], UNSUPPORTED_REQUEST | COMPLETER_ABORT);
        assert_eq!(watched.header_log().await, read[1..5]);
        assert_eq!(function.config(DEVCTL).await >> 16 & 0xf, 0);
        assert_eq!(watched.status().await, 0x10);
    });
}
