// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupts: which message, when, how often, and for whom (DSA 3.7, PCIe 6.1).

use siov::dsa::{Command, Descriptor, InterruptTable, PortalPage, Status};
use siov::host::Driver;
use siov::iommu::interrupt_entry::remappable_message;
use siov::pcie::tlp::{AddressType, MemRequest};
use siov::pcie::{Bdf, Msi, MsiVector};
use siov::scenario::Profile;
use siov_firmware::regs;

use crate::bench::{Bench, DATA, Function, RECORD, Tenant, is_message};

/// Cycles in which a message that was going to come has come.
const LONG: u64 = 3_000;
const MASK: u32 = regs::SIOV_IMS_CTRL_MASK_MASK;
const PENDING: u32 = regs::SIOV_IMS_CTRL_PENDING_MASK;
const IGNORE: u32 = regs::SIOV_IMS_CTRL_IGNORE_MASK;
const MSIX_CONTROL: u16 = 0x80;
const MSIX_ENABLE: u32 = 1 << 31;
const FUNCTION_MASK: u32 = 1 << 30;

fn nop(tenant: &Tenant) -> Descriptor {
    Descriptor::nop()
        .with_completion(RECORD)
        .with_interrupt(tenant.handle)
}

/// Runs a NOP that asks for the tenant's interrupt, and waits until the message would have come.
async fn interrupt(tenant: &Tenant) -> Status {
    let record = tenant.run_as_is(&nop(tenant)).await;
    tenant.host().sleep(LONG).await;
    record.status()
}

fn count(tenant: &Tenant) -> u64 {
    tenant.adi.vector().count().count
}

fn function(tenant: &Tenant) -> Function {
    Function::of(tenant.adi.driver())
}

/// Offset of the control dword of an IMS entry.
fn ims_control(index: u16) -> u32 {
    regs::SIOV_IMS_OFFSET + u32::from(index) * regs::SIOV_IMS_STRIDE + regs::SIOV_IMS_CTRL_OFFSET
}

/// Control dword of an unmasked entry of the tenant.
fn owned_by(tenant: &Tenant) -> u32 {
    tenant.adi.pasid().raw() << 12 | regs::SIOV_IMS_CTRL_PASID_EN_MASK
}

/// Gives the tenant MSI-X entry 1 with a message of its own.
async fn give_msix(bench: &Bench, tenant: &Tenant) -> MsiVector {
    bench.allow_compatibility_messages();
    let function = function(tenant);
    let msi = Msi {
        address: 0xfee7_7000,
        data: 0x4321,
    };
    let entry = regs::SIOV_MSIX_OFFSET + regs::SIOV_MSIX_STRIDE;
    function.write64(entry, msi.address);
    function.write32(entry + 8, msi.data);
    function.write32(entry + 12, 0);
    let permission = regs::SIOV_MSIXPERM_OFFSET + regs::SIOV_MSIXPERM_STRIDE;
    function.write32(permission, owned_by(tenant));
    let request = Command::RequestInterruptHandle(InterruptTable::Msix, 1);
    assert_eq!(tenant.adi.driver().command(request).await.unwrap(), 1);
    function.host.on_msi(msi)
}

/// Asks for the interrupt of MSI-X entry 1.
async fn msix_interrupt(tenant: &Tenant) -> Status {
    let descriptor = Descriptor::nop().with_completion(RECORD).with_interrupt(1);
    tenant.write(RECORD, &[0; 32]);
    tenant.submit_to(PortalPage::UnlimitedMsix, &descriptor);
    let record = tenant.ended(RECORD).await;
    tenant.host().sleep(LONG).await;
    record.status()
}

async fn pba(function: &Function) -> u64 {
    function.read64(regs::SIOV_PBA_OFFSET).await
}

#[test]
fn ims_sends_the_message_of_its_entry_once() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        let status = interrupt(&tenant).await;

        assert_eq!(status, Status::SUCCESS);
        assert_eq!(count(&tenant), 1);
        assert_eq!(bench.host.take_unclaimed_msis(), []);
    });
}

#[test]
fn message_is_one_dword_without_pasid_or_relaxed_ordering() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        bench.log.take();

        interrupt(&tenant).await;

        let requests = bench.log.take_requests();
        let messages: Vec<&(MemRequest, _)> =
            requests.iter().filter(|(r, _)| is_message(r)).collect();
        let [(request, data)] = messages.as_slice() else {
            panic!("{requests:?}");
        };
        let msi = tenant.adi.message();
        assert_eq!(
            (request.address, data.as_slice()),
            (msi.address, &[msi.data][..])
        );
        assert_eq!((request.first_be, request.last_be), (0xf, 0));
        assert_eq!(request.pasid, None);
        assert_eq!(request.at, AddressType::Untranslated);
        assert_eq!(request.attr, Default::default());
        assert_eq!(request.requester, Bdf::new(1, 0, 0));
    });
}

#[test]
fn message_follows_data_and_record() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        bench.log.take();
        let descriptor = Descriptor::memory_move(DATA + 8192, DATA, 4096)
            .with_completion(RECORD)
            .with_interrupt(tenant.handle);

        tenant.run_as_is(&descriptor).await;
        tenant.adi.vector().wait(0).await;

        let writes = bench.log.take_requests().into_iter();
        let writes: Vec<_> = writes
            .filter(|(_, data)| !data.is_empty())
            .map(|(request, _)| request.address)
            .collect();
        let [data @ .., record, message] = writes.as_slice() else {
            panic!("{writes:x?}");
        };
        assert!(data.iter().all(|at| (DATA..DATA + 4096).contains(at)));
        assert_eq!(*record, RECORD);
        assert_eq!(*message, tenant.adi.message().address);
    });
}

