// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The invalidation queue (VT-d 6.5.2): descriptors are taken in order and done at once, but for
//! device-TLBs, whose devices take their time. Waits end in order, each when all that was queued
//! before it has.

use std::collections::VecDeque;

use super::descriptor::{Descriptor, DeviceInvalidation, NARROW, QueueError, WIDE, Wait};
use super::event::Event;
use super::messages::{InvalidateCompletion, group_response, invalidate_request};
use super::{Effect, Iommu, TableMode, lookup, regs};
use crate::endpoint::Cycle;
use crate::mem::{Hpa, Memory, PAGE_SIZE};
use crate::pcie::tlp::Message;

/// Registers of the queue, and waits that have not ended.
#[derive(Debug, Default)]
pub(super) struct InvalidationQueue {
    /// IQA.
    pub address: u64,
    /// IQH.
    pub head: u64,
    /// IQT.
    pub tail: u64,
    /// IQER.
    pub error: u64,
    /// ICS.IWC.
    pub completed: bool,
    pub event: Event,
    /// With the number of device-TLB invalidations that were sent before.
    waits: VecDeque<(u64, Wait)>,
}

impl InvalidationQueue {
    /// Forgets everything in flight: the queue was disabled.
    pub fn reset(&mut self) {
        self.head = 0;
        self.waits.clear();
    }

    fn bytes(&self) -> u64 {
        PAGE_SIZE << (self.address & 7)
    }

    fn wide(&self) -> bool {
        self.address & regs::IQA_WIDE != 0
    }

    fn fenced(&self) -> bool {
        self.waits.iter().any(|(_, wait)| wait.fence)
    }

    /// The descriptor at the head.
    fn fetch(&self, memory: &Memory, mode: TableMode) -> Result<Descriptor, QueueError> {
        if self.tail >= self.bytes() || self.head >= self.bytes() {
            return Err(QueueError::Tail);
        }
        if self.wide() && !self.tail.is_multiple_of(WIDE) {
            return Err(QueueError::Alignment);
        }
        if !self.wide() && mode != TableMode::Legacy {
            return Err(QueueError::Width);
        }
        let at = Hpa(self.address & !(PAGE_SIZE - 1)).offset(self.head);
        let words = if self.wide() {
            lookup::load(memory, at)
        } else {
            lookup::load(memory, at).map(|[low, high]| [low, high, 0, 0])
        };
        Descriptor::decode(words.ok_or(QueueError::Fetch)?, self.wide())
    }

    fn advance(&mut self) {
        let size = if self.wide() { WIDE } else { NARROW };
        self.head = (self.head + size) % self.bytes();
    }
}

impl Iommu {
    /// Does what is in the queue, as far as nothing keeps it from being done.
    pub(super) fn run_queue(&mut self, memory: &Memory, now: Cycle) {
        self.end_waits(memory);
        while self.status & regs::QIE != 0
            && self.queue.head != self.queue.tail
            && self.faults.status() & (regs::IQE | regs::ITE) == 0
            && !self.queue.fenced()
        {
            match self.queue.fetch(memory, self.mode) {
                Err(error) => {
                    self.queue.error = self.queue.error & !0xf | error as u64;
                    let event = self.faults.set(regs::IQE);
                    return self.raise(event);
                }
                Ok(Descriptor::DeviceTlb(what)) if !self.invalidate_device(now, &what) => return,
                Ok(descriptor) => self.execute(&descriptor),
            }
            self.queue.advance();
            self.end_waits(memory);
        }
    }

    fn execute(&mut self, descriptor: &Descriptor) {
        self.counts.invalidations += 1;
        match *descriptor {
            Descriptor::ContextCache(which) => self.invalidate_contexts(which),
            Descriptor::Iotlb(which) => self.invalidate_iotlb(which),
            Descriptor::DeviceTlb(_) => {}
            Descriptor::InterruptEntries(which) => self.remapping.invalidate(which),
            Descriptor::Wait(wait) => {
                // Page requests are in their queue as soon as they come: PD asks for nothing more.
                self.queue.waits.push_back((self.devices.sent(), wait));
            }
            Descriptor::PasidIotlb(domain, pasid, pages) => {
                self.invalidate_iotlb_pasid(domain, pasid, pages);
            }
            Descriptor::PasidCache(which) => self.invalidate_pasids(which),
            Descriptor::GroupResponse(response) => {
                self.counts.page_responses += 1;
                let message = group_response(self.id, &response);
                self.effects.push(Effect::Message(message, None));
            }
        }
    }

    /// Asks the device; false if too many invalidations are pending there.
    fn invalidate_device(&mut self, now: Cycle, what: &DeviceInvalidation) -> bool {
        let Some(itag) = self.devices.start(now, what.source, what.max_pending) else {
            return false;
        };
        self.counts.device_invalidations += 1;
        let (message, payload) = invalidate_request(self.id, itag, what);
        self.effects.push(Effect::Message(message, Some(payload)));
        true
    }

    fn end_waits(&mut self, memory: &Memory) {
        while let Some(&(number, wait)) = self.queue.waits.front()
            && self.devices.ended(number)
        {
            self.queue.waits.pop_front();
            if let Some((at, data)) = wait.status
                && memory.write_u32(at, data).is_ok()
            {
                self.effects.push(Effect::Written(at, 4));
            }
            if wait.interrupt && !self.queue.completed {
                self.queue.completed = true;
                let event = self.queue.event.raise();
                self.raise(event);
            }
        }
    }

    /// An Invalidate Completion has come; false if it is not for this IOMMU, or translation is off.
    pub fn invalidate_completed(&mut self, memory: &Memory, now: Cycle, message: &Message) -> bool {
        let completion = InvalidateCompletion::new(message);
        if !self.enabled() || completion.to != self.id {
            return false;
        }
        if !self.devices.completed(&completion) {
            let source = u64::from(completion.source.raw());
            self.queue.error = self.queue.error << 16 >> 16 | source << 48;
            let event = self.faults.set(regs::ICE);
            self.raise(event);
        }
        self.run_queue(memory, now);
        true
    }

    /// When [`Self::expire`] is to be called.
    pub fn deadline(&self) -> Option<Cycle> {
        self.devices.deadline()
    }

    /// Gives up invalidations that were not completed in time. Waits for them are abandoned, and
    /// the queue stops until software has seen it.
    pub fn expire(&mut self, now: Cycle) {
        const ITESID: u64 = 0xffff << 32;
        while let Some(source) = self.devices.take_expired(now) {
            self.queue.error = self.queue.error & !ITESID | u64::from(source.raw()) << 32;
            self.queue.waits.clear();
            let event = self.faults.set(regs::ITE);
            self.raise(event);
        }
    }
}
