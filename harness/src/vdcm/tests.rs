// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A virtual device on the RTL, as its guest sees it.

use std::future::Future;
use std::rc::Rc;

use siov_firmware::{abi, regs};
use siov_sim::Straps;
use zerocopy::IntoBytes;

use super::{Traps, Vdev};
use crate::dsa::field::get;
use crate::dsa::{Command, CommandStatus, CompletionRecord, Descriptor, InterruptTable, Status};
use crate::guest::{Apic, GuestMemory, PciFunction};
use crate::host::{AddressSpace, Driver, WqConfig};
use crate::mem::{Gpa, Memory};
use crate::pcie::{Host, Knobs, Msi};
use crate::rtl::RtlEndpoint;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const BAR0: u64 = 0x80_0000_0000;
const BAR2: u64 = 0x80_0001_0000;
const RECORD: u64 = 0x2000;
const COMPLETION: Msi = Msi {
    address: 0xfee0_0000,
    data: 0x41,
};
const MISC: Msi = Msi {
    address: 0xfee0_0000,
    data: 0x40,
};

/// A virtual device whose BARs are placed, and the guest around it.
struct Guest {
    host: Host,
    space: AddressSpace,
    memory: GuestMemory,
    apic: Apic,
    vdev: Rc<Vdev>,
}

/// Runs `test` with the second of two virtual devices.
fn with_guest<F: Future>(test: impl FnOnce(Guest) -> F) -> F::Output {
    let rtl = RtlEndpoint::new(Straps::default(), None).unwrap();
    let host = Host::new(
        Box::new(rtl),
        Memory::new(32 << 20).unwrap(),
        Knobs::default(),
    );
    let main = async {
        let driver = Driver::probe(&host).await.unwrap();
        let wqs = [0, 1].map(|index| WqConfig {
            index,
            size: 8,
            priority: 1,
            group: 0,
        });
        driver.configure(&wqs).await.unwrap();
        let mut space = driver.new_address_space().unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let memory = GuestMemory::new(&host, 0x1_0000, &mut random).unwrap();
        memory.map(&mut space, Gpa(0), 0x1_0000).unwrap();
        let (adi, errors) = driver.assign(wqs[1], &space).unwrap();
        let apic = Apic::default();
        let vdev = Vdev::new(adi, errors, apic.clone()).unwrap();
        for (offset, value) in [
            (0x10, BAR0 as u32),
            (0x14, (BAR0 >> 32) as u32),
            (0x18, BAR2 as u32),
            (0x1c, (BAR2 >> 32) as u32),
            (0x04, 0x6),
            (0x40, 1 << 31),
        ] {
            vdev.config_write(offset, value, 0xf).await.unwrap();
        }
        test(Guest {
            host: host.clone(),
            space,
            memory,
            apic,
            vdev,
        })
        .await
    };
    host.run(main).unwrap()
}

impl Guest {
    async fn read32(&self, offset: u32) -> u32 {
        self.vdev.load32(BAR0 + u64::from(offset)).await.unwrap()
    }

    async fn write32(&self, offset: u32, value: u32) {
        self.vdev
            .store32(BAR0 + u64::from(offset), value)
            .await
            .unwrap();
    }

    async fn command(&self, command: Command) -> CommandStatus {
        self.write32(regs::SIOV_CMD_OFFSET, command.word(false))
            .await;
        CommandStatus(self.read32(regs::SIOV_CMDSTATUS_OFFSET).await)
    }

    async fn error_of(&self, command: Command) -> u32 {
        self.command(command).await.error().into()
    }

    async fn program_vector(&self, vector: u32, msi: Msi, masked: bool) {
        let entry = super::registers::MSIX + vector * regs::SIOV_MSIX_STRIDE;
        self.write32(entry + regs::SIOV_MSIX_ADDR_LO_OFFSET, msi.address as u32)
            .await;
        self.write32(entry + regs::SIOV_MSIX_DATA_OFFSET, msi.data)
            .await;
        self.write32(entry + regs::SIOV_MSIX_CTRL_OFFSET, masked.into())
            .await;
    }

    /// Function Level Reset, and the BARs placed again.
    async fn reset_and_place(&self) {
        self.vdev.config_write(0x58, 1 << 15, 0b0011).await.unwrap();
        for (offset, value) in [
            (0x10, BAR0 as u32),
            (0x14, (BAR0 >> 32) as u32),
            (0x18, BAR2 as u32),
            (0x1c, (BAR2 >> 32) as u32),
            (0x04, 0x6),
        ] {
            self.vdev.config_write(offset, value, 0xf).await.unwrap();
        }
    }

