// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The event log: errors in host memory (DSA 5.9).

use siov::dsa::{
    Command, CompletionRecord, Descriptor, InterruptTable, Opcode, SoftwareError, Status,
};
use siov::faults::{Deed, Fault, Kind, Match};
use siov::iommu::entry::{DomainId, Levels, PasidEntry};
use siov::iommu::paging::PageRights;
use siov::iommu::tables::SecondStage;
use siov::mem::{Hpa, PAGE_SIZE};
use siov::pcie::Msi;
use siov::pcie::tlp::{MemRequest, PasidPrefix};
use siov_firmware::regs;

use crate::bench::{Bench, Function};
use crate::own_tables::{OwnTables, PASID, PREFIX, RID_PASID, Window};

const LOG: u64 = 0x20_0000;
const ENTRIES: u64 = 64;
const ENTRY_BYTES: u64 = 64;
const LOG_FULL: u8 = 0x54;
/// Cycles in which all that was submitted has ended.
const LONG: u64 = 20_000;
const MESSAGE: Msi = Msi {
    address: 0xfee1_0000,
    data: 0x44,
};

/// The function with queue 0, the event log with its interrupt, and no IOMMU.
async fn logging(bench: &Bench) -> Function {
    let function = bench.function().await;
    enable_log(&function).await;
    assert_eq!(function.start_wq0(0).await, 0);
    function
}

/// Configures the event log with its interrupt. The device must be disabled.
async fn enable_log(function: &Function) {
    function.write64(regs::SIOV_EVLCFG0_OFFSET, LOG);
    function.write64(regs::SIOV_EVLCFG1_OFFSET, ENTRIES);
    let config = regs::SIOV_GENCFG_EVL_EN_MASK | regs::SIOV_GENCFG_USER_INT_EN_MASK;
    function.write32(regs::SIOV_GENCFG_OFFSET, config);
    function.write32(
        regs::SIOV_GENCTRL_OFFSET,
        regs::SIOV_GENCTRL_EVL_INT_EN_MASK,
    );
    function.write64(regs::SIOV_MSIX_OFFSET, MESSAGE.address);
    function.write64(regs::SIOV_MSIX_OFFSET + 8, MESSAGE.data.into());
    function.set_config(0x80, 1 << 31).await; // MSI-X Enable
}

/// Submits a descriptor whose error has nowhere to go but the log.
fn fail(function: &Function) {
    let bytes = zerocopy::transmute!(Descriptor::new(Opcode(0xff)));
    function.host.write_portal(function.bar2(), &bytes).unwrap();
}

fn entry(function: &Function, index: u64) -> SoftwareError {
    let mut words = [0_u64; 4];
    let at = Hpa(LOG + index * ENTRY_BYTES);
    let bytes = zerocopy::IntoBytes::as_mut_bytes(&mut words);
    function.host.memory().read(at, bytes).unwrap();
    SoftwareError(words)
}

async fn tail(function: &Function) -> u64 {
    let status = function.read64(regs::SIOV_EVLSTATUS_OFFSET).await;
    (status & regs::SIOV_EVLSTATUS_TAIL_MASK) >> regs::SIOV_EVLSTATUS_TAIL_SHIFT
}

#[test]
fn error_is_an_entry_of_the_log_and_interrupts_once() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;
        let vector = bench.host.on_msi(MESSAGE);

        fail(&function);
        vector.wait(0).await;

        // The entry is there when the interrupt comes.
        assert_eq!(entry(&function, 0).status(), Status::BAD_OPCODE);
        assert_eq!(entry(&function, 0).wq(), Some(0));
        assert_eq!(tail(&function).await, 1);
        let cause = function.read32(regs::SIOV_INTCAUSE_OFFSET).await;
        assert_eq!(
            cause & regs::SIOV_INTCAUSE_EVL_MASK,
            regs::SIOV_INTCAUSE_EVL_MASK
        );
        assert!(!function.software_error().await.valid());
        fail(&function);
        bench.host.sleep(LONG).await;
        assert_eq!(tail(&function).await, 2);
        assert_eq!(
            vector.count().count,
            1,
            "software has not cleared the first"
        );
    });
}

