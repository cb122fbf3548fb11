// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Address translation: which host addresses the device holds, and which it must have dropped.

use std::collections::{BTreeMap, HashMap};

use super::outstanding::{Kind, Slot};
use super::rule::{Rule, Verdict, demand};
use crate::endpoint::Cycle;
use crate::pcie::Bdf;
use crate::pcie::tlp::{MemRequest, Message};

/// ITags are 5 bits.
const ITAGS: usize = 32;

// Bits of an entry of a Translation Completion (PCIe 10.2.3).
const READ: u64 = 1;
const WRITE: u64 = 2;
const UNTRANSLATED_ONLY: u64 = 4;
const PRIVILEGED: u64 = 16;
const GLOBAL: u64 = 32;

/// A translation in the device's cache, as far as anybody outside can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    pasid: Option<u32>,
    /// First untranslated address.
    from: u64,
    /// First translated address.
    to: u64,
    /// log2 of bytes.
    size: u8,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    read: bool,
    write: bool,
    global: bool,
    /// Invalidations that name it, by ITag, and are not completed.
    stale: u32,
}

/// How many grants reach a host page, and with which rights.
#[derive(Clone, Copy, Debug, Default)]
struct Rights {
    grants: u32,
    read: u32,
    write: u32,
}

/// An answer to a Translation Request that gave no right to write.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// When it reaches the device.
    comes: Cycle,
    /// No answer since has given the right.
    lasts: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Invalidation {
    requester: Option<Bdf>,
    completions: u8,
    sent: Cycle,
}

/// Completions that are owed to an agent of which only its ITags are known.
#[derive(Clone, Copy, Debug, Default)]
struct Owed {
    requests: u32,
    /// Copies of the next that came.
    copies: u8,
}

/// All translations given and invalidations sent.
#[derive(Debug, Default)]
pub(super) struct Translations {
    grants: BTreeMap<Key, Grant>,
    /// By log2 of size and number of the host page of that size. Never iterated.
    pages: HashMap<(u8, u64), Rights>,
    /// Sizes in `pages`, bit n for 2^n bytes.
    sizes: u64,
    invalidations: [Invalidation; ITAGS],
    /// Of other translation agents, which may use an ITag again before it is completed.
    strange: BTreeMap<(Bdf, usize), Owed>,
    /// Pages to which the device was given no right to write, by PASID and number of the page.
    refusals: BTreeMap<(Option<u32>, u64), Refusal>,
    /// One of the grants is Global: the device may use it for any PASID.
    global: bool,
    /// Cycles after which the host may take an invalidation for failed (PCIe 10.3.4).
    timeout: u64,
}

impl Translations {
    /// A device that has nothing, and so many cycles to complete an invalidation.
    pub fn new(timeout: u64) -> Self {
        Self {
            timeout,
            ..Self::default()
        }
    }

    /// The device has nothing, and answers nothing.
    pub fn clear(&mut self) {
        *self = Self::new(self.timeout);
    }

    /// The device's cache was emptied; invalidations are still answered.
    pub fn forget(&mut self) {
        self.grants.clear();
        self.pages.clear();
        self.sizes = 0;
        self.global = false;
    }

    /// Part of a Translation Completion passes, or one without usable data. `unit` is log2 of the
    /// Smallest Translation Unit. Calls `refused` with each page that may not be written to.
    pub fn answered(
        &mut self,
        before: &Slot,
        data: Option<&[u32]>,
        unit: u32,
        comes: Cycle,
        mut refused: impl FnMut(Option<u32>, u64),
    ) {
        const ENTRY_BYTES: u32 = 8;
        let Kind::Translation { prefix, no_write } = before.kind else {
            return;
        };
        let pasid = prefix.map(|prefix| prefix.pasid.raw());
        let privileged = prefix.is_some_and(|prefix| prefix.privileged);
        let mut entries = data.map(|data| data.chunks_exact(2).map(big_endian));
        for entry in 0..u64::from(before.left / ENTRY_BYTES) {
            let untranslated = before.next + (entry << unit);
            let value = match &mut entries {
                None => 0,
                Some(entries) => match entries.next() {
                    None => break,
                    Some(value) => value,
                },
            };
            self.grant(pasid, untranslated, value);
            let rights = match value & PRIVILEGED != 0 && !privileged {
                true => 0, // they are somebody else's
                false => value & (READ | WRITE),
            };
            // Who says that it will not write learns nothing of that right.
            if rights & WRITE != 0 {
                self.no_longer_refused(pasid, untranslated, value, unit);
            } else if !no_write || rights & READ == 0 {
                self.refuse(pasid, untranslated >> unit, comes);
                refused(pasid, untranslated);
            }
        }
    }

