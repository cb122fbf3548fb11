// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Descriptors of the invalidation queue (VT-d 6.5.2), for the IOMMU and for its driver.

use super::entry::DomainId;
use super::regs::MAMV;
use crate::mem::Hpa;
use crate::pcie::{Bdf, Pasid};

/// Bytes of a 256-bit descriptor.
pub const WIDE: u64 = 32;
/// Bytes of a 128-bit descriptor.
pub const NARROW: u64 = 16;

/// Naturally aligned block of 2^`order` pages that holds `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Any address in the block.
    pub address: u64,
    /// Pages, as a power of two.
    pub order: u8,
}

impl Pages {
    /// The page that holds `address`.
    pub const fn one(address: u64) -> Self {
        Self { address, order: 0 }
    }

    /// Everything.
    pub const ALL: Self = Self {
        address: 0,
        order: MAMV,
    };

    /// Whether the block and another one have an address in common.
    pub fn overlap(self, other: Self) -> bool {
        let order = u32::from(self.order.max(other.order));
        let distance = self.address ^ other.address;
        distance.checked_shr(12 + order).unwrap_or(0) == 0
    }

    /// The block as ATS says it: bits 63:12, and bit 11 (S) if it is more than a page; the lowest
    /// 0 bit from bit 12 on tells the size (PCIe 10.2.3.2). Everything is all ones up to bit 62.
    pub fn ats(self) -> u64 {
        const S: u64 = 1 << 11;
        match u32::from(self.order) {
            0 => self.address & !0xfff,
            order if order >= 52 => u64::MAX >> 1 & !0xfff | S,
            order => {
                let ones = (1_u64 << (order - 1)) - 1;
                let clear = (1_u64 << order) - 1;
                self.address & !0xfff & !(clear << 12) | ones << 12 | S
            }
        }
    }

    /// The block of `address` and S of a device-TLB invalidation.
    fn from_ats(address: u64, s: bool) -> Self {
        let order = if s {
            ((address >> 12).trailing_ones() as u8 + 1).min(MAMV)
        } else {
            0
        };
        Self { address, order }
    }
}

/// Which context entries to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contexts {
    /// All.
    All,
    /// Those of a domain. Scalable-mode context entries have none: all are dropped.
    Domain(DomainId),
    /// Those of one requester, whose low function number bits may be masked: 2^`mask` functions.
    Device {
        /// The domain, which is not looked at.
        domain: DomainId,
        /// The requester.
        source: Bdf,
        /// FM: how many of the low three bits do not count.
        mask: u8,
    },
}

/// Which translations to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translations {
    /// All.
    All,
    /// Those of a domain.
    Domain(DomainId),
    /// Pages of a domain.
    Pages(DomainId, Pages),
}

/// Which PASID table entries to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasidEntries {
    /// All.
    All,
    /// Those of a domain.
    Domain(DomainId),
    /// One PASID in a domain.
    One(DomainId, Pasid),
}

/// What is done when all that was queued before has been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// SW: where to write which dword.
    pub status: Option<(Hpa, u32)>,
    /// IF: raise the invalidation completion event.
    pub interrupt: bool,
    /// FN: what is queued later waits too.
    pub fence: bool,
    /// PD: page requests that came before are in their queue.
    pub drain: bool,
}

/// What a device is to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceInvalidation {
    /// The function.
    pub source: Bdf,
    /// The PASID; without one, what was requested without PASID.
    pub pasid: Option<Pasid>,
    /// GI: whatever the PASID is.
    pub global: bool,
    /// Which addresses.
    pub pages: Pages,
    /// MIP: most invalidations that may be pending at the function, 1 to 32.
    pub max_pending: u8,
}

/// The answer to a page request group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupResponse {
    /// The function.
    pub source: Bdf,
    /// PASID of the requests, if they had one.
    pub pasid: Option<Pasid>,
    /// The group.
    pub index: u16,
    /// What became of it.
    pub code: ResponseCode,
}

/// Response codes of PRG Responses (PCIe 10.4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseCode {
    /// Ask again, the pages are there.
    Success = 0,
    /// At least one page may not be had.
    InvalidRequest = 1,
    /// The function must not use page requests any more.
    ResponseFailure = 0xf,
}

/// One descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// Type 1: context cache.
    ContextCache(Contexts),
    /// Type 2: IOTLB.
    Iotlb(Translations),
    /// Types 3 and, with PASID, 8: device-TLB.
    DeviceTlb(DeviceInvalidation),
    /// Type 4: interrupt entry cache, all or 2^n entries around an index.
    InterruptEntries(Option<(u16, u8)>),
    /// Type 5: wait.
    Wait(Wait),
    /// Type 6: PASID-based IOTLB; all or some pages of one PASID.
    PasidIotlb(DomainId, Pasid, Option<Pages>),
    /// Type 7: PASID cache.
    PasidCache(PasidEntries),
    /// Type 9: page group response.
    GroupResponse(GroupResponse),
}

