// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Every error that the function can find in what it receives: what it answers, which status bits
//! it sets, what it logs, and which message it sends (PCIe 6.2, 7.8.4).

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use siov::pcie::{Direction, TlpEvent, TlpListener};
use siov_firmware::regs;

use crate::bench::aer::{
    ADVISORY, COMPLETER_ABORT, CONTROL, CORRECTABLE, CORRECTABLE_MASK, HEADER_LOG, MALFORMED, MASK,
    POISONED, PREFIX_LOG, SEVERITY, UNCORRECTABLE, UNSUPPORTED_REQUEST,
};
use crate::bench::{Bench, Function};

const COMMAND: u16 = 0x04;
const CACHE_LINE: u16 = 0x0c;
const DEVCTL: u16 = 0x48;
const PM_CONTROL: u16 = 0x94;

/// Enables of Device Control, in the order of the bits of Device Status.
const ALL_REPORTS: u32 = 0xf;
const UNSUPPORTED_REPORT: u32 = 1 << 3;
const INITIATE_FLR: u32 = 1 << 15;

/// Device Status.
const CORRECTABLE_FOUND: u32 = 1 << 0;
const NON_FATAL_FOUND: u32 = 1 << 1;
const FATAL_FOUND: u32 = 1 << 2;
const UNSUPPORTED_FOUND: u32 = 1 << 3;

/// Status.
const SIGNALED_ABORT: u32 = 1 << 11;
const SIGNALED_SYSTEM_ERROR: u32 = 1 << 14;
const DETECTED_PARITY: u32 = 1 << 15;

/// Message codes.
const ERR_COR: u32 = 0x30;
const ERR_NONFATAL: u32 = 0x31;
const ERR_FATAL: u32 = 0x33;

/// Completion status.
const UR: u32 = 1;
const CA: u32 = 4;

/// First header DWs. Memory requests have 4-DW headers.
const MRD: u32 = 0x2000_0000;
const MWR: u32 = 0x6000_0000;
const FETCH_ADD: u32 = 0x6c00_0000;
const SWAP: u32 = 0x6d00_0000;
const CAS: u32 = 0x6e00_0000;
const DMWR: u32 = 0x7b00_0000;
const IO_READ: u32 = 0x0200_0001;
const IO_WRITE: u32 = 0x4200_0001;
const CONFIG_READ: u32 = 0x0400_0001;
const CONFIG_WRITE: u32 = 0x4400_0001;
const CONFIG_READ_1: u32 = 0x0500_0001;
const CONFIG_WRITE_1: u32 = 0x4500_0001;

/// Fields of the first header DW.
const EP: u32 = 1 << 14;
const TD: u32 = 1 << 15;
const TC1: u32 = 1 << 20;
const TRANSLATED: u32 = 2 << 10;

/// A tag that the host uses for nothing else.
const TAG: u32 = 0xe5 << 8;
/// PASID 5.
const PASID: u32 = 0x9100_0005;

/// Eight bytes of BAR0 that keep what is written and do nothing.
const SCRATCH: u32 = regs::SIOV_CMDPARAM_OFFSET;

/// A request to `address` with a 4-DW header. Its Length is in `dw0`; `enables` are Last and First
/// BE.
fn memory(dw0: u32, address: u64, enables: u32) -> Vec<u32> {
    let payload = if dw0 & 1 << 30 != 0 { dw0 & 0x3ff } else { 0 };
    let mut words = vec![dw0, TAG | enables, (address >> 32) as u32, address as u32];
    words.resize(4 + payload as usize, 0);
    words
}

/// A request with a 3-DW header and at most one DW of payload, which is all ones.
fn short(dw0: u32, target: u32) -> Vec<u32> {
    let mut words = vec![dw0, TAG | 0xf, target];
    words.extend((dw0 & 1 << 30 != 0).then_some(u32::MAX));
    words
}

fn with_prefix(prefix: u32, mut words: Vec<u32>) -> Vec<u32> {
    words.insert(0, prefix);
    words
}

/// A message with `payload` DWs, routed by `routing`.
fn message(code: u32, routing: u32, payload: u32) -> Vec<u32> {
    let data = u32::from(payload != 0) << 30;
    let mut words = vec![0x3000_0000 | data | routing << 24 | payload, code, 0, 0];
    words.resize(4 + payload as usize, 0);
    words
}

