// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the build says when a tool is not what it needs.

use crate::verilate::check_verilator;

#[test]
fn oldest_verilator_and_newer_ones_are_accepted() {
    for version in ["5.006", "5.020", "6.000"] {
        check_verilator(&format!("Verilator {version} 2024-01-01 rev x\n")).unwrap();
    }
}

#[test]
fn older_verilator_is_refused_with_its_version_and_the_way_out() {
    let error = check_verilator("Verilator 4.038 2020-07-11 rev v4.036\n").unwrap_err();

    let text = error.to_string();
    assert!(text.contains("4.038"), "{text}");
    assert!(text.contains("make setup"), "{text}");
}

#[test]
fn program_that_is_not_verilator_is_refused() {
    check_verilator("some other program\n").unwrap_err();
}
