// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Faults put into the traffic on purpose: which TLP, and what happens to it.
//!
//! A [`Fault`] is a [`Match`] and a [`Deed`]. The root complex shows each TLP to the [`Injector`],
//! those of the host before they are queued, those of the device after the checker has seen them.
//! All chance comes from one seed.

mod deed;
mod injector;
mod matcher;
mod rewrite;
#[cfg(test)]
mod tests;

pub use deed::Deed;
pub use injector::{Fault, Hit, Injected, Injector};
pub(crate) use injector::{Outgoing, Received};
pub use matcher::{Kind, Match};
