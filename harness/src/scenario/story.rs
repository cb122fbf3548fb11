// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What happened in a run, in words: what the host did and the device asked for, with cycles.

use std::collections::BTreeMap;

use super::finished::Finished;
use super::{EventSetting, HostDeed, Paging, Scenario};
use crate::endpoint::Cycle;
use crate::pcie::CreditClass;
use crate::report::{PageRequests, Span, SteadyState, WireCounts, grouped};

/// Something that the host did, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Cycle it began.
    pub from: Cycle,
    /// Cycle it ended.
    pub until: Cycle,
    /// What it was.
    pub deed: Deed,
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The function was reset.
    Reset {
        /// When the device was quiet.
        quiet: Cycle,
        /// When the driver had set everything up again.
        ready: Cycle,
    },
    /// So many pages were moved.
    Migrated(u64),
    /// So many pages were taken.
    Reclaimed(u64),
    /// Credits were not granted.
    Stalled,
}

/// What a story is made of.
pub struct Facts<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// When the guests began to work.
    pub begun: Cycle,
    /// Guests with what they did.
    pub finished: &'a [Finished],
    /// What the host did, event by event.
    pub done: &'a [Vec<Done>],
    /// What crossed the port.
    pub wire: &'a WireCounts,
    /// Faults put in.
    pub injected: &'a BTreeMap<&'static str, u64>,
}

impl Facts<'_> {
    /// The sentences, in the order of the cycles that they begin with.
    pub fn story(&self) -> Vec<String> {
        let mut story = vec![(self.begun, self.beginning())];
        story.extend(self.page_requests());
        let events = self.scenario.host.events.iter().zip(self.done);
        story.extend(events.flat_map(|(event, done)| self.event(event, done)));
        story.sort_by_key(|(cycle, _)| *cycle);
        let story = story.into_iter();
        let mut sentences: Vec<_> = story
            .map(|(cycle, text)| format!("Cycle {}: {text}", grouped(cycle.0)))
            .collect();
        sentences.push(self.end());
        sentences
    }

    fn beginning(&self) -> String {
        let devices = counted(self.finished.len() as u64, "virtual device");
        let machines = counted(self.scenario.vms.len() as u64, "machine");
        let faults = match self.scenario.faults.len() {
            0 => String::new(),
            _ => {
                let all: u64 = self.injected.values().sum();
                let kinds: Vec<_> = self
                    .injected
                    .iter()
                    .map(|(deed, count)| format!("{deed} {}", grouped(*count)))
                    .collect();
                let kinds = kinds.join(", ");
                format!(
                    " From now on faults are put into the traffic, {} in all ({kinds}).",
                    grouped(all)
                )
            }
        };
        format!("{devices} of {machines} are set up, and their guests begin to work.{faults}")
    }

    /// When page requests came and how they were answered, and what the others noticed of it.
    fn page_requests(&self) -> Option<(Cycle, String)> {
        let all = &self.wire.page_requests;
        let span = all.span?;
        let mut text = format!(
            "the device asks for a page that is not there. Until cycle {} it asks {} times, with at \
             most {} outstanding:",
            grouped(span.last.0),
            grouped(all.requests),
            grouped(all.most_outstanding)
        );
        let askers: Vec<_> = self
            .finished
            .iter()
            .filter_map(|guest| {
                let counts = self.wire.page_requests_of.get(&guest.pasid)?;
                Some(format!(
                    "{} for {}, {}",
                    grouped(counts.requests),
                    self.name(guest),
                    answers(counts)
                ))
            })
            .collect();
        text.push_str(&format!(" {}.", askers.join("; ")));
        for guest in self.finished {
            text.extend(self.neighbour(guest, span));
        }
        Some((span.first, text))
    }

    /// How fast a guest was whose pages were all there, while others waited for theirs.
    fn neighbour(&self, guest: &Finished, span: Span) -> Option<String> {
        let vm = self.scenario.vms.iter().find(|vm| vm.name == guest.vm)?;
        if vm.paging != Paging::Pinned {
            return None;
        }
        let (before, meanwhile) = paces(guest, span)?;
        let change = 100.0 * (meanwhile / before - 1.0);
        let change = match change {
            _ if change.abs() < 0.05 => "no slower".to_owned(),
            _ if change > 0.0 => format!("{change:.1} % slower"),
            _ => format!("{:.1} % faster", -change),
        };
        Some(format!(
            " {}, whose pages are all there, ends a descriptor every {before:.1} cycles before and \
             every {meanwhile:.1} meanwhile: {change}.",
            self.name(guest)
        ))
    }

    /// What the host did for an event; each reset is told by itself.
    fn event(&self, event: &EventSetting, done: &[Done]) -> Vec<(Cycle, String)> {
        if event.deed == HostDeed::Flr {
            return done.iter().filter_map(|done| self.reset(done)).collect();
        }
        let (Some(first), Some(last)) = (done.first(), done.last()) else {
            return Vec::new();
        };
        let times = match done.len() {
            1 => String::new(),
            n => format!(
                ", {} times until cycle {}",
                grouped(n as u64),
                grouped(last.until.0)
            ),
        };
        let pages = done.iter().map(|done| match done.deed {
            Deed::Migrated(pages) | Deed::Reclaimed(pages) => pages,
            _ => 0,
        });
        let pages = counted(pages.sum(), "page");
        let text = match &event.deed {
            HostDeed::MigratePages(which) => format!(
                "the host moves pages of {} to other places under the device{times}: {pages}. {}",
                which.vm,
                self.invalidations()
            ),
            HostDeed::ReclaimPages(which) => format!(
                "the host takes pages of {} from the device{times}: {pages}. {}",
                which.vm,
                self.invalidations()
            ),
            HostDeed::StallCredits(stall) => format!(
                "the host grants no credits for {} for {} cycles{times}.",
                class_name(stall.class),
                grouped(stall.cycles)
            ),
            HostDeed::Flr => return Vec::new(),
        };
        vec![(first.from, text)]
    }

    fn invalidations(&self) -> String {
        let counts = &self.wire.invalidations;
        format!(
            "In this run the device is told {} times to forget translations; it has done so {} \
             times, after {} cycles on average and {} at most.",
            grouped(counts.requests),
            grouped(counts.completed),
            grouped(counts.cycles.mean),
            grouped(counts.cycles.max)
        )
    }

    fn reset(&self, done: &Done) -> Option<(Cycle, String)> {
        let Deed::Reset { quiet, ready } = done.deed else {
            return None;
        };
        let lost: Vec<_> = self
            .finished
            .iter()
            .filter(|guest| guest.lost > 0)
            .map(|guest| format!("{} of {}", grouped(guest.lost), self.name(guest)))
            .collect();
        let lost = match lost.as_slice() {
            [] => "No descriptor is lost.".to_owned(),
            lost => format!(
                "Descriptors lost to resets in this run: {}.",
                lost.join(", ")
            ),
        };
        let text = format!(
            "the host resets the function. The device is quiet in cycle {}, after {} cycles; the \
             driver has set up device and IOMMU again in cycle {}, and all guests work again in \
             cycle {}. {lost}",
            grouped(quiet.0),
            grouped(quiet - done.from),
            grouped(ready.0),
            grouped(done.until.0)
        );
        Some((done.from, text))
    }

    fn end(&self) -> String {
        let mut statuses = BTreeMap::<String, u64>::new();
        let mut last = self.begun;
        for outcome in self
            .finished
            .iter()
            .flat_map(|f| f.outcomes.iter().flatten())
        {
            let name = crate::report::status_name(outcome.status);
            *statuses.entry(name).or_default() += 1;
            last = last.max(outcome.completed);
        }
        let all: u64 = statuses.values().sum();
        let kinds: Vec<_> = statuses
            .iter()
            .map(|(name, count)| format!("{} with {name}", grouped(*count)))
            .collect();
        format!(
            "Cycle {}: the last of {} that have ended does so: {}.",
            grouped(last.0),
            counted(all, "descriptor"),
            kinds.join(", ")
        )
    }

    /// The machine's name, and the device's if it has several.
    fn name(&self, guest: &Finished) -> String {
        let of_vm = self.finished.iter().filter(|other| other.vm == guest.vm);
        match of_vm.count() {
            1 => guest.vm.clone(),
            _ => format!("{}/{}", guest.vm, guest.config.name),
        }
    }
}

