// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Drain and abort of a PASID.

use siov_firmware::{abi::*, ctl_regs::*, regs::*};

use crate::device::DISCARDS;
use crate::{ENABLED, SHARED, cmd, mode, running};

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
