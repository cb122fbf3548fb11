// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The work descriptor, 64 bytes (DSA 8.1).

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// The 24 flag bits (DSA 8.1.3).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// Wait for earlier members of the batch.
        const FENCE = 1 << 0;
        /// Wait for page faults to be resolved.
        const BLOCK_ON_FAULT = 1 << 1;
        /// The completion record address is valid.
        const CRAV = 1 << 2;
        /// Write the completion record even on success.
        const RCR = 1 << 3;
        /// Send an interrupt at completion.
        const RCI = 1 << 4;
        /// Compare the result with the expected one.
        const CHECK_RESULT = 1 << 7;
        /// Write to the cache rather than to memory.
        const CACHE_CONTROL = 1 << 8;
        /// The completion record is in traffic class B.
        const RECORD_TC = 1 << 12;
        /// Data writes become visible in order.
        const STRICT_ORDERING = 1 << 13;
        /// Fill with a 16-byte pattern.
        const FILL_PATTERN_16 = 1 << 18;
        const _ = 0xff_ffff;
    }
}

/// Operation code (DSA 8.1.4). Open: any byte can be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// Nothing but a completion.
    pub const NOP: Opcode = Opcode(0x00);
    /// Copy from source to destination.
    pub const MEMORY_MOVE: Opcode = Opcode(0x03);
    /// Repeat a pattern over the destination.
    pub const FILL: Opcode = Opcode(0x04);
}

/// A descriptor as it goes through a portal. Fields at the same bytes have one name here, whatever
/// an operation calls them: `src` holds the pattern of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Descriptor {
    /// PASID and privilege; only shared queues look at it.
    pub pasid: U32,
    flags_opcode: U32,
    /// Where the completion record goes, a multiple of 32.
    pub completion: U64,
    /// Source address, or the pattern of a fill.
    pub src: U64,
    /// Destination address.
    pub dst: U64,
    /// Transfer size in bytes.
    pub size: U32,
    /// Which interrupt to send if `RCI` is set.
    pub interrupt_handle: U16,
    /// Bytes 38 and 39, reserved.
    pub reserved: U16,
    /// Bytes 40 to 63, depending on the operation.
    pub specific: [u8; 24],
}

impl Descriptor {
    /// Size in bytes.
    pub const SIZE: usize = size_of::<Descriptor>();

    /// A descriptor with nothing but an operation.
    pub fn new(opcode: Opcode) -> Self {
        let mut descriptor = Self::new_zeroed();
        descriptor.set_opcode(opcode);
        descriptor
    }

    /// No operation.
    pub fn nop() -> Self {
        Self::new(Opcode::NOP)
    }

    /// Copy `size` bytes from `src` to `dst`.
    pub fn memory_move(src: u64, dst: u64, size: u32) -> Self {
        let mut descriptor = Self::new(Opcode::MEMORY_MOVE);
        descriptor.src = src.into();
        descriptor.dst = dst.into();
        descriptor.size = size.into();
        descriptor
    }

    /// Repeat the 8 bytes of `pattern`, lowest first, over `size` bytes at `dst`.
    pub fn fill(pattern: u64, dst: u64, size: u32) -> Self {
        let mut descriptor = Self::new(Opcode::FILL);
        descriptor.src = pattern.into();
        descriptor.dst = dst.into();
        descriptor.size = size.into();
        descriptor
    }

    /// Ask for a completion record at `address`, on success too.
    #[must_use]
    pub fn with_completion(mut self, address: u64) -> Self {
        self.completion = address.into();
        self.with_flags(Flags::CRAV | Flags::RCR)
    }

    /// Ask for the completion interrupt `handle`.
    #[must_use]
    pub fn with_interrupt(mut self, handle: u16) -> Self {
        self.interrupt_handle = handle.into();
        self.with_flags(Flags::RCI)
    }

    /// Set further flags.
    #[must_use]
    pub fn with_flags(mut self, flags: Flags) -> Self {
        self.flags_opcode = (self.flags_opcode.get() | flags.bits()).into();
        self
    }

    /// The operation code.
    pub fn opcode(&self) -> Opcode {
        Opcode((self.flags_opcode.get() >> 24) as u8)
    }

    /// Replace the operation code.
    pub fn set_opcode(&mut self, opcode: Opcode) {
        let flags = self.flags().bits();
        self.flags_opcode = (u32::from(opcode.0) << 24 | flags).into();
    }

    /// The flags.
    pub fn flags(&self) -> Flags {
        Flags::from_bits_retain(self.flags_opcode.get() & 0xff_ffff)
    }

    /// Replace all flags.
    pub fn set_flags(&mut self, flags: Flags) {
        let opcode = self.opcode();
        self.flags_opcode = (flags.bits() & 0xff_ffff).into();
        self.set_opcode(opcode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(descriptor: &Descriptor) -> [u64; 8] {
        let bytes = descriptor.as_bytes();
        std::array::from_fn(|i| u64::from_le_bytes(bytes[8 * i..][..8].try_into().unwrap()))
    }

    #[test]
    fn memory_move_has_the_layout_drivers_use() {
        let descriptor =
            Descriptor::memory_move(0x20_0000, 0x30_0000, 4096).with_completion(0x1000);

        let expected = [
            0x0300_000c_0000_0000,
            0x1000,
            0x20_0000,
            0x30_0000,
            0x1000,
            0,
            0,
            0,
        ];
        assert_eq!(words(&descriptor), expected);
    }

    #[test]
    fn interrupt_sets_the_flag_and_the_handle() {
        let descriptor = Descriptor::memory_move(0x20_0000, 0x30_0000, 4096)
            .with_completion(0x1000)
            .with_interrupt(1);

        assert_eq!(words(&descriptor)[0], 0x0300_001c_0000_0000);
        assert_eq!(words(&descriptor)[4], 0x0000_0001_0000_1000);
    }

    #[test]
    fn setting_the_opcode_keeps_the_flags() {
        let mut descriptor = Descriptor::nop().with_completion(0x40);

        descriptor.set_opcode(Opcode(0x3f));

        assert_eq!(descriptor.opcode(), Opcode(0x3f));
        assert_eq!(descriptor.flags(), Flags::CRAV | Flags::RCR);
    }

    #[test]
    fn setting_the_flags_keeps_the_opcode() {
        let mut descriptor = Descriptor::fill(0, 0x1000, 8);

        descriptor.set_flags(Flags::from_bits_retain(0x8000));

        assert_eq!(descriptor.opcode(), Opcode::FILL);
        assert_eq!(descriptor.flags().bits(), 0x8000);
    }
}
