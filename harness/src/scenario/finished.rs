// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What came of a virtual device and its guest.

use std::rc::Rc;

use super::{Vdev as VdevConfig, Workload};
use crate::dsa::Status;
use crate::endpoint::Cycle;
use crate::guest::{GuestMemory, Outcome};
use crate::pcie::Pasid;
use crate::report::{Latency, Paces, PokeReport, Span, SteadyState, VdevReport, status_name};
use crate::vdcm::Traps;

/// A virtual device after its removal, with all that is known of it.
#[derive(Debug)]
pub struct Finished {
    /// Name of the virtual machine.
    pub vm: String,
    /// What the scenario says of the device.
    pub config: VdevConfig,
    /// JSON path of the device in the scenario.
    pub path: String,
    /// Memory of the virtual machine.
    pub memory: Rc<GuestMemory>,
    /// Outcomes of each workload.
    pub outcomes: Vec<Vec<Outcome>>,
    /// Descriptors that were lost to each reset of the function that met the guest at work.
    pub lost: Vec<u64>,
    /// Completion interrupts of descriptors that had ended, lost in the same way.
    pub interrupts_lost: u64,
    /// PASID of its requests.
    pub pasid: Pasid,
    /// A software error that no workload has asked for.
    pub stray_error: Option<Status>,
    /// Completion interrupts that the guest got.
    pub interrupts: u64,
    /// Accesses of the guest that trapped.
    pub traps: Traps,
}

impl Finished {
    /// The device's line of the report.
    pub fn report(&self) -> VdevReport {
        let all = || self.outcomes.iter().flatten();
        let latencies = self.measured().map(|o| o.completed - o.submitted);
        VdevReport {
            vm: self.vm.clone(),
            vdev: self.config.name.clone(),
            descriptors: all().count() as u64 + self.lost(),
            lost: self.lost(),
            page_requests: None,
            beside_page_requests: None,
            bytes: all().map(|o| o.bytes).sum(),
            errors: all().filter(|o| o.status != Status::SUCCESS).count() as u64,
            interrupts: self.interrupts,
            latency_cycles: Latency::of(latencies.collect()),
            traps: self.traps,
        }
    }

    /// Descriptors that were lost to resets.
    pub fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// When descriptors that were not broken on purpose ended, and what they moved.
    pub fn completions(&self) -> impl Iterator<Item = (Cycle, u64)> {
        self.measured().map(|o| (o.completed, o.bytes))
    }

    /// How fast it was before a span of time and in it, if enough descriptors ended in both to say
    /// so, and all of them are alike.
    pub fn paces(&self, span: Span) -> Option<Paces> {
        const ENOUGH: usize = 16;
        if self.config.workloads.len() != 1 {
            return None;
        }
        let pace = |from: Cycle, until: Cycle| {
            let within = |cycle: &Cycle| (from..until).contains(cycle);
            let ended: Vec<_> = self.completions().filter(|(at, _)| within(at)).collect();
            let enough = ended.len() >= ENOUGH;
            enough.then(|| SteadyState::of(ended).cycles_per_descriptor)
        };
        Some(Paces {
            before: pace(Cycle(0), span.first)?,
            meanwhile: pace(span.first, span.last)?,
        })
    }

    /// Outcomes of descriptors that were not broken on purpose.
    fn measured(&self) -> impl Iterator<Item = &Outcome> {
        self.workloads()
            .filter(|(_, workload, _)| workload.poke.is_none())
            .flat_map(|(_, _, outcomes)| outcomes)
    }

    /// Descriptors that were broken on purpose.
    pub fn poke_reports(&self) -> Vec<PokeReport> {
        let mut reports = Vec::new();
        for (index, workload, outcomes) in self.workloads() {
            let Some(poke) = &workload.poke else { continue };
            reports.extend(outcomes.iter().map(|outcome| PokeReport {
                vm: self.vm.clone(),
                vdev: self.config.name.clone(),
                workload: self.workload_path(index),
                poke: poke.to_string(),
                status: status_name(outcome.status),
                code: outcome.status.code(),
                via: outcome.via,
            }));
        }
        reports
    }

    /// Workloads with their index and outcomes.
    fn workloads(&self) -> impl Iterator<Item = (usize, &Workload, &[Outcome])> {
        let both = self.config.workloads.iter().zip(&self.outcomes).enumerate();
        both.map(|(index, (workload, outcomes))| (index, workload, outcomes.as_slice()))
    }

    fn workload_path(&self, index: usize) -> String {
        format!("{}.workloads[{index}]", self.path)
    }

    /// What is not as the scenario expects. Devices of one virtual machine share its memory, so
    /// one that is wrong shows in each of them.
    pub fn failures(&self) -> Vec<String> {
        let path = &self.path;
        let mut failures: Vec<String> = self
            .workloads()
            .filter_map(|(index, workload, outcomes)| {
                let wrong = unexpected(workload, outcomes)?;
                Some(format!("{}: {wrong}", self.workload_path(index)))
            })
            .collect();
        if let Some(status) = self.stray_error {
            failures.push(format!("{path}: software error {status} without a reason"));
        }
        let wanted = self
            .outcomes
            .iter()
            .flatten()
            .filter(|o| o.interrupts)
            .count() as u64
            - self.interrupts_lost;
        if wanted != self.interrupts {
            let found = self.interrupts;
            failures.push(format!(
                "{path}: {found} completion interrupts came, expected {wanted}"
            ));
        }
        if let Err(error) = self.memory.verify_all() {
            failures.push(format!("{path}: memory after the run: {error}"));
        }
        failures
    }
}

/// How descriptors ended otherwise than expected, if any did.
fn unexpected(workload: &Workload, outcomes: &[Outcome]) -> Option<String> {
    let expected = workload.expect.0;
    let tolerated = |status| workload.tolerate.iter().any(|other| other.0 == status);
    let wrong = || {
        let others = outcomes.iter().filter(|o| o.status != expected);
        others.filter(|o| !tolerated(o.status))
    };
    let first = wrong().next()?;
    Some(format!(
        "{} of {} descriptors ended otherwise than with `{}`, the first with `{}`",
        wrong().count(),
        outcomes.len(),
        status_name(expected),
        status_name(first.status),
    ))
}
