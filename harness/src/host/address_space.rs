// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Address spaces of guests, as tables for the IOMMU.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::iommu::IommuDriver;
use super::page_request::{Paged, Pager};
use super::{Driver, DriverError};
use crate::iommu::descriptor::{
    Contexts, Descriptor, DeviceInvalidation, Pages, PasidEntries, Translations,
};
use crate::iommu::entry::{DomainId, Levels, PasidEntry};
use crate::iommu::paging::PageRights;
use crate::iommu::tables::{PasidTable, RootTable, SecondStage, TableError};
use crate::mem::{Gpa, Hpa, PAGE_SIZE};
use crate::pcie::{Bdf, Host, Pasid};

/// PASID of requests that carry none. It has no tables: the function itself may not do DMA.
const RID_PASID: Pasid = Pasid::new(0).unwrap();
/// Invalidations that may be pending at the device, unless it says otherwise.
const MAX_PENDING: u8 = 32;

/// Tables of one requester: all ADIs share its ID and differ by PASID.
#[derive(Debug)]
pub(super) struct AddressSpaces {
    requester: Bdf,
    root: RootTable,
    pasids: PasidTable,
    next_domain: u16,
    attached: BTreeMap<Pasid, AddressSpace>,
    /// The device has a cache of translations that must be told of changes.
    device_tlb: bool,
}

impl AddressSpaces {
    /// Blocks all DMA of `requester` but what is attached later.
    pub async fn new(
        host: &Host,
        iommu: &IommuDriver,
        requester: Bdf,
    ) -> Result<Self, DriverError> {
        const SMALLEST_DIRECTORY: u8 = 0; // 8,192 PASIDs
        let memory = host.memory();
        let pasids = PasidTable::new(memory, SMALLEST_DIRECTORY)?;
        let mut root = RootTable::new(memory)?;
        root.set_context(requester, pasids.context_entry(RID_PASID))?;
        iommu.enable_translation(root.address()).await?;
        Ok(Self {
            requester,
            root,
            pasids,
            next_domain: 1,
            attached: BTreeMap::new(),
            device_tlb: false,
        })
    }

    /// The address space of a PASID.
    pub fn attached(&self, pasid: Pasid) -> Option<&AddressSpace> {
        self.attached.get(&pasid)
    }

    /// Allows the requester a translation cache, and page requests if it is to make them. Returns
    /// what is to be invalidated.
    fn allow_device_tlb(&mut self, page_requests: bool) -> Result<[Descriptor; 3], DriverError> {
        let context = self.pasids.context_entry(RID_PASID);
        self.root
            .set_context(self.requester, context.with_device_tlb(page_requests))?;
        self.device_tlb = true;
        let domain = DomainId(0);
        Ok([
            Descriptor::ContextCache(Contexts::Device {
                domain,
                source: self.requester,
                mask: 0,
            }),
            Descriptor::PasidCache(PasidEntries::All),
            Descriptor::Iotlb(Translations::All),
        ])
    }

    /// What makes the device forget pages of a PASID, if it remembers any.
    fn forget(&self, pasid: Pasid, pages: Pages) -> Option<Descriptor> {
        self.device_tlb
            .then_some(Descriptor::DeviceTlb(DeviceInvalidation {
                source: self.requester,
                pasid: Some(pasid),
                global: false,
                pages,
                max_pending: MAX_PENDING,
            }))
    }
}

impl Drop for AddressSpaces {
    fn drop(&mut self) {
        self.root.free();
        self.pasids.free();
    }
}

/// The guest-physical address space of one virtual machine. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    shared: Rc<Shared>,
    pub(super) domain: DomainId,
}

struct Shared {
    tables: RefCell<SecondStage>,
    pager: RefCell<Option<Pager>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tables.get_mut().free();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

impl AddressSpace {
    /// Lets guest-physical `bytes` from `from` on reach host memory from `to` on.
    pub fn map(&mut self, from: Gpa, to: Hpa, bytes: u64) -> Result<(), DriverError> {
        let mut tables = self.shared.tables.borrow_mut();
        tables.map(from.0, to.0, bytes, PageRights::READ_WRITE)?;
        Ok(())
    }

    /// The same, but what is mapped already is left as it is: several page requests may ask for
    /// one page.
    pub(super) fn map_if_absent(&self, from: Gpa, to: Hpa, bytes: u64) -> Result<(), DriverError> {
        match self.clone().map(from, to, bytes) {
            Err(DriverError::Tables(TableError::Mapped { .. })) => Ok(()),
            result => result,
        }
    }

