// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What holds for any command.

use siov_firmware::abi::*;

use crate::device::Device;
use crate::{HALT, cmd, running};

#[test]
fn unknown_command_ends_with_01() {
    let mut device = Device::new();
    for command in [0, 15, 31] {
        assert_eq!(
            device.command(cmd(command, 0)),
            SIOV_ERR_COMMAND,
            "{command}"
        );
    }
}

#[test]
fn reserved_bits_of_cmd_end_with_04() {
    let mut device = Device::new();
    assert_eq!(
        device.command(cmd(SIOV_CMD_DRAIN_ALL, 0) | 1 << 25),
        SIOV_ERR_RESERVED
    );
}

#[test]
fn operand_of_device_command_ends_with_04() {
    let mut device = Device::new();
    for command in 1..=5 {
        assert_eq!(
            device.command(cmd(command, 1)),
            SIOV_ERR_RESERVED,
            "{command}"
        );
    }
}

#[test]
fn halted_device_answers_every_command_with_05() {
    let mut device = running();
    device.halt();
    device.handle_halt();
    device.rows.clear();

    for command in 1..=14 {
        assert_eq!(device.command(cmd(command, 0)), SIOV_ERR_HALT, "{command}");
    }

    assert_eq!(device.rows, []);
    assert_eq!(device.state(), HALT);
    assert!(!device.cleared);
}
