// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! `siov fuzz`.

use std::path::PathBuf;
use std::time::Instant;

use super::error::CliError;
use super::files;
use crate::fuzz::{self, Options};
use crate::rtl::RtlEndpoint;
use crate::scenario::Profile;

/// Options of `siov fuzz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// TLPs that the host sends.
    #[arg(long, default_value_t = 1_000_000)]
    pub tlps: u64,
    /// Seed of all random choices; one seed, one run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Let no completion of the host fail.
    #[arg(long)]
    pub no_faults: bool,
    /// Let the device translate by itself (ATS).
    #[arg(long)]
    pub ats: bool,
    /// Sizes of the device.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Write waves of the whole device, for GTKWave.
    #[arg(long, value_name = "FILE.fst")]
    pub wave: Option<PathBuf>,
}

/// Plays random traffic.
pub fn fuzz(args: &Args) -> Result<(), CliError> {
    let endpoint = RtlEndpoint::new(args.profile.straps(), args.wave.as_deref())?;
    let options = Options {
        tlps: args.tlps,
        seed: args.seed,
        faults: !args.no_faults,
        ats: args.ats,
    };
    let start = Instant::now();
    let outcome = fuzz::run(Box::new(endpoint), &options).map_err(|source| CliError::Fuzz {
        seed: args.seed,
        source,
    })?;
    let seconds = start.elapsed().as_secs_f64();
    files::print(&format!(
        "{outcome}no rule broken, every descriptor ended once and rightly, device idle\n\
         {seconds:.1} seconds, {:.0} host TLPs per second",
        outcome.host_tlps as f64 / seconds
    ))
}
