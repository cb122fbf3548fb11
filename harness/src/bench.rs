// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! How fast the simulation is, and what of it the harness takes.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use siov_sim::{Model, StopOn};

use crate::pcie::{Direction, TlpEvent, TlpListener};
use crate::rtl::{self, RtlEndpoint};
use crate::scenario::{RunError, Scenario, ScenarioError};

/// Cycles after reset in which the device's firmware starts.
const START_UP: u64 = 20_000;
/// Cycles without traffic that are measured.
const IDLE: u64 = 200_000;
/// Each figure is the best of so many.
const ROUNDS: usize = 5;

/// Simulated cycles per second of processor time, measured in one run on one machine; on a machine
/// that does nothing else this is wall clock time. The figures depend on the machine, their ratios
/// much less.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Figures {
    /// The bare model clocked in C++ with no traffic.
    pub model_idle_cps: f64,
    /// The bare model, with a recorded run played to it inside C++.
    pub model_traffic_cps: f64,
    /// The same run with root complex, IOMMU, drivers and guests.
    pub harness_cps: f64,
    /// `harness_cps` / `model_traffic_cps`.
    pub harness_to_traffic: f64,
    /// `model_traffic_cps` / `model_idle_cps`.
    pub traffic_to_idle: f64,
}

/// The benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No device could be made, or it stopped.
    #[error(transparent)]
    Model(#[from] siov_sim::Error),
    /// The scenario did not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The device did not send the same TLPs when the run was played to it.
    #[error("the device sent {replayed} TLPs in the replay, {recorded} in the run")]
    Differs {
        /// In the replay.
        replayed: u64,
        /// In the run.
        recorded: u64,
    },
}

/// What the host sent in a run, and how much came back.
#[derive(Debug, Default)]
struct Traffic {
    host: Vec<(u64, Vec<u32>)>,
    device_tlps: u64,
}

/// Keeps a run's traffic.
#[derive(Debug, Default)]
struct Tap(Rc<RefCell<Traffic>>);

impl TlpListener for Tap {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let mut traffic = self.0.borrow_mut();
        match event.direction {
            Direction::ToDevice => traffic.host.push((event.cycle.0, event.words.to_vec())),
            Direction::FromDevice => traffic.device_tlps += 1,
        }
        Ok(())
    }
}

/// The scenario whose traffic is measured: 4 KiB moves at full depth.
pub fn built_in() -> Result<Scenario, ScenarioError> {
    const TEXT: &str = include_str!("../../tests/scenarios/throughput_4k.json");
    Scenario::parse("tests/scenarios/throughput_4k.json", TEXT)
}

/// Measures.
pub fn bench(scenario: &Scenario) -> Result<Figures, BenchError> {
    let mut scenario = scenario.clone();
    scenario.host.checker = false;
    let scenario = &scenario;
    let (traffic, cycles) = record(scenario)?;
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        figures.model_idle_cps = figures.model_idle_cps.max(idle(scenario)?);
        let traffic_cps = replay(scenario, &traffic, cycles)?;
        figures.model_traffic_cps = figures.model_traffic_cps.max(traffic_cps);
        figures.harness_cps = figures.harness_cps.max(harness(scenario)?);
    }
    figures.harness_to_traffic = figures.harness_cps / figures.model_traffic_cps;
    figures.traffic_to_idle = figures.model_traffic_cps / figures.model_idle_cps;
    Ok(figures)
}

fn model(scenario: &Scenario) -> Result<Model, BenchError> {
    Ok(Model::new(&rtl::config(
        scenario.device.profile.straps(),
        None,
    ))?)
}

fn endpoint(scenario: &Scenario) -> Result<Box<RtlEndpoint>, BenchError> {
    Ok(Box::new(RtlEndpoint::new(
        scenario.device.profile.straps(),
        None,
    )?))
}

fn record(scenario: &Scenario) -> Result<(Traffic, u64), BenchError> {
    let tap = Tap::default();
    let traffic = Rc::clone(&tap.0);
    let report = scenario.run(endpoint(scenario)?, vec![Box::new(tap)], &|| {})?;
    Ok((traffic.take(), report.totals.cycles))
}

/// What this thread has used of the processor; other programs do not disturb it much.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Cycles per second of clocking `cycles` cycles.
fn clock(model: &mut Model, cycles: u64) -> Result<f64, BenchError> {
    let start = processor_time();
    model.run(cycles, StopOn::default())?;
    Ok(cycles as f64 / (processor_time() - start).as_secs_f64())
}

fn idle(scenario: &Scenario) -> Result<f64, BenchError> {
    let mut model = model(scenario)?;
    model.run(START_UP, StopOn::default())?;
    clock(&mut model, IDLE)
}

fn replay(scenario: &Scenario, traffic: &Traffic, cycles: u64) -> Result<f64, BenchError> {
    let mut model = model(scenario)?;
    model.keep_tlps(false);
    for (ready_at, words) in &traffic.host {
        model.push(*ready_at, words)?;
    }
    let figure = clock(&mut model, cycles)?;
    let replayed = model.digest().tlps;
    match replayed == traffic.device_tlps {
        true => Ok(figure),
        false => Err(BenchError::Differs {
            replayed,
            recorded: traffic.device_tlps,
        }),
    }
}

fn harness(scenario: &Scenario) -> Result<f64, BenchError> {
    let endpoint = endpoint(scenario)?;
    let start = processor_time();
    let report = scenario.run(endpoint, Vec::new(), &|| {})?;
    Ok(report.totals.cycles as f64 / (processor_time() - start).as_secs_f64())
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |ratio: f64| 100.0 * ratio;
        writeln!(f, "simulated cycles per second, best of {ROUNDS}")?;
        writeln!(
            f,
            "  model, no traffic        {:>10.0}",
            self.model_idle_cps
        )?;
        writeln!(
            f,
            "  model, recorded traffic  {:>10.0}  {:.0} % of no traffic",
            self.model_traffic_cps,
            percent(self.traffic_to_idle)
        )?;
        writeln!(
            f,
            "  whole harness, same run  {:>10.0}  {:.0} % of recorded traffic",
            self.harness_cps,
            percent(self.harness_to_traffic)
        )
    }
}
