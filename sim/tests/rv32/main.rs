// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Instruction tests of the management core, on its bench. The directed ones are assembly programs
//! beside this file, assembled by clang as the tests run.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may")]

mod random;
mod reference;

use std::path::Path;
use std::process::Command;

use siov_sim::rv32::{Bench, Outcome, Program, ProgramError, Report};

/// Compiles and links `source`, a file beside this one, for `base`; gives the ELF file.
fn build(source: &str, base: u32) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rv32");
    let elf = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("clang")
        .args([
            "--target=riscv32",
            "-march=rv32im",
            "-mabi=ilp32",
            "-mno-relax",
        ])
        .args(["-O2", "-ffreestanding", "-nostdlib", "-fuse-ld=lld"])
        .args([&format!("-Wl,-Ttext={base:#x}"), "-I"])
        .args([&folder, &folder.join(source)])
        .arg("-o")
        .arg(elf.path())
        .output()
        .expect("clang runs (`make setup` installs it)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    std::fs::read(elf.path()).unwrap()
}

fn run(elf: &[u8], wait: u8) -> Report {
    let program = Program::from_elf(elf).unwrap();
    Bench::new(&program, wait).run(1_000_000).unwrap()
}

/// The number in `ToHost` is twice that of the check that failed, plus one.
fn passes(source: &str) {
    let elf = build(source, 0x8000_0000);
    for wait in [0, 1, 5] {
        let report = run(&elf, wait);
        assert_eq!(
            report.outcome,
            Outcome::ToHost(1),
            "{source} with wait {wait}"
        );
    }
}

#[test]
fn integer_instructions_give_the_specified_results() {
    passes("alu.S");
}

#[test]
fn branches_and_jumps_go_where_they_should() {
    passes("control.S");
}

#[test]
fn loads_and_stores_extend_and_keep_to_their_bytes() {
    passes("memory.S");
}

#[test]
fn multiplication_and_division_give_the_specified_results() {
    passes("muldiv.S");
}

#[test]
fn exceptions_have_cause_place_and_value_and_no_other_effect() {
    passes("traps.S");
}

#[test]
fn csrs_keep_what_they_should_and_refuse_the_rest() {
    passes("csr.S");
}

#[test]
fn interrupts_trap_between_instructions_and_end_wfi() {
    passes("interrupts.S");
}

#[test]
fn optimised_c_sorts_and_computes_a_checksum() {
    let report = run(&build("checksum.c", 0x8000_0000), 0);

    assert_eq!(report.outcome, Outcome::ToHost(1));
}

#[test]
fn instructions_take_the_cycles_that_the_core_promises() {
    let report = run(&build("timing.S", 0x8000_0000), 0);

    assert_eq!(report.outcome, Outcome::ToHost(1));
}

#[test]
fn program_linked_at_0_runs() {
    let report = run(&build("memory.S", 0), 0);

    assert_eq!(report.outcome, Outcome::ToHost(1));
}

#[test]
fn failed_check_shows_its_number_in_tohost() {
    let report = run(&build("fails_third_check.S", 0), 0);

    assert_eq!(report.outcome, Outcome::ToHost(3 << 1 | 1));
}

#[test]
fn endless_program_ends_at_the_cycle_limit() {
    let program = Program::from_elf(&build("endless.S", 0)).unwrap();

    let report = Bench::new(&program, 0).run(1000).unwrap();

    assert_eq!(report.outcome, Outcome::CycleLimit);
    assert_eq!(report.cycles, 1000);
    assert_eq!(report.instructions, 500);
}

#[test]
fn wfi_with_no_interrupt_to_come_is_found() {
    let report = run(&build("sleeps.S", 0), 0);

    assert_eq!(report.outcome, Outcome::Stuck);
    assert!(report.cycles < 100);
}

#[test]
fn file_that_is_no_elf_is_refused() {
    let error = Program::from_elf(b"#!/bin/sh").unwrap_err();

    assert!(matches!(error, ProgramError::NotElf), "{error}");
}

#[test]
fn elf_of_this_very_test_is_refused_as_64_bit() {
    let error = Program::from_file(&std::env::current_exe().unwrap()).unwrap_err();

    assert!(matches!(error, ProgramError::Elf64), "{error}");
}

#[test]
fn elf_cut_short_is_refused() {
    let elf = build("alu.S", 0x8000_0000);

    let error = Program::from_elf(&elf[..200]).unwrap_err();

    assert!(
        matches!(error, ProgramError::Damaged(_) | ProgramError::Truncated(_)),
        "{error}"
    );
}

#[test]
fn program_outside_memory_is_refused() {
    let error = Program::from_elf(&build("alu.S", 0x2000_0000)).unwrap_err();

    assert!(
        matches!(
            error,
            ProgramError::Segment {
                address: 0x2000_0000,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn program_without_tohost_is_refused() {
    let error = Program::from_elf(&build("no_tohost.S", 0)).unwrap_err();

    assert!(matches!(error, ProgramError::NoTohost), "{error}");
}

#[test]
fn elf_for_another_machine_is_refused() {
    let mut elf = build("sleeps.S", 0);
    elf[18] = 40; // e_machine: ARM

    let error = Program::from_elf(&elf).unwrap_err();

    assert!(matches!(error, ProgramError::Machine(40)), "{error}");
}

#[test]
fn elf_with_compressed_instructions_is_pointed_out() {
    let mut elf = build("sleeps.S", 0);
    elf[36] |= 1; // e_flags: RVC

    let program = Program::from_elf(&elf).unwrap();

    assert_eq!(program.missing_extension(), Some("compressed instructions"));
}
