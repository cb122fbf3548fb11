// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Identifiers that a TLP carries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bus, device and function number of a requester or completer: bus 15:8, device 7:3,
/// function 2:0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Bdf(u16);

impl Bdf {
    /// Builds a BDF; `device` counts modulo 32 and `function` modulo 8.
    pub const fn new(bus: u8, device: u8, function: u8) -> Self {
        Self((bus as u16) << 8 | ((device & 0x1f) as u16) << 3 | (function & 7) as u16)
    }

    /// From the 16-bit form that headers carry.
    pub const fn from_raw(raw: u16) -> Self {
        Self(raw)
    }

    /// The 16-bit form that headers carry.
    pub const fn raw(self) -> u16 {
        self.0
    }

    /// Bus number.
    pub const fn bus(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Device number, 0..=31.
    pub const fn device(self) -> u8 {
        (self.0 >> 3) as u8 & 0x1f
    }

    /// Function number, 0..=7.
    pub const fn function(self) -> u8 {
        self.0 as u8 & 7
    }

    /// Device and function as one byte, as IOMMU tables are indexed.
    pub const fn devfn(self) -> u8 {
        self.0 as u8
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02x}:{:02x}.{}",
            self.bus(),
            self.device(),
            self.function()
        )
    }
}

/// Transaction tag, 10 bits; unique per requester among its outstanding non-posted requests.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tag(u16);

impl Tag {
    /// A tag; `raw` counts modulo 1024.
    pub const fn new(raw: u16) -> Self {
        Self(raw & 0x3ff)
    }

    /// The tag's 10 bits.
    pub const fn raw(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#05x}", self.0)
    }
}

/// Process address space ID, 20 bits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Pasid(u32);

impl Pasid {
    /// The largest PASID.
    pub const MAX: Self = Self(0xf_ffff);

    /// A PASID, or `None` if `raw` needs more than 20 bits.
    pub const fn new(raw: u32) -> Option<Self> {
        if raw <= Self::MAX.0 {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// A PASID from a field whose upper bits mean something else.
    pub(crate) const fn from_field(raw: u32) -> Self {
        Self(raw & Self::MAX.0)
    }

    /// The PASID's 20 bits.
    pub const fn raw(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Pasid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
