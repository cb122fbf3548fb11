// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Bits of the scalable-mode structures (VT-d 9.1, 9.3 to 9.6): root, context, PASID directory and
//! PASID table entries. Words are the quadwords of an entry, lowest address first.

use crate::mem::{Gpa, Hpa};
use crate::pcie::Pasid;

/// Host address width: bits of a host physical address (DMAR table's HAW).
pub const HAW: u32 = 48;

/// Address bits of an entry: HAW-1:12.
const ADDRESS: u64 = (1 << HAW) - (1 << 12);
/// Bits that a host address has no room for.
const ABOVE_HAW: u64 = !((1 << HAW) - 1);

const PRESENT: u64 = 1 << 0;
const FPD: u64 = 1 << 1;
/// PASID table entry, first quadword.
const SSADE: u64 = 1 << 9;
/// PASID table entry, second quadword.
const PWSNP: u64 = 1 << 23;
const PGSNP: u64 = 1 << 24;

/// Half of a root entry: where the context table of 16 devices is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootHalf(pub u64);

impl RootHalf {
    /// Bytes of both halves.
    pub const ENTRY_SIZE: u64 = 16;

    /// Points at a context table.
    pub const fn new(table: Hpa) -> Self {
        Self(table.0 & ADDRESS | PRESENT)
    }

    /// LP or UP.
    pub const fn present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether a reserved bit is set.
    pub const fn reserved(self) -> bool {
        self.0 & (ABOVE_HAW | 0xffe) != 0
    }

    /// The context table.
    pub const fn table(self) -> Hpa {
        Hpa(self.0 & ADDRESS)
    }
}

/// Context entry: the PASID directory of one requester.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextEntry(pub [u64; 4]);

impl ContextEntry {
    /// Bytes.
    pub const ENTRY_SIZE: u64 = 32;

    /// Bits that are reserved, those of host permission tables and PASID in translated requests
    /// (5, 6) among them: the IOMMU has neither.
    const RESERVED: [u64; 4] = [ABOVE_HAW | 0x1e0, !0x1f_ffff, !0, !0];

    /// A present entry that allows requests with PASID. The directory has 2^(pdts + 7) entries;
    /// requests without PASID use `rid_pasid`.
    pub const fn new(directory: Hpa, pdts: u8, rid_pasid: Pasid) -> Self {
        let low = directory.0 & ADDRESS | ((pdts & 7) as u64) << 9 | 1 << 3 | PRESENT;
        Self([low, rid_pasid.raw() as u64, 0, 0])
    }

    /// The same entry with DTE set, which lets translation and translated requests in, and PRE if
    /// page requests are to be as well.
    pub const fn with_device_tlb(mut self, page_requests: bool) -> Self {
        self.0[0] |= 1 << 2 | (page_requests as u64) << 4;
        self
    }

    /// The same entry with PASIDE cleared: requests with PASID are blocked.
    pub const fn without_pasid(self) -> Self {
        Self([self.0[0] & !(1 << 3), self.0[1], 0, 0])
    }

    /// P.
    pub const fn present(self) -> bool {
        self.0[0] & PRESENT != 0
    }

    /// FPD: qualified faults are not reported.
    pub const fn fpd(self) -> bool {
        self.0[0] & FPD != 0
    }

    /// DTE: translation and translated requests are allowed.
    pub const fn device_tlb(self) -> bool {
        self.0[0] & 1 << 2 != 0
    }

    /// PRE: page requests are allowed.
    pub const fn page_requests(self) -> bool {
        self.0[0] & 1 << 4 != 0
    }

    /// PASIDE: requests with PASID are allowed.
    pub const fn pasid_enabled(self) -> bool {
        self.0[0] & 1 << 3 != 0
    }

    /// The first PASID that is too large, by PDTS.
    pub const fn pasid_limit(self) -> u32 {
        1 << ((self.0[0] >> 9 & 7) + 13)
    }

    /// The PASID directory.
    pub const fn directory(self) -> Hpa {
        Hpa(self.0[0] & ADDRESS)
    }

    /// RID_PASID: the PASID of requests without one.
    pub const fn rid_pasid(self) -> Pasid {
        Pasid::from_field(self.0[1] as u32)
    }

