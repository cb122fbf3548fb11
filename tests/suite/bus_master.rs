// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupts while Bus Master Enable is 0: none is sent, none is lost (PCIe 7.5.1.1.3).

use siov::dsa::{Command, Descriptor, PortalPage, Status};
use siov::host::Driver;
use siov_firmware::regs;

use crate::bench::{Bench, Function, RECORD};
use crate::interrupts::{LONG, count, function, function_vector, give_msix, interrupt, nop, pba};

/// Config values of Command: Memory Space, with and without Bus Master.
const COMMAND: u16 = 4;
const MEMORY_SPACE: u32 = 2;
const BUS_MASTER: u32 = 4;

#[test]
fn msix_without_bus_master_is_pending_and_sent_once_afterwards() {
    let bench = Bench::new();
    bench.run(async {
        let driver = Driver::probe(&bench.host).await.unwrap();
        let function = Function::of(&driver);
        let misc = function_vector(&bench, &function);
        let before = misc.count().count;
        function.set_config(COMMAND, MEMORY_SPACE).await;

        function.write32(regs::SIOV_CMD_OFFSET, Command::DrainAll.word(true));
        bench.host.sleep(LONG).await;

        assert_eq!(function.read32(regs::SIOV_CMDSTATUS_OFFSET).await, 0);
        assert_eq!(misc.count().count, before);
        assert_eq!(pba(&function).await, 1);
        function
            .set_config(COMMAND, MEMORY_SPACE | BUS_MASTER)
            .await;
        bench.host.sleep(LONG).await;
        assert_eq!(misc.count().count, before + 1);
        assert_eq!(pba(&function).await, 0);
    });
}

#[test]
fn ims_message_without_bus_master_waits_and_is_sent_once_afterwards() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = function(&tenant);
        tenant.adi.mask_interrupt(true);
        interrupt(&tenant).await;
        // Else it went to Halt.
        let driver = tenant.adi.driver();
        driver.command(Command::DisableDevice).await.unwrap();
        function.set_config(COMMAND, MEMORY_SPACE).await;

        tenant.adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 0);
        function
            .set_config(COMMAND, MEMORY_SPACE | BUS_MASTER)
            .await;
        bench.host.sleep(LONG).await;
        assert_eq!(count(&tenant), 1);
    });
}

/// Bus Master cleared under an enabled device puts it into Halt, which drops completion interrupts.
#[test]
fn no_completion_interrupt_comes_after_bus_master_was_cleared_under_load() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = function(&tenant);
        let vector = give_msix(&bench, &tenant).await;
        for slot in 0..8 {
            let ims = nop(&tenant).with_completion(RECORD + 64 * slot);
            tenant.submit(&ims);
            let msix = Descriptor::nop().with_completion(RECORD + 64 * slot + 32);
            tenant.submit_to(PortalPage::UnlimitedMsix, &msix.with_interrupt(1));
        }

        function.set_config(COMMAND, MEMORY_SPACE).await;
        let sent = |_: ()| (count(&tenant), vector.count().count);
        let when_cleared = sent(());
        bench.host.sleep(LONG).await;

        assert_eq!(sent(()), when_cleared);
        function
            .set_config(COMMAND, MEMORY_SPACE | BUS_MASTER)
            .await;
        bench.host.sleep(LONG).await;
        // What had its record before Halt may still come, nothing else.
        let (ims, msix) = sent(());
        let records = |offset| {
            let slots = (0..8).map(move |slot| RECORD + 64 * slot + offset);
            slots
                .filter(|&gpa| tenant.record(gpa).status() != Status::NONE)
                .count() as u64
        };
        assert!(ims <= records(0) && msix <= records(32));
    });
}
