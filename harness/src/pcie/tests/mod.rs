// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The root complex against a scripted device.

mod access;
mod ats;
mod dma;
mod enumerate;
mod events;

use super::mock::{Mock, Taken};
use super::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, Tlp,
};
use super::{Bdf, Host, Knobs, Tag};
use crate::mem::Memory;

const DEVICE: Bdf = Bdf::new(1, 0, 0);
const ROOT: Bdf = Bdf::new(0, 0, 0);
const MEMORY_BYTES: u64 = 1 << 20;

fn memory() -> Memory {
    Memory::new(MEMORY_BYTES).unwrap()
}

/// A host with default knobs, and what its device takes.
fn host(device: Mock) -> (Host, Taken) {
    host_with(device, Knobs::default())
}

fn host_with(device: Mock, knobs: Knobs) -> (Host, Taken) {
    let taken = device.taken();
    // Scripted devices keep only the rules that their test is about.
    let knobs = Knobs {
        checker: false,
        ..knobs
    };
    (Host::new(Box::new(device), memory(), knobs), taken)
}

/// A device request for the bytes from `address` on.
pub(super) fn request(tag: u16, address: u64, bytes: u64) -> MemRequest {
    let end = address + bytes;
    let length = (end.div_ceil(4) - address / 4) as u16;
    let first = (0xf << (address & 3)) & 0xf;
    let last = 0xf >> (end.next_multiple_of(4) - end);
    let (first_be, last_be) = if length == 1 {
        (first & last, 0)
    } else {
        (first, last)
    };
    MemRequest {
        requester: DEVICE,
        tag: Tag::new(tag),
        address: address & !3,
        length,
        first_be,
        last_be,
        attr: Attributes::default(),
        at: AddressType::Untranslated,
        no_write: false,
        pasid: None,
    }
}

/// A successful completion of a host request.
fn completion(requester: Bdf, tag: Tag, byte_count: u16, lower_address: u8) -> Completion {
    Completion {
        completer: DEVICE,
        status: CompletionStatus::Success,
        byte_count,
        requester,
        tag,
        lower_address,
        attr: Attributes::default(),
    }
}

/// All completions among the TLPs taken.
fn completions(taken: &Taken) -> Vec<(u64, Completion, Vec<u32>)> {
    let taken = taken.borrow();
    let completion = |(cycle, tlp): &(crate::Cycle, Tlp)| match tlp {
        Tlp::Completion { completion, data } => Some((cycle.0, *completion, data.clone())),
        _ => None,
    };
    taken.iter().filter_map(completion).collect()
}

fn config_completion(request: &ConfigRequest, data: Vec<u32>) -> Tlp {
    Tlp::Completion {
        completion: completion(request.requester, request.tag, 4, 0),
        data,
    }
}