    /// Puts the device on an ADI of queue 0.
    async fn renew_on_queue_0(&self) {
        let wq = WqConfig {
            index: 0,
            ..*self.vdev.adi().wq()
        };
        let (adi, errors) = self.vdev.adi().driver().assign(wq, &self.space).unwrap();
        self.vdev.renew(adi, errors).await.unwrap();
    }

    /// Enables device and queue; returns the interrupt handle.
    async fn enable(&self) -> u16 {
        assert_eq!(self.error_of(Command::EnableDevice).await, 0);
        assert_eq!(self.error_of(Command::EnableWq(0)).await, 0);
        let handle = Command::RequestInterruptHandle(InterruptTable::Msix, 1);
        self.command(handle).await.result()
    }

    /// Submits a NOP through a portal page and drains the queue; the status it ended with.
    async fn nop(&self, page: u64, handle: u16) -> Status {
        self.memory.write(Gpa(RECORD), &[0; 32]).unwrap();
        let nop = Descriptor::nop()
            .with_completion(RECORD)
            .with_interrupt(handle);
        let mut bytes = [0; 64];
        bytes.copy_from_slice(nop.as_bytes());
        self.vdev
            .store64(BAR2 + page * 0x1000, &bytes)
            .await
            .unwrap();
        self.command(Command::DrainAll).await;
        let mut record = [0; 32];
        self.memory.read(Gpa(RECORD), &mut record).unwrap();
        CompletionRecord::from_bytes(&record).unwrap().status()
    }
}

#[test]
fn guest_submits_through_both_msix_portal_pages() {
    with_guest(async |guest| {
        let handle = guest.enable().await;

        assert_eq!(guest.nop(0, handle).await, Status::SUCCESS);
        assert_eq!(guest.nop(1, handle).await, Status::SUCCESS);
    });
}

#[test]
fn portal_pages_of_ims_lead_to_nothing() {
    with_guest(async |guest| {
        let handle = guest.enable().await;

        assert_eq!(guest.nop(2, handle).await, Status::NONE);
        assert_eq!(guest.nop(3, handle).await, Status::NONE);
    });
}

#[test]
fn submission_does_not_trap() {
    with_guest(async |guest| {
        let before = guest.vdev.traps();

        guest.vdev.store64(BAR2, &[0; 64]).await.unwrap();

        assert_eq!(guest.vdev.traps(), before);
        assert_ne!(before, Traps::default());
    });
}

#[test]
fn masked_completion_interrupt_is_pending_and_comes_after_unmasking() {
    with_guest(async |guest| {
        guest.program_vector(1, COMPLETION, true).await;
        let handle = guest.enable().await;
        guest.nop(0, handle).await;
        assert_eq!(guest.read32(super::registers::PBA).await, 0b10);
        assert_eq!(guest.apic.vector(COMPLETION).count(), 0);

        guest.program_vector(1, COMPLETION, false).await;

        guest.apic.vector(COMPLETION).wait(0).await;
        assert_eq!(guest.read32(super::registers::PBA).await, 0);
    });
}

#[test]
fn command_completion_raises_vector_0() {
    with_guest(async |guest| {
        guest.program_vector(0, MISC, false).await;

        guest
            .write32(regs::SIOV_CMD_OFFSET, Command::EnableDevice.word(true))
            .await;

        assert_eq!(guest.apic.vector(MISC).count(), 1);
        let cause = guest.read32(regs::SIOV_INTCAUSE_OFFSET).await;
        assert_eq!(cause, regs::SIOV_INTCAUSE_COMMAND_MASK);
    });
}

#[test]
fn commands_out_of_place_are_refused_with_their_error() {
    with_guest(async |guest| {
        let handle = |index| Command::RequestInterruptHandle(InterruptTable::Msix, index);
        assert_eq!(
            guest.error_of(Command::EnableWq(0)).await,
            abi::SIOV_ERR_NOT_ENABLED
        );
        assert_eq!(
            guest.error_of(Command::DrainWq(0)).await,
            abi::SIOV_ERR_WQ_NOT_ENABLED
        );
        guest.enable().await;

        assert_eq!(
            guest.error_of(Command::EnableDevice).await,
            abi::SIOV_ERR_NOT_DISABLED
        );
        assert_eq!(
            guest.error_of(Command::EnableWq(0)).await,
            abi::SIOV_ERR_WQ_NOT_DISABLED
        );
        assert_eq!(
            guest.error_of(Command::EnableWq(1)).await,
            abi::SIOV_ERR_WQ_INDEX
        );
        assert_eq!(guest.error_of(handle(0)).await, abi::SIOV_ERR_INT_INDEX);
        assert_eq!(guest.error_of(handle(2)).await, abi::SIOV_ERR_INT_INDEX);
    });
}

