// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Why the IOMMU blocks a request, and the log of it (VT-d 7).

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use super::Access;
use crate::mem::Iova;
use crate::pcie::{Bdf, Pasid};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal $label:literal,)*) => {
        /// Fault reason codes of VT-d 7.1.3 that untranslated requests can meet in scalable mode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum FaultReason {
            $($(#[$doc])* $name = $code,)*
        }

        impl FaultReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

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
    /// Interrupt range: not a single-dword write.
    MalformedInterrupt = 0x29 "interrupt",
    /// RTADDR.TTM is abort-DMA.
    AbortMode = 0x33 "RTA.4",
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
    /// Request with the PASID that requests without PASID use.
    PasidIsRidPasid = 0x48 "SCT.9",
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
    /// Second-stage entry cannot be read.
    SecondStageAccess = 0x78 "SSS.1",
    /// Second stage gives neither read nor write.
    SecondStageNotPresent = 0x79 "SSS.2",
    /// Reserved bit in a second-stage entry.
    SecondStageReserved = 0x7a "SSS.3",
    /// Second-stage root table cannot be read.
    SecondStageRootAccess = 0x7b "SSS.4",
    /// Address is not canonical.
    NotCanonical = 0x80 "SGN.1",
    /// User request to a supervisor page.
    UserSupervisor = 0x81 "SGN.2",
    /// Pass-through address beyond the host address width.
    BeyondHostAddress = 0x83 "SGN.4",
    /// Address beyond the second stage's input.
    BeyondGuestAddress = 0x84 "SGN.5",
    /// No write permission.
    NoWrite = 0x85 "SGN.6",
    /// No read permission.
    NoRead = 0x86 "SGN.7",
    /// The translated address is in the interrupt range.
    OutputInterruptRange = 0x87 "SGN.8",
}

impl FaultReason {
    /// The code of the fault record.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether FPD in a context, directory or PASID entry keeps the fault out of the log.
    pub const fn qualified(self) -> bool {
        !matches!(
            self,
            Self::MalformedInterrupt
                | Self::AbortMode
                | Self::RootAccess
                | Self::RootNotPresent
                | Self::RootReserved
                | Self::ContextAccess
                | Self::DirectoryAccess
                | Self::PasidEntryAccess
        )
    }
}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}h {} ({self:?})", self.code(), self.label())
    }
}

/// What a fault recording register holds.
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
    /// The page asked for.
    pub address: Iova,
    /// What for.
    pub access: Access,
}

impl fmt::Display for FaultRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        write!(
            f,
            "{}: {access} of {} by {}",
            self.reason, self.address, self.source
        )?;
        match self.pasid {
            Some(pasid) => write!(f, " pasid {pasid}"),
            None => Ok(()),
        }
    }
}

/// The fault recording registers: keeps the oldest records that software has not taken yet.
#[derive(Debug)]
pub struct FaultLog {
    records: VecDeque<FaultRecord>,
    capacity: usize,
    overflow: bool,
}

impl FaultLog {
    /// A log with so many recording registers.
    pub fn new(capacity: usize) -> Self {
        Self {
            records: VecDeque::with_capacity(capacity),
            capacity,
            overflow: false,
        }
    }

    /// Logs a fault, or drops it and sets the overflow flag.
    pub(super) fn push(&mut self, record: FaultRecord) {
        if self.records.len() < self.capacity {
            self.records.push_back(record);
        } else {
            self.overflow = true;
        }
    }

    /// Takes the oldest record.
    pub fn pop(&mut self) -> Option<FaultRecord> {
        self.records.pop_front()
    }

    /// The records, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &FaultRecord> {
        self.records.iter()
    }

    /// Whether a record was lost since the last call (PFO).
    pub fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.overflow)
    }
}
