// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Invalidation of the caches, by the granularities of VT-d 6.5.2.

use super::Iommu;
use super::descriptor::{Contexts, Pages, PasidEntries, Translations};
use super::entry::{DomainId, TranslationType};
use crate::pcie::Pasid;

impl Iommu {
    /// Drops context entries.
    pub(super) fn invalidate_contexts(&mut self, which: Contexts) {
        let (source, ignored) = match which {
            Contexts::All | Contexts::Domain(_) => return self.contexts.invalidate(|_, _| true),
            Contexts::Device { source, mask, .. } => {
                (source, [0, 0b100, 0b110, 0b111][mask as usize & 3])
            }
        };
        self.contexts
            .invalidate(|key, _| (key.raw() ^ source.raw()) & !ignored == 0);
    }

    /// Drops PASID table entries.
    pub(super) fn invalidate_pasids(&mut self, which: PasidEntries) {
        self.pasids.invalidate(|(_, p), (entry, _)| match which {
            PasidEntries::All => true,
            PasidEntries::Domain(domain) => entry.domain() == domain,
            PasidEntries::One(domain, pasid) => p == pasid && entry.domain() == domain,
        });
    }

    /// Drops translations. Pages are input pages of second-stage and pass-through translations;
    /// translations that use a first stage go whatever their address.
    pub(super) fn invalidate_iotlb(&mut self, which: Translations) {
        self.iotlb.invalidate(|block, t| match which {
            Translations::All => true,
            Translations::Domain(domain) => t.domain == domain,
            Translations::Pages(domain, pages) => {
                t.domain == domain && (uses_first_stage(t.kind) || block.overlap(pages))
            }
        });
    }

    /// Drops one PASID's translations: all, or its first-stage and nested ones of some pages.
    pub(super) fn invalidate_iotlb_pasid(
        &mut self,
        domain: DomainId,
        pasid: Pasid,
        pages: Option<Pages>,
    ) {
        self.iotlb.invalidate(|block, t| {
            let hit = |pages| uses_first_stage(t.kind) && block.overlap(pages);
            t.domain == domain && t.pasid == pasid && pages.is_none_or(hit)
        });
    }
}

fn uses_first_stage(kind: TranslationType) -> bool {
    matches!(kind, TranslationType::FirstStage | TranslationType::Nested)
}