    /// Pages that devices ask for (and whether to write to them) are mapped, or not, as `pager`
    /// says. Without one, all page requests are refused.
    pub fn on_page_request(&self, pager: impl FnMut(Gpa, bool) -> Paged + 'static) {
        self.shared.pager.replace(Some(Box::new(pager)));
    }

    /// Whether there is a pager.
    pub(super) fn answers_page_requests(&self) -> bool {
        self.shared.pager.borrow().is_some()
    }

    /// Asks the pager.
    pub(super) fn page(&self, page: Gpa, write: bool) -> Option<Paged> {
        let mut pager = self.shared.pager.borrow_mut();
        pager.as_mut().map(|pager| pager(page, write))
    }
}

impl Driver {
    /// An empty address space.
    pub fn new_address_space(&self) -> Result<AddressSpace, DriverError> {
        let spaces = &mut *self.address_spaces.borrow_mut();
        let domain = DomainId(spaces.next_domain);
        spaces.next_domain += 1;
        let tables = SecondStage::new(self.host.memory().clone(), Levels::Four)?;
        Ok(AddressSpace {
            shared: Rc::new(Shared {
                tables: RefCell::new(tables),
                pager: RefCell::default(),
            }),
            domain,
        })
    }

    /// Requests with `pasid` go through `space` from now on. A PASID is attached once.
    pub(super) fn attach(&self, pasid: Pasid, space: &AddressSpace) -> Result<(), DriverError> {
        let tables = space.shared.tables.borrow();
        let entry = PasidEntry::second_stage(Hpa(tables.root()), tables.levels(), space.domain);
        let spaces = &mut *self.address_spaces.borrow_mut();
        spaces.pasids.set(pasid, entry)?;
        spaces.attached.insert(pasid, space.clone());
        Ok(())
    }

    /// Requests with `pasid` are blocked from now on.
    pub(super) async fn detach(&self, pasid: Pasid, domain: DomainId) -> Result<(), DriverError> {
        let mut descriptors = vec![
            Descriptor::PasidCache(PasidEntries::One(domain, pasid)),
            Descriptor::Iotlb(Translations::Domain(domain)),
        ];
        {
            let spaces = &mut *self.address_spaces.borrow_mut();
            spaces.pasids.set(pasid, PasidEntry::default())?;
            spaces.attached.remove(&pasid);
            descriptors.extend(spaces.forget(pasid, Pages::ALL));
        }
        self.iommu.invalidate(&descriptors).await
    }

    /// Takes guest-physical `bytes` from `from` on out of `space`. No device reaches them when this
    /// returns.
    pub async fn unmap(
        &self,
        space: &AddressSpace,
        from: Gpa,
        bytes: u64,
    ) -> Result<(), DriverError> {
        space.shared.tables.borrow_mut().unmap(from.0, bytes)?;
        let mut descriptors = Vec::new();
        {
            let spaces = self.address_spaces.borrow();
            let users = || {
                let attached = spaces.attached.iter();
                attached.filter(|(_, other)| other.domain == space.domain)
            };
            for block in blocks(from.0, bytes) {
                descriptors.push(Descriptor::Iotlb(Translations::Pages(space.domain, block)));
                descriptors.extend(users().filter_map(|(&pasid, _)| spaces.forget(pasid, block)));
            }
        }
        self.iommu.invalidate(&descriptors).await
    }

    /// Lets the device translate addresses for itself, and ask for pages if `page_requests`. The
    /// device must be told to do so afterwards.
    pub(super) async fn allow_device_tlb(&self, page_requests: bool) -> Result<(), DriverError> {
        let descriptors = {
            let spaces = &mut *self.address_spaces.borrow_mut();
            spaces.allow_device_tlb(page_requests)?
        };
        self.iommu.invalidate(&descriptors).await
    }
}

/// The largest naturally aligned blocks that a range of whole pages consists of.
fn blocks(from: u64, bytes: u64) -> impl Iterator<Item = Pages> {
    let end = (from + bytes) / PAGE_SIZE;
    let mut page = from / PAGE_SIZE;
    std::iter::from_fn(move || {
        let left = end.checked_sub(page).filter(|&left| left > 0)?;
        let order = page.trailing_zeros().min(left.ilog2());
        let block = Pages {
            address: page * PAGE_SIZE,
            order: order as u8,
        };
        page += 1 << order;
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_cut_into_aligned_blocks() {
        let blocks: Vec<_> = blocks(0x3000, 0x6000)
            .map(|block| (block.address, block.order))
            .collect();

        assert_eq!(blocks, [(0x3000, 0), (0x4000, 2), (0x8000, 0)]);
    }
}
