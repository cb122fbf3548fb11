// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Commands: what each does, and the error codes they end with (DSA 3.15, 5.2, 9.2.13).

use siov::dsa::{Command, InterruptTable, Status};
use siov::scenario::Profile;
use siov_firmware::regs;

use crate::bench::{Bench, Function};

const PASID_CONTROL: u16 = 0x234;

/// Registers of queue `n`.
fn wqcfg(n: u32) -> u32 {
    regs::SIOV_WQCFG_OFFSET + n * regs::SIOV_WQCFG_STRIDE
}

/// Registers of group `n`: queues at 0, engines at 20h.
fn grpcfg(n: u32) -> u32 {
    regs::SIOV_GRPCFG_OFFSET + n * regs::SIOV_GRPCFG_STRIDE
}

const ENGINES: u32 = regs::SIOV_GRPCFG_ENGINES_OFFSET;
const MODE: u32 = regs::SIOV_WQCFG_MODE_OFFSET;
const LIMITS: u32 = regs::SIOV_WQCFG_LIMITS_OFFSET;
const OPCFG: u32 = regs::SIOV_WQCFG_OPCFG_OFFSET;
/// Dedicated, priority 1.
const DEDICATED: u32 = 0x11;
const PASID_ENABLE: u32 = 1 << 28;
const PRIVILEGED: u32 = 1 << 29;
/// 2 MiB transfers, batches of 32.
const USUAL_LIMITS: u32 = 5 << 5 | 21;

/// The smallest configuration that works: queue 0 with 16 entries, engine 0, group 0.
async fn configured(bench: &Bench) -> Function {
    let function = bench.function().await;
    function.write32(wqcfg(0), 16);
    function.write32(wqcfg(0) + MODE, DEDICATED);
    function.write32(wqcfg(0) + LIMITS, USUAL_LIMITS);
    function.write64(grpcfg(0), 1);
    function.write64(grpcfg(0) + ENGINES, 1);
    function
}

async fn enabled(bench: &Bench) -> Function {
    let function = configured(bench).await;
    let status = function.command(Command::EnableDevice.word(false)).await;
    assert_eq!(status, 0);
    function
}

async fn running(bench: &Bench) -> Function {
    let function = enabled(bench).await;
    let status = function.command(Command::EnableWq(0).word(false)).await;
    assert_eq!(status, 0);
    function
}

/// CMDSTATUS of Enable Device after `spoil` has changed the configuration that works.
fn enable_device(spoil: impl FnOnce(&Function)) -> u32 {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        spoil(&function);
        function.command(Command::EnableDevice.word(false)).await
    })
}

/// CMDSTATUS of Enable WQ after `spoil` has changed the configuration that works.
fn enable_wq(spoil: impl FnOnce(&Function)) -> u32 {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        spoil(&function);
        let status = function.command(Command::EnableDevice.word(false)).await;
        assert_eq!(status, 0);
        function.command(Command::EnableWq(0).word(false)).await
    })
}

/// CMDSTATUS of a command on a device that runs with queue 0.
fn on_running(word: u32) -> u32 {
    let bench = Bench::new();
    bench.run(async { running(&bench).await.command(word).await })
}

async fn state(function: &Function) -> u32 {
    function.read32(regs::SIOV_GENSTS_OFFSET).await & 3
}

async fn wq_state(function: &Function, wq: u32) -> u32 {
    let status = wqcfg(wq) + regs::SIOV_WQCFG_STATUS_OFFSET;
    function.read32(status).await >> 30
}

#[test]
fn smallest_configuration_enables_with_status_exactly_0() {
    assert_eq!(enable_wq(|_| ()), 0);
}

#[test]
fn enable_device_of_an_enabled_device_is_10h() {
    assert_eq!(on_running(Command::EnableDevice.word(false)), 0x10);
}

#[test]
fn enable_device_without_bus_master_enable_is_12h() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.quiet_function().await;

        let status = function.command(Command::EnableDevice.word(false)).await;

        assert_eq!(status, 0x12);
    });
}

#[test]
fn more_queue_entries_than_there_are_is_14h() {
    assert_eq!(enable_device(|f| f.write32(wqcfg(0), 257)), 0x14);
}

#[test]
fn group_with_queues_but_no_engine_is_15h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0) + ENGINES, 0)), 0x15);
}

#[test]
fn group_with_engines_but_no_queue_is_15h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(1) + ENGINES, 2)), 0x15);
}

#[test]
fn queue_in_two_groups_is_16h() {
    let status = enable_device(|f| {
        f.write64(grpcfg(1), 1);
        f.write64(grpcfg(1) + ENGINES, 2);
    });

    assert_eq!(status, 0x16);
}

