// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Does everybody keep the rules? Sees every TLP at the device's port, both ways, and names the
//! first rule that is broken.
//!
//! The checker knows nothing of the device but what passes: it learns from configuration accesses
//! what is enabled, from requests what may be completed, from Translation Completions which
//! addresses the device may use. TLPs of the host are seen when they are queued, those of the
//! device when they have left; between the two each side may already know more or less than the
//! checker, and then it gives way.

mod ats;
mod config;
mod credits;
mod header;
mod message;
mod outstanding;
mod pri;
mod records;
mod request;
mod rule;
#[cfg(test)]
mod tests;

use std::fmt;

pub use rule::Rule;

use crate::endpoint::{Credits, Cycle};
use crate::pcie::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, MemRequest, Message, Tlp,
};
use crate::pcie::{Bdf, CompletionInterrupt, Direction, Knobs, Msi, Tag, TlpEvent};
use ats::Translations;
use config::{Config, Effect};
use credits::Budget;
use message::{INVALIDATE_COMPLETION, INVALIDATE_REQUEST, PAGE_REQUEST, PRG_RESPONSE};
use outstanding::{Answer, Kind, Outstanding, Slot, Strangers, When};
use pri::Groups;
use records::{Claim, Records};
use rule::{Verdict, demand};

/// A TLP that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// Who broke it: `FromDevice` the device, `ToDevice` the host.
    pub direction: Direction,
    /// When, as [`TlpEvent::cycle`].
    pub cycle: Cycle,
    /// The TLP.
    pub words: Vec<u32>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = TlpEvent {
            direction: self.direction,
            cycle: self.cycle,
            words: &self.words,
        };
        let sender = match self.direction {
            Direction::ToDevice => "the host",
            Direction::FromDevice => "the device",
        };
        write!(
            f,
            "cycle {}: {sender} broke rule {}: {}",
            self.cycle,
            self.rule,
            crate::trace::describe(&event)
        )
    }
}

impl std::error::Error for Violation {}

/// A watcher of one device's port.
#[derive(Debug)]
pub struct Checker {
    root: Bdf,
    /// Read Completion Boundary of the root complex, bytes.
    boundary: u64,
    /// ID that the device has captured.
    device: Option<Bdf>,
    config: Config,
    /// The function was reset, and has answered nothing since.
    resetting: bool,
    /// Requests of the device.
    upstream: Outstanding,
    /// Requests of the root complex.
    downstream: Outstanding,
    strangers: Strangers,
    translations: Translations,
    groups: Groups,
    budget: Budget,
    records: Records,
    /// Interrupt messages that somebody waits for or that have come; ascending.
    messages: Vec<Msi>,
}

/// Endpoints may only cut completions here (PCIe 2.3.1.1).
const ENDPOINT_BOUNDARY: u64 = 128;

impl Checker {
    /// A checker for a device fresh from reset, below a root complex with these settings.
    pub fn new(knobs: &Knobs) -> Self {
        Self {
            root: knobs.root,
            boundary: knobs.rcb as u64,
            device: None,
            config: Config::default(),
            resetting: false,
            upstream: Outstanding::default(),
            downstream: Outstanding::default(),
            strangers: Strangers::default(),
            translations: Translations::new(knobs.invalidation_timeout),
            groups: Groups::default(),
            budget: Budget::default(),
            records: Records::default(),
            messages: Vec::new(),
        }
    }

    /// Judges a TLP. A `deliberate` one breaks rules by intent: it is only taken note of.
    pub fn check(&mut self, event: &TlpEvent<'_>, deliberate: bool) -> Result<(), Box<Violation>> {
        let verdict = match event.direction {
            Direction::ToDevice if deliberate => {
                self.note_deliberate(event);
                Ok(())
            }
            Direction::ToDevice => self.judge_host(event),
            Direction::FromDevice => self.judge_device(event),
        };
        verdict.map_err(|rule| {
            Box::new(Violation {
                rule,
                direction: event.direction,
                cycle: event.cycle,
                words: event.words.to_vec(),
            })
        })
    }

    /// The host grants credits.
    pub fn grant(&mut self, credits: Credits) {
        self.budget.grant(credits);
    }

    /// Somebody waits for an interrupt message.
    pub fn claimed(&mut self, message: Msi) {
        if let Err(at) = self.messages.binary_search(&message) {
            self.messages.insert(at, message);
        }
    }

    /// Descriptors may ask for this interrupt from now on. Which of them do, the checker sees.
    pub fn expect_records(&mut self, interrupt: CompletionInterrupt) {
        self.records.expect(interrupt);
    }

    /// A completion of the device request of this tag is lost.
    pub fn lose(&mut self, tag: Tag) {
        let before = self.upstream.lose(tag);
        self.unanswered(before);
    }

