// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! tests/testplan.toml is complete (every requirement stands in it once) and true (every test that
//! it names exists).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    requirement: Vec<Requirement>,
    #[serde(default)]
    open: Vec<Open>,
}

/// A requirement and the tests that show it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    id: String,
    text: String,
    tests: Vec<String>,
}

/// A requirement, or the part of one, that no test shows yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    id: String,
    missing: String,
}

/// How requirements are numbered, from 1 to: those on an S-IOV endpoint, and the kinds of errors and
/// error reports of PCIe 6.2.
const SERIES: [(&str, u32); 2] = [("R", 40), ("PCIE5.", 22)];

/// All requirements.
fn ids() -> impl Iterator<Item = String> {
    let series = SERIES.into_iter();
    series.flat_map(|(prefix, last)| (1..=last).map(move |number| format!("{prefix}{number}")))
}

/// What is wrong with the name of a test, given all tests there are: it must be one of them, from
/// as far up its path as it takes to tell it from others.
fn fault(name: &str, tests: &BTreeSet<String>) -> Option<String> {
    let is_named = |test: &&String| {
        let folder = test.strip_suffix(name);
        folder.is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
    };
    let named: Vec<_> = tests.iter().filter(is_named).map(String::as_str).collect();
    match named[..] {
        [] => Some(format!("there is no test `{name}`")),
        [_] => None,
        _ => Some(format!("`{name}` may be {}", named.join(" or "))),
    }
}

/// Everything wrong with `plan`, given all tests there are.
fn faults(plan: &Plan, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeMap::new();
    for requirement in &plan.requirement {
        *seen.entry(requirement.id.as_str()).or_insert(0) += 1;
        if requirement.text.is_empty() {
            faults.push(format!("{}: no text", requirement.id));
        }
        if requirement.tests.is_empty() {
            faults.push(format!(
                "{}: no test; list it under [[open]]",
                requirement.id
            ));
        }
        let wrong = requirement.tests.iter().filter_map(|t| fault(t, tests));
        faults.extend(wrong.map(|fault| format!("{}: {fault}", requirement.id)));
    }
    for (id, count) in &seen {
        if *count > 1 {
            faults.push(format!("{id}: stands {count} times"));
        }
    }
    for open in &plan.open {
        if open.missing.is_empty() {
            faults.push(format!(
                "{}: open, but does not say what is missing",
                open.id
            ));
        }
    }
    let open: BTreeSet<_> = plan.open.iter().map(|open| open.id.as_str()).collect();
    let ids: BTreeSet<_> = ids().collect();
    for id in seen.keys().chain(&open).filter(|&&id| !ids.contains(id)) {
        faults.push(format!("{id}: no such requirement"));
    }
    for id in &ids {
        if !seen.contains_key(id.as_str()) && !open.contains(id.as_str()) {
            faults.push(format!("{id}: neither tested nor listed as open"));
        }
    }
    faults
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names of all `#[test]` functions in the workspace, as `path/to/file::function`.
fn all_tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests/suite", "harness", "sim", "firmware"] {
        rust_files(&root().join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let path = file.strip_prefix(root()).unwrap().with_extension("");
        let path = path.to_string_lossy();
        let text = fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some(rest) = line.split("fn ").nth(1) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                names.insert(format!("{path}::{name}"));
                is_test = false;
            }
        }
    }
    names
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn plan(text: &str) -> Plan {
    toml::from_str(text).unwrap()
}

#[test]
fn testplan_is_complete_and_true() {
    let text = fs::read_to_string(root().join("tests/testplan.toml")).unwrap();

    let faults = faults(&plan(&text), &all_tests());

    assert!(
        faults.is_empty(),
        "tests/testplan.toml:\n  {}",
        faults.join("\n  ")
    );
}

#[test]
fn plan_that_names_a_missing_test_is_rejected() {
    let plan = plan("[[requirement]]\nid = 'R1'\ntext = 'x'\ntests = ['suite::no_such_test']");

    let faults = faults(&plan, &BTreeSet::new());

    assert!(faults.contains(&"R1: there is no test `suite::no_such_test`".to_owned()));
}

#[test]
fn plan_that_names_a_test_of_two_files_is_rejected() {
    let plan = plan("[[requirement]]\nid = 'R1'\ntext = 'x'\ntests = ['b::t', 'a/b::t']");

    let faults = faults(
        &plan,
        &BTreeSet::from(["a/b::t", "c/b::t"].map(str::to_owned)),
    );

    let of_r1: Vec<_> = faults.iter().filter(|f| f.starts_with("R1:")).collect();
    assert_eq!(of_r1, ["R1: `b::t` may be a/b::t or c/b::t"]);
}

#[test]
fn plan_without_a_requirement_is_rejected() {
    let plan = plan("requirement = []\n[[open]]\nid = 'R1'\nmissing = 'all of it'");

    let faults = faults(&plan, &BTreeSet::new());

    assert_eq!(faults.len(), ids().count() - 1);
    for id in ["R2", "PCIE5.22"] {
        assert!(faults.contains(&format!("{id}: neither tested nor listed as open")));
    }
}

#[test]
fn plan_with_a_requirement_that_does_not_exist_is_rejected() {
    let plan = plan("requirement = []\n[[open]]\nid = 'R41'\nmissing = 'all of it'");

    let faults = faults(&plan, &BTreeSet::new());

    assert_eq!(faults[0], "R41: no such requirement");
}

#[test]
fn requirement_that_stands_twice_is_rejected() {
    let twice = "[[requirement]]\nid = 'R1'\ntext = 'x'\ntests = ['a::b']\n".repeat(2);

    let faults = faults(&plan(&twice), &BTreeSet::from(["a::b".to_owned()]));

    assert_eq!(faults[0], "R1: stands 2 times");
}
