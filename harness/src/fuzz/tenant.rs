// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A tenant that submits descriptors at random and knows what must become of its memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Dice, FuzzError};
use crate::dsa::{CompletionRecord, Descriptor, Opcode, PortalPage, Status};
use crate::host::{Adi, Driver, WqConfig};
use crate::mem::{Gpa, Hpa, PAGE_SIZE};

/// Where its memory starts; what is below and above is not mapped.
const BASE: u64 = 0x10_0000;
const SLOTS: u64 = 8;
/// Of each slot: a page that has only its record, then source and destination.
const SLOT_PAGES: u64 = 5;
const PAGES: u64 = SLOTS * SLOT_PAGES;
const RECORD: u64 = 0x40;
const SOURCE: u64 = PAGE_SIZE;
const DESTINATION: u64 = 3 * PAGE_SIZE;
const MOST: u64 = PAGE_SIZE;

/// What must come of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Done,
    /// Refused with this status.
    Refused(Status),
    /// The source is not mapped.
    NoSource,
    /// The destination is not mapped.
    NoDestination,
}

/// One tenant.
pub struct Tenant {
    adi: Adi,
    pages: Vec<Hpa>,
    handle: u16,
    /// What its memory must hold.
    expected: RefCell<Vec<u8>>,
    dice: RefCell<Dice>,
    statuses: RefCell<BTreeMap<u8, u64>>,
    /// Good descriptors that ended with a read error.
    unexplained: Cell<u64>,
}

impl Tenant {
    /// A tenant with a queue, and memory that nobody else can reach.
    pub async fn new(driver: &Rc<Driver>, wq: WqConfig, seed: u64) -> Result<Self, FuzzError> {
        const STREAM: u64 = 100;
        let memory = driver.host().memory();
        let mut space = driver.new_address_space()?;
        let mut pages = Vec::new();
        for page in 0..PAGES {
            let at = memory.alloc_page()?;
            space.map(Gpa(BASE + page * PAGE_SIZE), at, PAGE_SIZE)?;
            pages.push(at);
        }
        let (adi, _) = driver.assign(wq, &space)?;
        adi.enable().await?;
        adi.mask_interrupt(false);
        let handle = adi.request_interrupt_handle().await?;
        Ok(Self {
            adi,
            pages,
            handle,
            expected: RefCell::new(vec![0; (PAGES * PAGE_SIZE) as usize]),
            dice: RefCell::new(Dice::new(seed, STREAM + u64::from(wq.index))),
            statuses: RefCell::default(),
            unexplained: Cell::new(0),
        })
    }

    /// Submits and checks descriptors until `ended`; how often which status came.
    pub async fn work(&mut self, ended: &dyn Fn() -> bool) -> Result<BTreeMap<u8, u64>, FuzzError> {
        let slots = (0..SLOTS).map(|slot| self.slot(slot, ended));
        futures_util::future::try_join_all(slots).await?;
        Ok(self.statuses.take())
    }

    /// Waits until nothing of it runs.
    pub async fn drain(&self) -> Result<(), FuzzError> {
        Ok(self.adi.drain().await?)
    }

    /// Good descriptors that ended with a read error.
    pub fn unexplained(&self) -> u64 {
        self.unexplained.get()
    }

    /// Keeps one descriptor outstanding.
    async fn slot(&self, slot: u64, ended: &dyn Fn() -> bool) -> Result<(), FuzzError> {
        let base = BASE + slot * SLOT_PAGES * PAGE_SIZE;
        let record = base + RECORD;
        while !ended() {
            let (descriptor, expected) = self.draw(base)?;
            let descriptor = descriptor.with_completion(record);
            let bytes = zerocopy::transmute!(descriptor);
            let portal = self.adi.portal(PortalPage::UnlimitedIms);
            self.host().write_portal(portal, &bytes)?;
            let found = self.record(record).await?;
            self.judge(&descriptor, expected, &found)?;
            // A second record would be seen in the end.
            self.write(record, &[0; CompletionRecord::SIZE])?;
            let pause = self.dice.borrow_mut().below(64);
            self.host().sleep(1 + pause).await;
        }
        Ok(())
    }

    /// A descriptor for the slot at `base`, with new source data.
    fn draw(&self, base: u64) -> Result<(Descriptor, Expected), FuzzError> {
        let dice = &mut *self.dice.borrow_mut();
        let (source, destination) = (base + SOURCE, base + DESTINATION);
        let size = 1 + match dice.below(3) {
            0 => dice.below(64),
            1 => dice.below(512),
            _ => dice.below(MOST),
        };
        let from = source + dice.below(PAGE_SIZE);
        let to = destination + dice.below(PAGE_SIZE);
        let unmapped = BASE + (PAGES + dice.below(64)) * PAGE_SIZE;
        let good = Descriptor::memory_move(from, to, size as u32);
        let data: Vec<u8> = (0..size).map(|_| dice.word() as u8).collect();
        let kind = dice.below(20);
        let interrupt = dice.one_in(4);
        let fill = Descriptor::fill(dice.long(), to, size as u32);
        let mut reserved = good;
        reserved.reserved = 1.into();
        let (descriptor, expected) = match kind {
            0 => (Descriptor::nop(), Expected::Done),
            1 => (
                Descriptor::new(Opcode(0x3f)),
                Expected::Refused(Status::BAD_OPCODE),
            ),
            2 => (
                Descriptor::memory_move(from, to, 0),
                Expected::Refused(Status::BAD_TRANSFER_SIZE),
            ),
            3 => (reserved, Expected::Refused(Status::NONZERO_RESERVED)),
            4 => (
                Descriptor::memory_move(unmapped, to, size as u32),
                Expected::NoSource,
            ),
            5 => (
                Descriptor::memory_move(from, unmapped, size as u32),
                Expected::NoDestination,
            ),
            6..10 => (fill, Expected::Done),
            _ => (good, Expected::Done),
        };
        self.write(from, &data)?;
        let descriptor = match interrupt && matches!(expected, Expected::Done) {
            true => descriptor.with_interrupt(self.handle),
            false => descriptor,
        };
        Ok((descriptor, expected))
    }

