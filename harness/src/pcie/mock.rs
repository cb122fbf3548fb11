// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A scripted device for tests: no clock of its own, it jumps from event to event.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::tlp::{Tlp, TlpRef};
use crate::endpoint::{Credits, Cycle, Endpoint, EndpointError, Stop};

/// What the device sends in reply to a host TLP, each after so many cycles (at least 1).
pub(crate) type Replies = Vec<(u64, Tlp)>;

/// Host TLPs the device has taken, with their cycles.
pub(crate) type Taken = Rc<RefCell<Vec<(Cycle, Tlp)>>>;

/// A device that answers as a closure says.
pub(crate) struct Mock {
    now: Cycle,
    pushed: u64,
    incoming: BTreeMap<(Cycle, u64), Vec<u32>>,
    outgoing: BTreeMap<(Cycle, u64), Vec<u32>>,
    sent: VecDeque<(Cycle, Vec<u32>)>,
    handed_out: Vec<u32>,
    taken: Taken,
    script: Box<dyn FnMut(Cycle, Tlp) -> Replies>,
}

impl Mock {
    pub fn new(script: impl FnMut(Cycle, Tlp) -> Replies + 'static) -> Self {
        Self {
            now: Cycle(0),
            pushed: 0,
            incoming: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            sent: VecDeque::new(),
            handed_out: Vec::new(),
            taken: Taken::default(),
            script: Box::new(script),
        }
    }

    /// A device that answers nothing.
    pub fn silent() -> Self {
        Self::new(|_, _| vec![])
    }

    /// The device sends `words` in `cycle` by itself.
    pub fn sends_words(mut self, cycle: u64, words: Vec<u32>) -> Self {
        self.pushed += 1;
        self.outgoing.insert((Cycle(cycle), self.pushed), words);
        self
    }

    /// The device sends `tlp` in `cycle` by itself.
    pub fn sends(self, cycle: u64, tlp: &Tlp) -> Self {
        let mut words = Vec::new();
        tlp.encode(&mut words);
        self.sends_words(cycle, words)
    }

    pub fn taken(&self) -> Taken {
        self.taken.clone()
    }
}

impl Endpoint for Mock {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        assert!(
            ready_at >= self.now,
            "TLP for cycle {ready_at} pushed in cycle {}",
            self.now
        );
        self.pushed += 1;
        self.incoming.insert((ready_at, self.pushed), tlp.to_vec());
        Ok(())
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        let end = self.now + max_cycles;
        loop {
            let host = self
                .incoming
                .keys()
                .next()
                .map(|key| key.0)
                .filter(|&at| at < end);
            let device = self
                .outgoing
                .keys()
                .next()
                .map(|key| key.0)
                .filter(|&at| at < end);
            match (host, device) {
                (None, None) => {
                    self.now = end;
                    return Ok(Stop::Cycles);
                }
                (Some(host), device) if device.is_none_or(|device| host <= device) => {
                    let Some((_, words)) = self.incoming.pop_first() else {
                        continue;
                    };
                    let tlp = TlpRef::decode(&words).unwrap().into_owned();
                    self.taken.borrow_mut().push((host, tlp.clone()));
                    for (delay, reply) in (self.script)(host, tlp) {
                        self.pushed += 1;
                        let mut words = Vec::new();
                        reply.encode(&mut words);
                        self.outgoing
                            .insert((host + delay.max(1), self.pushed), words);
                    }
                }
                _ => {
                    let Some(((at, _), words)) = self.outgoing.pop_first() else {
                        continue;
                    };
                    self.now = at + 1;
                    self.sent.push_back((at, words));
                    return Ok(Stop::Tlp);
                }
            }
        }
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let (cycle, words) = self.sent.pop_front()?;
        self.handed_out = words;
        Some((cycle, &self.handed_out))
    }

    fn now(&self) -> Cycle {
        self.now
    }

    fn idle(&self) -> bool {
        self.incoming.is_empty() && self.outgoing.is_empty()
    }

    fn set_credits(&mut self, _: &Credits) {}
}
