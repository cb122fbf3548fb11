// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The Virtual Device Composition Module: makes virtual devices of ADIs.
//!
//! A [`Vdev`] looks to its guest like a whole PCI function with one dedicated queue. Everything
//! infrequent is emulated here: configuration space, registers, commands, the MSI-X table. Portal
//! pages are mapped straight to the ADI, so that submission, DMA, completion and interrupt never
//! come by. Every access that does is a trap, and is counted.

mod command;
mod config;
mod msix;
mod pages;
mod registers;
mod traps;
mod vdev;

pub use traps::Traps;
pub use vdev::Vdev;

#[cfg(test)]
mod tests;
