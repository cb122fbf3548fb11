// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Writes the tables that the IOMMU walks: what an IOMMU driver does. Invalidation of what was
//! changed or removed is the caller's.

use super::entry::{ContextEntry, DirectoryEntry, HAW, Levels, PasidEntry, RootHalf};
use super::paging::{FirstStageEntry, PageEntry, PageRights, SecondStageEntry, index, span};
use crate::mem::{Hpa, Memory, MemoryError, PAGE_SIZE};
use crate::pcie::{Bdf, Pasid};

/// Tables could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Host memory is full, or a table points out of it.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Address or length is not a multiple of the page size.
    #[error("mapping of {bytes:#x} bytes from {from:#x} to {to:#x} is not page-aligned")]
    Unaligned {
        /// Input address.
        from: u64,
        /// Output address.
        to: u64,
        /// Length.
        bytes: u64,
    },
    /// The range is beyond the table's input address width.
    #[error("{bytes:#x} bytes at {from:#x} are beyond a table of {bits} address bits")]
    TooHigh {
        /// Input address.
        from: u64,
        /// Length.
        bytes: u64,
        /// Input address width.
        bits: u32,
    },
    /// The range maps to addresses that a table entry has no room for.
    #[error("{bytes:#x} bytes at {to:#x} are beyond {HAW} host address bits")]
    OutputTooHigh {
        /// Output address.
        to: u64,
        /// Length.
        bytes: u64,
    },
    /// There is a mapping already.
    #[error("{from:#x} is already mapped")]
    Mapped {
        /// Input address.
        from: u64,
    },
    /// Part of a large page was to be unmapped.
    #[error("{from:#x} is inside a page of {page_bytes:#x} bytes that cannot be unmapped in part")]
    LargePage {
        /// Input address.
        from: u64,
        /// Bytes of the page.
        page_bytes: u64,
    },
    /// The PASID is beyond the directory.
    #[error("PASID {pasid} is beyond a directory for {limit:#x} PASIDs")]
    PasidTooLarge {
        /// The PASID.
        pasid: Pasid,
        /// The first that does not fit.
        limit: u32,
    },
}

/// Root table with its context tables.
#[derive(Debug)]
pub struct RootTable {
    memory: Memory,
    address: Hpa,
    contexts: Vec<Hpa>,
}

impl RootTable {
    /// An empty table.
    pub fn new(memory: &Memory) -> Result<Self, TableError> {
        Ok(Self {
            memory: memory.clone(),
            address: memory.alloc_page()?,
            contexts: Vec::new(),
        })
    }

    /// Gives the memory back. Nobody may walk the tables any more.
    pub fn free(&mut self) {
        self.memory.free(self.address, PAGE_SIZE);
        free_pages(&self.memory, &mut self.contexts);
    }

    /// For [`super::Iommu::set_root_table`].
    pub fn address(&self) -> Hpa {
        self.address
    }

    /// Writes the context entry of a requester; a default entry removes it.
    pub fn set_context(&mut self, source: Bdf, entry: ContextEntry) -> Result<(), TableError> {
        let devfn = u64::from(source.devfn());
        let half = u64::from(source.bus()) * RootHalf::ENTRY_SIZE + (devfn >> 7) * 8;
        let at = self.address.offset(half);
        let mut root = RootHalf(self.memory.read_u64(at)?);
        if !root.present() {
            root = RootHalf::new(self.memory.alloc_page()?);
            self.contexts.push(root.table());
            self.memory.write_u64(at, root.0)?;
        }
        store(
            &self.memory,
            root.table()
                .offset((devfn & 0x7f) * ContextEntry::ENTRY_SIZE),
            &entry.0,
        )
    }
}

/// PASID directory with its tables.
#[derive(Debug)]
pub struct PasidTable {
    memory: Memory,
    directory: Hpa,
    pdts: u8,
    tables: Vec<Hpa>,
}

