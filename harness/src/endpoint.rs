// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the root complex needs of a device: TLPs in, TLPs out, and a clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};
pub use siov_sim::{CreditLimit, Credits};

/// A point in simulated time: clock cycles since reset.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cycle(pub u64);

impl Cycle {
    /// Cycles from `earlier` to `self`, 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Cycle {
    type Output = Self;

    fn add(self, cycles: u64) -> Self {
        Self(self.0.saturating_add(cycles))
    }
}

impl AddAssign<u64> for Cycle {
    fn add_assign(&mut self, cycles: u64) {
        *self = *self + cycles;
    }
}

impl Sub for Cycle {
    type Output = u64;

    fn sub(self, earlier: Self) -> u64 {
        self.since(earlier)
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why [`Endpoint::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The device sent a TLP that [`Endpoint::next_tlp`] has not yet handed out.
    Tlp,
    /// All cycles asked for have passed.
    Cycles,
}

/// The device failed in a way that no TLP can tell.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The dwords cannot be carried over the port as a TLP.
    #[error("the port cannot carry this TLP: {reason}")]
    Unsendable {
        /// Why.
        reason: String,
    },
    /// The model stopped by itself, e.g. on a failed assertion.
    #[error("cycle {cycle}: the model stopped: {reason}")]
    Stopped {
        /// When.
        cycle: Cycle,
        /// What the model said.
        reason: String,
    },
}

/// A PCIe endpoint, seen across its TLP port (docs/tlp-port.md).
///
/// TLPs are dword slices as [`crate::pcie::codec`] describes: optional prefix, header, payload.
/// Cycle `n` is the time before the `n+1`th rising clock edge.
pub trait Endpoint {
    /// Queues a TLP for the device. Of the TLPs that are ready, the one with the lowest
    /// `ready_at` goes first, of those the one pushed first; it starts as soon as the port is free.
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError>;

    /// Clocks the device until it has sent a TLP, at most `max_cycles`.
    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError>;

    /// The oldest TLP not yet handed out that the device sent, with the cycle in which its last
    /// beat was taken.
    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])>;

    /// The current cycle.
    fn now(&self) -> Cycle;

    /// Whether nothing is in flight in the device or on its way to it.
    fn idle(&self) -> bool;

    /// Grants credits to the device; infinite after reset. Totals never shrink below what the
    /// device has spent.
    fn set_credits(&mut self, credits: &Credits);
}
