// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The root complex: what it does with each TLP of the device, and how simulated time goes on.

use super::codec::MAX_DWORDS;
use super::completer::Completer;
use super::credits::CreditWindows;
use super::listener::{Direction, TlpEvent, TlpListener};
use super::msi::MsiSink;
use super::requester::Requester;
use super::run::RunError;
use super::timers::Timers;
use super::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, MemRequest, Message, Tlp, TlpRef,
};
use super::waits::Waits;
use super::watch::LineWatch;
use super::{Bdf, Knobs, Tag};
use crate::checker::Checker;
use crate::endpoint::{Cycle, Endpoint, Stop};
use crate::faults::{Injector, Outgoing, Received};
use crate::iommu::{self, Effect, Iommu, PageRequest, Target};
use crate::mem::{Hpa, Iova, Memory};

#[cfg(target_endian = "big")]
compile_error!("payload dwords are copied to host memory as this CPU stores them");

/// Max_Payload_Size until software sets another.
const RESET_MPS: u16 = 128;

/// Counts of what goes wrong without ending the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Device requests answered UR.
    pub unsupported: u64,
    /// Device writes that were blocked, poisoned, or led nowhere.
    pub dropped_writes: u64,
    /// Completions that nobody had asked for, or that came too late.
    pub unexpected_completions: u64,
}

/// Everything above the device's port.
pub(super) struct RootComplex {
    pub endpoint: Box<dyn Endpoint>,
    pub memory: Memory,
    pub iommu: Iommu,
    pub knobs: Knobs,
    /// Max_Payload_Size that the device is set to.
    pub mps: u16,
    pub requester: Requester,
    pub waits: Waits,
    pub timers: Timers,
    pub watch: LineWatch,
    pub msis: MsiSink,
    pub listeners: Vec<Box<dyn TlpListener>>,
    pub messages: Vec<(Cycle, Message)>,
    pub stats: Stats,
    /// `None` if it is switched off.
    pub checker: Option<Box<Checker>>,
    /// `None` until a fault is to be put in.
    pub faults: Option<Box<Injector>>,
    pub credits: CreditWindows,
    completer: Completer,
    /// When a TLP last passed, either way.
    last_tlp: Cycle,
    /// Happened while a task was sending; ends the run.
    failure: Option<RunError>,
    /// Buffers for the TLP that is being sent or handled.
    tx: Vec<u32>,
    rx: Vec<u32>,
}

impl RootComplex {
    pub fn new(endpoint: Box<dyn Endpoint>, memory: Memory, knobs: Knobs) -> Self {
        Self {
            endpoint,
            iommu: Iommu::new(knobs.root, knobs.invalidation_timeout),
            mps: RESET_MPS,
            requester: Requester::new(knobs.root),
            waits: Waits::default(),
            timers: Timers::default(),
            watch: LineWatch::default(),
            msis: MsiSink::default(),
            listeners: Vec::new(),
            messages: Vec::new(),
            stats: Stats::default(),
            checker: knobs.checker.then(|| Box::new(Checker::new(&knobs))),
            faults: None,
            credits: CreditWindows::default(),
            completer: Completer::new(&knobs),
            last_tlp: Cycle(0),
            failure: None,
            tx: Vec::with_capacity(MAX_DWORDS),
            rx: Vec::with_capacity(MAX_DWORDS),
            memory,
            knobs,
        }
    }

