// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Completion records before the interrupts that tell of them.
//!
//! Messages of one interrupt all look the same, so they are counted: one may come for each record
//! that has passed and was to be followed by it, and for each descriptor that owes no record. Which
//! descriptors those are is learnt from what passes the portals. Where that leaves a doubt the
//! count is too high, never too low: a rule that is broken was broken.

use std::collections::BTreeMap;

use zerocopy::FromBytes;

use super::ats::Translations;
use super::rule::{Rule, Verdict, demand};
use crate::dsa::{Descriptor, Flags};
use crate::pcie::tlp::{AddressType, MemRequest};
use crate::pcie::{CompletionInterrupt, Msi};

const RECORD_DWORDS: u16 = 8;
const RECORD_BYTES: u64 = 32;
const DESCRIPTOR_DWORDS: u16 = 16;
/// Places for a record in a page: what translation leaves of its address.
const SLOTS: usize = 128;
/// Records that may be awaited in a slot: with more, some belong to descriptors that were thrown
/// away.
const MOST_AWAITED: usize = 1024;

/// An interrupt, and how many messages of it may come.
#[derive(Debug)]
struct Ring {
    interrupt: CompletionInterrupt,
    due: u64,
    /// The last write that made one due.
    write: u64,
}

/// A record that is to be written, for the interrupt with this index to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    ring: usize,
    record: u64,
}

/// What a descriptor has made the checker expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Which life of the interrupts it belongs to.
    life: u64,
    ring: usize,
    /// `None` if its interrupt may come at any time.
    record: Option<u64>,
}

/// Interrupts, and the records that go before them.
#[derive(Debug)]
pub(super) struct Records {
    rings: Vec<Ring>,
    by_message: BTreeMap<Msi, usize>,
    by_handle: BTreeMap<(u64, u16), usize>,
    awaited: Box<[Vec<Awaited>; SLOTS]>,
    /// Records written so far.
    writes: u64,
    /// How often interrupts have lost their owners.
    life: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            rings: Vec::new(),
            by_message: BTreeMap::new(),
            by_handle: BTreeMap::new(),
            awaited: Box::new([const { Vec::new() }; SLOTS]),
            writes: 0,
            life: 0,
        }
    }
}

fn slot(address: u64) -> usize {
    (address / RECORD_BYTES) as usize % SLOTS
}

/// Where a descriptor must write a record before its interrupt, if it must: one that is written on
/// errors only may be missing, as may one for which there is no right address or no right to be
/// privileged (DSA 5.4).
fn record_of(descriptor: &Descriptor, priv_in_descriptor: bool) -> Option<u64> {
    const PRIV: u32 = 1 << 31;
    let record = descriptor.completion.get();
    let asked = descriptor.flags().contains(Flags::CRAV | Flags::RCR);
    let usable = record.is_multiple_of(RECORD_BYTES)
        && !descriptor.flags().contains(Flags::RECORD_TC)
        && !(priv_in_descriptor && descriptor.pasid.get() & PRIV != 0);
    (asked && usable).then_some(record)
}

impl Records {
    /// Nobody may ask for an interrupt any more.
    pub fn forget(&mut self) {
        *self = Self {
            life: self.life + 1,
            ..Self::default()
        };
    }

    /// Descriptors may ask for this interrupt from now on.
    pub fn expect(&mut self, interrupt: CompletionInterrupt) {
        let handle = (interrupt.portal, interrupt.handle);
        let ring = Ring {
            interrupt,
            due: 0,
            write: 0,
        };
        match self.by_message.get(&interrupt.message) {
            Some(&index) if self.rings[index].interrupt == interrupt => {}
            // It has another owner now; nothing of the former one is left.
            Some(&index) => {
                self.life += 1;
                self.by_handle.retain(|_, of| *of != index);
                for awaited in self.awaited.iter_mut() {
                    awaited.retain(|awaited| awaited.ring != index);
                }
                self.rings[index] = ring;
                self.by_handle.insert(handle, index);
            }
            None => {
                let index = self.rings.len();
                self.rings.push(ring);
                self.by_message.insert(interrupt.message, index);
                self.by_handle.insert(handle, index);
            }
        }
    }

