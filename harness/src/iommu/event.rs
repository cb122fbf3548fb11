// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupts of the IOMMU itself (VT-d 7.4). They are never remapped.

use super::regs;
use crate::pcie::Msi;

/// Control, data and address registers of one event.
#[derive(Debug)]
pub(super) struct Event {
    masked: bool,
    pending: bool,
    data: u32,
    address: u64,
}

impl Default for Event {
    /// Masked, as after reset.
    fn default() -> Self {
        Self {
            masked: true,
            pending: false,
            data: 0,
            address: 0,
        }
    }
}

impl Event {
    /// Something has happened: the message to send, unless the event is masked and has to wait.
    pub fn raise(&mut self) -> Option<Msi> {
        self.pending = true;
        self.send()
    }

    /// Software has seen to all that the event was raised for.
    pub fn served(&mut self) {
        self.pending = false;
    }

    fn send(&mut self) -> Option<Msi> {
        (self.pending && !self.masked).then(|| {
            self.pending = false;
            Msi {
                address: self.address,
                data: self.data,
            }
        })
    }

    /// Reads the register at `offset` from the control register.
    pub fn read(&self, offset: u32) -> u32 {
        match offset {
            0 => flag(self.masked, regs::IM) | flag(self.pending, regs::IP),
            regs::EVENT_DATA => self.data,
            regs::EVENT_ADDRESS => self.address as u32,
            _ => (self.address >> 32) as u32,
        }
    }

    /// Writes it; unmasking sends what waits.
    pub fn write(&mut self, offset: u32, value: u32) -> Option<Msi> {
        let (low, high) = (self.address & 0xffff_ffff, self.address >> 32 << 32);
        match offset {
            0 => self.masked = value & regs::IM != 0,
            regs::EVENT_DATA => self.data = value,
            regs::EVENT_ADDRESS => self.address = high | u64::from(value & !3),
            _ => self.address = low | u64::from(value) << 32,
        }
        self.send()
    }
}

/// `bits` if `set`.
pub(super) const fn flag(set: bool, bits: u32) -> u32 {
    if set { bits } else { 0 }
}
