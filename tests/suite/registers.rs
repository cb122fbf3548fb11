// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! BAR0 registers: what they hold after reset, and who may write what when (DSA Table 9-7).

use siov::dsa::Command;
use siov::host::Driver;
use siov::scenario::Profile;
use siov_firmware::regs;

use crate::bench::{Bench, Function, wq};

const OPERATIONS: u64 = 1 << 0 | 1 << 3 | 1 << 4; // NOP, Memory Move, Fill
const WQCFG0: u32 = regs::SIOV_WQCFG_OFFSET;
const SIZE: u32 = WQCFG0 + regs::SIOV_WQCFG_SIZE_OFFSET;
const THRESHOLD: u32 = WQCFG0 + regs::SIOV_WQCFG_THRESHOLD_OFFSET;
const MODE: u32 = WQCFG0 + regs::SIOV_WQCFG_MODE_OFFSET;
const LIMITS: u32 = WQCFG0 + regs::SIOV_WQCFG_LIMITS_OFFSET;
const STATUS: u32 = WQCFG0 + regs::SIOV_WQCFG_STATUS_OFFSET;
const OPCFG: u32 = WQCFG0 + regs::SIOV_WQCFG_OPCFG_OFFSET;
const IMS0: u32 = regs::SIOV_IMS_OFFSET;

#[test]
fn capabilities_of_profile_idxd_suit_the_drivers_there_are() {
    let bench = Bench::profile(Profile::Idxd);
    bench.run(async {
        let function = bench.function().await;

        assert_eq!(function.read32(regs::SIOV_VERSION_OFFSET).await, 0x200);
        // Event log for errors that stop for nothing else, kept by software; IMS 2048;
        // configurable; batches of 1,024, transfers of 2 GiB; 16-byte fill; CMDCAP; cache control;
        // block on fault.
        assert_eq!(
            function.read64(regs::SIOV_GENCAP_OFFSET).await,
            1 << 32
                | 1 << 13
                | 8 << 25
                | 1 << 31
                | 10 << 21
                | 31 << 16
                | 1 << 10
                | 1 << 4
                | 1 << 2
                | 1
        );
        // 128 entries, 8 queues of 64 bytes each; shared, dedicated, priorities, operations per queue.
        assert_eq!(
            function.read64(regs::SIOV_WQCAP_OFFSET).await,
            0x004b_0000_0108_0080
        );
        assert_eq!(function.read64(regs::SIOV_GRPCAP_OFFSET).await & 0xff, 4);
        assert_eq!(function.read64(regs::SIOV_ENGCAP_OFFSET).await & 0xff, 4);
        assert_eq!(function.read64(regs::SIOV_OPCAP0_OFFSET).await, OPERATIONS);
    });
}

#[test]
fn queue_count_is_clipped_to_what_its_field_can_say() {
    let bench = Bench::profile(Profile::Scale);
    bench.run(async {
        let function = bench.function().await;

        let wqcap = function.read64(regs::SIOV_WQCAP_OFFSET).await;

        assert_eq!(wqcap >> 16 & 0xff, 255);
    });
}

#[test]
fn command_capabilities_are_those_that_work() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        assert_eq!(function.read32(regs::SIOV_CMDCAP_OFFSET).await, 0x7ffe);
    });
}

#[test]
fn control_and_status_are_0_after_reset() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for offset in [
            regs::SIOV_GENCFG_OFFSET,
            regs::SIOV_GENCTRL_OFFSET,
            regs::SIOV_GENSTS_OFFSET,
            regs::SIOV_INTCAUSE_OFFSET,
            regs::SIOV_CMD_OFFSET,
            regs::SIOV_CMDSTATUS_OFFSET,
            regs::SIOV_PBA_OFFSET,
            regs::SIOV_MSIXPERM_OFFSET,
            regs::SIOV_CMDPARAM_OFFSET,
        ] {
            assert_eq!(function.read32(offset).await, 0, "{offset:#x}");
        }
        assert_eq!(function.software_error().await.0, [0; 4]);
    });
}

#[test]
fn queues_are_reset_to_all_operations_and_nothing_else() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let mut entry = Vec::new();
        for offset in (WQCFG0 + 15 * 64..).step_by(8).take(8) {
            entry.push(function.read64(offset).await);
        }

        assert_eq!(entry, [0, 0, 0, 0, OPERATIONS, 0, 0, 0]);
    });
}

