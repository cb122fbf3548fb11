// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Every check of a run must fire: here the device's TLPs are tampered with on their way.

use super::{RunError, Scenario};
use crate::endpoint::{Credits, Cycle, Endpoint, EndpointError, Stop};
use crate::guest::{GuestError, GuestMemoryError};
use crate::report::Report;
use crate::rtl::RtlEndpoint;

/// Two guests of one device each; `ALICE` and `BOB` are replaced by their workloads.
const TWO_GUESTS: &str = r#"{ "vms": [
    { "name": "alice", "vdevs": [{ "name": "d", "workloads": [ALICE] }] },
    { "name": "bob", "vdevs": [{ "name": "d", "workloads": [BOB] }] }
] }"#;
const POLL: &str = r#"{ "op": "memory_move", "size": 256, "count": 8 }"#;
const INTERRUPT: &str =
    r#"{ "op": "memory_move", "size": 256, "count": 8, "completion": "interrupt" }"#;

fn scenario(alice: &str, bob: &str) -> Scenario {
    let text = TWO_GUESTS.replace("ALICE", alice).replace("BOB", bob);
    Scenario::parse("test.json", &text).unwrap()
}

/// What is done to a TLP of the device; `true` if it is the one that was to be tampered with.
type Tamper = fn(&mut Vec<u32>) -> bool;

/// The RTL, with one TLP tampered with.
struct Tampered {
    rtl: RtlEndpoint,
    tamper: Option<Tamper>,
    tlp: Vec<u32>,
}

impl Endpoint for Tampered {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        self.rtl.push(ready_at, tlp)
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        self.rtl.run(max_cycles)
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let (cycle, tlp) = self.rtl.next_tlp()?;
        self.tlp = tlp.to_vec();
        if self.tamper.is_some_and(|tamper| tamper(&mut self.tlp)) {
            self.tamper = None;
        }
        Some((cycle, &self.tlp))
    }

    fn now(&self) -> Cycle {
        self.rtl.now()
    }

    fn idle(&self) -> bool {
        self.rtl.idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.rtl.set_credits(credits);
    }
}

fn run(scenario: &Scenario, tamper: Option<Tamper>) -> Result<Report, RunError> {
    let rtl = RtlEndpoint::new(scenario.device.profile.straps(), None).unwrap();
    let endpoint = Tampered {
        rtl,
        tamper,
        tlp: Vec::new(),
    };
    scenario.run(Box::new(endpoint), Vec::new(), &|| {})
}

const PREFIX: u32 = 0x91;
const RECORD_DWORDS: u32 = 8;

/// Header index of a data write of a guest, larger than a completion record.
fn data_write(tlp: &[u32]) -> Option<usize> {
    let header = *tlp.get(1)?;
    let write = tlp[0] >> 24 == PREFIX && header >> 30 == 0b01 && header >> 24 & 0x1f == 0;
    (write && header & 0x3ff > RECORD_DWORDS).then_some(1)
}

/// Address dword of a completion interrupt: it names entry 1 or higher of the remapping table in
/// bits 19:5. Entry 0 is the host driver's own.
fn completion_interrupt(tlp: &mut [u32]) -> Option<&mut u32> {
    match tlp {
        [0x4000_0001, _, address, _] if *address >> 20 == 0xfee && *address & 0xf_ffe0 != 0 => {
            Some(address)
        }
        _ => None,
    }
}

fn memory_error(result: Result<Report, RunError>) -> GuestMemoryError {
    match result {
        Err(RunError::Guest {
            source: GuestError::Memory(error),
            ..
        }) => error,
        other => panic!("no guest has found anything wrong with its memory: {other:?}"),
    }
}

#[test]
fn untampered_run_has_no_failures() {
    let report = run(&scenario(POLL, INTERRUPT), None).unwrap();

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(
        report.vdevs.iter().map(|v| v.bytes).collect::<Vec<_>>(),
        [2048, 2048]
    );
    assert_eq!(
        report
            .vdevs
            .iter()
            .map(|v| v.interrupts)
            .collect::<Vec<_>>(),
        [0, 8]
    );
}

