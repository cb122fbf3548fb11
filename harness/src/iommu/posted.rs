// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Posted-interrupt descriptors (VT-d 9.11): a bit for each vector of a virtual CPU, set by the
//! IOMMU and cleared by the physical CPU that runs it.

use super::interrupt_entry::cpu_message;
use crate::mem::{Hpa, Memory, MemoryError};
use crate::pcie::Msi;

/// Quadwords of PIR.
const VECTORS: usize = 4;
/// ON, SN, NV and NDST are in the quadword behind PIR.
const CONTROL: u64 = 32;
const ON: u64 = 1 << 0;
const SN: u64 = 1 << 1;
/// Reserved bits of that quadword.
const RESERVED: u64 = 0xff00_fffc;

/// A descriptor in memory. One thread runs everything, so that reading and writing it back is
/// atomic.
#[derive(Clone, Debug)]
pub struct PostedDescriptor {
    memory: Memory,
    address: Hpa,
}

/// What posting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posting {
    /// The physical CPU is to be told.
    Notify(Msi),
    /// It has been told already, or does not want to be.
    Quiet,
    /// A reserved bit is set: nothing was posted.
    Reserved,
}

impl PostedDescriptor {
    /// Bytes, and alignment.
    pub const SIZE: u64 = 64;

    /// The descriptor at `address`.
    pub fn at(memory: &Memory, address: Hpa) -> Self {
        Self {
            memory: memory.clone(),
            address,
        }
    }

    /// Where it is.
    pub fn address(&self) -> Hpa {
        self.address
    }

    fn control(&self) -> Result<u64, MemoryError> {
        self.memory.read_u64(self.address.offset(CONTROL))
    }

    fn set_control(&self, control: u64) -> Result<(), MemoryError> {
        self.memory.write_u64(self.address.offset(CONTROL), control)
    }

    /// NV and NDST: notifications go to `vector` of CPU `destination` (xAPIC: below 256).
    pub fn set_notification(
        &self,
        destination: u32,
        vector: u8,
        x2apic: bool,
    ) -> Result<(), MemoryError> {
        let destination = if x2apic {
            destination
        } else {
            (destination & 0xff) << 8
        };
        let kept = self.control()? & (ON | SN);
        self.set_control(kept | u64::from(vector) << 16 | u64::from(destination) << 32)
    }

    /// SN: only urgent interrupts notify.
    pub fn suppress(&self, suppress: bool) -> Result<(), MemoryError> {
        let control = self.control()? & !SN;
        self.set_control(if suppress { control | SN } else { control })
    }

    /// What the CPU does when it is notified: clears ON and takes PIR, bit n for vector n.
    pub fn take(&self) -> Result<[u64; VECTORS], MemoryError> {
        self.set_control(self.control()? & !ON)?;
        let mut vectors = [0; VECTORS];
        for (i, word) in vectors.iter_mut().enumerate() {
            let at = self.address.offset(i as u64 * 8);
            *word = self.memory.read_u64(at)?;
            self.memory.write_u64(at, 0)?;
        }
        Ok(vectors)
    }

    /// What the IOMMU does with an interrupt.
    pub(super) fn post(
        &self,
        vector: u8,
        urgent: bool,
        x2apic: bool,
    ) -> Result<Posting, MemoryError> {
        let control = self.control()?;
        let destination = (control >> 32) as u32;
        let (destination, unused) = match x2apic {
            true => (destination, 0),
            false => (destination >> 8 & 0xff, destination & 0xffff_00ff),
        };
        let mut rest = [0; (Self::SIZE - CONTROL) as usize - 8];
        self.memory
            .read(self.address.offset(CONTROL + 8), &mut rest)?;
        if control & RESERVED != 0 || unused != 0 || rest.iter().any(|&byte| byte != 0) {
            return Ok(Posting::Reserved);
        }
        let at = self.address.offset(u64::from(vector / 64) * 8);
        let word = self.memory.read_u64(at)?;
        self.memory.write_u64(at, word | 1 << (vector % 64))?;
        if control & ON != 0 || control & SN != 0 && !urgent {
            return Ok(Posting::Quiet);
        }
        self.set_control(control | ON)?;
        Ok(Posting::Notify(cpu_message(
            destination,
            (control >> 16) as u8,
        )))
    }
}
