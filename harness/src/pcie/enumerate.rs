// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Finding the device: IDs, BARs, capabilities.

use super::AccessError;
use super::host::Host;
use super::ids::Bdf;

/// A memory BAR, sized and placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Index of its first register, 0..=5.
    pub index: u8,
    /// Where it was placed.
    pub address: u64,
    /// Bytes, a power of two.
    pub size: u64,
    /// Takes two registers.
    pub is_64bit: bool,
    /// Reads have no side effects.
    pub prefetchable: bool,
}

/// A capability of the first 256 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Capability ID.
    pub id: u8,
    /// Byte offset in config space.
    pub offset: u16,
}

/// A capability from offset 100h on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedCapability {
    /// Capability ID.
    pub id: u16,
    /// Capability version.
    pub version: u8,
    /// Byte offset in config space.
    pub offset: u16,
}

/// What enumeration found out about a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its address.
    pub bdf: Bdf,
    /// Vendor ID.
    pub vendor_id: u16,
    /// Device ID.
    pub device_id: u16,
    /// Subsystem vendor ID.
    pub subsystem_vendor_id: u16,
    /// Subsystem ID.
    pub subsystem_id: u16,
    /// Revision ID.
    pub revision: u8,
    /// Class code: base class 23:16, sub-class 15:8, interface 7:0.
    pub class: u32,
    /// BARs by index.
    pub bars: Vec<Bar>,
    /// Capabilities in the order of the list.
    pub capabilities: Vec<Capability>,
    /// Extended capabilities in the order of the list.
    pub extended: Vec<ExtendedCapability>,
}

impl DeviceInfo {
    /// The BAR whose first register is `index`.
    pub fn bar(&self, index: u8) -> Option<&Bar> {
        self.bars.iter().find(|bar| bar.index == index)
    }

    /// Offset of the first capability `id`.
    pub fn capability(&self, id: u8) -> Option<u16> {
        self.capabilities
            .iter()
            .find(|c| c.id == id)
            .map(|c| c.offset)
    }

    /// Offset of the first extended capability `id`.
    pub fn extended_capability(&self, id: u16) -> Option<u16> {
        self.extended.iter().find(|c| c.id == id).map(|c| c.offset)
    }
}

/// Enumeration failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnumerateError {
    /// A config access failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nobody answers.
    #[error("no device at {bdf}")]
    NoDevice {
        /// Where it was looked for.
        bdf: Bdf,
    },
    /// Not a Type 0 header.
    #[error("{bdf}: header type {header_type:#04x}, expected 0")]
    HeaderType {
        /// Where.
        bdf: Bdf,
        /// What was read.
        header_type: u8,
    },
    /// A capability list that leads nowhere.
    #[error("{bdf}: capability pointer {pointer:#x} at {offset:#x}: {reason}")]
    BadList {
        /// Where.
        bdf: Bdf,
        /// The register that holds the pointer.
        offset: u16,
        /// What it holds.
        pointer: u16,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A BAR whose size is not a power of two, or that asks for I/O space.
    #[error("{bdf}: BAR{index} reads {value:#x} after writing ones: {reason}")]
    BadBar {
        /// Where.
        bdf: Bdf,
        /// Which register.
        index: u8,
        /// What was read.
        value: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Host {
    /// Finds the function behind the root port, sizes its BARs and places them. Memory space and
    /// bus mastering stay off.
    pub async fn enumerate(&self) -> Result<DeviceInfo, EnumerateError> {
        todo!()
    }

    /// Sets Memory Space Enable.
    pub async fn enable_memory(&self, _bdf: Bdf) -> Result<(), AccessError> {
        todo!()
    }

    /// Sets Bus Master Enable.
    pub async fn enable_bus_master(&self, _bdf: Bdf) -> Result<(), AccessError> {
        todo!()
    }

    /// Programs Max_Payload_Size, Max_Read_Request_Size, Extended Tag and RCB by the knobs, as far as
    /// the device can.
    pub async fn configure_link(&self, _device: &DeviceInfo) -> Result<(), AccessError> {
        todo!()
    }
}