#[test]
fn queue_with_entries_but_no_group_is_16h() {
    assert_eq!(enable_device(|f| f.write32(wqcfg(1), 16)), 0x16);
}

#[test]
fn queue_in_a_group_without_entries_is_16h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0), 3)), 0x16);
}

#[test]
fn group_with_queues_that_do_not_exist_is_16h() {
    assert_eq!(enable_device(|f| f.write64(grpcfg(0), 1 << 16 | 1)), 0x16);
}

#[test]
fn engine_in_two_groups_is_17h() {
    let status = enable_device(|f| {
        f.write32(wqcfg(1), 16);
        f.write64(grpcfg(1), 2);
        f.write64(grpcfg(1) + ENGINES, 1);
    });

    assert_eq!(status, 0x17);
}

#[test]
fn engine_that_does_not_exist_is_17h() {
    assert_eq!(
        enable_device(|f| f.write64(grpcfg(0) + ENGINES, 1 << 4 | 1)),
        0x17
    );
}

#[test]
fn enable_wq_of_a_disabled_device_is_20h() {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;

        let status = function.command(Command::EnableWq(0).word(false)).await;

        assert_eq!(status, 0x20);
    });
}

#[test]
fn enable_wq_of_an_enabled_queue_is_21h() {
    assert_eq!(on_running(Command::EnableWq(0).word(false)), 0x21);
}

#[test]
fn enable_wq_of_a_queue_without_entries_is_22h() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;

        let status = function.command(Command::EnableWq(1).word(false)).await;

        assert_eq!(status, 0x22);
    });
}

#[test]
fn queue_with_priority_0_is_23h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + MODE, 1)), 0x23);
}

#[test]
fn shared_queue_is_24h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + MODE, 0x10)), 0x24);
}

#[test]
fn block_on_fault_is_25h() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 2)),
        0x25
    );
}

#[test]
fn pasid_without_pasid_capability_enable_is_26h() {
    let status = enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | PASID_ENABLE));

    assert_eq!(status, 0x26);
}

#[test]
fn batch_limit_0_is_27h() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + LIMITS, 21)), 0x27);
}

#[test]
fn batch_limit_beyond_the_capability_is_27h() {
    let limits = 11 << 5 | 21;

    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + LIMITS, limits)), 0x27);
}

#[test]
fn privileged_queue_without_privileged_mode_enable_is_2ah() {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        function.set_config(PASID_CONTROL, 1 << 16).await;
        let mode = DEDICATED | PASID_ENABLE | PRIVILEGED;
        function.write32(wqcfg(0) + MODE, mode);
        function.command(Command::EnableDevice.word(false)).await;

        let status = function.command(Command::EnableWq(0).word(false)).await;

        assert_eq!(status, 0x2a);
    });
}

#[test]
fn ats_disable_is_2ch() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 4)),
        0x2c
    );
}

#[test]
fn prs_disable_is_2eh() {
    assert_eq!(
        enable_wq(|f| f.write32(wqcfg(0) + MODE, DEDICATED | 8)),
        0x2e
    );
}

#[test]
fn operation_that_the_device_does_not_have_is_2dh() {
    assert_eq!(enable_wq(|f| f.write32(wqcfg(0) + OPCFG, 1 << 5)), 0x2d);
}

#[test]
fn disable_device_of_a_disabled_device_is_31h() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let status = function.command(Command::DisableDevice.word(false)).await;

        assert_eq!(status, 0x31);
    });
}

#[test]
fn disable_drain_and_abort_of_a_disabled_queue_are_32h() {
    let bench = Bench::new();
    bench.run(async {
        let function = enabled(&bench).await;
        for command in [
            Command::DisableWq(0),
            Command::DrainWq(0),
            Command::AbortWq(0),
        ] {
            let status = function.command(command.word(false)).await;

            assert_eq!(status, 0x32, "{command:?}");
        }
    });
}

#[test]
fn unknown_command_is_01h() {
    for code in [0, 15, 17, 31] {
        assert_eq!(on_running(code << 20), 0x01, "command {code}");
    }
}

#[test]
fn queue_that_does_not_exist_is_02h() {
    assert_eq!(on_running(Command::EnableWq(16).word(false)), 0x02);
    assert_eq!(on_running(Command::DrainWq(16).word(false)), 0x02);
}

#[test]
fn operand_of_a_command_that_has_none_is_04h() {
    assert_eq!(on_running(Command::DrainAll.word(false) | 1), 0x04);
}

#[test]
fn reserved_bits_of_a_command_are_04h() {
    assert_eq!(on_running(Command::DrainAll.word(false) | 1 << 30), 0x04);
}

