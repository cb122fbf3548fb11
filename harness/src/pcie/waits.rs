// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What async tasks wait for.

use std::fmt;
use std::task::{Context, Poll, Waker};

use super::access::Access;
use super::msi::Msi;
use crate::endpoint::Cycle;
use crate::mem::Hpa;

/// The event that ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    Cycle(Cycle),
    Completion(Access),
    Tag,
    Write(Hpa),
    Msi(Msi),
}

impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(cycle) => write!(f, "cycle {cycle}"),
            Self::Completion(access) => write!(f, "the completion of the {access}"),
            Self::Tag => f.write_str("a free tag"),
            Self::Write(address) => write!(f, "a write to {address}"),
            Self::Msi(msi) => write!(f, "message {:#x} to {:#x}", msi.data, msi.address),
        }
    }
}

/// Names one wait. An old name never matches a newer wait in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitId {
    slot: u32,
    generation: u32,
}

impl WaitId {
    pub const MIN: Self = Self {
        slot: 0,
        generation: 0,
    };
    pub const MAX: Self = Self {
        slot: u32::MAX,
        generation: u32::MAX,
    };
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// `None` if the slot is free.
    wait_for: Option<WaitFor>,
    done: bool,
    waker: Option<Waker>,
}

/// All waits there are.
#[derive(Debug, Default)]
pub(super) struct Waits {
    slots: Vec<Slot>,
    free: Vec<u32>,
    woken: bool,
}

impl Waits {
    pub fn add(&mut self, wait_for: WaitFor) -> WaitId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                wait_for: None,
                done: false,
                waker: None,
            });
            self.slots.len() as u32 - 1
        });
        let entry = &mut self.slots[slot as usize];
        entry.wait_for = Some(wait_for);
        entry.done = false;
        WaitId {
            slot,
            generation: entry.generation,
        }
    }

    /// Whether the wait still goes on.
    pub fn is_pending(&self, id: WaitId) -> bool {
        let slot = &self.slots[id.slot as usize];
        slot.generation == id.generation && slot.wait_for.is_some() && !slot.done
    }

    /// The awaited event has happened. Does nothing if nobody waits any more.
    pub fn complete(&mut self, id: WaitId) {
        if self.is_pending(id) {
            let slot = &mut self.slots[id.slot as usize];
            slot.done = true;
            self.woken = true;
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    pub fn poll(&mut self, id: WaitId, context: &Context<'_>) -> Poll<()> {
        let slot = &mut self.slots[id.slot as usize];
        if slot.done {
            return Poll::Ready(());
        }
        // Many tasks are polled without cause; `clone_from` copies a waker only if it differs.
        match &mut slot.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => slot.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Ends the wait, whatever came of it; says what it was for.
    pub fn remove(&mut self, id: WaitId) -> Option<WaitFor> {
        let slot = &mut self.slots[id.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.waker = None;
        self.free.push(id.slot);
        slot.wait_for.take()
    }

    /// A task was woken by other means than a wait.
    pub fn wake(&mut self) {
        self.woken = true;
    }

    /// Whether a wait was completed since the last call.
    pub fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// What is waited for, in words.
    pub fn pending(&self) -> Vec<String> {
        let waiting = self.slots.iter().filter(|slot| !slot.done);
        waiting
            .filter_map(|slot| slot.wait_for.map(|w| w.to_string()))
            .collect()
    }
}
