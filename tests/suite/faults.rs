// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A host or fabric that does wrong: what is wrong is contained, reported once, and forgotten
//! (PCIe 6.2).

use std::cell::RefCell;
use std::rc::Rc;

use siov::dsa::{Descriptor, Status};
use siov::endpoint::{Cycle, Endpoint, EndpointError, Stop};
use siov::pcie::tlp::{Completion, CompletionStatus, Message, Tlp, TlpRef};
use siov::pcie::{Bdf, Knobs, Tag};
use siov::rtl::RtlEndpoint;
use siov::scenario::Profile;
use siov_firmware::regs;
use siov_sim::Credits;

use crate::bench::aer::{
    ADVISORY, COMPLETION_TIMEOUT, CORRECTABLE, CORRECTABLE_MASK, HEADER_LOG, MALFORMED, POISONED,
    UNCORRECTABLE, UNEXPECTED_COMPLETION,
};
use crate::bench::{Bench, DATA, Function, RECORD, Tenant, pattern};

const SOURCE: u64 = DATA + 16 * 4096;
/// Cycles in which anything that was still to come has come.
const LONG: u64 = 10_000;

/// What becomes of a completion on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// Goes to `Tamper::lost`.
    IsLost,
}

type Change = Box<dyn FnMut(&mut Completion) -> Fate>;

/// How completions are changed on their way.
#[derive(Default)]
struct Tamper {
    change: Option<Change>,
    lost: Vec<Vec<u32>>,
}

/// A device whose completions are changed on their way.
struct Tampered {
    device: RtlEndpoint,
    tamper: Rc<RefCell<Tamper>>,
}

impl Endpoint for Tampered {
    fn push(&mut self, ready_at: Cycle, words: &[u32]) -> Result<(), EndpointError> {
        let tamper = &mut *self.tamper.borrow_mut();
        if let Some(change) = &mut tamper.change
            && let Ok(Tlp::Completion { completion, data }) = TlpRef::decode(words)
        {
            let mut completion = completion;
            if change(&mut completion) == Fate::IsLost {
                tamper.lost.push(words.to_vec());
                return Ok(());
            }
            let data = match completion.status {
                CompletionStatus::Success => data,
                _ => &[],
            };
            let mut words = Vec::new();
            Tlp::Completion { completion, data }.encode(&mut words);
            return self.device.push(ready_at, &words);
        }
        self.device.push(ready_at, words)
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        self.device.run(max_cycles)
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        self.device.next_tlp()
    }

    fn now(&self) -> Cycle {
        self.device.now()
    }

    fn idle(&self) -> bool {
        self.device.idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.device.set_credits(credits);
    }
}

fn tampered_bench() -> (Bench, Rc<RefCell<Tamper>>) {
    let device = RtlEndpoint::new(Profile::Small.straps(), None).unwrap();
    let tamper = Rc::<RefCell<Tamper>>::default();
    let endpoint = Tampered {
        device,
        tamper: Rc::clone(&tamper),
    };
    (Bench::on(Box::new(endpoint), Knobs::default()), tamper)
}

/// Status and Command, Device Status and Device Control.
const COMMAND: u16 = 0x04;
const DEVCTL: u16 = 0x48;

/// Bits of Command.
const MEMORY_SPACE: u32 = 1 << 1;
const PARITY_RESPONSE: u32 = 1 << 6;

/// Status.
const MASTER_PARITY: u32 = 1 << 8;
const RECEIVED_TARGET_ABORT: u32 = 1 << 12;
const RECEIVED_MASTER_ABORT: u32 = 1 << 13;
const DETECTED_PARITY: u32 = 1 << 15;

/// Device Status.
const CORRECTABLE_FOUND: u32 = 1;

/// The error bits that the function has.
#[derive(Debug, PartialEq, Eq)]
struct Errors {
    uncorrectable: u32,
    correctable: u32,
    /// Device Status.
    device: u32,
    /// Those of Status.
    status: u32,
}

