// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Fields of registers, named by their masks.

/// The field of `word` under `mask`, shifted down.
pub fn get(word: impl Into<u64>, mask: impl Into<u64>) -> u64 {
    let mask = mask.into();
    (word.into() & mask) >> mask.trailing_zeros()
}

/// `value` shifted up to `mask`; bits that do not fit are lost.
pub fn put(mask: impl Into<u64>, value: impl Into<u64>) -> u64 {
    let mask = mask.into();
    (value.into() << mask.trailing_zeros()) & mask
}

/// As [`put`], for a 32-bit register.
pub fn put32(mask: u32, value: u32) -> u32 {
    put(mask, value) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_put_into_a_field_is_got_from_it() {
        let word = put(0xff00_u32, 0x5a_u32);

        assert_eq!(word, 0x5a00);
        assert_eq!(get(word | 0xff, 0xff00_u32), 0x5a);
    }

    #[test]
    fn bits_outside_the_field_are_lost() {
        assert_eq!(put(0xf0_u32, 0x12_u32), 0x20);
    }
}
