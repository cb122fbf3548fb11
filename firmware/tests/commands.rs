// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The commands of DSA 3.15 with the device played by the test: no RTL, no RISC-V.

#![allow(clippy::unwrap_used, clippy::panic)]

mod device;

use device::{DISCARDS, Device, Row};
use siov_firmware::{abi::*, ctl_regs::*, regs::*};

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

/// 2^20 bytes, 2^5 descriptors.
const LIMITS: u32 = 20 << SIOV_WQCFG_LIMITS_MAX_XFER_SHIFT | 5 << SIOV_WQCFG_LIMITS_MAX_BATCH_SHIFT;

const DISABLED: u32 = 0;
const ENABLED: u32 = 1;
const HALT: u32 = 3;

// ----------------------------------------------------------------------------------------------
// Any command

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

// ----------------------------------------------------------------------------------------------
// Enable Device

#[test]
fn enable_device_sets_state_and_engines() {
    let mut device = configured();

    assert_eq!(
        device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0)),
        SIOV_ERR_NONE
    );

    assert_eq!(device.state(), ENABLED);
    let engines = [0, 1, 2, 3].map(|i| device.ctl(SIOV_CTL_ENGINE_OFFSET + i * 4));
    let enable = SIOV_CTL_ENGINE_EN_MASK;
    assert_eq!(engines, [enable, 0, enable | 1, 0]);
}

#[test]
fn enable_device_without_any_wq_succeeds() {
    let mut device = Device::new();
    assert_eq!(
        device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0)),
        SIOV_ERR_NONE
    );
}

fn enable_device_error(change: impl FnOnce(&mut Device)) -> u32 {
    let mut device = configured();
    change(&mut device);
    let error = device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0));
    let enabled = error == SIOV_ERR_NONE || error == SIOV_ERR_NOT_DISABLED;
    assert_eq!(device.state() == ENABLED, enabled);
    error
}

#[test]
fn enable_device_twice_ends_with_10() {
    let error = enable_device_error(|device| device.set_state(ENABLED));
    assert_eq!(error, SIOV_ERR_NOT_DISABLED);
}

#[test]
fn enable_device_without_bus_master_ends_with_12() {
    let error = enable_device_error(|device| device.set_ctl(SIOV_CTL_PCIE_OFFSET, 0));
    assert_eq!(error, SIOV_ERR_BME);
}

#[test]
fn wq_sizes_beyond_total_end_with_14() {
    let error = enable_device_error(|device| device.set_wq(2, SIOV_WQCFG_SIZE_OFFSET, 81));
    assert_eq!(error, SIOV_ERR_TOTAL_SIZE);
}

#[test]
fn wq_sizes_equal_to_total_are_legal() {
    let mut device = configured();
    device.set_wq(2, SIOV_WQCFG_SIZE_OFFSET, 80);
    let error = device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0));
    assert_eq!(error, SIOV_ERR_NONE);
}

#[test]
fn group_with_only_engines_ends_with_15() {
    let error = enable_device_error(|device| device.set_group(2, 0, 0b0010));
    assert_eq!(error, SIOV_ERR_GROUP);
}

#[test]
fn group_with_only_wqs_ends_with_15() {
    let error = enable_device_error(|device| device.set_group(1, 0b100, 0));
    assert_eq!(error, SIOV_ERR_GROUP);
}

#[test]
fn group_beyond_the_last_ends_with_15() {
    let error = enable_device_error(|device| {
        device.set_ctl(
            SIOV_CTL_STRAP_GROUPS_OFFSET,
            1 | 4 << SIOV_CTL_STRAP_GROUPS_ENGINES_SHIFT,
        );
    });
    assert_eq!(error, SIOV_ERR_GROUP);
}

#[test]
fn wq_in_two_groups_ends_with_16() {
    let error = enable_device_error(|device| device.set_group(1, 0b110, 0b0100));
    assert_eq!(error, SIOV_ERR_GROUP_WQ);
}

#[test]
fn active_wq_in_no_group_ends_with_16() {
    let error = enable_device_error(|device| device.set_wq(3, SIOV_WQCFG_SIZE_OFFSET, 1));
    assert_eq!(error, SIOV_ERR_GROUP_WQ);
}

