// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page requests of who is aborted or reset.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::Device;
use crate::{cmd, mode, running};

/// The stop register for who is named by the operand of a command, 0 in between.
fn stop(what: u32, operand: u32) -> Vec<u32> {
    vec![what << SIOV_CTL_STOP_WHAT_SHIFT | operand, 0]
}

/// A PASID of which a page request was left, as the register says it.
fn with_pasid(pasid: u32) -> u32 {
    SIOV_CTL_LEFT_PASID_VALID_MASK | pasid
}

fn running_with_pri() -> Device {
    let mut device = running();
    device.enable_in_config_space(SIOV_CTL_PCIE_PRI_EN_MASK);
    device
}

#[test]
fn abort_and_reset_stop_whom_they_name() {
    for (command, operand, stops) in [
        (SIOV_CMD_ABORT_WQ, 0b101, stop(1, 0b101)),
        (SIOV_CMD_RESET_WQ, 0b010, stop(1, 0b010)),
        (SIOV_CMD_ABORT_PASID, 0x102, stop(2, 0x102)),
        (SIOV_CMD_ABORT_ALL, 0, stop(3, 0)),
        (SIOV_CMD_RESET_DEVICE, 0, stop(3, 0)),
    ] {
        let mut device = running();
        device.busy_polls = [2; 8];

        assert_eq!(device.command(cmd(command, operand)), SIOV_ERR_NONE);

        assert_eq!(device.stops, stops, "{command}");
    }
}

#[test]
fn drain_and_disable_stop_nobody() {
    for (command, operand) in [
        (SIOV_CMD_DRAIN_WQ, 0b111),
        (SIOV_CMD_DRAIN_PASID, 0x102),
        (SIOV_CMD_DRAIN_ALL, 0),
        (SIOV_CMD_DISABLE_WQ, 0b111),
        (SIOV_CMD_DISABLE_DEVICE, 0),
    ] {
        let mut device = running();

        assert_eq!(device.command(cmd(command, operand)), SIOV_ERR_NONE);

        assert_eq!(device.stops, [0; 0], "{command}");
    }
}

#[test]
fn command_for_a_pasid_ends_with_its_stop_marker() {
    for command in [SIOV_CMD_DRAIN_PASID, SIOV_CMD_ABORT_PASID] {
        let mut device = running_with_pri();
        device.busy_polls[2] = 3;
        device.marker_busy_polls = 3;

        assert_eq!(device.command(cmd(command, 0x102)), SIOV_ERR_NONE);

        assert_eq!(device.markers, [0x102], "{command}");
        assert_eq!(device.marker_busy_polls, 0);
    }
}

#[test]
fn without_page_requests_there_is_no_stop_marker() {
    let mut device = running();
    for command in [SIOV_CMD_DRAIN_PASID, SIOV_CMD_ABORT_PASID] {
        assert_eq!(device.command(cmd(command, 0x102)), SIOV_ERR_NONE);
    }
    assert_eq!(device.markers, [0; 0]);
}

#[test]
fn reset_marks_each_pasid_whose_page_requests_it_leaves() {
    let mut device = running_with_pri();
    device.left.extend([0x101, 0x102].map(with_pasid));

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_WQ, 0b110)), SIOV_ERR_NONE);

    assert_eq!(device.markers, [0x101, 0x102]);
    assert!(device.left.is_empty());
}

#[test]
fn pasid_that_goes_on_in_another_wq_is_not_marked() {
    let mut device = running_with_pri();
    device.set_wq(0, SIOV_WQCFG_MODE_OFFSET, mode(1));
    device.left.push_back(with_pasid(0x101));

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_WQ, 0b010)), SIOV_ERR_NONE);

    assert_eq!(device.markers, [0; 0]);
    assert!(device.left.is_empty());
}

#[test]
fn page_requests_without_pasid_are_not_marked() {
    let mut device = running_with_pri();
    device.left.push_back(0);
    device.marker_busy_polls = 5;

    assert_eq!(device.command(cmd(SIOV_CMD_ABORT_ALL, 0)), SIOV_ERR_NONE);

    assert_eq!(device.markers, [0; 0]);
    assert_eq!(device.marker_busy_polls, 0); // but waited for
}
