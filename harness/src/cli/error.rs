// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the program says when it fails, and what to do then.

use std::path::PathBuf;

use crate::bench::BenchError;
use crate::lspci::LspciError;
use crate::scenario::{RunError, ScenarioError};
use crate::trace::RecordError;

/// The program failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The scenario cannot be run.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No device could be made.
    #[error("cannot make the device: {0}")]
    Model(#[from] siov_sim::Error),
    /// The run ended early.
    #[error("{error}\n  to see why in waves: {retry}")]
    Run {
        /// What happened.
        error: RunError,
        /// The command line that does it again with waves.
        retry: String,
    },
    /// The run ended, and something was wrong.
    #[error("{count} checks failed, see above\n  to see why in waves: {retry}")]
    Checks {
        /// How many.
        count: usize,
        /// The command line that does it again with waves.
        retry: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}\n  give a path in a directory that exists", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A record cannot be read.
    #[error("{}: {source}\n  make a record with: siov run SCENARIO --record FILE", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A record cannot be opened.
    #[error("cannot read {}: {source}\n  give the path of a record", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The device did something else than in the record.
    #[error(
        "the device does not do what the record says: {difference}\n  \
         the record is of build {recorded}, this program of build {own}: record again"
    )]
    Differs {
        /// The first difference.
        difference: String,
        /// The build that the record is of.
        recorded: String,
        /// The build of this program.
        own: &'static str,
    },
    /// Random traffic has found something.
    #[error("{source}\n  again, with waves: {command} --wave siov.fst")]
    Fuzz {
        /// The command that repeats the run.
        command: String,
        /// What it has found.
        source: crate::fuzz::FuzzError,
    },
    /// The configuration space could not be read.
    #[error(transparent)]
    Lspci(#[from] LspciError),
    /// The benchmark failed.
    #[error("bench: {0}")]
    Bench(#[from] BenchError),
    /// Something could not be made JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Standard output is closed.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}
