// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Host physical memory and its page allocator.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use vm_memory::{Bytes, GuestAddress, GuestMemory, GuestMemoryMmap, Permissions};

/// Bytes of a page.
pub const PAGE_SIZE: u64 = 4096;

/// End of the low memory; device registers and interrupt messages follow, up to 4 GiB.
const LOW_END: u64 = 0xc000_0000;
const HIGH_START: u64 = 1 << 32;

macro_rules! address_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The address `bytes` higher.
            pub const fn offset(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address_type! {
    /// Host physical address.
    Hpa
}
address_type! {
    /// Guest physical address.
    Gpa
}
address_type! {
    /// I/O virtual address: what a device puts into an untranslated request.
    Iova
}

/// Host memory could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// No memory at this place.
    #[error("{address}: no host memory for {bytes} bytes")]
    Outside {
        /// Start of the access.
        address: Hpa,
        /// Its length.
        bytes: usize,
    },
    /// The allocator has nothing left.
    #[error("host memory is full: no room for {bytes} bytes")]
    Full {
        /// What was asked for.
        bytes: u64,
    },
    /// The operating system did not give the memory.
    #[error("cannot map {bytes} bytes of host memory: {reason}")]
    Map {
        /// What was asked for.
        bytes: u64,
        /// Its answer.
        reason: String,
    },
}

/// Host physical memory. Clones are handles to the same memory.
#[derive(Clone)]
pub struct Memory {
    ram: GuestMemoryMmap,
    pages: Rc<RefCell<Pages>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

/// What the allocator knows.
#[derive(Debug)]
struct Pages {
    /// Address ranges never allocated so far, lowest first.
    fresh: Vec<(u64, u64)>,
    /// Single pages to be used first, lowest first.
    free: BTreeSet<Hpa>,
    /// Bytes handed out and not given back.
    used: u64,
}

impl Pages {
    /// Takes `bytes` at a multiple of `align` out of what was given back.
    fn take_free(&mut self, bytes: u64, align: u64) -> Option<Hpa> {
        let pages = |start: Hpa| {
            (start.0..start.0 + bytes)
                .step_by(PAGE_SIZE as usize)
                .map(Hpa)
        };
        let fits = |start: &&Hpa| {
            start.0.is_multiple_of(align) && pages(**start).all(|page| self.free.contains(&page))
        };
        let start = *self.free.iter().find(fits)?;
        for page in pages(start) {
            self.free.remove(&page);
        }
        Some(start)
    }
}

impl Memory {
    /// `bytes` of zeroed memory from address 0, with a hole below 4 GiB.
    pub fn new(bytes: u64) -> Result<Self, MemoryError> {
        let bytes = bytes.next_multiple_of(PAGE_SIZE);
        let mut ranges = vec![(0, bytes.min(LOW_END))];
        if bytes > LOW_END {
            ranges.push((HIGH_START, bytes - LOW_END));
        }
        let regions: Vec<_> = ranges
            .iter()
            .map(|&(start, size)| (GuestAddress(start), size as usize))
            .collect();
        let ram = GuestMemoryMmap::from_ranges(&regions).map_err(|e| MemoryError::Map {
            bytes,
            reason: e.to_string(),
        })?;
        // Page 0 stays unused, so that an address of 0 is always a mistake.
        let mut fresh: Vec<_> = ranges
            .iter()
            .map(|&(start, size)| (start, start + size))
            .collect();
        fresh[0].0 = PAGE_SIZE;
        Ok(Self {
            ram,
            pages: Rc::new(RefCell::new(Pages {
                fresh,
                free: BTreeSet::new(),
                used: 0,
            })),
        })
    }

    /// Fills `data` from memory.
    pub fn read(&self, address: Hpa, data: &mut [u8]) -> Result<(), MemoryError> {
        let bytes = data.len();
        self.ram
            .read_slice(data, GuestAddress(address.0))
            .map_err(|_| MemoryError::Outside { address, bytes })
    }

    /// Copies `data` to memory.
    pub fn write(&self, address: Hpa, data: &[u8]) -> Result<(), MemoryError> {
        self.ram
            .write_slice(data, GuestAddress(address.0))
            .map_err(|_| MemoryError::Outside {
                address,
                bytes: data.len(),
            })
    }

    /// A little-endian dword.
    pub fn read_u32(&self, address: Hpa) -> Result<u32, MemoryError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// A little-endian quadword.
    pub fn read_u64(&self, address: Hpa) -> Result<u64, MemoryError> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stores a little-endian dword.
    pub fn write_u32(&self, address: Hpa, value: u32) -> Result<(), MemoryError> {
        self.write(address, &value.to_le_bytes())
    }

    /// Stores a little-endian quadword.
    pub fn write_u64(&self, address: Hpa, value: u64) -> Result<(), MemoryError> {
        self.write(address, &value.to_le_bytes())
    }

    /// Stores `bytes` bytes of `value`.
    pub fn fill(&self, address: Hpa, value: u8, bytes: u64) -> Result<(), MemoryError> {
        let chunk = [value; PAGE_SIZE as usize];
        let mut done = 0;
        while done < bytes {
            let now = (bytes - done).min(PAGE_SIZE);
            self.write(address.offset(done), &chunk[..now as usize])?;
            done += now;
        }
        Ok(())
    }