impl Errors {
    async fn of(function: &Function) -> Self {
        Self {
            uncorrectable: function.config(UNCORRECTABLE).await,
            correctable: function.config(CORRECTABLE).await,
            device: function.config(DEVCTL).await >> 16 & 0xf,
            status: function.config(COMMAND).await >> 16 & 0xf900,
        }
    }

    /// Of what is no more than a completion with an error.
    fn noted(status: u32) -> Self {
        Self {
            uncorrectable: 0,
            correctable: 0,
            device: 0,
            status,
        }
    }

    fn poisoned(uncorrectable: u32, status: u32) -> Self {
        Self {
            uncorrectable,
            correctable: ADVISORY,
            device: CORRECTABLE_FOUND,
            status,
        }
    }
}

/// Two tenants move 4 KiB each at the same time, on a function that `prepare` has set up. Of the
/// completions that answer the reads of both, the 5th goes through `change`. Gives both records,
/// and the function's errors.
fn with_bad_completion(
    prepare: impl AsyncFnOnce(&Function),
    change: fn(&mut Completion),
) -> ([Status; 2], Errors) {
    let (bench, tamper) = tampered_bench();
    bench.run(async {
        let tenants = bench.tenants::<2>().await;
        let function = Function::of(tenants[0].adi.driver());
        prepare(&function).await;
        let descriptor = Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(RECORD);
        tenants
            .iter()
            .for_each(|t| t.write(SOURCE, &pattern(5, 4096)));
        let (mut count, mut refused) = (0, None);
        tamper.borrow_mut().change = Some(Box::new(move |completion| {
            if refused == Some(completion.tag) {
                refused = None;
                return Fate::IsLost;
            }
            count += 1;
            if count == 5 {
                change(completion);
                // An error ends the request, whose second half then never comes (PCIe 2.3.2).
                if completion.status != CompletionStatus::Success && completion.byte_count == 512 {
                    refused = Some(completion.tag);
                }
            }
            Fate::Arrives
        }));

        tenants.iter().for_each(|tenant| tenant.submit(&descriptor));
        let first = tenants[0].ended(RECORD).await.status();
        let second = tenants[1].ended(RECORD).await.status();
        tamper.borrow_mut().change = None;

        assert_eq!(tenants[1].read(DATA, 4096), pattern(5, 4096));
        // Nothing of it is left.
        let again = tenants[0].run(descriptor).await;
        assert_eq!(again.status(), Status::SUCCESS);
        assert_eq!(tenants[0].read(DATA, 4096), pattern(5, 4096));
        ([first, second], Errors::of(&function).await)
    })
}

fn poison(completion: &mut Completion) {
    completion.attr.poisoned = true;
}

#[test]
fn poisoned_completion_fails_the_work_it_belongs_to_and_no_other() {
    let (statuses, errors) = with_bad_completion(Function::unmask_advisory_errors, poison);

    assert_eq!(statuses, [Status::READ_ERROR, Status::SUCCESS]);
    assert_eq!(errors, Errors::poisoned(POISONED, DETECTED_PARITY));
}

/// Advisory errors are masked after reset, and Linux leaves them so: who wants to see Poisoned TLP
/// Received for completions must unmask them (PCIe 6.2.3.2.4, 6.2.5).
#[test]
fn poisoned_completion_is_noted_as_correctable_only_while_advisory_errors_are_masked() {
    let (_, errors) = with_bad_completion(
        async |function| {
            assert_eq!(function.config(CORRECTABLE_MASK).await, ADVISORY);
        },
        poison,
    );

    assert_eq!(errors, Errors::poisoned(0, DETECTED_PARITY));
}