#[test]
fn groups_are_reset_to_nothing_but_all_read_buffers() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let read_buffers = function.read64(regs::SIOV_GRPCAP_OFFSET).await >> 8 & 0xff;

        let mut entry = Vec::new();
        let last = regs::SIOV_GRPCFG_OFFSET + 3 * regs::SIOV_GRPCFG_STRIDE;
        for offset in (last..).step_by(8).take(6) {
            entry.push(function.read64(offset).await);
        }

        assert_eq!(entry, [0, 0, 0, 0, 0, read_buffers << 20]);
    });
}

#[test]
fn msix_entries_are_masked_after_reset() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for entry in [0, 16] {
            let offset = regs::SIOV_MSIX_OFFSET + entry * regs::SIOV_MSIX_STRIDE;

            assert_eq!(function.read64(offset).await, 0);
            assert_eq!(function.read64(offset + 8).await, 1 << 32);
        }
    });
}

#[test]
fn ims_entries_are_masked_and_in_the_interrupt_range_after_reset() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for entry in [0, 255] {
            let offset = IMS0 + entry * regs::SIOV_IMS_STRIDE;

            assert_eq!(function.read64(offset).await, 0xfee0_0000);
            assert_eq!(function.read64(offset + 8).await, 1 << 32);
        }
    });
}

#[test]
fn ims_entries_beyond_the_table_read_0_and_ignore_writes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let beyond = IMS0 + 256 * regs::SIOV_IMS_STRIDE;

        function.write64(beyond, 0xfee1_0000);

        assert_eq!(function.read64(beyond).await, 0);
    });
}

#[test]
fn ims_address_outside_the_interrupt_range_is_not_taken() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.write64(IMS0, 0xfee3_3000);

        for address in [0x1000, 0xfed0_0000, 0xfeed_0000_u64 << 8] {
            function.write64(IMS0, address);
        }

        assert_eq!(function.read64(IMS0).await, 0xfee3_3000);
    });
}

#[test]
fn ims_address_is_a_dword_address() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.write64(IMS0, 0xfee3_3003);

        assert_eq!(function.read64(IMS0).await, 0xfee3_3000);
    });
}

#[test]
fn ims_control_keeps_mask_ignore_and_pasid_only() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let control = IMS0 + regs::SIOV_IMS_CTRL_OFFSET;

        function.write32(control, u32::MAX);

        assert_eq!(function.read32(control).await, 0xffff_f00d);
    });
}

#[test]
fn msix_permissions_keep_ignore_and_pasid_only() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.write32(regs::SIOV_MSIXPERM_OFFSET + 8, u32::MAX);

        let found = function.read64(regs::SIOV_MSIXPERM_OFFSET + 8).await;
        assert_eq!(found, 0xffff_f00c);
    });
}

#[test]
fn cause_is_cleared_by_writing_1_and_only_so() {
    const COMMAND: u32 = regs::SIOV_INTCAUSE_COMMAND_MASK;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.command(Command::DrainAll.word(true)).await;
        assert_eq!(function.read32(regs::SIOV_INTCAUSE_OFFSET).await, COMMAND);

        function.write32(regs::SIOV_INTCAUSE_OFFSET, !COMMAND);
        assert_eq!(function.read32(regs::SIOV_INTCAUSE_OFFSET).await, COMMAND);

        function.write32(regs::SIOV_INTCAUSE_OFFSET, COMMAND);
        assert_eq!(function.read32(regs::SIOV_INTCAUSE_OFFSET).await, 0);
    });
}

#[test]
fn read_only_registers_ignore_writes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for offset in [
            regs::SIOV_VERSION_OFFSET,
            regs::SIOV_GENCAP_OFFSET,
            regs::SIOV_WQCAP_OFFSET,
            regs::SIOV_OPCAP0_OFFSET,
            regs::SIOV_OFFSETS0_OFFSET,
            regs::SIOV_GENSTS_OFFSET,
            regs::SIOV_CMDSTATUS_OFFSET,
            regs::SIOV_PBA_OFFSET,
        ] {
            let before = function.read32(offset).await;

            function.write32(offset, !before);

            assert_eq!(function.read32(offset).await, before, "{offset:#x}");
        }
    });
}

