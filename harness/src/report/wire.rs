// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What crosses the TLP port about translations: counted there, whatever anybody meant to do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use serde::Serialize;

use crate::endpoint::Cycle;
use crate::iommu::InvalidateCompletion;
use crate::pcie::tlp::{
    AddressType, Completion, CompletionStatus, MemRequest, Message, Tlp, TlpRef,
};
use crate::pcie::{Direction, Pasid, TlpEvent, TlpListener};

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
    fn add(&mut self, cycles: u64) {
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
    fn extend(span: &mut Option<Self>, cycle: Cycle) {
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

/// All counts.
#[derive(Clone, Debug, Default)]
pub struct WireCounts {
    /// Translations.
    pub translations: Translations,
    /// Page requests of all PASIDs together.
    pub page_requests: PageRequests,
    /// By PASID.
    pub page_requests_of: BTreeMap<Pasid, PageRequests>,
    /// Invalidations.
    pub invalidations: Invalidations,
    /// Stop Markers, which are no page requests.
    pub stop_markers: u64,
    /// Tags of Translation Requests that are not answered.
    asked: BTreeSet<u16>,
    /// Pages granted and not used yet: first byte, byte after the last.
    fresh: BTreeMap<u64, u64>,
    /// Page request groups that are not answered, by index.
    groups: BTreeMap<u32, (Option<Pasid>, Cycle)>,
    /// Invalidations that are not completed, by ITag, and their completions so far.
    itags: BTreeMap<u16, (Cycle, u8)>,
}

/// Counts what passes. Clones are handles to the same counts.
#[derive(Clone, Debug, Default)]
pub struct Wire(Rc<RefCell<WireCounts>>);

impl Wire {
    /// The counts so far.
    pub fn counts(&self) -> WireCounts {
        self.0.borrow().clone()
    }

    /// The function was reset: what waits for the device, or for its answer, never comes.
    pub fn reset(&self) {
        let counts = &mut *self.0.borrow_mut();
        counts.asked.clear();
        counts.fresh.clear();
        counts.groups.clear();
        counts.itags.clear();
    }
}

impl TlpListener for Wire {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let counts = &mut *self.0.borrow_mut();
        match (event.direction, TlpRef::decode(event.words)) {
            (Direction::FromDevice, Ok(tlp)) => counts.device_sent(event.cycle, &tlp),
            (Direction::ToDevice, Ok(tlp)) => counts.host_sent(event.cycle, &tlp),
            // Not a TLP: somebody else complains.
            (_, Err(_)) => {}
        }
        Ok(())
    }
}

impl WireCounts {
    fn device_sent(&mut self, cycle: Cycle, tlp: &TlpRef<'_>) {
        match tlp {
            Tlp::MemRead { request } if request.at == AddressType::TranslationRequest => {
                self.translations.requests += 1;
                self.asked.insert(request.tag.raw());
            }
            Tlp::MemRead { request } => {
                self.asked.remove(&request.tag.raw());
                self.memory_request(request);
            }
            Tlp::MemWrite { request, .. } => self.memory_request(request),
            Tlp::Message { message, .. } => match message.code {
                Message::PAGE_REQUEST => self.page_request(cycle, message),
                Message::INVALIDATE_COMPLETION => self.invalidated(cycle, message),
                _ => {}
            },
            _ => {}
        }
    }

    fn host_sent(&mut self, cycle: Cycle, tlp: &TlpRef<'_>) {
        match tlp {
            Tlp::Completion { completion, data } => self.translation(completion, data),
            Tlp::Message { message, .. } => match message.code {
                Message::PRG_RESPONSE => self.page_response(cycle, message),
                Message::INVALIDATE_REQUEST => {
                    self.invalidations.requests += 1;
                    self.itags.insert(message.tag.raw(), (cycle, 0));
                    Span::extend(&mut self.invalidations.span, cycle);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn translation(&mut self, completion: &Completion, data: &[u32]) {
        if !self.asked.remove(&completion.tag.raw()) {
            return;
        }
        let (CompletionStatus::Success, &[high, low]) = (completion.status, data) else {
            self.translations.failed += 1;
            return;
        };
        const RIGHTS: u64 = 0b11;
        let entry = u64::from(high.swap_bytes()) << 32 | u64::from(low.swap_bytes());
        if entry & RIGHTS == 0 {
            self.translations.absent += 1;
            return;
        }
        self.translations.granted += 1;
        let (first, bytes) = page(entry);
        self.fresh.insert(first, first + bytes);
    }

    fn memory_request(&mut self, request: &MemRequest) {
        if request.at != AddressType::Translated {
            return;
        }
        self.translations.translated += 1;
        let before = self.fresh.range(..=request.address).next_back();
        match before.filter(|&(_, &end)| request.address < end) {
            Some((&first, _)) => {
                self.fresh.remove(&first);
            }
            None => self.translations.hits += 1,
        }
    }

    fn page_request(&mut self, cycle: Cycle, message: &Message) {
        const LAST: u32 = 1 << 2;
        const RIGHTS: u32 = 0b11;
        let low = message.header[1];
        let pasid = message.pasid.map(|prefix| prefix.pasid);
        if low & (LAST | RIGHTS) == LAST && pasid.is_some() {
            self.stop_markers += 1;
            return;
        }
        if low & LAST != 0 {
            self.groups.insert(low >> 3 & 0x1ff, (pasid, cycle));
        }
        let waiting = |of: Option<Pasid>| {
            let groups = self.groups.values();
            groups
                .filter(|(pasid, _)| of.is_none() || *pasid == of)
                .count() as u64
        };
        let (all, own) = (waiting(None), waiting(pasid));
        self.page_requests.asked(cycle, all);
        if let Some(pasid) = pasid {
            let counts = self.page_requests_of.entry(pasid).or_default();
            counts.asked(cycle, own);
        }
    }

    fn page_response(&mut self, cycle: Cycle, message: &Message) {
        let index = message.header[0] & 0x1ff;
        let code = message.header[0] >> 12 & 0xf;
        let Some((pasid, since)) = self.groups.remove(&index) else {
            return;
        };
        self.page_requests.answered(cycle, since, code);
        if let Some(pasid) = pasid {
            let counts = self.page_requests_of.entry(pasid).or_default();
            counts.answered(cycle, since, code);
        }
    }

    fn invalidated(&mut self, cycle: Cycle, message: &Message) {
        let completion = InvalidateCompletion::new(message);
        let Self {
            itags,
            invalidations,
            ..
        } = self;
        itags.retain(|&itag, (since, copies)| {
            if completion.itags >> itag & 1 == 0 {
                return true;
            }
            *copies += 1;
            if *copies < completion.copies {
                return true;
            }
            invalidations.completed += 1;
            invalidations.cycles.add(cycle.since(*since));
            Span::extend(&mut invalidations.span, cycle);
            false
        });
    }
}

impl PageRequests {
    fn asked(&mut self, cycle: Cycle, outstanding: u64) {
        self.requests += 1;
        self.most_outstanding = self.most_outstanding.max(outstanding);
        Span::extend(&mut self.span, cycle);
    }

    fn answered(&mut self, cycle: Cycle, since: Cycle, code: u32) {
        match code {
            0 => self.success += 1,
            1 => self.invalid_request += 1,
            _ => self.response_failure += 1,
        }
        self.cycles.add(cycle.since(since));
        Span::extend(&mut self.span, cycle);
    }
}

/// First byte and size of the page of a translation: with S set, the lowest 0 above bit 11 says how
/// large it is (PCIe 10.2.3.2).
fn page(entry: u64) -> (u64, u64) {
    const SIZE: u64 = 1 << 11;
    let order = match entry & SIZE {
        0 => 12,
        _ => 13 + (entry >> 12).trailing_ones(),
    };
    let bytes = 1_u64.checked_shl(order).unwrap_or(u64::MAX);
    (entry & !(bytes - 1), bytes)
}

#[cfg(test)]
mod tests;
