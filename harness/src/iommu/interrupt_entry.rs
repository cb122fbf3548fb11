// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Bits of interrupt remapping table entries (VT-d 9.9, 9.10) and of the requests that name them
//! (VT-d 5.1).

use crate::mem::Hpa;
use crate::pcie::{Bdf, Msi};

const PRESENT: u64 = 1 << 0;
const FPD: u64 = 1 << 1;
const POSTED: u64 = 1 << 15;
/// Second quadword: SVT 01b, all of the source ID is compared.
const CHECK_SOURCE: u64 = 0b01 << 18;

/// Start of the interrupt range.
const INTERRUPTS: u64 = 0xfee0_0000;
/// Address of an interrupt request: remappable format.
const REMAPPABLE: u64 = 1 << 4;
/// Address of an interrupt request: the data holds a subhandle.
const SHV: u64 = 1 << 3;

/// The message that a device sends to have entry `index` looked up.
pub const fn remappable_message(index: u16) -> Msi {
    let handle = index as u64;
    Msi {
        address: INTERRUPTS | (handle & 0x7fff) << 5 | REMAPPABLE | SHV | handle >> 15 << 2,
        data: 0,
    }
}

/// An interrupt request of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InterruptRequest {
    /// Says itself where it goes.
    Compatibility,
    /// Names an entry; `reserved`: with a subhandle of more than 16 bits.
    Remappable { index: u32, reserved: bool },
}

impl InterruptRequest {
    pub fn new(address: u64, data: u32) -> Self {
        if address & REMAPPABLE == 0 {
            return Self::Compatibility;
        }
        let handle = (address >> 5 & 0x7fff | (address >> 2 & 1) << 15) as u32;
        let (subhandle, reserved) = match address & SHV {
            0 => (0, 0),
            _ => (data & 0xffff, data >> 16),
        };
        Self::Remappable {
            index: handle + subhandle,
            reserved: reserved != 0,
        }
    }
}

/// Where an interrupt goes: the message that CPU `destination` gets. Destinations beyond 8 bits
/// are those of x2APIC.
pub const fn cpu_message(destination: u32, vector: u8) -> Msi {
    let (low, high) = (destination as u64 & 0xff, destination as u64 >> 8);
    Msi {
        address: high << 40 | INTERRUPTS | low << 12,
        data: vector as u32,
    }
}

/// Interrupt remapping table entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterruptEntry(pub [u64; 2]);

impl InterruptEntry {
    /// Bytes.
    pub const ENTRY_SIZE: u64 = 16;

    /// Interrupts of `source` go to `vector` of CPU `destination` (xAPIC: below 256).
    pub const fn remapped(source: Bdf, destination: u32, vector: u8, x2apic: bool) -> Self {
        let destination = if x2apic {
            destination
        } else {
            (destination & 0xff) << 8
        };
        Self([
            (destination as u64) << 32 | (vector as u64) << 16 | PRESENT,
            CHECK_SOURCE | source.raw() as u64,
        ])
    }

    /// Interrupts of `source` are posted as `vector` in the descriptor at `descriptor`.
    pub const fn posted(source: Bdf, descriptor: Hpa, vector: u8) -> Self {
        const LOW: u64 = 0xffff_ffc0;
        Self([
            (descriptor.0 & LOW) << 32 | (vector as u64) << 16 | POSTED | PRESENT,
            descriptor.0 >> 32 << 32 | CHECK_SOURCE | source.raw() as u64,
        ])
    }

    /// The same entry with URG set: notifies even where the descriptor suppresses it.
    pub const fn urgent(mut self) -> Self {
        self.0[0] |= 1 << 14;
        self
    }

    /// P.
    pub const fn present(self) -> bool {
        self.0[0] & PRESENT != 0
    }

    /// FPD: qualified faults are not reported.
    pub const fn fpd(self) -> bool {
        self.0[0] & FPD != 0
    }

    /// IM: the interrupt is posted.
    pub const fn is_posted(self) -> bool {
        self.0[0] & POSTED != 0
    }

    /// Whether a reserved bit is set or a field has a reserved value.
    pub(super) const fn reserved(self, x2apic: bool) -> bool {
        const POSTED_LOW: u64 = 0x3f_ff00_30fc;
        const REMAPPED_LOW: u64 = 0xff00_7000;
        const XAPIC_DESTINATION: u64 = 0xffff_00ff << 32;
        let [low, high] = self.0;
        let source_check = high >> 18 & 3 == 3;
        if self.is_posted() {
            return source_check || low & POSTED_LOW != 0 || high & 0xfff0_0000 != 0;
        }
        source_check
            || low & REMAPPED_LOW != 0
            || high >> 20 != 0
            || !x2apic && low & XAPIC_DESTINATION != 0
            || matches!(low >> 5 & 7, 3 | 6)
    }

    /// Whether interrupts of `source` may use the entry.
    pub(super) const fn accepts(self, source: Bdf) -> bool {
        let high = self.0[1];
        let (id, source) = (high as u16, source.raw());
        match high >> 18 & 3 {
            0 => true,
            1 => {
                let ignored = [0, 0b100, 0b110, 0b111][(high >> 16 & 3) as usize];
                (id ^ source) & !ignored == 0
            }
            _ => {
                let bus = source >> 8;
                id >> 8 <= bus && bus <= id & 0xff
            }
        }
    }

    /// The vector.
    pub const fn vector(self) -> u8 {
        (self.0[0] >> 16) as u8
    }

    /// URG.
    pub const fn is_urgent(self) -> bool {
        self.0[0] & 1 << 14 != 0
    }

    /// Remapped: the message that the CPU gets, with RH, DM, delivery mode and trigger mode where
    /// a message in compatibility format has them.
    pub(super) const fn message(self, x2apic: bool) -> Msi {
        let low = self.0[0];
        let destination = if x2apic {
            (low >> 32) as u32
        } else {
            (low >> 40) as u32 & 0xff
        };
        let plain = cpu_message(destination, self.vector());
        let (dm, rh, tm, dlm) = (low >> 2 & 1, low >> 3 & 1, low >> 4 & 1, low >> 5 & 7);
        Msi {
            address: plain.address | rh << 3 | dm << 2,
            data: plain.data | (dlm << 8 | tm << 15 | tm << 14) as u32,
        }
    }

    /// Posted: where the descriptor is.
    pub const fn descriptor(self) -> Hpa {
        let [low, high] = self.0;
        Hpa(high >> 32 << 32 | low >> 32 & 0xffff_ffc0)
    }
}
