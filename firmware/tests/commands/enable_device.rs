// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Enable Device: what it sets, and the configurations that it refuses.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::Device;
use crate::{ENABLED, cmd, configured};

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
