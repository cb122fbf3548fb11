// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Disable, drain, abort and reset of WQs.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::OPCAP;
use crate::{DISABLED, ENABLED, cmd, enabled, running};

#[test]
fn disabled_wq_is_closed_then_waited_for() {
    let mut device = running();
    device.busy_polls[1] = 3;

    assert_eq!(
        device.command(cmd(SIOV_CMD_DISABLE_WQ, 0b010)),
        SIOV_ERR_NONE
    );

    assert_eq!(device.modes_of_rows(), [(1, false, false)]);
    assert_eq!(device.busy_polls[1], 0);
    assert_eq!(
        [0, 1, 2].map(|wq| device.wq_state(wq)),
        [ENABLED, DISABLED, ENABLED]
    );
}

#[test]
fn disable_of_disabled_wq_ends_with_32_and_changes_nothing() {
    let mut device = running();
    for command in [SIOV_CMD_DISABLE_WQ, SIOV_CMD_DRAIN_WQ, SIOV_CMD_ABORT_WQ] {
        assert_eq!(
            device.command(cmd(command, 0b1001)),
            SIOV_ERR_WQ_NOT_ENABLED,
            "{command}"
        );
    }
    assert_eq!(device.rows, []);
    assert_eq!(device.wq_state(0), ENABLED);
}

#[test]
fn map_with_wq_that_is_not_there_ends_with_02() {
    let mut device = running();
    for operand in [0x100, 0x1_0001] {
        let error = device.command(cmd(SIOV_CMD_DRAIN_WQ, operand));
        assert_eq!(error, SIOV_ERR_WQ_INDEX, "{operand:#x}");
    }
}

#[test]
fn second_map_names_wqs_from_16_on() {
    let mut device = running();
    device.set_ctl(SIOV_CTL_STRAP_QUEUES_OFFSET, 32 | 128 << 16);

    assert_eq!(
        device.command(cmd(SIOV_CMD_RESET_WQ, 0x1_0002)),
        SIOV_ERR_NONE
    );

    assert_eq!(device.wq(17, SIOV_WQCFG_OPCFG_OFFSET), OPCAP);
}

#[test]
fn drain_waits_for_what_was_there_and_leaves_the_queue_open() {
    let mut device = running();
    device.older_polls[2] = 4;
    device.busy_polls[2] = u32::MAX;

    assert_eq!(device.command(cmd(SIOV_CMD_DRAIN_WQ, 0b100)), SIOV_ERR_NONE);

    assert_eq!(device.marks, [2]);
    assert_eq!(device.older_polls[2], 0);
    assert_eq!(device.rows, []);
}

#[test]
fn drain_all_waits_for_every_wq() {
    let mut device = running();
    device.older_polls = [2, 3, 4, 0, 0, 0, 0, 0];

    assert_eq!(device.command(cmd(SIOV_CMD_DRAIN_ALL, 0)), SIOV_ERR_NONE);

    assert_eq!(device.older_polls, [0; 8]);
}

#[test]
fn drain_waits_for_the_event_log() {
    let mut device = running();
    device.log_busy_polls = 4;

    assert_eq!(device.command(cmd(SIOV_CMD_DRAIN_WQ, 0b100)), SIOV_ERR_NONE);

    assert_eq!(device.log_busy_polls, 0);
}

#[test]
fn abort_discards_then_opens_the_queue_again() {
    let mut device = running();

    assert_eq!(device.command(cmd(SIOV_CMD_ABORT_WQ, 0b001)), SIOV_ERR_NONE);

    assert_eq!(device.modes_of_rows(), [(0, true, true), (0, true, false)]);
    assert_eq!(device.wq_state(0), ENABLED);
}

#[test]
fn reset_wq_keeps_size_alone() {
    let mut device = running();
    device.set_wq(1, SIOV_WQCFG_THRESHOLD_OFFSET, 7);
    device.set_wq(1, SIOV_WQCFG_OPCFG_OFFSET, 1);

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_WQ, 0b010)), SIOV_ERR_NONE);

    assert_eq!(device.modes_of_rows(), [(1, false, true)]);
    let entry: Vec<u32> = (0..16).map(|dw| device.wq(1, dw * 4)).collect();
    let opcap = OPCAP;
    assert_eq!(entry, [32, 0, 0, 0, 0, 0, 0, 0, opcap, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn reset_of_disabled_wq_resets_its_configuration() {
    let mut device = enabled();

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_WQ, 0b010)), SIOV_ERR_NONE);

    assert_eq!(device.rows, []);
    assert_eq!(device.wq(1, SIOV_WQCFG_MODE_OFFSET), 0);
}