    fn judge(
        &self,
        descriptor: &Descriptor,
        expected: Expected,
        record: &CompletionRecord,
    ) -> Result<(), FuzzError> {
        let status = record.status();
        *self.statuses.borrow_mut().entry(status.code()).or_default() += 1;
        let faulted = [Status::READ_ERROR, Status::PAGE_FAULT].contains(&status);
        let right = match expected {
            Expected::Done if status == Status::READ_ERROR => {
                self.unexplained.set(self.unexplained.get() + 1);
                true
            }
            Expected::Done => status == Status::SUCCESS,
            Expected::Refused(refused) => status == refused,
            Expected::NoSource => faulted,
            Expected::NoDestination => faulted || status == Status::SUCCESS,
        };
        if !right {
            return Err(FuzzError::Wrong(format!(
                "queue {}: {descriptor:x?} ended with {status}, expected {expected:?}",
                self.adi.wq().index
            )));
        }
        let destination = descriptor.dst.get();
        let bytes = descriptor.size.get() as usize;
        match (expected, status) {
            (Expected::Done, Status::SUCCESS) => self.effect(descriptor),
            // How far it came is open.
            (Expected::Done | Expected::NoSource, _) if descriptor.opcode() != Opcode::NOP => {
                let found = self.read(destination, bytes)?;
                self.expect(destination, &found);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Enters what a descriptor did, and looks whether it did.
    fn effect(&self, descriptor: &Descriptor) -> Result<(), FuzzError> {
        let bytes = descriptor.size.get() as usize;
        let (source, destination) = (descriptor.src.get(), descriptor.dst.get());
        let data = match descriptor.opcode() {
            Opcode::MEMORY_MOVE => self.expected_at(source, bytes),
            Opcode::FILL => {
                let pattern = source.to_le_bytes();
                (0..bytes).map(|i| pattern[i % 8]).collect()
            }
            _ => return Ok(()),
        };
        self.expect(destination, &data);
        if self.read(destination, bytes)? != data {
            return Err(FuzzError::Wrong(format!(
                "queue {}: wrong data after {descriptor:x?}",
                self.adi.wq().index
            )));
        }
        Ok(())
    }

    /// Whether all its memory is as its descriptors say.
    pub fn verify(&self) -> Result<(), FuzzError> {
        let found = self.read(BASE, (PAGES * PAGE_SIZE) as usize)?;
        let expected = self.expected.borrow();
        let differs = found.iter().zip(&*expected).position(|(a, b)| a != b);
        match differs {
            None => Ok(()),
            Some(at) => Err(FuzzError::Wrong(format!(
                "queue {}: byte {:#x} is {:#04x}, expected {:#04x}",
                self.adi.wq().index,
                BASE + at as u64,
                found[at],
                expected[at]
            ))),
        }
    }

    async fn record(&self, address: u64) -> Result<CompletionRecord, FuzzError> {
        loop {
            let bytes = self.read(address, CompletionRecord::SIZE)?;
            if let Some(record) = CompletionRecord::from_bytes(&bytes)
                && record.status() != Status::NONE
            {
                return Ok(record);
            }
            self.host().wait_for_write(self.hpa(address)).await;
        }
    }

    fn host(&self) -> &crate::pcie::Host {
        self.adi.driver().host()
    }

    fn hpa(&self, address: u64) -> Hpa {
        let offset = address - BASE;
        self.pages[(offset / PAGE_SIZE) as usize].offset(offset % PAGE_SIZE)
    }

    fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, FuzzError> {
        let mut data = vec![0; bytes];
        for (at, piece) in pieces(address, bytes) {
            self.host().memory().read(self.hpa(at), &mut data[piece])?;
        }
        Ok(data)
    }

    fn write(&self, address: u64, data: &[u8]) -> Result<(), FuzzError> {
        for (at, piece) in pieces(address, data.len()) {
            self.host().memory().write(self.hpa(at), &data[piece])?;
        }
        self.expect(address, data);
        Ok(())
    }

    fn expect(&self, address: u64, data: &[u8]) {
        let at = (address - BASE) as usize;
        self.expected.borrow_mut()[at..at + data.len()].copy_from_slice(data);
    }

    fn expected_at(&self, address: u64, bytes: usize) -> Vec<u8> {
        let at = (address - BASE) as usize;
        self.expected.borrow()[at..at + bytes].to_vec()
    }
}

/// A range cut at page boundaries: address and range of indices of each piece.
fn pieces(address: u64, bytes: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = address + done as u64;
        let now = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes - done);
        let piece = done..done + now;
        done += now;
        (now > 0).then_some((at, piece))
    })
}