    /// RID_PRIV: the privilege of requests without PASID.
    pub const fn rid_privileged(self) -> bool {
        self.0[1] & 1 << 20 != 0
    }

    /// Whether a reserved bit is set.
    pub const fn reserved(self) -> bool {
        any_set(self.0, Self::RESERVED)
    }
}

/// PASID directory entry: the table of 64 PASIDs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryEntry(pub u64);

impl DirectoryEntry {
    /// Bytes.
    pub const ENTRY_SIZE: u64 = 8;

    /// Points at a PASID table.
    pub const fn new(table: Hpa) -> Self {
        Self(table.0 & ADDRESS | PRESENT)
    }

    /// P.
    pub const fn present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// FPD: qualified faults are not reported.
    pub const fn fpd(self) -> bool {
        self.0 & FPD != 0
    }

    /// Whether a reserved bit is set.
    pub const fn reserved(self) -> bool {
        self.0 & (ABOVE_HAW | 0xffc) != 0
    }

    /// The PASID table.
    pub const fn table(self) -> Hpa {
        Hpa(self.0 & ADDRESS)
    }
}

/// PGTT: how requests of a PASID are translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranslationType {
    /// 001b: first-stage tables.
    FirstStage,
    /// 010b: second-stage tables.
    SecondStage,
    /// 011b: first-stage tables whose addresses second-stage tables translate.
    Nested,
    /// 100b: not at all.
    PassThrough,
}

/// Levels of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Levels {
    /// 39-bit addresses; second stage only.
    Three = 3,
    /// 48-bit addresses.
    Four = 4,
    /// 57-bit addresses.
    Five = 5,
}

impl Levels {
    /// Bits of an input address.
    pub const fn address_bits(self) -> u32 {
        12 + 9 * self as u32
    }
}

/// Domain ID: names an address space to the IOMMU's caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub u16);

/// PASID table entry: how the requests of one PASID are translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasidEntry(pub [u64; 8]);

impl PasidEntry {
    /// Bytes.
    pub const ENTRY_SIZE: u64 = 64;

    /// Reserved bits, those of memory types, extended-accessed and host permission tables among
    /// them: the IOMMU has none of these.
    const RESERVED: [u64; 8] = [
        ABOVE_HAW | 0xc20,
        0xffff_ffff_fe7f_0000,
        ABOVE_HAW | 0xf82,
        !0,
        !0,
        !0,
        !0,
        !0,
    ];

    /// By first-stage tables at `root`.
    pub const fn first_stage(root: Hpa, levels: Levels, domain: DomainId) -> Self {
        Self([
            0b001 << 6 | PRESENT,
            did_word(domain),
            fs_word(root.0, levels),
            0,
            0,
            0,
            0,
            0,
        ])
    }

    /// By second-stage tables at `root`.
    pub const fn second_stage(root: Hpa, levels: Levels, domain: DomainId) -> Self {
        Self([
            ss_word(root, levels) | 0b010 << 6,
            did_word(domain),
            0,
            0,
            0,
            0,
            0,
            0,
        ])
    }

    /// By first-stage tables in guest memory at `first`, then second-stage tables at `second`.
    pub const fn nested(
        first: Gpa,
        first_levels: Levels,
        second: Hpa,
        second_levels: Levels,
        domain: DomainId,
    ) -> Self {
        let low = ss_word(second, second_levels) | 0b011 << 6;
        Self([
            low,
            did_word(domain),
            fs_word(first.0, first_levels),
            0,
            0,
            0,
            0,
            0,
        ])
    }

    /// Not at all: I/O virtual addresses are host physical ones.
    pub const fn pass_through(domain: DomainId) -> Self {
        Self([0b100 << 6 | PRESENT, did_word(domain), 0, 0, 0, 0, 0, 0])
    }

    /// The same entry with FPD set: qualified faults are not reported.
    pub const fn with_fault_processing_disabled(mut self) -> Self {
        self.0[0] |= FPD;
        self
    }

    /// The same entry with SSADE set: second-stage accessed and dirty flags are kept.
    pub const fn with_second_stage_flags(mut self) -> Self {
        self.0[0] |= SSADE;
        self
    }

