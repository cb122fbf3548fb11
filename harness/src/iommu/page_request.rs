// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Page requests of devices, and the queue that software takes them from (VT-d 7.4, 7.5).

use super::descriptor::{GroupResponse, Pages, ResponseCode, Translations, WIDE};
use super::entry::{PasidEntry, TranslationType};
use super::event::Event;
use super::messages::group_response;
use super::walk::Walk;
use super::{Access, Effect, Fault, FaultAccess, Iommu, Purpose, Request, regs};
use crate::mem::{Hpa, Iova, Memory, PAGE_SIZE};
use crate::pcie::tlp::{AddressType, Message};
use crate::pcie::{Bdf, Pasid};

/// A page request (PCIe 10.4.1), or a Stop Marker: the last of a group that asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The function.
    pub source: Bdf,
    /// The address space.
    pub pasid: Option<Pasid>,
    /// Privileged Mode Requested.
    pub privileged: bool,
    /// Execute Requested.
    pub execute: bool,
    /// The page.
    pub page: Iova,
    /// Read access is asked for.
    pub read: bool,
    /// Write access is asked for.
    pub write: bool,
    /// The last of its group: the group is to be answered.
    pub last: bool,
    /// Page request group index.
    pub index: u16,
}

impl PageRequest {
    /// What a page request message says.
    pub(crate) fn from_message(message: &Message) -> Self {
        let [high, low] = message.header;
        Self {
            source: message.requester,
            pasid: message.pasid.map(|prefix| prefix.pasid),
            privileged: message.pasid.is_some_and(|prefix| prefix.privileged),
            execute: message.pasid.is_some_and(|prefix| prefix.execute),
            page: Iova(u64::from(high) << 32 | u64::from(low & !0xfff)),
            read: low & 1 != 0,
            write: low & 2 != 0,
            last: low & 4 != 0,
            index: (low >> 3 & 0x1ff) as u16,
        }
    }

    /// Whether this ends a PASID's page requests and asks for nothing, not even an answer.
    pub fn is_stop_marker(&self) -> bool {
        self.last && !self.read && !self.write && self.pasid.is_some()
    }

    /// Its descriptor in the queue.
    fn raw(&self) -> [u64; 4] {
        const TYPE: u64 = 1;
        let bit = |set: bool, at: u32| u64::from(set) << at;
        let low = TYPE
            | bit(self.pasid.is_some(), 8)
            | u64::from(self.source.raw()) << 16
            | u64::from(self.pasid.map_or(0, Pasid::raw)) << 32
            | bit(self.execute, 52)
            | bit(self.privileged, 53);
        let high = bit(self.read, 0)
            | bit(self.write, 1)
            | bit(self.last, 2)
            | u64::from(self.index) << 3
            | self.page.0 & !0xfff;
        [low, high, 0, 0]
    }

    /// The request of a descriptor.
    pub fn from_raw([low, high, ..]: [u64; 4]) -> Self {
        let pasid = Pasid::from_field((low >> 32) as u32);
        Self {
            source: Bdf::from_raw((low >> 16) as u16),
            pasid: (low & 1 << 8 != 0).then_some(pasid),
            privileged: low & 1 << 53 != 0,
            execute: low & 1 << 52 != 0,
            page: Iova(high & !0xfff),
            read: high & 1 != 0,
            write: high & 2 != 0,
            last: high & 4 != 0,
            index: (high >> 3 & 0x1ff) as u16,
        }
    }

    /// The answer to its group.
    pub fn response(&self, code: ResponseCode) -> GroupResponse {
        GroupResponse {
            source: self.source,
            pasid: self.pasid,
            index: self.index,
            code,
        }
    }

    /// As the tables see it.
    fn request(&self) -> Request {
        Request {
            source: self.source,
            pasid: self.pasid,
            privileged: self.privileged,
            execute: self.execute,
            at: AddressType::Untranslated,
            address: self.page,
            access: Access::Read,
            whole_dword: false,
            zero_length: false,
        }
    }
}