    /// Runs the device until a wait has ended.
    pub fn advance(&mut self) -> Result<(), RunError> {
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let now = self.endpoint.now();
            self.timers.fire(now, &mut self.waits);
            self.iommu.expire(now);
            self.carry_out_effects(now);
            if self.waits.take_woken() {
                return Ok(());
            }
            let timer = self.timers.next(&self.waits);
            let cycles = match timer.into_iter().chain(self.iommu.deadline()).min() {
                Some(at) => at - now,
                None => self.until_deadlock(now)?,
            };
            if self.endpoint.run(cycles)? == Stop::Tlp {
                self.receive()?;
            }
        }
    }

    /// How long the device may still be silent.
    fn until_deadlock(&self, now: Cycle) -> Result<u64, RunError> {
        let silent = now - self.last_tlp;
        match self.knobs.deadlock_after.checked_sub(silent) {
            Some(left) if left > 0 => Ok(left),
            _ => Err(RunError::Deadlock {
                cycle: now,
                silent,
                waits: self.waits.pending(),
            }),
        }
    }

    /// Sends a TLP now.
    pub fn send<P: AsRef<[u32]>>(&mut self, tlp: &Tlp<P>) {
        let mut words = std::mem::take(&mut self.tx);
        words.clear();
        tlp.encode(&mut words);
        self.send_words(self.endpoint.now(), &words);
        self.tx = words;
    }

    /// Sends a TLP that is ready in cycle `ready_at`, or now if that is past.
    pub fn send_words(&mut self, ready_at: Cycle, words: &[u32]) {
        let ready_at = ready_at.max(self.endpoint.now());
        let Some(mut faults) = self.faults.take() else {
            return self.queue(ready_at, words, false);
        };
        let mut sent = Vec::new();
        let mut lost = Vec::new();
        faults.to_device(
            ready_at,
            words,
            |outgoing| sent.push(outgoing.clone()),
            |tag| lost.push(tag),
        );
        self.faults = Some(faults);
        if let Some(checker) = &mut self.checker {
            lost.into_iter().for_each(|tag| checker.lose(tag));
        }
        for outgoing in &sent {
            let Outgoing {
                ready_at,
                words,
                deliberate,
            } = outgoing;
            self.queue(*ready_at, words, *deliberate);
        }
    }

    /// Sends a TLP that may break any rule.
    pub fn send_deliberate(&mut self, words: &[u32]) {
        self.queue(self.endpoint.now(), words, true);
    }

    fn queue(&mut self, ready_at: Cycle, words: &[u32], deliberate: bool) {
        self.last_tlp = self.last_tlp.max(ready_at);
        let sent = self
            .endpoint
            .push(ready_at, words)
            .map_err(RunError::from)
            .and_then(|()| self.tell(Direction::ToDevice, ready_at, words, deliberate));
        if let Err(error) = sent {
            self.failure.get_or_insert(error);
        }
    }

    fn tell(
        &mut self,
        direction: Direction,
        cycle: Cycle,
        words: &[u32],
        deliberate: bool,
    ) -> Result<(), RunError> {
        let event = TlpEvent {
            direction,
            cycle,
            words,
        };
        for listener in &mut self.listeners {
            listener.tlp(&event)?;
        }
        if let Some(checker) = &mut self.checker {
            checker.check(&event, deliberate)?;
        }
        Ok(())
    }

    /// Handles all TLPs that the device has sent.
    fn receive(&mut self) -> Result<(), RunError> {
        let mut words = std::mem::take(&mut self.rx);
        while let Some((cycle, tlp)) = self.endpoint.next_tlp() {
            words.clear();
            words.extend_from_slice(tlp);
            self.last_tlp = self.last_tlp.max(cycle);
            self.tell(Direction::FromDevice, cycle, &words, false)?;
            if self.credits.taken(&words) {
                self.grant_credits();
            }
            match self
                .faults
                .as_mut()
                .map(|faults| faults.from_device(&mut words))
            {
                None | Some(Received::Pass) => self.handle(cycle, &words)?,
                Some(Received::Twice) => {
                    self.handle(cycle, &words)?;
                    self.handle(cycle, &words)?;
                }
                Some(Received::Lost) => self.lost(&words),
                Some(Received::Refused(status)) => self.refuse_read(cycle, &words, status),
            }
            self.carry_out_effects(cycle);
        }
        self.rx = words;
        Ok(())
    }

    /// Lets the device know what it may send.
    pub fn grant_credits(&mut self) {
        let credits = self.credits.credits();
        self.endpoint.set_credits(&credits);
        if let Some(checker) = &mut self.checker {
            checker.grant(credits);
        }
    }

    /// A device TLP that is not handled: if it is a request, no completion comes.
    fn lost(&mut self, words: &[u32]) {
        if let (Ok(Tlp::MemRead { request }), Some(checker)) =
            (TlpRef::decode(words), &mut self.checker)
        {
            checker.lose(request.tag);
        }
    }

    /// Answers a device read otherwise than the memory behind it would.
    fn refuse_read(&mut self, cycle: Cycle, words: &[u32], status: CompletionStatus) {
        if let Ok(Tlp::MemRead { request }) = TlpRef::decode(words) {
            let id = (request.requester, request.tag);
            let lower_address = (request.first_byte() & 0x7f) as u8;
            let answer = (status, request.byte_count(), lower_address);
            self.answer(cycle, id, request.attr, answer, false);
        }
    }

    fn handle(&mut self, cycle: Cycle, words: &[u32]) -> Result<(), RunError> {
        let tlp = TlpRef::decode(words).map_err(|error| RunError::Malformed {
            cycle,
            error,
            words: words.to_vec(),
        })?;
        match tlp {
            Tlp::MemRead { request } if request.at == AddressType::TranslationRequest => {
                self.translate(cycle, &request);
            }
            Tlp::MemRead { request } => self.read(cycle, &request),
            Tlp::LockedRead { request } => {
                self.stats.unsupported += 1;
                let lower_address = (request.first_byte() & 0x7f) as u8;
                let status = CompletionStatus::UnsupportedRequest;
                let answer = (status, request.byte_count(), lower_address);
                let id = (request.requester, request.tag);
                self.answer(cycle, id, request.attr, answer, true);
            }
            Tlp::MemWrite { request, data } => self.write(cycle, &request, data),
            Tlp::DmWr { request, .. } => {
                self.refuse(cycle, (request.requester, request.tag), request.attr, 4, 0);
            }
            Tlp::ConfigRead { request } | Tlp::ConfigWrite { request, .. } => {
                self.refuse(cycle, (request.requester, request.tag), request.attr, 4, 0);
            }
            Tlp::Completion { completion, data } => {
                if !self.requester.completed(&completion, data, &mut self.waits) {
                    self.stats.unexpected_completions += 1;
                }
            }
            // The host sends no locked reads.
            Tlp::LockedCompletion { .. } => self.stats.unexpected_completions += 1,
            Tlp::Message { message, .. } => self.message(cycle, message),
        }
        Ok(())
    }

    fn message(&mut self, cycle: Cycle, message: Message) {
        let taken = match message.code {
            Message::INVALIDATE_COMPLETION => {
                let now = self.endpoint.now();
                self.iommu.invalidate_completed(&self.memory, now, &message)
            }
            Message::PAGE_REQUEST => {
                let request = PageRequest::from_message(&message);
                self.iommu.page_request(&self.memory, &request)
            }
            _ => return self.messages.push((cycle, message)),
        };
        if !taken {
            self.stats.unsupported += 1;
        }
    }

    /// Does what the IOMMU wants done of its own accord. `cycle`: when it came to want it.
    pub fn carry_out_effects(&mut self, cycle: Cycle) {
        if !self.iommu.has_effects() {
            return;
        }
        for effect in self.iommu.take_effects() {
            match effect {
                Effect::Interrupt(msi) => self.msis.arrived(cycle, msi, &mut self.waits),
                Effect::Written(at, bytes) => self.watch.written(at, bytes, &mut self.waits),
                Effect::Message(message, None) => self.send(&Tlp::Message {
                    message,
                    data: [].as_slice(),
                }),
                Effect::Message(message, Some(payload)) => self.send(&Tlp::Message {
                    message,
                    data: big_endian(payload),
                }),
            }
        }
    }

    /// The request as the IOMMU sees it.
    fn for_iommu(request: &MemRequest, access: iommu::Access) -> iommu::Request {
        iommu::Request {
            source: request.requester,
            pasid: request.pasid.map(|prefix| prefix.pasid),
            privileged: request.pasid.is_some_and(|prefix| prefix.privileged),
            execute: request.pasid.is_some_and(|prefix| prefix.execute),
            at: request.at,
            address: Iova(request.address),
            access,
            whole_dword: request.length == 1 && request.first_be == 0xf,
            zero_length: request.is_zero_length(),
        }
    }

    /// Asks the IOMMU where a request goes.
    fn route(&mut self, request: &MemRequest, access: iommu::Access) -> Option<Target> {
        let request = Self::for_iommu(request, access);
        self.iommu.route(&self.memory, &request).ok()
    }

    /// Answers a Translation Request. One that asks for several pages is told of the first only,
    /// as PCIe 10.2.3 allows.
    fn translate(&mut self, cycle: Cycle, request: &MemRequest) {
        const ENTRY_BYTES: u16 = 8;
        let asked = Self::for_iommu(request, iommu::Access::Read);
        let answer = self.iommu.translate(&self.memory, &asked, request.no_write);
        let status = match answer {
            Ok(_) => CompletionStatus::Success,
            Err(status) => {
                self.stats.unsupported += 1;
                status
            }
        };
        let completion = Completion {
            completer: self.knobs.root,
            status,
            byte_count: ENTRY_BYTES,
            requester: request.requester,
            tag: request.tag,
            lower_address: self.completer.translation_lower_address(ENTRY_BYTES.into()),
            attr: Attributes {
                poisoned: false,
                ..request.attr
            },
        };
        let ready_at = self.completer.translation_ready_at(cycle);
        let mut words = std::mem::take(&mut self.tx);
        words.clear();
        match answer {
            Ok(entry) => {
                let data = big_endian(entry);
                completion.encode(data.len(), &mut words);
                words.extend(data);
            }
            Err(_) => completion.encode(0, &mut words),
        }
        self.send_words(ready_at, &words);
        self.tx = words;
    }

    fn read(&mut self, cycle: Cycle, request: &MemRequest) {
        let bytes = usize::from(request.length) * 4;
        let source = match self.route(request, iommu::Access::Read) {
            Some(Target::Memory(at)) if self.memory.contains(at, bytes) => Some(at),
            Some(Target::Nothing) => None,
            _ => {
                let id = (request.requester, request.tag);
                let lower_address = (request.first_byte() & 0x7f) as u8;
                return self.refuse(cycle, id, request.attr, request.byte_count(), lower_address);
            }
        };
        let mut words = std::mem::take(&mut self.tx);
        let mut last = None;
        while let Some(piece) = self.completer.next(request, cycle, last, self.mps) {
            words.clear();
            piece
                .completion(request, self.knobs.root)
                .encode(piece.dwords, &mut words);
            let header = words.len();
            words.resize(header + piece.dwords, 0);
            if let Some(at) = source {
                let data = bytemuck::cast_slice_mut(&mut words[header..]);
                // Cannot fail: the whole range was checked above.
                let _ = self.memory.read(at.offset(piece.dword as u64 * 4), data);
            }
            self.send_words(piece.ready_at, &words);
            last = Some(piece);
        }
        self.tx = words;
    }

    fn write(&mut self, cycle: Cycle, request: &MemRequest, data: &[u32]) {
        let target = match self.route(request, iommu::Access::Write) {
            Some(target) if !request.attr.poisoned => target,
            _ => {
                self.stats.dropped_writes += 1;
                return;
            }
        };
        match target {
            Target::Memory(at) if self.memory.contains(at, data.len() * 4) => {
                self.store(at, request, bytemuck::cast_slice(data));
            }
            Target::Memory(_) | Target::Nothing => self.stats.dropped_writes += 1,
            Target::Interrupt => {
                let (source, address) = (request.requester, request.address);
                let msi = self.iommu.interrupt(&self.memory, source, address, data[0]);
                if let Some(msi) = msi {
                    self.msis.arrived(cycle, msi, &mut self.waits);
                }
            }
        }
    }

    /// Writes the enabled bytes of `data`, whose first dword goes to `at`.
    fn store(&mut self, at: Hpa, request: &MemRequest, data: &[u8]) {
        let mut write = |start: usize, bytes: usize| {
            // Cannot fail: the whole range was checked by the caller.
            let _ = self
                .memory
                .write(at.offset(start as u64), &data[start..start + bytes]);
            self.watch
                .written(at.offset(start as u64), bytes as u64, &mut self.waits);
        };
        if request.is_zero_length() {
            return;
        }
        if request.is_contiguous() {
            let start = (request.first_byte() - request.address) as usize;
            return write(start, request.byte_count() as usize);
        }
        // Gaps: one dword, or two dwords at most (PCIe 2.2.5).
        let enables = request.first_be | request.last_be << 4;
        (0..data.len())
            .filter(|byte| enables >> byte & 1 != 0)
            .for_each(|byte| write(byte, 1));
    }

    /// Answers a non-posted request with UR, as late as if it had succeeded.
    fn refuse(
        &mut self,
        cycle: Cycle,
        id: (Bdf, Tag),
        attr: Attributes,
        byte_count: u32,
        lower_address: u8,
    ) {
        self.stats.unsupported += 1;
        let status = CompletionStatus::UnsupportedRequest;
        let answer = (status, byte_count, lower_address);
        self.answer(cycle, id, attr, answer, false);
    }

    /// Answers a non-posted request without data; `locked`: it is a locked read.
    fn answer(
        &mut self,
        cycle: Cycle,
        (requester, tag): (Bdf, Tag),
        attr: Attributes,
        (status, byte_count, lower_address): (CompletionStatus, u32, u8),
        locked: bool,
    ) {
        let completion = Completion {
            completer: self.knobs.root,
            status,
            byte_count: byte_count as u16,
            requester,
            tag,
            lower_address,
            attr: Attributes {
                poisoned: false,
                ..attr
            },
        };
        let ready_at = self.completer.ready_at(cycle);
        let mut words = std::mem::take(&mut self.tx);
        words.clear();
        let data: &[u32] = &[];
        let tlp = match locked {
            true => Tlp::LockedCompletion { completion, data },
            false => Tlp::Completion { completion, data },
        };
        tlp.encode(&mut words);
        self.send_words(ready_at, &words);
        self.tx = words;
    }
}

/// A quadword as payload, most significant byte first, as ATS has it.
fn big_endian(quadword: u64) -> [u32; 2] {
    [
        ((quadword >> 32) as u32).swap_bytes(),
        (quadword as u32).swap_bytes(),
    ]
}