#[test]
fn inactive_wq_in_group_ends_with_16() {
    let error = enable_device_error(|device| device.set_wq(1, SIOV_WQCFG_SIZE_OFFSET, 0));
    assert_eq!(error, SIOV_ERR_GROUP_WQ);
}

#[test]
fn wq_bit_beyond_the_last_wq_ends_with_16() {
    let error = enable_device_error(|device| device.set_group(1, 0x104, 0b0100));
    assert_eq!(error, SIOV_ERR_GROUP_WQ);
}

#[test]
fn engine_in_two_groups_ends_with_17() {
    let error = enable_device_error(|device| device.set_group(1, 0b100, 0b0101));
    assert_eq!(error, SIOV_ERR_GROUP_ENGINE);
}

#[test]
fn engine_bit_beyond_the_last_engine_ends_with_17() {
    let error = enable_device_error(|device| device.set_group(1, 0b100, 0b1_0100));
    assert_eq!(error, SIOV_ERR_GROUP_ENGINE);
}

#[test]
fn page_request_allocation_from_1_to_capacity_is_legal() {
    for (allocation, expected) in [
        (0, SIOV_ERR_PRI_ALLOC),
        (1, SIOV_ERR_NONE),
        (512, SIOV_ERR_NONE),
        (513, SIOV_ERR_PRI_ALLOC),
    ] {
        let error = enable_device_error(|device| {
            device.enable_in_config_space(SIOV_CTL_PCIE_PRI_EN_MASK);
            device.set_pri_allocation(allocation);
        });
        assert_eq!(error, expected, "{allocation}");
    }
}

#[test]
fn page_request_allocation_does_not_matter_without_pri() {
    let error = enable_device_error(|device| device.set_pri_allocation(0));
    assert_eq!(error, SIOV_ERR_NONE);
}

/// A device with an event log of `entries` entries at `base`; `flags` are those of EVLCFG.
fn log(device: &mut Device, base: u64, entries: u32, flags: u32) {
    let config = base | u64::from(flags);
    device.set_reg(SIOV_GENCFG_OFFSET, SIOV_GENCFG_EVL_EN_MASK);
    device.set_reg(SIOV_EVLCFG0_OFFSET, config as u32);
    device.set_reg(SIOV_EVLCFG0_OFFSET + 4, (config >> 32) as u32);
    device.set_reg(SIOV_EVLCFG1_OFFSET, entries);
}

#[test]
fn event_log_of_fewer_than_64_entries_ends_with_19() {
    for (entries, expected) in [(0, SIOV_ERR_EVL), (63, SIOV_ERR_EVL), (64, SIOV_ERR_NONE)] {
        let error = enable_device_error(|device| log(device, 0x1000, entries, 0));
        assert_eq!(error, expected, "{entries}");
    }
}

#[test]
fn event_log_beyond_the_last_address_ends_with_19() {
    let last_page = 0xffff_ffff_ffff_f000;
    for (entries, expected) in [(64, SIOV_ERR_NONE), (65, SIOV_ERR_EVL)] {
        let error = enable_device_error(|device| log(device, last_page, entries, 0));
        assert_eq!(error, expected, "{entries}");
    }
}

#[test]
fn event_log_with_pasid_while_function_has_none_ends_with_1b() {
    let error = enable_device_error(|device| {
        device.set_ctl(SIOV_CTL_PCIE_OFFSET, SIOV_CTL_PCIE_BME_MASK);
        log(device, 0x1000, 64, SIOV_EVLCFG0_PASID_EN_MASK);
    });
    assert_eq!(error, SIOV_ERR_EVL_PASID);
}

#[test]
fn privileged_event_log_without_privileged_mode_ends_with_1b() {
    let flags = SIOV_EVLCFG0_PASID_EN_MASK | SIOV_EVLCFG0_PRIV_MASK;
    let error = enable_device_error(|device| log(device, 0x1000, 64, flags));
    assert_eq!(error, SIOV_ERR_EVL_PASID);
}

#[test]
fn configuration_of_an_event_log_that_is_off_is_not_checked() {
    let error = enable_device_error(|device| {
        log(device, 0x1000, 1, SIOV_EVLCFG0_PRIV_MASK);
        device.set_reg(SIOV_GENCFG_OFFSET, 0);
    });
    assert_eq!(error, SIOV_ERR_NONE);
}

