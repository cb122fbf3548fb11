// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Drain, abort, reset of an ADI, reassignment, and function-level reset: what is over is over.

use siov::dsa::{Command, CompletionRecord, Descriptor, PortalPage, Status};
use siov::host::{Adi, Driver};
use siov::mem::{Gpa, Hpa, PAGE_SIZE};
use siov::pcie::{Bdf, Knobs};
use siov_firmware::{abi, regs};

use crate::bench::{BASE, BYTES, Bench, DATA, Function, RECORD, Tenant, is_message, pattern, wq};

const SOURCE: u64 = BASE + 32 * 4096;
/// Cycles in which anything that was still to come has come.
pub const LONG: u64 = 10_000;
const DEVCTL: u16 = 0x48;
const INITIATE_FLR: u32 = 1 << 15;
const TRANSACTIONS_PENDING: u32 = 1 << 21;

/// Fills a queue with moves of 4 KiB, records from `RECORD` on.
fn load(tenant: &Tenant, count: u64) {
    for slot in 0..count {
        let descriptor = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
        tenant.submit(&descriptor.with_completion(RECORD + 32 * slot));
    }
}

fn finished(tenant: &Tenant, count: u64) -> usize {
    let done = |slot: &u64| tenant.record(RECORD + 32 * slot).status() != Status::NONE;
    (0..count).filter(done).count()
}

/// Requests with the tenant's PASID, messages included if they are its.
pub fn requests_of(bench: &Bench, tenant: &Tenant) -> usize {
    let message = tenant.adi.message();
    let requests = bench.log.take_requests();
    let own = requests.iter().filter(|(request, data)| {
        let pasid = request.pasid.map(|prefix| prefix.pasid);
        let interrupt = is_message(request) && data[0] == message.data;
        pasid == Some(tenant.adi.pasid()) || interrupt
    });
    own.count()
}

/// After `end` has ended the tenant's work, nothing of it may come.
fn nothing_comes_after(end: impl AsyncFnOnce(&Tenant)) {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        load(&tenant, 16);
        bench.host.sleep(200).await;

        end(&tenant).await;

        bench.log.take();
        let contents = tenant.contents();
        bench.host.sleep(LONG).await;
        assert_eq!(requests_of(&bench, &tenant), 0);
        assert!(tenant.contents() == contents);
    });
}

/// When `drain` has ended, so has everything that was submitted before.
fn everything_has_ended_after(drain: impl AsyncFnOnce(&Tenant)) {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        load(&tenant, 16);

        drain(&tenant).await;

        assert_eq!(finished(&tenant, 16), 16);
    });
}

/// Gives a queue to another owner.
async fn reassign(from: &Tenant, to: &Tenant) -> Adi {
    from.adi.revoke().await.unwrap();
    let driver = from.adi.driver();
    let (adi, _errors) = driver.assign(*from.adi.wq(), &to.space).unwrap();
    adi.enable().await.unwrap();
    adi
}

/// Runs a descriptor of the owner of a queue.
async fn run_on(adi: &Adi, owner: &Tenant, descriptor: Descriptor) -> Status {
    owner.write(RECORD, &[0; CompletionRecord::SIZE]);
    let bytes = zerocopy::transmute!(descriptor.with_completion(RECORD));
    let portal = adi.portal(PortalPage::UnlimitedIms);
    owner.host().write_portal(portal, &bytes).unwrap();
    owner.ended(RECORD).await.status()
}

/// A tenant whose masked interrupt is pending.
async fn with_pending_interrupt(tenant: &Tenant) {
    tenant.adi.mask_interrupt(true);
    let rings = Descriptor::nop().with_interrupt(tenant.handle);
    tenant.run(rings).await;
    assert!(tenant.adi.interrupt_pending().await.unwrap());
}

#[test]
fn drain_waits_for_everything_submitted_before() {
    everything_has_ended_after(async |tenant| tenant.adi.drain().await.unwrap());
}

