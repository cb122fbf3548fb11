// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Which TLPs a fault hits.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::pcie::tlp::{AddressType, MemRequest, Message, Tlp, TlpRef};
use crate::pcie::{Direction, Pasid, Tag};

/// What a TLP is, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A completion by the host of a device read.
    ReadCompletion,
    /// A completion by the host of a Translation Request.
    TranslationCompletion,
    /// A memory read of the device.
    Read,
    /// A Translation Request.
    TranslationRequest,
    /// A memory write of the device, interrupts not counted.
    Write,
    /// An interrupt message of the device.
    Interrupt,
    /// A Page Request.
    PageRequest,
    /// An Invalidate Request.
    InvalidateRequest,
    /// An Invalidate Completion.
    InvalidateCompletion,
    /// A page request group response.
    PageResponse,
    /// A request of the host for the device's memory or configuration space.
    HostRequest,
    /// A completion by the device.
    HostCompletion,
}

/// Conditions; all of them must hold. Built from [`Match::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    kind: Kind,
    tag: Option<Tag>,
    pasid: Option<Pasid>,
    addresses: Option<Range<u64>>,
    after: u64,
    every: u64,
    times: u64,
    one_in: u64,
}

impl Match {
    /// Every TLP of a kind.
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            tag: None,
            pasid: None,
            addresses: None,
            after: 0,
            every: 1,
            times: u64::MAX,
            one_in: 1,
        }
    }

    /// Only with this tag.
    pub const fn tag(mut self, tag: Tag) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Only of this PASID: the requester's, for completions that of the request.
    pub const fn pasid(mut self, pasid: Pasid) -> Self {
        self.pasid = Some(pasid);
        self
    }

    /// Only of these addresses: the request's, for completions that of the request.
    pub fn addresses(mut self, addresses: Range<u64>) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Not the first `after` that match.
    pub const fn after(mut self, after: u64) -> Self {
        self.after = after;
        self
    }

    /// Only the `n`th that matches, counted from 1.
    pub const fn nth(self, n: u64) -> Self {
        self.after(n.saturating_sub(1)).times(1)
    }

    /// Only each `every`th of them.
    pub const fn every(mut self, every: u64) -> Self {
        self.every = if every == 0 { 1 } else { every };
        self
    }

    /// At most so often.
    pub const fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// By chance, one in so many.
    pub const fn one_in(mut self, one_in: u64) -> Self {
        self.one_in = if one_in == 0 { 1 } else { one_in };
        self
    }
}

/// What a match looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    pub kind: Kind,
    pub tag: Option<Tag>,
    pub pasid: Option<Pasid>,
    pub address: Option<u64>,
}

/// A match, and how often its conditions have held.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    matches: Match,
    seen: u64,
    hits: u64,
}

impl Counter {
    pub fn new(matches: Match) -> Self {
        Self {
            matches,
            seen: 0,
            hits: 0,
        }
    }

    /// Whether the TLP is hit. `draw` gives a random number.
    pub fn hits(&mut self, traits: &Traits, draw: impl FnOnce() -> u64) -> bool {
        let m = &self.matches;
        let holds = m.kind == traits.kind
            && m.tag.is_none_or(|tag| traits.tag == Some(tag))
            && m.pasid.is_none_or(|pasid| traits.pasid == Some(pasid))
            && (m.addresses.as_ref())
                .is_none_or(|range| traits.address.is_some_and(|at| range.contains(&at)));
        if !holds || self.hits == m.times {
            return false;
        }
        self.seen += 1;
        let hit = self.seen > m.after
            && (self.seen - m.after - 1).is_multiple_of(m.every)
            && (m.one_in == 1 || draw().is_multiple_of(m.one_in));
        self.hits += u64::from(hit);
        hit
    }
}

impl Traits {
    /// What a TLP is. `asked` gives what a completion of the device request with a tag is.
    pub fn of(
        tlp: &TlpRef<'_>,
        direction: Direction,
        asked: impl FnOnce(Tag) -> Option<Self>,
    ) -> Option<Self> {
        let of_request = |kind, request: &MemRequest| Self {
            kind,
            tag: Some(request.tag),
            pasid: request.pasid.map(|prefix| prefix.pasid),
            address: Some(request.address),
        };
        let of_message = |kind, message: &Message| Self {
            kind,
            tag: Some(message.tag),
            pasid: message.pasid.map(|prefix| prefix.pasid),
            address: None,
        };
        let host = direction == Direction::ToDevice;
        Some(match tlp {
            Tlp::Completion { completion, .. } if host => asked(completion.tag)?,
            // Neither side of a run sends such.
            Tlp::LockedRead { .. } | Tlp::LockedCompletion { .. } => return None,
            Tlp::Completion { completion, .. } => Self {
                kind: Kind::HostCompletion,
                tag: Some(completion.tag),
                pasid: None,
                address: None,
            },
            Tlp::MemRead { request } | Tlp::MemWrite { request, .. } if host => {
                of_request(Kind::HostRequest, request)
            }
            Tlp::MemRead { request } if request.at == AddressType::TranslationRequest => {
                of_request(Kind::TranslationRequest, request)
            }
            Tlp::MemRead { request } => of_request(Kind::Read, request),
            Tlp::MemWrite { request, .. }
                if request.pasid.is_none() && request.address >> 20 == 0xfee =>
            {
                of_request(Kind::Interrupt, request)
            }
            Tlp::MemWrite { request, .. } => of_request(Kind::Write, request),
            Tlp::DmWr { request, .. } => of_request(Kind::HostRequest, request),
            Tlp::ConfigRead { request } | Tlp::ConfigWrite { request, .. } => Self {
                kind: Kind::HostRequest,
                tag: Some(request.tag),
                pasid: None,
                address: None,
            },
            Tlp::Message { message, .. } => match message.code {
                0x01 => of_message(Kind::InvalidateRequest, message),
                0x02 => of_message(Kind::InvalidateCompletion, message),
                0x04 => of_message(Kind::PageRequest, message),
                0x05 => of_message(Kind::PageResponse, message),
                _ => return None,
            },
        })
    }
}
