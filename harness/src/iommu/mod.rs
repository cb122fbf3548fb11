// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! VT-d in scalable mode: translates what the device asks for by tables in host memory.
//!
//! Covered: untranslated requests with and without PASID through root, context and PASID tables;
//! first stage (4 and 5 levels), second stage (3 to 5 levels), nested, pass-through; all page
//! sizes; faults with their reason codes; caches that software must invalidate. Not covered:
//! ATS and page requests (requests with AT other than 00b are blocked as if DTE were 0), accessed
//! and dirty flags, interrupt remapping, the register block and the invalidation queue.

mod cache;
pub mod entry;
mod fault;
mod invalidate;
mod lookup;
pub mod paging;
pub mod tables;
mod walk;

pub use fault::{FaultLog, FaultReason, FaultRecord};

use serde::Serialize;

use crate::mem::{Hpa, Iova, Memory, PAGE_SIZE};
use crate::pcie::{Bdf, Pasid, tlp::AddressType};
use cache::{ContextCache, EntryCache, Iotlb, PasidCache, Stream, Translation};
use walk::Walk;

const IOTLB_LINES: usize = 2048;
const PASID_CACHE_LINES: usize = 1024;
const CONTEXT_CACHE_LINES: usize = 16;
const FAULT_RECORDS: usize = 256;

/// FEE0_0000h to FEEF_FFFFh: writes there are interrupts.
const fn is_interrupt_range(address: u64) -> bool {
    address >> 20 == 0xfee
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Reads memory.
    Read,
    /// Writes memory.
    Write,
}

/// A device request as the IOMMU sees it. It does not cross a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Requester ID.
    pub source: Bdf,
    /// PASID, if the request has one.
    pub pasid: Option<Pasid>,
    /// Privileged Mode Requested.
    pub privileged: bool,
    /// Address type.
    pub at: AddressType,
    /// First byte.
    pub address: Iova,
    /// Read or write.
    pub access: Access,
    /// A single dword with all bytes enabled, as an interrupt is.
    pub whole_dword: bool,
    /// A read without a byte enabled, allowed where only writes are (CAP.ZLR).
    pub zero_length: bool,
}

/// Where a request is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To memory.
    Memory(Hpa),
    /// The write is an interrupt message.
    Interrupt,
    /// A zero-length read of the interrupt range: succeeds, reads nothing.
    Nothing,
}

/// RTADDR.TTM: what to do with requests once translation is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableMode {
    /// 01b: walk scalable-mode tables.
    Scalable,
    /// 11b: block all.
    Abort,
}

/// The request is not let through and is to be answered UR. The reason is in the fault log, unless
/// it may not be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked;

/// A fault, before it is decided whether it is reported.
struct Fault {
    reason: FaultReason,
    /// FPD was set in an entry that was passed.
    fpd: bool,
}

/// The IOMMU in front of host memory.
#[derive(Debug)]
pub struct Iommu {
    enabled: bool,
    root: Hpa,
    mode: TableMode,
    faults: FaultLog,
    iotlb: Iotlb,
    contexts: ContextCache,
    pasids: PasidCache,
}

impl Default for Iommu {
    /// Translation is off: requests without PASID pass as they are.
    fn default() -> Self {
        Self {
            enabled: false,
            root: Hpa(0),
            mode: TableMode::Abort,
            faults: FaultLog::new(FAULT_RECORDS),
            iotlb: Iotlb::new(IOTLB_LINES),
            contexts: EntryCache::new(CONTEXT_CACHE_LINES),
            pasids: EntryCache::new(PASID_CACHE_LINES),
        }
    }
}

impl Iommu {
    /// Sets the root table (RTADDR, SRTP). Caches keep what they have.
    pub fn set_root_table(&mut self, root: Hpa, mode: TableMode) {
        self.root = root;
        self.mode = mode;
    }

    /// Turns translation on or off (GCMD.TE).
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// The fault log.
    pub fn faults(&mut self) -> &mut FaultLog {
        &mut self.faults
    }

