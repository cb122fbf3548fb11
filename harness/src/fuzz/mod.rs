// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Random traffic: tenants whose descriptors are good and bad, and noise beside them that no
//! sane host would send. Whatever comes, the device must break no rule, end every descriptor
//! exactly once and rightly, keep tenants apart, and be idle in the end.

mod noise;
mod tally;
mod tenant;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use futures_util::future::{join, try_join_all};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::endpoint::Endpoint;
use crate::faults::{Deed, Fault, Injected, Kind, Match};
use crate::host::{Driver, DriverError, WqConfig};
use crate::mem::{Memory, MemoryError};
use crate::pcie::{AccessError, Host, Knobs};
use tally::Tally;
use tenant::Tenant;

/// Host memory: tenants and tables of the IOMMU.
const MEMORY: u64 = 32 << 20;
const TENANTS: u16 = 6;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// TLPs of the host after which no more descriptors are submitted.
    pub tlps: u64,
    /// Seed of every choice.
    pub seed: u64,
    /// Whether completions of the host fail now and then: UR, CA, poison, and legal reordering.
    pub faults: bool,
    /// Whether the device translates by itself (ATS).
    pub ats: bool,
}

/// The device, or the harness, is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// The run stopped: a rule was broken, an assertion fired, or nothing moved any more.
    #[error(transparent)]
    Run(#[from] crate::pcie::RunError),
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
    /// TLPs of the host.
    pub host_tlps: u64,
    /// TLPs of the device.
    pub device_tlps: u64,
    /// TLPs that the noise sent, by what they are.
    pub noise: BTreeMap<&'static str, u64>,
    /// Descriptors by the status they ended with.
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

/// Plays random traffic on a device.
pub fn run(endpoint: Box<dyn Endpoint>, options: &Options) -> Result<Outcome, FuzzError> {
    let mut dice = Dice::new(options.seed, 0);
    let knobs = Knobs {
        seed: options.seed,
        latency: 50 + dice.below(500),
        jitter: dice.below(200),
        split_completions: dice.one_in(2),
        mps: 128 << dice.below(3),
        mrrs: 128 << dice.below(4),
        ..Knobs::default()
    };
    let host = Host::new(endpoint, Memory::new(MEMORY)?, knobs);
    let tally = Tally::default();
    host.add_listener(Box::new(tally.clone()));
    let mut outcome = host.run(play(&host, &tally, options))??;
    outcome.injected = host.injected();
    outcome.host_tlps = tally.host_tlps();
    outcome.device_tlps = tally.device_tlps();
    outcome.cycles = host.now().0;
    Ok(outcome)
}

async fn play(host: &Host, tally: &Tally, options: &Options) -> Result<Outcome, FuzzError> {
    let driver = Driver::probe(host).await?;
    if options.ats {
        driver.enable_ats(None).await?;
    }
    let wqs: Vec<_> = (0..TENANTS)
        .map(|index| WqConfig {
            index,
            size: 8,
            priority: 1 + index as u8,
            group: 0,
        })
        .collect();
    driver.configure(&wqs).await?;
    let mut tenants = Vec::new();
    for wq in &wqs {
        tenants.push(Tenant::new(&driver, *wq, options.seed).await?);
    }
    if options.faults {
        inject(host);
    }
    let busy = Rc::new(Cell::new(true));
    let ended = || tally.host_tlps() >= options.tlps;
    let work = async {
        let statuses = try_join_all(tenants.iter_mut().map(|tenant| tenant.work(&ended))).await;
        busy.set(false);
        statuses
    };
    let noise = noise::make(host, &driver, tally, options.seed, &busy);
    let (statuses, noise) = join(work, noise).await;
    let mut outcome = Outcome {
        noise: noise?,
        ..Outcome::default()
    };
    for (status, count) in statuses?.into_iter().flatten() {
        *outcome.statuses.entry(status).or_default() += count;
    }
    settle(host, &driver, tally, &tenants, options).await?;
    Ok(outcome)
}

/// Faults that an error status tells of, and such that nobody may notice.
fn inject(host: &Host) {
    let rare = |one_in| Match::new(Kind::ReadCompletion).one_in(one_in);
    for (one_in, deed) in [
        (200, Deed::UnsupportedRequest),
        (200, Deed::CompleterAbort),
        (200, Deed::Poison),
        (20, Deed::Reorder),
    ] {
        let matches = rare(one_in);
        host.inject(Fault { matches, deed });
    }
}

/// Waits until the device has nothing to do, and looks whether all is as it must be.
async fn settle(
    host: &Host,
    driver: &Driver,
    tally: &Tally,
    tenants: &[Tenant],
    options: &Options,
) -> Result<(), FuzzError> {
    const LONG: u64 = 20_000;
    for tenant in tenants {
        tenant.drain().await?;
    }
    host.sleep(LONG).await;
    let wrong = |message: String| Err(FuzzError::Wrong(message));
    if !host.device_idle() {
        return wrong(format!(
            "the device is not idle after {LONG} cycles without work"
        ));
    }
    if driver.halted() {
        return wrong("the device has halted".to_owned());
    }
    if let Some((cycle, msi)) = host.take_unclaimed_msis().first() {
        return wrong(format!(
            "cycle {cycle}: interrupt {msi:x?} belongs to nobody"
        ));
    }
    if let Some(text) = tally.unanswered() {
        return wrong(text);
    }
    tenants.iter().try_for_each(Tenant::verify)?;
    let failing = ["unsupported_request", "completer_abort", "poison"];
    let injected = host.injected();
    let most: u64 = failing.iter().filter_map(|name| injected.get(name)).sum();
    let errors: u64 = tenants.iter().map(Tenant::unexplained).sum();
    if errors > most || !options.faults && errors > 0 {
        return wrong(format!(
            "{errors} good descriptors failed to read, but only {most} completions were made to"
        ));
    }
    Ok(())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptors: u64 = self.statuses.values().sum();
        writeln!(
            f,
            "{} TLPs of the host, {} of the device, {descriptors} descriptors, {} cycles",
            self.host_tlps, self.device_tlps, self.cycles
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