/// Cycles from one completion to the next before a span and in it, if there are enough of them to
/// say so and all descriptors are alike.
pub fn paces(guest: &Finished, span: Span) -> Option<(f64, f64)> {
    const ENOUGH: usize = 16;
    if guest.config.workloads.len() != 1 {
        return None;
    }
    let pace = |from: Cycle, until: Cycle| {
        let within: Vec<_> = guest
            .completions()
            .filter(|(cycle, _)| (from..until).contains(cycle))
            .collect();
        let enough = within.len() >= ENOUGH;
        enough.then(|| SteadyState::of(within).cycles_per_descriptor)
    };
    Some((pace(Cycle(0), span.first)?, pace(span.first, span.last)?))
}

fn answers(counts: &PageRequests) -> String {
    let PageRequests {
        success,
        invalid_request,
        response_failure,
        ..
    } = *counts;
    let answered = success + invalid_request + response_failure;
    let mut parts = Vec::new();
    for (count, what) in [
        (success, "answered with Success"),
        (invalid_request, "refused with Invalid Request"),
        (response_failure, "answered with Response Failure"),
        (counts.requests.saturating_sub(answered), "not answered"),
    ] {
        match count {
            0 => {}
            _ if count == counts.requests => parts.push(format!("all {what}")),
            _ => parts.push(format!("{} {what}", grouped(count))),
        }
    }
    let mean = grouped(counts.cycles.mean);
    format!("{} after {mean} cycles on average", parts.join(", "))
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

fn class_name(class: CreditClass) -> &'static str {
    match class {
        CreditClass::Posted => "posted requests",
        CreditClass::NonPosted => "non-posted requests",
        CreditClass::Completion => "completions",
    }
}
