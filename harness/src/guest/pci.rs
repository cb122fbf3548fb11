// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Finding out what a PCI function has: capabilities and BARs.

use super::{GuestError, PciFunction};

const COMMAND: u16 = 0x04;
const CLASS: u16 = 0x08;
const BAR0: u16 = 0x10;
const CAPABILITIES: u16 = 0x34;
const MEMORY_AND_MASTER: u32 = 1 << 1 | 1 << 2;
const ALL_BYTES: u8 = 0xf;
const LOW_HALF: u8 = 0b0011;
const HIGH_HALF: u8 = 0b1100;

/// Class code of the devices that the driver drives: system peripheral, other.
const ACCELERATOR: u32 = 0x08_8000;

/// What the driver needs to know of the function.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Where the driver's firmware has put BAR0.
    pub bar0: u64,
    /// And BAR2.
    pub bar2: u64,
    /// MSI-X table, in BAR0.
    pub msix_table: u32,
    msix: u16,
}

/// Checks the class, places the BARs from `mmio_base` on, and enables decoding and DMA.
pub async fn set_up<F: PciFunction>(function: &F, mmio_base: u64) -> Result<Resources, GuestError> {
    if function.config_read32(CLASS).await? >> 8 != ACCELERATOR {
        return Err(GuestError::Probe("not an accelerator by its class code"));
    }
    let msix = capability(function, 0x11)
        .await?
        .ok_or(GuestError::Probe("no MSI-X capability"))?;
    let table = function.config_read32(msix + 4).await?;
    if table & 7 != 0 {
        return Err(GuestError::Probe("MSI-X table is not in BAR0"));
    }
    let size0 = bar_size(function, 0).await?;
    let size2 = bar_size(function, 2).await?;
    let bar0 = mmio_base.next_multiple_of(size0);
    let bar2 = (bar0 + size0).next_multiple_of(size2);
    place_bar(function, 0, bar0).await?;
    place_bar(function, 2, bar2).await?;
    function
        .config_write(COMMAND, MEMORY_AND_MASTER, LOW_HALF)
        .await?;
    Ok(Resources {
        bar0,
        bar2,
        msix_table: table & !7,
        msix,
    })
}

/// Sets MSI-X Enable.
pub async fn enable_msix<F: PciFunction>(
    function: &F,
    resources: &Resources,
) -> Result<(), GuestError> {
    const ENABLE: u32 = 1 << 31;
    function
        .config_write(resources.msix, ENABLE, HIGH_HALF)
        .await?;
    Ok(())
}

/// Function Level Reset, if the function offers it.
pub async fn reset<F: PciFunction>(function: &F) -> Result<(), GuestError> {
    const OFFERS_FLR: u32 = 1 << 28;
    const INITIATE: u32 = 1 << 15;
    let cap = capability(function, 0x10)
        .await?
        .ok_or(GuestError::Probe("no PCI Express capability"))?;
    if function.config_read32(cap + 4).await? & OFFERS_FLR == 0 {
        return Err(GuestError::Probe("no Function Level Reset"));
    }
    function.config_write(cap + 8, INITIATE, LOW_HALF).await?;
    Ok(())
}

/// Offset of the first capability with this ID.
async fn capability<F: PciFunction>(function: &F, id: u32) -> Result<Option<u16>, GuestError> {
    const LONGEST_LIST: usize = 48;
    let mut offset = function.config_read32(CAPABILITIES).await? & 0xfc;
    for _ in 0..LONGEST_LIST {
        if offset == 0 {
            return Ok(None);
        }
        let header = function.config_read32(offset as u16).await?;
        if header & 0xff == id {
            return Ok(Some(offset as u16));
        }
        offset = header >> 8 & 0xfc;
    }
    Err(GuestError::Probe("capability list does not end"))
}

/// Size of a 64-bit BAR, by writing ones to it.
async fn bar_size<F: PciFunction>(function: &F, index: u16) -> Result<u64, GuestError> {
    let offset = BAR0 + 4 * index;
    if function.config_read32(offset).await? & 0b111 != 0b100 {
        return Err(GuestError::Probe("BAR is not a 64-bit memory BAR"));
    }
    function.config_write(offset, u32::MAX, ALL_BYTES).await?;
    function
        .config_write(offset + 4, u32::MAX, ALL_BYTES)
        .await?;
    let low = function.config_read32(offset).await? & !0xf;
    let high = function.config_read32(offset + 4).await?;
    let mask = u64::from(high) << 32 | u64::from(low);
    match mask {
        0 => Err(GuestError::Probe("BAR is not implemented")),
        _ => Ok(mask.wrapping_neg()),
    }
}

async fn place_bar<F: PciFunction>(
    function: &F,
    index: u16,
    address: u64,
) -> Result<(), GuestError> {
    let offset = BAR0 + 4 * index;
    function
        .config_write(offset, address as u32, ALL_BYTES)
        .await?;
    function
        .config_write(offset + 4, (address >> 32) as u32, ALL_BYTES)
        .await?;
    Ok(())
}
