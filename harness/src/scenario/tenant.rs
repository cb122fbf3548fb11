// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One virtual device of a scenario with the guest that uses it: its life from creation to removal.

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::finished::Finished;
use super::hypervisor::Hypervisor;
use super::run::RunError;
use super::stage::Stage;
use super::{HostDeed, Scenario, Vdev as VdevConfig};
use crate::guest::{Driver, GuestError, Layout, Machine, Outcome, Placement, Progress, Work};
use crate::pcie::Host;
use crate::vdcm::Vdev;

/// Random number streams, so that the data of one guest does not depend on what others do.
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
    /// One for each workload.
    seeds: Vec<u64>,
    start_after: u64,
    /// The device may be reset.
    resets: bool,
}

/// What the guest has come to.
#[derive(Debug, Default)]
struct Account {
    outcomes: Vec<Vec<Outcome>>,
    /// Descriptors lost to each reset.
    lost: Vec<u64>,
    /// Completion interrupts of descriptors that had ended, lost to resets.
    interrupts_lost: u64,
}

impl Account {
    /// Completion interrupts that must have come, those lost included.
    fn interrupts(&self) -> u64 {
        let outcomes = self.outcomes.iter().flatten();
        outcomes.filter(|outcome| outcome.interrupts).count() as u64
    }
}

impl Tenant {
    /// A guest for each virtual device.
    pub fn create_all(scenario: &Scenario, hypervisor: &Hypervisor<'_>) -> Vec<Tenant> {
        let resets = scenario.host.events.iter();
        let resets = resets.filter(|event| event.deed == HostDeed::Flr).count() > 0;
        let mut vdevs = (0..).zip(hypervisor.vdevs());
        let mut tenants = Vec::new();
        for (i, machine) in hypervisor.machines().iter().enumerate() {
            let vm = machine.config();
            for (j, (config, (number, vdev))) in vm.vdevs.iter().zip(&mut vdevs).enumerate() {
                let mut random = ChaCha8Rng::seed_from_u64(scenario.host.seed);
                random.set_stream(WORKLOAD_STREAM + number);
                tenants.push(Tenant {
                    vm: vm.name.clone(),
                    path: format!("vms[{i}].vdevs[{j}]"),
                    vdev: Rc::clone(vdev),
                    machine: machine.machine().clone(),
                    placement: Placement {
                        mmio_base: MMIO_BASE + j as u64 * MMIO_WINDOW,
                        first_vector: FIRST_VECTOR + j as u32 * VECTORS_PER_VDEV,
                        layout: Layout::of_vdev(vm, j),
                    },
                    seeds: config.workloads.iter().map(|_| random.next_u64()).collect(),
                    config: config.clone(),
                    start_after: vm.start_after,
                    resets,
                });
            }
        }
        tenants
    }

    /// The guest sets up its device, works, and removes it; then the host takes the ADI back. All
    /// tenants meet before and after they work, so that nothing else goes on then.
    pub async fn live(
        self,
        host: &Host,
        stage: &Stage,
        progress: Progress<'_>,
    ) -> Result<Finished, RunError> {
        let in_guest = |source| RunError::Guest {
            vm: self.vm.clone(),
            vdev: self.config.name.clone(),
            source,
        };
        let mut driver = self.probe().await.map_err(in_guest)?;
        stage.ready().await;
        if self.start_after > 0 {
            host.sleep(self.start_after).await;
        }
        let work = self.work(&mut driver, stage, progress).await;
        let account = work.map_err(in_guest)?;
        stage.done();
        self.stand_by(&mut driver, stage).await.map_err(in_guest)?;
        let stray_error = driver.take_software_error().await.map_err(in_guest)?;
        driver.remove().await.map_err(in_guest)?;
        let adi = self.vdev.adi();
        adi.revoke().await?;
        Ok(Finished {
            interrupts: driver.interrupts(),
            interrupts_lost: account.interrupts_lost,
            lost: account.lost,
            pasid: adi.pasid(),
            traps: self.vdev.traps(),
            vm: self.vm,
            config: self.config,
            path: self.path,
            memory: self.machine.memory,
            outcomes: account.outcomes,
            stray_error,
        })
    }

    async fn probe(&self) -> Result<Driver<Vdev>, GuestError> {
        let function = Rc::clone(&self.vdev);
        Driver::probe(function, self.machine.clone(), &self.placement).await
    }

    /// Workloads one after the other. Whenever the device is lost, the rest goes on with a new
    /// driver.
    async fn work(
        &self,
        driver: &mut Driver<Vdev>,
        stage: &Stage,
        progress: Progress<'_>,
    ) -> Result<Account, GuestError> {
        let mut account = Account::default();
        for (workload, &seed) in self.config.workloads.iter().zip(&self.seeds) {
            let work = Work::new(workload, seed);
            while !self.run(driver, &work, progress).await? {
                account.lost.push(work.lose(&self.machine.memory)?);
                let expected = account.interrupts() + work.interrupts();
                account.interrupts_lost = expected.saturating_sub(driver.interrupts());
                self.recover(driver, stage).await?;
            }
            account.outcomes.push(work.into_outcomes());
        }
        Ok(account)
    }

    /// Runs a workload to its end, or until the device is lost: then false.
    async fn run(
        &self,
        driver: &Driver<Vdev>,
        work: &Work<'_>,
        progress: Progress<'_>,
    ) -> Result<bool, GuestError> {
        self.vdev.set_fast_path(true);
        let ended = tokio::select! {
            biased;
            halted = driver.halted(), if self.resets => halted.map(|()| false),
            ended = driver.run(work, progress) => ended.map(|()| true),
        };
        self.vdev.set_fast_path(false);
        ended
    }

    /// Resets the halted device and drives it again.
    async fn recover(&self, driver: &mut Driver<Vdev>, stage: &Stage) -> Result<(), GuestError> {
        driver.reset_function().await?;
        *driver = self.probe().await?;
        stage.recovered();
        Ok(())
    }

    /// Waits for the others, with the work done.
    async fn stand_by(&self, driver: &mut Driver<Vdev>, stage: &Stage) -> Result<(), GuestError> {
        loop {
            tokio::select! {
                biased;
                () = stage.until_over() => return Ok(()),
                halted = driver.halted(), if self.resets => halted?,
            }
            self.recover(driver, stage).await?;
        }
    }
}
