// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Hook for everything that wants to see the TLPs pass: traces, records, checkers.

use std::io;

use serde::{Deserialize, Serialize};

use crate::endpoint::Cycle;

/// Which way a TLP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Host to device.
    ToDevice,
    /// Device to host.
    FromDevice,
}

/// A TLP at the port.
#[derive(Clone, Copy, Debug)]
pub struct TlpEvent<'a> {
    /// Which way.
    pub direction: Direction,
    /// To the device: when it is first offered, which for completions is some time ahead. From
    /// the device: when its last beat left.
    pub cycle: Cycle,
    /// Prefix, header, payload.
    pub words: &'a [u32],
}

/// Sees every TLP: those of the device when the root complex handles them, those of the host when
/// they are queued.
pub trait TlpListener {
    /// A TLP passes. An error ends the run.
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()>;

    /// No TLP will follow.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