/// Where config requests go: the function under test, plus `number`.
fn config_target(function: &Function, number: u32, register: u16) -> u32 {
    ((u32::from(function.info.bdf.raw()) + number) << 16) | u32::from(register)
}

fn scratch(function: &Function) -> u64 {
    function.bar0() + u64::from(SCRATCH)
}

/// The first address behind BAR2.
fn nowhere(function: &Function) -> u64 {
    let bar = function.info.bar(2).unwrap();
    bar.address + bar.size
}

/// TLPs of the device, word for word.
#[derive(Clone, Default)]
struct FromDevice(Rc<RefCell<Vec<Vec<u32>>>>);

impl TlpListener for FromDevice {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        if event.direction == Direction::FromDevice {
            self.0.borrow_mut().push(event.words.to_vec());
        }
        Ok(())
    }
}

/// What a TLP leads to.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    /// Status of each completion.
    answers: Vec<u32>,
    /// Code of each message.
    messages: Vec<u32>,
    /// Uncorrectable Error Status.
    uncorrectable: u32,
    /// Correctable Error Status.
    correctable: u32,
    /// Device Status.
    device: u32,
}

impl Trace {
    /// Of a TLP that nothing is wrong with.
    fn nothing() -> Self {
        Self {
            answers: Vec::new(),
            messages: Vec::new(),
            uncorrectable: 0,
            correctable: 0,
            device: 0,
        }
    }

    /// Of a non-posted request that its completion calls an error: advisory.
    fn advisory(answer: u32, error: u32) -> Self {
        let unsupported = match error {
            UNSUPPORTED_REQUEST => UNSUPPORTED_FOUND,
            _ => 0,
        };
        Self {
            answers: vec![answer],
            messages: vec![ERR_COR],
            uncorrectable: error,
            correctable: ADVISORY,
            device: CORRECTABLE_FOUND | unsupported,
        }
    }

    /// Of a posted TLP that is dropped.
    fn non_fatal(error: u32) -> Self {
        let unsupported = match error {
            UNSUPPORTED_REQUEST => UNSUPPORTED_FOUND,
            _ => 0,
        };
        Self {
            messages: vec![ERR_NONFATAL],
            uncorrectable: error,
            device: NON_FATAL_FOUND | unsupported,
            ..Self::nothing()
        }
    }

    fn fatal(error: u32) -> Self {
        Self {
            messages: vec![ERR_FATAL],
            uncorrectable: error,
            device: FATAL_FOUND,
            ..Self::nothing()
        }
    }
}

/// A function of which every error is recorded and told.
struct Watched {
    function: Function,
    from_device: FromDevice,
}

impl Watched {
    async fn new(bench: &Bench) -> Self {
        let function = bench.function().await;
        function.unmask_advisory_errors().await;
        function.read32(SCRATCH).await; // waits for the tables to be cleared
        let watched = Self {
            function,
            from_device: FromDevice::default(),
        };
        bench
            .host
            .add_listener(Box::new(watched.from_device.clone()));
        watched.report(ALL_REPORTS).await;
        watched
    }

    /// Sets the error reporting of Device Control; clears Device Status.
    async fn report(&self, enables: u32) {
        let control = self.function.config(DEVCTL).await & 0xfff0;
        let clear = 0xf << 16;
        self.function
            .set_config(DEVCTL, clear | control | enables)
            .await;
    }

    /// Status, the upper half of its register.
    async fn status(&self) -> u32 {
        self.function.config(COMMAND).await >> 16
    }

    async fn send(&self, words: &[u32]) {
        self.function.host.send_raw(words);
        self.function.host.sleep(300).await;
    }

    /// Sends a TLP, tells what it leads to, and clears the status bits.
    async fn trace(&self, words: &[u32]) -> Trace {
        self.from_device.0.take();
        self.send(words).await;
        let mut trace = Trace::nothing();
        for words in self.from_device.0.take() {
            match words[0] >> 24 & 0x1f {
                0b01010 | 0b01011 => trace.answers.push(words[1] >> 13 & 7),
                _ => trace.messages.push(words[1] & 0xff),
            }
        }
        let function = &self.function;
        trace.uncorrectable = function.config(UNCORRECTABLE).await;
        trace.correctable = function.config(CORRECTABLE).await;
        let control = function.config(DEVCTL).await;
        trace.device = control >> 16 & 0xf;
        function.set_config(UNCORRECTABLE, u32::MAX).await;
        function.set_config(CORRECTABLE, u32::MAX).await;
        function.set_config(DEVCTL, control | 0xf << 16).await;
        trace
    }

