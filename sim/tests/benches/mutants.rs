// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Mutants: RTL with one thing wrong. They show that what watches the RTL would notice.
//!
//! A mutant is one substitution in one file. All mutants of a block are in one build: `MUTANT` in
//! the new text stands for "this one was chosen", by `+mutant=N` when the bench is run. With none
//! chosen the RTL is as it was, so the block's other tests run on the same build.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::verilate::{Replacement, Top};
use crate::{ROOT, assertions, checks};

/// RTL with one thing wrong.
pub struct Mutant {
    /// What runs it.
    pub bench: &'static Top,
    /// From rtl/.
    pub file: &'static str,
    /// Is there once.
    pub old: &'static str,
    pub new: &'static str,
}

/// Says which mutant was chosen.
const PACKAGE: &str = r#"
package siov_mutant_pkg;
  function automatic int unsigned plusarg();
    int unsigned n;
    if ($value$plusargs("mutant=%d", n) == 0) n = 0;
    return n;
  endfunction

  int unsigned chosen = plusarg();
endpackage
"#;

/// All mutants with their numbers.
fn numbered() -> impl Iterator<Item = (usize, &'static Mutant)> {
    (1..).zip(assertions::mutants().chain(checks::mutants()))
}

/// What chooses this mutant.
pub fn plusarg(mutant: &Mutant) -> String {
    let number = numbered()
        .find(|(_, m)| std::ptr::eq(*m, mutant))
        .unwrap()
        .0;
    format!("+mutant={number}")
}

/// The files of a bench that have mutants, with all of them inside.
pub fn replacements(bench: &Top) -> Vec<Replacement> {
    let mut files = BTreeMap::new();
    for (number, mutant) in numbered().filter(|(_, m)| m.bench.name == bench.name) {
        let text = files.entry(mutant.file).or_insert_with(|| {
            let path = Path::new(ROOT).join("rtl").join(mutant.file);
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        });
        let times = text.matches(mutant.old).count();
        assert_eq!(
            times, 1,
            "mutant: {:?} is {times} times in rtl/{}",
            mutant.old, mutant.file
        );
        let chosen = format!("(siov_mutant_pkg::chosen == {number})");
        *text = text.replace(mutant.old, &mutant.new.replace("MUTANT", &chosen));
    }
    let package = Replacement {
        name: "siov_mutant_pkg.sv".to_owned(),
        text: PACKAGE.to_owned(),
    };
    let files = files.into_iter().map(|(file, text)| Replacement {
        name: file.rsplit('/').next().unwrap_or(file).to_owned(),
        text,
    });
    std::iter::once(package).chain(files).collect()
}
