// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt handles.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::cmd;
use crate::device::Device;

#[test]
fn handle_of_an_entry_is_its_index() {
    let mut device = Device::new();
    let done = device.command(cmd(SIOV_CMD_REQUEST_INT_HANDLE, 1 << 16 | 0x7ff));
    assert_eq!(done, 0x7ff << SIOV_CTL_DONE_RESULT_SHIFT);
}

#[test]
fn requested_entry_is_granted_until_released() {
    let mut device = Device::new();
    let entry = SIOV_MSIXPERM_OFFSET + 3 * SIOV_MSIXPERM_STRIDE;

    device.command(cmd(SIOV_CMD_REQUEST_INT_HANDLE, 3));
    assert_eq!(device.reg(entry), SIOV_MSIXPERM_PERM_GRANTED_MASK);

    assert_eq!(
        device.command(cmd(SIOV_CMD_RELEASE_INT_HANDLE, 3)),
        SIOV_ERR_NONE
    );
    assert_eq!(device.reg(entry), 0);
}

#[test]
fn entry_beyond_the_table_ends_with_41() {
    let mut device = Device::new();
    for operand in [9, 1 << 16 | 2048] {
        for command in [SIOV_CMD_REQUEST_INT_HANDLE, SIOV_CMD_RELEASE_INT_HANDLE] {
            let error = device.command(cmd(command, operand));
            assert_eq!(error, SIOV_ERR_INT_INDEX, "{command} {operand:#x}");
        }
    }
}

#[test]
fn reserved_operand_bits_of_handle_command_end_with_04() {
    let mut device = Device::new();
    let error = device.command(cmd(SIOV_CMD_REQUEST_INT_HANDLE, 1 << 17));
    assert_eq!(error, SIOV_ERR_RESERVED);
}
