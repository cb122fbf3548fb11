// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! VT-d in scalable mode, as registers and tables in host memory.
//!
//! Covered: requests with and without PASID through root, context and PASID tables; first stage
//! (4 and 5 levels), second stage (3 to 5 levels), nested, pass-through; all page sizes; accessed
//! and dirty flags; caches that software must invalidate through the queue; device-TLBs:
//! Translation Requests, translated requests, invalidations; page requests; interrupt remapping
//! and posting; faults with their records and events. Not covered: legacy mode (requests are
//! blocked), invalidation by registers, host permission tables, performance monitoring, virtual
//! commands.
//!
//! What the IOMMU does of its own accord (messages to devices, interrupts, writes to memory that
//! somebody may wait for) is collected as [`Effect`]s, which the root complex carries out.

mod cache;
pub mod descriptor;
mod device_tlb;
pub mod entry;
mod event;
mod fault;
pub mod interrupt_entry;
mod invalidate;
mod lookup;
mod messages;
mod page_request;
pub mod paging;
pub mod posted;
mod queue;
mod registers;
pub mod regs;
mod remap;
pub mod tables;
mod translate;
mod walk;

pub use fault::{FaultAccess, FaultReason, FaultRecord};
pub(crate) use messages::InvalidateCompletion;
pub use page_request::PageRequest;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::mem::{Hpa, Iova, Memory, PAGE_SIZE};
use crate::pcie::tlp::{AddressType, Message};
use crate::pcie::{Bdf, Msi, Pasid};
use cache::{ContextCache, EntryCache, Iotlb, PasidCache, Stream, Translation};
use device_tlb::DeviceTlbs;
use entry::ContextEntry;
use fault::FaultLog;
use page_request::PageQueue;
use queue::InvalidationQueue;
use remap::Remapping;
use walk::{Reached, Walk};

const IOTLB_LINES: usize = 2048;
const PASID_CACHE_LINES: usize = 1024;
const CONTEXT_CACHE_LINES: usize = 16;

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
    /// Execute Requested.
    pub execute: bool,
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
    /// The write is an interrupt request, for [`Iommu::interrupt`].
    Interrupt,
    /// A zero-length read of the interrupt range: succeeds, reads nothing.
    Nothing,
}

/// RTADDR.TTM: what to do with requests once translation is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableMode {
    /// 00b: not modelled, blocks all.
    Legacy,
    /// 01b: walk scalable-mode tables.
    Scalable,
    /// 10b: blocks all.
    Reserved,
    /// 11b: blocks all.
    Abort,
}

/// What the IOMMU does of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An interrupt of its own, or one that is sent because a posted interrupt came.
    Interrupt(Msi),
    /// A message to a device, with a quadword of payload (most significant byte first) or none.
    Message(Message, Option<u64>),
    /// So many bytes of memory were written.
    Written(Hpa, u64),
}

/// What has happened since reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Translation Requests.
    pub translation_requests: u64,
    /// Page requests.
    pub page_requests: u64,
    /// PRG Responses.
    pub page_responses: u64,
    /// Descriptors taken from the invalidation queue.
    pub invalidations: u64,
    /// Invalidate Requests to devices.
    pub device_invalidations: u64,
    /// Interrupts remapped.
    pub remapped_interrupts: u64,
    /// Interrupts posted.
    pub posted_interrupts: u64,
    /// Faults, whether they were recorded or not.
    pub faults: BTreeMap<FaultReason, u64>,
}

/// What a request is to the tables; what it must fulfil differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Untranslated,
    TranslationRequest,
    Translated,
    PageRequest,
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
    /// Requester ID of its messages.
    id: Bdf,
    /// GSTS.
    status: u32,
    /// RTADDR as written; takes effect with SRTP.
    root_address: u64,
    root: Hpa,
    mode: TableMode,
    faults: FaultLog,
    queue: InvalidationQueue,
    devices: DeviceTlbs,
    pages: PageQueue,
    remapping: Remapping,
    iotlb: Iotlb,
    contexts: ContextCache,
    pasids: PasidCache,
    effects: Vec<Effect>,
    counts: Counts,
}

