// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completion records before the interrupts that tell of them.

use std::collections::BTreeMap;

use super::rule::{Rule, Verdict, demand};
use crate::mem::{Hpa, Memory};
use crate::pcie::Msi;

/// Records that are to be written, by the interrupt that follows them.
#[derive(Debug, Default)]
pub(super) struct Records {
    expected: BTreeMap<Msi, Vec<Hpa>>,
}

impl Records {
    pub fn expect(&mut self, message: Msi, record: Hpa) {
        self.expected.entry(message).or_default().push(record);
    }

    /// An interrupt came: one of its records must be there, which is then accounted for.
    pub fn arrived(&mut self, message: Msi, memory: &Memory) -> Verdict {
        let Some(expected) = self.expected.get_mut(&message) else {
            return Ok(());
        };
        if expected.is_empty() {
            return Ok(());
        }
        let written = |&record: &Hpa| {
            let mut status = [0];
            memory.read(record, &mut status).is_ok() && status != [0]
        };
        let found = expected.iter().position(written);
        demand(found.is_some(), Rule::RecordFirst)?;
        if let Some(found) = found {
            expected.swap_remove(found);
        }
        Ok(())
    }
}