#[test]
fn full_log_drops_entries_and_says_so() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;

        for _ in 0..ENTRIES + 3 {
            fail(&function);
            bench.host.sleep(200).await;
        }
        bench.host.sleep(LONG).await;

        assert_eq!(tail(&function).await, ENTRIES - 1);
        assert_eq!(entry(&function, ENTRIES - 1).0[0], 0, "the last stays free");
        assert_eq!(function.software_error().await.status().code(), LOG_FULL);
    });
}

#[test]
fn log_goes_on_at_its_start_once_software_has_read() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;
        for _ in 0..ENTRIES - 1 {
            fail(&function);
            bench.host.sleep(200).await;
        }
        bench.host.sleep(LONG).await;

        function.write32(regs::SIOV_EVLSTATUS_OFFSET, 10);
        fail(&function);
        fail(&function);
        bench.host.sleep(LONG).await;

        assert_eq!(tail(&function).await, 1);
        assert_eq!(entry(&function, ENTRIES - 1).status(), Status::BAD_OPCODE);
        assert!(!function.software_error().await.valid());
    });
}

#[test]
fn cleared_interrupt_comes_again_with_the_next_entry() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;
        let vector = bench.host.on_msi(MESSAGE);
        fail(&function);
        vector.wait(0).await;

        let pending = (regs::SIOV_EVLSTATUS_INT_PENDING_MASK >> 32) as u32;
        function.write32(regs::SIOV_EVLSTATUS_OFFSET + 4, pending);
        fail(&function);

        assert_eq!(vector.wait(1).await.count, 2);
        assert_eq!(tail(&function).await, 2);
    });
}

#[test]
fn command_while_another_is_active_is_an_entry_of_no_queue() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;

        let drain = Command::DrainAll.word(false);
        function.write32(regs::SIOV_CMD_OFFSET, drain);
        function.command(drain).await;
        bench.host.sleep(LONG).await;

        assert_eq!(tail(&function).await, 1);
        assert_eq!(entry(&function, 0).status(), Status::COMMAND_OVERRUN);
        assert_eq!(entry(&function, 0).wq(), None);
        assert!(!function.software_error().await.valid());
    });
}

#[test]
fn full_queue_is_never_logged() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;

        let bytes = zerocopy::transmute!(Descriptor::fill(0, 0x10_0000, 0x10_0000));
        for _ in 0..64 {
            function.host.write_portal(function.bar2(), &bytes).unwrap();
        }
        bench.host.sleep(LONG).await;

        let error = function.software_error().await;
        assert_eq!(error.status(), Status::QUEUE_OVERFLOW);
        assert_eq!(tail(&function).await, 0);
    });
}

#[test]
fn changed_configuration_is_never_logged() {
    const COMMAND: u16 = 4;
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;

        function.set_config(COMMAND, 2).await; // no Bus Master

        let error = function.software_error().await;
        assert_eq!(error.status(), Status::CONFIG_CHANGED);
        assert_eq!(tail(&function).await, 0);
    });
}

/// A log in the address space of `PASID`, in which nothing is where it is in host memory. Gives
/// the prefix of the write of an entry.
fn prefix_of_entry(flags: u32) -> Option<PasidPrefix> {
    let bench = Bench::new();
    bench.run(async {
        let memory = bench.host.memory();
        let mut tables = SecondStage::new(memory.clone(), Levels::Four).unwrap();
        let to = memory.alloc(PAGE_SIZE, PAGE_SIZE).unwrap();
        tables
            .map(LOG, to.0, PAGE_SIZE, PageRights::READ_WRITE)
            .unwrap();
        let entry = PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DomainId(7));
        let own = OwnTables::new(&bench, entry.with_supervisor(false), false).await;
        enable_log(&own.function).await;
        let pasid = u64::from(PASID.raw()) << regs::SIOV_EVLCFG1_PASID_SHIFT;
        let base = LOG | u64::from(flags);
        own.function.write64(regs::SIOV_EVLCFG0_OFFSET, base);
        own.function
            .write64(regs::SIOV_EVLCFG1_OFFSET, pasid | ENTRIES);
        own.start(0).await;
        bench.log.take();

        fail(&own.function);
        bench.host.sleep(LONG).await;

        assert_eq!(memory.read_u64(to).unwrap() >> 8 & 0xff, 0x10);
        let requests = bench.log.take_dma();
        let [MemRequest { address, pasid, .. }] = requests[..] else {
            panic!("{requests:?}");
        };
        assert_eq!(address, LOG);
        pasid
    })
}

