// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Halt: what leads to it, who hears of it, and that only FLR leads out (DSA Table 9-2).

use std::collections::BTreeSet;

use siov::dsa::{Command, Status};
use siov::host::DriverError;
use siov_firmware::regs;

use crate::bench::{Bench, Function};
use crate::one_queue::{PASID_CONTROL, configured, running, state};

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

/// Whenever Bus Master is cleared while Enable Device runs, somebody notices: the command, which
/// then fails with 12h, or the hardware, which goes to Halt.
#[test]
fn device_is_never_enabled_without_bus_master() {
    const NO_BUS_MASTER: u32 = 0x12;
    const ERROR: u32 = 0xff;
    let mut outcomes = BTreeSet::new();
    for delay in (0..12_000).step_by(200) {
        let bench = Bench::new();
        bench.run(async {
            let function = configured(&bench).await;
            function.read32(regs::SIOV_GENSTS_OFFSET).await;
            let enable = Command::EnableDevice.word(false);
            function.write32(regs::SIOV_CMD_OFFSET, enable);
            bench.host.sleep(delay).await;

            function.set_config(4, 2).await;

            let status = loop {
                let status = function.read32(regs::SIOV_CMDSTATUS_OFFSET).await;
                if status & regs::SIOV_CMDSTATUS_ACTIVE_MASK == 0 {
                    break status;
                }
            };
            outcomes.insert((status & ERROR, state(&function).await));
        });
    }

    assert_eq!(outcomes, BTreeSet::from([(NO_BUS_MASTER, 0), (0, 3)]));
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

#[test]
fn host_driver_hears_that_the_device_has_halted() {
    const PASID_ENABLE_OFF: u32 = 0;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let driver = tenant.adi.driver();
        let function = Function::of(driver);

        function.set_config(PASID_CONTROL, PASID_ENABLE_OFF).await;
        bench.host.sleep(2_000).await;

        assert!(driver.halted());
        let DriverError::Command { status, .. } = tenant.adi.drain().await.unwrap_err() else {
            panic!();
        };
        assert_eq!(status.error(), 0x05);
    });
}
