// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A guest: its memory, its interrupts, and the driver that runs in it.
//!
//! The driver sees a [`PciFunction`], guest-physical memory and an interrupt controller, and
//! nothing else. It does not know whether the function is virtual.

mod apic;
mod bus;
mod driver;
mod effects;
mod error;
mod layout;
mod memory;
mod pci;
mod workload;

pub use apic::{Apic, Vector};
pub use bus::{BusError, PciFunction};
pub use driver::{Clock, Driver, Machine, Placement};
pub use error::GuestError;
pub use layout::Layout;
pub use memory::{GuestMemory, GuestMemoryError};
pub use workload::{Outcome, Progress, Via, Work};
