// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The root complex as completer: how it cuts and delays the data of device reads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::tlp::{Attributes, Completion, CompletionStatus, MemRequest};
use super::{Bdf, Knobs};
use crate::endpoint::Cycle;

/// Part of a read that one completion answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// When the completion is ready to be sent.
    pub ready_at: Cycle,
    /// First dword, counted from the request's.
    pub dword: usize,
    /// How many.
    pub dwords: usize,
    /// Bytes from the first one of this piece to the end of the request.
    pub byte_count: u32,
    /// Address of the first byte.
    pub first_byte: u64,
}

/// Choices of the completer, all from one seed.
#[derive(Debug)]
pub(super) struct Completer {
    rng: ChaCha8Rng,
    latency: u64,
    translation_latency: u64,
    jitter: u64,
    split: bool,
    rcb: u64,
}

impl Completer {
    pub fn new(knobs: &Knobs) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(knobs.seed),
            latency: knobs.latency,
            translation_latency: knobs.translation_latency,
            jitter: knobs.jitter,
            split: knobs.split_completions,
            rcb: knobs.rcb as u64,
        }
    }

    /// When the first completion of a request seen in `cycle` is ready.
    pub fn ready_at(&mut self, cycle: Cycle) -> Cycle {
        cycle + self.latency + self.draw(self.jitter)
    }

    /// When the completion of a Translation Request seen in `cycle` is ready.
    pub fn translation_ready_at(&mut self, cycle: Cycle) -> Cycle {
        cycle + self.translation_latency + self.draw(self.jitter)
    }

    /// Lower Address of a Translation Completion of `bytes` in one piece: it ends where a
    /// completion would at the Read Completion Boundary (PCIe 10.2.3).
    pub fn translation_lower_address(&self, bytes: u64) -> u8 {
        (self.rcb - bytes) as u8
    }

    /// A number from 0 to `most`.
    fn draw(&mut self, most: u64) -> u64 {
        match most {
            0 => 0,
            most => self.rng.next_u64() % most.saturating_add(1),
        }
    }

    /// The piece that follows `last`, in address order; the first one if `last` is `None`.
    ///
    /// A completion ends where the request does or at a Read Completion Boundary, and its payload
    /// is at most `mps` bytes (PCIe 2.3.1.1).
    pub fn next(
        &mut self,
        request: &MemRequest,
        cycle: Cycle,
        last: Option<Piece>,
        mps: u16,
    ) -> Option<Piece> {
        let end = request.first_byte() + u64::from(request.byte_count());
        let (first_byte, not_before) = match last {
            None => (request.first_byte(), Cycle(0)),
            Some(last) => {
                let next = request.address + (last.dword + last.dwords) as u64 * 4;
                if next >= end {
                    return None;
                }
                (next, last.ready_at)
            }
        };
        let last_boundary = (first_byte + u64::from(mps)) / self.rcb * self.rcb;
        let mut cut = end.min(last_boundary);
        if self.split {
            let first_boundary = (first_byte / self.rcb + 1) * self.rcb;
            let boundaries = (cut.saturating_sub(first_boundary)).div_ceil(self.rcb);
            cut = cut.min(first_boundary + self.draw(boundaries) * self.rcb);
        }
        let start = first_byte & !3;
        Some(Piece {
            ready_at: self.ready_at(cycle).max(not_before),
            dword: ((start - request.address) / 4) as usize,
            dwords: (cut - start).div_ceil(4) as usize,
            byte_count: (end - first_byte) as u32,
            first_byte,
        })
    }
}

impl Piece {
    /// The header of the piece's completion.
    pub fn completion(&self, request: &MemRequest, completer: Bdf) -> Completion {
        Completion {
            completer,
            status: CompletionStatus::Success,
            byte_count: self.byte_count as u16,
            requester: request.requester,
            tag: request.tag,
            lower_address: (self.first_byte & 0x7f) as u8,
            attr: Attributes {
                poisoned: false,
                ..request.attr
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pcie::knobs::Rcb;
    use crate::pcie::tests::request;

    proptest! {
        /// The rules of PCIe 2.3.1.1 for completions of one memory read.
        #[test]
        fn pieces_cover_the_request_legally(
            (start, bytes) in (0..4096u64).prop_flat_map(|start| (Just(start), 1..=4096 - start)),
            mps in prop::sample::select(vec![128u16, 256, 512, 1024, 2048, 4096]),
            rcb in prop::sample::select(vec![Rcb::Bytes64, Rcb::Bytes128]),
            split_completions: bool,
            jitter in 0..100u64,
            seed: u64,
        ) {
            let knobs = Knobs { rcb, split_completions, jitter, seed, ..Knobs::default() };
            let mut completer = Completer::new(&knobs);
            let request = request(0, 0x7000 + start, bytes);
            let end = request.first_byte() + bytes;
            let (mut at, mut last) = (request.first_byte(), None::<Piece>);
            while let Some(piece) = completer.next(&request, Cycle(50), last, mps) {
                let payload = request.address + piece.dword as u64 * 4;
                let next = (payload + piece.dwords as u64 * 4).min(end);
                prop_assert_eq!(piece.first_byte, at);
                prop_assert_eq!(u64::from(piece.byte_count), end - at);
                prop_assert_eq!(payload, at & !3);
                prop_assert!(next > at && piece.dwords * 4 <= usize::from(mps));
                prop_assert!(next == end || next.is_multiple_of(rcb as u64));
                prop_assert!(piece.ready_at >= last.map_or(Cycle(350), |last| last.ready_at));
                (at, last) = (next, Some(piece));
            }
            prop_assert_eq!(at, end);
        }
    }
}
