// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Entries of the IMS table: masked, pending, ignored, changed (DSA 9.2.28).

use siov::dsa::{Command, Descriptor, InterruptTable, Status};
use siov::pcie::Msi;
use siov::scenario::Profile;
use siov_firmware::regs;

use crate::bench::Bench;
use crate::interrupts::{
    IGNORE, LONG, MASK, PENDING, count, function, ims_control, interrupt, nop, owned_by,
};

#[test]
fn masked_entry_is_pending_and_sends_nothing() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.adi.mask_interrupt(true);

        interrupt(&tenant).await;

        assert_eq!(count(&tenant), 0);
        assert!(tenant.adi.interrupt_pending().await.unwrap());
    });
}

#[test]
fn unmasking_sends_what_is_pending_exactly_once() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.adi.mask_interrupt(true);
        interrupt(&tenant).await;
        interrupt(&tenant).await;

        tenant.adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 1);
        assert!(!tenant.adi.interrupt_pending().await.unwrap());
    });
}

#[test]
fn unmasking_without_anything_pending_sends_nothing() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant.adi.mask_interrupt(true);
        tenant.adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 0);
    });
}

#[test]
fn pending_cannot_be_written() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let control = ims_control(tenant.handle);

        function(&tenant).write32(control, owned_by(&tenant) | MASK | PENDING);

        let found = function(&tenant).read32(control).await;
        assert_eq!(found & PENDING, 0);
    });
}

#[test]
fn ignored_entry_sends_nothing_and_is_not_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let control = ims_control(tenant.handle);
        function(&tenant).write32(control, owned_by(&tenant) | IGNORE | MASK);
        let status = interrupt(&tenant).await;

        function(&tenant).write32(control, owned_by(&tenant));
        bench.host.sleep(LONG).await;

        assert_eq!(status, Status::SUCCESS);
        assert_eq!(count(&tenant), 0);
    });
}

#[test]
fn ignore_does_not_take_back_what_is_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.adi.mask_interrupt(true);
        interrupt(&tenant).await;

        let control = ims_control(tenant.handle);
        function(&tenant).write32(control, owned_by(&tenant) | IGNORE);
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 1);
    });
}

#[test]
fn changed_entry_sends_the_new_message_for_what_was_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.adi.mask_interrupt(true);
        interrupt(&tenant).await;
        let entry = ims_control(tenant.handle) - regs::SIOV_IMS_CTRL_OFFSET;
        bench.allow_compatibility_messages();

        function(&tenant).write64(entry, 0xfee5_5000);
        function(&tenant).write32(entry + 8, 0x99);
        tenant.adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        let msis = bench.host.take_unclaimed_msis();
        let [(_, msi)] = msis.as_slice() else {
            panic!("{msis:?}");
        };
        assert_eq!((msi.address, msi.data), (0xfee5_5000, 0x99));
    });
}

#[test]
fn entry_changed_under_load_never_mixes_old_and_new() {
    const CHANGES: u64 = 64;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = function(&tenant);
        let control = ims_control(tenant.handle);
        let entry = control - regs::SIOV_IMS_CTRL_OFFSET;
        bench.allow_compatibility_messages();
        tenant.adi.mask_interrupt(true);

        for change in 0..CHANGES {
            tenant.submit(&nop(&tenant));
            function.write32(control, owned_by(&tenant) | MASK);
            function.write64(entry, 0xfee8_0000 | change << 2);
            function.write32(entry + 8, change as u32);
            function.write32(control, owned_by(&tenant));
            tenant.submit(&nop(&tenant));
            bench.host.sleep(change).await;
        }
        tenant.adi.drain().await.unwrap();
        bench.host.sleep(LONG).await;

        let msis = bench.host.take_unclaimed_msis();
        assert!(msis.len() as u64 > CHANGES / 2, "{}", msis.len());
        for (_, msi) in msis {
            assert_eq!(msi.address, 0xfee8_0000 | u64::from(msi.data) << 2);
        }
    });
}

#[test]
fn last_of_4096_ims_entries_works() {
    const LAST: u32 = 4095;
    let bench = Bench::profile(Profile::Scale);
    bench.run(async {
        let [tenant] = bench.tenants().await;
        bench.allow_compatibility_messages();
        let entry = regs::SIOV_IMS_OFFSET + LAST * regs::SIOV_IMS_STRIDE;
        let msi = Msi {
            address: 0xfee4_4000,
            data: 0x1234,
        };
        let function = function(&tenant);
        function.write64(entry, msi.address);
        function.write32(entry + 8, msi.data);
        function.write32(entry + 12, owned_by(&tenant));
        let request = Command::RequestInterruptHandle(InterruptTable::Ims, LAST as u16);
        let handle = tenant.adi.driver().command(request).await.unwrap();
        let vector = bench.host.on_msi(msi);

        tenant.run(Descriptor::nop().with_interrupt(handle)).await;
        vector.wait(0).await;

        assert_eq!(handle, LAST as u16);
    });
}
