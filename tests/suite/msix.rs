// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupts through the MSI-X table: masks, Pending Bit Array, enables (PCIe 6.1.4.5).

use siov::dsa::Status;
use siov_firmware::regs;

use crate::bench::Bench;
use crate::interrupts::{
    FUNCTION_MASK, IGNORE, LONG, MSIX_CONTROL, MSIX_ENABLE, count, function, give_msix, interrupt,
    msix_interrupt, owned_by, pba,
};

#[test]
fn msix_portal_interrupts_through_the_msix_table() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;

        let status = msix_interrupt(&tenant).await;

        assert_eq!(status, Status::SUCCESS);
        assert_eq!((vector.count().count, count(&tenant)), (1, 0));
    });
}

#[test]
fn masked_msix_entry_is_pending_in_the_pba_and_sent_once_when_unmasked() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;
        let control = regs::SIOV_MSIX_OFFSET + regs::SIOV_MSIX_STRIDE + 12;
        function(&tenant).write32(control, 1);
        msix_interrupt(&tenant).await;
        msix_interrupt(&tenant).await;
        assert_eq!(pba(&function(&tenant)).await, 1 << 1);
        assert_eq!(vector.count().count, 0);

        function(&tenant).write32(control, 0);
        bench.host.sleep(LONG).await;

        assert_eq!(vector.count().count, 1);
        assert_eq!(pba(&function(&tenant)).await, 0);
    });
}

#[test]
fn function_mask_holds_msix_and_not_ims() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;
        let function = function(&tenant);
        function
            .set_config(MSIX_CONTROL, MSIX_ENABLE | FUNCTION_MASK)
            .await;

        msix_interrupt(&tenant).await;
        interrupt(&tenant).await;

        assert_eq!((vector.count().count, count(&tenant)), (0, 1));
        assert_eq!(pba(&function).await, 1 << 1);
        function.set_config(MSIX_CONTROL, MSIX_ENABLE).await;
        bench.host.sleep(LONG).await;
        assert_eq!(vector.count().count, 1);
    });
}

#[test]
fn msix_disabled_sends_no_msix() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;
        function(&tenant).set_config(MSIX_CONTROL, 0).await;

        msix_interrupt(&tenant).await;

        assert_eq!(vector.count().count, 0);
    });
}

#[test]
fn ignored_msix_entry_sends_nothing_and_is_not_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;
        let permission = regs::SIOV_MSIXPERM_OFFSET + regs::SIOV_MSIXPERM_STRIDE;
        function(&tenant).write32(permission, owned_by(&tenant) | IGNORE);

        let status = msix_interrupt(&tenant).await;

        assert_eq!(status, Status::SUCCESS);
        assert_eq!(vector.count().count, 0);
        assert_eq!(pba(&function(&tenant)).await, 0);
    });
}
