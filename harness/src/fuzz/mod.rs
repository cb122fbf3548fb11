// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Random traffic: tenants whose descriptors are good and bad, owners who drain, abort, reset and
//! unmap them meanwhile, faults at the port, and noise that no sane host would send. Whatever comes,
//! the device must break no rule, end every descriptor exactly once and as is foreseen, keep
//! tenants apart, and be idle in the end.
//!
//! A run consists of lives of the device, one after the other: each begins with the host driver's
//! probe and ends with a drain or a reset.
//!
//! Each fault that is put in is known by the request that it hit, and so by its tenant and
//! descriptor. Hence what may come of each descriptor is known: one that nothing has hit must
//! succeed, and one whose read was hit must fail.

mod bells;
mod estate;
mod gate;
mod job;
mod life;
mod noise;
mod owner;
mod tally;
mod tenant;
#[cfg(test)]
mod tests;
mod trouble;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::endpoint::Endpoint;
use crate::faults::Injected;
use crate::host::DriverError;
use crate::mem::{Memory, MemoryError};
use crate::pcie::{AccessError, Host, Knobs, RunError, TlpListener};
use estate::Estate;
use life::Plan;
use tally::Tally;

/// Host memory: tenants, and tables of the IOMMU for each life.
const MEMORY: u64 = 1 << 30;
const TENANTS: u16 = 6;

/// How the device's requests are translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Translation {
    /// By the IOMMU, on their way.
    None,
    /// By the device, which asks for translations (ATS).
    Ats,
    /// The same, and it asks for pages (PRI).
    Pri,
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// TLPs of the host after which no further life begins.
    pub tlps: u64,
    /// Seed of every choice.
    pub seed: u64,
    /// Whether TLPs are lost, late, doubled, reordered, broken or refused at the port, and credits
    /// withheld.
    pub faults: bool,
    /// Whether queues and the device are aborted and reset under load.
    pub resets: bool,
    /// How requests are translated; each life draws if it is not said.
    pub translation: Option<Translation>,
    /// Whether the protocol checker judges, too.
    pub checker: bool,
}

/// The device, or the harness, is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// The run stopped: a rule was broken, an assertion fired, or nothing moved any more.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The host driver could not go on.
    #[error("host driver: {0}")]
    Driver(#[from] DriverError),
    /// An access of the host failed.
    #[error("host: {0}")]
    Access(#[from] AccessError),
    /// There is not enough host memory.
    #[error("host memory: {0}")]
    Memory(#[from] MemoryError),
    /// An invariant does not hold.
    #[error("{0}")]
    Wrong(String),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Lives of the device.
    pub lives: u64,
    /// TLPs of the host.
    pub host_tlps: u64,
    /// TLPs of the device.
    pub device_tlps: u64,
    /// TLPs that the noise sent, by what they are.
    pub noise: BTreeMap<&'static str, u64>,
    /// Descriptors by the status they ended with; 0 for those that were thrown away.
    pub statuses: BTreeMap<u8, u64>,
    /// Faults put in.
    pub injected: Injected,
    /// Cycles simulated.
    pub cycles: u64,
}

/// Numbers that everybody draws from a stream of their own.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// 0 to `below` - 1.
    fn below(&mut self, below: u64) -> u64 {
        self.0.next_u64() % below.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn long(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn word(&mut self) -> u32 {
        self.0.next_u32()
    }
}

/// Plays random traffic on a device, before these listeners. Calls `alive` after each life with
/// what has come so far.
pub fn run(
    endpoint: Box<dyn Endpoint>,
    options: &Options,
    listeners: Vec<Box<dyn TlpListener>>,
    mut alive: impl FnMut(&Outcome),
) -> Result<Outcome, FuzzError> {
    const SHORTEST: u64 = 3_000;
    const LONGEST: u64 = 30_000;
    let mut dice = Dice::new(options.seed, 0);
    let host = Host::new(endpoint, Memory::new(MEMORY)?, knobs(options, &mut dice));
    let tally = Tally::default();
    host.add_listener(Box::new(tally.clone()));
    for listener in listeners {
        host.add_listener(listener);
    }
    if options.faults {
        trouble::inject(&host);
    }
    let estates: Result<Vec<_>, _> = (0..TENANTS)
        .map(|index| Estate::new(host.memory(), index).map(Rc::new))
        .collect();
    let estates = estates?;
    let mut outcome = Outcome::default();
    while outcome.host_tlps < options.tlps {
        let modes = [Translation::None, Translation::Ats, Translation::Pri];
        let mode = modes[dice.below(3) as usize];
        let length = SHORTEST + dice.below(LONGEST - SHORTEST);
        let plan = Plan {
            seed: options.seed,
            number: outcome.lives,
            until: (outcome.host_tlps + length).min(options.tlps),
            mode: options.translation.unwrap_or(mode),
            faults: options.faults,
            resets: options.resets,
        };
        let life = host.run(life::live(&host, &tally, &estates, plan))??;
        outcome.lives += 1;
        outcome.host_tlps = tally.host_tlps();
        outcome.device_tlps = tally.device_tlps();
        outcome.cycles = host.now().0;
        outcome.injected = host.injected();
        for (what, count) in life.noise {
            *outcome.noise.entry(what).or_default() += count;
        }
        for (status, count) in life.statuses {
            *outcome.statuses.entry(status).or_default() += count;
        }
        alive(&outcome);
    }
    host.finish_listeners().map_err(RunError::from)?;
    Ok(outcome)
}

/// A host as PCIe allows it. Its answers come early enough for the shortest completion timeout.
fn knobs(options: &Options, dice: &mut Dice) -> Knobs {
    /// More than the reads take that may use what is invalidated, even if they time out.
    const INVALIDATION_TIMEOUT: u64 = 40_000;
    Knobs {
        seed: options.seed,
        checker: options.checker,
        invalidation_timeout: INVALIDATION_TIMEOUT,
        latency: 50 + dice.below(400),
        translation_latency: 50 + dice.below(400),
        jitter: dice.below(150),
        split_completions: dice.one_in(2),
        mps: 128 << dice.below(3),
        mrrs: 128 << dice.below(4),
        ..Knobs::default()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptors: u64 = self.statuses.values().sum();
        writeln!(
            f,
            "{} lives, {} TLPs of the host, {} of the device, {descriptors} descriptors, {} cycles",
            self.lives, self.host_tlps, self.device_tlps, self.cycles
        )?;
        for (status, count) in &self.statuses {
            writeln!(f, "  status {status:#04x}: {count} descriptors")?;
        }
        for (what, count) in &self.noise {
            writeln!(f, "  noise: {count} x {what}")?;
        }
        for (what, count) in &self.injected {
            writeln!(f, "  fault: {count} x {what}")?;
        }
        Ok(())
    }
}