/// The function with the driver's one queue of 16 entries enabled.
async fn running(bench: &Bench) -> Function {
    let tenants = bench.tenants_on(&[wq(0, 16)]).await;
    Function::of(tenants[0].adi.driver())
}

/// The function enabled, its one queue disabled.
async fn enabled(bench: &Bench) -> Function {
    let driver = Driver::probe(&bench.host).await.unwrap();
    driver.configure(&[wq(0, 16)]).await.unwrap();
    Function::of(&driver)
}

/// Writes ones to a register and gives what it held before and after.
async fn write_ones(function: &Function, offset: u32) -> (u32, u32) {
    let before = function.read32(offset).await;
    function.write32(offset, u32::MAX);
    (before, function.read32(offset).await)
}

#[test]
fn general_configuration_ignores_writes_while_the_device_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;

        function.write32(regs::SIOV_GENCFG_OFFSET, 0);

        let found = function.read32(regs::SIOV_GENCFG_OFFSET).await;
        assert_eq!(found, regs::SIOV_GENCFG_USER_INT_EN_MASK);
    });
}

#[test]
fn groups_ignore_writes_while_the_device_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;
        for offset in (0..0x40).step_by(4) {
            let group = regs::SIOV_GRPCFG_OFFSET + offset;

            let (before, after) = write_ones(&function, group).await;

            assert_eq!(after, before, "{offset:#x}");
        }
    });
}

#[test]
fn queue_size_ignores_writes_while_the_device_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;

        assert_eq!(write_ones(&function, SIZE).await, (16, 16));
    });
}

#[test]
fn mode_and_limits_are_writable_while_only_the_queue_is_disabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;

        assert_eq!(write_ones(&function, MODE).await.1, 0x3fff_ffff);
        assert_eq!(write_ones(&function, LIMITS).await.1 & 0x1ff, 0x1ff);
        assert_eq!(write_ones(&function, OPCFG + 28).await.1, u32::MAX);
    });
}

#[test]
fn mode_limits_and_operations_ignore_writes_while_the_queue_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        for offset in [MODE, LIMITS, OPCFG, OPCFG + 28] {
            let (before, after) = write_ones(&function, offset).await;

            assert_eq!(after, before, "{offset:#x}");
        }
    });
}

#[test]
fn threshold_is_writable_while_the_queue_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        function.write32(THRESHOLD, 7);

        assert_eq!(function.read32(THRESHOLD).await, 7);
    });
}

#[test]
fn queue_state_ignores_writes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        assert_eq!(write_ones(&function, STATUS).await, (0, 0));
    });
}

#[test]
fn queue_state_says_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        assert_eq!(function.read32(STATUS).await >> 30, 1);
    });
}

#[test]
fn whole_configuration_written_again_does_not_disturb_a_running_queue() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        let mut entry = Vec::new();
        for offset in (WQCFG0..).step_by(4).take(16) {
            entry.push(function.read32(offset).await);
        }

        for (offset, &dword) in (WQCFG0..).step_by(4).zip(&entry) {
            function.write32(offset, dword);
        }

        let mut after = Vec::new();
        for offset in (WQCFG0..).step_by(4).take(16) {
            after.push(function.read32(offset).await);
        }
        assert_eq!(after, entry);
    });
}

#[test]
fn queues_beyond_the_profile_read_0_and_ignore_writes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let beyond = write_ones(&function, WQCFG0 + 16 * 64).await;

        assert_eq!(beyond, (0, 0));
    });
}

#[test]
fn queue_configuration_takes_single_bytes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.write32(MODE, 0x1234_5671);

        bench
            .host
            .write(function.bar0() + u64::from(MODE) + 2, &[0xee]);

        assert_eq!(function.read32(MODE).await, 0x12ee_5671);
    });
}

#[test]
fn eight_byte_access_spans_two_registers() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.write64(SIZE, 5 << 32 | 9);

        assert_eq!(function.read32(SIZE).await, 9);
        assert_eq!(function.read32(THRESHOLD).await, 5);
        assert_eq!(function.read64(SIZE).await, 5 << 32 | 9);
    });
}
