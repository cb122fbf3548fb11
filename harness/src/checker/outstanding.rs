// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Outstanding non-posted requests, and what their completions must look like.

use super::records::Claim;
use super::rule::{Rule, Verdict, demand};
use crate::endpoint::Cycle;
use crate::pcie::tlp::{
    Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, PasidPrefix,
};
use crate::pcie::{Bdf, Tag};

const TAGS: usize = 1024;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    MemRead,
    LockedRead,
    /// A Translation Request.
    Translation {
        prefix: Option<PasidPrefix>,
        no_write: bool,
    },
    ConfigRead(ConfigRequest),
    ConfigWrite(ConfigRequest, u32),
    /// A deferrable write, and what it makes the checker expect if it is a descriptor.
    DmWr(Option<Claim>),
}

/// The cycle in which a request is seen, and how many later it may be given up, if ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub cycle: Cycle,
    pub timeout: Option<u64>,
}

impl When {
    /// Of a requester that waits for ever.
    pub fn patient(cycle: Cycle) -> Self {
        Self {
            cycle,
            timeout: None,
        }
    }
}

/// One tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub kind: Kind,
    /// Address of the next byte.
    pub next: u64,
    /// Bytes still to come.
    pub left: u32,
    attr: Attributes,
    outstanding: bool,
    /// A completion of it is lost.
    lost: bool,
    /// A fault was put in its way: how it ends is open, and when the tag is free again.
    excused: bool,
    sent: Cycle,
    /// Cycles after which its requester may give it up, if ever.
    timeout: Option<u64>,
    /// When the last completion came, or comes.
    ended: Cycle,
}

const FREE: Slot = Slot {
    kind: Kind::DmWr(None),
    next: 0,
    left: 0,
    attr: Attributes {
        tc: 0,
        relaxed: false,
        no_snoop: false,
        ido: false,
        poisoned: false,
    },
    outstanding: false,
    lost: false,
    excused: false,
    sent: Cycle(0),
    timeout: None,
    ended: Cycle(0),
};

/// A completion as it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub completion: &'a Completion,
    /// It is one of a locked read.
    pub locked: bool,
    /// The status field, reserved or not.
    pub status: u32,
    /// Payload.
    pub dwords: usize,
}

/// Requests of one requester, by tag.
#[derive(Debug)]
pub(super) struct Outstanding {
    slots: Box<[Slot; TAGS]>,
}

impl Default for Outstanding {
    fn default() -> Self {
        Self {
            slots: Box::new([FREE; TAGS]),
        }
    }
}

impl Outstanding {
    fn slot(&mut self, tag: Tag) -> &mut Slot {
        &mut self.slots[usize::from(tag.raw()) % TAGS]
    }

    /// Whether the tag may be used for a request that is seen in `when`: the one before has been
    /// completed, or its requester may have given it up (PCIe 2.8).
    pub fn free(&mut self, tag: Tag, when: When) -> Verdict {
        let slot = self.slot(tag);
        // The timeout may have been changed since.
        let timeout = [slot.timeout, when.timeout].into_iter().flatten().min();
        let expired = timeout.is_some_and(|cycles| slot.sent + cycles <= when.cycle);
        let completed = !slot.outstanding && slot.ended <= when.cycle;
        demand(slot.excused || completed || expired, Rule::TagUnique)
    }

    /// A request was sent.
    pub fn sent(&mut self, tag: Tag, kind: Kind, request: (u64, u32, Attributes), when: When) {
        let (next, left, attr) = request;
        let slot = self.slot(tag);
        *slot = Slot {
            kind,
            next,
            left,
            attr,
            outstanding: true,
            lost: false,
            excused: false,
            sent: when.cycle,
            timeout: when.timeout,
            ended: Cycle(0),
        };
    }

    /// A memory request was sent.
    pub fn sent_memory(&mut self, kind: Kind, request: &MemRequest, when: When) {
        let bytes = (request.first_byte(), request.byte_count(), request.attr);
        self.sent(request.tag, kind, bytes, when);
    }

    /// A completion of the request of this tag will not come. Others may, which then do not fit.
    /// Gives the request, if it was outstanding.
    pub fn lose(&mut self, tag: Tag) -> Option<Slot> {
        let slot = self.slot(tag);
        slot.lost = true;
        slot.outstanding.then_some(*slot)
    }

    /// The request of this tag has met a fault: nothing is said of it any more. Gives it, if it
    /// was outstanding.
    pub fn excuse(&mut self, tag: Tag) -> Option<Slot> {
        let slot = self.slot(tag);
        slot.excused = true;
        slot.outstanding.then_some(*slot)
    }

