// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! BAR0 of the physical function.

use crate::pcie::{AccessError, Host};

/// Registers by byte offset from the start of BAR0.
#[derive(Clone, Debug)]
pub struct Registers {
    host: Host,
    base: u64,
}

impl Registers {
    /// The registers behind the BAR at `base`.
    pub fn new(host: Host, base: u64) -> Self {
        Self { host, base }
    }

    /// Reads a dword.
    pub async fn read32(&self, offset: u32) -> Result<u32, AccessError> {
        self.host.read32(self.base + u64::from(offset)).await
    }

    /// Reads a quadword.
    pub async fn read64(&self, offset: u32) -> Result<u64, AccessError> {
        self.host.read64(self.base + u64::from(offset)).await
    }

    /// Posts a dword.
    pub fn write32(&self, offset: u32, value: u32) {
        self.host.write32(self.base + u64::from(offset), value);
    }

    /// Posts a quadword.
    pub fn write64(&self, offset: u32, value: u64) {
        self.host.write64(self.base + u64::from(offset), value);
    }
}
