// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Traps: guest accesses that end in the VDCM.

use std::cell::Cell;

use serde::Serialize;

/// How often a guest's accesses trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traps {
    /// Before the first descriptor, between workloads, and after the last completion.
    pub setup: u64,
    /// While descriptors ran.
    pub fast_path: u64,
}

/// Counts traps, by phase.
#[derive(Debug, Default)]
pub struct TrapCounter {
    traps: Cell<Traps>,
    fast_path: Cell<bool>,
}

impl TrapCounter {
    /// One trap.
    pub fn count(&self) {
        let mut traps = self.traps.get();
        match self.fast_path.get() {
            true => traps.fast_path += 1,
            false => traps.setup += 1,
        }
        self.traps.set(traps);
    }

    /// Whether descriptors run from now on.
    pub fn set_fast_path(&self, fast_path: bool) {
        self.fast_path.set(fast_path);
    }

    /// Traps so far.
    pub fn get(&self) -> Traps {
        self.traps.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_are_counted_by_phase() {
        let counter = TrapCounter::default();

        counter.count();
        counter.set_fast_path(true);
        counter.count();
        counter.count();

        assert_eq!(
            counter.get(),
            Traps {
                setup: 1,
                fast_path: 2
            }
        );
    }
}
