// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Commands but for Enable: what each does, and the error codes they end with (DSA 3.15, 5.2,
//! 9.2.13).

use siov::dsa::{Command, InterruptTable, Status};
use siov::scenario::Profile;
use siov_firmware::regs;

use crate::bench::Bench;
use crate::one_queue::{
    DEDICATED, ENGINES, LIMITS, MODE, OPCFG, USUAL_LIMITS, configured, enabled, grpcfg, on_running,
    running, state, wq_state, wqcfg,
};

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