    /// The host writes to the device; `deferrable`: the descriptor says whose it is. `lost`: whether
    /// the record of a PASID at an address may never be written.
    pub fn submitted(
        &mut self,
        request: &MemRequest,
        data: &[u32],
        deferrable: bool,
        lost: impl Fn(u32, u64) -> bool,
    ) -> Option<Claim> {
        // Two pages lead to one table of interrupts.
        const PORTAL: u64 = !0x1fff;
        const PASID: u32 = 0xf_ffff;
        if request.length != DESCRIPTOR_DWORDS || self.rings.is_empty() {
            return None;
        }
        let descriptor = Descriptor::read_from_bytes(bytemuck::cast_slice(data)).ok()?;
        if !descriptor.flags().contains(Flags::RCI) {
            return None;
        }
        let handle = descriptor.interrupt_handle.get();
        let ring = *self.by_handle.get(&(request.address & PORTAL, handle))?;
        let pasid = self.rings[ring].interrupt.pasid.raw();
        if deferrable && descriptor.pasid.get() & PASID != pasid {
            return None;
        }
        let record = record_of(&descriptor, deferrable)
            .filter(|&record| !lost(pasid, record))
            .filter(|&record| self.awaited[slot(record)].len() < MOST_AWAITED);
        match record {
            Some(record) => self.awaited[slot(record)].push(Awaited { ring, record }),
            None => self.rings[ring].due += 1,
        }
        let life = self.life;
        Some(Claim { life, ring, record })
    }

    /// The device did not take the descriptor.
    pub fn not_taken(&mut self, claim: Claim) {
        let Claim { life, ring, record } = claim;
        if life != self.life {
            return;
        }
        let Some(record) = record else {
            self.rings[ring].due = self.rings[ring].due.saturating_sub(1);
            return;
        };
        let awaited = &mut self.awaited[slot(record)];
        let found = awaited
            .iter()
            .position(|&of| of == Awaited { ring, record });
        if let Some(found) = found {
            awaited.swap_remove(found);
        }
    }

    /// The device writes. If that may be a record for several interrupts, it is one for each.
    pub fn written(&mut self, request: &MemRequest, translations: &Translations) {
        let whole = request.length == RECORD_DWORDS && request.first_byte() == request.address;
        if !whole || !request.address.is_multiple_of(RECORD_BYTES) {
            return;
        }
        self.writes += 1;
        let (rings, write, address) = (&mut self.rings, self.writes, request.address);
        let prefix = request.pasid.map(|prefix| prefix.pasid);
        self.awaited[slot(address)].retain(|&Awaited { ring, record }| {
            let ring = &mut rings[ring];
            let pasid = ring.interrupt.pasid;
            let written = ring.write != write
                && match request.at {
                    AddressType::Translated => translations.leads(pasid.raw(), record, address),
                    _ => prefix == Some(pasid) && record == address,
                };
            if written {
                ring.write = write;
                ring.due += 1;
            }
            !written
        });
    }

    /// Records in this page may never be written: the device got no right to it (DSA 5.4).
    pub fn lost(&mut self, pasid: Option<u32>, page: u64, unit: u32) {
        let rings = &mut self.rings;
        for awaited in self.awaited.iter_mut() {
            awaited.retain(|&Awaited { ring, record }| {
                let ring = &mut rings[ring];
                let lost =
                    pasid == Some(ring.interrupt.pasid.raw()) && record >> unit == page >> unit;
                ring.due += u64::from(lost);
                !lost
            });
        }
    }

    /// An interrupt message of the device.
    pub fn arrived(&mut self, message: Msi) -> Verdict {
        let Some(&index) = self.by_message.get(&message) else {
            return Ok(());
        };
        let ring = &mut self.rings[index];
        demand(ring.due > 0, Rule::RecordFirst)?;
        ring.due -= 1;
        Ok(())
    }
}
