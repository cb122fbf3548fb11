// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Guest-physical memory, and what must be in it.

use std::cell::RefCell;
use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use tokio::sync::Notify;

use crate::host::{AddressSpace, DriverError};
use crate::mem::{Gpa, Hpa, Memory, MemoryError, PAGE_SIZE};
use crate::pcie::Host;

/// A guest used memory that it does not have, or memory does not hold what it must.
#[derive(Debug, thiserror::Error)]
pub enum GuestMemoryError {
    /// Beyond the end.
    #[error("guest-physical {address}, {bytes} bytes: not in the guest's memory")]
    Outside {
        /// Start of the access.
        address: Gpa,
        /// Its length.
        bytes: usize,
    },
    /// Somebody wrote where nobody should, or did not write where the device should.
    #[error("guest-physical {address} (host {host}): holds {found:#04x}, expected {expected:#04x}")]
    Differs {
        /// First byte that differs.
        address: Gpa,
        /// Where it is in host memory.
        host: Hpa,
        /// What is there.
        found: u8,
        /// What the guest and its own descriptors have left there.
        expected: u8,
    },
    /// Somebody wrote to a host page that the machine had been moved out of.
    #[error("host page {page}, which the guest was moved out of, was written to")]
    Vacated {
        /// The page.
        page: Hpa,
    },
    /// Host memory failed.
    #[error(transparent)]
    Host(#[from] MemoryError),
}

/// The memory of one virtual machine, from guest-physical address 0. Its pages are scattered over
/// host memory, so that nothing works by chance without translation. Beside it stands a copy of
/// what must be there: stores of the guest and effects of its descriptors change both, anything
/// else is found by `verify`.
#[derive(Debug)]
pub struct GuestMemory {
    host: Host,
    pages: RefCell<Vec<Hpa>>,
    expected: RefCell<Vec<u8>>,
    /// Host pages that were moved out of, the longest ago first; all of their bytes are `VACATED`.
    vacated: RefCell<VecDeque<Hpa>>,
    /// A page was moved.
    moved: Notify,
}

/// What is in a page that nobody may use any more. A read of it is seen as wrong data.
const VACATED: u8 = 0xdb;
/// Pages that stay so before they are used again.
const VACANCIES: usize = 64;

impl GuestMemory {
    /// Bytes of host memory that it takes beside its own, if pages are moved.
    pub const SPARE: u64 = VACANCIES as u64 * PAGE_SIZE;

    /// `bytes` of memory with random contents. No device reaches it yet.
    pub fn new(host: &Host, bytes: u64, random: &mut ChaCha8Rng) -> Result<Self, MemoryError> {
        let memory = host.memory();
        let count = bytes.div_ceil(PAGE_SIZE);
        let mut pages = (0..count)
            .map(|_| memory.alloc_page())
            .collect::<Result<Vec<_>, _>>()?;
        shuffle(&mut pages, random);
        let mut expected = vec![0; (count * PAGE_SIZE) as usize];
        random.fill_bytes(&mut expected);
        for (&page, contents) in pages.iter().zip(page_slices(&expected)) {
            memory.write(page, contents)?;
        }
        Ok(Self {
            host: host.clone(),
            pages: RefCell::new(pages),
            expected: RefCell::new(expected),
            vacated: RefCell::default(),
            moved: Notify::new(),
        })
    }

    /// Lets the devices of `space` reach `bytes` from `from` on, whole pages.
    pub fn map(&self, space: &mut AddressSpace, from: Gpa, bytes: u64) -> Result<(), DriverError> {
        for page in (from.0..from.0 + bytes).step_by(PAGE_SIZE as usize) {
            if let Some(host) = self.host_page(Gpa(page)) {
                space.map(Gpa(page), host, PAGE_SIZE)?;
            }
        }
        Ok(())
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.pages.borrow().len() as u64 * PAGE_SIZE
    }

    /// The host page behind a page, if it is memory.
    pub fn host_page(&self, page: Gpa) -> Option<Hpa> {
        let pages = self.pages.borrow();
        pages.get((page.0 / PAGE_SIZE) as usize).copied()
    }

    /// Moves a page to another host page; no device may reach it meanwhile. Returns where it is
    /// then.
    pub fn move_page(&self, page: Gpa) -> Result<Hpa, GuestMemoryError> {
        let bytes = PAGE_SIZE as usize;
        self.check(page, bytes)?;
        let mut contents = vec![0; bytes];
        self.read(page, &mut contents)?;
        let to = self.vacancy()?;
        self.memory().write(to, &contents)?;
        let index = (page.0 / PAGE_SIZE) as usize;
        let from = std::mem::replace(&mut self.pages.borrow_mut()[index], to);
        self.memory().fill(from, VACATED, PAGE_SIZE)?;
        self.vacated.borrow_mut().push_back(from);
        self.moved.notify_waiters();
        Ok(to)
    }

    /// A page to move to.
    fn vacancy(&self) -> Result<Hpa, GuestMemoryError> {
        let vacated = &mut *self.vacated.borrow_mut();
        if vacated.len() >= VACANCIES
            && let Some(page) = vacated.pop_front()
        {
            self.verify_vacated(page)?;
            return Ok(page);
        }
        Ok(self.memory().alloc_page()?)
    }

