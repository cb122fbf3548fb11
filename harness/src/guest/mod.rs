// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A guest: its memory, its interrupts, and the driver that runs in it.

mod apic;
mod bus;
mod layout;

pub use apic::{Apic, Vector};
pub use bus::{BusError, PciFunction};
pub use layout::Layout;
