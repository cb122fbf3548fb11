// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The configuration space as `lspci -xxxx` prints it.

use std::fmt::Write;

use siov_sim::Straps;

use crate::mem::{Memory, MemoryError};
use crate::pcie::{AccessError, DeviceInfo, EnumerateError, Host, Knobs, RunError};
use crate::rtl::RtlEndpoint;

/// Bytes of a configuration space.
const CONFIG_BYTES: u16 = 4096;

/// The configuration space could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LspciError {
    /// No device could be made.
    #[error("cannot make the device: {0}")]
    Model(#[from] siov_sim::Error),
    /// There is no memory for the host.
    #[error("host memory: {0}")]
    Memory(#[from] MemoryError),
    /// Simulation stopped.
    #[error(transparent)]
    Simulation(#[from] RunError),
    /// The device could not be enumerated.
    #[error("enumeration: {0}")]
    Enumerate(#[from] EnumerateError),
    /// A register could not be read.
    #[error("config space: {0}")]
    Access(#[from] AccessError),
}

/// Enumerates a device and prints all its configuration space.
pub fn dump(straps: Straps) -> Result<String, LspciError> {
    let endpoint = RtlEndpoint::new(straps, None)?;
    let host = Host::new(Box::new(endpoint), Memory::new(1 << 20)?, Knobs::default());
    host.run(read(&host))?
}

async fn read(host: &Host) -> Result<String, LspciError> {
    let info = host.enumerate().await?;
    host.enable_memory(info.bdf).await?;
    let mut bytes = Vec::new();
    for offset in (0..CONFIG_BYTES).step_by(4) {
        let word = host.config_read32(info.bdf, offset).await?;
        bytes.extend(word.to_le_bytes());
    }
    Ok(format(&info, &bytes))
}

fn format(info: &DeviceInfo, bytes: &[u8]) -> String {
    let mut text = format!(
        "{} System peripheral: Device {:04x}:{:04x}\n",
        info.bdf, info.vendor_id, info.device_id
    );
    for (line, bytes) in bytes.chunks(16).enumerate() {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:02x}: {}", line * 16, bytes.join(" "));
    }
    text
}