#[test]
fn command_while_another_is_active_is_dropped_with_software_error_52h() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        function.write32(regs::SIOV_CMD_OFFSET, Command::DisableDevice.word(false));
        let status = function.command(Command::EnableWq(0).word(false)).await;

        assert_eq!(status, 0, "the first command's");
        let error = function.software_error().await;
        assert!(error.valid());
        assert_eq!(error.status(), Status::COMMAND_OVERRUN);
        assert_eq!(state(&function).await, 0);
    });
}

#[test]
fn command_is_active_as_soon_as_it_is_written() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.write32(regs::SIOV_CMD_OFFSET, Command::ResetDevice.word(false));

        let status = function.read32(regs::SIOV_CMDSTATUS_OFFSET).await;
        assert_eq!(status >> 31, 1);
    });
}

#[test]
fn disable_wq_disables_every_queue_of_its_bitmap() {
    let bench = Bench::new();
    bench.run(async {
        let function = configured(&bench).await;
        for wq in [0, 1, 2] {
            function.write32(wqcfg(wq), 16);
            function.write32(wqcfg(wq) + MODE, DEDICATED);
            function.write32(wqcfg(wq) + LIMITS, USUAL_LIMITS);
        }
        function.write64(grpcfg(0), 0b111);
        function.command(Command::EnableDevice.word(false)).await;
        for wq in 0..3 {
            function.command(Command::EnableWq(wq).word(false)).await;
        }

        let status = function.command(7 << 20 | 0b101).await;

        assert_eq!(status, 0);
        let states = [
            wq_state(&function, 0).await,
            wq_state(&function, 1).await,
            wq_state(&function, 2).await,
        ];
        assert_eq!(states, [0, 1, 0]);
    });
}

#[test]
fn queues_from_16_on_are_named_by_the_second_half_of_the_operand() {
    let bench = Bench::profile(Profile::Scale);
    bench.run(async {
        let function = bench.function().await;
        function.write32(wqcfg(21), 16);
        function.write32(wqcfg(21) + MODE, DEDICATED);
        function.write32(wqcfg(21) + LIMITS, USUAL_LIMITS);
        function.write64(grpcfg(0), 1 << 21);
        function.write64(grpcfg(0) + ENGINES, 1);
        function.command(Command::EnableDevice.word(false)).await;
        function.command(Command::EnableWq(21).word(false)).await;

        let status = function.command(0x0071_0020).await;

        assert_eq!(status, 0);
        assert_eq!(wq_state(&function, 21).await, 0);
    });
}

#[test]
fn disable_device_disables_its_queues() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        let status = function.command(Command::DisableDevice.word(false)).await;

        assert_eq!(status, 0);
        assert_eq!(state(&function).await, 0);
        assert_eq!(wq_state(&function, 0).await, 0);
    });
}

#[test]
fn disable_wq_keeps_the_queues_configuration() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        function.command(Command::DisableWq(0).word(false)).await;

        assert_eq!(function.read32(wqcfg(0)).await, 16);
        assert_eq!(function.read32(wqcfg(0) + MODE).await, DEDICATED);
        assert_eq!(function.read32(wqcfg(0) + LIMITS).await, USUAL_LIMITS);
    });
}

#[test]
fn reset_wq_clears_the_queues_configuration_except_its_size() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        let status = function.command(Command::ResetWq(0).word(false)).await;

        assert_eq!(status, 0);
        assert_eq!(wq_state(&function, 0).await, 0);
        assert_eq!(function.read32(wqcfg(0)).await, 16);
        assert_eq!(function.read32(wqcfg(0) + MODE).await, 0);
        assert_eq!(function.read32(wqcfg(0) + LIMITS).await, 0);
        assert_eq!(function.read64(wqcfg(0) + OPCFG).await, 0x19);
    });
}

