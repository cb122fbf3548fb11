// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Bits of page table entries (VT-d 9.7 first stage, 9.8 second stage). Levels count from the
//! leaf: 1 is the table of 4 KiB pages, 4 or 5 the root.

use super::entry::HAW;

const ADDRESS: u64 = (1 << HAW) - (1 << 12);
/// Bits 51:HAW.
const ABOVE_HAW: u64 = (1 << 52) - (1 << HAW);
const PAGE_SIZE_BIT: u64 = 1 << 7;

/// Bytes that one entry of a table of `level` covers.
pub const fn span(level: u32) -> u64 {
    1 << (12 + 9 * (level - 1))
}

/// Index of `address` into a table of `level`.
pub const fn index(address: u64, level: u32) -> u64 {
    address >> (12 + 9 * (level - 1)) & 0x1ff
}

/// What is common to the entries of both stages.
pub trait PageEntry: Copy {
    /// From its quadword.
    fn from_raw(raw: u64) -> Self;

    /// Its quadword.
    fn raw(self) -> u64;

    /// An entry that points at the table `address`, allowing everything.
    fn table(address: u64) -> Self;

    /// An entry of a table of `level` that maps a page at `address`.
    fn page(address: u64, level: u32, rights: PageRights) -> Self;

    /// Whether the entry points anywhere.
    fn present(self) -> bool;

    /// Bits that must be 0 in an entry of a table of `level`.
    fn reserved_mask(self, level: u32) -> u64;

    /// The flag that says the entry was used.
    const ACCESSED: u64;
    /// The flag that says the page it maps was written.
    const DIRTY: u64;

    /// What a walk sets in an entry that points at a table, and in one that maps a page.
    fn flags(dirty: bool) -> (u64, u64) {
        let dirty = if dirty { Self::DIRTY } else { 0 };
        (Self::ACCESSED, Self::ACCESSED | dirty)
    }

    /// Whether the entry, in a table of `level`, maps a page.
    fn is_page(self, level: u32) -> bool {
        level == 1 || level <= 3 && self.raw() & PAGE_SIZE_BIT != 0
    }

    /// The table the entry points at.
    fn table_address(self) -> u64 {
        self.raw() & ADDRESS
    }

    /// The page the entry maps in a table of `level`.
    fn page_address(self, level: u32) -> u64 {
        self.raw() & ADDRESS & !(span(level) - 1)
    }
}

/// What a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRights {
    /// The device may read; always so in the first stage.
    pub read: bool,
    /// The device may write.
    pub write: bool,
    /// User requests may come; first stage only.
    pub user: bool,
}

impl PageRights {
    /// Read and write, user.
    pub const READ_WRITE: Self = Self {
        read: true,
        write: true,
        user: true,
    };
    /// Read only, user.
    pub const READ: Self = Self {
        read: true,
        write: false,
        user: true,
    };
}

/// Entry of a first-stage table; the bits are those of x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstStageEntry(u64);

impl FirstStageEntry {
    const PRESENT: u64 = 1 << 0;
    const WRITE: u64 = 1 << 1;
    const USER: u64 = 1 << 2;

    /// R/W.
    pub const fn write(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// U/S.
    pub const fn user(self) -> bool {
        self.0 & Self::USER != 0
    }
}

impl PageEntry for FirstStageEntry {
    const ACCESSED: u64 = 1 << 5;
    const DIRTY: u64 = 1 << 6;

    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }

    fn table(address: u64) -> Self {
        Self(address & ADDRESS | Self::PRESENT | Self::WRITE | Self::USER)
    }

    fn page(address: u64, level: u32, rights: PageRights) -> Self {
        let size = if level > 1 { PAGE_SIZE_BIT } else { 0 };
        let write = if rights.write { Self::WRITE } else { 0 };
        let user = if rights.user { Self::USER } else { 0 };
        Self(address & ADDRESS | Self::PRESENT | size | write | user)
    }

    fn present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }

    fn reserved_mask(self, level: u32) -> u64 {
        ABOVE_HAW
            | match level {
                4 | 5 => PAGE_SIZE_BIT,
                // Bit 12 of a large page is PAT.
                2 | 3 if self.is_page(level) => span(level) - (1 << 13),
                _ => 0,
            }
    }
}

/// Entry of a second-stage table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondStageEntry(u64);

impl SecondStageEntry {
    const READ: u64 = 1 << 0;
    const WRITE: u64 = 1 << 1;
    const SNOOP: u64 = 1 << 11;
    const BIT_62: u64 = 1 << 62;

    /// R.
    pub const fn read(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// W.
    pub const fn write(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// SNP, of a page.
    pub const fn snoop(self) -> bool {
        self.0 & Self::SNOOP != 0
    }
}

impl PageEntry for SecondStageEntry {
    const ACCESSED: u64 = 1 << 8;
    const DIRTY: u64 = 1 << 9;

    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }

    fn table(address: u64) -> Self {
        Self(address & ADDRESS | Self::READ | Self::WRITE)
    }

    fn page(address: u64, level: u32, rights: PageRights) -> Self {
        let size = if level > 1 { PAGE_SIZE_BIT } else { 0 };
        let read = if rights.read { Self::READ } else { 0 };
        let write = if rights.write { Self::WRITE } else { 0 };
        Self(address & ADDRESS | size | read | write)
    }

    fn present(self) -> bool {
        self.0 & (Self::READ | Self::WRITE) != 0
    }

    fn reserved_mask(self, level: u32) -> u64 {
        ABOVE_HAW
            | Self::BIT_62
            | match level {
                4 | 5 => PAGE_SIZE_BIT | Self::SNOOP,
                2 | 3 if self.is_page(level) => span(level) - (1 << 12),
                2 | 3 => Self::SNOOP,
                _ => 0,
            }
    }
}
