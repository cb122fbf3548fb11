// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Counts what passes, and keeps the answers that the noise waits for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use crate::iommu::InvalidateCompletion;
use crate::pcie::tlp::{CompletionStatus, Message, Tlp, TlpRef};
use crate::pcie::{Bdf, Direction, Tag, TlpEvent, TlpListener};

/// How a request of the noise must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(CompletionStatus),
    /// It is dropped: no completion.
    None,
}

#[derive(Debug, Default)]
struct Counts {
    host: u64,
    device: u64,
    waiting: BTreeMap<(Bdf, Tag), (&'static str, Answer)>,
    /// Who waits for the completion of which ITag.
    invalidating: BTreeSet<(Bdf, u8)>,
    wrong: Option<String>,
}

/// A listener, and what it has heard.
#[derive(Clone, Debug, Default)]
pub struct Tally(Rc<RefCell<Counts>>);

impl Tally {
    pub fn host_tlps(&self) -> u64 {
        self.0.borrow().host
    }

    pub fn device_tlps(&self) -> u64 {
        self.0.borrow().device
    }

    /// A request is being sent.
    pub fn expect(&self, requester: Bdf, tag: Tag, what: &'static str, answer: Answer) {
        let waiting = &mut self.0.borrow_mut().waiting;
        waiting.insert((requester, tag), (what, answer));
    }

    /// Whether the tag is free.
    pub fn free(&self, requester: Bdf, tag: Tag) -> bool {
        let counts = self.0.borrow();
        !counts.waiting.contains_key(&(requester, tag))
    }

    /// An Invalidate Request is being sent.
    pub fn expect_invalidation(&self, requester: Bdf, itag: u8) {
        self.0.borrow_mut().invalidating.insert((requester, itag));
    }

    /// How many ITags wait for their completion.
    pub fn invalidating(&self) -> usize {
        self.0.borrow().invalidating.len()
    }

    /// A request that was answered wrongly, or not at all.
    pub fn unanswered(&self) -> Option<String> {
        let counts = self.0.borrow();
        let mut open = counts.waiting.iter();
        let open = open.find(|(_, (_, answer))| *answer != Answer::None);
        let missing = open.map(|((_, tag), (what, _))| format!("{what}, tag {tag}: no answer"));
        let invalidation = counts.invalidating.first();
        let invalidation =
            invalidation.map(|(_, itag)| format!("invalidation with ITag {itag}: no completion"));
        counts.wrong.clone().or(missing).or(invalidation)
    }
}

impl TlpListener for Tally {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let counts = &mut *self.0.borrow_mut();
        if event.direction == Direction::ToDevice {
            counts.host += 1;
            return Ok(());
        }
        counts.device += 1;
        let (completion, data) = match TlpRef::decode(event.words) {
            Ok(Tlp::Completion { completion, data }) => (completion, data),
            Ok(Tlp::Message { message, .. }) if message.code == Message::INVALIDATE_COMPLETION => {
                let InvalidateCompletion { to, itags, .. } = InvalidateCompletion::new(&message);
                counts
                    .invalidating
                    .retain(|(of, itag)| *of != to || itags >> itag & 1 == 0);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let key = (completion.requester, completion.tag);
        let Some(&(what, answer)) = counts.waiting.get(&key) else {
            return Ok(());
        };
        let right = match answer {
            Answer::Status(status) => completion.status == status,
            Answer::None => false,
        };
        if !right {
            let status = completion.status;
            counts.wrong.get_or_insert(format!(
                "cycle {}: {what} was answered {status:?}, expected {answer:?}",
                event.cycle
            ));
        }
        let carried =
            data.len() * 4 - usize::from(completion.lower_address & 3).min(data.len() * 4);
        let success = completion.status == CompletionStatus::Success;
        if !success || data.is_empty() || usize::from(completion.byte_count) <= carried {
            counts.waiting.remove(&key);
        }
        Ok(())
    }
}