#[test]
fn enable_device_clears_the_status_of_the_event_log_once_it_is_idle() {
    let mut device = configured();
    log(&mut device, 0x1000, 64, 0);
    device.set_reg(SIOV_EVLSTATUS_OFFSET, 7);
    device.set_reg(SIOV_EVLSTATUS_OFFSET + 4, 1 << 30 | 9);
    device.log_busy_polls = 3;

    let error = device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0));

    assert_eq!(error, SIOV_ERR_NONE);
    assert_eq!(device.log_busy_polls, 0);
    let status = [0, 4].map(|dw| device.reg(SIOV_EVLSTATUS_OFFSET + dw));
    assert_eq!(status, [0, 0]);
}

#[test]
fn enable_device_that_fails_leaves_the_status_of_the_event_log() {
    let mut device = configured();
    log(&mut device, 0x1000, 63, 0);
    device.set_reg(SIOV_EVLSTATUS_OFFSET, 7);

    device.command(cmd(SIOV_CMD_ENABLE_DEVICE, 0));

    assert_eq!(device.reg(SIOV_EVLSTATUS_OFFSET), 7);
}

// ----------------------------------------------------------------------------------------------
// Enable WQ

#[test]
fn enabled_wq_gets_its_row() {
    let mut device = enabled();
    let group = SIOV_GRPCFG_OFFSET + SIOV_GRPCFG_STRIDE + SIOV_GRPCFG_FLAGS_OFFSET;
    device.set_reg(group, 3 << SIOV_GRPCFG_FLAGS_TC_B_SHIFT);
    device.set_wq(2, SIOV_WQCFG_OPCFG_OFFSET, 0x9);

    assert_eq!(device.command(cmd(SIOV_CMD_ENABLE_WQ, 2)), SIOV_ERR_NONE);

    assert_eq!(device.wq_state(2), ENABLED);
    let flags = SIOV_CTL_ROW_FLAGS_ENABLED_MASK
        | SIOV_CTL_ROW_FLAGS_DEDICATED_MASK
        | SIOV_CTL_ROW_FLAGS_PASID_VALID_MASK
        | 3 << SIOV_CTL_ROW_FLAGS_TC_B_SHIFT
        | 20 << SIOV_CTL_ROW_FLAGS_MAX_XFER_SHIFT
        | 3 << SIOV_CTL_ROW_FLAGS_PRIO_SHIFT
        | 1 << SIOV_CTL_ROW_FLAGS_GROUP_SHIFT;
    let row = Row {
        wq: 2,
        flags,
        pasid: 0x102,
        opcfg: [0x9, 0],
        base: 16 + 32,
        size: 8,
    };
    assert_eq!(device.rows, [row]);
}

fn enable_wq_error(change: impl FnOnce(&mut Device)) -> u32 {
    let mut device = enabled();
    change(&mut device);
    let error = device.command(cmd(SIOV_CMD_ENABLE_WQ, 1));
    assert_eq!(device.rows, []);
    error
}

#[test]
fn enable_of_wq_that_is_not_there_ends_with_02() {
    assert_eq!(
        enabled().command(cmd(SIOV_CMD_ENABLE_WQ, 8)),
        SIOV_ERR_WQ_INDEX
    );
}

#[test]
fn enable_wq_with_reserved_operand_bits_ends_with_04() {
    assert_eq!(
        enabled().command(cmd(SIOV_CMD_ENABLE_WQ, 0x101)),
        SIOV_ERR_RESERVED
    );
}

#[test]
fn enable_wq_of_disabled_device_ends_with_20() {
    assert_eq!(
        enable_wq_error(|device| device.set_state(DISABLED)),
        SIOV_ERR_NOT_ENABLED
    );
}

#[test]
fn enable_wq_twice_ends_with_21() {
    let mut device = running();
    assert_eq!(
        device.command(cmd(SIOV_CMD_ENABLE_WQ, 1)),
        SIOV_ERR_WQ_NOT_DISABLED
    );
}

#[test]
fn enable_wq_without_entries_ends_with_22() {
    assert_eq!(
        enabled().command(cmd(SIOV_CMD_ENABLE_WQ, 5)),
        SIOV_ERR_WQ_SIZE
    );
}

#[test]
fn enable_wq_without_priority_ends_with_23() {
    let mode = mode(1) & !SIOV_WQCFG_MODE_PRIO_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_PRIORITY);
}

