// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Waits that end at a given cycle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::waits::{WaitId, Waits};
use crate::endpoint::Cycle;

/// Timers, soonest first. Those whose wait has ended otherwise are dropped when they come up.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Cycle, WaitId)>>,
}

impl Timers {
    pub fn add(&mut self, at: Cycle, id: WaitId) {
        self.heap.push(Reverse((at, id)));
    }

    /// When the next wait ends.
    pub fn next(&mut self, waits: &Waits) -> Option<Cycle> {
        while let Some(&Reverse((at, id))) = self.heap.peek() {
            if waits.is_pending(id) {
                return Some(at);
            }
            self.heap.pop();
        }
        None
    }

    /// Ends all waits that are due.
    pub fn fire(&mut self, now: Cycle, waits: &mut Waits) {
        while let Some(&Reverse((at, id))) = self.heap.peek()
            && at <= now
        {
            waits.complete(id);
            self.heap.pop();
        }
    }
}