#[test]
fn poisoned_completion_sets_master_data_parity_error_if_parity_errors_matter() {
    let (_, errors) = with_bad_completion(
        async |function| {
            let command = function.config(COMMAND).await & 0xffff;
            function
                .set_config(COMMAND, command | PARITY_RESPONSE)
                .await;
        },
        poison,
    );

    assert_eq!(errors, Errors::poisoned(0, DETECTED_PARITY | MASTER_PARITY));
}

#[test]
fn completer_abort_fails_the_work_it_belongs_to_and_no_other() {
    let (statuses, errors) = with_bad_completion(Function::unmask_advisory_errors, |completion| {
        completion.status = CompletionStatus::CompleterAbort;
    });

    assert_eq!(statuses, [Status::READ_ERROR, Status::SUCCESS]);
    assert_eq!(errors, Errors::noted(RECEIVED_TARGET_ABORT));
}

#[test]
fn unsupported_request_fails_the_work_it_belongs_to_and_no_other() {
    let (statuses, errors) = with_bad_completion(Function::unmask_advisory_errors, |completion| {
        completion.status = CompletionStatus::UnsupportedRequest;
    });

    assert_eq!(statuses, [Status::READ_ERROR, Status::SUCCESS]);
    assert_eq!(errors, Errors::noted(RECEIVED_MASTER_ABORT));
}

/// Loses all completions of the read that the 5th completion answers.
fn lose_one_read(tamper: &RefCell<Tamper>) {
    let (mut count, mut lost) = (0, None);
    tamper.borrow_mut().change = Some(Box::new(move |completion| {
        count += 1;
        if count == 5 {
            lost = Some(completion.tag);
        }
        match lost == Some(completion.tag) {
            true => Fate::IsLost,
            false => Fate::Arrives,
        }
    }));
}

/// Two tenants move 4 KiB each, and one read is never answered. Calls `then` when both have ended.
fn with_lost_read(then: impl AsyncFnOnce(&[Tenant; 2], [Status; 2], &RefCell<Tamper>)) {
    const DEVCTL2: u16 = 0x68;
    const SHORTEST: u32 = 1; // 4,096 cycles
    let (bench, tamper) = tampered_bench();
    bench.run(async {
        let tenants = bench.tenants::<2>().await;
        let function = Function::of(tenants[0].adi.driver());
        function.unmask_advisory_errors().await;
        let control = function.config(DEVCTL2).await;
        function
            .set_config(DEVCTL2, control & !0xf | SHORTEST)
            .await;
        let control = function.config(DEVCTL).await & 0xfff0;
        function.set_config(DEVCTL, control | ALL_ERRORS).await;
        lose_one_read(&tamper);
        for tenant in &tenants {
            tenant.write(SOURCE, &pattern(5, 4096));
            tenant.submit(&Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(RECORD));
        }

        let first = tenants[0].ended(RECORD).await.status();
        let second = tenants[1].ended(RECORD).await.status();
        tamper.borrow_mut().change = None;

        then(&tenants, [first, second], &tamper).await;
    });
}

#[test]
fn read_that_is_never_answered_fails_its_work_and_no_other() {
    with_lost_read(async |tenants, statuses, _| {
        assert_eq!(statuses, [Status::READ_ERROR, Status::SUCCESS]);
        assert_eq!(tenants[1].read(DATA, 4096), pattern(5, 4096));
        let function = Function::of(tenants[0].adi.driver());
        let errors = function.config(UNCORRECTABLE).await;
        assert_eq!(errors, COMPLETION_TIMEOUT);
    });
}

#[test]
fn completion_timeout_is_told_by_err_nonfatal_and_is_not_advisory() {
    const NON_FATAL_FOUND: u32 = 1 << 1;
    with_lost_read(async |tenants, _, _| {
        let function = Function::of(tenants[0].adi.driver());

        let errors = Errors::of(&function).await;
        let messages = function.host.take_messages();

        let expected = Errors {
            uncorrectable: COMPLETION_TIMEOUT,
            correctable: 0,
            device: NON_FATAL_FOUND,
            status: 0,
        };
        assert_eq!(errors, expected);
        let codes: Vec<_> = messages.iter().map(|(_, message)| message.code).collect();
        assert_eq!(codes, [ERR_NONFATAL]);
    });
}

