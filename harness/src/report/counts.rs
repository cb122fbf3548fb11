// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What was counted, as lines of a table: what, how often, and what is to be said of it.

use super::text::grouped;
use super::{Durations, Report};

/// A line. Those that are part of the one before are indented.
pub(super) struct Line {
    pub what: String,
    pub count: Option<u64>,
    pub note: String,
}

impl Line {
    fn new(what: impl Into<String>, count: u64) -> Self {
        Self {
            what: what.into(),
            count: Some(count),
            note: String::new(),
        }
    }

    fn with(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }
}

/// All lines; without what a run had nothing to do with.
pub(super) fn lines(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    statuses(report, &mut lines);
    translations(report, &mut lines);
    page_requests(report, &mut lines);
    invalidations(report, &mut lines);
    iommu_faults(report, &mut lines);
    injected(report, &mut lines);
    errors(report, &mut lines);
    lines
}

fn statuses(report: &Report, lines: &mut Vec<Line>) {
    let lost: u64 = report.vdevs.iter().map(|v| v.lost).sum();
    let ended: u64 = report.statuses.values().sum();
    if lost == 0 && report.statuses.keys().all(|name| name == "success") {
        return;
    }
    lines.push(Line::new("descriptors", ended + lost));
    for (name, &count) in &report.statuses {
        lines.push(Line::new(format!("  {name}"), count));
    }
    if lost > 0 {
        let note = "had not ended when the function was reset";
        lines.push(Line::new("  lost", lost).with(note));
    }
}

fn translations(report: &Report, lines: &mut Vec<Line>) {
    let Some(t) = report.translations else { return };
    lines.push(Line::new("Translation Requests", t.requests).with("misses of the device's cache"));
    lines.push(Line::new("  granted", t.granted));
    if t.absent > 0 {
        lines.push(Line::new("  no right", t.absent).with("the page was not there"));
    }
    if t.failed > 0 {
        lines.push(Line::new("  UR or CA", t.failed));
    }
    let share = 100.0 * t.hits as f64 / t.translated.max(1) as f64;
    lines.push(Line::new("translated reads and writes", t.translated));
    let note = format!("{share:.1} %: the translation was there, hits of the device's cache");
    lines.push(Line::new("  not asked for", t.hits).with(note));
}

fn page_requests(report: &Report, lines: &mut Vec<Line>) {
    let Some(p) = report.page_requests else {
        return;
    };
    let answered = p.success + p.invalid_request + p.response_failure;
    let mut note = format!("{} outstanding at most", grouped(p.most_outstanding));
    if answered > 0 {
        note.push_str(&format!("; answered after {}", durations(&p.cycles)));
    }
    lines.push(Line::new("page requests", p.requests).with(note));
    for (what, count) in [
        ("  Success", p.success),
        ("  Invalid Request", p.invalid_request),
        ("  Response Failure", p.response_failure),
        ("  no answer", p.requests.saturating_sub(answered)),
    ] {
        if count > 0 {
            lines.push(Line::new(what, count));
        }
    }
    if p.stop_markers > 0 {
        let note = "ends of page requests of a PASID";
        lines.push(Line::new("Stop Markers", p.stop_markers).with(note));
    }
}

fn invalidations(report: &Report, lines: &mut Vec<Line>) {
    let Some(i) = report.invalidations.filter(|i| i.requests > 0) else {
        return;
    };
    lines.push(Line::new("device-TLB invalidations", i.requests));
    let note = match i.completed {
        0 => String::new(),
        _ => format!("after {}", durations(&i.cycles)),
    };
    lines.push(Line::new("  completed", i.completed).with(note));
}

fn iommu_faults(report: &Report, lines: &mut Vec<Line>) {
    let faults = &report.iommu.faults;
    if faults.is_empty() {
        return;
    }
    lines.push(Line::new("IOMMU faults", faults.values().sum()));
    for (reason, &count) in faults {
        lines.push(Line::new(format!("  {reason}"), count));
    }
}

fn injected(report: &Report, lines: &mut Vec<Line>) {
    if report.injected.is_empty() {
        return;
    }
    lines.push(Line::new("faults put in", report.injected.values().sum()));
    for (deed, &count) in &report.injected {
        lines.push(Line::new(format!("  {deed}"), count));
    }
}

fn errors(report: &Report, lines: &mut Vec<Line>) {
    for error in &report.errors {
        let register = match error.correctable {
            true => "correctable",
            false => "uncorrectable",
        };
        lines.push(Line {
            what: format!("AER {register}, bit {}", error.bit),
            count: None,
            note: error.name.to_owned(),
        });
    }
    let messages = &report.error_messages;
    for (what, count) in [
        ("ERR_COR messages", messages.correctable),
        ("ERR_NONFATAL messages", messages.non_fatal),
        ("ERR_FATAL messages", messages.fatal),
    ] {
        if count > 0 {
            lines.push(Line::new(what, count));
        }
    }
}

fn durations(cycles: &Durations) -> String {
    let (mean, max) = (grouped(cycles.mean), grouped(cycles.max));
    format!("{mean} cycles on average, {max} at most")
}