/// IQER.IQEI: why the queue has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueError {
    Tail = 1,
    Fetch = 2,
    Type = 3,
    Reserved = 4,
    Width = 5,
    Alignment = 6,
}

/// Bits that may be set in the first two quadwords of each type.
const FIELDS: [[u64; 2]; 10] = [
    [0, 0],
    [0x0003_ffff_ffff_003f, 0],
    [0x0000_0000_ffff_00ff, 0xffff_ffff_ffff_f07f],
    [0xfff0_ffff_001f_f00f, 0xffff_ffff_ffff_f001],
    [0x0000_ffff_f800_001f, 0],
    [0xffff_ffff_0000_00ff, 0xffff_ffff_ffff_fffc],
    [0x000f_ffff_ffff_003f, 0xffff_ffff_ffff_f07f],
    [0x000f_ffff_ffff_003f, 0],
    [0xffff_ffff_ffff_f1ff, 0xffff_ffff_ffff_f801],
    [0x000f_ffff_ffff_f01f, 0x0000_0000_0000_0ffc],
];

fn put(value: impl Into<u64>, at: u32) -> u64 {
    value.into() << at
}

fn source(source: Bdf, at: u32) -> u64 {
    put(source.raw(), at)
}

fn domain(domain: DomainId) -> u64 {
    put(domain.0, 16)
}

/// PFSID: the physical function, here the function itself.
fn function(source: Bdf) -> u64 {
    put(source.raw() & 0xf, 12) | put(source.raw() >> 4, 52)
}

fn address(pages: Pages) -> u64 {
    pages.address & !0xfff | u64::from(pages.order)
}

impl Descriptor {
    /// The quadwords of the 256-bit descriptor.
    pub fn encode(&self) -> [u64; 4] {
        let [low, high] = match *self {
            Self::ContextCache(Contexts::All) => [1 | 1 << 4, 0],
            Self::ContextCache(Contexts::Domain(id)) => [1 | 2 << 4 | domain(id), 0],
            Self::ContextCache(Contexts::Device {
                domain: id,
                source: bdf,
                mask,
            }) => [
                1 | 3 << 4 | domain(id) | source(bdf, 32) | put(mask & 3, 48),
                0,
            ],
            Self::Iotlb(Translations::All) => [2 | 1 << 4, 0],
            Self::Iotlb(Translations::Domain(id)) => [2 | 2 << 4 | domain(id), 0],
            Self::Iotlb(Translations::Pages(id, pages)) => {
                [2 | 3 << 4 | domain(id), address(pages)]
            }
            Self::DeviceTlb(what) => what.encode(),
            Self::InterruptEntries(None) => [4, 0],
            Self::InterruptEntries(Some((index, order))) => {
                [4 | 1 << 4 | put(order & 0x1f, 27) | put(index, 32), 0]
            }
            Self::Wait(wait) => wait.encode(),
            Self::PasidIotlb(id, pasid, None) => {
                [6 | 2 << 4 | domain(id) | put(pasid.raw(), 32), 0]
            }
            Self::PasidIotlb(id, pasid, Some(pages)) => [
                6 | 3 << 4 | domain(id) | put(pasid.raw(), 32),
                address(pages),
            ],
            Self::PasidCache(PasidEntries::All) => [7 | 3 << 4, 0],
            Self::PasidCache(PasidEntries::Domain(id)) => [7 | domain(id), 0],
            Self::PasidCache(PasidEntries::One(id, pasid)) => {
                [7 | 1 << 4 | domain(id) | put(pasid.raw(), 32), 0]
            }
            Self::GroupResponse(response) => [
                9 | put(response.pasid.is_some(), 4)
                    | put(response.code as u8, 12)
                    | source(response.source, 16)
                    | put(response.pasid.map_or(0, Pasid::raw), 32),
                put(response.index & 0x1ff, 3),
            ],
        };
        [low, high, 0, 0]
    }

