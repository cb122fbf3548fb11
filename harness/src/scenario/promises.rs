// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a scenario promises by what it asks for. A run in which it did not happen has shown
//! nothing, and fails.

use super::finished::Finished;
use super::story::{Done, Facts};
use super::{EventSetting, HostDeed, Paging};
use crate::report::PageRequests;

impl Facts<'_> {
    /// What has not happened.
    pub fn broken_promises(&self) -> Vec<String> {
        let events = self.scenario.host.events.iter().zip(self.done).enumerate();
        let events = events.filter_map(|(i, (event, done))| {
            let wrong = self.event_missed(event, done)?;
            Some(format!("host.events[{i}]: {wrong}"))
        });
        let paging = self.finished.iter().filter_map(|guest| {
            let wrong = self.paging_missed(guest)?;
            Some(format!("{}: {wrong}", guest.path))
        });
        let faults = self.scenario.faults.iter().enumerate();
        let faults = faults.filter_map(|(i, fault)| {
            let name = fault.deed.name();
            let missed = !self.injected.contains_key(name);
            missed.then(|| format!("faults[{i}]: {name} was never done: no TLP has matched"))
        });
        events.chain(paging).chain(faults).collect()
    }

    fn event_missed(&self, event: &EventSetting, done: &[Done]) -> Option<String> {
        if done.is_empty() {
            let ended = self.finished.iter().flat_map(Finished::completions);
            let last = ended.map(|(cycle, _)| cycle).max().unwrap_or(self.begun);
            return Some(format!(
                "did not happen: the guests were done {} cycles after they began",
                last - self.begun
            ));
        }
        let pages = matches!(
            event.deed,
            HostDeed::MigratePages(_) | HostDeed::ReclaimPages(_)
        );
        let invalidations = &self.wire.invalidations;
        (pages && invalidations.completed == 0)
            .then(|| "the device has not completed a single invalidation".to_owned())
    }

    fn paging_missed(&self, guest: &Finished) -> Option<String> {
        let vm = self.scenario.vms.iter().find(|vm| vm.name == guest.vm)?;
        let counts = self.wire.page_requests_of.get(&guest.pasid);
        let PageRequests {
            success,
            invalid_request,
            ..
        } = counts.copied().unwrap_or_default();
        let paging = |name, response| {
            Some(format!(
                "paging is `{name}`, but no page request was answered with {response}"
            ))
        };
        match vm.paging {
            Paging::OnDemand if success == 0 => paging("on_demand", "Success"),
            Paging::Refused if invalid_request == 0 => paging("refused", "Invalid Request"),
            _ => None,
        }
    }
}
