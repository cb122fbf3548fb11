// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The host driver: owns the physical function and hands out assignable device interfaces.
//!
//! [`Driver::probe`] finds the device and resets it, [`Driver::configure`] shares out queues and
//! engines and enables it, [`Driver::assign`] binds a queue, a PASID and an interrupt to one owner
//! as an [`Adi`], and [`Driver::share`] gives a queue to many; [`Driver::reset_function`] takes all
//! back at once. Everything is done by register accesses, found as a driver finds them: BARs by
//! enumeration, tables through OFFSETS and the MSI-X capability.

mod address_space;
mod adi;
mod command;
mod configure;
mod error;
mod interrupt;
mod iommu;
mod misc;
mod page_request;
mod posted;
mod power;
mod probe;
mod registers;
mod reset;
mod shared;
mod wq;

pub use address_space::AddressSpace;
pub use adi::{Adi, Dedicated};
pub use configure::WqConfig;
pub use error::DriverError;
pub use page_request::{Demand, Paged};
pub use posted::PostedInterrupts;
pub use power::Asleep;
pub use probe::{Capabilities, Driver};
pub use shared::{Shared, SharedWq, Submitter};
pub use wq::Wq;

#[cfg(test)]
mod tests;