#[test]
fn completion_that_comes_too_late_is_reported_and_does_no_harm() {
    with_lost_read(async |tenants, _, tamper| {
        let function = Function::of(tenants[0].adi.driver());
        function.set_config(UNCORRECTABLE, COMPLETION_TIMEOUT).await;
        let late = std::mem::take(&mut tamper.borrow_mut().lost);
        assert!(!late.is_empty());

        for slot in 1..16 {
            let copy = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
            tenants[1].submit(&copy.with_completion(RECORD + 32 * slot));
        }
        tenants[1].host().sleep(50).await;
        for words in late {
            tenants[1].host().send_raw(&words);
        }
        tenants[1].adi.drain().await.unwrap();

        for slot in 1..16 {
            let record = tenants[1].record(RECORD + 32 * slot);
            assert_eq!(record.status(), Status::SUCCESS);
            let data = tenants[1].read(DATA + 4096 * slot, 4096);
            assert!(data == pattern(5, 4096), "slot {slot}");
        }
        let errors = function.config(UNCORRECTABLE).await;
        assert_eq!(errors, UNEXPECTED_COMPLETION);
    });
}

#[test]
fn tag_that_timed_out_is_not_missed_for_long() {
    with_lost_read(async |tenants, _, _| {
        // 64 reads at once: the tag that rests is passed over.
        for slot in 0..8 {
            let copy = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
            let record = RECORD + 32 * slot;
            tenants[0].write(record, &[0; 32]);
            tenants[0].submit(&copy.with_completion(record));
        }
        tenants[0].adi.drain().await.unwrap();

        for slot in 0..8 {
            let record = tenants[0].record(RECORD + 32 * slot);
            assert_eq!(record.status(), Status::SUCCESS);
        }
    });
}

/// The device after it received `words`, and its uncorrectable errors. It must still work.
fn after(words: impl FnOnce(&Tenant) -> Vec<u32>) -> (u32, [u32; 4]) {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        function.unmask_advisory_errors().await;

        bench.host.send_raw(&words(&tenant));
        bench.host.sleep(100).await;

        let record = tenant.run(Descriptor::fill(0, DATA, 64)).await;
        assert_eq!(record.status(), Status::SUCCESS);
        let mut header = [0; 4];
        for (dword, offset) in header.iter_mut().zip((HEADER_LOG..).step_by(4)) {
            *dword = function.config(offset).await;
        }
        (function.config(UNCORRECTABLE).await, header)
    })
}

fn completion(requester: Bdf) -> Vec<u32> {
    let completion = Completion {
        completer: Bdf::new(0, 0, 0),
        status: CompletionStatus::Success,
        byte_count: 64,
        requester,
        tag: Tag::new(3),
        lower_address: 0,
        attr: Default::default(),
    };
    let mut words = Vec::new();
    let data = vec![0x5555_5555; 16];
    Tlp::Completion { completion, data }.encode(&mut words);
    words
}

#[test]
fn completion_for_somebody_else_is_unexpected_and_dropped() {
    let (errors, _) = after(|_| completion(Bdf::new(1, 0, 1)));

    assert_eq!(errors, UNEXPECTED_COMPLETION);
}

#[test]
fn completion_that_nobody_waits_for_changes_nothing() {
    after(|_| completion(Bdf::new(1, 0, 0)));
}

#[test]
fn completion_that_nobody_waits_for_does_not_disturb_reads_in_flight() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &pattern(8, 4096));
        let descriptor = Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(RECORD);
        tenant.submit(&descriptor);
        bench.host.sleep(100).await;

        // The tag of the fourth read; not its Byte Count.
        bench.host.send_raw(&completion(Bdf::new(1, 0, 0)));

        assert_eq!(tenant.ended(RECORD).await.status(), Status::SUCCESS);
        assert_eq!(tenant.read(DATA, 4096), pattern(8, 4096));
    });
}