    fn refuse(&mut self, pasid: Option<u32>, page: u64, comes: Cycle) {
        let refusal = self
            .refusals
            .entry((pasid, page))
            .or_insert(Refusal { comes, lasts: true });
        refusal.comes = refusal.comes.max(comes);
        refusal.lasts = true;
    }

    fn no_longer_refused(&mut self, pasid: Option<u32>, from: u64, value: u64, unit: u32) {
        let mask = (1_u64 << size_log2(value)) - 1;
        let pages = (pasid, (from & !mask) >> unit)..=(pasid, (from | mask) >> unit);
        for (_, refusal) in self.refusals.range_mut(pages) {
            refusal.lasts = false;
        }
    }

    /// Whether the device may give up a write of this PASID that it begins in `cycle`, for want of
    /// a right.
    pub fn refused(&self, pasid: u32, address: u64, unit: u32, cycle: Cycle) -> bool {
        let refusal = self.refusals.get(&(Some(pasid), address >> unit));
        refusal.is_some_and(|refusal| refusal.lasts || cycle <= refusal.comes)
    }

    /// Whether the device may write to `translated` for this address of the PASID.
    pub fn leads(&self, pasid: u32, untranslated: u64, translated: u64) -> bool {
        let mut sizes = (0..64).filter(|size| self.sizes >> size & 1 != 0);
        self.global
            || sizes.any(|size| {
                let mask = (1_u64 << size) - 1;
                let key = Key {
                    pasid: Some(pasid),
                    from: untranslated & !mask,
                    to: translated & !mask,
                    size,
                };
                untranslated & mask == translated & mask
                    && self.grants.get(&key).is_some_and(|grant| grant.write)
            })
    }

    fn grant(&mut self, pasid: Option<u32>, untranslated: u64, value: u64) {
        if value & UNTRANSLATED_ONLY != 0 || value & (READ | WRITE) == 0 {
            return;
        }
        let size = size_log2(value);
        let mask = (1_u64 << size) - 1;
        let key = Key {
            pasid,
            from: untranslated & !mask,
            to: value & !mask & !0xfff,
            size,
        };
        // What was given before is good until it is invalidated: an answer with fewer rights, as to
        // a request with No Write, takes none away (PCIe 10.3).
        let before = self.grants.get(&key).filter(|grant| grant.stale == 0);
        let (read, write) = before.map_or((false, false), |grant| (grant.read, grant.write));
        self.drop_grant(&key);
        let grant = Grant {
            read: read || value & READ != 0,
            write: write || value & WRITE != 0,
            global: value & GLOBAL != 0,
            stale: 0,
        };
        self.global |= grant.global;
        self.grants.insert(key, grant);
        let page = self.pages.entry((size, key.to >> size)).or_default();
        page.grants += 1;
        page.read += u32::from(grant.read);
        page.write += u32::from(grant.write);
        self.sizes |= 1 << size;
    }

    fn drop_grant(&mut self, key: &Key) {
        let Some(grant) = self.grants.remove(key) else {
            return;
        };
        if let Some(page) = self.pages.get_mut(&(key.size, key.to >> key.size)) {
            page.grants -= 1;
            page.read -= u32::from(grant.read);
            page.write -= u32::from(grant.write);
        }
    }

    /// A translated request of the device.
    pub fn used(&self, request: &MemRequest, write: bool) -> Verdict {
        let mut reached = Rights::default();
        let mut sizes = self.sizes;
        while sizes != 0 {
            let size = sizes.trailing_zeros() as u8;
            sizes &= sizes - 1;
            if let Some(page) = self.pages.get(&(size, request.address >> size)) {
                reached.grants += page.grants;
                reached.read += page.read;
                reached.write += page.write;
            }
        }
        demand(reached.grants > 0, Rule::AtsStale)?;
        let rights = if write { reached.write } else { reached.read };
        demand(
            rights > 0 || request.is_zero_length() && reached.write > 0,
            Rule::AtsRights,
        )
    }