/// Shared, priority 2.
const SHARED: u32 = SIOV_WQCFG_MODE_PASID_EN_MASK | 2 << SIOV_WQCFG_MODE_PRIO_SHIFT;

#[test]
fn shared_wq_has_no_pasid_of_its_own_in_its_row() {
    let mut device = enabled();
    device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, SHARED);

    assert_eq!(device.command(cmd(SIOV_CMD_ENABLE_WQ, 1)), SIOV_ERR_NONE);

    let flags = SIOV_CTL_ROW_FLAGS_ENABLED_MASK
        | SIOV_CTL_ROW_FLAGS_PASID_VALID_MASK
        | 20 << SIOV_CTL_ROW_FLAGS_MAX_XFER_SHIFT
        | 2 << SIOV_CTL_ROW_FLAGS_PRIO_SHIFT;
    assert_eq!((device.rows[0].flags, device.rows[0].pasid), (flags, 0));
}

#[test]
fn enable_shared_wq_without_pasid_ends_with_26() {
    let mode = SHARED & !SIOV_WQCFG_MODE_PASID_EN_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_PASID);
}

#[test]
fn enable_shared_wq_while_function_has_no_pasid_ends_with_26() {
    let error = enable_wq_error(|device| {
        device.set_ctl(SIOV_CTL_PCIE_OFFSET, SIOV_CTL_PCIE_BME_MASK);
        device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, SHARED);
    });
    assert_eq!(error, SIOV_ERR_WQ_PASID);
}

#[test]
fn privilege_of_a_shared_wq_is_in_its_descriptors_alone() {
    let mut device = enabled();
    let mode = SHARED | SIOV_WQCFG_MODE_PRIV_MASK;
    device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode);

    assert_eq!(device.command(cmd(SIOV_CMD_ENABLE_WQ, 1)), SIOV_ERR_NONE);
}

#[test]
fn enable_wq_with_block_on_fault_while_function_has_no_pri_ends_with_25() {
    let mode = mode(1) | SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_BOF);
}

#[test]
fn wq_with_block_on_fault_has_it_in_its_row() {
    let mut device = enabled();
    device.enable_in_config_space(SIOV_CTL_PCIE_PRI_EN_MASK);
    let mode = mode(1) | SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK;
    device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode);

    assert_eq!(device.command(cmd(SIOV_CMD_ENABLE_WQ, 1)), SIOV_ERR_NONE);

    assert!(device.rows[0].flags & SIOV_CTL_ROW_FLAGS_BOF_EN_MASK != 0);
}

#[test]
fn enable_wq_with_pasid_while_function_has_none_ends_with_26() {
    let bme = SIOV_CTL_PCIE_BME_MASK;
    let error = enable_wq_error(|device| device.set_ctl(SIOV_CTL_PCIE_OFFSET, bme));
    assert_eq!(error, SIOV_ERR_WQ_PASID);
}

#[test]
fn enable_wq_with_no_or_too_large_batch_ends_with_27() {
    for max_batch in [0, 11] {
        let limits = max_batch << SIOV_WQCFG_LIMITS_MAX_BATCH_SHIFT;
        let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_LIMITS_OFFSET, limits));
        assert_eq!(error, SIOV_ERR_WQ_BATCH, "{max_batch}");
    }
}

#[test]
fn enable_privileged_wq_without_privileged_mode_ends_with_2a() {
    let mode = mode(1) | SIOV_WQCFG_MODE_PRIV_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_PRIV);
}

#[test]
fn enable_wq_with_ats_disable_ends_with_2c() {
    let mode = mode(1) | SIOV_WQCFG_MODE_ATS_DISABLE_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_ATS);
}

#[test]
fn enable_wq_that_allows_unknown_operation_ends_with_2d() {
    for (dw, ops) in [(0, 0x1b), (7, 1 << 31)] {
        let offset = SIOV_WQCFG_OPCFG_OFFSET + dw * SIOV_WQCFG_OPCFG_STRIDE;
        let error = enable_wq_error(|device| device.set_wq(1, offset, ops));
        assert_eq!(error, SIOV_ERR_WQ_OPCFG, "{dw}");
    }
}

#[test]
fn enable_wq_with_prs_disable_ends_with_2e() {
    let mode = mode(1) | SIOV_WQCFG_MODE_PRS_DISABLE_MASK;
    let error = enable_wq_error(|device| device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, mode));
    assert_eq!(error, SIOV_ERR_WQ_PRS);
}

