// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Breaking a descriptor on purpose.

use std::fmt;

use super::{Number, Poke};
use crate::dsa::{Descriptor, Flags, Opcode};

impl Poke {
    /// Overwrites the fields that are given.
    pub fn apply(&self, descriptor: &mut Descriptor) {
        if let Some(opcode) = self.opcode {
            descriptor.set_opcode(Opcode(opcode));
        }
        if let Some(address) = self.completion {
            descriptor.completion = address.0.into();
        }
        if let Some(address) = self.src {
            descriptor.src = address.0.into();
        }
        if let Some(address) = self.dst {
            descriptor.dst = address.0.into();
        }
        if let Some(distance) = self.dst_from_src {
            descriptor.dst = (descriptor.src.get().wrapping_add(distance.into())).into();
        }
        if let Some(size) = self.size {
            descriptor.size = size.into();
        }
        if let Some(handle) = self.interrupt_handle {
            *descriptor = descriptor.with_interrupt(handle);
        }
        if let Some(reserved) = self.reserved {
            descriptor.reserved = reserved.into();
        }
        // Last, so that flags set above can be cleared.
        let bits = |number: Option<Number>| number.map_or(0, |n| n.0 as u32);
        let flags = descriptor.flags().bits() | bits(self.set_flags);
        descriptor.set_flags(Flags::from_bits_retain(flags & !bits(self.clear_flags)));
    }
}

/// What is overwritten, in the words of a scenario file.
impl fmt::Display for Poke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |number: Option<Number>| number.map(|n| format!("{:#x}", n.0));
        let fields = [
            ("opcode", self.opcode.map(|n| format!("{n:#04x}"))),
            ("set_flags", hex(self.set_flags)),
            ("clear_flags", hex(self.clear_flags)),
            ("completion", hex(self.completion)),
            ("src", hex(self.src)),
            ("dst", hex(self.dst)),
            ("dst_from_src", self.dst_from_src.map(|n| n.to_string())),
            ("size", self.size.map(|n| n.to_string())),
            (
                "interrupt_handle",
                self.interrupt_handle.map(|n| n.to_string()),
            ),
            ("reserved", self.reserved.map(|n| n.to_string())),
        ];
        let given = fields
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (i, (name, value)) in given.enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poke_prints_the_fields_that_are_given() {
        let poke = Poke {
            opcode: Some(63),
            completion: Some(Number(0)),
            ..Poke::default()
        };

        assert_eq!(poke.to_string(), "opcode 0x3f, completion 0x0");
    }

    #[test]
    fn poke_changes_only_what_it_names() {
        let mut descriptor = Descriptor::memory_move(0x1000, 0x2000, 64).with_completion(0x40);
        let poke = Poke {
            size: Some(0),
            ..Poke::default()
        };

        poke.apply(&mut descriptor);

        assert_eq!(
            descriptor,
            Descriptor::memory_move(0x1000, 0x2000, 0).with_completion(0x40)
        );
    }

    #[test]
    fn flags_can_be_cleared() {
        let mut descriptor = Descriptor::nop().with_completion(0x40);
        let poke = Poke {
            clear_flags: Some(Number(0x8)),
            ..Poke::default()
        };

        poke.apply(&mut descriptor);

        assert_eq!(descriptor.flags(), Flags::CRAV);
    }

    #[test]
    fn destination_can_be_put_into_the_source() {
        let mut descriptor = Descriptor::memory_move(0x1000, 0x2000, 64);
        let poke = Poke {
            dst_from_src: Some(8),
            ..Poke::default()
        };

        poke.apply(&mut descriptor);

        assert_eq!(descriptor.dst.get(), 0x1008);
    }
}
