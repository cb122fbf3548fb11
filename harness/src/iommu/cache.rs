// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The IOMMU's caches. Nothing here is dropped but by invalidation or by another entry in its
//! place, so software that forgets an invalidation sees stale translations, as on hardware.

use super::Request;
use super::descriptor::Pages;
use super::entry::{ContextEntry, DomainId, PasidEntry, TranslationType};
use crate::mem::{Hpa, PAGE_SIZE};
use crate::pcie::{Bdf, Pasid};

/// Who asks: with the page number, the tag of a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub source: Bdf,
    /// The PASID translated by: the request's, or RID_PASID.
    pub pasid: Option<Pasid>,
    pub privileged: bool,
}

impl Stream {
    pub const fn of(request: &Request) -> Self {
        Self {
            source: request.source,
            pasid: request.pasid,
            privileged: request.privileged,
        }
    }

    /// The stream as one number, never 0.
    const fn key(self) -> u64 {
        let pasid = match self.pasid {
            Some(pasid) => pasid.raw() as u64,
            None => 1 << 20,
        };
        1 << 63 | (self.privileged as u64) << 40 | (self.source.raw() as u64) << 21 | pasid
    }
}

/// A 4 KiB translation; larger pages take one entry for each 4 KiB used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Translation {
    /// The host page.
    pub page: Hpa,
    pub read: bool,
    /// A write needs nothing more: it is allowed, and dirty flags are set.
    pub write: bool,
    /// Writes are allowed.
    pub writable: bool,
    /// The page that the tables map is of 2^`order` times 4 KiB.
    pub order: u8,
    /// The page is to be snooped (SNP or PGSNP).
    pub snoop: bool,
    /// Tag for invalidation.
    pub domain: DomainId,
    /// Tag for invalidation: the PASID translated by.
    pub pasid: Pasid,
    /// Tag for invalidation.
    pub kind: TranslationType,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// `Stream::key`, 0 if the line is empty.
    key: u64,
    /// Input page number.
    page: u64,
    translation: Translation,
}

const EMPTY: Line = Line {
    key: 0,
    page: 0,
    translation: Translation {
        page: Hpa(0),
        read: false,
        write: false,
        writable: false,
        order: 0,
        snoop: false,
        domain: DomainId(0),
        pasid: Pasid::MAX,
        kind: TranslationType::PassThrough,
    },
};

/// Translation cache, direct-mapped.
#[derive(Debug)]
pub(super) struct Iotlb {
    lines: Vec<Line>,
}

impl Iotlb {
    /// `lines` is rounded up to a power of two.
    pub fn new(lines: usize) -> Self {
        Self {
            lines: vec![EMPTY; lines.next_power_of_two()],
        }
    }

    fn index(&self, key: u64, page: u64) -> usize {
        // Neighbouring pages of one stream take neighbouring lines; streams are spread.
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        page.wrapping_add(spread) as usize & (self.lines.len() - 1)
    }

    pub fn get(&self, stream: Stream, address: u64) -> Option<&Translation> {
        let (key, page) = (stream.key(), address / PAGE_SIZE);
        let line = &self.lines[self.index(key, page)];
        (line.key == key && line.page == page).then_some(&line.translation)
    }

    pub fn insert(&mut self, stream: Stream, address: u64, translation: Translation) {
        let (key, page) = (stream.key(), address / PAGE_SIZE);
        let index = self.index(key, page);
        self.lines[index] = Line {
            key,
            page,
            translation,
        };
    }

    /// Drops every translation for which `hit` is true; it is given the input addresses of the
    /// page that the tables map.
    pub fn invalidate(&mut self, hit: impl Fn(Pages, &Translation) -> bool) {
        for line in &mut self.lines {
            let block = Pages {
                address: line.page * PAGE_SIZE,
                order: line.translation.order,
            };
            if line.key != 0 && hit(block, &line.translation) {
                line.key = 0;
            }
        }
    }
}

/// A small direct-mapped cache of table entries.
#[derive(Debug)]
pub(super) struct EntryCache<K, V> {
    lines: Vec<Option<(K, V)>>,
}

/// Context entries by requester.
pub(super) type ContextCache = EntryCache<Bdf, ContextEntry>;
/// PASID table entries by requester and PASID; `true` if FPD was set on the way to the entry.
pub(super) type PasidCache = EntryCache<(Bdf, Pasid), (PasidEntry, bool)>;

impl<K: Copy + PartialEq, V: Copy> EntryCache<K, V> {
    pub fn new(lines: usize) -> Self {
        Self {
            lines: vec![None; lines.next_power_of_two()],
        }
    }

    fn index(&self, hash: usize) -> usize {
        hash & (self.lines.len() - 1)
    }

    pub fn get(&self, hash: usize, key: K) -> Option<V> {
        match self.lines[self.index(hash)] {
            Some((k, value)) if k == key => Some(value),
            _ => None,
        }
    }

    pub fn insert(&mut self, hash: usize, key: K, value: V) {
        let index = self.index(hash);
        self.lines[index] = Some((key, value));
    }

    /// Drops every entry for which `hit` is true.
    pub fn invalidate(&mut self, hit: impl Fn(K, &V) -> bool) {
        for line in &mut self.lines {
            if line.as_ref().is_some_and(|(key, value)| hit(*key, value)) {
                *line = None;
            }
        }
    }
}
