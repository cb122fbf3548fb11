// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The part of the story about pages that were not there.

use super::Paging;
use super::finished::Finished;
use super::story::Facts;
use crate::endpoint::Cycle;
use crate::report::{Paces, PageRequests, grouped};

impl Facts<'_> {
    /// When page requests came and how they were answered, and what the others noticed of it.
    pub(super) fn page_requests(&self) -> Option<(Cycle, String)> {
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
                let counts = self.wire.page_requests_of.get(&guest.pasid);
                let counts = counts.filter(|counts| counts.requests > 0)?;
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
            text.extend(self.neighbour(guest));
        }
        Some((span.first, text))
    }

    /// How fast a guest whose pages are all there was before others asked for theirs, and while
    /// they did.
    pub fn paces(&self, guest: &Finished) -> Option<Paces> {
        let vm = self.scenario.vms.iter().find(|vm| vm.name == guest.vm)?;
        match vm.paging {
            Paging::Pinned => guest.paces(self.wire.page_requests.span?),
            Paging::OnDemand | Paging::Refused => None,
        }
    }

    fn neighbour(&self, guest: &Finished) -> Option<String> {
        let Paces { before, meanwhile } = self.paces(guest)?;
        let change = 100.0 * (meanwhile / before - 1.0);
        let change = match change {
            _ if change.abs() < 0.05 => "no slower".to_owned(),
            _ if change > 0.0 => format!("{change:.1} % slower"),
            _ => format!("{:.1} % faster", -change),
        };
        Some(format!(
            " All pages of {} are there: it ends a descriptor every {before:.1} cycles before and \
             every {meanwhile:.1} meanwhile, {change}.",
            self.name(guest)
        ))
    }
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