#[test]
fn log_may_lie_in_the_address_space_of_a_pasid() {
    let pasid = prefix_of_entry(regs::SIOV_EVLCFG0_PASID_EN_MASK);
    let privileged =
        prefix_of_entry(regs::SIOV_EVLCFG0_PASID_EN_MASK | regs::SIOV_EVLCFG0_PRIV_MASK);

    assert_eq!(pasid, Some(PREFIX));
    let prefix = PasidPrefix {
        privileged: true,
        ..PREFIX
    };
    assert_eq!(privileged, Some(prefix));
}

/// Where the queue's three pages are; what follows is not there.
const IOVA: u64 = 0x7000_0000;
const ABSENT: u64 = IOVA + Window::BYTES;
const IMS_MESSAGE: Msi = Msi {
    address: 0xfee2_0000,
    data: 0x77,
};
/// Bits of an entry's second quadword.
const INTERRUPT_REQUIRED: u64 = 1 << 48;
const IMS: u64 = 1 << 49;
const RECORD_REQUIRED: u64 = 1 << 50;
const OPERAND: u64 = 7 << 61;

/// The device with ATS and without page requests, whose queue translates through own tables and
/// interrupts through IMS entry 0; with the log, unless `log` is false. Gives the handle too.
async fn translated(bench: &Bench, log: bool) -> (OwnTables, Window, u16) {
    let memory = bench.host.memory();
    let mut tables = SecondStage::new(memory.clone(), Levels::Four).unwrap();
    let hpa = memory.alloc(Window::BYTES, PAGE_SIZE).unwrap();
    let rights = PageRights::READ_WRITE;
    tables.map(IOVA, hpa.0, Window::BYTES, rights).unwrap();
    let entry = PasidEntry::second_stage(Hpa(tables.root()), Levels::Four, DomainId(7));
    let mut own = OwnTables::new(bench, entry, true).await;
    own.set(RID_PASID, PasidEntry::pass_through(DomainId(8)));
    let function = &own.function;
    enable_log(function).await;
    if !log {
        let config = regs::SIOV_GENCFG_USER_INT_EN_MASK;
        function.write32(regs::SIOV_GENCFG_OFFSET, config);
    }
    let (ims, ctrl) = (regs::SIOV_IMS_OFFSET, regs::SIOV_IMS_CTRL_OFFSET);
    function.write64(ims, IMS_MESSAGE.address);
    function.write32(ims + regs::SIOV_IMS_DATA_OFFSET, IMS_MESSAGE.data);
    let owner = PASID.raw() << regs::SIOV_IMS_CTRL_PASID_SHIFT;
    function.write32(ims + ctrl, regs::SIOV_IMS_CTRL_PASID_EN_MASK | owner);
    own.start(0).await;
    let request = Command::RequestInterruptHandle(InterruptTable::Ims, 0);
    let handle = own.function.command(request.word(false)).await >> 8;
    (own, Window { iova: IOVA, hpa }, handle as u16)
}

/// The second half of an entry.
fn logged_record(function: &Function, index: u64) -> CompletionRecord {
    let at = Hpa(LOG + index * ENTRY_BYTES + 32);
    let mut bytes = [0; CompletionRecord::SIZE];
    function.host.memory().read(at, &mut bytes).unwrap();
    CompletionRecord::from_bytes(&bytes).unwrap()
}

/// A fill of the destination with its record where no page is.
fn lost_record(window: Window) -> Descriptor {
    let fill = Descriptor::fill(0x5555_5555_5555_5555, window.iova + PAGE_SIZE, 4096);
    fill.with_completion(ABSENT + 96)
}

/// Submits it through the IMS portal, with an interrupt behind the record, and lets it end.
async fn lose_record_before_interrupt(bench: &Bench, own: &OwnTables, window: Window, handle: u16) {
    let bytes = zerocopy::transmute!(lost_record(window).with_interrupt(handle));
    let ims_portal = own.function.bar2() + 2 * PAGE_SIZE;
    bench.host.write_portal(ims_portal, &bytes).unwrap();
    bench.host.sleep(LONG).await;
}

