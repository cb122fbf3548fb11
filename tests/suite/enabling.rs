// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Enable Device and Enable WQ: what they refuse, and the error codes they end with (DSA 3.15, 5.2,
//! 9.2.13).

use siov::dsa::Command;

use crate::bench::{Bench, Function};
use crate::one_queue::{
    DEDICATED, ENGINES, LIMITS, MODE, OPCFG, PASID_CONTROL, PASID_ENABLE, PRIVILEGED, configured,
    enabled, grpcfg, on_running, wqcfg,
};

/// CMDSTATUS of Enable Device after `spoil` has changed the configuration that works.
fn enable_device(spoil: impl FnOnce(&Function)) -> u32 {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        spoil(&function);
        function.command(Command::EnableDevice.word(false)).await
    })
}

/// CMDSTATUS of Enable WQ after `spoil` has changed the configuration that works.
fn enable_wq(spoil: impl FnOnce(&Function)) -> u32 {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        spoil(&function);
        let status = function.command(Command::EnableDevice.word(false)).await;
        assert_eq!(status, 0);
        function.command(Command::EnableWq(0).word(false)).await
    })
}

#[test]
fn smallest_configuration_enables_with_status_exactly_0() {
    assert_eq!(enable_wq(|_| ()), 0);
}

#[test]
fn enable_device_of_an_enabled_device_is_10h() {
    assert_eq!(on_running(Command::EnableDevice.word(false)), 0x10);
}

#[test]
fn enable_device_without_bus_master_enable_is_12h() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.quiet_function().await;

        let status = function.command(Command::EnableDevice.word(false)).await;

        assert_eq!(status, 0x12);
    });
}

#[test]
fn more_queue_entries_than_there_are_is_14h() {
    assert_eq!(enable_device(|f| f.write32(wqcfg(0), 257)), 0x14);
}

#[test]
fn group_with_queues_but_no_engine_is_15h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0) + ENGINES, 0)), 0x15);
}

#[test]
fn group_with_engines_but_no_queue_is_15h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(1) + ENGINES, 2)), 0x15);
}

#[test]
fn queue_in_two_groups_is_16h() {
    let status = enable_device(|f| {
        f.write64(grpcfg(1), 1);
        f.write64(grpcfg(1) + ENGINES, 2);
    });

    assert_eq!(status, 0x16);
}

#[test]
fn queue_with_entries_but_no_group_is_16h() {
    assert_eq!(enable_device(|f| f.write32(wqcfg(1), 16)), 0x16);
}

#[test]
fn queue_in_a_group_without_entries_is_16h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0), 3)), 0x16);
}

#[test]
fn group_with_queues_that_do_not_exist_is_16h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0), 1 << 16 | 1)), 0x16);
}

#[test]
fn engine_in_two_groups_is_17h() {
    let status = enable_device(|f| {
        f.write32(wqcfg(1), 16);
        f.write64(grpcfg(1), 2);
        f.write64(grpcfg(1) + ENGINES, 1);
    });

    assert_eq!(status, 0x17);
}

#[test]
fn engine_that_does_not_exist_is_17h() {
    assert_eq!(
        enable_device(|f| f.write64(grpcfg(0) + ENGINES, 1 << 4 | 1)),
        0x17
    );
}

#[test]
fn enable_wq_of_a_disabled_device_is_20h() {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;

        let status = function.command(Command::EnableWq(0).word(false)).await;

        assert_eq!(status, 0x20);
    });
}

#[test]
fn enable_wq_of_an_enabled_queue_is_21h() {
    assert_eq!(on_running(Command::EnableWq(0).word(false)), 0x21);
}

#[test]
fn enable_wq_of_a_queue_without_entries_is_22h() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;

        let status = function.command(Command::EnableWq(1).word(false)).await;

        assert_eq!(status, 0x22);
    });
}

#[test]
fn queue_with_priority_0_is_23h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + MODE, 1)), 0x23);
}

#[test]
fn shared_queue_without_pasid_is_26h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + MODE, 0x10)), 0x26);
}

#[test]
fn block_on_fault_is_25h() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 2)),
        0x25
    );
}

#[test]
fn pasid_without_pasid_capability_enable_is_26h() {
    let status = enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | PASID_ENABLE));

    assert_eq!(status, 0x26);
}

#[test]
fn batch_limit_0_is_27h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + LIMITS, 21)), 0x27);
}

#[test]
fn batch_limit_beyond_the_capability_is_27h() {
    let limits = 11 << 5 | 21;

    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + LIMITS, limits)), 0x27);
}

#[test]
fn privileged_queue_without_privileged_mode_enable_is_2ah() {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        function.set_config(PASID_CONTROL, 1 << 16).await;
        let mode = DEDICATED | PASID_ENABLE | PRIVILEGED;
        function.write32(wqcfg(0) + MODE, mode);
        function.command(Command::EnableDevice.word(false)).await;

        let status = function.command(Command::EnableWq(0).word(false)).await;

        assert_eq!(status, 0x2a);
    });
}

#[test]
fn ats_disable_is_2ch() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 4)),
        0x2c
    );
}

#[test]
fn prs_disable_is_2eh() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 8)),
        0x2e
    );
}

#[test]
fn operation_that_the_device_does_not_have_is_2dh() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + OPCFG, 1 << 5)), 0x2d);
}
