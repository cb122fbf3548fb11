// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Every assertion in rtl/ must be seen to fire. What a block's neighbour can do wrong, a bench does
//! on purpose (`VIOLATION`). What no input can cause needs a mutant.

mod atc;
mod dma;
mod front;
mod irq;
mod mgmt;
mod pcie;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::mutants::{self, Mutant};
use crate::verilate::Top;
use crate::{ROOT, command};

/// How one assertion is made to fire.
struct Row {
    /// Module and label.
    assertion: &'static str,
    bench: &'static Top,
    /// What the bench does meanwhile.
    case: &'static str,
    mutant: Option<Mutant>,
}

const fn violation(assertion: &'static str, bench: &'static Top, case: &'static str) -> Row {
    Row {
        assertion,
        bench,
        case,
        mutant: None,
    }
}

const fn mutant(
    assertion: &'static str,
    bench: &'static Top,
    case: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
) -> Row {
    Row {
        assertion,
        bench,
        case,
        mutant: Some(Mutant {
            bench,
            file,
            old,
            new,
        }),
    }
}

/// Those of all rooms, always in the same order, as a mutant's number is its place.
fn table() -> impl Iterator<Item = &'static Row> {
    [
        pcie::TABLE,
        dma::TABLE,
        front::TABLE,
        irq::TABLE,
        mgmt::TABLE,
        atc::TABLE,
    ]
    .into_iter()
    .flatten()
}

pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    table().filter_map(|row| row.mutant.as_ref())
}

/// Module and label of all assertions in a folder and below.
fn assertions_below(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut assertions_below(&path));
        } else if path.extension().is_some_and(|e| e == "sv") {
            let module = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let labels = text
                .lines()
                .filter_map(|l| Some(l.split_once(": assert ")?.0.trim()));
            found.extend(labels.map(|label| format!("{module}.{label}")));
        }
    }
    found
}

/// Runs a row; says what is wrong with what came of it.
fn check(row: &Row) -> Result<(), String> {
    let mut command = command(row.bench, row.case);
    command.args(row.mutant.as_ref().map(mutants::plusarg));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let (module, label) = row.assertion.split_once('.').unwrap();
    let (file, label) = (format!("{module}.sv:"), format!(".{label}: "));
    // Others may fire in the same clock.
    let fired = said
        .lines()
        .any(|line| line.contains(&file) && line.contains(&label));
    if fired && output.status.code() == Some(2) {
        Ok(())
    } else {
        Err(format!(
            "{} did not fire: {command:?}: {}
{said}",
            row.assertion, output.status
        ))
    }
}

#[test]
fn every_assertion_is_in_the_table() {
    let there = assertions_below(&Path::new(ROOT).join("rtl"));

    let rows: BTreeSet<_> = table().map(|row| row.assertion.to_owned()).collect();
    let (without_row, gone) = (&there - &rows, &rows - &there);
    assert!(
        without_row.is_empty() && gone.is_empty(),
        "without a row: {without_row:?}; no longer in rtl/: {gone:?}"
    );
}

#[test]
fn every_assertion_fires() {
    let wrong: Vec<_> = table().filter_map(|row| check(row).err()).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
