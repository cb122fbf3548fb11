// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What is counted of translations, page requests and invalidations.

use serde::Serialize;

use crate::endpoint::Cycle;

/// How long something took, in cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Durations {
    /// How many were measured.
    #[serde(skip)]
    count: u64,
    #[serde(skip)]
    total: u64,
    /// On average, rounded; 0 if there were none.
    pub mean: u64,
    /// The longest.
    pub max: u64,
}

impl Durations {
    pub(super) fn add(&mut self, cycles: u64) {
        self.count += 1;
        self.total += cycles;
        self.mean = (self.total + self.count / 2) / self.count;
        self.max = self.max.max(cycles);
    }
}

/// From the first to the last of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Cycle of the first.
    pub first: Cycle,
    /// Cycle of the last.
    pub last: Cycle,
}

impl Span {
    pub(super) fn extend(span: &mut Option<Self>, cycle: Cycle) {
        let span = span.get_or_insert(Self {
            first: cycle,
            last: cycle,
        });
        span.last = span.last.max(cycle);
    }
}

/// Translation Requests (PCIe 10.2) and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Translations {
    /// Translation Requests: each is a miss of the device's cache (ATC).
    pub requests: u64,
    /// Answered with a page that may be read, written or both.
    pub granted: u64,
    /// Answered with neither right: the page is not there.
    pub absent: u64,
    /// Answered with UR or CA.
    pub failed: u64,
    /// Reads and writes of the device with a translated address (AT = 10b).
    pub translated: u64,
    /// Those of them for which nothing had been asked: hits of the device's cache. The first after
    /// the answer to a Translation Request that granted its page is that request's, not a hit.
    pub hits: u64,
}

/// Page requests (PCIe 10.4) and their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PageRequests {
    /// Page Request messages.
    pub requests: u64,
    /// Groups answered with Success.
    pub success: u64,
    /// Groups answered with Invalid Request.
    pub invalid_request: u64,
    /// Groups answered with Response Failure.
    pub response_failure: u64,
    /// From the last request of a group to its answer.
    pub cycles: Durations,
    /// Stop Markers, which are no requests: they end those of a queue for a PASID.
    pub stop_markers: u64,
    /// Most groups that waited for an answer at once.
    pub most_outstanding: u64,
    /// From the first request to the last answer.
    pub span: Option<Span>,
}

/// Invalidations of the device's cache (PCIe 10.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Invalidations {
    /// Invalidate Requests.
    pub requests: u64,
    /// Those that the device has completed.
    pub completed: u64,
    /// From request to completion.
    pub cycles: Durations,
    /// From the first request to the last completion.
    pub span: Option<Span>,
}

impl PageRequests {
    pub(super) fn asked(&mut self, cycle: Cycle, outstanding: u64) {
        self.requests += 1;
        self.most_outstanding = self.most_outstanding.max(outstanding);
        Span::extend(&mut self.span, cycle);
    }

    pub(super) fn answered(&mut self, cycle: Cycle, since: Cycle, code: u32) {
        match code {
            0 => self.success += 1,
            1 => self.invalid_request += 1,
            _ => self.response_failure += 1,
        }
        self.cycles.add(cycle.since(since));
        Span::extend(&mut self.span, cycle);
    }
}