    // ---------------------------------------------------------------------------------------
    // Host to device

    fn judge_host(&mut self, event: &TlpEvent<'_>) -> Verdict {
        let tlp = header::decode(event.words)?;
        let cycle = event.cycle;
        let when = When::patient(cycle);
        match &tlp {
            Tlp::MemRead { request } => {
                request::not_translated(request)?;
                self.downstream.free(request.tag, when)?;
                self.downstream.sent_memory(Kind::MemRead, request, when);
                Ok(())
            }
            Tlp::LockedRead { request } => {
                request::not_translated(request)?;
                self.downstream.free(request.tag, when)?;
                self.downstream.sent_memory(Kind::LockedRead, request, when);
                Ok(())
            }
            Tlp::MemWrite { request, data } => {
                request::not_translated(request)?;
                self.payload(data.len())?;
                self.submitted(request, data, false, cycle);
                Ok(())
            }
            Tlp::DmWr { request, data } => {
                request::not_translated(request)?;
                self.payload(data.len())?;
                self.downstream.free(request.tag, when)?;
                let claim = self.submitted(request, data, true, cycle);
                self.downstream
                    .sent(request.tag, Kind::DmWr(claim), (0, 4, request.attr), when);
                Ok(())
            }
            Tlp::ConfigRead { request } => {
                request::config_form(request)?;
                self.downstream.free(request.tag, when)?;
                let kind = Kind::ConfigRead(*request);
                self.downstream
                    .sent(request.tag, kind, (0, 4, request.attr), when);
                Ok(())
            }
            Tlp::ConfigWrite { request, data } => {
                request::config_form(request)?;
                self.downstream.free(request.tag, when)?;
                if request.target.function() == 0 {
                    self.config.writing(request, *data);
                }
                let kind = Kind::ConfigWrite(*request, *data);
                self.downstream
                    .sent(request.tag, kind, (0, 4, request.attr), when);
                Ok(())
            }
            Tlp::Completion { completion, data } | Tlp::LockedCompletion { completion, data } => {
                self.payload(data.len())?;
                demand(completion.completer == self.root, Rule::CompleterId)?;
                demand(
                    self.device == Some(completion.requester),
                    Rule::CompletionUnasked,
                )?;
                let answer = Answer {
                    completion,
                    locked: matches!(tlp, Tlp::LockedCompletion { .. }),
                    status: header::raw_status(event.words),
                    dwords: data.len(),
                };
                let before = self.upstream.completed(&answer, cycle, self.boundary)?;
                if let Some(before) = before {
                    let success = completion.status == CompletionStatus::Success;
                    let usable = success && !completion.attr.poisoned;
                    self.translated(&before, usable.then_some(data), cycle);
                }
                Ok(())
            }
            Tlp::Message { message, data } => {
                message::check(message, data, event.direction, self.config.allowed())?;
                self.host_message(message, data, cycle)
            }
        }
    }

    /// A write of the host's may be a descriptor.
    fn submitted(
        &mut self,
        request: &MemRequest,
        data: &[u32],
        deferrable: bool,
        cycle: Cycle,
    ) -> Option<Claim> {
        let unit = self.config.allowed().translation_unit;
        let translations = &self.translations;
        let lost = |pasid, record| translations.refused(pasid, record, unit, cycle);
        self.records.submitted(request, data, deferrable, lost)
    }

    /// What the device asked for may have been a translation: it is answered, if with any `data`.
    fn translated(&mut self, before: &Slot, data: Option<&[u32]>, cycle: Cycle) {
        let unit = self.config.allowed().translation_unit;
        let records = &mut self.records;
        let refused = |pasid, page| records.lost(pasid, page, unit);
        self.translations
            .answered(before, data, unit, cycle, refused);
    }

    /// This request of the device will not be completed as it should.
    fn unanswered(&mut self, before: Option<Slot>) {
        // Nobody knows when the device gives up waiting.
        const NEVER: Cycle = Cycle(u64::MAX);
        if let Some(before) = before {
            self.translated(&before, None, NEVER);
        }
    }

