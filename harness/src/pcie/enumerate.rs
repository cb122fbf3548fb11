// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Finding the device: IDs, BARs, capabilities.

use super::AccessError;
use super::host::Host;
use super::ids::Bdf;
use super::knobs::Rcb;

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

// Config registers (PCIe 7.5.1).
const ID: u16 = 0x00;
const COMMAND: u16 = 0x04;
const CLASS_REVISION: u16 = 0x08;
const HEADER_TYPE: u16 = 0x0c;
const BAR0: u16 = 0x10;
const SUBSYSTEM: u16 = 0x2c;
const CAPABILITIES: u16 = 0x34;
const EXTENDED: u16 = 0x100;

const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const STATUS_CAPABILITY_LIST: u32 = 1 << 20;

// PCI Express capability (PCIe 7.5.3).
const CAP_PCIE: u8 = 0x10;
const DEVCAP: u16 = 0x04;
const DEVCTL: u16 = 0x08;
const LNKCTL: u16 = 0x10;
const DEVCTL_EXTENDED_TAG: u32 = 1 << 8;
const LNKCTL_RCB_128: u32 = 1 << 3;

impl Host {
    /// Finds the function behind the root port, sizes its BARs and places them. Memory space and
    /// bus mastering stay off.
    pub async fn enumerate(&self) -> Result<DeviceInfo, EnumerateError> {
        let knobs = self.knobs();
        let bdf = Bdf::new(knobs.device_bus, 0, 0);
        let id = match self.config_read32(bdf, ID).await {
            // What software reads where nobody answers (PCIe 2.3.2).
            Err(AccessError::UnsupportedRequest { .. }) => u32::MAX,
            id => id?,
        };
        if id == u32::MAX {
            return Err(EnumerateError::NoDevice { bdf });
        }
        let header_type = (self.config_read32(bdf, HEADER_TYPE).await? >> 16) as u8;
        if header_type & 0x7f != 0 {
            return Err(EnumerateError::HeaderType { bdf, header_type });
        }
        let class = self.config_read32(bdf, CLASS_REVISION).await?;
        let subsystem = self.config_read32(bdf, SUBSYSTEM).await?;
        Ok(DeviceInfo {
            bdf,
            vendor_id: id as u16,
            device_id: (id >> 16) as u16,
            subsystem_vendor_id: subsystem as u16,
            subsystem_id: (subsystem >> 16) as u16,
            revision: class as u8,
            class: class >> 8,
            bars: self.place_bars(bdf, knobs.mmio_base).await?,
            capabilities: self.capabilities(bdf).await?,
            extended: self.extended_capabilities(bdf).await?,
        })
    }

    /// Sizes all BARs and places them from `base` up, each at a multiple of its size.
    async fn place_bars(&self, bdf: Bdf, base: u64) -> Result<Vec<Bar>, EnumerateError> {
        let mut bars = Vec::new();
        let mut free = base;
        let mut index = 0;
        while index < 6 {
            let Some(mut bar) = self.size_bar(bdf, index).await? else {
                index += 1;
                continue;
            };
            let place = free.checked_next_multiple_of(bar.size);
            let Some((address, end)) = place.and_then(|at| Some((at, at.checked_add(bar.size)?)))
            else {
                let (value, reason) = (bar.size.wrapping_neg(), "does not fit");
                return Err(EnumerateError::BadBar {
                    bdf,
                    index,
                    value,
                    reason,
                });
            };
            bar.address = address;
            free = end;
            let offset = BAR0 + u16::from(index) * 4;
            self.config_write32(bdf, offset, bar.address as u32).await?;
            index += 1;
            if bar.is_64bit {
                self.config_write32(bdf, offset + 4, (bar.address >> 32) as u32)
                    .await?;
                index += 1;
            }
            bars.push(bar);
        }
        Ok(bars)
    }

    /// The BAR at `index`, not placed yet, if it is implemented.
    async fn size_bar(&self, bdf: Bdf, index: u8) -> Result<Option<Bar>, EnumerateError> {
        let bad = |value, reason| {
            Err(EnumerateError::BadBar {
                bdf,
                index,
                value,
                reason,
            })
        };
        let offset = BAR0 + u16::from(index) * 4;
        self.config_write32(bdf, offset, u32::MAX).await?;
        let low = self.config_read32(bdf, offset).await?;
        if low == 0 {
            return Ok(None);
        }
        let is_64bit = match low & 7 {
            0b000 => false,
            0b100 if index < 5 => true,
            _ => return bad(u64::from(low), "not a 32- or 64-bit memory BAR"),
        };
        let mut value = u64::from(low & !0xf);
        if is_64bit {
            self.config_write32(bdf, offset + 4, u32::MAX).await?;
            value |= u64::from(self.config_read32(bdf, offset + 4).await?) << 32;
        } else {
            value |= 0xffff_ffff << 32;
        }
        let size = value.wrapping_neg();
        if !size.is_power_of_two() {
            return bad(value, "size is not a power of two");
        }
        if !is_64bit && self.knobs().mmio_base >> 32 != 0 {
            return bad(value, "no room below 4 GiB");
        }
        Ok(Some(Bar {
            index,
            address: 0,
            size,
            is_64bit,
            prefetchable: low & 8 != 0,
        }))
    }

