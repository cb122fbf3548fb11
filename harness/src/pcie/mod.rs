// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The PCIe side of the host: TLPs, their bits, and the root complex that plays everything above
//! the device's link.

mod access;
pub mod codec;
mod completer;
mod credits;
mod enumerate;
mod host;
mod ids;
mod knobs;
mod listener;
#[cfg(test)]
pub(crate) mod mock;
mod msi;
mod requester;
mod root_complex;
mod run;
#[cfg(test)]
mod tests;
mod timers;
pub mod tlp;
mod waits;
mod watch;

pub use access::{Access, AccessError, Enqcmd};
pub use credits::{CreditClass, CreditWindow};
pub use enumerate::{Bar, Capability, DeviceInfo, EnumerateError, ExtendedCapability};
pub use host::Host;
pub use ids::{Bdf, Pasid, Tag};
pub use knobs::{Knobs, Rcb};
pub use listener::{Direction, TlpEvent, TlpListener};
pub use msi::{CompletionInterrupt, Msi, MsiCount, MsiVector};
pub use root_complex::Stats;
pub use run::RunError;
