// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Disable and Reset Device, Halt.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::Device;
use crate::{DISABLED, HALT, cmd, configured, mode, running};

#[test]
fn disable_device_waits_for_all_and_keeps_configuration() {
    let mut device = running();
    device.busy_polls[0] = 5;

    assert_eq!(
        device.command(cmd(SIOV_CMD_DISABLE_DEVICE, 0)),
        SIOV_ERR_NONE
    );

    assert_eq!(device.state(), DISABLED);
    assert_eq!(
        device.modes_of_rows(),
        [0, 1, 2].map(|wq| (wq, false, false))
    );
    assert_eq!(device.busy_polls[0], 0);
    assert_eq!(device.wq(1, SIOV_WQCFG_MODE_OFFSET), mode(1));
    assert!(!device.cleared);
}

#[test]
fn disable_of_disabled_device_ends_with_31() {
    let mut device = Device::new();
    assert_eq!(
        device.command(cmd(SIOV_CMD_DISABLE_DEVICE, 0)),
        SIOV_ERR_DEV_NOT_ENABLED
    );
}

#[test]
fn reset_device_discards_waits_and_clears() {
    let mut device = running();
    device.busy_polls[2] = 5;

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_DEVICE, 0)), SIOV_ERR_NONE);

    assert_eq!(
        device.modes_of_rows(),
        [0, 1, 2].map(|wq| (wq, false, true))
    );
    assert_eq!(device.busy_polls[2], 0);
    assert!(device.cleared);
    assert_eq!(device.state(), DISABLED);
}

#[test]
fn reset_of_disabled_device_only_clears() {
    let mut device = configured();

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_DEVICE, 0)), SIOV_ERR_NONE);

    assert_eq!(device.rows, []);
    assert!(device.cleared);
}

#[test]
fn halt_discards_the_work_of_every_wq() {
    let mut device = running();
    device.halt();

    device.handle_halt();

    assert_eq!(
        device.modes_of_rows(),
        [0, 1, 2].map(|wq| (wq, false, true))
    );
    assert_eq!(device.ctl(SIOV_CTL_EVENTS_OFFSET), 0);
}

#[test]
fn command_that_waits_while_the_device_halts_ends_with_03() {
    for command in [
        cmd(SIOV_CMD_DISABLE_DEVICE, 0),
        cmd(SIOV_CMD_RESET_DEVICE, 0),
        cmd(SIOV_CMD_DRAIN_WQ, 1),
        cmd(SIOV_CMD_DRAIN_PASID, 0x100),
        cmd(SIOV_CMD_ABORT_PASID, 0x100),
    ] {
        let mut device = running();
        device.busy_polls[0] = u32::MAX;
        device.older_polls[0] = u32::MAX;
        device.halt_at_poll = Some(3);

        assert_eq!(device.command(command), SIOV_ERR_HARDWARE);

        assert_eq!(device.state(), HALT);
    }
}

#[test]
fn command_whose_last_look_halts_the_device_ends_with_03() {
    for command in [SIOV_CMD_DISABLE_DEVICE, SIOV_CMD_RESET_DEVICE] {
        let mut device = running();
        device.halt_at_poll = Some(3);

        assert_eq!(
            device.command(cmd(command, 0)),
            SIOV_ERR_HARDWARE,
            "{command}"
        );

        assert_eq!(device.state(), HALT);
    }
}