    async fn capabilities(&self, bdf: Bdf) -> Result<Vec<Capability>, EnumerateError> {
        let mut found: Vec<Capability> = Vec::new();
        if self.config_read32(bdf, COMMAND).await? & STATUS_CAPABILITY_LIST == 0 {
            return Ok(found);
        }
        let mut from = CAPABILITIES;
        let mut next = self.config_read32(bdf, CAPABILITIES).await? as u16 & 0xfc;
        while next != 0 {
            let looped = found.iter().any(|c| c.offset == next);
            check_pointer(bdf, from, next, 0x40, looped)?;
            let header = self.config_read32(bdf, next).await?;
            found.push(Capability {
                id: header as u8,
                offset: next,
            });
            (from, next) = (next, (header >> 8) as u16 & 0xfc);
        }
        Ok(found)
    }

    async fn extended_capabilities(
        &self,
        bdf: Bdf,
    ) -> Result<Vec<ExtendedCapability>, EnumerateError> {
        let mut found: Vec<ExtendedCapability> = Vec::new();
        let mut next = EXTENDED;
        loop {
            let header = self.config_read32(bdf, next).await?;
            if header != 0 {
                let (id, version) = (header as u16, (header >> 16) as u8 & 0xf);
                found.push(ExtendedCapability {
                    id,
                    version,
                    offset: next,
                });
            }
            let from = next;
            next = (header >> 20) as u16 & 0xffc;
            if next == 0 {
                return Ok(found);
            }
            let looped = found.iter().any(|c| c.offset == next);
            check_pointer(bdf, from, next, EXTENDED, looped)?;
        }
    }

    /// Sets Memory Space Enable.
    pub async fn enable_memory(&self, bdf: Bdf) -> Result<(), AccessError> {
        self.set_command(bdf, COMMAND_MEMORY).await
    }

    /// Sets Bus Master Enable.
    pub async fn enable_bus_master(&self, bdf: Bdf) -> Result<(), AccessError> {
        self.set_command(bdf, COMMAND_BUS_MASTER).await
    }

    async fn set_command(&self, bdf: Bdf, bits: u32) -> Result<(), AccessError> {
        let command = self.config_read32(bdf, COMMAND).await?;
        // The upper half is Status, whose bits a write of 1 would clear.
        self.config_write(bdf, COMMAND, command | bits, 0b0011)
            .await
    }

    /// Programs Max_Payload_Size, Max_Read_Request_Size, Extended Tag and RCB by the knobs, as far
    /// as the device can.
    pub async fn configure_link(&self, device: &DeviceInfo) -> Result<(), AccessError> {
        let Some(cap) = device.capability(CAP_PCIE) else {
            return Ok(());
        };
        let (bdf, knobs) = (device.bdf, self.knobs());
        let devcap = self.config_read32(bdf, cap + DEVCAP).await?;
        let mps = size_field(knobs.mps).min(devcap & 7);
        let mrrs = size_field(knobs.mrrs);
        let devctl = self.config_read32(bdf, cap + DEVCTL).await? & !(7 << 12 | 7 << 5);
        // Extended Tag Field Supported is bit 5 of the capability, the enable bit 8.
        let extended_tag = if devcap & 1 << 5 != 0 {
            DEVCTL_EXTENDED_TAG
        } else {
            0
        };
        let devctl = devctl | mrrs << 12 | mps << 5 | extended_tag;
        self.config_write(bdf, cap + DEVCTL, devctl, 0b0011).await?;
        let lnkctl = self.config_read32(bdf, cap + LNKCTL).await? & !LNKCTL_RCB_128;
        let rcb = match knobs.rcb {
            Rcb::Bytes64 => 0,
            Rcb::Bytes128 => LNKCTL_RCB_128,
        };
        self.config_write(bdf, cap + LNKCTL, lnkctl | rcb, 0b0011)
            .await?;
        self.rc().mps = 128 << mps;
        Ok(())
    }
}

/// Code of a size in bytes: 128 << n.
fn size_field(bytes: u16) -> u32 {
    (bytes / 128).max(1).ilog2().min(5)
}

fn check_pointer(
    bdf: Bdf,
    offset: u16,
    pointer: u16,
    lowest: u16,
    looped: bool,
) -> Result<(), EnumerateError> {
    let reason = match () {
        () if pointer < lowest => "points into the header",
        () if looped => "the list goes in a circle",
        () => return Ok(()),
    };
    Err(EnumerateError::BadList {
        bdf,
        offset,
        pointer,
        reason,
    })
}
