// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Errors that a function reports by Advanced Error Reporting (PCIe 7.8.4).

use serde::Serialize;

use crate::endpoint::Cycle;
use crate::pcie::tlp::Message;
use crate::pcie::{AccessError, DeviceInfo, Host};

const CAPABILITY: u16 = 0x01;
const UNCORRECTABLE: u16 = 0x04;
const CORRECTABLE: u16 = 0x10;

const UNCORRECTABLE_BITS: [(u32, &str); 16] = [
    (4, "data link protocol error"),
    (5, "surprise down"),
    (12, "poisoned TLP received"),
    (13, "flow control protocol error"),
    (14, "completion timeout"),
    (15, "completer abort"),
    (16, "unexpected completion"),
    (17, "receiver overflow"),
    (18, "malformed TLP"),
    (19, "ECRC error"),
    (20, "unsupported request"),
    (21, "ACS violation"),
    (22, "uncorrectable internal error"),
    (24, "AtomicOp egress blocked"),
    (25, "TLP prefix blocked"),
    (26, "poisoned TLP egress blocked"),
];
const CORRECTABLE_BITS: [(u32, &str); 8] = [
    (0, "receiver error"),
    (6, "bad TLP"),
    (7, "bad DLLP"),
    (8, "REPLAY_NUM rollover"),
    (12, "replay timer timeout"),
    (13, "advisory non-fatal error"),
    (14, "corrected internal error"),
    (15, "header log overflow"),
];

/// A bit that is set in a status register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AerError {
    /// Whether it is in the correctable error status.
    pub correctable: bool,
    /// The bit.
    pub bit: u32,
    /// What it stands for.
    pub name: &'static str,
}

impl AerError {
    /// Those of a function; none if it has no such capability.
    pub async fn read(host: &Host, info: &DeviceInfo) -> Result<Vec<Self>, AccessError> {
        let Some(cap) = info.extended_capability(CAPABILITY) else {
            return Ok(Vec::new());
        };
        let uncorrectable = host.config_read32(info.bdf, cap + UNCORRECTABLE).await?;
        let correctable = host.config_read32(info.bdf, cap + CORRECTABLE).await?;
        let named = |correctable, status, bits: &[(u32, &'static str)]| {
            let set: Vec<_> = bits
                .iter()
                .filter(|(bit, _)| status >> bit & 1_u32 != 0)
                .map(|&(bit, name)| Self {
                    correctable,
                    bit,
                    name,
                })
                .collect();
            set
        };
        let mut errors = named(false, uncorrectable, &UNCORRECTABLE_BITS);
        errors.extend(named(true, correctable, &CORRECTABLE_BITS));
        Ok(errors)
    }
}

/// Error messages of a function by severity (PCIe 2.2.8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorMessages {
    /// ERR_COR.
    pub correctable: u64,
    /// ERR_NONFATAL.
    pub non_fatal: u64,
    /// ERR_FATAL.
    pub fatal: u64,
}

impl ErrorMessages {
    /// Of these messages, those that tell of errors.
    pub fn of(messages: &[(Cycle, Message)]) -> Self {
        let count = |code| messages.iter().filter(|(_, m)| m.code == code).count() as u64;
        Self {
            correctable: count(0x30),
            non_fatal: count(0x31),
            fatal: count(0x33),
        }
    }
}
