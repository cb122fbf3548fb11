// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Playing a scenario: host driver, virtual machines, workloads, and what came of it.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::{try_join_all, try_join3};

use super::finished::Finished;
use super::hypervisor::Hypervisor;
use super::stage::Stage;
use super::story::Facts;
use super::tenant::Tenant;
use super::{Paging, Scenario, Split, events};
use crate::endpoint::Endpoint;
use crate::guest::{GuestError, GuestMemory, GuestMemoryError};
use crate::host::DriverError;
use crate::iommu::FaultRecord;
use crate::mem::{Memory, MemoryError};
use crate::pcie::{Host, Knobs, TlpListener};
use crate::report::{
    AerError, DmaFault, ErrorMessages, Report, SteadyState, Totals, VdevReport, Wire, status_name,
};

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
    /// A page could not be moved, or somebody has used a page that was moved away.
    #[error("moving a page: {0}")]
    Page(#[from] GuestMemoryError),
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
        let guests = self.vms.iter().map(|vm| {
            let own = u64::from(vm.memory_kib) << 10;
            match vm.paging {
                Paging::OnDemand => own + GuestMemory::SPARE,
                Paging::Pinned | Paging::Refused => own,
            }
        });
        let guests: u64 = guests.sum();
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
        let wire = Wire::default();
        if self.host.ats {
            host.add_listener(Box::new(wire.clone()));
        }
        let hypervisor = Hypervisor::start(self, host, wire.clone()).await?;
        let tenants = Tenant::create_all(self, &hypervisor);
        let stage = Stage::new(tenants.len());
        let begin = async {
            stage.begun().await;
            for setting in &self.faults {
                host.inject(setting.fault());
            }
            Ok(host.now())
        };
        let progress = || {
            stage.descriptor_ended();
            progress();
        };
        let lives = tenants
            .into_iter()
            .map(|tenant| tenant.live(host, &stage, &progress));
        let events = events::carry_out(&self.host.events, host, &hypervisor, &stage);
        let (begun, done, finished) = try_join3(begin, events, try_join_all(lives)).await?;
        let errors = AerError::read(host, hypervisor.driver().info()).await;
        let errors = errors.map_err(DriverError::from)?;
        let facts = Facts {
            scenario: self,
            begun,
            finished: &finished,
            done: &done,
            wire: &wire.counts(),
            injected: &host.injected(),
        };
        Ok(self.report(host, &hypervisor, &facts, errors))
    }

    fn report(
        &self,
        host: &Host,
        hypervisor: &Hypervisor<'_>,
        facts: &Facts<'_>,
        errors: Vec<AerError>,
    ) -> Report {
        let finished = facts.finished;
        let completions = finished.iter().flat_map(Finished::completions).collect();
        let steady = SteadyState::of(completions);
        let mut failures: Vec<String> = finished.iter().flat_map(Finished::failures).collect();
        let (interrupt_faults, dma_faults): (Vec<_>, Vec<_>) = hypervisor
            .take_faults()
            .into_iter()
            .partition(|fault| fault.reason.of_interrupt());
        failures.extend(interrupt_faults.iter().map(FaultRecord::to_string));
        failures.extend(host_failures(host, hypervisor));
        failures.extend(facts.broken_promises());
        let pokes: Vec<_> = finished.iter().flat_map(Finished::poke_reports).collect();
        if pokes.is_empty() && self.faults.is_empty() && !dma_faults.is_empty() {
            let count = dma_faults.len();
            failures.push(format!(
                "the IOMMU has blocked {count} requests of good descriptors"
            ));
        }
        let wire = facts.wire;
        Report {
            story: facts.story(),
            vdevs: finished
                .iter()
                .map(|guest| VdevReport {
                    page_requests: self.host.pri.map(|_| {
                        let counts = wire.page_requests_of.get(&guest.pasid);
                        counts.copied().unwrap_or_default()
                    }),
                    beside_page_requests: facts.paces(guest),
                    ..guest.report()
                })
                .collect(),
            statuses: statuses(finished),
            pokes,
            dma_faults: dma_faults.iter().map(DmaFault::from).collect(),
            translations: self.host.ats.then_some(wire.translations),
            page_requests: self.host.pri.map(|_| wire.page_requests),
            invalidations: self.host.ats.then_some(wire.invalidations),
            iommu: host.iommu_counts(),
            injected: host.injected(),
            errors,
            error_messages: ErrorMessages::of(&host.take_messages()),
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

/// Descriptors by the name of their status.
fn statuses(finished: &[Finished]) -> BTreeMap<String, u64> {
    let mut statuses = BTreeMap::new();
    let outcomes = finished.iter().flat_map(|guest| guest.outcomes.iter());
    for outcome in outcomes.flatten() {
        *statuses.entry(status_name(outcome.status)).or_default() += 1;
    }
    statuses
}

/// What reached the host and belongs to nobody.
fn host_failures(host: &Host, hypervisor: &Hypervisor<'_>) -> Vec<String> {
    let driver = hypervisor.driver();
    let errors = hypervisor.take_unowned_errors().into_iter().map(|error| {
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
        hypervisor
            .faults_lost()
            .then(|| "the IOMMU has blocked more requests than it could record".to_owned()),
    ];
    errors
        .chain(interrupts)
        .chain(others.into_iter().flatten())
        .collect()
}
