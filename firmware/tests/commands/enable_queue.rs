// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Enable WQ: the row that it makes, and the configurations that it refuses.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::{Device, Row};
use crate::{DISABLED, ENABLED, SHARED, cmd, enabled, mode, running};

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
