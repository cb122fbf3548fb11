// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The root complex as requester: tags, and completions gathered by them.

use super::access::{Access, AccessError};
use super::tlp::{Completion, CompletionStatus};
use super::waits::{WaitId, Waits};
use super::{Bdf, Tag};

/// Every completer supports 8-bit tags.
const TAGS: u16 = 256;

/// A non-posted request without its completion.
#[derive(Debug)]
struct Outstanding {
    access: Access,
    /// Memory reads: address of the first byte. The rules for Byte Count and Lower Address differ
    /// from those of other requests.
    address: Option<u64>,
    /// Bytes wanted; 0 for a write.
    bytes: u32,
    data: Vec<u8>,
    outcome: Option<Result<(), AccessError>>,
    /// `None` once the task that sent the request has given up. The tag then stays taken until the
    /// completion comes, so that it is not mistaken for another's.
    wait: Option<WaitId>,
}

/// Outstanding requests by tag.
#[derive(Debug)]
pub(super) struct Requester {
    id: Bdf,
    outstanding: Vec<Option<Outstanding>>,
    free: Vec<Tag>,
    /// Waits for a free tag, oldest first.
    pub waiting: Vec<WaitId>,
}

impl Requester {
    pub fn new(id: Bdf) -> Self {
        Self {
            id,
            outstanding: (0..TAGS).map(|_| None).collect(),
            free: (0..TAGS).rev().map(Tag::new).collect(),
            waiting: Vec::new(),
        }
    }

    pub fn take_tag(&mut self) -> Option<Tag> {
        self.free.pop()
    }

    fn free_tag(&mut self, tag: Tag, waits: &mut Waits) {
        self.outstanding[usize::from(tag.raw())] = None;
        self.free.push(tag);
        for id in self.waiting.drain(..) {
            waits.complete(id);
        }
    }

    /// Notes a request that is being sent. `bytes` is what a read wants, 0 for a write.
    pub fn sent(&mut self, tag: Tag, access: Access, bytes: u32, wait: WaitId) {
        let address = match access {
            Access::MemRead { address, .. } => Some(address),
            _ => None,
        };
        self.outstanding[usize::from(tag.raw())] = Some(Outstanding {
            access,
            address,
            bytes,
            data: Vec::with_capacity(bytes as usize),
            outcome: None,
            wait: Some(wait),
        });
    }

    /// Takes what became of a request, with the data of a read; `None` if there is no answer yet, and
    /// then nobody is going to ask again.
    pub fn finish(&mut self, tag: Tag, waits: &mut Waits) -> Option<Result<Vec<u8>, AccessError>> {
        let slot = self.outstanding[usize::from(tag.raw())].as_mut()?;
        slot.wait = None;
        let outcome = slot.outcome.take()?;
        let data = std::mem::take(&mut slot.data);
        self.free_tag(tag, waits);
        Some(outcome.map(|()| data))
    }

    /// A completion came; false if nobody waits for it.
    pub fn completed(&mut self, completion: &Completion, data: &[u32], waits: &mut Waits) -> bool {
        let tag = completion.tag;
        let slot = self
            .outstanding
            .get_mut(usize::from(tag.raw()))
            .and_then(Option::as_mut);
        let slot = match slot {
            Some(slot) if completion.requester == self.id && slot.outcome.is_none() => slot,
            _ => return false,
        };
        if let Some(outcome) = slot.take(completion, data) {
            let Some(id) = slot.wait else {
                self.free_tag(tag, waits);
                return false;
            };
            slot.outcome = Some(outcome);
            waits.complete(id);
        }
        true
    }
}

impl Outstanding {
    /// Adds a completion; `Some` if it is the last one.
    fn take(&mut self, completion: &Completion, data: &[u32]) -> Option<Result<(), AccessError>> {
        let what = self.access;
        let bad = |reason| Some(Err(AccessError::BadCompletion { what, reason }));
        match completion.status {
            CompletionStatus::Success => {}
            CompletionStatus::UnsupportedRequest => {
                return Some(Err(AccessError::UnsupportedRequest { what }));
            }
            CompletionStatus::Retry => return Some(Err(AccessError::Retry { what })),
            CompletionStatus::CompleterAbort => {
                return Some(Err(AccessError::CompleterAbort { what }));
            }
        }
        if completion.attr.poisoned {
            return Some(Err(AccessError::Poisoned { what }));
        }
        let left = self.bytes - self.data.len() as u32;
        let Some(address) = self.address else {
            if completion.byte_count != 4 || completion.lower_address != 0 {
                return bad("Byte Count is not 4 or Lower Address not 0");
            }
            if data.len() as u32 * 4 != self.bytes {
                return bad("wrong amount of data");
            }
            self.data.extend_from_slice(bytemuck::cast_slice(data));
            return Some(Ok(()));
        };
        let first = address + self.data.len() as u64;
        if u32::from(completion.byte_count) != left {
            return bad("Byte Count is not what is left of the request");
        }
        if u64::from(completion.lower_address) != first & 0x7f {
            return bad("Lower Address is not that of the next byte");
        }
        let skip = first as usize & 3;
        let bytes: &[u8] = bytemuck::cast_slice(data);
        match bytes.get(skip..) {
            None | Some([]) => return bad("no data"),
            Some(rest) if rest.len() as u32 >= left + 4 => return bad("too much data"),
            Some(rest) => {
                let end = rest.len().min(left as usize);
                self.data.extend_from_slice(&rest[..end]);
            }
        }
        (self.data.len() as u32 == self.bytes).then_some(Ok(()))
    }
}