#[test]
fn drain_all_waits_for_every_queue() {
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants::<4>().await;
        tenants.iter().for_each(|tenant| load(tenant, 8));

        let driver = tenants[0].adi.driver();
        driver.command(Command::DrainAll).await.unwrap();

        for tenant in &tenants {
            assert_eq!(finished(tenant, 8), 8);
        }
    });
}

#[test]
fn nothing_comes_after_abort() {
    nothing_comes_after(async |tenant| tenant.adi.abort().await.unwrap());
}

#[test]
fn drain_of_a_pasid_waits_for_its_queue() {
    everything_has_ended_after(async |tenant| {
        let function = Function::of(tenant.adi.driver());
        let drain = abi::SIOV_CMD_DRAIN_PASID << 20 | tenant.adi.pasid().raw();
        assert_eq!(function.command(drain).await, 0);
    });
}

#[test]
fn nothing_comes_after_abort_of_the_pasid() {
    nothing_comes_after(async |tenant| {
        let function = Function::of(tenant.adi.driver());
        let abort = abi::SIOV_CMD_ABORT_PASID << 20 | tenant.adi.pasid().raw();
        assert_eq!(function.command(abort).await, 0);
    });
}

#[test]
fn nothing_comes_after_disable() {
    nothing_comes_after(async |tenant| tenant.adi.disable().await.unwrap());
}

#[test]
fn nothing_comes_after_reset_of_the_queue() {
    nothing_comes_after(async |tenant| tenant.adi.reset().await.unwrap());
}

#[test]
fn nothing_comes_after_revocation() {
    nothing_comes_after(async |tenant| tenant.adi.revoke().await.unwrap());
}

#[test]
fn nothing_comes_after_reset_of_the_device() {
    nothing_comes_after(async |tenant| {
        let driver = tenant.adi.driver();
        // Polled: Reset Device forgets that command completions interrupt.
        let status = Function::of(driver)
            .command(Command::ResetDevice.word(false))
            .await;
        assert_eq!(status, 0);
    });
}

#[test]
fn reset_abandons_what_is_queued() {
    let bench = Bench::knobs(Knobs {
        latency: 2000,
        ..Knobs::default()
    });
    bench.run(async {
        let tenants = bench.tenants_on(&[crate::bench::wq(0, 128)]).await;
        load(&tenants[0], 30);
        load(&tenants[0], 30);
        load(&tenants[0], 30);

        tenants[0].adi.reset().await.unwrap();

        bench.host.sleep(LONG).await;
        let reads = bench.log.take_requests();
        let reads = reads.iter().filter(|(_, data)| data.is_empty()).count();
        assert!(reads < 90 * 8, "{reads} reads");
    });
}

#[test]
fn aborted_queue_takes_new_work() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        load(&tenant, 16);
        tenant.adi.abort().await.unwrap();

        let record = tenant.run(Descriptor::fill(0, DATA, 64)).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}

#[test]
fn reset_of_one_queue_leaves_the_others_working() {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = bench.tenants().await;
        second.write(SOURCE, &pattern(3, 4096));
        load(&first, 16);
        load(&second, 16);

        first.adi.reset().await.unwrap();
        second.adi.drain().await.unwrap();

        for slot in 0..16 {
            let record = second.record(RECORD + 32 * slot);
            assert_eq!(record.status(), Status::SUCCESS);
            let data = second.read(DATA + 4096 * slot, 4096);
            assert!(data == pattern(3, 4096), "slot {slot}");
        }
    });
}

#[test]
fn reset_queue_does_not_wait_for_a_flood_of_another() {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = bench.tenants().await;
        let before = bench.host.now();
        first.adi.reset().await.unwrap();
        let alone = bench.host.now() - before;
        for _ in 0..50 {
            load(&second, 16);
        }
        let before = bench.host.now();

        first.adi.reset().await.unwrap();

        let flooded = bench.host.now() - before;
        assert!(
            flooded < alone + 2000,
            "{flooded} cycles instead of {alone}"
        );
    });
}

