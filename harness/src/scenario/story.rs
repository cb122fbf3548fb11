// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What happened in a run, in words: what the host did and the device asked for, with cycles.

use std::collections::BTreeMap;

use super::finished::Finished;
use super::{EventSetting, HostDeed, Scenario};
use crate::endpoint::Cycle;
use crate::pcie::CreditClass;
use crate::report::{WireCounts, grouped, status_name};

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
        story.extend(events.filter_map(|(event, done)| self.event(event, done)));
        story.extend(self.invalidations());
        story.extend(self.resets());
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
        let are = if self.finished.len() == 1 {
            "is"
        } else {
            "are"
        };
        format!("{devices} of {machines} {are} set up, and the guests begin to work.{faults}")
    }

    /// What the host did for an event; resets are told one by one.
    fn event(&self, event: &EventSetting, done: &[Done]) -> Option<(Cycle, String)> {
        let (first, last) = (done.first()?, done.last()?);
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
                "the host moves pages of {} to other places under the device{times}: {pages}.",
                which.vm
            ),
            HostDeed::ReclaimPages(which) => format!(
                "the host takes pages of {} from the device{times}: {pages}.",
                which.vm
            ),
            HostDeed::StallCredits(stall) => format!(
                "the host grants no credits for {} for {} cycles{times}.",
                class_name(stall.class),
                grouped(stall.cycles)
            ),
            HostDeed::Flr => return None,
        };
        Some((first.from, text))
    }

    /// What the device was told to forget because the host has changed pages.
    fn invalidations(&self) -> Option<(Cycle, String)> {
        let changes = self
            .done
            .iter()
            .flatten()
            .any(|done| matches!(done.deed, Deed::Migrated(_) | Deed::Reclaimed(_)));
        let counts = &self.wire.invalidations;
        let span = counts.span.filter(|_| changes)?;
        let all = match counts.completed == counts.requests {
            true => "all of them".to_owned(),
            false => grouped(counts.completed),
        };
        let text = format!(
            "the device is told to forget translations. Until cycle {} it is told {}; it completes \
             {all}, after {} cycles on average and {} at most.",
            grouped(span.last.0),
            counted(counts.requests, "time"),
            grouped(counts.cycles.mean),
            grouped(counts.cycles.max)
        );
        Some((span.first, text))
    }

    /// Each reset, whatever event it was for.
    fn resets(&self) -> Vec<(Cycle, String)> {
        let mut resets: Vec<_> = self
            .done
            .iter()
            .flatten()
            .filter_map(|done| match done.deed {
                Deed::Reset { quiet, ready } => Some((done, quiet, ready)),
                _ => None,
            })
            .collect();
        resets.sort_by_key(|(done, ..)| done.from);
        let resets = resets.into_iter().enumerate();
        resets
            .map(|(number, (done, quiet, ready))| {
                (done.from, self.reset(number, done, quiet, ready))
            })
            .collect()
    }

    fn reset(&self, number: usize, done: &Done, quiet: Cycle, ready: Cycle) -> String {
        let lost: Vec<_> = self
            .finished
            .iter()
            .filter_map(|guest| {
                let lost = guest.lost.get(number).filter(|&&lost| lost > 0)?;
                Some(format!("{} of {}", grouped(*lost), self.name(guest)))
            })
            .collect();
        let lost = match lost.as_slice() {
            [] => "No descriptor is lost.".to_owned(),
            lost => format!(
                "The descriptors that had not ended are lost: {}.",
                listed(lost)
            ),
        };
        format!(
            "the host resets the function. {lost} After {} cycles the device is quiet; the driver has set up device and IOMMU again in cycle {}, and all guests work \
             again in cycle {}.",
            grouped(quiet - done.from),
            grouped(ready.0),
            grouped(done.until.0)
        )
    }

    fn end(&self) -> String {
        let mut statuses = BTreeMap::<String, u64>::new();
        let mut last = self.begun;
        let outcomes = self.finished.iter().flat_map(|guest| &guest.outcomes);
        for outcome in outcomes.flatten() {
            *statuses.entry(status_name(outcome.status)).or_default() += 1;
            last = last.max(outcome.completed);
        }
        let lost: u64 = self.finished.iter().map(Finished::lost).sum();
        let ended: u64 = statuses.values().sum();
        let mut parts: Vec<_> = statuses
            .iter()
            .map(|(name, count)| format!("{} ended with {name}", grouped(*count)))
            .collect();
        if lost > 0 {
            parts.push(format!("{} were lost", grouped(lost)));
        }
        let all = counted(ended + lost, "descriptor");
        let last = grouped(last.0);
        match (statuses.len(), statuses.keys().next()) {
            (1, Some(name)) if lost == 0 => {
                format!("Cycle {last}: all is done, {all} with {name}.")
            }
            _ => format!("Cycle {last}: all is done. Of {all} {}.", listed(&parts)),
        }
    }

    /// The machine's name, and the device's if it has several.
    pub(super) fn name(&self, guest: &Finished) -> String {
        let of_vm = self.finished.iter().filter(|other| other.vm == guest.vm);
        match of_vm.count() {
            1 => guest.vm.clone(),
            _ => format!("{}/{}", guest.vm, guest.config.name),
        }
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => parts.concat(),
    }
}

fn class_name(class: CreditClass) -> &'static str {
    match class {
        CreditClass::Posted => "posted requests",
        CreditClass::NonPosted => "non-posted requests",
        CreditClass::Completion => "completions",
    }
}