    /// The same entry with PWSNP cleared: walks do not snoop, and so cannot update flags.
    pub const fn without_walk_snoop(mut self) -> Self {
        self.0[1] &= !PWSNP;
        self
    }

    /// The same entry with PGSNP set: what is reached is snooped.
    pub const fn with_page_snoop(mut self) -> Self {
        self.0[1] |= PGSNP;
        self
    }

    /// The same entry with SRE set, which lets privileged requests in, and WPE if they are to
    /// respect read-only pages.
    pub const fn with_supervisor(mut self, write_protect: bool) -> Self {
        self.0[2] |= 1 | (write_protect as u64) << 4;
        self
    }

    /// P.
    pub const fn present(self) -> bool {
        self.0[0] & PRESENT != 0
    }

    /// FPD: qualified faults are not reported.
    pub const fn fpd(self) -> bool {
        self.0[0] & FPD != 0
    }

    /// Whether a reserved bit is set.
    pub const fn reserved(self) -> bool {
        any_set(self.0, Self::RESERVED)
    }

    /// PGTT, unless reserved.
    pub const fn translation_type(self) -> Option<TranslationType> {
        match self.0[0] >> 6 & 7 {
            0b001 => Some(TranslationType::FirstStage),
            0b010 => Some(TranslationType::SecondStage),
            0b011 => Some(TranslationType::Nested),
            0b100 => Some(TranslationType::PassThrough),
            _ => None,
        }
    }

    /// AW: levels of the second-stage tables, unless reserved.
    pub const fn second_stage_levels(self) -> Option<Levels> {
        match self.0[0] >> 2 & 7 {
            0b001 => Some(Levels::Three),
            0b010 => Some(Levels::Four),
            0b011 => Some(Levels::Five),
            _ => None,
        }
    }

    /// SSPTPTR.
    pub const fn second_stage_root(self) -> Hpa {
        Hpa(self.0[0] & ADDRESS)
    }

    /// SSADE: second-stage accessed and dirty flags are kept.
    pub const fn second_stage_flags(self) -> bool {
        self.0[0] & SSADE != 0
    }

    /// PWSNP: walks snoop, as updates of flags need.
    pub const fn walk_snoop(self) -> bool {
        self.0[1] & PWSNP != 0
    }

    /// PGSNP: what is reached is snooped.
    pub const fn page_snoop(self) -> bool {
        self.0[1] & PGSNP != 0
    }

    /// DID.
    pub const fn domain(self) -> DomainId {
        DomainId(self.0[1] as u16)
    }

    /// SRE: privileged requests are allowed.
    pub const fn supervisor_enabled(self) -> bool {
        self.0[2] & 1 != 0
    }

    /// FSPM: levels of the first-stage tables, unless reserved.
    pub const fn first_stage_levels(self) -> Option<Levels> {
        match self.0[2] >> 2 & 3 {
            0b00 => Some(Levels::Four),
            0b01 => Some(Levels::Five),
            _ => None,
        }
    }

    /// WPE: privileged writes respect read-only pages.
    pub const fn write_protect(self) -> bool {
        self.0[2] & 1 << 4 != 0
    }

    /// FSPTPTR: a host address, with nesting a guest one.
    pub const fn first_stage_root(self) -> u64 {
        self.0[2] & ADDRESS
    }
}

/// DID, and PWSNP: walks snoop.
const fn did_word(domain: DomainId) -> u64 {
    domain.0 as u64 | PWSNP
}

const fn fs_word(root: u64, levels: Levels) -> u64 {
    root & ADDRESS
        | if matches!(levels, Levels::Five) {
            1 << 2
        } else {
            0
        }
}

const fn ss_word(root: Hpa, levels: Levels) -> u64 {
    root.0 & ADDRESS | (levels as u64 - 2) << 2 | PRESENT
}

const fn any_set<const N: usize>(words: [u64; N], mask: [u64; N]) -> bool {
    let mut i = 0;
    while i < N {
        if words[i] & mask[i] != 0 {
            return true;
        }
        i += 1;
    }
    false
}
