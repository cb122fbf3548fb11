// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a run has shown: for people as a table, for programs as JSON.

mod aer;
mod counts;
mod text;
mod translation;
mod wire;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dsa::Status;
use crate::endpoint::Cycle;
use crate::faults::Injected;
use crate::guest::Via;
use crate::iommu::{Counts, FaultRecord};
use crate::vdcm::Traps;
pub use aer::{AerError, ErrorMessages};
pub(crate) use text::grouped;
pub use translation::{Durations, Invalidations, PageRequests, Span, Translations};
pub use wire::{Wire, WireCounts};

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What happened, in words, in order.
    pub story: Vec<String>,
    /// Virtual devices, in the order of the scenario.
    pub vdevs: Vec<VdevReport>,
    /// Descriptors by the status they ended with.
    pub statuses: BTreeMap<String, u64>,
    /// Descriptors that were broken on purpose.
    pub pokes: Vec<PokeReport>,
    /// DMA that the IOMMU has blocked.
    pub dma_faults: Vec<DmaFault>,
    /// Translation Requests, and use of what they gave; absent without ATS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translations: Option<Translations>,
    /// Page requests; absent without PRI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_requests: Option<PageRequests>,
    /// Invalidations of the device's translations; absent without ATS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalidations: Option<Invalidations>,
    /// What the IOMMU has done; `faults` by reason.
    pub iommu: Counts,
    /// Faults put into the traffic, by what they did.
    pub injected: Injected,
    /// Errors that the device's AER registers hold.
    pub errors: Vec<AerError>,
    /// Error messages of the device.
    pub error_messages: ErrorMessages,
    /// The run as a whole.
    pub totals: Totals,
    /// What was not as it must be; empty after a good run.
    pub failures: Vec<String>,
}

/// One virtual device.
#[derive(Clone, Debug, Serialize)]
pub struct VdevReport {
    /// Its virtual machine.
    pub vm: String,
    /// Its name.
    pub vdev: String,
    /// Descriptors submitted.
    pub descriptors: u64,
    /// Bytes that descriptors moved.
    pub bytes: u64,
    /// Descriptors that ended other than with success.
    pub errors: u64,
    /// Descriptors that did not end, because the function was reset.
    pub lost: u64,
    /// Page requests for it; absent without PRI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_requests: Option<PageRequests>,
    /// How fast it was beside page requests of others; absent if there were none, or too few of its
    /// own descriptors to say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_page_requests: Option<Paces>,
    /// Completion interrupts that the guest got.
    pub interrupts: u64,
    /// From the submission of a descriptor until the guest knows that it has ended.
    pub latency_cycles: Latency,
    /// Accesses of the guest that trapped.
    pub traps: Traps,
}

/// Cycles from one completion of a guest to the next, before others asked for pages and while they
/// did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paces {
    /// Until the first page request.
    pub before: f64,
    /// From the first page request to the last answer.
    pub meanwhile: f64,
}

/// Cycles; descriptors broken on purpose are left out, and all is 0 if there are no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of the descriptors took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

/// A workload whose descriptors were broken on purpose.
#[derive(Clone, Debug, Serialize)]
pub struct PokeReport {
    /// The virtual machine.
    pub vm: String,
    /// The virtual device.
    pub vdev: String,
    /// JSON path of the workload in the scenario.
    pub workload: String,
    /// What was broken.
    pub poke: String,
    /// Name of the status it ended with; `none` if the guest heard nothing.
    pub status: String,
    /// The status code.
    pub code: u8,
    /// How the guest heard of it.
    pub via: Via,
}

/// A request that the IOMMU has blocked.
#[derive(Clone, Debug, Serialize)]
pub struct DmaFault {
    /// The VT-d fault reason.
    pub reason: String,
    /// PASID of the request, if it had one.
    pub pasid: Option<u32>,
    /// Page that was asked for.
    pub address: String,
    /// `read`, `write` or `page request`.
    pub access: String,
}

/// The run as a whole.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Totals {
    /// Cycles simulated, set-up included.
    pub cycles: u64,
    /// From the first completion to the last, cycles divided by the completions after the first:
    /// the steady state. 0 with fewer than two.
    pub cycles_per_descriptor: f64,
    /// 64-byte beats of data moved, divided by the cycles of the same window: 1 is what the
    /// transmit port can carry if it carries nothing else.
    pub link_efficiency: f64,
    /// Wall clock time of the run, seconds.
    pub wall_seconds: f64,
    /// Seed of the run.
    pub seed: u64,
}

impl Totals {
    /// Simulated cycles per second of wall clock time.
    pub fn cycles_per_second(&self) -> f64 {
        self.cycles as f64 / self.wall_seconds.max(f64::MIN_POSITIVE)
    }
}

impl Latency {
    /// Of these samples; their order is lost.
    pub fn of(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (samples.len() * percent).div_ceil(100);
            samples.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        };
        Self {
            p50: percentile(50),
            p99: percentile(99),
            max: percentile(100),
        }
    }
}

/// The steady state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SteadyState {
    /// Cycles from one completion to the next, on average.
    pub cycles_per_descriptor: f64,
    /// Beats of data moved in each cycle, on average.
    pub link_efficiency: f64,
}

impl SteadyState {
    /// Between the first and the last of these completions, given with the bytes that each moved.
    pub fn of(mut completions: Vec<(Cycle, u64)>) -> Self {
        const BEAT: f64 = 64.0;
        completions.sort_unstable();
        let (Some(&first), Some(&last)) = (completions.first(), completions.last()) else {
            return Self::default();
        };
        let cycles = (last.0 - first.0) as f64;
        if cycles == 0.0 {
            return Self::default();
        }
        let after_first = &completions[1..];
        let bytes: u64 = after_first.iter().map(|(_, bytes)| bytes).sum();
        Self {
            cycles_per_descriptor: cycles / after_first.len() as f64,
            link_efficiency: bytes as f64 / BEAT / cycles,
        }
    }
}

impl From<&FaultRecord> for DmaFault {
    fn from(record: &FaultRecord) -> Self {
        Self {
            reason: record.reason.to_string(),
            pasid: record.pasid.map(|pasid| pasid.raw()),
            address: record.address.to_string(),
            access: record.access.to_string(),
        }
    }
}

/// The name of a status, or its code if it has none.
pub fn status_name(status: Status) -> String {
    status
        .name()
        .map_or_else(|| format!("{:#04x}", status.code()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let latency = Latency::of((1..=200).rev().collect());

        assert_eq!(
            latency,
            Latency {
                p50: 100,
                p99: 198,
                max: 200
            }
        );
    }

    #[test]
    fn no_samples_give_zero() {
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn steady_state_is_between_first_and_last_completion() {
        let completions = vec![(Cycle(280), 4096), (Cycle(100), 4096), (Cycle(190), 4096)];

        let steady = SteadyState::of(completions);

        assert_eq!(steady.cycles_per_descriptor, 90.0);
        assert_eq!(steady.link_efficiency, 128.0 / 180.0);
    }

    #[test]
    fn one_completion_has_no_steady_state() {
        assert_eq!(
            SteadyState::of(vec![(Cycle(5), 64)]),
            SteadyState::default()
        );
    }
}
