// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The files made from `rtl/regs/*.rdl` are checked in; each names the hash of what it was made
//! from. `make lint` regenerates and compares, which needs Python; this needs nothing.

#![allow(clippy::expect_used)]

use std::path::Path;

/// FNV-1a, 64 bits: as in rtl/regs/export.py.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).expect(path)
}

fn source_stamp() -> String {
    let sources = ["siov.rdl", "siov_ctl.rdl", "export.py"]
        .map(|file| read(&format!("rtl/regs/{file}")))
        .concat();
    format!("do not edit. Source {:016x}\n", fnv1a(sources.as_bytes()))
}

fn is_made_from(file: &str, stamp: &str) -> bool {
    file.contains(stamp)
}

#[test]
fn rtl_packages_are_up_to_date() {
    let stamp = source_stamp();
    for file in ["siov_regs_pkg.sv", "siov_ctl_regs_pkg.sv"] {
        let text = read(&format!("rtl/regs/{file}"));
        assert!(is_made_from(&text, &stamp), "{file}: run `make regs`");
    }
}

#[test]
fn c_headers_are_up_to_date() {
    let stamp = source_stamp();
    for file in ["siov_regs.h", "siov_ctl_regs.h"] {
        let text = read(&format!("firmware/include/gen/{file}"));
        assert!(is_made_from(&text, &stamp), "{file}: run `make regs`");
    }
}

#[test]
fn register_page_is_up_to_date() {
    let stamp = source_stamp();
    assert!(
        is_made_from(&read("docs/registers.md"), &stamp),
        "run `make regs`"
    );
}

#[test]
fn file_made_from_other_source_is_stale() {
    let other = source_stamp().replace(|c: char| c.is_ascii_digit(), "f");
    assert!(!is_made_from(&read("docs/registers.md"), &other));
}
