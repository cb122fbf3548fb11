// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The commands of DSA 3.15 with the device played by the test: no RTL, no RISC-V.

#![allow(clippy::unwrap_used, clippy::panic)]

mod any_command;
mod device;
mod enable_device;
mod enable_queue;
mod handles;
mod page_requests;
mod pasids;
mod queues;
mod whole_device;

use device::Device;
use siov_firmware::{abi::*, regs::*};

/// CMD for a command and its operand.
fn cmd(command: u32, operand: u32) -> u32 {
    command << SIOV_CMD_COMMAND_SHIFT | operand
}

/// 8 WQs, 4 groups, 4 engines, 128 entries; WQs 0 and 1 (16 and 32 entries) with engine 0 in
/// group 0, WQ 2 (8 entries) with engine 2 in group 1.
fn configured() -> Device {
    let mut device = Device::new();
    device.set_group(0, 0b011, 0b0001);
    device.set_group(1, 0b100, 0b0100);
    for (wq, size) in [16, 32, 8].into_iter().enumerate() {
        device.set_wq(wq as u32, SIOV_WQCFG_SIZE_OFFSET, size);
    }
    device
}

fn enabled() -> Device {
    let mut device = configured();
    assert_eq!(
        device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0)),
        SIOV_ERR_NONE
    );
    for wq in 0..3 {
        device.set_wq(wq, SIOV_WQCFG_MODE_OFFSET, mode(wq));
        device.set_wq(wq, SIOV_WQCFG_LIMITS_OFFSET, LIMITS);
    }
    device
}

fn running() -> Device {
    let mut device = enabled();
    for wq in 0..3 {
        assert_eq!(device.command(cmd(SIOV_CMD_ENABLE_WQ, wq)), SIOV_ERR_NONE);
    }
    device.rows.clear();
    device
}

/// Dedicated, PASID 100h + wq, priority 1 + wq.
fn mode(wq: u32) -> u32 {
    SIOV_WQCFG_MODE_DEDICATED_MASK
        | SIOV_WQCFG_MODE_PASID_EN_MASK
        | (0x100 + wq) << SIOV_WQCFG_MODE_PASID_SHIFT
        | (1 + wq) << SIOV_WQCFG_MODE_PRIO_SHIFT
}

/// Shared, priority 2.
const SHARED: u32 = SIOV_WQCFG_MODE_PASID_EN_MASK | 2 << SIOV_WQCFG_MODE_PRIO_SHIFT;

/// 2^20 bytes, 2^5 descriptors.
const LIMITS: u32 = 20 << SIOV_WQCFG_LIMITS_MAX_XFER_SHIFT | 5 << SIOV_WQCFG_LIMITS_MAX_BATCH_SHIFT;

const DISABLED: u32 = 0;
const ENABLED: u32 = 1;
const HALT: u32 = 3;