/// A write of 0 to CMDPARAM of `dwords` by its header and 1 by its payload.
fn write(tenant: &Tenant, dwords: u32, flags: u32) -> Vec<u32> {
    let address = Function::of(tenant.adi.driver()).bar0() + u64::from(regs::SIOV_CMDPARAM_OFFSET);
    vec![
        0x6000_0000 | flags | dwords,
        if dwords == 1 { 0x0f } else { 0xff },
        (address >> 32) as u32,
        address as u32,
        0,
    ]
}

#[test]
fn payload_that_disagrees_with_its_length_is_malformed() {
    let mut sent = Vec::new();

    let (errors, header) = after(|tenant| {
        sent = write(tenant, 2, 0);
        sent.clone()
    });

    assert_eq!(errors, MALFORMED);
    assert_eq!(header, sent[..4]);
}

#[test]
fn write_across_a_4_kib_boundary_is_malformed() {
    let (errors, _) = after(|tenant| {
        let mut words = write(tenant, 2, 0);
        words[3] |= 0xffc;
        words.push(0);
        words
    });

    assert_eq!(errors, MALFORMED);
}

#[test]
fn poisoned_write_changes_nothing_and_is_reported() {
    const EP: u32 = 1 << 14;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        function.write64(regs::SIOV_CMDPARAM_OFFSET, 0x1234);

        bench.host.send_raw(&write(&tenant, 1, EP));

        assert_eq!(function.read64(regs::SIOV_CMDPARAM_OFFSET).await, 0x1234);
        assert_eq!(function.config(UNCORRECTABLE).await, POISONED);
    });
}

#[test]
fn error_bits_are_cleared_by_writing_1() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        bench.host.send_raw(&write(&tenant, 2, 0));
        bench.host.sleep(100).await;

        function.set_config(UNCORRECTABLE, !MALFORMED).await;
        assert_eq!(function.config(UNCORRECTABLE).await, MALFORMED);

        function.set_config(UNCORRECTABLE, MALFORMED).await;
        assert_eq!(function.config(UNCORRECTABLE).await, 0);
    });
}

#[test]
fn tlp_of_an_unknown_type_is_malformed() {
    const UNKNOWN: u32 = 0b000_11111 << 24;
    let (errors, header) = after(|_| vec![UNKNOWN | 1, 0, 0]);

    assert_eq!(errors, MALFORMED);
    assert_eq!(header[0], UNKNOWN | 1);
}

/// Codes of the messages that the device sends about a TLP, with the error reporting of Device
/// Control set to `enables`.
fn messages_about(enables: u32, words: impl FnOnce(&Tenant) -> Vec<u32>) -> Vec<u8> {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        function.unmask_advisory_errors().await;
        let control = function.config(DEVCTL).await & 0xfff0;
        function.set_config(DEVCTL, control | enables).await;
        bench.host.take_messages();

        bench.host.send_raw(&words(&tenant));
        bench.host.sleep(200).await;

        let messages = bench.host.take_messages().into_iter();
        messages.map(|(_, message)| message.code).collect()
    })
}

const ERR_COR: u8 = 0x30;
const ERR_NONFATAL: u8 = 0x31;
const ERR_FATAL: u8 = 0x33;
const ALL_ERRORS: u32 = 0xf;

#[test]
fn fatal_error_is_told_by_err_fatal() {
    let messages = messages_about(ALL_ERRORS, |tenant| write(tenant, 2, 0));

    assert_eq!(messages, [ERR_FATAL]);
}

#[test]
fn non_fatal_error_is_told_by_err_nonfatal() {
    const EP: u32 = 1 << 14;
    let messages = messages_about(ALL_ERRORS, |tenant| write(tenant, 1, EP));

    assert_eq!(messages, [ERR_NONFATAL]);
}

