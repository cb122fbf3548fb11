// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The host of a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventSetting;

/// Root complex and host memory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostSettings {
    /// Seed of every random choice; one seed, one run.
    pub seed: u64,
    /// Cycles from a read request to its first completion.
    pub latency: u32,
    /// Random cycles added to the latency, 0 to this many.
    pub jitter: u32,
    /// How completions with data are cut.
    pub split: Split,
    /// Max_Payload_Size, bytes.
    pub mps: u16,
    /// Max_Read_Request_Size, bytes.
    pub mrrs: u16,
    /// Let the device translate by itself (ATS).
    pub ats: bool,
    /// Let the device ask for pages that are not there (PRI), and have so many such requests
    /// outstanding; needs `ats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pri: Option<u32>,
    /// What the host does while guests work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventSetting>,
    /// Stop when a TLP breaks a rule of PCIe. Off, a run is a little faster.
    pub checker: bool,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            latency: 300,
            jitter: 0,
            split: Split::default(),
            mps: 256,
            mrrs: 512,
            ats: false,
            pri: None,
            events: Vec::new(),
            checker: true,
        }
    }
}

/// How completions with data are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// As few completions as Max_Payload_Size allows.
    #[default]
    Mps,
    /// At random multiples of the read completion boundary.
    Random,
}