/// Registers of the page request queue.
#[derive(Debug, Default)]
pub(super) struct PageQueue {
    /// PQA.
    pub address: u64,
    /// PQH.
    pub head: u64,
    /// PQT.
    pub tail: u64,
    /// PRS.
    pub status: u32,
    pub event: Event,
}

impl PageQueue {
    fn after_tail(&self) -> u64 {
        let bytes = PAGE_SIZE << (self.address & 7);
        (self.tail + WIDE) % bytes
    }

    fn full(&self) -> bool {
        self.after_tail() == self.head
    }
}

impl Iommu {
    /// A page request has come; false if there is nobody to take it because translation is off.
    pub fn page_request(&mut self, memory: &Memory, page_request: &PageRequest) -> bool {
        if !self.enabled() {
            return false;
        }
        self.counts.page_requests += u64::from(!page_request.is_stop_marker());
        match self.admit_page_request(memory, page_request) {
            Ok(entry) => self.queue_page_request(memory, page_request, entry),
            Err(_) if page_request.is_stop_marker() => {}
            Err(fault) => {
                let request = page_request.request();
                self.record(&request, FaultAccess::PageRequest, &fault);
                self.answer(page_request, ResponseCode::InvalidRequest);
            }
        }
        true
    }

    /// The PASID's entry, if page requests may be made for it.
    fn admit_page_request(
        &mut self,
        memory: &Memory,
        page_request: &PageRequest,
    ) -> Result<PasidEntry, Fault> {
        let request = page_request.request();
        let context = self.admit(memory, &request, Purpose::PageRequest)?;
        let pasid = request.pasid.unwrap_or(context.rid_pasid());
        let (entry, fpd) = self.pasid_entry(memory, request.source, &context, pasid)?;
        // Whether a privileged request is allowed is for software to say.
        match Walk::new(memory, entry, false) {
            Ok(_) => Ok(entry),
            Err(reason) => Err(Fault { reason, fpd }),
        }
    }

    fn queue_page_request(&mut self, memory: &Memory, request: &PageRequest, entry: PasidEntry) {
        let quiet = self.pages.status == 0;
        let room = self.pages.status & regs::PRO == 0 && !self.pages.full();
        if !room && request.is_stop_marker() {
            return; // nobody is told: it wants no answer
        }
        if !room {
            // The device goes on as if the page were there, and asks again if it is not.
            self.answer(request, ResponseCode::Success);
            self.pages.status |= regs::PRO;
        } else {
            self.forget_page(request, entry);
            let at = Hpa(self.pages.address & !(PAGE_SIZE - 1)).offset(self.pages.tail);
            let words = request.raw().map(u64::to_le);
            if memory.write(at, bytemuck::cast_slice(&words)).is_ok() {
                self.effects.push(Effect::Written(at, WIDE));
            }
            self.pages.tail = self.pages.after_tail();
            self.pages.status |= regs::PPR;
        }
        if quiet {
            let event = self.pages.event.raise();
            self.raise(event);
        }
    }

    /// Drops what the IOTLB has of the page: software may have made it present since.
    fn forget_page(&mut self, request: &PageRequest, entry: PasidEntry) {
        let domain = entry.domain();
        let pages = Pages::one(request.page.0);
        match (entry.translation_type(), request.pasid) {
            (Some(TranslationType::FirstStage), Some(pasid)) => {
                self.invalidate_iotlb_pasid(domain, pasid, Some(pages));
            }
            (Some(TranslationType::SecondStage | TranslationType::PassThrough), _) => {
                self.invalidate_iotlb(Translations::Pages(domain, pages));
            }
            _ => self.invalidate_iotlb(Translations::Domain(domain)),
        }
    }

    /// Answers the group without software, if the request is its last and wants an answer.
    fn answer(&mut self, request: &PageRequest, code: ResponseCode) {
        if request.last && !request.is_stop_marker() {
            self.counts.page_responses += 1;
            let message = group_response(self.id, &request.response(code));
            self.effects.push(Effect::Message(message, None));
        }
    }
}
