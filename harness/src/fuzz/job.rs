// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A descriptor drawn at random, and what may come of it.

use super::estate::{Estate, Place};
use super::{Dice, FuzzError, Translation};
use crate::dsa::{CompletionRecord, Descriptor, Flags, Opcode, PortalPage, Status};
use crate::mem::PAGE_SIZE;
use crate::scenario::MAX_TRANSFER;

/// Most bytes that are moved.
const MOST: u64 = PAGE_SIZE;

/// What must come of a descriptor that nothing gets in the way of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    Done,
    /// It is refused with this status.
    Refused(Status),
    /// It is refused, and its record cannot be written.
    Unreported,
    /// The source is not mapped.
    NoSource,
    /// The destination is not mapped.
    NoDestination,
}

/// When it writes its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Always,
    OnError,
    Never,
}

/// What has got in its way since it was submitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Harm {
    /// A read was not answered as it should.
    pub read: bool,
    /// A translation of source or destination was not answered as it should.
    pub translation: bool,
    /// The record's page could not be had.
    pub record: bool,
    /// The record's page was not mapped for some time.
    pub record_evicted: bool,
    /// A page was not mapped for some time.
    pub evicted: bool,
    /// A page request was refused.
    pub refused: bool,
    /// The device was told that it may not ask for pages any more.
    pub no_requests: bool,
    /// It may have been thrown away.
    pub lost: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its record.
    Status(Status),
    /// Without one, because it asked for none.
    Silent,
    /// It was thrown away, or its record was.
    Lost,
}

/// One descriptor under way.
#[derive(Clone, Debug)]
pub struct Job {
    pub place: Place,
    pub descriptor: Descriptor,
    pub portal: PortalPage,
    /// Whether an interrupt must come at its end.
    pub rings: bool,
    pub harm: Harm,
    goal: Goal,
    record: Record,
    mode: Translation,
    /// What the destination held, and what it must hold.
    before: Vec<u8>,
    wanted: Vec<u8>,
}

/// What a tenant has to offer its jobs.
#[derive(Clone, Copy, Debug)]
pub struct Handles {
    pub own: u16,
    /// Somebody else's.
    pub foreign: u16,
}