    /// No tag is in use any more; completions still come.
    pub fn excuse_all(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.outstanding) {
            slot.excused = true;
        }
    }

    /// Checks a completion, and gives the request with what it was before.
    pub fn completed(
        &mut self,
        answer: &Answer<'_>,
        cycle: Cycle,
        boundary: u64,
    ) -> Verdict<Option<Slot>> {
        let Answer {
            completion, status, ..
        } = *answer;
        let slot = self.slot(completion.tag);
        slot.excused |= slot.lost;
        if slot.excused {
            return Ok(None);
        }
        demand(slot.outstanding, Rule::CompletionUnasked)?;
        demand(slot.ended <= cycle, Rule::CompletionOrder)?;
        let before = *slot;
        let (attr, asked) = (completion.attr, slot.attr);
        demand(
            (attr.tc, attr.relaxed, attr.no_snoop) == (asked.tc, asked.relaxed, asked.no_snoop),
            Rule::CompletionAttributes,
        )?;
        let retry = completion.status == CompletionStatus::Retry;
        let may_retry = matches!(
            slot.kind,
            Kind::ConfigRead(_) | Kind::ConfigWrite(..) | Kind::DmWr(_)
        );
        demand(
            matches!(status, 0b000 | 0b001 | 0b100) || retry && may_retry,
            Rule::CompletionStatus,
        )?;
        let locked = slot.kind == Kind::LockedRead;
        demand(answer.locked == locked, Rule::CompletionLocked)?;
        let done = slot.take(completion, answer.dwords, boundary)?;
        slot.ended = cycle;
        slot.outstanding = !done;
        Ok(Some(before))
    }
}

impl Slot {
    /// Takes a completion; true if it is the last.
    fn take(&mut self, completion: &Completion, dwords: usize, boundary: u64) -> Verdict<bool> {
        let count = u32::from(completion.byte_count);
        let success = completion.status == CompletionStatus::Success;
        let reads = !matches!(self.kind, Kind::ConfigWrite(..) | Kind::DmWr(_));
        demand((dwords > 0) == (success && reads), Rule::CompletionData)?;
        match self.kind {
            Kind::MemRead => {
                demand(count >= self.left, Rule::CompletionOrder)?;
                demand(count == self.left, Rule::CompletionByteCount)?;
                if !success {
                    return Ok(true);
                }
                self.take_data(completion, dwords, boundary)
            }
            Kind::Translation { .. } if success => {
                let bytes = dwords as u32 * 4;
                let whole = bytes.is_multiple_of(8) && bytes <= count && count <= self.left;
                demand(whole, Rule::AtsCompletion)?;
                self.left = count - bytes;
                self.next += u64::from(bytes);
                Ok(self.left == 0)
            }
            Kind::LockedRead => {
                let refused = completion.status == CompletionStatus::UnsupportedRequest;
                demand(refused, Rule::LockedRead)?;
                demand(count == self.left, Rule::CompletionByteCount)?;
                Ok(true)
            }
            Kind::Translation { .. } => Ok(true),
            Kind::ConfigRead(_) | Kind::ConfigWrite(..) | Kind::DmWr(_) => {
                demand(count == 4, Rule::CompletionByteCount)?;
                demand(completion.lower_address == 0, Rule::CompletionLowerAddress)?;
                demand(dwords <= 1, Rule::CompletionTooLong)?;
                Ok(true)
            }
        }
    }

    fn take_data(&mut self, completion: &Completion, dwords: usize, rcb: u64) -> Verdict<bool> {
        demand(
            u64::from(completion.lower_address) == self.next & 0x7f,
            Rule::CompletionLowerAddress,
        )?;
        let end = (self.next & !3) + dwords as u64 * 4;
        let last = self.next + u64::from(self.left);
        if end >= last {
            demand(end - last < 4, Rule::CompletionTooLong)?;
            self.left = 0;
            return Ok(true);
        }
        demand(end.is_multiple_of(rcb), Rule::CompletionBoundary)?;
        self.left = (last - end) as u32;
        self.next = end;
        Ok(false)
    }
}

/// Requests of requesters that only exist to break rules: few, found by search.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    requests: Vec<(Bdf, Outstanding)>,
}

impl Strangers {
    /// The requests of `id`, if it has ever sent any.
    pub fn of(&mut self, id: Bdf) -> Option<&mut Outstanding> {
        let mut requests = self.requests.iter_mut();
        requests
            .find(|(of, _)| *of == id)
            .map(|(_, requests)| requests)
    }

    /// The requests of `id`.
    pub fn entry(&mut self, id: Bdf) -> &mut Outstanding {
        let found = self.requests.iter().position(|(of, _)| *of == id);
        let index = found.unwrap_or_else(|| {
            self.requests.push((id, Outstanding::default()));
            self.requests.len() - 1
        });
        &mut self.requests[index].1
    }
}