#[test]
fn advisory_error_is_told_by_err_cor() {
    let messages = messages_about(ALL_ERRORS, |_| completion(Bdf::new(1, 0, 1)));

    assert_eq!(messages, [ERR_COR]);
}

#[test]
fn errors_are_not_told_unless_enabled() {
    let messages = messages_about(0, |tenant| write(tenant, 2, 0));

    assert!(messages.is_empty(), "{messages:x?}");
}

/// An Invalidate Request for all addresses, as the host's hardware sends it.
fn invalidate_everything(itag: u32, prefix: Option<u32>) -> Vec<u32> {
    const EVERYTHING: [u32; 2] = [0xffff_ff7f, 0x00f8_ffff]; // 2^64 bytes from 0
    const TO_THE_FUNCTION: u32 = 0x0100_0000;
    let mut words = Vec::from_iter(prefix);
    words.extend([0x7200_0002, itag << 8 | 0x01, TO_THE_FUNCTION, 0]);
    words.extend(EVERYTHING);
    words
}

/// The ITags of each Invalidate Completion that has come; forgets everything.
fn invalidated(bench: &Bench) -> Vec<u32> {
    let seen = bench.log.take_from_device().into_iter();
    seen.filter_map(|seen| match seen.tlp {
        Tlp::Message { message, .. } if message.code == Message::INVALIDATE_COMPLETION => {
            Some(message.header[1])
        }
        _ => None,
    })
    .collect()
}

/// PCIe 10.3 has a function accept Invalidate Requests with ATS disabled, too: there is nothing to
/// invalidate, and the host waits for an answer.
#[test]
fn invalidation_while_ats_is_disabled_is_completed() {
    const PASID: u32 = 0x9100_0005;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.unmask_advisory_errors().await;
        for (itag, prefix) in [(4, None), (31, Some(PASID))] {
            bench.host.send_raw(&invalidate_everything(itag, prefix));
            bench.host.sleep(LONG).await;

            assert_eq!(invalidated(&bench), [1 << itag]);
        }
        assert_eq!(Errors::of(&function).await, Errors::noted(0));
    });
}

/// Starts 8 moves with translations, and clears Bus Master Enable after `delay` cycles, which puts
/// the device into Halt.
async fn halted_under_load(bench: &Bench, delay: u64) -> Function {
    let [tenant] = bench.translated(None).await;
    for slot in 0..8 {
        let copy = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
        tenant.submit(&copy.with_completion(RECORD + 32 * slot));
    }
    bench.host.sleep(delay).await;
    let function = Function::of(tenant.adi.driver());
    function.set_config(COMMAND, MEMORY_SPACE).await;
    function
}

/// Translated requests that were made and have not left are thrown away in Halt. Held back until
/// Bus Master is enabled again, they would hold back the answer as well.
#[test]
fn invalidation_in_halt_is_completed_without_bus_master() {
    for delay in (0..1_500).step_by(75) {
        let bench = Bench::new();
        bench.run(async {
            halted_under_load(&bench, delay).await;
            bench.log.take();

            bench.host.send_raw(&invalidate_everything(7, None));
            bench.host.sleep(LONG).await;

            assert_eq!(invalidated(&bench), [1 << 7], "after {delay} cycles");
        });
    }
}

#[test]
fn device_halted_under_load_is_idle_again_after_flr() {
    const INITIATE_FLR: u32 = 1 << 15;
    for delay in (0..1_500).step_by(300) {
        let bench = Bench::new();
        bench.run(async {
            let function = halted_under_load(&bench, delay).await;
            bench.host.sleep(LONG).await;

            function.set_config(DEVCTL, INITIATE_FLR).await;
            bench.host.sleep(LONG).await;

            assert!(bench.host.device_idle(), "after {delay} cycles");
        });
    }
}
