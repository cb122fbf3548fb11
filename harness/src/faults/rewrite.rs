// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Changes to the dwords of a TLP.

use super::Deed;

/// Dwords of prefix and header.
fn payload_at(words: &[u32]) -> usize {
    let prefix = usize::from(words[0] >> 29 == 0b100);
    prefix + 3 + (words[prefix] >> 29 & 1) as usize
}

/// Header dword 0.
fn head(words: &mut [u32]) -> &mut u32 {
    let prefix = usize::from(words[0] >> 29 == 0b100);
    &mut words[prefix]
}

/// Does what `deed` does to the dwords. Whether the TLP is still a legal one.
pub(super) fn rewrite(deed: Deed, words: &mut Vec<u32>, random: u64) -> bool {
    const POISONED: u32 = 1 << 14;
    match deed {
        Deed::Poison => {
            *head(words) |= POISONED;
            true
        }
        Deed::UnsupportedRequest => fail(words, 0b001),
        Deed::CompleterAbort => fail(words, 0b100),
        Deed::CorruptData => {
            let start = payload_at(words);
            let payload = &mut words[start..];
            if !payload.is_empty() {
                let bit = random as usize % (payload.len() * 32);
                payload[bit / 32] ^= 1 << (bit % 32);
            }
            true
        }
        Deed::CorruptTag => {
            // Bits 7:5: in each size of tags one that the device has no use for, so that it can tell.
            let tag = payload_at(words) - 1;
            words[tag] |= 0b111 << 13;
            false
        }
        Deed::CorruptRequester => flip(&mut words[2], 16, 3, random),
        Deed::CorruptByteCount => flip(&mut words[1], 0, 12, random),
        Deed::CorruptLowerAddress => flip(&mut words[2], 0, 7, random),
        Deed::CorruptAttributes => flip(head(words), 20, 3, random),
        Deed::Response(code) => {
            let dword = payload_at(words) - 2;
            words[dword] = words[dword] & !0xf000 | u32::from(code & 0xf) << 12;
            true
        }
        Deed::FlipEntry(bits) => {
            let start = payload_at(words);
            if let [high, low] = &mut words[start..] {
                // Most significant byte first.
                *high ^= ((bits >> 32) as u32).swap_bytes();
                *low ^= (bits as u32).swap_bytes();
            }
            true
        }
        Deed::Drop | Deed::Delay(_) | Deed::Duplicate(_) | Deed::Reorder | Deed::SwapPieces => true,
    }
}

/// Flips one bit of the `width` from `low` on. What comes of it is not legal.
fn flip(word: &mut u32, low: u32, width: u64, random: u64) -> bool {
    *word ^= 1 << (u64::from(low) + random % width);
    false
}

/// Makes a completion one without data and with this status. Byte Count stays: what is left.
fn fail(words: &mut Vec<u32>, status: u32) -> bool {
    const WITH_DATA: u32 = 1 << 30;
    const LENGTH: u32 = 0x3ff;
    words.truncate(payload_at(words));
    *head(words) &= !(WITH_DATA | LENGTH);
    words[1] = words[1] & !(7 << 13) | status << 13;
    true
}
