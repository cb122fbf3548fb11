// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Why the IOMMU blocks a request, and the registers that record it (VT-d 7).

use std::fmt;

use serde::Serialize;

use super::event::Event;
use super::regs::{self, FAULT_RECORDS};
use crate::mem::Iova;
use crate::pcie::tlp::{AddressType, CompletionStatus};
use crate::pcie::{Bdf, Msi, Pasid};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal $label:literal,)*) => {
        /// Fault reason codes of VT-d 7.1.3 that can be met in scalable mode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum FaultReason {
            $($(#[$doc])* $name = $code,)*
        }

        impl FaultReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason with this code.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The specification's name of the condition, e.g. `SFS.2`.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

reasons! {
    /// Interrupt request with a reserved bit.
    InterruptReserved = 0x20 "IR.1",
    /// Interrupt index beyond the table.
    InterruptIndex = 0x21 "IR.2",
    /// Interrupt entry is not present.
    InterruptNotPresent = 0x22 "IR.3",
    /// Interrupt entry cannot be read.
    InterruptAccess = 0x23 "IR.4",
    /// Interrupt entry with a reserved bit or value.
    InterruptEntryReserved = 0x24 "IR.5",
    /// Interrupt in compatibility format, which is blocked.
    InterruptCompatibility = 0x25 "IR.6",
    /// Interrupt of a requester that the entry is not for.
    InterruptSource = 0x26 "IR.7",
    /// Posted-interrupt descriptor cannot be reached.
    PostedAccess = 0x27 "IR.8",
    /// Posted-interrupt descriptor with a reserved bit.
    PostedReserved = 0x28 "IR.9",
    /// Interrupt range: not a single-dword write.
    MalformedInterrupt = 0x29 "IR.10",
    /// RTADDR.TTM is reserved, or legacy mode, which is not modelled.
    TableMode = 0x30 "RTA.1",
    /// Request with PASID in legacy mode.
    LegacyPasid = 0x31 "RTA.2",
    /// Page request in legacy mode.
    LegacyPageRequest = 0x32 "RTA.3",
    /// RTADDR.TTM is abort-DMA.
    AbortMode = 0x33 "RTA.4",
    /// Request to execute.
    ExecuteRequested = 0x34 "RTA.5",
    /// Root entry cannot be read.
    RootAccess = 0x38 "SRT.1",
    /// Root entry is not present.
    RootNotPresent = 0x39 "SRT.2",
    /// Reserved bit in the root entry.
    RootReserved = 0x3a "SRT.3",
    /// Context entry cannot be read.
    ContextAccess = 0x40 "SCT.1",
    /// Context entry is not present.
    ContextNotPresent = 0x41 "SCT.2",
    /// Reserved bit in the context entry.
    ContextReserved = 0x42 "SCT.3",
    /// Context entry with fields that exclude each other.
    ContextInvalid = 0x43 "SCT.4",
    /// Translation or translated request without device-TLB.
    DeviceTlbDisabled = 0x44 "SCT.5",
    /// Request with PASID, but PASIDE is 0.
    PasidDisabled = 0x45 "SCT.6",
    /// PASID beyond the directory.
    PasidBeyondDirectory = 0x46 "SCT.7",
    /// Page request, but PRE is 0.
    PageRequestDisabled = 0x47 "SCT.8",
    /// Request with the PASID that requests without PASID use.
    PasidIsRidPasid = 0x48 "SCT.9",
    /// Translated request with PASID.
    TranslatedPasid = 0x49 "SCT.10",
    /// PASID directory entry cannot be read.
    DirectoryAccess = 0x50 "SPD.1",
    /// PASID directory entry is not present.
    DirectoryNotPresent = 0x51 "SPD.2",
    /// Reserved bit in the PASID directory entry.
    DirectoryReserved = 0x52 "SPD.3",
    /// PASID table entry cannot be read.
    PasidEntryAccess = 0x58 "SPT.1",
    /// PASID table entry is not present.
    PasidEntryNotPresent = 0x59 "SPT.2",
    /// Reserved bit in the PASID table entry.
    PasidEntryReserved = 0x5a "SPT.3",
    /// PASID table entry with a field that is not programmed right.
    PasidEntryInvalid = 0x5b "SPT.4",
    /// Privileged request, but SRE is 0.
    SupervisorDisabled = 0x5d "SPT.6",
    /// First-stage entry cannot be read.
    FirstStageAccess = 0x70 "SFS.1",
    /// First-stage entry is not present.
    FirstStageNotPresent = 0x71 "SFS.2",
    /// Reserved bit in a first-stage entry.
    FirstStageReserved = 0x72 "SFS.3",
    /// First-stage root table cannot be read.
    FirstStageRootAccess = 0x73 "SFS.4",
    /// Nested: a first-stage entry points beyond the second stage's input.
    NestedAddress = 0x74 "SFS.5",
    /// Nested: second stage does not let the first-stage root table be read.
    NestedRootRead = 0x75 "SFS.6",
    /// Nested: second stage does not let a first-stage table be read.
    NestedTableRead = 0x76 "SFS.7",
    /// Nested: second stage does not let a first-stage table's flags be updated.
    NestedTableWrite = 0x77 "SFS.8",
    /// Second-stage entry cannot be read.
    SecondStageAccess = 0x78 "SSS.1",
    /// Second stage gives neither read nor write.
    SecondStageNotPresent = 0x79 "SSS.2",
    /// Reserved bit in a second-stage entry.
    SecondStageReserved = 0x7a "SSS.3",
    /// Second-stage root table cannot be read.
    SecondStageRootAccess = 0x7b "SSS.4",
    /// Second-stage flags need an update, but the walk does not snoop.
    SecondStageNoSnoop = 0x7c "SSS.5",
    /// Address is not canonical.
    NotCanonical = 0x80 "SGN.1",
    /// User request to a supervisor page.
    UserSupervisor = 0x81 "SGN.2",
    /// Pass-through or translated address beyond the host address width.
    BeyondHostAddress = 0x83 "SGN.4",
    /// Address beyond the second stage's input.
    BeyondGuestAddress = 0x84 "SGN.5",
    /// No write permission.
    NoWrite = 0x85 "SGN.6",
    /// No read permission.
    NoRead = 0x86 "SGN.7",
    /// The translated address is in the interrupt range.
    OutputInterruptRange = 0x87 "SGN.8",
    /// First-stage flags need an update, but the walk does not snoop.
    FirstStageNoSnoop = 0x90 "SFS.9",
}

impl FaultReason {
    /// The code of the fault record.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether FPD in an entry on the way keeps the fault out of the log.
    pub const fn qualified(self) -> bool {
        !matches!(
            self,
            Self::InterruptReserved
                | Self::InterruptIndex
                | Self::InterruptAccess
                | Self::InterruptCompatibility
                | Self::MalformedInterrupt
                | Self::TableMode
                | Self::LegacyPasid
                | Self::LegacyPageRequest
                | Self::AbortMode
                | Self::ExecuteRequested
                | Self::RootAccess
                | Self::RootNotPresent
                | Self::RootReserved
                | Self::ContextAccess
                | Self::DirectoryAccess
                | Self::PasidEntryAccess
        )
    }

    /// How a Translation Request that meets it ends (VT-d 7.1.3, table of scalable-mode faults).
    /// Success, with no rights, is for what a page request may cure, and leaves no record.
    pub const fn translation_status(self) -> CompletionStatus {
        match self {
            Self::DirectoryNotPresent
            | Self::PasidEntryNotPresent
            | Self::SupervisorDisabled
            | Self::FirstStageAccess
            | Self::FirstStageNotPresent
            | Self::FirstStageReserved
            | Self::FirstStageRootAccess
            | Self::NestedAddress
            | Self::NestedRootRead
            | Self::NestedTableRead
            | Self::NestedTableWrite
            | Self::SecondStageNotPresent
            | Self::NotCanonical
            | Self::UserSupervisor
            | Self::BeyondHostAddress
            | Self::BeyondGuestAddress
            | Self::NoWrite
            | Self::NoRead
            | Self::FirstStageNoSnoop => CompletionStatus::Success,
            Self::TableMode
            | Self::RootAccess
            | Self::RootReserved
            | Self::ContextAccess
            | Self::ContextReserved
            | Self::ContextInvalid
            | Self::DirectoryAccess
            | Self::DirectoryReserved
            | Self::PasidEntryAccess
            | Self::PasidEntryReserved
            | Self::PasidEntryInvalid
            | Self::SecondStageAccess
            | Self::SecondStageReserved
            | Self::SecondStageRootAccess
            | Self::SecondStageNoSnoop
            | Self::OutputInterruptRange => CompletionStatus::CompleterAbort,
            _ => CompletionStatus::UnsupportedRequest,
        }
    }

    /// Whether the fault is of interrupt remapping.
    pub const fn of_interrupt(self) -> bool {
        self.code() < 0x30
    }
}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}h {} ({self:?})", self.code(), self.label())
    }
}

