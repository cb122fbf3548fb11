// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Playing a scenario: host driver, virtual machines, workloads, and what came of it.

use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::sync::Barrier;

use super::finished::Finished;
use super::tenant::Tenant;
use super::{Scenario, Split};
use crate::endpoint::Endpoint;
use crate::guest::GuestError;
use crate::host::{Driver, DriverError, WqConfig};
use crate::iommu::FaultRecord;
use crate::mem::{Memory, MemoryError};
use crate::pcie::{Host, Knobs, TlpListener};
use crate::report::{DmaFault, Report, SteadyState, Totals};

/// Host memory beside that of guests: tables of the IOMMU.
const HOST_MEMORY: u64 = 16 << 20;

/// A run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The host driver could not go on.
    #[error("host driver: {0}")]
    Driver(#[from] DriverError),
    /// A guest could not go on.
    #[error("guest {vm}, device {vdev}: {source}")]
    Guest {
        /// Its virtual machine.
        vm: String,
        /// Its virtual device.
        vdev: String,
        /// What happened.
        source: GuestError,
    },
    /// There is not enough host memory.
    #[error("host memory: {0}")]
    Memory(#[from] MemoryError),
    /// Simulation stopped.
    #[error(transparent)]
    Simulation(#[from] crate::pcie::RunError),
    /// A trace or record could not be written to its end.
    #[error("cannot finish the trace or record: {0}")]
    Listener(#[from] std::io::Error),
}

impl Scenario {
    /// The root complex's settings.
    pub fn knobs(&self) -> Knobs {
        Knobs {
            seed: self.host.seed,
            latency: self.host.latency.into(),
            jitter: self.host.jitter.into(),
            split_completions: self.host.split == Split::Random,
            mps: self.host.mps,
            mrrs: self.host.mrrs,
            checker: self.host.checker,
            deadlock_after: self.patience(),
            ..Knobs::default()
        }
    }

    /// Silent cycles that are no deadlock yet: the device may be waiting for a completion that a
    /// fault has taken, and its Completion Timeout is longer than anything else.
    fn patience(&self) -> u64 {
        const COMPLETION_TIMEOUT: u64 = 4_000_000;
        match self.faults.is_empty() {
            true => Knobs::default().deadlock_after,
            false => COMPLETION_TIMEOUT,
        }
    }

    /// How many descriptors a run submits.
    pub fn descriptors(&self) -> u64 {
        let vdevs = self.vms.iter().flat_map(|vm| &vm.vdevs);
        vdevs
            .flat_map(|vdev| &vdev.workloads)
            .map(|w| u64::from(w.count))
            .sum()
    }

    /// Plays the scenario on a device. `progress` is called for each descriptor that has ended.
    pub fn run(
        &self,
        endpoint: Box<dyn Endpoint>,
        listeners: Vec<Box<dyn TlpListener>>,
        progress: &dyn Fn(),
    ) -> Result<Report, RunError> {
        let start = Instant::now();
        let guests: u64 = self
            .vms
            .iter()
            .map(|vm| u64::from(vm.memory_kib) << 10)
            .sum();
        let host = Host::new(endpoint, Memory::new(guests + HOST_MEMORY)?, self.knobs());
        for listener in listeners {
            host.add_listener(listener);
        }
        // Listeners are finished after a failed run too: the trace up to there is what one needs.
        let played = host.run(self.play(&host, progress));
        host.finish_listeners()?;
        let mut report = played??;
        report.totals.wall_seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    async fn play(&self, host: &Host, progress: &dyn Fn()) -> Result<Report, RunError> {
        let driver = Driver::probe(host).await?;
        if self.host.ats {
            driver.enable_ats(None).await?;
        }
        let wqs = self.wq_configs();
        driver.configure(&wqs).await?;
        let tenants = Tenant::create_all(self, &driver, &wqs)?;
        for setting in &self.faults {
            host.inject(setting.fault());
        }
        let barrier = Barrier::new(tenants.len());
        let lives = tenants
            .into_iter()
            .map(|tenant| tenant.live(&barrier, progress));
        let finished = try_join_all(lives).await?;
        let errors = aer_errors(host, &driver).await?;
        Ok(self.report(host, &driver, &finished, errors))
    }

    /// One queue for each virtual device, in the order of the scenario.
    fn wq_configs(&self) -> Vec<WqConfig> {
        let vdevs = self.vms.iter().flat_map(|vm| &vm.vdevs);
        (0..)
            .zip(vdevs)
            .map(|(index, vdev)| WqConfig {
                index,
                size: vdev.wq_size,
                priority: vdev.priority,
                group: vdev.group,
            })
            .collect()
    }

    fn report(
        &self,
        host: &Host,
        driver: &Driver,
        finished: &[Finished],
        errors: Vec<&'static str>,
    ) -> Report {
        let completions = finished.iter().flat_map(Finished::completions).collect();
        let steady = SteadyState::of(completions);
        let mut failures: Vec<String> = finished.iter().flat_map(Finished::failures).collect();
        let (interrupt_faults, dma_faults): (Vec<_>, Vec<_>) = driver
            .take_faults()
            .into_iter()
            .partition(|fault| fault.reason.of_interrupt());
        failures.extend(interrupt_faults.iter().map(FaultRecord::to_string));
        failures.extend(host_failures(host, driver));
        let pokes: Vec<_> = finished.iter().flat_map(Finished::poke_reports).collect();
        if pokes.is_empty() && self.faults.is_empty() && !dma_faults.is_empty() {
            let count = dma_faults.len();
            failures.push(format!(
                "the IOMMU has blocked {count} requests of good descriptors"
            ));
        }
        Report {
            vdevs: finished.iter().map(Finished::report).collect(),
            pokes,
            dma_faults: dma_faults.iter().map(DmaFault::from).collect(),
            iommu: host.iommu_counts(),
            injected: host.injected(),
            errors,
            totals: Totals {
                cycles: host.now().0,
                cycles_per_descriptor: steady.cycles_per_descriptor,
                link_efficiency: steady.link_efficiency,
                wall_seconds: 0.0,
                seed: self.host.seed,
            },
            failures,
        }
    }
}

/// Errors in the device's AER status registers, by name.
async fn aer_errors(host: &Host, driver: &Driver) -> Result<Vec<&'static str>, RunError> {
    const AER: u16 = 0x01;
    const UNCORRECTABLE: [(u32, &str); 6] = [
        (12, "poisoned TLP"),
        (14, "completion timeout"),
        (15, "completer abort"),
        (16, "unexpected completion"),
        (18, "malformed TLP"),
        (20, "unsupported request"),
    ];
    let info = driver.info();
    let Some(cap) = info.extended_capability(AER) else {
        return Ok(Vec::new());
    };
    let read = host.config_read32(info.bdf, cap + 4).await;
    let status = read.map_err(DriverError::from)?;
    let set = UNCORRECTABLE
        .iter()
        .filter(|(bit, _)| status >> bit & 1 != 0);
    Ok(set.map(|(_, name)| *name).collect())
}

/// What reached the host and belongs to nobody.
fn host_failures(host: &Host, driver: &Driver) -> Vec<String> {
    let errors = driver.take_unowned_errors().into_iter().map(|error| {
        format!(
            "software error {} of queue {:?} belongs to no guest",
            error.status(),
            error.wq()
        )
    });
    let interrupts = host.take_unclaimed_msis().into_iter().map(|(cycle, msi)| {
        format!(
            "cycle {cycle}: interrupt {:#x} to {:#x} belongs to nobody",
            msi.data, msi.address
        )
    });
    let unexpected = host.stats().unexpected_completions;
    let others = [
        (unexpected > 0).then(|| format!("the device sent {unexpected} unexpected completions")),
        driver.halted().then(|| "the device has halted".to_owned()),
        driver
            .faults_lost()
            .then(|| "the IOMMU has blocked more requests than it could record".to_owned()),
    ];
    errors
        .chain(interrupts)
        .chain(others.into_iter().flatten())
        .collect()
}
