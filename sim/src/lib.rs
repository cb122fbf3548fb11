// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The S-IOV endpoint's RTL, compiled by Verilator, as a Rust library.
//!
//! [`Model`] is the device with its TLP port (docs/tlp-port.md): TLPs go in and out as slices of
//! DWs, and the clock runs inside C++ until there is something to see. [`Straps`] says which
//! device software finds. `build.rs` builds the model; the one with waves is built the first time
//! a [`Config`] asks for a wave file.

#[cfg(test)]
mod build_tests;
mod error;
mod ffi;
mod library;
mod model;
pub mod rv32;
#[cfg(test)]
mod shim_tests;
mod straps;
#[path = "../build/verilate.rs"]
#[allow(dead_code, reason = "build.rs uses the rest")]
mod verilate;

pub use error::Error;
pub use model::{BUILD_ID, Config, CreditLimit, Credits, Digest, Model, Sent, Stop, StopOn, Tlp};
pub use straps::{PROFILES, Profile, Straps};
pub use verilate::{BuildError, Replacement};
