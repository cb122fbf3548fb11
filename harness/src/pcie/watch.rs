// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Waits for device writes to host memory.

use std::collections::BTreeSet;

use super::waits::{WaitId, Waits};
use crate::mem::Hpa;

/// Bytes of a watched line.
const LINE: u64 = 64;
const FILTER: usize = 4096;

/// Watched lines.
#[derive(Debug)]
pub(super) struct LineWatch {
    /// How many watched lines fall on each hash. Nearly every device write finds a 0 here and is
    /// done.
    filter: Vec<u16>,
    waiting: BTreeSet<(u64, WaitId)>,
}

impl Default for LineWatch {
    fn default() -> Self {
        Self {
            filter: vec![0; FILTER],
            waiting: BTreeSet::new(),
        }
    }
}

fn hash(line: u64) -> usize {
    line as usize % FILTER
}

impl LineWatch {
    pub fn add(&mut self, address: Hpa, id: WaitId) {
        let line = address.0 / LINE;
        self.filter[hash(line)] += 1;
        self.waiting.insert((line, id));
    }

    pub fn remove(&mut self, address: Hpa, id: WaitId) {
        let line = address.0 / LINE;
        if self.waiting.remove(&(line, id)) {
            self.filter[hash(line)] -= 1;
        }
    }

    /// The device has written `bytes` (at least 1) from `address` on.
    pub fn written(&mut self, address: Hpa, bytes: u64, waits: &mut Waits) {
        for line in address.0 / LINE..=(address.0 + bytes - 1) / LINE {
            if self.filter[hash(line)] != 0 {
                for &(_, id) in self
                    .waiting
                    .range((line, WaitId::MIN)..=(line, WaitId::MAX))
                {
                    waits.complete(id);
                }
            }
        }
    }
}