#[test]
fn reassigned_adi_works_for_its_new_owner_only() {
    let bench = Bench::new();
    bench.run(async {
        let [old, other] = bench.tenants().await;
        load(&old, 16);
        let adi = reassign(&old, &other).await;
        let old_contents = old.contents();
        bench.log.take();

        let status = run_on(&adi, &other, Descriptor::fill(0x55, DATA, 8)).await;

        assert_eq!(status, Status::SUCCESS);
        assert_ne!(adi.pasid(), old.adi.pasid());
        let requests = bench.log.take_requests();
        let pasids = requests.iter().map(|(r, _)| r.pasid.map(|p| p.pasid));
        assert!(pasids.into_iter().all(|pasid| pasid == Some(adi.pasid())));
        assert!(old.contents() == old_contents);
    });
}

#[test]
fn interrupt_pending_for_the_former_owner_is_not_sent_to_the_next() {
    let bench = Bench::new();
    bench.run(async {
        let [old, other] = bench.tenants().await;
        with_pending_interrupt(&old).await;

        // Gets the same IMS entry.
        let adi = reassign(&old, &other).await;
        adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        assert_eq!(adi.vector().count().count, 0);
    });
}

#[test]
fn reset_adi_has_no_interrupt_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        with_pending_interrupt(&tenant).await;

        tenant.adi.reset().await.unwrap();
        assert!(!tenant.adi.interrupt_pending().await.unwrap());
        tenant.adi.mask_interrupt(false);
        bench.host.sleep(LONG).await;

        assert_eq!(tenant.adi.vector().count().count, 0);
    });
}

#[test]
fn reset_adi_keeps_its_interrupt_message() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        with_pending_interrupt(&tenant).await;
        tenant.adi.reset().await.unwrap();
        tenant.adi.enable().await.unwrap();
        tenant.adi.mask_interrupt(false);

        tenant
            .run(Descriptor::nop().with_interrupt(tenant.handle))
            .await;

        tenant.adi.vector().wait(0).await;
        assert_eq!(tenant.adi.vector().count().count, 1);
    });
}

#[test]
fn drivers_that_a_function_reset_has_retired_leave_no_memory_behind() {
    const RESETS: usize = 100;
    let bench = Bench::new();
    bench.run(async {
        let life = async || {
            let driver = Driver::probe(&bench.host).await.unwrap();
            driver.enable_ats(Some(4)).await.unwrap();
            driver.configure(&[wq(0, 16)]).await.unwrap();
            let mut space = driver.new_address_space().unwrap();
            space.map(Gpa(BASE), Hpa(BASE), PAGE_SIZE).unwrap();
            let (adi, _errors) = driver.assign(wq(0, 16), &space).unwrap();
            adi.enable().await.unwrap();
            driver.reset_function().await.unwrap();
        };
        let used = async || {
            bench.host.sleep(1).await; // the driver's tasks end
            bench.host.memory().used()
        };
        life().await;
        let once = used().await;

        for _ in 0..RESETS {
            life().await;
        }

        assert_eq!(used().await, once);
    });
}

#[test]
fn interrupt_handle_of_the_former_owner_is_not_the_next_ones() {
    let bench = Bench::new();
    bench.run(async {
        let [old, other] = bench.tenants().await;
        let adi = reassign(&old, &other).await;

        let rings = Descriptor::nop().with_interrupt(old.handle);
        let status = run_on(&adi, &other, rings).await;

        assert_eq!(status, Status::BAD_INTERRUPT_HANDLE);
    });
}

/// Starts an FLR and waits until it is over.
async fn function_level_reset(function: &Function) {
    let devctl = function.config(DEVCTL).await;
    function.set_config(DEVCTL, devctl | INITIATE_FLR).await;
    function.host.sleep(LONG).await;
}

#[test]
fn flr_resets_config_space_but_payload_size_and_errors() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.set_config(0x234, 1 << 16).await; // PASID Enable
        function.set_config(0x80, 1 << 31).await; // MSI-X Enable
        function.set_config(0x224, 1 << 31).await; // ATS Enable

        function_level_reset(&function).await;

        assert_eq!(function.config(0x04).await & 0xffff, 0, "command");
        assert_eq!(function.config(0x10).await, 0xc, "BAR0");
        assert_eq!(function.config(0x1c).await, 0, "BAR2");
        assert_eq!(function.config(0x234).await >> 16, 0, "PASID");
        assert_eq!(function.config(0x80).await >> 30, 0, "MSI-X");
        assert_eq!(function.config(0x224).await >> 31, 0, "ATS");
        // MPS 256 as before; the rest as after power-on.
        assert_eq!(function.config(DEVCTL).await & 0xffff, 0x2930);
        assert_eq!(function.config(0x270).await, 1, "system page size");
    });
}

