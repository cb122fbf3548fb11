// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One virtual device of a scenario with the guest that uses it: its life from creation to removal.

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::sync::Barrier;

use super::finished::Finished;
use super::run::RunError;
use super::{Scenario, Vdev as VdevConfig};
use crate::guest::{
    Apic, Clock, Driver, GuestError, GuestMemory, Layout, Machine, Outcome, Placement, Progress,
};
use crate::host::{self, DriverError, WqConfig};
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
    /// One for each workload.
    seeds: Vec<u64>,
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
                    config: config.clone(),
                });
            }
        }
        Ok(tenants)
    }

    /// The guest sets up its device, works, and removes it; then the host takes the ADI back. All
    /// tenants meet at `barrier` before and after they work, so that nothing else goes on then.
    pub async fn live(
        self,
        barrier: &Barrier,
        progress: Progress<'_>,
    ) -> Result<Finished, RunError> {
        let in_guest = |source| RunError::Guest {
            vm: self.vm.clone(),
            vdev: self.config.name.clone(),
            source,
        };
        let function = Rc::clone(&self.vdev);
        let driver = Driver::probe(function, self.machine.clone(), &self.placement)
            .await
            .map_err(in_guest)?;
        barrier.wait().await;
        let outcomes = self.work(&driver, progress).await.map_err(in_guest)?;
        barrier.wait().await;
        let stray_error = driver.take_software_error().await.map_err(in_guest)?;
        driver.remove().await.map_err(in_guest)?;
        self.vdev.adi().revoke().await?;
        Ok(Finished {
            interrupts: driver.interrupts(),
            traps: self.vdev.traps(),
            vm: self.vm,
            config: self.config,
            path: self.path,
            memory: self.machine.memory,
            outcomes,
            stray_error,
        })
    }

    /// Workloads one after the other.
    async fn work(
        &self,
        driver: &Driver<Vdev>,
        progress: Progress<'_>,
    ) -> Result<Vec<Vec<Outcome>>, GuestError> {
        let mut outcomes = Vec::new();
        for (workload, &seed) in self.config.workloads.iter().zip(&self.seeds) {
            self.vdev.set_fast_path(true);
            let ended = driver.run(workload, seed, progress).await;
            self.vdev.set_fast_path(false);
            outcomes.push(ended?);
        }
        Ok(outcomes)
    }
}