    /// Decides where a request goes.
    pub fn route(&mut self, memory: &Memory, request: &Request) -> Result<Target, Blocked> {
        let address = request.address.0;
        if request.pasid.is_none() && is_interrupt_range(address) {
            return match request {
                Request {
                    access: Access::Write,
                    whole_dword: true,
                    ..
                } => Ok(Target::Interrupt),
                Request {
                    access: Access::Read,
                    zero_length: true,
                    ..
                } => Ok(Target::Nothing),
                _ => Err(self.block(request, FaultReason::MalformedInterrupt.into())),
            };
        }
        let untranslated = request.at == AddressType::Untranslated;
        if !self.enabled {
            let pass = Target::Memory(Hpa(address));
            return untranslated.then_some(pass).ok_or(Blocked);
        }
        let stream = Stream {
            source: request.source,
            pasid: request.pasid,
            privileged: request.privileged,
        };
        if untranslated
            && let Some(hit) = self.iotlb.get(stream, address)
            && lacks(request, hit.read, hit.write).is_none()
        {
            return Ok(Target::Memory(hit.page.offset(address % PAGE_SIZE)));
        }
        match self.miss(memory, request, stream) {
            Ok(page) => Ok(Target::Memory(page.offset(address % PAGE_SIZE))),
            Err(fault) => Err(self.block(request, fault)),
        }
    }

    /// Logs the fault unless FPD forbids.
    fn block(&mut self, request: &Request, fault: Fault) -> Blocked {
        if !(fault.fpd && fault.reason.qualified()) {
            self.faults.push(FaultRecord {
                reason: fault.reason,
                source: request.source,
                pasid: request.pasid,
                privileged: request.privileged,
                address: Iova(request.address.0 & !(PAGE_SIZE - 1)),
                access: request.access,
            });
        }
        Blocked
    }

    /// Finds the page by the tables and caches it. Failures are not cached.
    fn miss(&mut self, memory: &Memory, request: &Request, stream: Stream) -> Result<Hpa, Fault> {
        if self.mode == TableMode::Abort {
            return Err(FaultReason::AbortMode.into());
        }
        let context = self.context(memory, request.source)?;
        let in_context = |reason| Fault {
            reason,
            fpd: context.fpd(),
        };
        if request.at != AddressType::Untranslated {
            return Err(in_context(FaultReason::DeviceTlbDisabled));
        }
        let (pasid, privileged) = match request.pasid {
            None => (context.rid_pasid(), context.rid_privileged()),
            Some(_) if !context.pasid_enabled() => {
                return Err(in_context(FaultReason::PasidDisabled));
            }
            Some(pasid) if pasid.raw() >= context.pasid_limit() => {
                return Err(in_context(FaultReason::PasidBeyondDirectory));
            }
            Some(pasid) if pasid == context.rid_pasid() => {
                return Err(in_context(FaultReason::PasidIsRidPasid));
            }
            Some(pasid) => (pasid, request.privileged),
        };
        let (entry, fpd) = self.pasid_entry(memory, request.source, &context, pasid)?;
        let in_entry = |reason| Fault { reason, fpd };
        let walk = Walk::new(memory, entry, privileged).map_err(in_entry)?;
        let page = request.address.0 & !(PAGE_SIZE - 1);
        let reached = walk.translate(page).map_err(in_entry)?;
        if let Some(reason) = lacks(request, reached.read, reached.write) {
            return Err(in_entry(reason));
        }
        if is_interrupt_range(reached.address.0) {
            return Err(in_entry(FaultReason::OutputInterruptRange));
        }
        let translation = Translation {
            page: reached.address,
            read: reached.read,
            write: reached.write,
            domain: entry.domain(),
            pasid,
            kind: walk.kind(),
        };
        self.iotlb.insert(stream, page, translation);
        Ok(reached.address)
    }
}

impl From<FaultReason> for Fault {
    fn from(reason: FaultReason) -> Self {
        Self { reason, fpd: false }
    }
}

/// The right that a request needs and does not have.
fn lacks(request: &Request, read: bool, write: bool) -> Option<FaultReason> {
    match request.access {
        Access::Write if !write => Some(FaultReason::NoWrite),
        Access::Read if !read && !request.zero_length => Some(FaultReason::NoRead),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
