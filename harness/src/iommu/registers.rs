// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The register block (VT-d 11.4). Registers are accessed as dwords; a 64-bit access is one to
//! the lower and then one to the upper dword. Every command is done when its write returns.

use super::descriptor::{NARROW, WIDE};
use super::event::flag;
use super::{Iommu, TableMode, regs};
use crate::endpoint::Cycle;
use crate::mem::{Hpa, Memory};

/// Bytes of the block.
pub const SIZE: u32 = regs::FRCD + regs::FAULT_RECORDS as u32 * 16;

/// Commands of GCMD that stay on; the others are done once.
const LASTING: u32 = regs::TE | regs::QIE | regs::IRE | regs::CFI;
/// Bits of an offset into a queue of 32-byte or 16-byte entries, up to 512 KiB.
const QUEUE_OFFSET: u64 = 0x7_ffff;
const EVENT_END: u32 = regs::EVENT_UPPER_ADDRESS;

impl Iommu {
    /// Reads a quadword; `offset` is a multiple of 8.
    pub fn read64(&self, offset: u32) -> u64 {
        u64::from(self.read32(offset)) | u64::from(self.read32(offset + 4)) << 32
    }

    /// Reads a dword; `offset` is a multiple of 4. What is not a register reads 0.
    pub fn read32(&self, offset: u32) -> u32 {
        match offset {
            regs::VER => regs::VERSION,
            regs::GSTS => self.status,
            regs::FSTS => self.faults.read_status(),
            regs::ICS => flag(self.queue.completed, regs::IWC),
            regs::PRS => self.pages.status,
            regs::FECTL.. if offset <= regs::FECTL + EVENT_END => {
                self.faults.event.read(offset - regs::FECTL)
            }
            regs::IECTL.. if offset <= regs::IECTL + EVENT_END => {
                self.queue.event.read(offset - regs::IECTL)
            }
            regs::PECTL.. if offset <= regs::PECTL + EVENT_END => {
                self.pages.event.read(offset - regs::PECTL)
            }
            regs::FRCD..SIZE => self.faults.read_record(offset - regs::FRCD),
            _ => (self.quadword(offset & !7) >> (offset % 8 * 8)) as u32,
        }
    }

    /// The 64-bit register at `offset`.
    fn quadword(&self, offset: u32) -> u64 {
        match offset {
            regs::CAP => regs::CAPABILITIES,
            regs::ECAP => regs::EXTENDED_CAPABILITIES,
            regs::RTADDR => self.root_address,
            regs::IQH => self.queue.head,
            regs::IQT => self.queue.tail,
            regs::IQA => self.queue.address,
            regs::IQER => self.queue.error,
            regs::IRTA => self.remapping.address,
            regs::PQH => self.pages.head,
            regs::PQT => self.pages.tail,
            regs::PQA => self.pages.address,
            _ => 0,
        }
    }

    /// Writes a quadword; `offset` is a multiple of 8.
    pub fn write64(&mut self, memory: &Memory, now: Cycle, offset: u32, value: u64) {
        // The tail starts the queue: its upper half, always 0, must not come after that.
        self.write32(memory, now, offset, value as u32);
        self.write32(memory, now, offset + 4, (value >> 32) as u32);
    }

    /// Writes a dword; `offset` is a multiple of 4. Writes to what is not a register, or cannot be
    /// written, do nothing.
    pub fn write32(&mut self, memory: &Memory, now: Cycle, offset: u32, value: u32) {
        match offset {
            regs::GCMD => self.command(value),
            regs::FSTS => {
                self.faults.clear_status(value);
                if value & regs::IQE != 0 {
                    self.queue.error &= !0xf;
                }
            }
            regs::ICS if value & regs::IWC != 0 => {
                self.queue.completed = false;
                self.queue.event.served();
            }
            regs::PRS => {
                self.pages.status &= !value;
                if self.pages.status == 0 {
                    self.pages.event.served();
                }
            }
            regs::FECTL.. if offset <= regs::FECTL + EVENT_END => {
                let event = self.faults.event.write(offset - regs::FECTL, value);
                self.raise(event);
            }
            regs::IECTL.. if offset <= regs::IECTL + EVENT_END => {
                let event = self.queue.event.write(offset - regs::IECTL, value);
                self.raise(event);
            }
            regs::PECTL.. if offset <= regs::PECTL + EVENT_END => {
                let event = self.pages.event.write(offset - regs::PECTL, value);
                self.raise(event);
            }
            regs::FRCD..SIZE => self.faults.write_record(offset - regs::FRCD, value),
            _ => self.write_half(offset, value),
        }
        // Enabling it, moving the tail and clearing an error all may let the queue go on.
        self.run_queue(memory, now);
    }

    /// Writes half of a 64-bit register.
    fn write_half(&mut self, offset: u32, value: u32) {
        const ADDRESS: u64 = !0xfff;
        let (register, writable) = match offset & !7 {
            regs::RTADDR => (&mut self.root_address, ADDRESS | regs::TTM_ABORT),
            regs::IQT => (&mut self.queue.tail, QUEUE_OFFSET & !(NARROW - 1)),
            regs::IQA => (&mut self.queue.address, ADDRESS | regs::IQA_WIDE | 7),
            regs::IRTA => (&mut self.remapping.address, ADDRESS | regs::EIME | 0xf),
            regs::PQH => (&mut self.pages.head, QUEUE_OFFSET & !(WIDE - 1)),
            regs::PQT => (&mut self.pages.tail, QUEUE_OFFSET & !(WIDE - 1)),
            regs::PQA => (&mut self.pages.address, ADDRESS | 7),
            _ => return,
        };
        let shift = offset % 8 * 8;
        let mask = 0xffff_ffff_u64 << shift;
        *register = *register & !mask | u64::from(value) << shift & writable;
    }

    /// GCMD. Software changes one command at a time; a write that changes more is ignored, so that
    /// software waits in vain for its status.
    fn command(&mut self, value: u32) {
        let once = value & (regs::SRTP | regs::SIRTP);
        let lasting = (value ^ self.status) & LASTING;
        if (once | lasting).count_ones() != 1 {
            return;
        }
        match once | lasting {
            regs::SRTP => {
                self.root = Hpa(self.root_address & !0xfff);
                self.mode = TableMode::of(self.root_address);
            }
            regs::SIRTP => self.remapping.set_table(),
            regs::QIE => self.queue.reset(),
            _ => {}
        }
        self.status = self.status & !LASTING | value & LASTING | once;
        self.remapping
            .set_enabled(self.status & regs::IRE != 0, self.status & regs::CFI != 0);
        if self.status & (regs::TE | regs::IRE) == 0 {
            self.faults.restart();
        }
    }
}

impl TableMode {
    fn of(root_address: u64) -> Self {
        match root_address & regs::TTM_ABORT {
            0 => Self::Legacy,
            regs::TTM_SCALABLE => Self::Scalable,
            regs::TTM_ABORT => Self::Abort,
            _ => Self::Reserved,
        }
    }
}
