// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the CPU of a guest can reach of a PCI function.

use crate::host::DriverError;

/// The machine under the guest failed; no access of a guest can cause it.
#[derive(Debug, thiserror::Error)]
#[error("the host failed under a guest's access: {0}")]
pub struct BusError(#[from] pub DriverError);

/// A PCI function in the guest's address spaces. As on a real machine, reads of nothing give ones
/// and writes to nothing are lost.
#[expect(
    async_fn_in_trait,
    reason = "guests run on one thread, their futures need not be Send"
)]
pub trait PciFunction {
    /// Reads a config register; `offset` is a multiple of 4.
    async fn config_read32(&self, offset: u16) -> Result<u32, BusError>;

    /// Writes the enabled bytes of a config register; `offset` is a multiple of 4.
    async fn config_write(&self, offset: u16, value: u32, byte_enables: u8)
    -> Result<(), BusError>;

    /// Loads from guest-physical `address` in one of the BARs.
    async fn load(&self, address: u64, data: &mut [u8]) -> Result<(), BusError>;

    /// Stores to guest-physical `address` in one of the BARs.
    async fn store(&self, address: u64, data: &[u8]) -> Result<(), BusError>;

    /// Stores 64 bytes at once, as MOVDIR64B does.
    async fn store64(&self, address: u64, data: &[u8; 64]) -> Result<(), BusError>;

    /// Loads a dword.
    async fn load32(&self, address: u64) -> Result<u32, BusError> {
        let mut bytes = [0; 4];
        self.load(address, &mut bytes).await?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Loads a quadword.
    async fn load64(&self, address: u64) -> Result<u64, BusError> {
        let mut bytes = [0; 8];
        self.load(address, &mut bytes).await?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stores a dword.
    async fn store32(&self, address: u64, value: u32) -> Result<(), BusError> {
        self.store(address, &value.to_le_bytes()).await
    }
}
