// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page requests: groups, their responses, and how many may be outstanding.

use super::config::Limits;
use super::rule::{Rule, Verdict, demand};
use crate::endpoint::Cycle;
use crate::pcie::tlp::{Message, PasidPrefix};

/// Group indices are 9 bits.
const GROUPS: usize = 512;

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// Requests without response.
    requests: u32,
    /// The last one was sent.
    closed: bool,
    /// When the response came, or comes.
    ended: Cycle,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Box<[Group; GROUPS]>,
    outstanding: u32,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            groups: Box::new([Group::default(); GROUPS]),
            outstanding: 0,
        }
    }
}

impl Groups {
    /// No request is outstanding.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// A page request of the device.
    pub fn requested(&mut self, message: &Message, cycle: Cycle, limits: &Limits) -> Verdict {
        const LAST: u32 = 1 << 2;
        let low = message.header[1];
        if low & 7 == LAST {
            // Its address, index and modes are reserved, but for the marker type, which is 0 too.
            let plain = |prefix: &PasidPrefix| !prefix.privileged && !prefix.execute;
            let marker = message.header == [0, LAST] && message.pasid.as_ref().is_some_and(plain);
            return demand(marker && !message.attr.relaxed, Rule::PriStopMarker);
        }
        let group = &mut self.groups[(low >> 3) as usize % GROUPS];
        demand(!group.closed && group.ended <= cycle, Rule::PriIndex)?;
        demand(
            self.outstanding < limits.pri_allocation,
            Rule::PriAllocation,
        )?;
        self.outstanding += 1;
        group.requests += 1;
        group.closed = low & LAST != 0;
        Ok(())
    }

    /// Whether a response has a group.
    pub fn expected(&self, message: &Message) -> Verdict {
        demand(self.groups[index(message)].closed, Rule::PriResponse)
    }

    /// A group response was sent, and comes in `cycle`.
    pub fn responded(&mut self, message: &Message, cycle: Cycle) {
        let failure = !matches!(message.header[0] >> 12 & 0xf, 0 | 1);
        let group = &mut self.groups[index(message)];
        self.outstanding -= group.requests;
        *group = Group {
            ended: cycle,
            ..Group::default()
        };
        if failure {
            // The device gives up all of them until it is enabled again (PCIe 10.4.2.1). The host
            // may answer them nevertheless.
            self.outstanding = 0;
            self.groups.iter_mut().for_each(|group| group.requests = 0);
        }
    }
}

fn index(message: &Message) -> usize {
    message.header[0] as usize % GROUPS
}
