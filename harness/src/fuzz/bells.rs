// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completion interrupts of one tenant, counted: each comes once, and not too early.

use std::cell::Cell;

/// Numbers since the last time that all was quiet.
#[derive(Debug, Default)]
pub struct Bells {
    /// Messages before that.
    before: Cell<u64>,
    /// Descriptors that have ended and must have sent one.
    due: Cell<u64>,
    /// Descriptors that were thrown away, and may have.
    unsure: Cell<u64>,
    /// Taken out of the traffic on purpose.
    lost: Cell<u64>,
    /// Put into it on purpose.
    doubled: Cell<u64>,
}

fn add(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

impl Bells {
    /// Starts from a count of messages.
    pub fn restart(&self, count: u64) {
        self.before.set(count);
        for cell in [&self.due, &self.unsure, &self.lost, &self.doubled] {
            cell.set(0);
        }
    }

    pub fn due(&self) {
        add(&self.due);
    }

    pub fn unsure(&self) {
        add(&self.unsure);
    }

    pub fn lost(&self) {
        add(&self.lost);
    }

    pub fn doubled(&self) {
        add(&self.doubled);
    }

    /// Of several that came while the interrupt was masked, one is left. How many, at least and at
    /// most.
    pub fn merge(&self) -> (u64, u64) {
        let due = self.due.get().min(1);
        let most = (self.due.get() + self.unsure.get()).min(1);
        self.due.set(due);
        self.unsure.set(most - due);
        (due, most)
    }

    /// No message can be sent for some time: of those that are due and have not come, `count` did,
    /// one is left.
    pub fn hold(&self, count: u64) {
        let asked = self.before.get() + self.due.get() + self.doubled.get();
        let waiting = asked.saturating_sub(self.lost.get() + count);
        let merged = waiting.saturating_sub(1).min(self.due.get());
        self.due.set(self.due.get() - merged);
        self.unsure.set(self.unsure.get() + merged);
    }

    /// Whether so many messages may have come although `under_way` descriptors have not been
    /// judged.
    pub fn may_be(&self, count: u64, under_way: u64) -> bool {
        let most = self.due.get() + self.unsure.get() + self.doubled.get() + under_way;
        count + self.lost.get() <= self.before.get() + most
    }

    /// Judges the count when nothing is under way, and starts from it.
    pub fn check(&self, count: u64) -> Result<(), String> {
        let least = (self.before.get() + self.due.get() + self.doubled.get())
            .saturating_sub(self.lost.get());
        let most = least + self.unsure.get();
        self.restart(count);
        match (least..=most).contains(&count) {
            true => Ok(()),
            false => Err(format!(
                "{count} completion interrupts came, but {least} to {most} were asked for"
            )),
        }
    }
}
