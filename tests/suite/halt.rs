// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Halt: what leads to it, who hears of it, and that only FLR leads out (DSA Table 9-2).

use siov::dsa::{Command, Status};
use siov::host::DriverError;
use siov_firmware::regs;

use crate::bench::{Bench, Function};
use crate::one_queue::{PASID_CONTROL, running, state};

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