impl PasidTable {
    /// An empty directory of 2^(`pdts` + 7) entries, that is 2^(`pdts` + 13) PASIDs; `pdts` is 0..=7.
    pub fn new(memory: &Memory, pdts: u8) -> Result<Self, TableError> {
        let pdts = pdts & 7;
        Ok(Self {
            memory: memory.clone(),
            directory: memory.alloc(directory_bytes(pdts), PAGE_SIZE)?,
            pdts,
            tables: Vec::new(),
        })
    }

    /// Gives the memory back. Nobody may walk the tables any more.
    pub fn free(&mut self) {
        self.memory.free(self.directory, directory_bytes(self.pdts));
        free_pages(&self.memory, &mut self.tables);
    }

    /// The context entry that points here.
    pub fn context_entry(&self, rid_pasid: Pasid) -> ContextEntry {
        ContextEntry::new(self.directory, self.pdts, rid_pasid)
    }

    /// Writes a PASID's entry; a default entry removes it.
    pub fn set(&mut self, pasid: Pasid, entry: PasidEntry) -> Result<(), TableError> {
        let limit = 1 << (self.pdts + 13);
        if pasid.raw() >= limit {
            return Err(TableError::PasidTooLarge { pasid, limit });
        }
        let raw = u64::from(pasid.raw());
        let at = self
            .directory
            .offset((raw >> 6) * DirectoryEntry::ENTRY_SIZE);
        let mut directory = DirectoryEntry(self.memory.read_u64(at)?);
        if !directory.present() {
            directory = DirectoryEntry::new(self.memory.alloc_page()?);
            self.tables.push(directory.table());
            self.memory.write_u64(at, directory.0)?;
        }
        let at = directory
            .table()
            .offset((raw & 0x3f) * PasidEntry::ENTRY_SIZE);
        store(&self.memory, at, &entry.0)
    }
}

fn directory_bytes(pdts: u8) -> u64 {
    DirectoryEntry::ENTRY_SIZE << (pdts + 7)
}

fn free_pages(memory: &Memory, pages: &mut Vec<Hpa>) {
    pages
        .drain(..)
        .for_each(|page| memory.free(page, PAGE_SIZE));
}

/// Stores an entry with its first quadword, which holds P, last.
fn store(memory: &Memory, at: Hpa, words: &[u64]) -> Result<(), TableError> {
    for (i, &word) in words.iter().enumerate().rev() {
        memory.write_u64(at.offset(i as u64 * 8), word)?;
    }
    Ok(())
}

/// Memory that page tables are written to: host memory or, for first-stage tables of a guest, its
/// guest-physical memory. Addresses are those that the tables hold.
pub trait TableMemory {
    /// A zeroed page for a table.
    fn alloc_table(&mut self) -> Result<u64, MemoryError>;

    /// Gives a table back, if this memory is ever given back.
    fn free_table(&mut self, _address: u64) {}

    /// Reads an entry.
    fn load(&self, address: u64) -> Result<u64, MemoryError>;

    /// Writes an entry.
    fn store(&mut self, address: u64, entry: u64) -> Result<(), MemoryError>;
}

impl TableMemory for Memory {
    fn alloc_table(&mut self) -> Result<u64, MemoryError> {
        self.alloc_page().map(|page| page.0)
    }

    fn free_table(&mut self, address: u64) {
        self.free(Hpa(address), PAGE_SIZE);
    }

    fn load(&self, address: u64) -> Result<u64, MemoryError> {
        self.read_u64(Hpa(address))
    }

    fn store(&mut self, address: u64, entry: u64) -> Result<(), MemoryError> {
        self.write_u64(Hpa(address), entry)
    }
}

/// First-stage page tables.
pub type FirstStage<M = Memory> = PageTable<M, FirstStageEntry>;
/// Second-stage page tables.
pub type SecondStage<M = Memory> = PageTable<M, SecondStageEntry>;

/// Page tables of one stage.
#[derive(Debug)]
pub struct PageTable<M, E> {
    memory: M,
    root: u64,
    levels: Levels,
    /// All tables but the root.
    tables: Vec<u64>,
    entry: std::marker::PhantomData<E>,
}

