// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The device, with somebody at its port who changes what it says and hears.

use std::collections::{BTreeMap, VecDeque};

use super::super::estate::Place;
use super::device;
use crate::endpoint::{Credits, Cycle, Endpoint, EndpointError, Stop};
use crate::pcie::tlp::{Tlp, TlpRef};
use crate::pcie::{Bdf, Tag};
use crate::rtl::RtlEndpoint;

/// Where enumeration puts BAR0.
pub const BAR0: u64 = 0x40_0000_0000;
const BAR0_BYTES: u64 = 0x4_0000;

/// Somebody who lies.
pub trait Lie {
    /// What the host hears instead of a TLP of the device. `register`: what it is an answer to.
    fn says(&mut self, tlp: Tlp, _register: Option<u64>) -> Vec<Tlp> {
        vec![tlp]
    }

    /// Whether the device hears a TLP of the host.
    fn hears(&mut self, _tlp: &TlpRef<'_>) -> bool {
        true
    }

    /// Whether the device says that it is idle, when it is.
    fn rests(&self) -> bool {
        true
    }
}

/// A device that lies.
pub struct Liar<L> {
    device: RtlEndpoint,
    lie: L,
    reads: BTreeMap<Tag, u64>,
    said: VecDeque<(Cycle, Vec<u32>)>,
    handed_out: Vec<u32>,
}

impl<L: Lie> Liar<L> {
    pub fn new(lie: L) -> Self {
        Self {
            device: device(),
            lie,
            reads: BTreeMap::new(),
            said: VecDeque::new(),
            handed_out: Vec::new(),
        }
    }

    fn listen(&mut self) {
        while let Some((cycle, words)) = self.device.next_tlp() {
            let tlp = TlpRef::decode(words).unwrap().into_owned();
            let register = match &tlp {
                Tlp::Completion { completion, .. } if completion.requester == Bdf::default() => {
                    self.reads.remove(&completion.tag)
                }
                _ => None,
            };
            for tlp in self.lie.says(tlp, register) {
                let mut words = Vec::new();
                tlp.encode(&mut words);
                self.said.push_back((cycle, words));
            }
        }
    }
}

impl<L: Lie> Endpoint for Liar<L> {
    fn push(&mut self, ready_at: Cycle, words: &[u32]) -> Result<(), EndpointError> {
        if let Ok(tlp) = TlpRef::decode(words) {
            if let Tlp::MemRead { request } = &tlp
                && request.requester == Bdf::default()
                && (BAR0..BAR0 + BAR0_BYTES).contains(&request.address)
            {
                self.reads.insert(request.tag, request.address - BAR0);
            }
            if !self.lie.hears(&tlp) {
                return Ok(());
            }
        }
        self.device.push(ready_at, words)
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        let stop = self.device.run(max_cycles)?;
        self.listen();
        Ok(stop)
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let (cycle, words) = self.said.pop_front()?;
        self.handed_out = words;
        Some((cycle, &self.handed_out))
    }

    fn now(&self) -> Cycle {
        self.device.now()
    }

    fn idle(&self) -> bool {
        self.device.idle() && self.lie.rests()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.device.set_credits(credits);
    }
}

/// Whether it is a completion record, the IOMMU translating.
pub fn is_record(tlp: &Tlp) -> bool {
    match tlp {
        Tlp::MemWrite { request, data } if request.pasid.is_some() && data.len() == 8 => {
            let place = Place::of(request.address);
            place.is_some_and(|place| place.record() == request.address)
        }
        _ => false,
    }
}

/// Whether it is data of at least 16 bytes.
pub fn is_data(tlp: &Tlp) -> bool {
    match tlp {
        Tlp::MemWrite { request, data } if request.pasid.is_some() && data.len() >= 4 => {
            let place = Place::of(request.address);
            !Place::is_void(request.address)
                && place.is_some_and(|place| !place.is_record_page(request.address))
        }
        _ => false,
    }
}

/// Whether it is the message of an IMS entry; entry 0 is the function's own.
pub fn is_completion_interrupt(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::MemWrite { request, .. }
        if request.pasid.is_none() && request.address >> 20 == 0xfee && index(request.address) > 0)
}

/// Whether it is the function's own interrupt.
pub fn is_own_interrupt(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::MemWrite { request, .. }
        if request.pasid.is_none() && request.address >> 20 == 0xfee && index(request.address) == 0)
}

fn index(address: u64) -> u64 {
    address >> 5 & 0x7fff
}
