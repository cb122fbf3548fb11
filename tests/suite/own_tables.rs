// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The function without the host driver, behind tables of the IOMMU that the test writes itself:
//! for what the host driver never sets up.

use siov::dsa::{CompletionRecord, Descriptor, Status};
use siov::iommu::descriptor::{Contexts, Descriptor as Invalidation, WIDE};
use siov::iommu::entry::PasidEntry;
use siov::iommu::regs as iommu_regs;
use siov::iommu::tables::{PasidTable, RootTable};
use siov::mem::{Hpa, PAGE_SIZE};
use siov::pcie::Pasid;
use siov::pcie::tlp::PasidPrefix;
use siov_firmware::regs;

use crate::bench::{Bench, Function};

/// What queue 0 works for.
pub const PASID: Pasid = Pasid::new(0x142).unwrap();
/// On its requests.
pub const PREFIX: PasidPrefix = PasidPrefix::new(PASID);
/// Of requests without PASID.
pub const RID_PASID: Pasid = Pasid::new(0xfff).unwrap();

/// WQCFG: the queue works for `PASID`.
const FOR_PASID: u32 =
    regs::SIOV_WQCFG_MODE_PASID_EN_MASK | PASID.raw() << regs::SIOV_WQCFG_MODE_PASID_SHIFT;

pub struct OwnTables {
    pub function: Function,
    root: RootTable,
    pasids: PasidTable,
    /// The invalidation queue, one page.
    queue: Hpa,
}

impl OwnTables {
    /// Translation is on, with tables for `PASID` as its entry says; ATS too, unless `ats` is
    /// false. The device is disabled.
    pub async fn new(bench: &Bench, entry: PasidEntry, ats: bool) -> Self {
        const PASID_CONTROL: u16 = 0x234;
        const ENABLE_WITH_PRIVILEGED: u32 = 0b101 << 16;
        const ATS_CONTROL: u16 = 0x224;
        const ATS_ENABLE: u32 = 1 << 31;
        let function = bench.function().await;
        function
            .set_config(PASID_CONTROL, ENABLE_WITH_PRIVILEGED)
            .await;
        let memory = bench.host.memory();
        let mut own = Self {
            function,
            root: RootTable::new(memory).unwrap(),
            pasids: PasidTable::new(memory, 0).unwrap(),
            queue: memory.alloc_page().unwrap(),
        };
        own.set(PASID, entry);
        own.allow_device_tlb(ats);
        if ats {
            own.function.set_config(ATS_CONTROL, ATS_ENABLE).await;
        }
        let host = &bench.host;
        host.iommu_write64(iommu_regs::IQA, own.queue.0 | iommu_regs::IQA_WIDE);
        host.iommu_write32(iommu_regs::GCMD, iommu_regs::QIE);
        own.set_root();
        own
    }

    /// Points the IOMMU at the root table; it forgets what it has seen of any table.
    fn set_root(&self) {
        let host = &self.function.host;
        let root = self.root.address().0 | iommu_regs::TTM_SCALABLE;
        host.iommu_write64(iommu_regs::RTADDR, root);
        let lasting = iommu_regs::QIE;
        host.iommu_write32(iommu_regs::GCMD, lasting | iommu_regs::SRTP);
        host.iommu_write32(iommu_regs::GCMD, lasting | iommu_regs::TE);
    }

    /// Writes the entry of a PASID that has not been used yet.
    pub fn set(&mut self, pasid: Pasid, entry: PasidEntry) {
        self.pasids.set(pasid, entry).unwrap();
    }

    /// Lets the function translate for itself, or blocks it.
    pub fn allow_device_tlb(&mut self, allow: bool) {
        let plain = self.pasids.context_entry(RID_PASID);
        let context = match allow {
            true => plain.with_device_tlb(false),
            false => plain,
        };
        let bdf = self.function.info.bdf;
        self.root.set_context(bdf, context).unwrap();
    }

    /// Makes the IOMMU forget contexts it has seen.
    pub fn forget_contexts(&self) {
        let host = &self.function.host;
        let words = Invalidation::ContextCache(Contexts::All).encode();
        let bytes: Vec<_> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        host.memory().write(self.queue, &bytes).unwrap();
        host.iommu_write64(iommu_regs::IQT, WIDE);
    }

    /// Enables the device with queue 0, with the further bits of `mode`.
    pub async fn start(&self, mode: u32) {
        assert_eq!(self.function.start_wq0(FOR_PASID | mode).await, 0);
    }

    pub fn submit(&self, descriptor: &Descriptor) {
        let bytes = zerocopy::transmute!(*descriptor);
        let portal = self.function.bar2();
        self.function.host.write_portal(portal, &bytes).unwrap();
    }

    /// Waits for the completion record at `hpa`.
    pub async fn ended(&self, hpa: Hpa) -> CompletionRecord {
        loop {
            let mut bytes = [0; CompletionRecord::SIZE];
            self.function.host.memory().read(hpa, &mut bytes).unwrap();
            let record = CompletionRecord::from_bytes(&bytes).unwrap();
            if record.status() != Status::NONE {
                return record;
            }
            self.function.host.wait_for_write(hpa).await;
        }
    }
}

/// Three pages of host memory that the queue's addresses from `iova` on lead to: a source, a
/// destination, and a page with the completion record.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub iova: u64,
    pub hpa: Hpa,
}

impl Window {
    pub const BYTES: u64 = 3 * PAGE_SIZE;

    /// A page moved from source to destination.
    pub fn copy(&self) -> Descriptor {
        let [src, dst, record] = [0, 1, 2].map(|page| self.iova + page * PAGE_SIZE);
        Descriptor::memory_move(src, dst, PAGE_SIZE as u32).with_completion(record)
    }

    pub fn source(&self) -> Hpa {
        self.hpa
    }

    pub fn destination(&self) -> Hpa {
        self.hpa.offset(PAGE_SIZE)
    }

    pub fn record(&self) -> Hpa {
        self.hpa.offset(2 * PAGE_SIZE)
    }

    /// Runs [`Self::copy`].
    pub async fn run_copy(&self, own: &OwnTables) -> CompletionRecord {
        let memory = own.function.host.memory();
        memory
            .write(self.record(), &[0; CompletionRecord::SIZE])
            .unwrap();
        own.submit(&self.copy());
        own.ended(self.record()).await
    }

    /// What is in the destination.
    pub fn result(&self, own: &OwnTables) -> Vec<u8> {
        let mut data = vec![0; PAGE_SIZE as usize];
        let memory = own.function.host.memory();
        memory.read(self.destination(), &mut data).unwrap();
        data
    }
}