#[test]
fn flr_resets_registers_and_interrupt_tables() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        tenant
            .run_into_error(&Descriptor::nop().with_completion(RECORD + 1))
            .await;

        function_level_reset(&function).await;

        let function = bench.quiet_function().await;
        for offset in [
            regs::SIOV_GENSTS_OFFSET,
            regs::SIOV_GENCFG_OFFSET,
            regs::SIOV_CMDSTATUS_OFFSET,
            regs::SIOV_SWERROR0_OFFSET,
            regs::SIOV_WQCFG_OFFSET,
            regs::SIOV_WQCFG_OFFSET + regs::SIOV_WQCFG_MODE_OFFSET,
            regs::SIOV_WQCFG_OFFSET + regs::SIOV_WQCFG_STATUS_OFFSET,
            regs::SIOV_GRPCFG_OFFSET,
            regs::SIOV_MSIX_OFFSET,
            regs::SIOV_PBA_OFFSET,
        ] {
            assert_eq!(function.read32(offset).await, 0, "{offset:#x}");
        }
        assert_eq!(function.read64(regs::SIOV_IMS_OFFSET).await, 0xfee0_0000);
        assert_eq!(function.read64(regs::SIOV_IMS_OFFSET + 8).await, 1 << 32);
        assert_eq!(function.read64(regs::SIOV_MSIX_OFFSET + 8).await, 1 << 32);
    });
}

#[test]
fn nothing_is_sent_after_flr_and_no_transaction_is_pending() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        load(&tenant, 16);
        bench.host.sleep(200).await;

        function_level_reset(&function).await;
        bench.log.take();
        bench.host.sleep(LONG).await;

        assert_eq!(requests_of(&bench, &tenant), 0);
        let devctl = function.config(DEVCTL).await;
        assert_eq!(devctl & TRANSACTIONS_PENDING, 0);
        assert!(bench.host.device_idle());
    });
}

#[test]
fn transactions_are_pending_while_reads_are_in_flight() {
    let bench = Bench::knobs(Knobs {
        latency: 2000,
        ..Knobs::default()
    });
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        load(&tenant, 1);
        bench.host.sleep(200).await;

        let devctl = function.config(DEVCTL).await;

        assert_eq!(devctl & TRANSACTIONS_PENDING, TRANSACTIONS_PENDING);
    });
}

#[test]
fn flr_keeps_the_captured_bus_number() {
    let bench = Bench::knobs(Knobs {
        device_bus: 0x5a,
        ..Knobs::default()
    });
    bench.run(async {
        let function = bench.function().await;

        function_level_reset(&function).await;

        let id = bench.host.config_read32(Bdf::new(0x5a, 0, 0), 0).await;
        assert_eq!(id, Ok(0x510b_1234));
    });
}

#[test]
fn device_works_again_after_flr() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.command(Command::DrainAll.word(false)).await;
        function_level_reset(&function).await;

        let [tenant] = bench.tenants().await;
        let record = tenant.run(Descriptor::fill(0, DATA, 64)).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}

#[test]
fn nothing_queued_survives_flr() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.start_wq0(0).await;
        let descriptor = Descriptor::memory_move(BASE, BASE + BYTES, 100_000);
        for _ in 0..16 {
            let bytes = zerocopy::transmute!(descriptor);
            bench.host.write_portal(function.bar2(), &bytes).unwrap();
        }
        function_level_reset(&function).await;
        bench.log.take();

        let function = bench.function().await;
        let status = function.start_wq0(0).await;
        bench.host.sleep(LONG).await;

        assert_eq!(status, 0);
        assert!(bench.log.take_requests().is_empty());
    });
}
