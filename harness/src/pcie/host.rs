// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The handle that host software holds: accesses to the device, simulated time, interrupts.

use std::future::Future;
use std::io;

use super::Knobs;
use super::access::AccessError;
use super::ids::Bdf;
use super::listener::TlpListener;
use super::msi::{Msi, MsiCount, MsiVector};
use crate::endpoint::{Cycle, Endpoint, EndpointError};
use crate::iommu::Iommu;
use crate::mem::{Hpa, Memory};

/// Why a run ended before its main task did.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Every task waits and the device is silent.
    #[error("deadlock at cycle {cycle}: nothing has happened for {silent} cycles while waiting for {}", waits.join(", "))]
    Deadlock {
        /// When it was noticed.
        cycle: Cycle,
        /// How long the port was silent.
        silent: u64,
        /// What tasks wait for.
        waits: Vec<String>,
    },
    /// The device sent something that is not a TLP.
    #[error("cycle {cycle}: malformed TLP from the device: {error}; dwords {words:08x?}")]
    Malformed {
        /// When.
        cycle: Cycle,
        /// What is wrong.
        error: super::codec::TlpError,
        /// The TLP.
        words: Vec<u32>,
    },
    /// The device failed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A listener could not keep what it heard.
    #[error("cannot write the trace: {0}")]
    Listener(#[from] io::Error),
}

/// Host software's handle to the root complex. Clones are handles to the same one; all of them
/// stay on one thread.
#[derive(Clone, Debug)]
pub struct Host {}

impl Host {
    /// A root complex with `endpoint` on its port.
    pub fn new(_endpoint: Box<dyn Endpoint>, _memory: Memory, _knobs: Knobs) -> Self {
        todo!()
    }

    /// Runs `main` and every task it spawns with `tokio::task::spawn_local` until `main` is done.
    /// Time passes only while all tasks wait. Must not be called from inside a tokio runtime.
    pub fn run<F: Future>(&self, _main: F) -> Result<F::Output, RunError> {
        todo!()
    }

    /// The current cycle.
    pub fn now(&self) -> Cycle {
        todo!()
    }

    /// Waits for `cycles` to pass.
    pub async fn sleep(&self, _cycles: u64) {
        todo!()
    }

    /// Host memory.
    pub fn memory(&self) -> Memory {
        todo!()
    }

    /// Lets `f` program the IOMMU, invalidate its caches or read its fault log.
    pub fn iommu<R>(&self, _f: impl FnOnce(&mut Iommu) -> R) -> R {
        todo!()
    }

    /// Adds somebody who sees every TLP.
    pub fn add_listener(&self, _listener: Box<dyn TlpListener>) {
        todo!()
    }

    /// Tells all listeners that the run is over, and drops them.
    pub fn finish_listeners(&self) -> io::Result<()> {
        todo!()
    }

    /// Whether the device has nothing in flight.
    pub fn device_idle(&self) -> bool {
        todo!()
    }

    /// Reads a config register; `offset` is a multiple of 4.
    pub async fn config_read32(&self, _bdf: Bdf, _offset: u16) -> Result<u32, AccessError> {
        todo!()
    }

    /// Writes the enabled bytes of a config register; `offset` is a multiple of 4.
    pub async fn config_write(
        &self,
        _bdf: Bdf,
        _offset: u16,
        _value: u32,
        _byte_enables: u8,
    ) -> Result<(), AccessError> {
        todo!()
    }

    /// Writes a whole config register.
    pub async fn config_write32(
        &self,
        bdf: Bdf,
        offset: u16,
        value: u32,
    ) -> Result<(), AccessError> {
        self.config_write(bdf, offset, value, 0xf).await
    }

    /// Reads device memory: any address, any length.
    pub async fn read(&self, _address: u64, _data: &mut [u8]) -> Result<(), AccessError> {
        todo!()
    }

    /// Reads a dword of device memory.
    pub async fn read32(&self, address: u64) -> Result<u32, AccessError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes).await?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads a quadword of device memory.
    pub async fn read64(&self, address: u64) -> Result<u64, AccessError> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).await?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Posts a write to device memory: any address, any length; split at 4 KiB and at
    /// Max_Payload_Size.
    pub fn write(&self, _address: u64, _data: &[u8]) {
        todo!()
    }

    /// Posts a dword.
    pub fn write32(&self, address: u64, value: u32) {
        self.write(address, &value.to_le_bytes());
    }

    /// Posts a quadword.
    pub fn write64(&self, address: u64, value: u64) {
        self.write(address, &value.to_le_bytes());
    }

    /// Posts one 64-byte write, as MOVDIR64B does.
    pub fn write_portal(&self, _address: u64, _data: &[u8; 64]) -> Result<(), AccessError> {
        todo!()
    }

    /// Sends a TLP as it is, legal or not. Completions to it are dropped as unexpected.
    pub fn send_raw(&self, _words: &[u32]) {
        todo!()
    }

    /// Claims an interrupt message. A second claim of the same message shares its count.
    pub fn on_msi(&self, _msi: Msi) -> MsiVector {
        todo!()
    }

    /// Messages that nobody had claimed, with the cycle each came, oldest first; forgets them.
    pub fn take_unclaimed_msis(&self) -> Vec<(Cycle, Msi)> {
        todo!()
    }

    /// Waits until the device writes to the 64-byte line that holds `address`. To poll a record, read
    /// it first and wait only if it is not there: nothing passes between the two.
    pub async fn wait_for_write(&self, _address: Hpa) {
        todo!()
    }
}

#[allow(unused)]
fn _uses(_: MsiCount) {}
