// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a run has shown: for people as a table, for programs as JSON.

use std::fmt;

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use serde::Serialize;

use crate::dsa::Status;
use crate::endpoint::Cycle;
use crate::faults::Injected;
use crate::guest::Via;
use crate::iommu::{Counts, FaultRecord};
use crate::vdcm::Traps;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Virtual devices, in the order of the scenario.
    pub vdevs: Vec<VdevReport>,
    /// Descriptors that were broken on purpose.
    pub pokes: Vec<PokeReport>,
    /// DMA that the IOMMU has blocked.
    pub dma_faults: Vec<DmaFault>,
    /// What the IOMMU has done.
    pub iommu: Counts,
    /// Faults put into the traffic, by what they did.
    pub injected: Injected,
    /// Errors that the device's AER registers hold.
    pub errors: Vec<&'static str>,
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
    /// Completion interrupts that the guest got.
    pub interrupts: u64,
    /// From the submission of a descriptor until the guest knows that it has ended.
    pub latency_cycles: Latency,
    /// Accesses of the guest that trapped.
    pub traps: Traps,
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.vdev_table().trim_fmt())?;
        if !self.pokes.is_empty() {
            writeln!(
                f,
                "\nDescriptors broken on purpose\n{}",
                self.poke_table().trim_fmt()
            )?;
        }
        if !self.dma_faults.is_empty() {
            writeln!(
                f,
                "\nDMA blocked by the IOMMU\n{}",
                self.fault_table().trim_fmt()
            )?;
        }
        self.events(f)?;
        writeln!(f, "\n{}", self.totals_table().trim_fmt())?;
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        Ok(())
    }
}

impl Report {
    /// What happened beside the work, in words; nothing if nothing did.
    fn events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (
                "the device asked for {} translations",
                self.iommu.translation_requests,
            ),
            ("the device asked for {} pages", self.iommu.page_requests),
            (
                "the host answered {} page request groups",
                self.iommu.page_responses,
            ),
            (
                "the host had the device forget pages {} times",
                self.iommu.device_invalidations,
            ),
        ];
        for (text, count) in counts.iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "{}", text.replace("{}", &grouped(*count)))?;
        }
        for (deed, count) in &self.injected {
            writeln!(f, "{} faults were put in: {deed}", grouped(*count))?;
        }
        for error in &self.errors {
            writeln!(f, "the device reports in AER: {error}")?;
        }
        Ok(())
    }

    fn vdev_table(&self) -> Table {
        let mut table = table(&[
            "vm",
            "vdev",
            "descriptors",
            "bytes",
            "errors",
            "interrupts",
            "latency p50",
            "p99",
            "max (cycles)",
            "traps set-up",
            "fast path",
        ]);
        for v in &self.vdevs {
            let numbers = [
                v.descriptors,
                v.bytes,
                v.errors,
                v.interrupts,
                v.latency_cycles.p50,
                v.latency_cycles.p99,
                v.latency_cycles.max,
                v.traps.setup,
                v.traps.fast_path,
            ];
            let names = [v.vm.clone(), v.vdev.clone()].into_iter();
            table.add_row(names.chain(numbers.map(grouped)));
        }
        align_right(&mut table, 2..11);
        table
    }

    fn poke_table(&self) -> Table {
        let mut table = table(&["vm", "vdev", "broken", "status", "code", "reported by"]);
        for p in &self.pokes {
            let via = match p.via {
                Via::Record => "completion record",
                Via::SoftwareError => "SWERROR",
                Via::Nothing => "nothing",
            };
            let code = format!("{:#04x}", p.code);
            table.add_row([p.vm.as_str(), &p.vdev, &p.poke, &p.status, &code, via]);
        }
        table
    }

    fn fault_table(&self) -> Table {
        let mut table = table(&["pasid", "access", "page", "reason"]);
        for fault in &self.dma_faults {
            let pasid = fault
                .pasid
                .map_or_else(|| "-".to_owned(), |p| p.to_string());
            table.add_row([&pasid, &fault.access, &fault.address, &fault.reason]);
        }
        table
    }

    fn totals_table(&self) -> Table {
        let t = &self.totals;
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        for (name, value, unit) in [
            ("simulated", grouped(t.cycles), "cycles"),
            (
                "steady state",
                format!("{:.1}", t.cycles_per_descriptor),
                "cycles per descriptor",
            ),
            (
                "link efficiency",
                format!("{:.1}", 100.0 * t.link_efficiency),
                "% of the port's beats",
            ),
            ("wall clock", format!("{:.2}", t.wall_seconds), "seconds"),
            (
                "speed",
                grouped(t.cycles_per_second() as u64),
                "cycles per second",
            ),
            ("seed", t.seed.to_string(), ""),
        ] {
            table.add_row([name, &value, unit]);
        }
        align_right(&mut table, 1..2);
        table
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_header(header.to_vec());
    table
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
