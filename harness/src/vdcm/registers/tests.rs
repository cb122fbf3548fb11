// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::dsa::Status;

fn registers() -> Registers {
    registers_that_block(false)
}

fn registers_that_block(blocks_on_fault: bool) -> Registers {
    let capabilities = Capabilities {
        version: 0x200,
        gencap: regs::SIOV_GENCAP_RESET,
        wqcap: regs::SIOV_WQCAP_RESET | 0x0010_0100,
        grpcap: regs::SIOV_GRPCAP_RESET.into(),
        engcap: 4,
        opcap: [0x19, 0, 0, 0],
        commands: regs::SIOV_CMDCAP_RESET,
    };
    Registers::of(
        &capabilities,
        &WqConfig {
            index: 5,
            size: 32,
            priority: 3,
            group: 0,
        },
        blocks_on_fault,
    )
}

fn error() -> SoftwareError {
    SoftwareError([0x0000_0000_0000_5309, 0, 0, 0])
}

#[test]
fn configuration_is_fixed_and_there_is_no_ims_and_no_event_log() {
    let gencap = registers().read32(regs::SIOV_GENCAP_OFFSET);
    let gencap_high = registers().read32(regs::SIOV_GENCAP_OFFSET + 4);

    assert_eq!(get(gencap, regs::SIOV_GENCAP_CONFIG_EN_MASK), 0);
    assert_eq!(get(gencap, regs::SIOV_GENCAP_IMS_SIZE_MASK), 0);
    assert_eq!(get(gencap, regs::SIOV_GENCAP_EVL_MASK), 0);
    assert_eq!(gencap_high, 0);
    assert_eq!(get(gencap, regs::SIOV_GENCAP_CMDCAP_MASK), 1);
}

#[test]
fn queue_says_whether_descriptors_may_block_on_faults() {
    let blocks = |registers: Registers| {
        let mode = registers.read32(MODE);
        get(mode, regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK)
    };

    assert_eq!(blocks(registers_that_block(false)), 0);
    assert_eq!(blocks(registers_that_block(true)), 1);
}

#[test]
fn device_has_one_queue_of_the_size_of_the_adi() {
    let wqcap = registers().read32(regs::SIOV_WQCAP_OFFSET);

    assert_eq!(get(wqcap, regs::SIOV_WQCAP_NUM_WQS_MASK), 1);
    assert_eq!(get(wqcap, regs::SIOV_WQCAP_TOTAL_SIZE_MASK), 32);
}

#[test]
fn queue_is_dedicated() {
    let registers = registers();
    let low = registers.read32(regs::SIOV_WQCAP_OFFSET);
    let high = registers.read32(regs::SIOV_WQCAP_OFFSET + 4);
    let wqcap = u64::from(high) << 32 | u64::from(low);

    assert_eq!(get(wqcap, regs::SIOV_WQCAP_SHARED_MODE_MASK), 0);
    assert_eq!(get(wqcap, regs::SIOV_WQCAP_DEDICATED_MODE_MASK), 1);
}

#[test]
fn tables_are_where_offsets_says() {
    let registers = registers();
    let offsets = registers.read32(regs::SIOV_OFFSETS0_OFFSET);
    let wqcfg = 0x100 * get(offsets, regs::SIOV_OFFSETS0_WQCFG_MASK) as u32;

    assert_eq!(registers.read32(wqcfg + regs::SIOV_WQCFG_SIZE_OFFSET), 32);
    assert_eq!(
        registers.read32(wqcfg + regs::SIOV_WQCFG_OPCFG_OFFSET),
        0x19
    );
}

#[test]
fn queue_size_cannot_be_written() {
    let mut registers = registers();

    registers.write32(WQCFG, 64, u32::MAX);

    assert_eq!(registers.read32(WQCFG), 32);
}

#[test]
fn priority_stays_but_mode_may_be_written_while_the_queue_is_disabled() {
    let mut registers = registers();

    registers.write32(MODE, 0, u32::MAX);

    assert!(!registers.dedicated());
    assert_eq!(
        get(registers.read32(MODE), regs::SIOV_WQCFG_MODE_PRIO_MASK),
        3
    );
}

#[test]
fn mode_is_read_only_while_the_queue_is_enabled() {
    let mut registers = registers();
    registers.wq = State::Enabled;

    registers.write32(MODE, 0, u32::MAX);

    assert!(registers.dedicated());
}

#[test]
fn command_needs_a_whole_dword() {
    let mut registers = registers();

    let part = registers.write32(regs::SIOV_CMD_OFFSET, 0x0010_0000, 0xffff);
    let whole = registers.write32(regs::SIOV_CMD_OFFSET, 0x0010_0000, u32::MAX);

    assert_eq!((part, whole), (Effect::None, Effect::Command(0x0010_0000)));
}

#[test]
fn interrupt_cause_is_cleared_by_ones() {
    let mut registers = registers();
    registers.set_cause(3);

    registers.write32(regs::SIOV_INTCAUSE_OFFSET, 1, u32::MAX);

    assert_eq!(registers.read32(regs::SIOV_INTCAUSE_OFFSET), 2);
}

#[test]
fn second_software_error_only_sets_overflow() {
    let mut registers = registers();
    registers.set_error(error());

    registers.set_error(SoftwareError([0x1b09, 0, 0, 0]));

    let low = registers.read32(regs::SIOV_SWERROR0_OFFSET);
    let status = Status::from_code(get(low, regs::SIOV_SWERROR0_ERROR_MASK) as u8);
    assert_eq!(status, Status::QUEUE_OVERFLOW);
    assert_ne!(low & regs::SIOV_SWERROR0_OVERFLOW_MASK, 0);
}

#[test]
fn software_error_raises_vector_0_only_if_enabled() {
    let mut registers = registers();
    registers.set_error(error());
    assert!(!registers.msix.misc_pending());

    registers.write32(regs::SIOV_SWERROR0_OFFSET, 3, u32::MAX);
    registers.write32(regs::SIOV_GENCTRL_OFFSET, 1, u32::MAX);
    registers.set_error(error());

    assert!(registers.msix.misc_pending());
}

#[test]
fn reset_device_keeps_the_msix_table_and_the_software_error() {
    let mut registers = registers();
    registers.write32(MSIX + regs::SIOV_MSIX_DATA_OFFSET, 0x77, u32::MAX);
    registers.write32(regs::SIOV_GENCTRL_OFFSET, 3, u32::MAX);
    registers.set_error(error());

    registers.reset_device();

    assert_eq!(registers.read32(MSIX + regs::SIOV_MSIX_DATA_OFFSET), 0x77);
    assert_eq!(registers.read32(regs::SIOV_GENCTRL_OFFSET), 0);
    assert_ne!(registers.read32(regs::SIOV_SWERROR0_OFFSET) & 1, 0);
}

#[test]
fn unknown_offset_reads_zero() {
    assert_eq!(registers().read32(0x3000), 0);
}