    /// Reads a descriptor of 128 bits, whose upper half is given as 0, or of 256 bits.
    pub(super) fn decode(words: [u64; 4], wide: bool) -> Result<Self, QueueError> {
        let [low, high, ..] = words;
        let kind = (low & 0xf | low >> 5 & 0x70) as usize;
        let fields = match kind {
            6 | 8 | 9 if !wide => return Err(QueueError::Type),
            1..=9 => FIELDS[kind],
            _ => return Err(QueueError::Type),
        };
        if low & !fields[0] != 0 || high & !fields[1] != 0 || words[2] | words[3] != 0 {
            return Err(QueueError::Reserved);
        }
        let granularity = low >> 4 & 3;
        let domain = DomainId((low >> 16) as u16);
        let pasid = Pasid::from_field((low >> 32) as u32);
        let order = (high & 0x3f) as u8;
        let pages = Pages {
            address: high & !0xfff,
            order,
        };
        let paged = matches!(kind, 2 | 6) && granularity == 3;
        if paged && order > MAMV {
            return Err(QueueError::Reserved);
        }
        Ok(match (kind, granularity) {
            (1, 1) => Self::ContextCache(Contexts::All),
            (1, 2) => Self::ContextCache(Contexts::Domain(domain)),
            (1, 3) => Self::ContextCache(Contexts::Device {
                domain,
                source: Bdf::from_raw((low >> 32) as u16),
                mask: (low >> 48) as u8 & 3,
            }),
            (2, 1) => Self::Iotlb(Translations::All),
            (2, 2) => Self::Iotlb(Translations::Domain(domain)),
            (2, 3) => Self::Iotlb(Translations::Pages(domain, pages)),
            (3 | 8, _) => Self::DeviceTlb(DeviceInvalidation::decode(kind, low, high)),
            (4, _) if low & 1 << 4 == 0 => Self::InterruptEntries(None),
            (4, _) => Self::InterruptEntries(Some(((low >> 32) as u16, (low >> 27) as u8 & 0x1f))),
            (5, _) => Self::Wait(Wait::decode(low, high)),
            (6, 2) => Self::PasidIotlb(domain, pasid, None),
            (6, 3) => Self::PasidIotlb(domain, pasid, Some(pages)),
            (7, 0) => Self::PasidCache(PasidEntries::Domain(domain)),
            (7, 1) => Self::PasidCache(PasidEntries::One(domain, pasid)),
            (7, 3) => Self::PasidCache(PasidEntries::All),
            (9, _) => Self::GroupResponse(GroupResponse {
                source: Bdf::from_raw((low >> 16) as u16),
                pasid: (low & 1 << 4 != 0).then_some(pasid),
                index: (high >> 3 & 0x1ff) as u16,
                code: match low >> 12 & 0xf {
                    0 => ResponseCode::Success,
                    1 => ResponseCode::InvalidRequest,
                    0xf => ResponseCode::ResponseFailure,
                    _ => return Err(QueueError::Reserved),
                },
            }),
            _ => return Err(QueueError::Reserved),
        })
    }
}

impl DeviceInvalidation {
    fn encode(&self) -> [u64; 2] {
        let pending = self.max_pending & 0x1f; // 32 is written 0
        // Bit 11 of the ATS form is S; a descriptor of type 3 has it in bit 0.
        let ats = self.pages.ats();
        match self.pasid {
            Some(pasid) => [
                8 | put(pending, 4)
                    | function(self.source)
                    | source(self.source, 16)
                    | put(pasid.raw(), 32),
                ats | u64::from(self.global),
            ],
            None => [
                3 | put(pending, 16) | function(self.source) | source(self.source, 32),
                ats & !0xfff | ats >> 11 & 1,
            ],
        }
    }

    fn decode(kind: usize, low: u64, high: u64) -> Self {
        let with_pasid = kind == 8;
        let at = |pasid: u32, plain: u32| if with_pasid { pasid } else { plain };
        let pending = (low >> at(4, 16)) as u8 & 0x1f;
        let s = high >> at(11, 0) & 1 != 0;
        Self {
            source: Bdf::from_raw((low >> at(16, 32)) as u16),
            pasid: with_pasid.then(|| Pasid::from_field((low >> 32) as u32)),
            global: with_pasid && high & 1 != 0,
            pages: Pages::from_ats(high & !0xfff, s),
            max_pending: if pending == 0 { 32 } else { pending },
        }
    }
}

impl Wait {
    fn encode(&self) -> [u64; 2] {
        let (address, data) = self.status.unwrap_or_default();
        let low = 5
            | put(self.interrupt, 4)
            | put(self.status.is_some(), 5)
            | put(self.fence, 6)
            | put(self.drain, 7)
            | put(data, 32);
        [low, address.0 & !3]
    }

    fn decode(low: u64, high: u64) -> Self {
        let bit = |n: u32| low >> n & 1 != 0;
        Self {
            status: bit(5).then_some((Hpa(high), (low >> 32) as u32)),
            interrupt: bit(4),
            fence: bit(6),
            drain: bit(7),
        }
    }
}
