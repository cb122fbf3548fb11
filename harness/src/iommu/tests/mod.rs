// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The IOMMU on tables in memory.

mod ats;
mod caches;
mod flags;
mod interrupts;
mod lookup;
mod page_requests;
mod paging;
mod queue;
mod registers;

use super::descriptor::{Contexts, Descriptor, Pages, PasidEntries, Translations, WIDE};
use super::entry::{ContextEntry, DomainId, Levels, PasidEntry};
use super::paging::PageRights;
use super::tables::{FirstStage, PasidTable, RootTable, SecondStage};
use super::{
    Access, Blocked, Effect, FaultAccess, FaultReason, FaultRecord, Iommu, Request, Target, regs,
};
use crate::endpoint::Cycle;
use crate::mem::{Gpa, Hpa, Iova, Memory};
use crate::pcie::tlp::AddressType;
use crate::pcie::{Bdf, Pasid};

const ROOT: Bdf = Bdf::new(0, 0, 0);
const TIMEOUT: u64 = 1000;
const NOW: Cycle = Cycle(100);
const SOURCE: Bdf = Bdf::new(1, 0, 0);
const RID_PASID: Pasid = Pasid::from_field(0xfff);
const PASID: Pasid = Pasid::from_field(0x142);
const DOMAIN: DomainId = DomainId(7);

/// Memory with an enabled IOMMU whose tables know `SOURCE` and nothing else.
struct Bench {
    memory: Memory,
    iommu: Iommu,
    root: RootTable,
    pasids: PasidTable,
    /// The invalidation queue, one page.
    queue: Hpa,
    tail: u64,
}

impl Bench {
    fn new() -> Self {
        let memory = Memory::new(64 << 20).unwrap();
        let mut root = RootTable::new(&memory).unwrap();
        let pasids = PasidTable::new(&memory, 0).unwrap();
        root.set_context(SOURCE, pasids.context_entry(RID_PASID))
            .unwrap();
        let queue = memory.alloc_page().unwrap();
        let mut bench = Self {
            memory,
            queue,
            tail: 0,
            iommu: Iommu::new(ROOT, TIMEOUT),
            root,
            pasids,
        };
        bench.write64(regs::IQA, queue.0 | regs::IQA_WIDE);
        bench.command(regs::QIE);
        bench.set_mode(regs::TTM_SCALABLE);
        bench.command(regs::TE);
        bench
    }

    /// Points RTADDR at the root table.
    fn set_mode(&mut self, mode: u64) {
        self.write64(regs::RTADDR, self.root.address().0 | mode);
        self.command(regs::SRTP);
    }

    fn write32(&mut self, offset: u32, value: u32) {
        self.iommu.write32(&self.memory, NOW, offset, value);
    }

    fn write64(&mut self, offset: u32, value: u64) {
        self.iommu.write64(&self.memory, NOW, offset, value);
    }

    /// Gives a command of GCMD, or turns a lasting one off.
    fn command(&mut self, bit: u32) {
        let lasting = regs::TE | regs::QIE | regs::IRE | regs::CFI;
        let status = self.iommu.read32(regs::GSTS) & lasting;
        self.write32(regs::GCMD, status ^ bit);
    }

    /// Puts the quadwords of a descriptor into the queue, and moves the tail.
    fn submit_raw(&mut self, words: [u64; 4]) {
        let at = self.queue.offset(self.tail);
        self.memory
            .write(at, bytemuck::cast_slice(&words.map(u64::to_le)))
            .unwrap();
        self.tail = (self.tail + WIDE) % 4096;
        self.write64(regs::IQT, self.tail);
    }

    fn submit(&mut self, descriptor: Descriptor) {
        self.submit_raw(descriptor.encode());
    }

    /// Takes the oldest fault record.
    fn pop_fault(&mut self) -> Option<FaultRecord> {
        let first = self.iommu.read32(regs::FSTS) >> regs::FRI_SHIFT & 0xff;
        let records = regs::FAULT_RECORDS as u32;
        for i in 0..records {
            let at = regs::FRCD + (first + i) % records * 16;
            let raw = [at, at + 8].map(|offset| self.iommu.read64(offset));
            if let Some(record) = FaultRecord::from_raw(raw) {
                self.write32(at + 12, 1 << 31);
                return Some(record);
            }
        }
        None
    }

    fn set(&mut self, pasid: Pasid, entry: PasidEntry) {
        self.pasids.set(pasid, entry).unwrap();
    }

    /// Address of the context entry of `SOURCE`.
    fn context_address(&self) -> Hpa {
        let half = self.root.address().offset(u64::from(SOURCE.bus()) * 16);
        Hpa(self.memory.read_u64(half).unwrap() & !0xfff)
    }

    /// Address of the directory entry of `PASID`.
    fn directory_entry_address(&self) -> Hpa {
        let directory = self.memory.read_u64(self.context_address()).unwrap() & !0xfff;
        Hpa(directory + u64::from(PASID.raw() >> 6) * 8)
    }

    fn route(&mut self, request: Request) -> Result<Target, Blocked> {
        self.iommu.route(&self.memory, &request)
    }

    /// Where a request of `PASID` gets.
    fn reach(&mut self, access: Access, address: u64) -> Result<u64, FaultReason> {
        self.reason_of(request(access, address))
    }

    /// Where a request gets, or the reason logged.
    fn reason_of(&mut self, request: Request) -> Result<u64, FaultReason> {
        match self.route(request) {
            Ok(Target::Memory(address)) => Ok(address.0),
            Ok(other) => panic!("{other:?}"),
            Err(Blocked) => Err(self.pop_fault().unwrap().reason),
        }
    }

    fn read(&mut self, address: u64) -> Result<u64, FaultReason> {
        self.reach(Access::Read, address)
    }

    fn write(&mut self, address: u64) -> Result<u64, FaultReason> {
        self.reach(Access::Write, address)
    }
}

fn request(access: Access, address: u64) -> Request {
    Request {
        source: SOURCE,
        pasid: Some(PASID),
        privileged: false,
        execute: false,
        at: AddressType::Untranslated,
        address: Iova(address),
        access,
        whole_dword: false,
        zero_length: false,
    }
}
