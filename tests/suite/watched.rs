// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A function of which every error is recorded and told, and TLPs word by word: what tests of
//! errors in what it receives build on.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use siov::pcie::{Direction, TlpEvent, TlpListener};
use siov_firmware::regs;

use crate::bench::aer::{
    ADVISORY, CONTROL, CORRECTABLE, HEADER_LOG, UNCORRECTABLE, UNSUPPORTED_REQUEST,
};
use crate::bench::{Bench, Function};

/// Status and Command, Device Status and Device Control, and others of config space.
pub const COMMAND: u16 = 0x04;
pub const CACHE_LINE: u16 = 0x0c;
pub const DEVCTL: u16 = 0x48;
pub const PM_CONTROL: u16 = 0x94;

/// Enables of Device Control, in the order of the bits of Device Status.
pub const ALL_REPORTS: u32 = 0xf;
pub const UNSUPPORTED_REPORT: u32 = 1 << 3;
pub const INITIATE_FLR: u32 = 1 << 15;

/// Device Status.
pub const CORRECTABLE_FOUND: u32 = 1 << 0;
pub const NON_FATAL_FOUND: u32 = 1 << 1;
pub const FATAL_FOUND: u32 = 1 << 2;
pub const UNSUPPORTED_FOUND: u32 = 1 << 3;

/// Status.
pub const SIGNALED_ABORT: u32 = 1 << 11;
pub const SIGNALED_SYSTEM_ERROR: u32 = 1 << 14;
pub const DETECTED_PARITY: u32 = 1 << 15;

/// Message codes.
pub const ERR_COR: u32 = 0x30;
pub const ERR_NONFATAL: u32 = 0x31;
pub const ERR_FATAL: u32 = 0x33;

/// Completion status.
pub const UR: u32 = 1;
pub const CA: u32 = 4;

/// First header DWs. Memory requests have 4-DW headers.
pub const MRD: u32 = 0x2000_0000;
pub const MRD_LOCKED: u32 = 0x2100_0000;
pub const MWR: u32 = 0x6000_0000;
pub const FETCH_ADD: u32 = 0x6c00_0000;
pub const SWAP: u32 = 0x6d00_0000;
pub const CAS: u32 = 0x6e00_0000;
pub const DMWR: u32 = 0x7b00_0000;
pub const IO_READ: u32 = 0x0200_0001;
pub const IO_WRITE: u32 = 0x4200_0001;
pub const CONFIG_READ: u32 = 0x0400_0001;
pub const CONFIG_WRITE: u32 = 0x4400_0001;
pub const CONFIG_READ_1: u32 = 0x0500_0001;
pub const CONFIG_WRITE_1: u32 = 0x4500_0001;

/// Fields of the first header DW.
pub const EP: u32 = 1 << 14;
pub const TD: u32 = 1 << 15;
pub const TC1: u32 = 1 << 20;
pub const TRANSLATED: u32 = 2 << 10;

/// A tag that the host uses for nothing else.
pub const TAG: u32 = 0xe5 << 8;
/// PASID 5.
pub const PASID: u32 = 0x9100_0005;

/// Eight bytes of BAR0 that keep what is written and do nothing.
pub const SCRATCH: u32 = regs::SIOV_CMDPARAM_OFFSET;

/// A request to `address` with a 4-DW header. Its Length is in `dw0`; `enables` are Last and First
/// BE.
pub fn memory(dw0: u32, address: u64, enables: u32) -> Vec<u32> {
    let payload = if dw0 & 1 << 30 != 0 { dw0 & 0x3ff } else { 0 };
    let mut words = vec![dw0, TAG | enables, (address >> 32) as u32, address as u32];
    words.resize(4 + payload as usize, 0);
    words
}

/// A request with a 3-DW header and at most one DW of payload, which is all ones.
pub fn short(dw0: u32, target: u32) -> Vec<u32> {
    let mut words = vec![dw0, TAG | 0xf, target];
    words.extend((dw0 & 1 << 30 != 0).then_some(u32::MAX));
    words
}

pub fn with_prefix(prefix: u32, mut words: Vec<u32>) -> Vec<u32> {
    words.insert(0, prefix);
    words
}

/// A message with `payload` DWs, routed by `routing`.
pub fn message(code: u32, routing: u32, payload: u32) -> Vec<u32> {
    let data = u32::from(payload != 0) << 30;
    let mut words = vec![0x3000_0000 | data | routing << 24 | payload, code, 0, 0];
    words.resize(4 + payload as usize, 0);
    words
}

/// Where config requests go: the function under test, plus `number`.
pub fn config_target(function: &Function, number: u32, register: u16) -> u32 {
    ((u32::from(function.info.bdf.raw()) + number) << 16) | u32::from(register)
}

pub fn scratch(function: &Function) -> u64 {
    function.bar0() + u64::from(SCRATCH)
}

/// The first address behind BAR2.
pub fn nowhere(function: &Function) -> u64 {
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
pub struct Trace {
    /// Status of each completion.
    pub answers: Vec<u32>,
    /// Code of each message.
    pub messages: Vec<u32>,
    /// Uncorrectable Error Status.
    pub uncorrectable: u32,
    /// Correctable Error Status.
    pub correctable: u32,
    /// Device Status.
    pub device: u32,
}

impl Trace {
    /// Of a TLP that nothing is wrong with.
    pub fn nothing() -> Self {
        Self {
            answers: Vec::new(),
            messages: Vec::new(),
            uncorrectable: 0,
            correctable: 0,
            device: 0,
        }
    }

    /// Of a non-posted request that its completion calls an error: advisory.
    pub fn advisory(answer: u32, error: u32) -> Self {
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
    pub fn non_fatal(error: u32) -> Self {
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

    pub fn fatal(error: u32) -> Self {
        Self {
            messages: vec![ERR_FATAL],
            uncorrectable: error,
            device: FATAL_FOUND,
            ..Self::nothing()
        }
    }
}

/// A function of which every error is recorded and told.
pub struct Watched {
    pub function: Function,
    from_device: FromDevice,
}

impl Watched {
    pub async fn new(bench: &Bench) -> Self {
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
    pub async fn report(&self, enables: u32) {
        let control = self.function.config(DEVCTL).await & 0xfff0;
        let clear = 0xf << 16;
        self.function
            .set_config(DEVCTL, clear | control | enables)
            .await;
    }

    /// Status, the upper half of its register.
    pub async fn status(&self) -> u32 {
        self.function.config(COMMAND).await >> 16
    }

    pub async fn send(&self, words: &[u32]) {
        self.function.host.send_raw(words);
        self.function.host.sleep(300).await;
    }

    /// Sends a TLP, tells what it leads to, and clears the status bits.
    pub async fn trace(&self, words: &[u32]) -> Trace {
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

    pub async fn header_log(&self) -> [u32; 4] {
        let mut header = [0; 4];
        for (dword, offset) in header.iter_mut().zip((HEADER_LOG..).step_by(4)) {
            *dword = self.function.config(offset).await;
        }
        header
    }

    /// First Error Pointer.
    pub async fn first_error(&self) -> u32 {
        self.function.config(CONTROL).await & 0x1f
    }
}

/// Sends each TLP of `cases` and holds what it leads to against what it must.
pub fn each(cases: impl FnOnce(&Function) -> Vec<Vec<u32>>, expected: &Trace) {
    let bench = Bench::new();
    bench.run(async {
        let watched = Watched::new(&bench).await;
        for words in cases(&watched.function) {
            let trace = watched.trace(&words).await;

            assert_eq!(trace, *expected, "{words:08x?}");
        }
    });
}
