// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! How the root complex behaves, where PCIe leaves it the choice.

use super::ids::Bdf;

/// Read Completion Boundary: where completions may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rcb {
    /// 64 bytes.
    Bytes64 = 64,
    /// 128 bytes.
    Bytes128 = 128,
}

/// Settings of the root complex. One set and one seed give one sequence of TLPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    /// Seed of every choice made at random.
    pub seed: u64,
    /// Cycles from a device read to its first completion.
    pub latency: u64,
    /// Cycles from a Translation Request to its completion.
    pub translation_latency: u64,
    /// Cycles a device has to complete an Invalidate Request (PCIe 10.3.4 gives it 90 seconds).
    pub invalidation_timeout: u64,
    /// Up to so many cycles more, drawn for each completion: reads overtake each other.
    pub jitter: u64,
    /// Cut completions at Read Completion Boundaries drawn at random; otherwise they are as long
    /// as `mps` allows.
    pub split_completions: bool,
    /// Read Completion Boundary.
    pub rcb: Rcb,
    /// Largest payload of any TLP in bytes: 128 to 4096, rounded down to a power of two; less if
    /// the device cannot.
    pub mps: u16,
    /// Largest read the device may send in bytes: 128 to 4096, rounded down to a power of two.
    pub mrrs: u16,
    /// Cycles a non-posted host request waits for its completion.
    pub completion_timeout: u64,
    /// Silent cycles, with no timer pending, after which waiting tasks are said to be deadlocked.
    pub deadlock_after: u64,
    /// Stop the run when a TLP breaks a rule ([`crate::checker`]).
    pub checker: bool,
    /// The root complex's own requester and completer ID.
    pub root: Bdf,
    /// The bus that the device is on.
    pub device_bus: u8,
    /// Where BARs are placed; above all host memory.
    pub mmio_base: u64,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            seed: 0,
            latency: 300,
            translation_latency: 300,
            invalidation_timeout: 500_000,
            jitter: 0,
            split_completions: false,
            rcb: Rcb::Bytes64,
            mps: 256,
            mrrs: 512,
            completion_timeout: 100_000,
            deadlock_after: 1_000_000,
            checker: true,
            root: Bdf::new(0, 0, 0),
            device_bus: 1,
            mmio_base: 0x40_0000_0000,
        }
    }
}
