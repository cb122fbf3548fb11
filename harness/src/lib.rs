// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The host side of an S-IOV endpoint: everything above the device's TLP port.

#![forbid(unsafe_code)]

pub mod bench;
pub mod checker;
pub mod cli;
pub mod dsa;
pub mod endpoint;
pub mod faults;
pub mod fuzz;
pub mod guest;
pub mod host;
pub mod iommu;
pub mod lspci;
pub mod mem;
pub mod pcie;
pub mod report;
pub mod rtl;
pub mod scenario;
pub mod trace;
pub mod vdcm;

pub use endpoint::{Cycle, Endpoint};