/// What the request that met a fault was for: fields T1 and T2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAccess {
    /// 00b.
    Write = 0b00,
    /// 01b.
    PageRequest = 0b01,
    /// 10b.
    Read = 0b10,
}

impl fmt::Display for FaultAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::PageRequest => "page request",
            Self::Read => "read",
        })
    }
}

/// What a fault recording register holds (VT-d 11.4.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FaultRecord {
    /// Why.
    pub reason: FaultReason,
    /// Who asked.
    pub source: Bdf,
    /// The request's PASID, if it had one.
    pub pasid: Option<Pasid>,
    /// The request was privileged.
    pub privileged: bool,
    /// The page asked for; for an interrupt, its index in bits 63:48.
    pub address: Iova,
    /// What for.
    pub access: FaultAccess,
    /// Address type of the request.
    pub at: AddressType,
}

impl FaultRecord {
    /// The record of a pair of quadwords; `None` if F is 0 or a field is reserved.
    pub fn from_raw([low, high]: [u64; 2]) -> Option<Self> {
        const PAGE_REQUEST: u64 = 0b01;
        let access = match high >> 61 & 2 | high >> 28 & 1 {
            0b00 => FaultAccess::Write,
            PAGE_REQUEST => FaultAccess::PageRequest,
            0b10 => FaultAccess::Read,
            _ => return None,
        };
        let at = match high >> 60 & 3 {
            0b00 => AddressType::Untranslated,
            0b01 => AddressType::TranslationRequest,
            0b10 => AddressType::Translated,
            _ => return None,
        };
        if high & regs::FRCD_F == 0 {
            return None;
        }
        Some(Self {
            reason: FaultReason::from_code((high >> 32) as u8)?,
            source: Bdf::from_raw(high as u16),
            pasid: (high >> 31 & 1 != 0).then(|| Pasid::from_field((high >> 40) as u32)),
            privileged: high >> 29 & 1 != 0,
            address: Iova(low & !0xfff),
            access,
            at,
        })
    }

