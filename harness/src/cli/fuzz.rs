// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! `siov fuzz`.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use super::error::CliError;
use super::files;
use crate::fuzz::{self, Options, Outcome, Translation};
use crate::pcie::TlpListener;
use crate::rtl::RtlEndpoint;
use crate::scenario::Profile;
use crate::trace::JsonlTrace;

/// Options of `siov fuzz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// TLPs that the host sends.
    #[arg(long, default_value_t = 1_000_000)]
    pub tlps: u64,
    /// Seed of all random choices; one seed, one run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seeds to try, one after the other, from `--seed` on.
    #[arg(long, default_value_t = 1)]
    pub runs: u64,
    /// Lose, delay, double, reorder, break and refuse no TLP, and withhold no credits.
    #[arg(long)]
    pub no_faults: bool,
    /// Abort and reset nothing while it works.
    #[arg(long)]
    pub no_resets: bool,
    /// How the device's requests are translated; otherwise drawn for each life of the device.
    #[arg(long, value_enum)]
    pub translation: Option<Translation>,
    /// Sizes of the device.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Write every TLP, one JSON object a line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub trace: Option<PathBuf>,
    /// Write waves of the whole device, for GTKWave.
    #[arg(long, value_name = "FILE.fst")]
    pub wave: Option<PathBuf>,
}

/// Plays random traffic.
pub fn fuzz(args: &Args) -> Result<(), CliError> {
    (args.seed..args.seed.saturating_add(args.runs)).try_for_each(|seed| one(args, seed))
}

fn one(args: &Args, seed: u64) -> Result<(), CliError> {
    const STEP: u64 = 100_000;
    let endpoint = RtlEndpoint::new(args.profile.straps(), args.wave.as_deref())?;
    let options = Options {
        tlps: args.tlps,
        seed,
        faults: !args.no_faults,
        resets: !args.no_resets,
        translation: args.translation,
        checker: true,
    };
    let mut listeners: Vec<Box<dyn TlpListener>> = Vec::new();
    if let Some(path) = &args.trace {
        listeners.push(Box::new(JsonlTrace::new(files::create(path)?)));
    }
    let start = Instant::now();
    let mut next = STEP;
    let progress = |so_far: &Outcome| {
        if so_far.host_tlps >= next {
            next = so_far.host_tlps + STEP;
            let Outcome {
                lives,
                host_tlps,
                cycles,
                ..
            } = so_far;
            eprintln!("seed {seed}: {lives} lives, {host_tlps} TLPs of the host, {cycles} cycles");
        }
    };
    let outcome = fuzz::run(Box::new(endpoint), &options, listeners, progress);
    let outcome = outcome.map_err(|source| CliError::Fuzz {
        command: command(args, seed),
        source,
    })?;
    let seconds = start.elapsed().as_secs_f64();
    files::print(&format!(
        "seed {seed}: {outcome}no rule broken, every descriptor ended once and rightly, device \
         idle\n{seconds:.1} seconds, {:.0} host TLPs per second",
        outcome.host_tlps as f64 / seconds
    ))
}

/// What repeats the run of this seed.
fn command(args: &Args, seed: u64) -> String {
    let flag = |given, flag: &str| {
        if given {
            flag.to_owned()
        } else {
            String::new()
        }
    };
    [
        format!("siov fuzz --tlps {} --seed {seed}", args.tlps),
        flag(args.no_faults, " --no-faults"),
        flag(args.no_resets, " --no-resets"),
        option("translation", args.translation),
        option("profile", Some(args.profile)),
    ]
    .concat()
}

fn option<T: ValueEnum>(name: &str, value: Option<T>) -> String {
    let value = value.and_then(|value| value.to_possible_value());
    value.map_or_else(String::new, |value| {
        format!(" --{name} {}", value.get_name())
    })
}
