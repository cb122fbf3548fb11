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

/// Sees every TLP at the port, in the order of simulated time.
pub trait TlpListener {
    /// A TLP passes. `cycle` is when it is first offered to the device, or when its last beat
    /// left the device. An error ends the run.
    fn tlp(&mut self, direction: Direction, cycle: Cycle, words: &[u32]) -> io::Result<()>;

    /// No TLP will follow.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