    async fn header_log(&self) -> [u32; 4] {
        let mut header = [0; 4];
        for (dword, offset) in header.iter_mut().zip((HEADER_LOG..).step_by(4)) {
            *dword = self.function.config(offset).await;
        }
        header
    }

    /// First Error Pointer.
    async fn first_error(&self) -> u32 {
        self.function.config(CONTROL).await & 0x1f
    }
}

/// Sends each TLP of `cases` and holds what it leads to against what it must.
fn each(cases: impl FnOnce(&Function) -> Vec<Vec<u32>>, expected: &Trace) {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        for words in cases(&watched.function) {
            let trace = watched.trace(&words).await;

            assert_eq!(trace, *expected, "{words:08x?}");
        }
    });
}

#[test]
fn unsupported_requests_end_with_ur_and_are_advisory() {
    each(
        |function| {
            let (here, nowhere) = (scratch(function), nowhere(function));
            vec![
                memory(MRD | 1, nowhere, 0xf),
                memory(MRD | TRANSLATED | 1, here, 0xf),
                with_prefix(PASID, memory(MRD | 1, here, 0xf)),
                memory(FETCH_ADD | 1, here, 0),
                memory(SWAP | 2, here, 0),
                memory(CAS | 4, here, 0),
                memory(DMWR | 2, here, 0xff),
                memory(DMWR | 16, nowhere & !0x3f, 0xff),
                short(IO_READ, 0x1000),
                short(IO_WRITE, 0x1000),
                short(CONFIG_READ, config_target(function, 1, 0)),
                short(CONFIG_WRITE, config_target(function, 7, 0)),
                short(CONFIG_READ_1, config_target(function, 0, 0)),
                short(CONFIG_WRITE_1, config_target(function, 0, 0)),
            ]
        },
        &Trace::advisory(UR, UNSUPPORTED_REQUEST),
    );
}

#[test]
fn unsupported_posted_tlps_are_dropped_and_not_advisory() {
    const ASSERT_INTA: u32 = 0x20;
    const VENDOR_TYPE_0: u32 = 0x7e;
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MWR | 1, nowhere(function), 0xf),
                memory(MWR | TRANSLATED | 1, here, 0xf),
                with_prefix(PASID, memory(MWR | 1, here, 0xf)),
                message(VENDOR_TYPE_0, 4, 0),
                message(VENDOR_TYPE_0, 2, 1),
                message(ASSERT_INTA, 4, 0),
            ]
        },
        &Trace::non_fatal(UNSUPPORTED_REQUEST),
    );
}

#[test]
fn messages_that_a_function_may_ignore_are_no_error() {
    const UNLOCK: u32 = 0x00;
    const PME_TURN_OFF: u32 = 0x19;
    const SET_SLOT_POWER_LIMIT: u32 = 0x50;
    const VENDOR_TYPE_1: u32 = 0x7f;
    each(
        |_| {
            vec![
                message(UNLOCK, 3, 0),
                message(PME_TURN_OFF, 3, 0),
                message(SET_SLOT_POWER_LIMIT, 4, 1),
                message(VENDOR_TYPE_1, 4, 0),
                message(VENDOR_TYPE_1, 2, 3),
            ]
        },
        &Trace::nothing(),
    );
}

#[test]
fn reads_that_break_the_programming_model_end_with_ca_and_are_advisory() {
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MRD | 1, here, 0b0111),
                memory(MRD | 1, here, 0b0101),
                memory(MRD | 2, here, 0b0111_1110),
            ]
        },
        &Trace::advisory(CA, COMPLETER_ABORT),
    );
}

#[test]
fn writes_that_break_the_programming_model_are_dropped_and_not_advisory() {
    each(
        |function| {
            let here = scratch(function);
            vec![
                memory(MWR | 1, here, 0b0111),
                memory(MWR | 1, here, 0b1001),
                memory(MWR | 2, here, 0b0111_1110),
            ]
        },
        &Trace::non_fatal(COMPLETER_ABORT),
    );
}

#[test]
fn completer_abort_sets_signaled_target_abort() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;

        let read = memory(MRD | 1, scratch(&watched.function), 0b0111);
        watched.send(&read).await;

        assert_eq!(watched.status().await & !0x10, SIGNALED_ABORT);
    });
}