impl<M: TableMemory, E: PageEntry> PageTable<M, E> {
    /// Empty tables.
    pub fn new(mut memory: M, levels: Levels) -> Result<Self, TableError> {
        let root = memory.alloc_table()?;
        Ok(Self {
            memory,
            root,
            levels,
            tables: Vec::new(),
            entry: std::marker::PhantomData,
        })
    }

    /// Gives the memory of the tables back. Nobody may walk them any more.
    pub fn free(&mut self) {
        let root = std::iter::once(self.root);
        for table in self.tables.drain(..).chain(root) {
            self.memory.free_table(table);
        }
    }

    /// Address of the root table, in the memory the tables are in.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Levels of the tables.
    pub fn levels(&self) -> Levels {
        self.levels
    }

    /// Maps `bytes` from `from` on to `to` on, with the largest pages that both are aligned to: 1 GiB,
    /// 2 MiB, or 4 KiB.
    pub fn map(
        &mut self,
        from: u64,
        to: u64,
        bytes: u64,
        rights: PageRights,
    ) -> Result<(), TableError> {
        self.check(from, to, bytes)?;
        let mut done = 0;
        while done < bytes {
            let (input, output) = (from + done, to + done);
            let fits = |level: &u32| {
                (input | output).is_multiple_of(span(*level)) && bytes - done >= span(*level)
            };
            let level = [3, 2].into_iter().find(fits).unwrap_or(1);
            let at = self.entry_address(input, level)?;
            if E::from_raw(self.memory.load(at)?).present() {
                return Err(TableError::Mapped { from: input });
            }
            self.memory
                .store(at, E::page(output, level, rights).raw())?;
            done += span(level);
        }
        Ok(())
    }

    /// Removes the mappings of `bytes` from `from` on; what is not mapped stays so. Tables are kept.
    pub fn unmap(&mut self, from: u64, bytes: u64) -> Result<(), TableError> {
        self.check(from, 0, bytes)?;
        let end = from + bytes;
        let mut address = from;
        while address < end {
            let (at, level) = self.deepest(address)?;
            let page_bytes = span(level);
            if E::from_raw(self.memory.load(at)?).present() {
                if !address.is_multiple_of(page_bytes) || end - address < page_bytes {
                    return Err(TableError::LargePage {
                        from: address,
                        page_bytes,
                    });
                }
                self.memory.store(at, 0)?;
            }
            address = (address | (page_bytes - 1)) + 1;
        }
        Ok(())
    }

    fn check(&self, from: u64, to: u64, bytes: u64) -> Result<(), TableError> {
        if !(from | to | bytes).is_multiple_of(PAGE_SIZE) {
            return Err(TableError::Unaligned { from, to, bytes });
        }
        if to.checked_add(bytes).is_none_or(|end| end > 1 << HAW) {
            return Err(TableError::OutputTooHigh { to, bytes });
        }
        let bits = self.levels.address_bits();
        match from.checked_add(bytes) {
            Some(end) if end <= 1 << bits => Ok(()),
            _ => Err(TableError::TooHigh { from, bytes, bits }),
        }
    }

    /// Where the entry of `level` for `address` is; makes the tables on the way.
    fn entry_address(&mut self, address: u64, level: u32) -> Result<u64, TableError> {
        let mut table = self.root;
        for l in (level + 1..=self.levels as u32).rev() {
            let at = table + index(address, l) * 8;
            let mut entry = E::from_raw(self.memory.load(at)?);
            if !entry.present() {
                entry = E::table(self.memory.alloc_table()?);
                self.tables.push(entry.table_address());
                self.memory.store(at, entry.raw())?;
            } else if entry.is_page(l) {
                return Err(TableError::Mapped { from: address });
            }
            table = entry.table_address();
        }
        Ok(table + index(address, level) * 8)
    }

    /// The entry where the walk of `address` ends, and its level.
    fn deepest(&self, address: u64) -> Result<(u64, u32), TableError> {
        let mut table = self.root;
        let mut level = self.levels as u32;
        loop {
            let at = table + index(address, level) * 8;
            let entry = E::from_raw(self.memory.load(at)?);
            if !entry.present() || entry.is_page(level) {
                return Ok((at, level));
            }
            table = entry.table_address();
            level -= 1;
        }
    }
}
