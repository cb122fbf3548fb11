// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What crosses the TLP port about translations: counted there, whatever anybody meant to do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use super::{Invalidations, PageRequests, Span, Translations};
use crate::endpoint::Cycle;
use crate::iommu::InvalidateCompletion;
use crate::pcie::tlp::{
    AddressType, Completion, CompletionStatus, MemRequest, Message, Tlp, TlpRef,
};
use crate::pcie::{Direction, Pasid, TlpEvent, TlpListener};

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
            self.page_requests.stop_markers += 1;
            if let Some(pasid) = pasid {
                let counts = self.page_requests_of.entry(pasid).or_default();
                counts.stop_markers += 1;
            }
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