    /// Whether all of `bytes` from `address` on is memory.
    pub fn contains(&self, address: Hpa, bytes: usize) -> bool {
        self.ram
            .check_range(GuestAddress(address.0), bytes, Permissions::ReadWrite)
    }

    /// A zeroed page.
    pub fn alloc_page(&self) -> Result<Hpa, MemoryError> {
        self.alloc(PAGE_SIZE, PAGE_SIZE)
    }

    /// `bytes` of contiguous zeroed memory, rounded up to pages, at a multiple of `align` (a power
    /// of two, at least a page). Takes what was given back, and goes from low to high addresses, so
    /// equal runs get equal addresses; pages that alignment skips can still be had.
    pub fn alloc(&self, bytes: u64, align: u64) -> Result<Hpa, MemoryError> {
        let bytes = bytes.max(1).next_multiple_of(PAGE_SIZE);
        let align = align.max(PAGE_SIZE);
        let pages = &mut *self.pages.borrow_mut();
        if let Some(start) = pages.take_free(bytes, align) {
            pages.used += bytes;
            self.fill(start, 0, bytes)?;
            return Ok(start);
        }
        for range in &mut pages.fresh {
            let start = range.0.next_multiple_of(align);
            if start.checked_add(bytes).is_some_and(|end| end <= range.1) {
                pages
                    .free
                    .extend((range.0..start).step_by(PAGE_SIZE as usize).map(Hpa));
                range.0 = start + bytes;
                pages.used += bytes;
                return Ok(Hpa(start));
            }
        }
        Err(MemoryError::Full { bytes })
    }

    /// Gives back `bytes` from `address` on, which came from this allocator.
    pub fn free(&self, address: Hpa, bytes: u64) {
        let bytes = bytes.next_multiple_of(PAGE_SIZE);
        let freed = (address.0..address.0 + bytes).step_by(PAGE_SIZE as usize);
        let pages = &mut *self.pages.borrow_mut();
        pages.free.extend(freed.map(Hpa));
        pages.used -= bytes;
    }

    /// Bytes handed out and not given back.
    pub fn used(&self) -> u64 {
        self.pages.borrow().used
    }
}

/// A range cut at page boundaries: address and range of indices of each piece.
pub fn pieces(address: u64, bytes: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = address + done as u64;
        let now = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes - done);
        let piece = done..done + now;
        done += now;
        (now > 0).then_some((at, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_above_3_gib_goes_on_at_4_gib() {
        let memory = Memory::new(LOW_END + PAGE_SIZE).unwrap();
        memory.write_u64(Hpa(HIGH_START), 7).unwrap();
        assert_eq!(memory.read_u64(Hpa(HIGH_START)), Ok(7));
        assert!(memory.contains(Hpa(LOW_END - 8), 8));
        assert!(!memory.contains(Hpa(LOW_END - 8), 16));
    }

    #[test]
    fn access_outside_memory_says_where() {
        let memory = Memory::new(PAGE_SIZE).unwrap();
        let error = MemoryError::Outside {
            address: Hpa(0xffc),
            bytes: 8,
        };
        assert_eq!(memory.read_u64(Hpa(0xffc)), Err(error));
    }

    #[test]
    fn pages_come_in_order_and_never_page_0() {
        let memory = Memory::new(4 * PAGE_SIZE).unwrap();
        let pages: Vec<_> = (0..3).map(|_| memory.alloc_page().unwrap().0).collect();
        assert_eq!(pages, [0x1000, 0x2000, 0x3000]);
        assert_eq!(
            memory.alloc_page(),
            Err(MemoryError::Full { bytes: PAGE_SIZE })
        );
    }

    #[test]
    fn page_given_back_is_used_again_and_zeroed() {
        let memory = Memory::new(4 * PAGE_SIZE).unwrap();
        let page = memory.alloc_page().unwrap();
        memory.write_u64(page, 1).unwrap();
        memory.free(page, PAGE_SIZE);
        assert_eq!(memory.alloc_page(), Ok(page));
        assert_eq!(memory.read_u64(page), Ok(0));
    }

    #[test]
    fn pages_given_back_one_by_one_are_used_again_together() {
        let memory = Memory::new(64 * PAGE_SIZE).unwrap();
        let pages: Vec<_> = (0..4).map(|_| memory.alloc_page().unwrap()).collect();
        for page in &pages {
            memory.free(*page, PAGE_SIZE);
        }

        let used = memory.used();
        let block = memory.alloc(2 * PAGE_SIZE, 2 * PAGE_SIZE);

        assert_eq!(used, 0);
        assert_eq!(block, Ok(pages[1]));
        assert_eq!(memory.used(), 2 * PAGE_SIZE);
    }

    #[test]
    fn pages_that_alignment_skips_are_used_singly() {
        let memory = Memory::new(64 * PAGE_SIZE).unwrap();
        assert_eq!(
            memory.alloc(2 * PAGE_SIZE, 16 * PAGE_SIZE),
            Ok(Hpa(0x1_0000))
        );
        assert_eq!(memory.alloc_page(), Ok(Hpa(0x1000)));
    }
}
