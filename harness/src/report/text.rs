// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The report as text.

use std::fmt;

use comfy_table::{CellAlignment, Table, TableComponent, presets};

use super::Report;
use super::counts::{self, Line};
use crate::guest::Via;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.story {
            write_wrapped(f, sentence)?;
        }
        if !self.story.is_empty() {
            writeln!(f)?;
        }
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
        let counts = counts::lines(self);
        if !counts.is_empty() {
            writeln!(f, "\n{}", counts_table(&counts).trim_fmt())?;
        }
        writeln!(f, "\n{}", self.totals_table().trim_fmt())?;
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        Ok(())
    }
}

impl Report {
    fn vdev_table(&self) -> Table {
        // Few runs lose descriptors: a column that is all 0 in the others would only be asked about.
        let lost = self.vdevs.iter().any(|v| v.lost > 0);
        let columns = [
            Some("vm"),
            Some("vdev"),
            Some("descriptors"),
            Some("bytes"),
            Some("errors"),
            lost.then_some("lost"),
            Some("interrupts"),
            Some("latency p50"),
            Some("p99"),
            Some("max (cycles)"),
            Some("traps set-up"),
            Some("fast path"),
        ];
        let columns: Vec<_> = columns.into_iter().flatten().collect();
        let mut table = table(&columns);
        for v in &self.vdevs {
            let numbers = [
                Some(v.descriptors),
                Some(v.bytes),
                Some(v.errors),
                lost.then_some(v.lost),
                Some(v.interrupts),
                Some(v.latency_cycles.p50),
                Some(v.latency_cycles.p99),
                Some(v.latency_cycles.max),
                Some(v.traps.setup),
                Some(v.traps.fast_path),
            ];
            let names = [v.vm.clone(), v.vdev.clone()].into_iter();
            table.add_row(names.chain(numbers.into_iter().flatten().map(grouped)));
        }
        align_right(&mut table, 2..columns.len());
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

fn counts_table(lines: &[Line]) -> Table {
    let mut table = table(&["counted", "", ""]);
    for line in lines {
        let count = line.count.map(grouped).unwrap_or_default();
        table.add_row([line.what.as_str(), &count, &line.note]);
    }
    align_right(&mut table, 1..2);
    table
}

/// A sentence in lines of at most 100 columns; what follows the first is indented.
fn write_wrapped(f: &mut fmt::Formatter<'_>, sentence: &str) -> fmt::Result {
    const COLUMNS: usize = 100;
    let mut column = 0;
    for word in sentence.split(' ') {
        let width = word.chars().count() + 1;
        if column > 0 && column + width > COLUMNS {
            write!(f, "\n  ")?;
            column = 2;
        }
        write!(f, " {word}")?;
        column += width;
    }
    writeln!(f)
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
pub(crate) fn grouped(number: u64) -> String {
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
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