#[test]
fn record_that_cannot_be_written_is_in_the_log_for_software_to_write() {
    let bench = Bench::new();
    bench.run(async {
        let (own, window, _) = translated(&bench, true).await;

        own.submit(&lost_record(window));
        bench.host.sleep(LONG).await;

        assert!(window.result(&own) == [0x55; 4096]);
        let entry = entry(&own.function, 0);
        assert_eq!(entry.status(), Status::COMPLETION_ADDRESS_FAULT);
        assert_eq!(entry.wq(), Some(0));
        assert_eq!(entry.0[2], ABSENT + 96);
        assert_eq!(entry.0[1] & !OPERAND, RECORD_REQUIRED);
        let record = logged_record(&own.function, 0);
        assert_eq!(record.status(), Status::SUCCESS);
        assert!(!own.function.software_error().await.valid());
    });
}

#[test]
fn interrupt_behind_a_record_in_the_log_is_left_to_software() {
    let bench = Bench::new();
    bench.run(async {
        let (own, window, handle) = translated(&bench, true).await;
        let vector = bench.host.on_msi(IMS_MESSAGE);

        lose_record_before_interrupt(&bench, &own, window, handle).await;

        assert_eq!(vector.count().count, 0);
        let information = entry(&own.function, 0).0[1];
        let expected = RECORD_REQUIRED | INTERRUPT_REQUIRED | IMS | u64::from(handle) << 32;
        assert_eq!(information & !OPERAND, expected);
    });
}

#[test]
fn interrupt_behind_a_lost_record_comes_without_a_log() {
    let bench = Bench::new();
    bench.run(async {
        let (own, window, handle) = translated(&bench, false).await;
        let vector = bench.host.on_msi(IMS_MESSAGE);

        lose_record_before_interrupt(&bench, &own, window, handle).await;

        assert_eq!(vector.count().count, 1);
        let error = own.function.software_error().await;
        assert_eq!(error.status(), Status::COMPLETION_ADDRESS_FAULT);
    });
}

#[test]
fn interrupt_handle_that_is_not_the_queues_is_in_its_record_and_in_the_log() {
    const NOT_GIVEN: u16 = 9;
    let bench = Bench::new();
    bench.run(async {
        let (own, window, _) = translated(&bench, true).await;

        own.submit(&window.copy().with_interrupt(NOT_GIVEN));
        let record = own.ended(window.record()).await;
        bench.host.sleep(LONG).await;

        assert_eq!(record.status(), Status::BAD_INTERRUPT_HANDLE);
        let entry = entry(&own.function, 0);
        assert_eq!(entry.status(), Status::BAD_INTERRUPT_HANDLE);
        let expected = INTERRUPT_REQUIRED | u64::from(NOT_GIVEN) << 32;
        assert_eq!(entry.0[1], expected);
    });
}

#[test]
fn translation_error_is_in_its_record_and_in_the_log() {
    let bench = Bench::new();
    bench.run(async {
        let (own, window, _) = translated(&bench, true).await;
        bench.host.inject(Fault {
            matches: Match::new(Kind::TranslationCompletion).nth(1),
            deed: Deed::CompleterAbort,
        });

        let record = window.run_copy(&own).await;
        bench.host.sleep(LONG).await;

        assert_eq!(record.status(), Status::TRANSLATION_ERROR);
        let entry = entry(&own.function, 0);
        assert_eq!(entry.status(), Status::TRANSLATION_ERROR);
    });
}

#[test]
fn record_whose_translation_fails_is_in_the_log_with_22h() {
    let bench = Bench::new();
    bench.run(async {
        let (own, window, _) = translated(&bench, true).await;
        bench.host.inject(Fault {
            matches: Match::new(Kind::TranslationCompletion).nth(1),
            deed: Deed::CompleterAbort,
        });

        own.submit(&Descriptor::nop().with_completion(window.iova));
        bench.host.sleep(LONG).await;

        let entry = entry(&own.function, 0);
        assert_eq!(entry.status(), Status::TRANSLATION_ERROR);
        assert_eq!(entry.0[2], window.iova);
        let record = logged_record(&own.function, 0);
        assert_eq!(record.status(), Status::SUCCESS);
    });
}