impl Job {
    /// Draws a job for the pages at `place`, with new source data.
    pub fn draw(
        dice: &mut Dice,
        place: Place,
        estate: &Estate,
        handles: Handles,
        mode: Translation,
    ) -> Result<Self, FuzzError> {
        let size = 1 + match dice.below(3) {
            0 => dice.below(64),
            1 => dice.below(512),
            _ => dice.below(MOST),
        };
        let from = place.source() + dice.below(PAGE_SIZE);
        let to = place.destination() + dice.below(PAGE_SIZE);
        let void = place.void(dice.long());
        let bytes = size as u32;
        let pattern = [dice.long(), dice.long()];
        let good = Descriptor::memory_move(from, to, bytes);
        let fill = Descriptor::fill(pattern[0], to, bytes);
        let refused = |descriptor, status| (descriptor, Goal::Refused(status));
        let (mut descriptor, goal) = match dice.below(40) {
            0..3 => (Descriptor::nop(), Goal::Done),
            3 => refused(Descriptor::new(Opcode(0x3f)), Status::BAD_OPCODE),
            4 => refused(
                Descriptor::memory_move(from, to, 0),
                Status::BAD_TRANSFER_SIZE,
            ),
            5 => refused(
                Descriptor::memory_move(from, to, MAX_TRANSFER + 1),
                Status::BAD_TRANSFER_SIZE,
            ),
            6 => {
                let mut descriptor = good;
                descriptor.reserved = 1.into();
                refused(descriptor, Status::NONZERO_RESERVED)
            }
            7 => refused(
                Descriptor::memory_move(to, to + 1, bytes.max(2)),
                Status::OVERLAPPING_BUFFERS,
            ),
            8 => refused(good.with_flags(Flags::CHECK_RESULT), Status::INVALID_FLAGS),
            9 => refused(
                fill.with_interrupt(handles.foreign),
                Status::BAD_INTERRUPT_HANDLE,
            ),
            10..12 => (Descriptor::memory_move(void, to, bytes), Goal::NoSource),
            12..14 => (
                Descriptor::memory_move(from, void, bytes),
                Goal::NoDestination,
            ),
            14..19 => (fill, Goal::Done),
            19..21 => {
                let mut fill = fill.with_flags(Flags::FILL_PATTERN_16);
                fill.specific[..8].copy_from_slice(&pattern[1].to_le_bytes());
                (fill, Goal::Done)
            }
            _ => (good, Goal::Done),
        };
        let data: Vec<u8> = (0..size).map(|_| dice.word() as u8).collect();
        estate.write(from, &data)?;

        let moves = [Opcode::MEMORY_MOVE, Opcode::FILL].contains(&descriptor.opcode());
        if moves && dice.one_in(4) {
            descriptor = descriptor.with_flags(Flags::CACHE_CONTROL);
        }
        if moves && dice.one_in(4) {
            descriptor = descriptor.with_flags(Flags::STRICT_ORDERING);
        }
        if moves && mode == Translation::Pri && !dice.one_in(4) {
            descriptor = descriptor.with_flags(Flags::BLOCK_ON_FAULT);
        }
        // A dedicated queue has a PASID of its own.
        descriptor.pasid = dice.word().into();
        let mut portal = match dice.one_in(2) {
            true => PortalPage::UnlimitedIms,
            false => PortalPage::LimitedIms,
        };
        let rings = !descriptor.flags().contains(Flags::RCI) && dice.one_in(3);
        if rings {
            descriptor = descriptor.with_interrupt(handles.own);
        } else if !descriptor.flags().contains(Flags::RCI) && dice.one_in(3) {
            portal = PortalPage::UnlimitedMsix;
        }
        let mut job = Self {
            place,
            descriptor,
            portal,
            rings,
            harm: Harm::default(),
            goal,
            record: Record::Always,
            mode,
            before: vec![],
            wanted: vec![],
        };
        job.ask_for_record(dice);
        job.foresee(estate, &data, pattern);
        Ok(job)
    }

    fn ask_for_record(&mut self, dice: &mut Dice) {
        let at = self.place.record();
        let asks = |flags| {
            let mut descriptor = self.descriptor.with_flags(flags);
            descriptor.completion = at.into();
            descriptor
        };
        (self.record, self.descriptor) = match dice.below(64) {
            0 => (Record::Never, self.descriptor),
            1 => (Record::OnError, asks(Flags::CRAV)),
            2 if self.goal == Goal::Done && !self.rings => {
                self.goal = Goal::Unreported;
                (Record::Never, self.descriptor.with_completion(at + 1))
            }
            _ => (Record::Always, self.descriptor.with_completion(at)),
        };
    }

    fn foresee(&mut self, estate: &Estate, data: &[u8], pattern: [u64; 2]) {
        let moves = [Opcode::MEMORY_MOVE, Opcode::FILL].contains(&self.descriptor.opcode());
        if !moves || self.goal == Goal::NoDestination || self.bytes() > MOST as usize {
            return;
        }
        self.before = estate.expected(self.descriptor.dst.get(), self.bytes());
        let long = self.descriptor.flags().contains(Flags::FILL_PATTERN_16);
        let period = if long { 16 } else { 8 };
        let pattern = pattern.map(u64::to_le_bytes).concat();
        self.wanted = match (self.goal, self.descriptor.opcode()) {
            (Goal::Done, Opcode::FILL) => (0..self.bytes()).map(|i| pattern[i % period]).collect(),
            (Goal::Done, _) => data.to_vec(),
            _ => self.before.clone(),
        };
    }

    fn bytes(&self) -> usize {
        self.descriptor.size.get() as usize
    }