#[test]
fn poisoned_writes_to_registers_are_dropped_and_not_advisory() {
    const SET_SLOT_POWER_LIMIT: u32 = 0x50;
    each(
        |function| {
            let mut power = message(SET_SLOT_POWER_LIMIT, 4, 1);
            power[0] |= EP;
            vec![
                memory(MWR | EP | 1, scratch(function), 0xf),
                memory(MWR | EP | 16, function.bar2(), 0xff),
                power,
            ]
        },
        &Trace::non_fatal(POISONED),
    );
}

#[test]
fn poisoned_non_posted_writes_end_with_ur_and_are_not_advisory() {
    let expected = Trace {
        answers: vec![UR],
        ..Trace::non_fatal(POISONED)
    };
    each(
        |function| {
            vec![
                short(CONFIG_WRITE | EP, config_target(function, 0, CACHE_LINE)),
                memory(DMWR | EP | 16, function.bar2(), 0xff),
            ]
        },
        &expected,
    );
}

#[test]
fn poisoned_config_write_changes_nothing_and_sets_detected_parity_error() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;

        let write = short(CONFIG_WRITE | EP, config_target(function, 0, CACHE_LINE));
        watched.send(&write).await;

        assert_eq!(function.config(CACHE_LINE).await, 0);
        assert_eq!(watched.status().await & !0x10, DETECTED_PARITY);
    });
}

#[test]
fn malformed_tlps_are_dropped_unanswered_and_fatal() {
    const PAGE_RESPONSE: u32 = 0x05;
    const INVALIDATE: u32 = 0x01;
    const UNLOCK: u32 = 0x00;
    const OTHER_PREFIX: u32 = 0x9200_0000;
    each(
        |function| {
            let here = scratch(function);
            let config = config_target(function, 0, 0);
            let mut long = memory(MWR | 1, here, 0xf);
            long.push(0);
            let mut short_of_data = memory(MWR | 2, here, 0xff);
            short_of_data.pop();
            let mut digest = memory(MWR | 2, here, 0xff);
            digest[0] |= TD;
            vec![
                // Length and payload, Max_Payload_Size of 256, 4 KiB, digest.
                long,
                short_of_data,
                memory(MWR | 65, function.bar0(), 0xff),
                memory(MRD | 2, here & !0xfff | 0xffc, 0xff),
                digest,
                // Byte enables: empty ends, gaps.
                memory(MRD | 1, here, 0xff),
                memory(MRD | 2, here, 0xf0),
                memory(MRD | 2, here, 0x0f),
                memory(MRD | 3, here, 0xf5),
                memory(MRD | 3, here, 0xaf),
                memory(MRD | 2, here + 4, 0b1111_1001),
                // Config and I/O requests are of one DW and TC 0.
                short(CONFIG_READ + 1, config),
                short(CONFIG_READ | TC1, config),
                short(IO_READ | TC1, 0),
                // Prefixes.
                with_prefix(OTHER_PREFIX, memory(MRD | 1, here, 0xf)),
                with_prefix(PASID, short(CONFIG_READ, config)),
                // Routing and length of messages.
                message(UNLOCK, 0, 0),
                message(INVALIDATE, 2, 1),
                message(PAGE_RESPONSE, 0, 0),
                // No such type.
                vec![0x1f00_0001, 0, 0],
                vec![0xe000_0001, 0, 0, 0],
            ]
        },
        &Trace::fatal(MALFORMED),
    );
}

#[test]
fn reads_and_writes_of_legal_byte_enables_are_no_error() {
    const PORTALS_NEED_NONE: u32 = 0b1010;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let here = scratch(&watched.function);
        for (words, answers) in [
            (memory(MRD | 1, here, 0), vec![0]),
            (memory(MRD | 1, here, 0b1100), vec![0]),
            (memory(MRD | 2, here, 0b0011_1100), vec![0]),
            (memory(MRD | 2, here + 4, 0b0001_1000), vec![0]),
            (
                memory(MRD | 1, watched.function.bar2(), PORTALS_NEED_NONE),
                vec![0],
            ),
            (memory(MWR | 1, here, 0), vec![]),
            (memory(MWR | 2, here, 0b0011_1000), vec![]),
        ] {
            let trace = watched.trace(&words).await;

            let expected = Trace {
                answers,
                ..Trace::nothing()
            };
            assert_eq!(trace, expected, "{words:08x?}");
        }
    });
}

