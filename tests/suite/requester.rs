// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completions that are bad, lost or late: the work they belong to fails, no other does, and the
//! error is reported once (PCIe 2.3.2, 2.8, 6.2).

use std::cell::RefCell;

use siov::dsa::{Descriptor, Status};
use siov::pcie::tlp::{Completion, CompletionStatus};

use crate::bench::aer::{
    ADVISORY, COMPLETION_TIMEOUT, CORRECTABLE, CORRECTABLE_MASK, POISONED, UNCORRECTABLE,
    UNEXPECTED_COMPLETION,
};
use crate::bench::{DATA, Function, RECORD, Tenant, pattern};
use crate::stray_tlps::{ALL_ERRORS, ERR_NONFATAL};
use crate::tampered::{Fate, SOURCE, Tamper, tampered_bench};
use crate::watched::{COMMAND, DEVCTL};

/// Bits of Command.
pub const MEMORY_SPACE: u32 = 1 << 1;
pub const PARITY_RESPONSE: u32 = 1 << 6;

/// Status.
const MASTER_PARITY: u32 = 1 << 8;
const RECEIVED_TARGET_ABORT: u32 = 1 << 12;
const RECEIVED_MASTER_ABORT: u32 = 1 << 13;
const DETECTED_PARITY: u32 = 1 << 15;

/// Device Status.
const CORRECTABLE_FOUND: u32 = 1;

/// The error bits that the function has.
#[derive(Debug, PartialEq, Eq)]
pub struct Errors {
    pub uncorrectable: u32,
    pub correctable: u32,
    /// Device Status.
    pub device: u32,
    /// Those of Status.
    pub status: u32,
}

impl Errors {
    pub async fn of(function: &Function) -> Self {
        Self {
            uncorrectable: function.config(UNCORRECTABLE).await,
            correctable: function.config(CORRECTABLE).await,
            device: function.config(DEVCTL).await >> 16 & 0xf,
            status: function.config(COMMAND).await >> 16 & 0xf900,
        }
    }

    /// Of what is no more than a completion with an error.
    pub fn noted(status: u32) -> Self {
        Self {
            uncorrectable: 0,
            correctable: 0,
            device: 0,
            status,
        }
    }

    pub fn poisoned(uncorrectable: u32, status: u32) -> Self {
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
