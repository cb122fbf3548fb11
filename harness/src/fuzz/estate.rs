// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The memory of one tenant, and what it must hold.

use std::cell::{Cell, RefCell};

use super::FuzzError;
use crate::mem::{Gpa, Hpa, Memory, MemoryError, PAGE_SIZE, pieces};

/// Where the memory starts; what is below and above is not mapped.
pub const BASE: u64 = 0x10_0000;
/// Descriptors outstanding at once, each with pages of its own.
pub const SLOTS: u64 = 8;
/// Of each slot: a page that has only its record, then source and destination.
const SLOT_PAGES: u64 = 5;
pub const PAGES: u64 = SLOTS * SLOT_PAGES;
const RECORD: u64 = 0x40;
const SOURCE: u64 = PAGE_SIZE;
const DESTINATION: u64 = 3 * PAGE_SIZE;
/// Pages above the memory that a slot asks for in vain.
const VOID_PAGES: u64 = 8;
/// What a page holds that has been taken away.
const JUNK: u8 = 0xa5;

/// The pages of one slot.
#[derive(Clone, Copy, Debug)]
pub struct Place(pub u64);

impl Place {
    fn base(self) -> u64 {
        BASE + self.0 * SLOT_PAGES * PAGE_SIZE
    }

    pub fn record(self) -> u64 {
        self.base() + RECORD
    }

    /// Two pages, as have source and destination.
    pub fn source(self) -> u64 {
        self.base() + SOURCE
    }

    pub fn destination(self) -> u64 {
        self.base() + DESTINATION
    }

    /// An address that is not mapped.
    pub fn void(self, random: u64) -> u64 {
        let page = PAGES + self.0 * VOID_PAGES + random % VOID_PAGES;
        BASE + page * PAGE_SIZE
    }

    /// Page `n` of its pages.
    pub fn page(self, n: u64) -> u64 {
        self.base() + n % SLOT_PAGES * PAGE_SIZE
    }

    pub fn is_record_page(self, address: u64) -> bool {
        address / PAGE_SIZE == self.record() / PAGE_SIZE
    }

    /// Whether an address is never mapped.
    pub fn is_void(address: u64) -> bool {
        address >= BASE + PAGES * PAGE_SIZE
    }

    /// Whose an address is.
    pub fn of(address: u64) -> Option<Self> {
        let page = address.checked_sub(BASE)? / PAGE_SIZE;
        let slot = match page.checked_sub(PAGES) {
            None => page / SLOT_PAGES,
            Some(void) => void / VOID_PAGES,
        };
        (slot < SLOTS).then_some(Self(slot))
    }
}

/// Host pages, and a model of what is in them. It outlives the lives of the device.
#[derive(Debug)]
pub struct Estate {
    name: u16,
    memory: Memory,
    pages: RefCell<Vec<Hpa>>,
    /// A page that was taken away: nobody may write to it.
    spare: Cell<Hpa>,
    expected: RefCell<Vec<u8>>,
}

impl Estate {
    pub fn new(memory: &Memory, name: u16) -> Result<Self, MemoryError> {
        let pages: Result<Vec<_>, _> = (0..PAGES).map(|_| memory.alloc_page()).collect();
        let spare = memory.alloc_page()?;
        memory.fill(spare, JUNK, PAGE_SIZE)?;
        Ok(Self {
            name,
            memory: memory.clone(),
            pages: RefCell::new(pages?),
            spare: Cell::new(spare),
            expected: RefCell::new(vec![0; (PAGES * PAGE_SIZE) as usize]),
        })
    }

    pub fn hpa(&self, address: u64) -> Hpa {
        let offset = address - BASE;
        self.pages.borrow()[(offset / PAGE_SIZE) as usize].offset(offset % PAGE_SIZE)
    }

    /// The address that reaches a host address, if any does.
    pub fn address_of(&self, hpa: u64) -> Option<u64> {
        let page = hpa & !(PAGE_SIZE - 1);
        let pages = self.pages.borrow();
        let found = pages.iter().position(|at| at.0 == page)?;
        Some(BASE + found as u64 * PAGE_SIZE + hpa % PAGE_SIZE)
    }