#[test]
fn in_d3hot_memory_requests_are_unsupported_and_config_requests_are_not() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        function.write32(SCRATCH, 0x1234_5678);
        function.read32(SCRATCH).await;
        function.set_config(PM_CONTROL, 3).await;
        let here = scratch(function);

        let read = watched.trace(&memory(MRD | 1, here, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, here, 0xf)).await;
        let portal = watched
            .trace(&memory(MWR | 16, function.bar2(), 0xff))
            .await;

        assert_eq!(read, Trace::advisory(UR, UNSUPPORTED_REQUEST));
        assert_eq!(write, Trace::non_fatal(UNSUPPORTED_REQUEST));
        assert_eq!(portal, Trace::non_fatal(UNSUPPORTED_REQUEST));
        function.set_config(PM_CONTROL, 0).await;
        // No Soft Reset.
        assert_eq!(function.read32(SCRATCH).await, 0x1234_5678);
    });
}

#[test]
fn with_memory_space_disabled_memory_requests_are_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.function.set_config(COMMAND, 0).await;
        let here = scratch(&watched.function);

        let read = watched.trace(&memory(MRD | 1, here, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, here, 0xf)).await;

        assert_eq!(read, Trace::advisory(UR, UNSUPPORTED_REQUEST));
        assert_eq!(write, Trace::non_fatal(UNSUPPORTED_REQUEST));
    });
}

#[test]
fn advisory_error_that_is_masked_is_noted_as_correctable_only() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched
            .function
            .set_config(CORRECTABLE_MASK, ADVISORY)
            .await;
        let read = memory(MRD | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&read).await;

        let expected = Trace {
            messages: vec![],
            uncorrectable: 0,
            ..Trace::advisory(UR, UNSUPPORTED_REQUEST)
        };
        assert_eq!(trace, expected);
        assert_eq!(watched.header_log().await, [0; 4]);
    });
}

#[test]
fn error_of_fatal_severity_is_fatal_even_if_it_could_be_advisory() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let severity = watched.function.config(SEVERITY).await | UNSUPPORTED_REQUEST;
        watched.function.set_config(SEVERITY, severity).await;
        let read = memory(MRD | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&read).await;

        let expected = Trace {
            answers: vec![UR],
            messages: vec![ERR_FATAL],
            uncorrectable: UNSUPPORTED_REQUEST,
            correctable: 0,
            device: FATAL_FOUND | UNSUPPORTED_FOUND,
        };
        assert_eq!(trace, expected);
    });
}

#[test]
fn error_of_non_fatal_severity_is_told_by_err_nonfatal() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.function.set_config(SEVERITY, 0).await;

        let trace = watched.trace(&[0x1f00_0001, 0, 0]).await;

        assert_eq!(trace, Trace::non_fatal(MALFORMED));
    });
}

#[test]
fn masked_error_is_recorded_but_neither_told_nor_logged() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched
            .function
            .set_config(MASK, UNSUPPORTED_REQUEST | MALFORMED)
            .await;
        let lost = memory(MWR | 1, nowhere(&watched.function), 0xf);

        let unsupported = watched.trace(&lost).await;
        let malformed = watched.trace(&[0x1f00_0001, 0, 0]).await;

        for (trace, error) in [
            (unsupported, Trace::non_fatal(UNSUPPORTED_REQUEST)),
            (malformed, Trace::fatal(MALFORMED)),
        ] {
            let messages = vec![];
            assert_eq!(trace, Trace { messages, ..error });
        }
        assert_eq!(watched.header_log().await, [0; 4]);
    });
}

#[test]
fn unsupported_request_is_told_only_with_its_own_enable() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.report(ALL_REPORTS & !UNSUPPORTED_REPORT).await;
        let nowhere = nowhere(&watched.function);

        let read = watched.trace(&memory(MRD | 1, nowhere, 0xf)).await;
        let write = watched.trace(&memory(MWR | 1, nowhere, 0xf)).await;

        for (trace, told) in [
            (read, Trace::advisory(UR, UNSUPPORTED_REQUEST)),
            (write, Trace::non_fatal(UNSUPPORTED_REQUEST)),
        ] {
            let messages = vec![];
            assert_eq!(trace, Trace { messages, ..told });
        }
    });
}

