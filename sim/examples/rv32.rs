// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Runs an RV32IM program on the device's management core, as RTL.
//!
//! ```text
//! cargo run -p siov-sim --example rv32 -- PROGRAM.elf --max-cycles 1000000
//! ```
//!
//! The program ends by storing to its symbol `tohost`: 1 is success and exit code 0; anything else
//! is a failure with the value shifted right by one as exit code (255 when that is larger, 1 when
//! it is 0). Exit codes of the bench itself: 250 for a file it cannot run, 251 when the program
//! does not end within the cycle limit, 252 when it sleeps with no interrupt to come, 253 when an
//! assertion in the RTL fails.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use siov_sim::rv32::{Bench, Outcome, Program};

const EXIT_BAD_PROGRAM: u8 = 250;
const EXIT_CYCLE_LIMIT: u8 = 251;
const EXIT_STUCK: u8 = 252;
const EXIT_MODEL: u8 = 253;

/// Runs an RV32IM program on the device's management core
#[derive(Debug, Parser)]
struct Args {
    /// Statically linked 32-bit RISC-V ELF file with a symbol `tohost`
    program: PathBuf,
    /// Give up after this many clock cycles
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    max_cycles: u64,
    /// Cycles each memory access takes beyond one
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=15))]
    wait: u8,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let program = match Program::from_file(&args.program) {
        Ok(program) => program,
        Err(error) => {
            eprintln!("{}: {error}", args.program.display());
            return EXIT_BAD_PROGRAM.into();
        }
    };
    let report = match Bench::new(&program, args.wait).run(args.max_cycles) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}: {error}", args.program.display());
            return EXIT_MODEL.into();
        }
    };

    let ipc = report.instructions as f64 / report.cycles.max(1) as f64;
    println!("cycles        {}", report.cycles);
    println!("instructions  {}", report.instructions);
    println!("IPC           {ipc:.3}");
    if let (Some(extension), true) = (
        program.missing_extension(),
        report.outcome != Outcome::ToHost(1),
    ) {
        eprintln!("built for {extension}, which the core lacks: try -march=rv32im -mabi=ilp32");
    }
    match report.outcome {
        Outcome::ToHost(1) => {
            println!("passed");
            ExitCode::SUCCESS
        }
        Outcome::ToHost(value) => {
            println!("failed: tohost = {value:#x} ({})", value >> 1);
            u8::try_from(value >> 1).unwrap_or(u8::MAX).max(1).into()
        }
        Outcome::CycleLimit => {
            eprintln!(
                "no store to tohost within {} cycles (--max-cycles)",
                args.max_cycles
            );
            EXIT_CYCLE_LIMIT.into()
        }
        Outcome::Stuck => {
            eprintln!("asleep in WFI with no interrupt to come: the timer is off or not enabled");
            EXIT_STUCK.into()
        }
    }
}