#[test]
fn no_request_no_interrupt() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant.run(Descriptor::nop()).await;
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 0);
    });
}

#[test]
fn work_that_ends_with_an_error_interrupts_too() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let bad = Descriptor::memory_move(DATA, DATA + 8192, 0);

        tenant.run(bad.with_interrupt(tenant.handle)).await;
        bench.host.sleep(LONG).await;

        assert_eq!(count(&tenant), 1);
    });
}

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

/// Status of a NOP that asks for an interrupt with a handle that `spoil` has made wrong, and how
/// many messages came. The error must be reported both ways.
fn bad_handle(spoil: impl AsyncFnOnce(&[Tenant; 2]) -> u16) -> (Status, usize) {
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants().await;
        let handle = spoil(&tenants).await;
        bench.log.take();

        let record = tenants[0]
            .run(Descriptor::nop().with_interrupt(handle))
            .await;

        let error = tenants[0].next_error().await;
        assert_eq!(error.status(), record.status());
        assert_eq!(error.0[1] >> 32, u64::from(handle));
        bench.host.sleep(LONG).await;
        let requests = bench.log.take_requests();
        // Vector 0 tells the host of the software error.
        let misc = remappable_message(0).address;
        let messages = requests
            .iter()
            .filter(|(r, _)| is_message(r) && r.address != misc);
        (record.status(), messages.count())
    })
}

#[test]
fn handle_of_another_pasid_is_19h_and_nobody_is_interrupted() {
    let outcome = bad_handle(async |tenants| tenants[1].handle);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_that_was_never_given_out_is_19h() {
    let outcome = bad_handle(async |_| 77);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_beyond_the_table_is_19h() {
    let outcome = bad_handle(async |_| 256);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_that_was_given_back_is_19h() {
    let outcome = bad_handle(async |tenants| {
        tenants[0].adi.release_interrupt_handle().await.unwrap();
        tenants[0].handle
    });

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_of_an_entry_without_pasid_is_19h() {
    let outcome = bad_handle(async |tenants| {
        let handle = tenants[0].handle;
        function(&tenants[0]).write32(ims_control(handle), 0);
        handle
    });

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn entry_of_a_pasid_that_differs_in_one_bit_is_19h() {
    for bit in 0..20 {
        let outcome = bad_handle(async |tenants| {
            let handle = tenants[0].handle;
            let control = owned_by(&tenants[0]) ^ 1 << (12 + bit);
            function(&tenants[0]).write32(ims_control(handle), control);
            handle
        });

        assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0), "bit {bit}");
    }
}

#[test]
fn ims_handle_through_an_msix_portal_is_19h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(RECORD, &[0; 32]);

        tenant.submit_to(PortalPage::UnlimitedMsix, &nop(&tenant));

        let status = tenant.ended(RECORD).await.status();
        assert_eq!(status, Status::BAD_INTERRUPT_HANDLE);
    });
}

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
fn msix_and_ims_work_at_the_same_time() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let vector = give_msix(&bench, &tenant).await;
        for slot in 0..4 {
            let nop = Descriptor::nop().with_completion(RECORD + 32 * slot);
            tenant.submit(&nop.with_interrupt(tenant.handle));
            tenant.submit_to(PortalPage::LimitedMsix, &nop.with_interrupt(1));
        }

        tenant.adi.drain().await.unwrap();
        bench.host.sleep(LONG).await;

        assert_eq!((vector.count().count, count(&tenant)), (4, 4));
    });
}

#[test]
fn msix_permission_of_another_pasid_is_19h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant, other] = bench.tenants().await;
        let vector = give_msix(&bench, &other).await;

        let status = msix_interrupt(&tenant).await;

        assert_eq!(status, Status::BAD_INTERRUPT_HANDLE);
        assert_eq!(vector.count().count, 0);
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

/// Config values of Command: Memory Space, with and without Bus Master.
const COMMAND: u16 = 4;
const MEMORY_SPACE: u32 = 2;
const BUS_MASTER: u32 = 4;

/// Gives the function's own interrupt a message, and says where it arrives.
fn function_vector(bench: &Bench, function: &Function) -> MsiVector {
    bench.allow_compatibility_messages();
    let msi = Msi {
        address: 0xfee7_0000,
        data: 0x70,
    };
    function.write64(regs::SIOV_MSIX_OFFSET, msi.address);
    function.write32(regs::SIOV_MSIX_OFFSET + 8, msi.data);
    bench.host.on_msi(msi)
}

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

#[test]
fn command_completion_interrupts_after_its_status_is_final() {
    let bench = Bench::new();
    bench.run(async {
        let driver = Driver::probe(&bench.host).await.unwrap();
        let function = Function::of(&driver);
        let misc = function_vector(&bench, &function);
        let before = misc.count().count;

        function.write32(regs::SIOV_CMD_OFFSET, Command::DrainAll.word(true));
        misc.wait(before).await;

        assert_eq!(function.read32(regs::SIOV_CMDSTATUS_OFFSET).await, 0);
        bench.host.sleep(LONG).await;
        assert_eq!(misc.count().count, before + 1);
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
