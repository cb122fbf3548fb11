// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The command line of `siov`.

mod error;
mod files;
mod fuzz;
mod replay;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::scenario::{Profile, Scenario};
use error::CliError;

/// Simulate an S-IOV PCIe endpoint: real RTL, with a host, an IOMMU and guests around it.
#[derive(Debug, Parser)]
#[command(name = "siov", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a scenario and report what came of it.
    Run(run::Args),
    /// Drive the device alone with a record, and check that it does the same again.
    Replay(replay::Args),
    /// Play random traffic, legal and illegal, and check that the device stands it.
    Fuzz(fuzz::Args),
    /// Print the JSON Schema of scenario files.
    Schema,
    /// Print the device's configuration space as `lspci -xxxx` does, for `lspci -F`.
    Lspci {
        /// Sizes and IDs of the device.
        #[arg(long, value_enum, default_value_t)]
        profile: Profile,
    },
    /// Measure simulated cycles per second, all figures in one run.
    Bench {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Scenario to take the traffic from, instead of the built-in one: 4 KiB moves at full
        /// depth.
        #[arg(long, value_name = "FILE")]
        scenario: Option<PathBuf>,
    },
}

/// Runs the program: exit code 0 if all went well, 1 if not, 2 if the command line is wrong.
pub fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), CliError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Fuzz(args) => fuzz::fuzz(&args),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&Scenario::schema())?;
            files::print(&schema)
        }
        Command::Lspci { profile } => files::print(&crate::lspci::dump(profile.straps())?),
        Command::Bench { json, scenario } => {
            let scenario = match scenario {
                Some(path) => Scenario::load(&path)?,
                None => crate::bench::built_in()?,
            };
            let figures = crate::bench::bench(&scenario)?;
            match json {
                true => files::print(&serde_json::to_string_pretty(&figures)?),
                false => files::print(&figures.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_takes_all_its_options() {
        let line =
            "siov run s.json --wave w.fst --trace t.jsonl --record r --report r.json --seed 7";

        let cli = Cli::try_parse_from(line.split(' ')).unwrap();

        assert!(matches!(cli.command, Command::Run(args) if args.seed == Some(7)));
    }
}
