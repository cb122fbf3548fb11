// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One virtual device of a scenario with the guest that uses it, from creation to report.

use std::cell::RefCell;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::run::RunError;
use super::{Scenario, Vdev as VdevConfig, Workload};
use crate::dsa::Status;
use crate::endpoint::Cycle;
use crate::guest::{
    self, Apic, Clock, GuestError, GuestMemory, Layout, Machine, Outcome, Placement,
};
use crate::host::{self, DriverError, WqConfig};
use crate::report::{Latency, PokeReport, VdevReport, status_name};
use crate::vdcm::Vdev;

/// Random number streams, so that the data of one guest does not depend on what others do.
const MEMORY_STREAM: u64 = 1 << 32;
const WORKLOAD_STREAM: u64 = 2 << 32;

/// Where a virtual machine's firmware places BARs: each device has its own window.
const MMIO_BASE: u64 = 0x80_0000_0000;
const MMIO_WINDOW: u64 = 1 << 20;
const FIRST_VECTOR: u32 = 0x40;
const VECTORS_PER_VDEV: u32 = 2;

/// A virtual device and its guest.
#[derive(Debug)]
pub struct Tenant {
    vm: String,
    config: VdevConfig,
    /// JSON path of the device.
    path: String,
    vdev: Rc<Vdev>,
    machine: Machine,
    placement: Placement,
    seeds: Vec<u64>,
    driver: RefCell<Option<Rc<guest::Driver<Vdev>>>>,
    /// Whether this one checks the machine's memory, which it shares with the others of its VM.
    first_of_vm: bool,
}

/// What a tenant's workloads came to.
#[derive(Debug, Default)]
pub struct Work {
    /// Outcomes of each workload.
    outcomes: Vec<Vec<Outcome>>,
    stray: Option<Status>,
}

