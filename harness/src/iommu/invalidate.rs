// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Invalidation of the caches, by the granularities of VT-d 6.5.2.

use super::Iommu;
use super::entry::{DomainId, TranslationType};
use crate::pcie::{Bdf, Pasid};

impl Iommu {
    /// Drops all context entries.
    pub fn invalidate_contexts(&mut self) {
        self.contexts.invalidate(|_, _| true);
    }

    /// Drops the context entry of one requester.
    pub fn invalidate_context(&mut self, source: Bdf) {
        self.contexts.invalidate(|key, _| key == source);
    }

    /// Drops all PASID table entries.
    pub fn invalidate_pasids(&mut self) {
        self.pasids.invalidate(|_, _| true);
    }

    /// Drops the PASID table entries of a domain.
    pub fn invalidate_pasids_of_domain(&mut self, domain: DomainId) {
        self.pasids
            .invalidate(|_, (entry, _)| entry.domain() == domain);
    }

    /// Drops one PASID's entries, as far as they name this domain.
    pub fn invalidate_pasid(&mut self, domain: DomainId, pasid: Pasid) {
        self.pasids
            .invalidate(|(_, p), (entry, _)| p == pasid && entry.domain() == domain);
    }

    /// Drops all translations.
    pub fn invalidate_iotlb(&mut self) {
        self.iotlb.invalidate(|_, _| true);
    }

    /// Drops the translations of a domain.
    pub fn invalidate_iotlb_domain(&mut self, domain: DomainId) {
        self.iotlb.invalidate(|_, t| t.domain == domain);
    }

    /// Drops a domain's translations of 2^`order` pages: input pages of second-stage and
    /// pass-through translations; translations that use a first stage go whatever their address.
    pub fn invalidate_iotlb_pages(&mut self, domain: DomainId, address: u64, order: u8) {
        self.iotlb.invalidate(|page, t| {
            let by_address = matches!(
                t.kind,
                TranslationType::SecondStage | TranslationType::PassThrough
            );
            t.domain == domain && (!by_address || same_block(page, address, order))
        });
    }

    /// Drops all translations of one PASID in a domain.
    pub fn invalidate_iotlb_pasid(&mut self, domain: DomainId, pasid: Pasid) {
        self.iotlb
            .invalidate(|_, t| t.domain == domain && t.pasid == pasid);
    }

    /// Drops one PASID's first-stage and nested translations of 2^`order` pages.
    pub fn invalidate_iotlb_pasid_pages(
        &mut self,
        domain: DomainId,
        pasid: Pasid,
        address: u64,
        order: u8,
    ) {
        self.iotlb.invalidate(|page, t| {
            let first = matches!(
                t.kind,
                TranslationType::FirstStage | TranslationType::Nested
            );
            first && t.domain == domain && t.pasid == pasid && same_block(page, address, order)
        });
    }
}

/// Whether two addresses are in the same naturally aligned block of 2^`order` pages.
fn same_block(a: u64, b: u64, order: u8) -> bool {
    (a ^ b).checked_shr(12 + u32::from(order)).unwrap_or(0) == 0
}
