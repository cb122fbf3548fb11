// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the host does while guests work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pcie::CreditClass;

/// Something that the host does while guests work, once or again and again. It begins `at` a time,
/// or `after_descriptors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSetting {
    /// Cycles from when the guests begin to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Descriptors that must have ended, those of all guests together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_descriptors: Option<u64>,
    /// Again so many cycles after it is done, until the guests are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At most so often; needs `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What the host does.
    #[serde(rename = "do")]
    pub deed: HostDeed,
}

/// Something that the host does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HostDeed {
    /// Function Level Reset, whatever the device is doing. The host sets everything up again;
    /// guests find their devices halted, reset them, and go on with the work that is left.
    /// Descriptors that had not ended are lost. Not begun again before all guests work again.
    Flr,
    /// Moves pages of a virtual machine whose paging is `on_demand` to other host pages: unmapped,
    /// forgotten by the device, copied, mapped again. Those that its guests use, in turn.
    MigratePages(SomePages),
    /// Takes pages from the device that belong to a virtual machine whose paging is `on_demand`:
    /// unmapped, forgotten by the device, and mapped when it asks for them again.
    ReclaimPages(SomePages),
    /// Grants the device no more credits of a class for a while.
    StallCredits(Stall),
}

/// Pages of a virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SomePages {
    /// Its name.
    pub vm: String,
    /// How many at a time.
    pub pages: u32,
}

/// Credits that are not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// What the device may not send.
    pub class: CreditClass,
    /// For how long.
    pub cycles: u64,
}

impl EventSetting {
    /// How often at most.
    pub fn most(&self) -> u64 {
        match self.every {
            None => 1,
            Some(_) => self.times.unwrap_or(u64::MAX),
        }
    }
}