impl Tenant {
    /// Makes the virtual machines and composes their devices, each on the next queue of `wqs`.
    pub fn create_all(
        scenario: &Scenario,
        driver: &Rc<host::Driver>,
        wqs: &[WqConfig],
    ) -> Result<Vec<Tenant>, DriverError> {
        let mut wqs = wqs.iter();
        let mut tenants = Vec::new();
        let stream = |stream: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(scenario.host.seed);
            random.set_stream(stream);
            random
        };
        for (i, vm) in scenario.vms.iter().enumerate() {
            let mut space = driver.new_address_space()?;
            let bytes = u64::from(vm.memory_kib) << 10;
            let mut random = stream(MEMORY_STREAM + i as u64);
            let memory = GuestMemory::new(driver.host(), &mut space, bytes, &mut random)?;
            let machine = Machine {
                clock: Clock::new(driver.host()),
                memory: Rc::new(memory),
                apic: Apic::default(),
            };
            for (j, (config, wq)) in vm.vdevs.iter().zip(&mut wqs).enumerate() {
                let (adi, errors) = driver.assign(*wq, &space)?;
                let mut random = stream(WORKLOAD_STREAM + u64::from(wq.index));
                tenants.push(Tenant {
                    vm: vm.name.clone(),
                    path: format!("vms[{i}].vdevs[{j}]"),
                    vdev: Vdev::new(adi, errors, machine.apic.clone())?,
                    machine: machine.clone(),
                    placement: Placement {
                        mmio_base: MMIO_BASE + j as u64 * MMIO_WINDOW,
                        first_vector: FIRST_VECTOR + j as u32 * VECTORS_PER_VDEV,
                        layout: Layout::of_vdev(vm, j),
                    },
                    seeds: config.workloads.iter().map(|_| random.next_u64()).collect(),
                    driver: RefCell::default(),
                    first_of_vm: j == 0,
                    config: config.clone(),
                });
            }
        }
        Ok(tenants)
    }

    /// The guest's driver finds the device and enables it.
    pub async fn set_up(&self) -> Result<(), RunError> {
        let function = Rc::clone(&self.vdev);
        let driver = guest::Driver::probe(function, self.machine.clone(), &self.placement).await;
        let driver = driver.map_err(|source| self.guest_error(source))?;
        self.driver.replace(Some(Rc::new(driver)));
        Ok(())
    }

    /// The guest runs its workloads, one after the other.
    pub async fn work(&self, progress: &dyn Fn()) -> Result<Work, RunError> {
        self.try_work(progress)
            .await
            .map_err(|source| self.guest_error(source))
    }

    async fn try_work(&self, progress: &dyn Fn()) -> Result<Work, GuestError> {
        let mut work = Work::default();
        let Some(driver) = self.driver() else {
            return Ok(work);
        };
        for (workload, &seed) in self.config.workloads.iter().zip(&self.seeds) {
            self.vdev.set_fast_path(true);
            let outcomes = driver.run(workload, seed, progress).await;
            self.vdev.set_fast_path(false);
            work.outcomes.push(outcomes?);
        }
        work.stray = driver.stray_error().await?;
        Ok(work)
    }

    /// The guest disables its device, and the host takes the ADI back.
    pub async fn tear_down(&self) -> Result<(), RunError> {
        if let Some(driver) = self.driver() {
            driver
                .remove()
                .await
                .map_err(|source| self.guest_error(source))?;
        }
        self.vdev.adi().revoke().await?;
        Ok(())
    }

    fn driver(&self) -> Option<Rc<guest::Driver<Vdev>>> {
        self.driver.borrow().clone()
    }

    fn guest_error(&self, source: GuestError) -> RunError {
        RunError::Guest {
            vm: self.vm.clone(),
            vdev: self.config.name.clone(),
            source,
        }
    }

    /// The device's line of the report.
    pub fn report(&self, work: &Work) -> VdevReport {
        let all = || work.outcomes.iter().flatten();
        let latencies = self
            .measured(work)
            .map(|o| o.completed - o.submitted)
            .collect();
        VdevReport {
            vm: self.vm.clone(),
            vdev: self.config.name.clone(),
            descriptors: all().count() as u64,
            bytes: all().map(|o| o.bytes).sum(),
            errors: all().filter(|o| o.status != Status::SUCCESS).count() as u64,
            interrupts: self.driver().map_or(0, |driver| driver.interrupts()),
            latency_cycles: Latency::of(latencies),
            traps: self.vdev.traps(),
        }
    }

    /// Outcomes of descriptors that were not broken on purpose.
    fn measured<'a>(&'a self, work: &'a Work) -> impl Iterator<Item = &'a Outcome> {
        self.config
            .workloads
            .iter()
            .zip(&work.outcomes)
            .filter(|(workload, _)| workload.poke.is_none())
            .flat_map(|(_, outcomes)| outcomes)
    }

    /// When descriptors that were not broken on purpose ended, and what they moved.
    pub fn completions<'a>(&'a self, work: &'a Work) -> impl Iterator<Item = (Cycle, u64)> + 'a {
        self.measured(work).map(|o| (o.completed, o.bytes))
    }

    /// Descriptors that were broken on purpose.
    pub fn poke_reports(&self, work: &Work) -> Vec<PokeReport> {
        let mut reports = Vec::new();
        for (path, workload, outcomes) in self.workloads(work) {
            let Some(poke) = &workload.poke else { continue };
            let text = serde_json::to_string(poke).unwrap_or_default();
            let text = text
                .replace(['{', '}', '"'], "")
                .replace(',', ", ")
                .replace(':', " ");
            reports.extend(outcomes.iter().map(|outcome| {
                PokeReport::new(&self.vm, &self.config.name, &path, text.clone(), outcome)
            }));
        }
        reports
    }

    fn workloads<'a>(
        &'a self,
        work: &'a Work,
    ) -> impl Iterator<Item = (String, &'a Workload, &'a [Outcome])> {
        let both = self.config.workloads.iter().zip(&work.outcomes).enumerate();
        both.map(|(i, (workload, outcomes))| {
            (
                format!("{}.workloads[{i}]", self.path),
                workload,
                outcomes.as_slice(),
            )
        })
    }

    /// What is not as the scenario expects.
    pub fn failures(&self, work: &Work) -> Vec<String> {
        let mut failures = Vec::new();
        for (path, workload, outcomes) in self.workloads(work) {
            let expected = workload.expect.0;
            let wrong: Vec<_> = outcomes.iter().filter(|o| o.status != expected).collect();
            if let Some(first) = wrong.first() {
                failures.push(format!(
                    "{path}: {} of {} descriptors ended otherwise than expected; the first with `{}`, expected `{}`",
                    wrong.len(),
                    outcomes.len(),
                    status_name(first.status),
                    status_name(expected),
                ));
            }
        }
        let path = &self.path;
        if let Some(status) = work.stray {
            failures.push(format!("{path}: software error {status} without a reason"));
        }
        let wanted = work
            .outcomes
            .iter()
            .flatten()
            .filter(|o| o.interrupts)
            .count() as u64;
        let found = self.driver().map_or(0, |driver| driver.interrupts());
        if wanted != found {
            failures.push(format!(
                "{path}: {found} completion interrupts came, expected {wanted}"
            ));
        }
        if self.first_of_vm
            && let Err(error) = self.machine.memory.verify_all()
        {
            failures.push(format!("{path}: memory after the run: {error}"));
        }
        failures
    }
}
