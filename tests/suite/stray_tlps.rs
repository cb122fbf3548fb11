// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs that nobody should have sent, at a function with a tenant: no harm, reported once, and
//! forgotten (PCIe 6.2).

use siov::dsa::{Descriptor, Status};
use siov::pcie::tlp::{Completion, CompletionStatus, Tlp};
use siov::pcie::{Bdf, Tag};
use siov_firmware::regs;

use crate::bench::aer::{HEADER_LOG, MALFORMED, POISONED, UNCORRECTABLE, UNEXPECTED_COMPLETION};
use crate::bench::{Bench, DATA, Function, RECORD, Tenant, pattern};
use crate::tampered::SOURCE;
use crate::watched::DEVCTL;

/// The device after it received `words`, and its uncorrectable errors. It must still work.
pub fn after(words: impl FnOnce(&Tenant) -> Vec<u32>) -> (u32, [u32; 4]) {
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

pub fn completion(requester: Bdf) -> Vec<u32> {
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
pub fn write(tenant: &Tenant, dwords: u32, flags: u32) -> Vec<u32> {
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

pub const ERR_COR: u8 = 0x30;
pub const ERR_NONFATAL: u8 = 0x31;
pub const ERR_FATAL: u8 = 0x33;
pub const ALL_ERRORS: u32 = 0xf;

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