#[test]
fn reset_device_clears_configuration_and_keeps_what_reports() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        let msix = regs::SIOV_MSIX_OFFSET;
        let ims = regs::SIOV_IMS_OFFSET;
        function.write32(regs::SIOV_GENCTRL_OFFSET, 3);
        function.write64(regs::SIOV_CMDPARAM_OFFSET, 0x1234);
        function.write32(regs::SIOV_MSIXPERM_OFFSET, 0x1008);
        function.write64(msix, 0xfee1_0000);
        function.write64(msix + 8, 0x55);
        function.write64(ims, 0xfee2_0000);
        function.write64(ims + 8, 0x66);
        // A command while another is active leaves a software error.
        function.write32(regs::SIOV_CMD_OFFSET, Command::DrainAll.word(false));
        function.command(Command::DrainAll.word(false)).await;

        let status = function.command(Command::ResetDevice.word(false)).await;

        assert_eq!(status, 0);
        assert_eq!(state(&function).await, 0);
        for (offset, what) in [
            (regs::SIOV_GENCTRL_OFFSET, "GENCTRL"),
            (regs::SIOV_GENCFG_OFFSET, "GENCFG"),
            (regs::SIOV_INTCAUSE_OFFSET, "INTCAUSE"),
            (regs::SIOV_CMDPARAM_OFFSET, "CMDPARAM"),
            (regs::SIOV_MSIXPERM_OFFSET, "MSIXPERM"),
            (wqcfg(0), "WQ size"),
            (wqcfg(0) + MODE, "WQ mode"),
            (grpcfg(0), "group's queues"),
            (grpcfg(0) + ENGINES, "group's engines"),
        ] {
            assert_eq!(function.read32(offset).await, 0, "{what}");
        }
        assert_eq!(function.read64(ims).await, 0xfee0_0000);
        assert_eq!(function.read64(ims + 8).await, 1 << 32);
        assert_eq!(function.read64(msix).await, 0xfee1_0000);
        assert_eq!(function.read64(msix + 8).await, 0x55);
        assert!(function.software_error().await.valid());
    });
}

#[test]
fn interrupt_handle_is_the_index_of_the_entry() {
    let msix = Command::RequestInterruptHandle(InterruptTable::Msix, 5);
    let ims = Command::RequestInterruptHandle(InterruptTable::Ims, 200);

    assert_eq!(on_running(msix.word(false)), 5 << 8);
    assert_eq!(on_running(ims.word(false)), 200 << 8);
}

#[test]
fn interrupt_handle_of_an_entry_that_does_not_exist_is_41h() {
    for command in [
        Command::RequestInterruptHandle(InterruptTable::Msix, 17),
        Command::RequestInterruptHandle(InterruptTable::Ims, 256),
        Command::ReleaseInterruptHandle(InterruptTable::Msix, 17),
        Command::ReleaseInterruptHandle(InterruptTable::Ims, 256),
    ] {
        assert_eq!(on_running(command.word(false)), 0x41, "{command:?}");
    }
}

#[test]
fn bus_master_disabled_while_the_device_is_enabled_halts_it() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        function.set_config(4, 2).await;

        assert_eq!(state(&function).await, 3);
        let error = function.software_error().await;
        assert_eq!(error.status(), Status::CONFIG_CHANGED);
        let cause = function.read32(regs::SIOV_INTCAUSE_OFFSET).await;
        assert_eq!(cause & regs::SIOV_INTCAUSE_HALT_MASK, 0, "GENCTRL is 0");
    });
}

#[test]
fn pasid_enable_changed_while_the_device_is_enabled_halts_it() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;

        function.set_config(PASID_CONTROL, 1 << 16).await;

        assert_eq!(state(&function).await, 3);
    });
}

#[test]
fn ats_and_pri_enable_changed_while_the_device_is_enabled_halt_it() {
    const ATS: u16 = 0x0f;
    const PRI: u16 = 0x13;
    for (capability, enable) in [(ATS, 1 << 31), (PRI, 1)] {
        let bench = Bench::new();
        bench.run(async {
            let function = running(&bench).await;
            let at = function.info.extended_capability(capability).unwrap();

            function.set_config(at + 4, enable).await;

            assert_eq!(state(&function).await, 3, "capability {capability:#x}");
            let error = function.software_error().await;
            assert_eq!(error.status(), Status::CONFIG_CHANGED);
        });
    }
}

#[test]
fn halt_sets_its_cause_if_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        function.write32(regs::SIOV_GENCTRL_OFFSET, 2);

        function.set_config(PASID_CONTROL, 1 << 16).await;

        let cause = function.read32(regs::SIOV_INTCAUSE_OFFSET).await;
        assert_eq!(cause & 1 << 4, 1 << 4);
    });
}

#[test]
fn commands_of_a_halted_device_are_05h() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        function.set_config(PASID_CONTROL, 1 << 16).await;

        let status = function.command(Command::DrainAll.word(false)).await;

        assert_eq!(status, 0x05);
    });
}

#[test]
fn halted_device_asks_for_flr_and_nothing_less_ends_halt() {
    let bench = Bench::new();
    bench.run(async {
        let function = running(&bench).await;
        function.set_config(PASID_CONTROL, 1 << 16).await;

        let status = function.command(Command::ResetDevice.word(false)).await;

        assert_eq!(status, 0x05);
        const HALT_UNTIL_FLR: u32 = 1 << 2 | 3;
        let gensts = function.read32(regs::SIOV_GENSTS_OFFSET).await;
        assert_eq!(gensts & 0xf, HALT_UNTIL_FLR);
    });
}