// ----------------------------------------------------------------------------------------------
// Disable, drain, abort and reset WQs

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

    assert_eq!(device.wq(17, SIOV_WQCFG_OPCFG_OFFSET), device::OPCAP);
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
fn drain_pasid_waits_for_the_wqs_that_use_it() {
    let mut device = running();
    device.older_polls = [5, 3, 4, 0, 0, 0, 0, 0];
    device.set_wq(2, SIOV_WQCFG_MODE_OFFSET, mode(1));

    let error = device.command(cmd(SIOV_CMD_DRAIN_PASID, 0x101));

    assert_eq!(error, SIOV_ERR_NONE);
    assert_eq!(device.older_polls[..3], [5, 0, 0]);
    assert_eq!(device.rows, []);
}

#[test]
fn drain_pasid_waits_for_every_shared_wq() {
    let mut device = running();
    device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, SHARED);
    device.older_polls[1] = 3;

    let error = device.command(cmd(SIOV_CMD_DRAIN_PASID, 0x777));

    assert_eq!(error, SIOV_ERR_NONE);
    assert_eq!(device.marks, [1]);
    assert_eq!(device.older_polls[1], 0);
}

#[test]
fn abort_pasid_discards_that_pasid_alone() {
    let mut device = running();
    device.set_wq(1, SIOV_WQCFG_MODE_OFFSET, SHARED);
    device.older_polls[1] = 3;

    let error = device.command(cmd(SIOV_CMD_ABORT_PASID, 0x102));

    assert_eq!(error, SIOV_ERR_NONE);
    let rows = device.rows.iter();
    let rows: Vec<_> = rows
        .map(|row| (row.wq, row.flags & DISCARDS, row.pasid))
        .collect();
    let discard = SIOV_CTL_ROW_FLAGS_DISCARD_PASID_MASK;
    let expected = [
        (1, discard, 0x102),
        (2, discard, 0x102),
        (1, 0, 0),
        (2, 0, 0x102),
    ];
    assert_eq!(rows, expected);
    assert_eq!(device.older_polls[1], 0);
}

#[test]
fn abort_pasid_discards_in_the_wqs_that_use_it() {
    let mut device = running();

    let error = device.command(cmd(SIOV_CMD_ABORT_PASID, 0x102));

    assert_eq!(error, SIOV_ERR_NONE);
    assert_eq!(device.modes_of_rows(), [(2, true, true), (2, true, false)]);
    assert_eq!(device.wq_state(2), ENABLED);
}

#[test]
fn pasid_that_nobody_uses_is_drained_and_aborted_at_once() {
    let mut device = running();
    device.older_polls = [u32::MAX; 8];
    for command in [SIOV_CMD_DRAIN_PASID, SIOV_CMD_ABORT_PASID] {
        assert_eq!(
            device.command(cmd(command, 0xf_ffff)),
            SIOV_ERR_NONE,
            "{command}"
        );
    }
    assert_eq!(device.rows, []);
}

#[test]
fn wq_without_pasid_is_not_in_a_drain_of_pasid_0() {
    let mut device = running();
    let mode = mode(0) & !(SIOV_WQCFG_MODE_PASID_EN_MASK | SIOV_WQCFG_MODE_PASID_MASK);
    device.set_wq(0, SIOV_WQCFG_MODE_OFFSET, mode);
    device.older_polls[0] = u32::MAX;

    let error = device.command(cmd(SIOV_CMD_DRAIN_PASID, 0));

    assert_eq!(error, SIOV_ERR_NONE);
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
    let opcap = device::OPCAP;
    assert_eq!(entry, [32, 0, 0, 0, 0, 0, 0, 0, opcap, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn reset_of_disabled_wq_resets_its_configuration() {
    let mut device = enabled();

    assert_eq!(device.command(cmd(SIOV_CMD_RESET_WQ, 0b010)), SIOV_ERR_NONE);

    assert_eq!(device.rows, []);
    assert_eq!(device.wq(1, SIOV_WQCFG_MODE_OFFSET), 0);
}

// ----------------------------------------------------------------------------------------------
// Page requests of who is aborted or reset

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

// ----------------------------------------------------------------------------------------------
// Disable and Reset Device, Halt

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

// ----------------------------------------------------------------------------------------------
// Interrupt handles

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