    pub(super) fn raw(&self) -> [u64; 2] {
        let access = self.access as u64;
        let high = regs::FRCD_F
            | (access >> 1) << 62
            | (self.at as u64) << 60
            | u64::from(self.pasid.map_or(0, Pasid::raw)) << 40
            | u64::from(self.reason.code()) << 32
            | u64::from(self.pasid.is_some()) << 31
            | u64::from(self.privileged) << 29
            | (access & 1) << 28
            | u64::from(self.source.raw());
        [self.address.0 & !0xfff, high]
    }
}

impl fmt::Display for FaultRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of ", self.reason, self.access)?;
        match self.reason.of_interrupt() {
            true => write!(f, "interrupt {}", self.address.0 >> 48)?,
            false => write!(f, "{}", self.address)?,
        }
        write!(f, " by {}", self.source)?;
        match self.pasid {
            Some(pasid) => write!(f, " pasid {pasid}"),
            None => Ok(()),
        }
    }
}

/// Fault status, fault event and the fault recording registers, a ring.
#[derive(Debug)]
pub(super) struct FaultLog {
    records: [[u64; 2]; FAULT_RECORDS],
    /// Where the next record goes.
    next: usize,
    /// FRI: the first record when there was none before it.
    first: usize,
    /// PFO, IQE, ICE, ITE.
    status: u32,
    pub event: Event,
}

impl Default for FaultLog {
    fn default() -> Self {
        Self {
            records: [[0; 2]; FAULT_RECORDS],
            next: 0,
            first: 0,
            status: 0,
            event: Event::default(),
        }
    }
}

impl FaultLog {
    const STICKY: u32 = regs::PFO | regs::IQE | regs::ICE | regs::ITE;

    /// Records a fault, unless an overflow is pending or the same fault is on record already.
    pub fn record(&mut self, record: &FaultRecord) -> Option<Msi> {
        let raw = record.raw();
        if self.status & regs::PFO != 0 || self.records.contains(&raw) {
            return None;
        }
        if used(&self.records[self.next]) {
            return self.set(regs::PFO);
        }
        let quiet = self.status() == 0;
        let pending = self.pending();
        self.records[self.next] = raw;
        if !pending {
            self.first = self.next;
        }
        self.next = (self.next + 1) % FAULT_RECORDS;
        quiet.then(|| self.event.raise()).flatten()
    }

    /// Sets a status bit. Only the first of several faults raises the event.
    pub fn set(&mut self, bit: u32) -> Option<Msi> {
        let quiet = self.status() == 0;
        self.status |= bit;
        quiet.then(|| self.event.raise()).flatten()
    }

    /// Recording starts at the first register again.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    fn pending(&self) -> bool {
        self.records.iter().any(used)
    }

    /// The status bits, without FRI.
    pub fn status(&self) -> u32 {
        self.status | super::event::flag(self.pending(), regs::PPF)
    }

    /// FSTS.
    pub fn read_status(&self) -> u32 {
        self.status() | (self.first as u32) << regs::FRI_SHIFT
    }

    /// Write to FSTS: status bits are cleared by writing 1.
    pub fn clear_status(&mut self, value: u32) {
        self.status &= !(value & Self::STICKY);
        self.check_served();
    }

    /// Reads a dword of the recording registers.
    pub fn read_record(&self, offset: u32) -> u32 {
        let quadword = self.records[offset as usize / 16][offset as usize / 8 % 2];
        (quadword >> (offset % 8 * 8)) as u32
    }

    /// Write to a dword of them: F, the only bit that can be written, frees the register.
    pub fn write_record(&mut self, offset: u32, value: u32) {
        const F: u32 = (regs::FRCD_F >> 32) as u32;
        if offset % 16 == 12 && value & F != 0 {
            self.records[offset as usize / 16] = [0; 2];
            self.check_served();
        }
    }

    fn check_served(&mut self) {
        if self.status() == 0 {
            self.event.served();
        }
    }
}

fn used(record: &[u64; 2]) -> bool {
    record[1] & regs::FRCD_F != 0
}
