// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a run makes of a broken rule.

use super::super::*;
use super::port::*;
use crate::mem::Memory;
use crate::pcie::mock::Mock;
use crate::pcie::{Host, RunError};

#[test]
fn run_stops_with_rule_citation_and_tlp() {
    let device = Mock::silent().sends(10, &write(PAGE, 1));
    let memory = Memory::new(1 << 20).unwrap();
    let host = Host::new(Box::new(device), memory, Knobs::default());

    let error = host.run(host.sleep(100)).unwrap_err();

    assert!(matches!(&error, RunError::Rule(violation) if violation.rule == Rule::BusMaster));
    let text = error.to_string();
    assert!(
        text.starts_with("cycle 10: the device broke rule `bus-master`"),
        "{text}"
    );
    assert!(text.contains("PCIe 7.5.1.1.3"), "{text}");
    assert!(text.contains(r#""tlp":"mem_write""#), "{text}");
}

#[test]
fn switched_off_checker_judges_nothing() {
    let device = Mock::silent().sends(10, &write(PAGE, 1));
    let memory = Memory::new(1 << 20).unwrap();
    let knobs = Knobs {
        checker: false,
        ..Knobs::default()
    };
    let host = Host::new(Box::new(device), memory, knobs);

    assert!(host.run(host.sleep(100)).is_ok());
}