#[test]
fn flipped_bit_of_a_data_write_is_found() {
    let tamper: Tamper = |tlp| {
        let found = data_write(tlp).is_some();
        if found && let Some(last) = tlp.last_mut() {
            *last ^= 1;
        }
        found
    };

    let error = memory_error(run(&scenario(POLL, POLL), Some(tamper)));

    assert!(matches!(error, GuestMemoryError::Differs { .. }), "{error}");
}

#[test]
fn data_write_into_another_guest_is_found() {
    let tamper: Tamper = |tlp| {
        let found = data_write(tlp).is_some();
        if found {
            tlp[0] ^= 3; // PASIDs 1 and 2 change places
        }
        found
    };

    let error = memory_error(run(&scenario(POLL, POLL), Some(tamper)));

    assert!(matches!(error, GuestMemoryError::Differs { .. }), "{error}");
}

#[test]
fn write_outside_all_destinations_is_found_after_the_run() {
    // The completion record of a NOP goes to the guest's first page, where nothing belongs.
    let tamper: Tamper = |tlp| {
        let found = tlp[0] >> 24 == PREFIX && tlp[1] & 0x3ff == RECORD_DWORDS && tlp[1] >> 30 == 1;
        if found && let Some(address) = tlp.get_mut(3) {
            *address &= 0xfff;
        }
        found
    };
    let nops = r#"{ "op": "nop", "poke": { "reserved": 0 }, "expect": "none" }"#;

    let report = run(&scenario(nops, POLL), Some(tamper)).unwrap();

    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    assert!(
        report.failures[0].contains("memory after the run"),
        "{:?}",
        report.failures
    );
}

#[test]
fn interrupt_to_the_wrong_guest_is_found() {
    let tamper: Tamper = |tlp| {
        let address = completion_interrupt(tlp);
        address.map(|address| *address ^= 3 << 5).is_some() // entries 1 and 2 change places
    };
    // Depth 2: the next completion's interrupt wakes a guest that has lost one.
    let deep = INTERRUPT.replace(r#""count": 8"#, r#""count": 8, "depth": 2"#);

    let mut scenario = scenario(&deep, POLL);
    scenario.host.checker = false; // it would be the first to notice

    let report = run(&scenario, Some(tamper)).unwrap();

    assert_eq!(report.failures.len(), 2, "{:?}", report.failures);
    assert!(report.failures[0].contains("7 completion interrupts came, expected 8"));
    assert!(report.failures[1].contains("1 completion interrupts came, expected 0"));
}

#[test]
fn interrupt_of_nobody_is_found() {
    let tamper: Tamper = |tlp| {
        let address = completion_interrupt(tlp);
        address.map(|address| *address |= 0x80 << 5).is_some()
    };
    let deep = INTERRUPT.replace(r#""count": 8"#, r#""count": 8, "depth": 2"#);

    let report = run(&scenario(&deep, POLL), Some(tamper)).unwrap();

    assert!(
        report
            .failures
            .iter()
            .any(|f| f.contains("22h IR.3 (InterruptNotPresent)"))
    );
}

#[test]
fn status_that_was_not_expected_is_found() {
    let wrong = r#"{ "op": "nop", "poke": { "opcode": 63 }, "expect": "invalid_flags" }"#;

    let report = run(&scenario(wrong, POLL), None).unwrap();

    let expected = "vms[0].vdevs[0].workloads[0]: 1 of 1 descriptors ended otherwise than with \
                    `invalid_flags`, the first with `bad_opcode`";
    assert_eq!(report.failures, [expected]);
}

#[test]
fn lost_completion_record_ends_the_run_as_a_deadlock() {
    let tamper: Tamper = |tlp| {
        let found = tlp[0] >> 24 == PREFIX && tlp[1] & 0x3ff == RECORD_DWORDS && tlp[1] >> 30 == 1;
        if found {
            tlp[0] ^= 0x8000; // a PASID that nobody has
        }
        found
    };

    let error = run(&scenario(POLL, POLL), Some(tamper)).unwrap_err();

    assert!(error.to_string().starts_with("deadlock"), "{error}");
}
