// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completion interrupts: what a message is, and when it comes (DSA 3.7, PCIe 6.1.4).

use siov::dsa::{Command, Descriptor, InterruptTable, PortalPage, Status};
use siov::host::Driver;
use siov::pcie::tlp::{AddressType, MemRequest};
use siov::pcie::{Bdf, Msi, MsiVector};
use siov_firmware::regs;

use crate::bench::{Bench, DATA, Function, RECORD, Tenant, is_message};

/// Cycles in which a message that was going to come has come.
pub const LONG: u64 = 3_000;
pub const MASK: u32 = regs::SIOV_IMS_CTRL_MASK_MASK;
pub const PENDING: u32 = regs::SIOV_IMS_CTRL_PENDING_MASK;
pub const IGNORE: u32 = regs::SIOV_IMS_CTRL_IGNORE_MASK;
pub const MSIX_CONTROL: u16 = 0x80;
pub const MSIX_ENABLE: u32 = 1 << 31;
pub const FUNCTION_MASK: u32 = 1 << 30;

pub fn nop(tenant: &Tenant) -> Descriptor {
    Descriptor::nop()
        .with_completion(RECORD)
        .with_interrupt(tenant.handle)
}

/// Runs a NOP that asks for the tenant's interrupt, and waits until the message would have come.
pub async fn interrupt(tenant: &Tenant) -> Status {
    let record = tenant.run_as_is(&nop(tenant)).await;
    tenant.host().sleep(LONG).await;
    record.status()
}

pub fn count(tenant: &Tenant) -> u64 {
    tenant.adi.vector().count().count
}

pub fn function(tenant: &Tenant) -> Function {
    Function::of(tenant.adi.driver())
}

/// Offset of the control dword of an IMS entry.
pub fn ims_control(index: u16) -> u32 {
    regs::SIOV_IMS_OFFSET + u32::from(index) * regs::SIOV_IMS_STRIDE + regs::SIOV_IMS_CTRL_OFFSET
}

/// Control dword of an unmasked entry of the tenant.
pub fn owned_by(tenant: &Tenant) -> u32 {
    tenant.adi.pasid().raw() << 12 | regs::SIOV_IMS_CTRL_PASID_EN_MASK
}

/// Gives the tenant MSI-X entry 1 with a message of its own.
pub async fn give_msix(bench: &Bench, tenant: &Tenant) -> MsiVector {
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
pub async fn msix_interrupt(tenant: &Tenant) -> Status {
    let descriptor = Descriptor::nop().with_completion(RECORD).with_interrupt(1);
    tenant.write(RECORD, &[0; 32]);
    tenant.submit_to(PortalPage::UnlimitedMsix, &descriptor);
    let record = tenant.ended(RECORD).await;
    tenant.host().sleep(LONG).await;
    record.status()
}

pub async fn pba(function: &Function) -> u64 {
    function.read64(regs::SIOV_PBA_OFFSET).await
}

/// Gives the function's own interrupt a message, and says where it arrives.
pub fn function_vector(bench: &Bench, function: &Function) -> MsiVector {
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