    /// Whether it may end with this status.
    fn may_end(&self, status: Status) -> bool {
        let Harm {
            read,
            translation,
            evicted,
            refused,
            no_requests,
            ..
        } = self.harm;
        let asks = self.descriptor.flags().contains(Flags::BLOCK_ON_FAULT);
        let absent = [Goal::NoSource, Goal::NoDestination].contains(&self.goal);
        let translated = self.mode != Translation::None;
        if let Goal::Refused(expected) = self.goal {
            return status == expected;
        }
        match status {
            Status::SUCCESS => {
                let reaches =
                    self.goal == Goal::Done || !translated && self.goal == Goal::NoDestination;
                // A translation may be asked for again.
                reaches && !read
            }
            Status::READ_ERROR => read || !translated && self.goal == Goal::NoSource,
            Status::TRANSLATION_ERROR => translation || no_requests && asks,
            Status::PAGE_FAULT => translated && (evicted || absent) && (!asks || no_requests),
            Status::PAGE_REQUEST_FAILED => asks && (refused || absent),
            _ => false,
        }
    }

    /// Whether nothing but success may come of it.
    fn must_succeed(&self) -> bool {
        let Harm {
            read,
            translation,
            evicted,
            refused,
            no_requests,
            ..
        } = self.harm;
        self.goal == Goal::Done && !(read || translation || evicted || refused || no_requests)
    }

    /// How it has ended, now that nothing more can come of it; `None` if that may not be.
    pub fn silent_end(&self) -> Option<End> {
        let silent = match self.record {
            Record::Always => false,
            Record::OnError => self.may_end(Status::SUCCESS),
            Record::Never => true,
        };
        match silent {
            _ if self.harm.lost || self.harm.record => Some(End::Lost),
            true if self.must_succeed() || matches!(self.goal, Goal::Refused(_)) => {
                Some(End::Silent)
            }
            true => Some(End::Lost),
            false => None,
        }
    }

    /// Whether its interrupt may come now, with its record there or not.
    pub fn may_ring(&self, record_is_there: bool) -> bool {
        self.rings && (record_is_there || self.record != Record::Always || self.harm.record)
    }

    /// Whether a software error with this status may tell of it.
    pub fn may_report(&self, status: Status) -> bool {
        match status {
            Status::COMPLETION_ADDRESS_MISALIGNED => self.goal == Goal::Unreported,
            Status::COMPLETION_ADDRESS_FAULT => self.harm.record,
            Status::TRANSLATION_ERROR if self.harm.record => true,
            Status::PAGE_REQUEST_FAILED if self.harm.record => true,
            Status::SUCCESS => false,
            status => self.may_end(status),
        }
    }

    /// Judges its record.
    pub fn judge(&self, record: &CompletionRecord) -> Result<(), String> {
        let status = record.status();
        if !self.may_end(status) {
            return Err(format!("it ended with {status}"));
        }
        if status == Status::SUCCESS && self.record != Record::Always {
            return Err("it wrote a record that nobody asked for".to_owned());
        }
        let counted = status != Status::SUCCESS && !matches!(self.goal, Goal::Refused(_));
        if counted && record.bytes_completed.get() as usize > self.bytes() {
            return Err(format!("it completed {} bytes", record.bytes_completed));
        }
        Ok(())
    }

    /// Whether the destination holds what it may, and takes note of what that is.
    pub fn effect(
        &self,
        estate: &Estate,
        end: End,
        record: Option<&CompletionRecord>,
    ) -> Result<(), FuzzError> {
        if self.before.is_empty() {
            return Ok(());
        }
        let bytes = self.before.len();
        let done = match (end, record) {
            (End::Silent | End::Status(Status::SUCCESS), _) => bytes,
            (End::Status(_), Some(record)) => record.bytes_completed.get() as usize,
            _ => 0,
        };
        let destination = self.descriptor.dst.get();
        let found = estate.read(destination, bytes)?;
        let wrong = (0..bytes)
            .find(|&i| found[i] != self.wanted[i] && (i < done || found[i] != self.before[i]));
        estate.expect(destination, &found);
        match wrong {
            None => Ok(()),
            Some(i) => Err(FuzzError::Wrong(format!(
                "wrong data, byte {i} of {done} done: found {:#04x}, before {:#04x}, wanted {:#04x}, \
                 after {end:?} of {self}",
                found[i], self.before[i], self.wanted[i]
            ))),
        }
    }
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            place,
            descriptor,
            goal,
            harm,
            ..
        } = self;
        write!(
            f,
            "slot {}, goal {goal:?}, {harm:?}, {descriptor:x?}",
            place.0
        )
    }
}