#[test]
fn guest_cannot_have_a_pasid() {
    with_guest(async |guest| {
        let offsets = guest.read32(regs::SIOV_OFFSETS0_OFFSET).await;
        let wqcfg = 0x100 * get(offsets, regs::SIOV_OFFSETS0_WQCFG_MASK) as u32;
        let mode = regs::SIOV_WQCFG_MODE_DEDICATED_MASK | regs::SIOV_WQCFG_MODE_PASID_EN_MASK;
        guest
            .write32(wqcfg + regs::SIOV_WQCFG_MODE_OFFSET, mode)
            .await;
        guest.command(Command::EnableDevice).await;

        assert_eq!(
            guest.error_of(Command::EnableWq(0)).await,
            abi::SIOV_ERR_WQ_PASID
        );
    });
}

#[test]
fn taking_bus_mastering_from_an_enabled_device_halts_it() {
    with_guest(async |guest| {
        guest.enable().await;

        guest.vdev.config_write(0x04, 0x2, 0b0011).await.unwrap();

        let gensts = guest.read32(regs::SIOV_GENSTS_OFFSET).await;
        assert_eq!(get(gensts, regs::SIOV_GENSTS_STATE_MASK), 3);
        assert_eq!(
            guest.error_of(Command::ResetDevice).await,
            abi::SIOV_ERR_HALT
        );
        let error = guest.read32(regs::SIOV_SWERROR0_OFFSET).await;
        let status = Status::from_code(get(error, regs::SIOV_SWERROR0_ERROR_MASK) as u8);
        assert_eq!(status, Status::CONFIG_CHANGED);
    });
}

#[test]
fn function_level_reset_stops_the_queue_and_forgets_the_guest() {
    with_guest(async |guest| {
        let handle = guest.enable().await;
        guest
            .vdev
            .config_write(0x58, 1 << 15, 0b0011)
            .await
            .unwrap();

        assert_eq!(guest.vdev.config_read32(0x04).await.unwrap() & 0x6, 0);
        assert_eq!(guest.vdev.config_read32(0x10).await.unwrap(), 0xc);

        // The portal page is reachable again, but its queue is disabled.
        guest
            .vdev
            .config_write(0x18, BAR2 as u32, 0xf)
            .await
            .unwrap();
        guest
            .vdev
            .config_write(0x1c, (BAR2 >> 32) as u32, 0xf)
            .await
            .unwrap();
        guest.vdev.config_write(0x04, 0x6, 0b0011).await.unwrap();
        assert_eq!(guest.nop(0, handle).await, Status::NONE);
    });
}

#[test]
fn device_works_again_after_function_level_reset() {
    with_guest(async |guest| {
        guest.enable().await;
        guest.reset_and_place().await;
        let handle = guest.enable().await;

        assert_eq!(guest.nop(0, handle).await, Status::SUCCESS);
    });
}

#[test]
fn revoked_adi_takes_no_descriptors() {
    with_guest(async |guest| {
        guest.enable().await;
        guest.vdev.adi().revoke().await.unwrap();
        guest.memory.write(Gpa(RECORD), &[0; 32]).unwrap();
        let nop = Descriptor::nop().with_completion(RECORD);
        let mut bytes = [0; 64];
        bytes.copy_from_slice(nop.as_bytes());

        guest.vdev.store64(BAR2, &bytes).await.unwrap();
        guest.host.sleep(2000).await;

        guest.memory.verify(Gpa(RECORD), 32).unwrap();
    });
}

#[test]
fn unmapped_address_reads_ones() {
    with_guest(async |guest| {
        assert_eq!(guest.vdev.load32(0x1000).await.unwrap(), u32::MAX);
    });
}

#[test]
fn lost_adi_leaves_a_halted_device_that_works_again_after_function_level_reset() {
    with_guest(async |guest| {
        guest.program_vector(0, MISC, false).await;
        guest.write32(regs::SIOV_GENCTRL_OFFSET, 0b11).await;
        let handle = guest.enable().await;

        guest.vdev.withdraw();
        assert_eq!(guest.nop(0, handle).await, Status::NONE);
        guest.renew_on_queue_0().await;
        let gensts = guest.read32(regs::SIOV_GENSTS_OFFSET).await;
        assert_eq!(get(gensts, regs::SIOV_GENSTS_STATE_MASK), 3);
        assert!(guest.apic.vector(MISC).count() > 0);
        assert_eq!(guest.nop(0, handle).await, Status::NONE);

        guest.reset_and_place().await;
        let handle = guest.enable().await;
        assert_eq!(guest.nop(0, handle).await, Status::SUCCESS);
    });
}
