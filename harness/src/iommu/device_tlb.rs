// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Invalidations that devices have not completed (VT-d 6.5.2.5, PCIe 10.3).

use super::messages::InvalidateCompletion;
use crate::endpoint::Cycle;
use crate::pcie::Bdf;

const ITAGS: u8 = 32;

#[derive(Debug)]
struct Pending {
    source: Bdf,
    itag: u8,
    /// Counts all that were ever sent.
    number: u64,
    deadline: Cycle,
    /// Completions so far; a device sends one for each traffic class it used.
    copies: u8,
}

/// Invalidations on their way, oldest first.
#[derive(Debug)]
pub(super) struct DeviceTlbs {
    pending: Vec<Pending>,
    sent: u64,
    timeout: u64,
}

impl DeviceTlbs {
    /// Devices have `timeout` cycles to complete an invalidation.
    pub fn new(timeout: u64) -> Self {
        Self {
            pending: Vec::new(),
            sent: 0,
            timeout,
        }
    }

    /// The ITag of an invalidation that is to be sent now, unless `most` are pending at the device.
    pub fn start(&mut self, now: Cycle, source: Bdf, most: u8) -> Option<u8> {
        let used = self.of(source).fold(0_u32, |used, p| used | 1 << p.itag);
        if used.count_ones() >= u32::from(most.min(ITAGS)) {
            return None;
        }
        let itag = used.trailing_ones() as u8;
        self.pending.push(Pending {
            source,
            itag,
            number: self.sent,
            deadline: now + self.timeout,
            copies: 0,
        });
        self.sent += 1;
        Some(itag)
    }

    fn of(&self, source: Bdf) -> impl Iterator<Item = &Pending> {
        self.pending.iter().filter(move |p| p.source == source)
    }

    /// Counts a completion; false if it names an ITag that is not pending at its sender.
    pub fn completed(&mut self, completion: &InvalidateCompletion) -> bool {
        let used = self
            .of(completion.source)
            .fold(0_u32, |used, p| used | 1 << p.itag);
        for pending in &mut self.pending {
            if pending.source == completion.source && completion.itags >> pending.itag & 1 != 0 {
                pending.copies += 1;
            }
        }
        self.pending
            .retain(|p| p.source != completion.source || p.copies < completion.copies);
        completion.itags & !used == 0 && completion.itags != 0
    }

    /// When the next invalidation times out.
    pub fn deadline(&self) -> Option<Cycle> {
        self.pending.first().map(|p| p.deadline)
    }

    /// Gives up an invalidation that is overdue; says whose it was.
    pub fn take_expired(&mut self, now: Cycle) -> Option<Bdf> {
        let overdue = self.deadline().is_some_and(|deadline| deadline <= now);
        overdue.then(|| self.pending.remove(0).source)
    }

    /// How many were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the first `number` of all that were sent have ended.
    pub fn ended(&self, number: u64) -> bool {
        self.pending.first().is_none_or(|p| p.number >= number)
    }
}