    fn verify_vacated(&self, page: Hpa) -> Result<(), GuestMemoryError> {
        let mut found = [0; PAGE_SIZE as usize];
        self.memory().read(page, &mut found)?;
        match found.iter().all(|&byte| byte == VACATED) {
            true => Ok(()),
            false => Err(GuestMemoryError::Vacated { page }),
        }
    }

    /// Whether all of `bytes` from `address` on is memory.
    pub fn contains(&self, address: Gpa, bytes: usize) -> bool {
        self.check(address, bytes).is_ok()
    }

    /// Loads.
    pub fn read(&self, address: Gpa, data: &mut [u8]) -> Result<(), GuestMemoryError> {
        self.check(address, data.len())?;
        let mut done = 0;
        for (at, bytes) in self.pieces(address, data.len()) {
            self.memory().read(at, &mut data[done..done + bytes])?;
            done += bytes;
        }
        Ok(())
    }

    /// Stores.
    pub fn write(&self, address: Gpa, data: &[u8]) -> Result<(), GuestMemoryError> {
        self.expect(address, data)?;
        let mut done = 0;
        for (at, bytes) in self.pieces(address, data.len()) {
            self.memory().write(at, &data[done..done + bytes])?;
            done += bytes;
        }
        Ok(())
    }

    /// The device must have left `data` here.
    pub fn expect(&self, address: Gpa, data: &[u8]) -> Result<(), GuestMemoryError> {
        self.check(address, data.len())?;
        let start = address.0 as usize;
        self.expected.borrow_mut()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    /// Whatever is here is right: an operation ended early.
    pub fn accept(&self, address: Gpa, bytes: usize) -> Result<(), GuestMemoryError> {
        let mut data = vec![0; bytes];
        self.read(address, &mut data)?;
        self.expect(address, &data)
    }

    /// Checks that memory holds what it must.
    pub fn verify(&self, address: Gpa, bytes: usize) -> Result<(), GuestMemoryError> {
        self.check(address, bytes)?;
        let expected = self.expected.borrow();
        let mut found = [0; PAGE_SIZE as usize];
        let mut at = address;
        for (host, bytes) in self.pieces(address, bytes) {
            self.memory().read(host, &mut found[..bytes])?;
            let wanted = &expected[at.0 as usize..][..bytes];
            if found[..bytes] != *wanted {
                return Err(first_difference(at, host, &found, wanted));
            }
            at = at.offset(bytes as u64);
        }
        Ok(())
    }

    /// Checks all of memory, and the pages it was in before.
    pub fn verify_all(&self) -> Result<(), GuestMemoryError> {
        for &page in self.vacated.borrow().iter() {
            self.verify_vacated(page)?;
        }
        let bytes = self.expected.borrow().len();
        self.verify(Gpa(0), bytes)
    }

    /// Waits for a device write to the 64 bytes around `address`. May end without one.
    pub async fn wait_for_write(&self, address: Gpa) -> Result<(), GuestMemoryError> {
        self.check(address, 1)?;
        tokio::select! {
            biased;
            () = self.host.wait_for_write(self.translate(address)) => {}
            () = self.moved.notified() => {}
        }
        Ok(())
    }

    fn memory(&self) -> &Memory {
        self.host.memory()
    }

    fn check(&self, address: Gpa, bytes: usize) -> Result<(), GuestMemoryError> {
        let end = address.0.checked_add(bytes as u64);
        match end.is_some_and(|end| end <= self.size()) {
            true => Ok(()),
            false => Err(GuestMemoryError::Outside { address, bytes }),
        }
    }

    /// Host address of a guest address that was checked.
    fn translate(&self, address: Gpa) -> Hpa {
        let page = self.pages.borrow()[(address.0 / PAGE_SIZE) as usize];
        page.offset(address.0 % PAGE_SIZE)
    }

    /// A checked range in host memory, page by page.
    fn pieces(&self, address: Gpa, bytes: usize) -> impl Iterator<Item = (Hpa, usize)> {
        let end = address.0 + bytes as u64;
        let mut next = address.0;
        std::iter::from_fn(move || {
            let bytes = (PAGE_SIZE - next % PAGE_SIZE).min(end - next);
            let at = (bytes > 0).then(|| self.translate(Gpa(next)))?;
            next += bytes;
            Some((at, bytes as usize))
        })
    }
}

fn page_slices(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(PAGE_SIZE as usize)
}

fn first_difference(address: Gpa, host: Hpa, found: &[u8], wanted: &[u8]) -> GuestMemoryError {
    let at = found
        .iter()
        .zip(wanted)
        .position(|(a, b)| a != b)
        .unwrap_or(0);
    GuestMemoryError::Differs {
        address: address.offset(at as u64),
        host: host.offset(at as u64),
        found: found[at],
        expected: wanted[at],
    }
}

/// Fisher-Yates; the modulo bias does not matter here.
fn shuffle<T>(items: &mut [T], random: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, random.next_u32() as usize % (i + 1));
    }
}

#[cfg(test)]
mod tests;