impl Iommu {
    /// An IOMMU after reset: requests without PASID pass as they are. `id` is the requester ID of
    /// its messages; devices have `invalidation_timeout` cycles to complete an invalidation.
    pub fn new(id: Bdf, invalidation_timeout: u64) -> Self {
        Self {
            id,
            status: 0,
            root_address: 0,
            root: Hpa(0),
            mode: TableMode::Legacy,
            faults: FaultLog::default(),
            queue: InvalidationQueue::default(),
            devices: DeviceTlbs::new(invalidation_timeout),
            pages: PageQueue::default(),
            remapping: Remapping::default(),
            iotlb: Iotlb::new(IOTLB_LINES),
            contexts: EntryCache::new(CONTEXT_CACHE_LINES),
            pasids: EntryCache::new(PASID_CACHE_LINES),
            effects: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// What has happened since reset.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether [`Self::take_effects`] has something to give.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What is to be carried out, oldest first.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn raise(&mut self, event: Option<Msi>) {
        self.effects.extend(event.map(Effect::Interrupt));
    }

    fn enabled(&self) -> bool {
        self.status & regs::TE != 0
    }

    /// Decides where a memory request goes.
    pub fn route(&mut self, memory: &Memory, request: &Request) -> Result<Target, Blocked> {
        match request.at {
            AddressType::Untranslated => self.untranslated(memory, request),
            AddressType::Translated => self.translated(memory, request),
            AddressType::TranslationRequest => Err(Blocked),
        }
    }

    fn untranslated(&mut self, memory: &Memory, request: &Request) -> Result<Target, Blocked> {
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
                _ => {
                    self.report(request, &FaultReason::MalformedInterrupt.into());
                    Err(Blocked)
                }
            };
        }
        if !self.enabled() {
            return Ok(Target::Memory(Hpa(address)));
        }
        if let Some(hit) = self.iotlb.get(Stream::of(request), address)
            && !request.execute
            && lacks(request, hit.read, hit.write).is_none()
        {
            return Ok(Target::Memory(hit.page.offset(address % PAGE_SIZE)));
        }
        match self.miss(memory, request) {
            Ok(page) => Ok(Target::Memory(page.offset(address % PAGE_SIZE))),
            Err(fault) => {
                self.report(request, &fault);
                Err(Blocked)
            }
        }
    }

    /// Finds the page by the tables and caches it. Failures are not cached.
    fn miss(&mut self, memory: &Memory, request: &Request) -> Result<Hpa, Fault> {
        let context = self.admit(memory, request, Purpose::Untranslated)?;
        let for_write = request.access == Access::Write;
        let reached = self.walk(memory, request, &context, for_write)?;
        Ok(reached.address)
    }

    /// A request that a device-TLB has translated.
    fn translated(&mut self, memory: &Memory, request: &Request) -> Result<Target, Blocked> {
        if !self.enabled() {
            return Err(Blocked);
        }
        match self.admit_translated(memory, request) {
            Ok(()) => Ok(Target::Memory(Hpa(request.address.0))),
            Err(fault) => {
                self.report(request, &fault);
                Err(Blocked)
            }
        }
    }

    fn admit_translated(&mut self, memory: &Memory, request: &Request) -> Result<(), Fault> {
        let context = self.admit(memory, request, Purpose::Translated)?;
        let in_context = |reason| {
            Err(Fault {
                reason,
                fpd: context.fpd(),
            })
        };
        if request.address.0 >> entry::HAW != 0 {
            return in_context(FaultReason::BeyondHostAddress);
        }
        if is_interrupt_range(request.address.0) {
            return in_context(FaultReason::OutputInterruptRange);
        }
        Ok(())
    }

    /// Everything that is checked before the PASID table (VT-d 3.4.3, 7.1.3).
    fn admit(
        &mut self,
        memory: &Memory,
        request: &Request,
        purpose: Purpose,
    ) -> Result<ContextEntry, Fault> {
        use Purpose::{PageRequest, Translated, TranslationRequest};
        match self.mode {
            TableMode::Scalable => {}
            TableMode::Legacy if purpose == PageRequest => {
                return Err(FaultReason::LegacyPageRequest.into());
            }
            TableMode::Legacy if request.pasid.is_some() => {
                return Err(FaultReason::LegacyPasid.into());
            }
            TableMode::Legacy | TableMode::Reserved => return Err(FaultReason::TableMode.into()),
            TableMode::Abort => return Err(FaultReason::AbortMode.into()),
        }
        if request.execute && purpose != PageRequest {
            return Err(FaultReason::ExecuteRequested.into());
        }
        let context = self.context(memory, request.source)?;
        let in_context = |reason| {
            Err(Fault {
                reason,
                fpd: context.fpd(),
            })
        };
        if matches!(purpose, TranslationRequest | Translated) && !context.device_tlb() {
            return in_context(FaultReason::DeviceTlbDisabled);
        }
        if let Some(pasid) = request.pasid {
            if !context.pasid_enabled() && purpose != Translated {
                return in_context(FaultReason::PasidDisabled);
            }
            if pasid.raw() >= context.pasid_limit() {
                return in_context(FaultReason::PasidBeyondDirectory);
            }
        }
        if purpose == PageRequest && !context.page_requests() {
            return in_context(FaultReason::PageRequestDisabled);
        }
        match request.pasid {
            Some(pasid) if pasid == context.rid_pasid() => in_context(FaultReason::PasidIsRidPasid),
            Some(_) if purpose == Translated => in_context(FaultReason::TranslatedPasid),
            _ => Ok(context),
        }
    }

    /// Walks the tables of the request's PASID and caches what is found.
    fn walk(
        &mut self,
        memory: &Memory,
        request: &Request,
        context: &ContextEntry,
        for_write: bool,
    ) -> Result<Reached, Fault> {
        let (pasid, privileged) = match request.pasid {
            None => (context.rid_pasid(), context.rid_privileged()),
            Some(pasid) => (pasid, request.privileged),
        };
        let (entry, fpd) = self.pasid_entry(memory, request.source, context, pasid)?;
        let in_entry = |reason| Fault { reason, fpd };
        let walk = Walk::new(memory, entry, privileged).map_err(in_entry)?;
        let input = request.address.0 & !(PAGE_SIZE - 1);
        let reached = walk.translate(input, for_write).map_err(in_entry)?;
        // A Translation Request is told the rights, whatever they are.
        if request.at == AddressType::Untranslated
            && let Some(reason) = lacks(request, reached.read, reached.write)
        {
            return Err(in_entry(reason));
        }
        if is_interrupt_range(reached.address.0) {
            return Err(in_entry(FaultReason::OutputInterruptRange));
        }
        let translation = Translation {
            page: reached.address,
            read: reached.read,
            write: reached.dirty,
            writable: reached.write,
            order: reached.order,
            snoop: reached.snoop,
            domain: entry.domain(),
            pasid,
            kind: walk.kind(),
        };
        let stream = Stream::of(request);
        self.iotlb.insert(stream, input, translation);
        Ok(reached)
    }

    /// Records a fault unless FPD forbids.
    fn report(&mut self, request: &Request, fault: &Fault) {
        let access = match request.access {
            Access::Read => FaultAccess::Read,
            Access::Write => FaultAccess::Write,
        };
        self.record(request, access, fault);
    }

    fn record(&mut self, request: &Request, access: FaultAccess, fault: &Fault) {
        *self.counts.faults.entry(fault.reason).or_default() += 1;
        if fault.fpd && fault.reason.qualified() {
            return;
        }
        let event = self.faults.record(&FaultRecord {
            reason: fault.reason,
            source: request.source,
            pasid: request.pasid,
            privileged: request.privileged,
            address: Iova(request.address.0 & !(PAGE_SIZE - 1)),
            access,
            at: request.at,
        });
        self.raise(event);
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
