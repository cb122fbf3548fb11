// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Address spaces of guests, as tables for the IOMMU.

use super::{Driver, DriverError};
use crate::iommu::TableMode;
use crate::iommu::entry::{DomainId, Levels, PasidEntry};
use crate::iommu::paging::PageRights;
use crate::iommu::tables::{PasidTable, RootTable, SecondStage};
use crate::mem::{Gpa, Hpa};
use crate::pcie::{Bdf, Host, Pasid};

/// PASID of requests that carry none. It has no tables: the function itself may not do DMA.
const RID_PASID: Pasid = Pasid::new(0).unwrap();

/// Tables of one requester: all ADIs share its ID and differ by PASID.
#[derive(Debug)]
pub(super) struct AddressSpaces {
    pasids: PasidTable,
    next_domain: u16,
}

impl AddressSpaces {
    /// Blocks all DMA of `requester` but what is attached later.
    pub fn new(host: &Host, requester: Bdf) -> Result<Self, DriverError> {
        const SMALLEST_DIRECTORY: u8 = 0; // 8,192 PASIDs
        let memory = host.memory();
        let pasids = PasidTable::new(memory, SMALLEST_DIRECTORY)?;
        let mut root = RootTable::new(memory)?;
        root.set_context(requester, pasids.context_entry(RID_PASID))?;
        host.iommu(|iommu| {
            iommu.set_root_table(root.address(), TableMode::Scalable);
            iommu.set_enabled(true);
        });
        Ok(Self {
            pasids,
            next_domain: 1,
        })
    }
}

/// The guest-physical address space of one virtual machine.
#[derive(Debug)]
pub struct AddressSpace {
    tables: SecondStage,
    pub(super) domain: DomainId,
}

impl AddressSpace {
    /// Lets guest-physical `bytes` from `from` on reach host memory from `to` on.
    pub fn map(&mut self, from: Gpa, to: Hpa, bytes: u64) -> Result<(), DriverError> {
        self.tables
            .map(from.0, to.0, bytes, PageRights::READ_WRITE)?;
        Ok(())
    }
}

impl Driver {
    /// An empty address space.
    pub fn new_address_space(&self) -> Result<AddressSpace, DriverError> {
        let spaces = &mut *self.address_spaces.borrow_mut();
        let domain = DomainId(spaces.next_domain);
        spaces.next_domain += 1;
        Ok(AddressSpace {
            tables: SecondStage::new(self.host.memory().clone(), Levels::Four)?,
            domain,
        })
    }

    /// Requests with `pasid` go through `space` from now on. A PASID is attached once.
    pub(super) fn attach(&self, pasid: Pasid, space: &AddressSpace) -> Result<(), DriverError> {
        let tables = &space.tables;
        let entry = PasidEntry::second_stage(Hpa(tables.root()), tables.levels(), space.domain);
        self.address_spaces.borrow_mut().pasids.set(pasid, entry)?;
        Ok(())
    }

    /// Requests with `pasid` are blocked from now on.
    pub(super) fn detach(&self, pasid: Pasid, domain: DomainId) -> Result<(), DriverError> {
        self.address_spaces
            .borrow_mut()
            .pasids
            .set(pasid, PasidEntry::default())?;
        self.host.iommu(|iommu| {
            iommu.invalidate_pasid(domain, pasid);
            iommu.invalidate_iotlb_domain(domain);
        });
        Ok(())
    }
}