#[test]
fn serr_enable_reports_too_and_sets_signaled_system_error() {
    const MEMORY_SPACE_AND_SERR: u32 = 0x102;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        watched.report(0).await;
        watched
            .function
            .set_config(COMMAND, MEMORY_SPACE_AND_SERR)
            .await;
        let lost = memory(MWR | 1, nowhere(&watched.function), 0xf);

        let trace = watched.trace(&lost).await;

        assert_eq!(trace, Trace::non_fatal(UNSUPPORTED_REQUEST));
        assert_eq!(watched.status().await & !0x10, SIGNALED_SYSTEM_ERROR);
    });
}

#[test]
fn first_error_is_logged_until_software_clears_its_bit() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let first = memory(MWR | 1, nowhere(function), 0xf);
        let second = memory(MWR | EP | 1, scratch(function), 0xf);

        watched.send(&first).await;
        watched.send(&second).await;

        let both = UNSUPPORTED_REQUEST | POISONED;
        assert_eq!(function.config(UNCORRECTABLE).await, both);
        assert_eq!(watched.first_error().await, 20);
        assert_eq!(watched.header_log().await, first[..4]);

        function
            .set_config(UNCORRECTABLE, UNSUPPORTED_REQUEST)
            .await;
        watched.send(&second).await;

        assert_eq!(watched.first_error().await, 12);
        assert_eq!(watched.header_log().await, second[..4]);
    });
}

#[test]
fn prefix_is_logged_with_the_header_and_only_if_there_is_one() {
    const PREFIX_PRESENT: u32 = 1 << 11;
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let bare = memory(MWR | 1, nowhere(function), 0xf);

        watched.send(&with_prefix(PASID, bare.clone())).await;

        assert_eq!(
            function.config(CONTROL).await & PREFIX_PRESENT,
            PREFIX_PRESENT
        );
        assert_eq!(function.config(PREFIX_LOG).await, PASID);
        assert_eq!(watched.header_log().await, bare[..4]);

        function.set_config(UNCORRECTABLE, u32::MAX).await;
        watched.send(&bare).await;

        assert_eq!(function.config(CONTROL).await & PREFIX_PRESENT, 0);
        assert_eq!(function.config(PREFIX_LOG).await, 0);
    });
}

#[test]
fn every_status_bit_is_cleared_by_writing_1_and_by_nothing_else() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        let aborted = memory(MRD | 1, scratch(function), 0b0111);
        watched.send(&aborted).await;
        let control = function.config(DEVCTL).await & 0xffff;
        let command = function.config(COMMAND).await & 0xffff;
        for (register, keep, found) in [
            (UNCORRECTABLE, 0, COMPLETER_ABORT),
            (CORRECTABLE, 0, ADVISORY),
            (DEVCTL, control, CORRECTABLE_FOUND << 16),
            (COMMAND, command | 0x10 << 16, SIGNALED_ABORT << 16),
        ] {
            function.set_config(register, keep).await;
            let after_zeros = function.config(register).await;
            function.set_config(register, keep | found).await;
            let after_ones = function.config(register).await;

            assert_eq!(after_zeros, keep | found, "{register:#x}");
            assert_eq!(after_ones, keep, "{register:#x}");
        }
    });
}

#[test]
fn aer_keeps_its_status_settings_and_logs_through_flr_and_the_rest_is_cleared() {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        let function = &watched.function;
        function.set_config(MASK, POISONED).await;
        function.set_config(SEVERITY, UNSUPPORTED_REQUEST).await;
        let read = with_prefix(PASID, memory(MRD | 1, scratch(function), 0xf));
        watched.send(&read).await;
        let aborted = memory(MWR | 1, scratch(function), 0b0111);
        watched.send(&aborted).await;
        let sticky = [
            UNCORRECTABLE,
            MASK,
            SEVERITY,
            CORRECTABLE,
            CORRECTABLE_MASK,
            CONTROL,
            PREFIX_LOG,
        ];
        let mut before = Vec::new();
        for register in sticky {
            before.push(function.config(register).await);
        }

        let control = function.config(DEVCTL).await & 0xffff;
        function.set_config(DEVCTL, control | INITIATE_FLR).await;
        bench.host.sleep(10_000).await;

        let mut after = Vec::new();
        for register in sticky {
            after.push(function.config(register).await);
        }
        assert_eq!(after, before);
        assert_eq!(before[0], UNSUPPORTED_REQUEST | COMPLETER_ABORT);
        assert_eq!(watched.header_log().await, read[1..5]);
        assert_eq!(function.config(DEVCTL).await >> 16 & 0xf, 0);
        assert_eq!(watched.status().await, 0x10);
    });
}
