// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Faults that a scenario asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults::{Deed, Fault, Kind, Match};
use crate::pcie::{Pasid, Tag};

/// A fault to be put into the traffic: which TLPs, and what happens to them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSetting {
    /// Which TLPs.
    pub on: Kind,
    /// What happens to them.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// Only with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<u16>,
    /// Only of this PASID. Virtual devices have PASIDs from 1 on, in the order of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pasid: Option<u32>,
    /// Not the first so many that match.
    #[serde(default)]
    pub after: u64,
    /// Only each so-manieth of them.
    #[serde(default = "one")]
    pub every: u64,
    /// At most so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// By chance, one in so many.
    #[serde(default = "one")]
    pub one_in: u64,
}

fn one() -> u64 {
    1
}

impl FaultSetting {
    /// The fault.
    pub fn fault(&self) -> Fault {
        let mut matches = Match::new(self.on)
            .after(self.after)
            .every(self.every)
            .times(self.times.unwrap_or(u64::MAX))
            .one_in(self.one_in);
        if let Some(tag) = self.tag {
            matches = matches.tag(Tag::new(tag));
        }
        if let Some(pasid) = self.pasid.and_then(Pasid::new) {
            matches = matches.pasid(pasid);
        }
        Fault {
            matches,
            deed: self.deed,
        }
    }
}
