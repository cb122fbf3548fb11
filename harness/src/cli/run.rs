// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! `siov run`.

use std::io::Write;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use siov_sim::Straps;

use super::error::CliError;
use super::files;
use crate::pcie::TlpListener;
use crate::report::Report;
use crate::rtl::RtlEndpoint;
use crate::scenario::Scenario;
use crate::trace::{JsonlTrace, RecordHeader, RecordWriter};

/// Options of `siov run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario.
    pub file: PathBuf,
    /// Write waves of the whole device, for GTKWave.
    #[arg(long, value_name = "FILE.fst")]
    pub wave: Option<PathBuf>,
    /// Write every TLP as a line of JSON.
    #[arg(long, value_name = "FILE.jsonl")]
    pub trace: Option<PathBuf>,
    /// Record the TLP port, for `siov replay`.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Seed of all random choices, instead of the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Do not check the TLPs against the rules of PCIe.
    #[arg(long)]
    pub no_checker: bool,
}

/// Plays a scenario.
pub fn run(args: &Args) -> Result<(), CliError> {
    let mut scenario = Scenario::load(&args.file)?;
    if let Some(seed) = args.seed {
        scenario.host.seed = seed;
    }
    scenario.host.checker &= !args.no_checker;
    let straps = scenario.device.profile.straps();
    let listeners = listeners(args, &scenario, straps)?;
    let report_file = args.report.as_deref().map(files::create).transpose()?;
    files::check(args.wave.as_deref())?;
    let endpoint = RtlEndpoint::new(straps, args.wave.as_deref())?;

    let bar = progress_bar(scenario.descriptors());
    let played = scenario.run(Box::new(endpoint), listeners, &|| bar.inc(1));
    bar.finish_and_clear();
    let retry = retry(args, &scenario);
    let report = match played {
        Ok(report) => report,
        Err(error) => return Err(CliError::Run { error, retry }),
    };
    if let (Some(file), Some(path)) = (report_file, &args.report) {
        write_report(file, &report).map_err(|source| CliError::Write {
            path: path.clone(),
            source,
        })?;
    }
    files::print(&report.to_string())?;
    match report.failures.len() {
        0 => Ok(()),
        count => Err(CliError::Checks { count, retry }),
    }
}

fn listeners(
    args: &Args,
    scenario: &Scenario,
    straps: Straps,
) -> Result<Vec<Box<dyn TlpListener>>, CliError> {
    let mut listeners: Vec<Box<dyn TlpListener>> = Vec::new();
    if let Some(path) = &args.trace {
        listeners.push(Box::new(JsonlTrace::new(files::create(path)?)));
    }
    if let Some(path) = &args.record {
        let header = RecordHeader {
            build: siov_sim::BUILD_ID.to_owned(),
            straps: straps.words(),
            seed: scenario.host.seed,
        };
        let writer =
            RecordWriter::new(files::create(path)?, &header).map_err(|source| CliError::Write {
                path: path.clone(),
                source,
            })?;
        listeners.push(Box::new(writer));
    }
    Ok(listeners)
}

fn write_report(mut file: impl Write, report: &Report) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut file, report)?;
    writeln!(file)?;
    file.flush()
}

/// A bar on standard error; invisible unless that is a terminal.
fn progress_bar(descriptors: u64) -> ProgressBar {
    const TEMPLATE: &str = "{bar:40} {pos}/{len} descriptors, {elapsed}, {eta} left";
    let style = ProgressStyle::with_template(TEMPLATE);
    ProgressBar::new(descriptors).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The command line that does the same with waves.
fn retry(args: &Args, scenario: &Scenario) -> String {
    format!(
        "siov run {} --seed {} --wave siov.fst",
        args.file.display(),
        scenario.host.seed
    )
}
