// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The device's interrupts on their way through the IOMMU: posted to virtual CPUs, or blocked
//! (VT-d 5).

use siov::dsa::{Command, Descriptor, InterruptTable, PortalPage, Status, portal_address};
use siov::iommu::FaultReason;
use siov::iommu::entry::{DomainId, PasidEntry};
use siov::iommu::interrupt_entry::{InterruptEntry, cpu_message, remappable_message};
use siov::iommu::posted::PostedDescriptor;
use siov::iommu::regs as iommu_regs;
use siov::mem::{Hpa, PAGE_SIZE};
use siov::pcie::{Bdf, Msi, MsiVector};
use siov_firmware::regs;

use crate::bench::Bench;
use crate::own_tables::{OwnTables, PASID};

const CPU: u32 = 3;
/// NV: what the physical CPU is told.
const NOTIFICATION: u8 = 0xe1;
/// What the virtual CPU gets.
const VIRTUAL: u8 = 0x91;
/// The remapping table has 256 entries.
const ORDER: u64 = 7;
const INDEX: u16 = 5;
/// Cycles in which an interrupt has come.
const LONG: u64 = 2_000;

/// The function, whose queue 0 interrupts through IMS entry 0.
struct Setup {
    own: OwnTables,
    handle: u16,
    table: Hpa,
    record: Hpa,
}

impl Setup {
    /// IMS entry 0 sends `message`; the remapping table is empty.
    async fn new(bench: &Bench, message: Msi) -> Self {
        let memory = bench.host.memory();
        let own = OwnTables::new(bench, PasidEntry::pass_through(DomainId(7)), false).await;
        let function = &own.function;
        let (ims, ctrl) = (regs::SIOV_IMS_OFFSET, regs::SIOV_IMS_CTRL_OFFSET);
        function.write64(ims, message.address);
        function.write32(ims + regs::SIOV_IMS_DATA_OFFSET, message.data);
        let owner = PASID.raw() << regs::SIOV_IMS_CTRL_PASID_SHIFT;
        function.write32(ims + ctrl, regs::SIOV_IMS_CTRL_PASID_EN_MASK | owner);
        function.write32(regs::SIOV_GENCFG_OFFSET, regs::SIOV_GENCFG_USER_INT_EN_MASK);
        own.start(0).await;
        let request = Command::RequestInterruptHandle(InterruptTable::Ims, 0);
        let handle = own.function.command(request.word(false)).await >> 8;
        let table = memory.alloc_page().unwrap();
        let host = &bench.host;
        host.iommu_write64(iommu_regs::IRTA, table.0 | ORDER);
        let lasting = iommu_regs::TE | iommu_regs::QIE;
        host.iommu_write32(iommu_regs::GCMD, lasting | iommu_regs::SIRTP);
        host.iommu_write32(iommu_regs::GCMD, lasting | iommu_regs::IRE);
        Self {
            handle: handle as u16,
            table,
            record: memory.alloc_page().unwrap(),
            own,
        }
    }

    fn source(&self) -> Bdf {
        self.own.function.info.bdf
    }

    /// Writes entry `INDEX`, which has not been used yet.
    fn set(&self, entry: InterruptEntry) {
        let at = self
            .table
            .offset(u64::from(INDEX) * InterruptEntry::ENTRY_SIZE);
        let memory = self.own.function.host.memory();
        memory.write_u64(at.offset(8), entry.0[1]).unwrap();
        memory.write_u64(at, entry.0[0]).unwrap();
    }

    /// Runs a descriptor that asks for the interrupt; gives its status.
    async fn interrupt(&self) -> Status {
        let host = &self.own.function.host;
        host.memory().write_u64(self.record, 0).unwrap();
        let nop = Descriptor::nop().with_completion(self.record.0);
        let bytes = zerocopy::transmute!(nop.with_interrupt(self.handle));
        let portal = portal_address(0, PortalPage::UnlimitedIms);
        let bar2 = self.own.function.bar2();
        host.write_portal(bar2 + portal, &bytes).unwrap();
        let status = self.own.ended(self.record).await.status();
        host.sleep(LONG).await;
        status
    }
}

/// A setup whose interrupt is posted, the descriptor it is posted in, and what the CPU is told.
async fn posted(bench: &Bench, urgent: bool) -> (Setup, PostedDescriptor, MsiVector) {
    let setup = Setup::new(bench, remappable_message(INDEX)).await;
    let memory = bench.host.memory();
    let descriptor = PostedDescriptor::at(memory, memory.alloc_page().unwrap());
    descriptor
        .set_notification(CPU, NOTIFICATION, false)
        .unwrap();
    let entry = InterruptEntry::posted(setup.source(), descriptor.address(), VIRTUAL);
    setup.set(if urgent { entry.urgent() } else { entry });
    let notified = bench.host.on_msi(cpu_message(CPU, NOTIFICATION));
    (setup, descriptor, notified)
}

