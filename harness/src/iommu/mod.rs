// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! VT-d in scalable mode: translates what the device asks for by tables in host memory.

pub mod tables;

/// The IOMMU in front of host memory.
#[derive(Debug, Default)]
pub struct Iommu {}
