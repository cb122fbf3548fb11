// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The IOMMU on tables in memory.

mod caches;
mod lookup;
mod paging;

use super::entry::{ContextEntry, DomainId, Levels, PasidEntry};
use super::paging::PageRights;
use super::tables::{FirstStage, PasidTable, RootTable, SecondStage};
use super::{Access, Blocked, FaultReason, FaultRecord, Iommu, Request, TableMode, Target};
use crate::mem::{Gpa, Hpa, Iova, Memory};
use crate::pcie::tlp::AddressType;
use crate::pcie::{Bdf, Pasid};

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
}

impl Bench {
    fn new() -> Self {
        let memory = Memory::new(64 << 20).unwrap();
        let mut root = RootTable::new(&memory).unwrap();
        let pasids = PasidTable::new(&memory, 0).unwrap();
        root.set_context(SOURCE, pasids.context_entry(RID_PASID))
            .unwrap();
        let mut iommu = Iommu::default();
        iommu.set_root_table(root.address(), TableMode::Scalable);
        iommu.set_enabled(true);
        Self {
            memory,
            iommu,
            root,
            pasids,
        }
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
            Err(Blocked) => Err(self.iommu.faults().pop().unwrap().reason),
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
        at: AddressType::Untranslated,
        address: Iova(address),
        access,
        whole_dword: false,
        zero_length: false,
    }
}
