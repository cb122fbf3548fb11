// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Flow control credits that the device may spend.

use super::rule::{Rule, Verdict, demand};
use crate::endpoint::{CreditLimit, Credits};
use crate::pcie::tlp::{Tlp, TlpRef};

/// A flow control class.
#[derive(Clone, Copy)]
enum Class {
    Posted,
    NonPosted,
    Completion,
}

/// Credits spent since reset in one class.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    /// TLPs, modulo 2^12 as the limits are.
    headers: u16,
    /// 16-byte units of payload, modulo 2^16.
    data: u16,
}

/// What the device was given and has spent.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Credits,
    spent: [Spent; 3],
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            limits: Credits {
                posted: CreditLimit::Infinite,
                non_posted: CreditLimit::Infinite,
                completions: CreditLimit::Infinite,
            },
            spent: [Spent::default(); 3],
        }
    }
}

impl Budget {
    /// The host grants credits.
    pub fn grant(&mut self, limits: Credits) {
        self.limits = limits;
    }

    /// The device sends a TLP.
    pub fn spend(&mut self, tlp: &TlpRef<'_>) -> Verdict {
        let (class, payload) = match tlp {
            Tlp::MemWrite { data, .. } | Tlp::Message { data, .. } => (Class::Posted, data.len()),
            Tlp::Completion { data, .. } | Tlp::LockedCompletion { data, .. } => {
                (Class::Completion, data.len())
            }
            Tlp::DmWr { data, .. } => (Class::NonPosted, data.len()),
            Tlp::ConfigWrite { .. } => (Class::NonPosted, 1),
            Tlp::MemRead { .. } | Tlp::LockedRead { .. } | Tlp::ConfigRead { .. } => {
                (Class::NonPosted, 0)
            }
        };
        let spent = &mut self.spent[class as usize];
        spent.headers = spent.headers.wrapping_add(1);
        spent.data = spent.data.wrapping_add(payload.div_ceil(4) as u16);
        let limit = match class {
            Class::Posted => self.limits.posted,
            Class::NonPosted => self.limits.non_posted,
            Class::Completion => self.limits.completions,
        };
        let CreditLimit::Total { headers, data } = limit else {
            return Ok(());
        };
        // PCIe 2.6.1.2: enough if what is left, modulo the width, is at most half of it.
        let header_left = headers.wrapping_sub(spent.headers) & 0xfff;
        let data_left = data.wrapping_sub(spent.data);
        demand(header_left <= 0x800 && data_left <= 0x8000, Rule::Credits)
    }
}