    fn host_message(&mut self, message: &Message, data: &[u32], cycle: Cycle) -> Verdict {
        match message.code {
            INVALIDATE_REQUEST => {
                self.translations.itag_free(message, cycle)?;
                self.translations.invalidating(message, data, cycle);
            }
            PRG_RESPONSE => {
                self.groups.expected(message)?;
                self.groups.responded(message, cycle);
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps up with a TLP that may break any rule, so that what follows is judged rightly.
    fn note_deliberate(&mut self, event: &TlpEvent<'_>) {
        let when = When::patient(event.cycle);
        let Ok(tlp) = header::decode(event.words) else {
            // It may be answered all the same, as I/O requests are.
            if let Some((requester, tag)) = header::sender(event.words) {
                let requests = self.sender(requester);
                requests.sent(tag, Kind::DmWr(None), (0, 4, Attributes::default()), when);
                requests.excuse(tag);
            }
            return;
        };
        match &tlp {
            Tlp::MemRead { request } => {
                let kind = Kind::MemRead;
                self.sender(request.requester)
                    .sent_memory(kind, request, when);
                self.excuse_sender(request.requester, request.tag);
            }
            Tlp::LockedRead { request } => {
                let kind = Kind::LockedRead;
                self.sender(request.requester)
                    .sent_memory(kind, request, when);
                self.excuse_sender(request.requester, request.tag);
            }
            Tlp::DmWr { request, data } => {
                let claim = self.submitted(request, data, true, event.cycle);
                let bytes = (0, 4, request.attr);
                self.sender(request.requester)
                    .sent(request.tag, Kind::DmWr(claim), bytes, when);
                self.excuse_sender(request.requester, request.tag);
            }
            Tlp::ConfigRead { request } => {
                let kind = Kind::ConfigRead(*request);
                self.sender(request.requester)
                    .sent(request.tag, kind, (0, 4, request.attr), when);
                self.excuse_sender(request.requester, request.tag);
            }
            Tlp::ConfigWrite { request, data } => {
                if request.target.function() == 0 && !request.attr.poisoned && !request.type1 {
                    self.config.writing(request, *data);
                }
                let kind = Kind::ConfigWrite(*request, *data);
                self.sender(request.requester)
                    .sent(request.tag, kind, (0, 4, request.attr), when);
                self.excuse_sender(request.requester, request.tag);
            }
            Tlp::Completion { completion, .. } | Tlp::LockedCompletion { completion, .. } => {
                let before = self.upstream.excuse(completion.tag);
                self.unanswered(before);
            }
            Tlp::Message { message, data } => match message.code {
                INVALIDATE_REQUEST if message.requester != self.root => {
                    self.translations.owe(message);
                }
                INVALIDATE_REQUEST if self.translations.itag_free(message, event.cycle).is_ok() => {
                    self.translations.invalidating(message, data, event.cycle);
                }
                PRG_RESPONSE if self.groups.expected(message).is_ok() => {
                    self.groups.responded(message, event.cycle);
                }
                _ => {}
            },
            Tlp::MemWrite { request, data } => {
                self.submitted(request, data, false, event.cycle);
            }
        }
    }

    fn sender(&mut self, requester: Bdf) -> &mut Outstanding {
        match requester == self.root {
            true => &mut self.downstream,
            false => self.strangers.entry(requester),
        }
    }

    /// A request under the root complex's own ID may share its tag with a good one: whatever comes
    /// for the tag is then let pass.
    fn excuse_sender(&mut self, requester: Bdf, tag: Tag) {
        if requester == self.root {
            self.downstream.excuse(tag);
        }
    }

    // ---------------------------------------------------------------------------------------
    // Device to host

    fn judge_device(&mut self, event: &TlpEvent<'_>) -> Verdict {
        let tlp = header::decode(event.words)?;
        self.budget.spend(&tlp)?;
        match &tlp {
            Tlp::MemRead { request } => self.device_read(request, event.cycle),
            Tlp::MemWrite { request, data } => self.device_write(request, data),
            // DMWr as requester, configuration, locked reads: not an endpoint's to send.
            Tlp::DmWr { .. }
            | Tlp::ConfigRead { .. }
            | Tlp::ConfigWrite { .. }
            | Tlp::LockedRead { .. } => Err(Rule::HeaderType),
            Tlp::Completion { completion, data } | Tlp::LockedCompletion { completion, data } => {
                let answer = Answer {
                    completion,
                    locked: matches!(tlp, Tlp::LockedCompletion { .. }),
                    status: header::raw_status(event.words),
                    dwords: data.len(),
                };
                self.device_completion(&answer, data, event.cycle)
            }
            Tlp::Message { message, data } => {
                message::check(message, data, event.direction, self.config.allowed())?;
                self.device_message(message, event.cycle)
            }
        }
    }

    fn device_read(&mut self, request: &MemRequest, cycle: Cycle) -> Verdict {
        self.device_request(request)?;
        let limits = *self.config.allowed();
        let bytes = u32::from(request.length) * 4;
        demand(bytes <= limits.read, Rule::MaxRead)?;
        let when = When {
            cycle,
            timeout: limits.timeout,
        };
        request::tag_range(request.tag, &limits)?;
        self.upstream.free(request.tag, when)?;
        let kind = match request.at {
            AddressType::TranslationRequest => {
                request::translation_form(request, self.boundary)?;
                Kind::Translation {
                    prefix: request.pasid,
                    no_write: request.no_write,
                }
            }
            AddressType::Translated => {
                self.translations.used(request, false)?;
                Kind::MemRead
            }
            AddressType::Untranslated => Kind::MemRead,
        };
        self.upstream.sent_memory(kind, request, when);
        Ok(())
    }

    fn device_write(&mut self, request: &MemRequest, data: &[u32]) -> Verdict {
        self.device_request(request)?;
        self.payload(data.len())?;
        demand(
            request.at != AddressType::TranslationRequest,
            Rule::AtsRequestForm,
        )?;
        if request.at == AddressType::Translated {
            self.translations.used(request, true)?;
        }
        self.records.written(request, &self.translations);
        match request.at {
            AddressType::Untranslated if request.address >> 20 == 0xfee => {
                self.device_interrupt(request, data)
            }
            _ => Ok(()),
        }
    }

    fn device_interrupt(&mut self, request: &MemRequest, data: &[u32]) -> Verdict {
        let message = Msi {
            address: request.address,
            data: data.first().copied().unwrap_or_default(),
        };
        if request.pasid.is_some() {
            // Anybody may write there with a PASID, and be blocked; but not an interrupt.
            let awaited = self.messages.binary_search(&message).is_ok();
            return demand(!awaited || data.len() != 1, Rule::PasidOnInterrupt);
        }
        let whole = data.len() == 1 && request.first_be == 0xf;
        demand(whole && !request.attr.relaxed, Rule::InterruptForm)?;
        self.claimed(message);
        self.records.arrived(message)
    }

    fn device_request(&self, request: &MemRequest) -> Verdict {
        let limits = self.config.allowed();
        demand(limits.bus_master, Rule::BusMaster)?;
        demand(self.device == Some(request.requester), Rule::RequesterId)?;
        request::attributes(&request.attr, limits)?;
        request::pasid(request, limits)?;
        demand(
            limits.ats || request.at == AddressType::Untranslated,
            Rule::AtsEnable,
        )
    }

    fn device_completion(&mut self, answer: &Answer<'_>, data: &[u32], cycle: Cycle) -> Verdict {
        let completion = answer.completion;
        self.payload(data.len())?;
        let requests = match completion.requester == self.root {
            true => Some(&mut self.downstream),
            false => self.strangers.of(completion.requester),
        };
        let requests = requests.ok_or(Rule::CompletionUnasked)?;
        let before = requests.completed(answer, cycle, ENDPOINT_BOUNDARY)?;
        if let Some(before) = before {
            self.completed(&before, completion, data);
        }
        let known = self.device.is_none_or(|id| id == completion.completer);
        demand(known, Rule::CompleterId)
    }

    /// Learns from the completion of a configuration access or a descriptor.
    fn completed(&mut self, before: &Slot, completion: &Completion, data: &[u32]) {
        let success = completion.status == CompletionStatus::Success;
        if std::mem::take(&mut self.resetting) {
            self.translations.clear();
            self.groups.clear();
            self.records.forget();
        }
        match before.kind {
            Kind::DmWr(Some(claim)) if !success => self.records.not_taken(claim),
            Kind::ConfigRead(request) if success && request.target.function() == 0 => {
                if let &[dword] = data {
                    self.config.was_read(request.register, dword);
                }
            }
            Kind::ConfigWrite(request, _) if !success && request.target.function() == 0 => {
                self.config.not_written();
            }
            Kind::ConfigWrite(request, data) if success && request.target.function() == 0 => {
                self.device = Some(completion.completer);
                match self.config.written(&request, data) {
                    Effect::None => {}
                    Effect::AtsEnabled => self.translations.forget(),
                    Effect::PriEnabled => self.groups.clear(),
                    Effect::Reset => {
                        // With what it was given: what it had begun may still come.
                        self.resetting = true;
                        self.upstream.excuse_all();
                    }
                }
            }
            _ => {}
        }
    }

    fn device_message(&mut self, message: &Message, cycle: Cycle) -> Verdict {
        let id = self.device.unwrap_or_default();
        demand(message.requester == id, Rule::RequesterId)?;
        let limits = self.config.allowed();
        match message.code {
            INVALIDATE_COMPLETION => self.translations.invalidated(message),
            PAGE_REQUEST => {
                demand(limits.bus_master, Rule::BusMaster)?;
                demand(limits.pri, Rule::PriEnable)?;
                if let Some(prefix) = message.pasid {
                    request::prefix(&prefix, limits)?;
                }
                self.groups.requested(message, cycle, limits)
            }
            _ => Ok(()),
        }
    }

    fn payload(&self, dwords: usize) -> Verdict {
        let most = self.config.allowed().payload as usize;
        demand(dwords * 4 <= most, Rule::MaxPayload)
    }
}