    /// Whether the ITag of an Invalidate Request is free.
    pub fn itag_free(&self, message: &Message, cycle: Cycle) -> Verdict {
        let invalidation = &self.invalidations[itag(message)];
        let busy = invalidation.requester.is_some() && cycle < invalidation.sent + self.timeout;
        demand(!busy, Rule::InvalidateTag)
    }

    /// An Invalidate Request of another agent was sent. What it makes stale is not followed.
    pub fn owe(&mut self, message: &Message) {
        let key = (message.requester, itag(message));
        self.strange.entry(key).or_default().requests += 1;
    }

    /// An Invalidate Request was sent.
    pub fn invalidating(&mut self, message: &Message, data: &[u32], cycle: Cycle) {
        let itag = itag(message);
        self.invalidations[itag] = Invalidation {
            requester: Some(message.requester),
            completions: 0,
            sent: cycle,
        };
        let value = big_endian(data);
        let size = size_log2(value);
        let whole = value & !(1 << 63) & !0xfff == !(1 << 63) & !0xfff;
        let in_range =
            |key: &Key| whole || key.from >> size.max(key.size) == value >> size.max(key.size);
        let with = message.pasid.map(|prefix| prefix.pasid.raw());
        let all_pasids = value & 1 != 0;
        for (key, grant) in &mut self.grants {
            // Without PASID, whatever has a PASID goes too, at all addresses (PCIe 10.3.8).
            let named = match (with, key.pasid) {
                (None, Some(_)) => true,
                (None, None) => in_range(key),
                (Some(_), None) => false,
                (Some(_), Some(_)) if all_pasids => in_range(key),
                (Some(pasid), Some(of)) => pasid == of && !grant.global && in_range(key),
            };
            if named {
                grant.stale |= 1 << itag;
            }
        }
    }

    /// An Invalidate Completion of the device.
    pub fn invalidated(&mut self, message: &Message) -> Verdict {
        let vector = message.header[1];
        let requester = Bdf::from_raw((message.header[0] >> 16) as u16);
        let count = match message.header[0] & 7 {
            0 => 8,
            count => count as u8,
        };
        demand(vector != 0, Rule::InvalidateCompletion)?;
        let mut completed = 0_u32;
        for (itag, invalidation) in self.invalidations.iter_mut().enumerate() {
            if vector >> itag & 1 == 0 {
                continue;
            }
            if let Some(owed) = self.strange.get_mut(&(requester, itag)) {
                demand(owed.requests > 0, Rule::InvalidateCompletion)?;
                owed.copies += 1;
                if owed.copies == count {
                    owed.copies = 0;
                    owed.requests -= 1;
                }
                continue;
            }
            demand(
                invalidation.requester == Some(requester),
                Rule::InvalidateCompletion,
            )?;
            invalidation.completions += 1;
            if invalidation.completions == count {
                invalidation.requester = None;
                completed |= 1 << itag;
            }
        }
        self.drop_stale(completed);
        Ok(())
    }

    fn drop_stale(&mut self, itags: u32) {
        if itags == 0 {
            return;
        }
        let pages = &mut self.pages;
        self.grants.retain(|key, grant| {
            let keep = grant.stale & itags == 0;
            if !keep && let Some(page) = pages.get_mut(&(key.size, key.to >> key.size)) {
                page.grants -= 1;
                page.read -= u32::from(grant.read);
                page.write -= u32::from(grant.write);
            }
            keep
        });
    }
}

fn itag(message: &Message) -> usize {
    usize::from(message.tag.raw() & 0x1f)
}

/// Address fields of ATS come most significant byte first.
fn big_endian(dwords: &[u32]) -> u64 {
    match dwords {
        &[high, low, ..] => u64::from(high.swap_bytes()) << 32 | u64::from(low.swap_bytes()),
        _ => 0,
    }
}

/// log2 of the bytes that an S bit and the address bits below the first 0 mean (PCIe 10.2.3.2).
fn size_log2(value: u64) -> u8 {
    const S: u64 = 1 << 11;
    match value & S {
        0 => 12,
        _ => (13 + (value >> 12).trailing_ones() as u8).min(63),
    }
}