    /// What to map, page by page.
    pub fn mappings(&self) -> impl Iterator<Item = (Gpa, Hpa)> {
        let pages = self.pages.borrow().clone().into_iter().enumerate();
        pages.map(|(page, at)| (Gpa(BASE + page as u64 * PAGE_SIZE), at))
    }

    /// Moves the page of an address to other host memory. Whoever still has the old address reads
    /// junk, and is found out if it writes.
    pub fn relocate(&self, address: u64) -> Result<Hpa, MemoryError> {
        let old = self.hpa(address & !(PAGE_SIZE - 1));
        let new = self.spare.replace(old);
        let mut data = [0; PAGE_SIZE as usize];
        self.memory.read(old, &mut data)?;
        self.memory.write(new, &data)?;
        self.memory.fill(old, JUNK, PAGE_SIZE)?;
        self.pages.borrow_mut()[((address - BASE) / PAGE_SIZE) as usize] = new;
        Ok(new)
    }

    pub fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, MemoryError> {
        let mut data = vec![0; bytes];
        for (at, piece) in pieces(address, bytes) {
            self.memory.read(self.hpa(at), &mut data[piece])?;
        }
        Ok(data)
    }

    pub fn write(&self, address: u64, data: &[u8]) -> Result<(), MemoryError> {
        for (at, piece) in pieces(address, data.len()) {
            self.memory.write(self.hpa(at), &data[piece])?;
        }
        self.expect(address, data);
        Ok(())
    }

    /// From now on these bytes must be there.
    pub fn expect(&self, address: u64, data: &[u8]) {
        let at = (address - BASE) as usize;
        self.expected.borrow_mut()[at..at + data.len()].copy_from_slice(data);
    }

    pub fn expected(&self, address: u64, bytes: usize) -> Vec<u8> {
        let at = (address - BASE) as usize;
        self.expected.borrow()[at..at + bytes].to_vec()
    }

    /// Whether all is as it must be. Nothing may be under way.
    pub fn verify(&self) -> Result<(), FuzzError> {
        let found = self.read(BASE, (PAGES * PAGE_SIZE) as usize)?;
        let expected = self.expected.borrow();
        if found != *expected {
            let at = (found.iter().zip(&*expected))
                .position(|(a, b)| a != b)
                .unwrap_or_default();
            return Err(FuzzError::Wrong(format!(
                "queue {}: byte {:#x} is {:#04x}, but nobody has changed it from {:#04x}",
                self.name,
                BASE + at as u64,
                found[at],
                expected[at]
            )));
        }
        let mut junk = [0; PAGE_SIZE as usize];
        self.memory.read(self.spare.get(), &mut junk)?;
        match junk.iter().all(|&byte| byte == JUNK) {
            true => Ok(()),
            false => Err(FuzzError::Wrong(format!(
                "queue {}: a page was written to after it had been taken away",
                self.name
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estate() -> Estate {
        Estate::new(&Memory::new(1 << 20).unwrap(), 0).unwrap()
    }

    #[test]
    fn page_keeps_its_contents_when_it_moves() {
        let estate = estate();
        let source = Place(3).source();
        estate.write(source, &[1, 2, 3]).unwrap();

        estate.relocate(source).unwrap();

        assert_eq!(estate.read(source, 3).unwrap(), [1, 2, 3]);
        assert!(estate.verify().is_ok());
    }

    #[test]
    fn write_to_a_page_that_was_taken_away_is_found() {
        let estate = estate();
        let old = estate.hpa(Place(3).source());
        estate.relocate(Place(3).source()).unwrap();

        estate.memory.write(old.offset(77), &[0]).unwrap();

        let wrong = estate.verify().unwrap_err().to_string();
        assert!(wrong.contains("taken away"), "{wrong}");
    }

    #[test]
    fn each_slot_finds_its_own_addresses() {
        for slot in 0..SLOTS {
            let place = Place(slot);
            for address in [place.record(), place.destination() + 0x1fff, place.void(7)] {
                assert_eq!(Place::of(address).map(|place| place.0), Some(slot));
            }
        }
        assert!(Place::of(BASE - 1).is_none());
    }
}