/// PIR with only the virtual vector in it.
const PENDING: [u64; 4] = {
    let mut vectors = [0; 4];
    vectors[VIRTUAL as usize / 64] = 1 << (VIRTUAL % 64);
    vectors
};

#[test]
fn interrupt_is_posted_and_its_cpu_notified_once_until_it_has_taken_it() {
    let bench = Bench::new();
    bench.run(async {
        let (setup, descriptor, notified) = posted(&bench, false).await;

        setup.interrupt().await;
        setup.interrupt().await;

        assert_eq!(notified.count().count, 1, "ON is set");
        assert_eq!(descriptor.take().unwrap(), PENDING);
        setup.interrupt().await;
        assert_eq!(notified.count().count, 2);
        assert_eq!(descriptor.take().unwrap(), PENDING);
    });
}

#[test]
fn suppressed_interrupt_is_posted_without_notification() {
    let bench = Bench::new();
    bench.run(async {
        let (setup, descriptor, notified) = posted(&bench, false).await;
        descriptor.suppress(true).unwrap();

        setup.interrupt().await;

        assert_eq!(notified.count().count, 0);
        descriptor.suppress(false).unwrap();
        setup.interrupt().await;
        assert_eq!(notified.count().count, 1);
        assert_eq!(descriptor.take().unwrap(), PENDING);
    });
}

#[test]
fn urgent_interrupt_is_notified_although_suppressed() {
    let bench = Bench::new();
    bench.run(async {
        let (setup, descriptor, notified) = posted(&bench, true).await;
        descriptor.suppress(true).unwrap();

        setup.interrupt().await;

        assert_eq!(notified.count().count, 1);
        assert_eq!(descriptor.take().unwrap(), PENDING);
    });
}

/// Why the interrupt that the device sends as `message` is blocked, with the table as `prepare`
/// leaves it. The work that asked for it succeeds, and nobody is interrupted.
fn blocked(message: Msi, prepare: impl FnOnce(&Setup)) -> FaultReason {
    let bench = Bench::new();
    bench.run(async {
        let setup = Setup::new(&bench, message).await;
        prepare(&setup);

        let status = setup.interrupt().await;

        assert_eq!(status, Status::SUCCESS);
        assert_eq!(bench.host.take_unclaimed_msis(), []);
        let faults: Vec<_> = bench.host.iommu_counts().faults.into_iter().collect();
        let [(reason, 1)] = faults[..] else {
            panic!("{faults:?}");
        };
        reason
    })
}

#[test]
fn interrupt_through_an_entry_that_is_not_present_is_blocked() {
    let reason = blocked(remappable_message(INDEX), |_| ());

    assert_eq!(reason, FaultReason::InterruptNotPresent);
}

#[test]
fn interrupt_through_an_entry_of_another_function_is_blocked() {
    let reason = blocked(remappable_message(INDEX), |setup| {
        setup.set(InterruptEntry::remapped(
            Bdf::new(1, 0, 1),
            CPU,
            0x50,
            false,
        ));
    });

    assert_eq!(reason, FaultReason::InterruptSource);
}

#[test]
fn interrupt_beyond_the_table_is_blocked() {
    let reason = blocked(remappable_message(1 << (ORDER + 1)), |_| ());

    assert_eq!(reason, FaultReason::InterruptIndex);
}

#[test]
fn interrupt_in_compatibility_format_is_blocked() {
    let reason = blocked(cpu_message(CPU, 0x50), |_| ());

    assert_eq!(reason, FaultReason::InterruptCompatibility);
}

#[test]
fn interrupt_with_a_reserved_bit_in_its_data_is_blocked() {
    let message = Msi {
        data: 1 << 16,
        ..remappable_message(INDEX)
    };
    let reason = blocked(message, |setup| {
        setup.set(InterruptEntry::remapped(setup.source(), CPU, 0x50, false));
    });

    assert_eq!(reason, FaultReason::InterruptReserved);
}

#[test]
fn interrupt_posted_in_a_descriptor_with_reserved_bits_is_blocked() {
    let reason = blocked(remappable_message(INDEX), |setup| {
        let memory = setup.own.function.host.memory();
        let page = memory.alloc(PAGE_SIZE, PAGE_SIZE).unwrap();
        memory.write_u64(page.offset(40), 1).unwrap();
        setup.set(InterruptEntry::posted(setup.source(), page, VIRTUAL));
    });

    assert_eq!(reason, FaultReason::PostedReserved);
}
