// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What is behind each page of a virtual device's BARs.

use super::config::ConfigSpace;
use crate::dsa::{PORTAL_PAGE, PortalPage};
use crate::host::Adi;

/// Bytes of the virtual BAR0.
pub const BAR0_SIZE: u64 = 0x1_0000;
/// Bytes of the virtual BAR2: the four portal pages of one queue.
pub const BAR2_SIZE: u64 = 4 * PORTAL_PAGE;

/// Where a guest's access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the device itself, at this physical address; the VDCM does not see it.
    Direct(u64),
    /// To an emulated register, at this offset in BAR0.
    Registers(u32),
    /// To nothing.
    Nothing,
}

/// Decides where an access of `bytes` bytes at guest-physical `address` goes.
///
/// The guest has no IMS, so it submits through MSI-X portals; behind them are the IMS portals of
/// its ADI, whose interrupts belong to it. Its own IMS portal pages lead to nothing.
pub fn resolve(config: &ConfigSpace, adi: &Adi, address: u64, bytes: usize) -> Target {
    let inside = |bar: u8, size: u64| {
        let offset = address.checked_sub(config.bar_address(bar))?;
        let end = offset.checked_add(bytes as u64)?;
        (config.memory_enabled() && end <= size).then_some(offset)
    };
    if let Some(offset) = inside(0, BAR0_SIZE) {
        return Target::Registers(offset as u32);
    }
    let Some(offset) = inside(2, BAR2_SIZE) else {
        return Target::Nothing;
    };
    let page = match offset / PORTAL_PAGE {
        0 => PortalPage::UnlimitedIms,
        1 => PortalPage::LimitedIms,
        _ => return Target::Nothing,
    };
    Target::Direct(adi.portal(page) + offset % PORTAL_PAGE)
}
