// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! RV32IM with machine mode, as an interpreter: what the core is compared with. Written from the
//! specification's instruction tables, in another shape than the RTL on purpose.

use std::collections::BTreeMap;

use siov_sim::rv32::{MEM_BASES, MEM_BYTES};

/// A hart without interrupts. Memory is as on the bench, without the timer.
#[derive(Debug, Default)]
pub struct Reference {
    /// Words that are not there are 0.
    pub memory: BTreeMap<u32, u32>,
    x: [u32; 32],
    pc: u32,
    instret: u64,
    mstatus: u32,
    mie: u32,
    mtvec: u32,
    mscratch: u32,
    mepc: u32,
    mcause: u32,
    mtval: u32,
}

/// mcause and mtval.
struct Trap(u32, u32);

const MPP: u32 = 3 << 11;
const MPIE: u32 = 1 << 7;
const MIE: u32 = 1 << 3;

impl Reference {
    /// Out of reset, at PC 0.
    pub fn new(memory: BTreeMap<u32, u32>) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Runs one instruction, or enters the trap handler.
    pub fn step(&mut self) {
        match self.execute() {
            Ok(next) => {
                self.pc = next;
                self.x[0] = 0;
            }
            Err(Trap(cause, value)) => {
                self.mepc = self.pc;
                self.mcause = cause;
                self.mtval = value;
                self.mstatus = if self.mstatus & MIE != 0 { MPIE } else { 0 };
                self.pc = self.mtvec;
            }
        }
    }

    pub fn word(&self, address: u32) -> u32 {
        self.memory.get(&(address & !3)).copied().unwrap_or(0)
    }

    fn execute(&mut self) -> Result<u32, Trap> {
        let pc = self.pc;
        if !exists(pc) {
            return Err(Trap(1, pc));
        }
        let i = self.word(pc);
        let illegal = Trap(2, i);
        let rd = (i >> 7 & 31) as usize;
        let (a, b) = (
            self.x[(i >> 15 & 31) as usize],
            self.x[(i >> 20 & 31) as usize],
        );
        let (f3, f7) = (i >> 12 & 7, i >> 25);
        let i_imm = (i as i32 >> 20) as u32;
        let s_imm = (i as i32 >> 25 << 5) as u32 | (i >> 7 & 31);
        let b_imm =
            (i as i32 >> 31 << 12) as u32 | (i << 4 & 0x800) | (i >> 20 & 0x7e0) | (i >> 7 & 0x1e);
        let j_imm =
            (i as i32 >> 31 << 20) as u32 | (i & 0xff000) | (i >> 9 & 0x800) | (i >> 20 & 0x7fe);
        let mut next = pc.wrapping_add(4);
        let mut result = None;

        match i & 0x7f {
            0x37 => result = Some(i & 0xffff_f000),
            0x17 => result = Some(pc.wrapping_add(i & 0xffff_f000)),
            0x6f => {
                result = Some(next);
                next = aligned(pc.wrapping_add(j_imm))?;
            }
            0x67 if f3 == 0 => {
                result = Some(next);
                next = aligned(a.wrapping_add(i_imm) & !1)?;
            }
            0x63 => {
                let taken = match f3 {
                    0 => a == b,
                    1 => a != b,
                    4 => (a as i32) < b as i32,
                    5 => (a as i32) >= b as i32,
                    6 => a < b,
                    7 => a >= b,
                    _ => return Err(illegal),
                };
                if taken {
                    next = aligned(pc.wrapping_add(b_imm))?;
                }
            }
            0x03 => {
                let address = a.wrapping_add(i_imm);
                let size = match f3 {
                    0 | 4 => 1,
                    1 | 5 => 2,
                    2 => 4,
                    _ => return Err(illegal),
                };
                if address % size != 0 {
                    return Err(Trap(4, address));
                }
                if !exists(address) {
                    return Err(Trap(5, address));
                }
                let value = self.word(address) >> (8 * (address % 4));
                result = Some(match f3 {
                    0 => value as i8 as u32,
                    1 => value as i16 as u32,
                    4 => u32::from(value as u8),
                    5 => u32::from(value as u16),
                    _ => value,
                });
            }
            0x23 => {
                let address = a.wrapping_add(s_imm);
                let (size, mask) = match f3 {
                    0 => (1, 0xff),
                    1 => (2, 0xffff),
                    2 => (4, u32::MAX),
                    _ => return Err(illegal),
                };
                if address % size != 0 {
                    return Err(Trap(6, address));
                }
                if !exists(address) {
                    return Err(Trap(7, address));
                }
                let shift = 8 * (address % 4);
                let word = (self.word(address) & !(mask << shift)) | (b & mask) << shift;
                self.memory.insert(address & !3, word);
            }
            0x13 => {
                let shift = i_imm & 31;
                result = Some(match (f3, f7) {
                    (0, _) => a.wrapping_add(i_imm),
                    (1, 0) => a << shift,
                    (2, _) => u32::from((a as i32) < i_imm as i32),
                    (3, _) => u32::from(a < i_imm),
                    (4, _) => a ^ i_imm,
                    (5, 0) => a >> shift,
                    (5, 0x20) => (a as i32 >> shift) as u32,
                    (6, _) => a | i_imm,
                    (7, _) => a & i_imm,
                    _ => return Err(illegal),
                });
            }
            0x33 => {
                let (sa, sb) = (a as i32, b as i32);
                result = Some(match (f7, f3) {
                    (0, 0) => a.wrapping_add(b),
                    (0x20, 0) => a.wrapping_sub(b),
                    (0, 1) => a << (b & 31),
                    (0, 2) => u32::from(sa < sb),
                    (0, 3) => u32::from(a < b),
                    (0, 4) => a ^ b,
                    (0, 5) => a >> (b & 31),
                    (0x20, 5) => (sa >> (b & 31)) as u32,
                    (0, 6) => a | b,
                    (0, 7) => a & b,
                    (1, 0) => a.wrapping_mul(b),
                    (1, 1) => ((i64::from(sa) * i64::from(sb)) >> 32) as u32,
                    (1, 2) => ((i64::from(sa) * i64::from(b)) >> 32) as u32,
                    (1, 3) => ((u64::from(a) * u64::from(b)) >> 32) as u32,
                    (1, 4) if b == 0 => u32::MAX,
                    (1, 4) => sa.wrapping_div(sb) as u32,
                    (1, 5) => a.checked_div(b).unwrap_or(u32::MAX),
                    (1, 6) if b == 0 => a,
                    (1, 6) => sa.wrapping_rem(sb) as u32,
                    (1, 7) => a.checked_rem(b).unwrap_or(a),
                    _ => return Err(illegal),
                });
            }
            0x0f if f3 < 2 => {}
            0x73 if f3 == 0 => match i {
                0x0000_0073 => return Err(Trap(11, 0)),
                0x0010_0073 => return Err(Trap(3, pc)),
                0x3020_0073 => {
                    next = self.mepc;
                    self.mstatus = if self.mstatus & MPIE != 0 {
                        MIE | MPIE
                    } else {
                        MPIE
                    };
                }
                _ => return Err(illegal),
            },
            0x73 if f3 != 4 => {
                let source = (i >> 15) & 31;
                let operand = if f3 & 4 != 0 { source } else { a };
                let writes = f3 & 3 == 1 || source != 0;
                let old = self.csr(i >> 20, writes).ok_or(illegal)?;
                if writes {
                    self.write_csr(
                        i >> 20,
                        match f3 & 3 {
                            1 => operand,
                            2 => old | operand,
                            _ => old & !operand,
                        },
                    );
                }
                result = Some(old);
            }
            _ => return Err(illegal),
        }
        if let Some(value) = result {
            self.x[rd] = value;
        }
        self.instret += 1;
        Ok(next)
    }

    fn csr(&self, number: u32, write: bool) -> Option<u32> {
        let value = match number {
            0x300 => self.mstatus | MPP,
            0x301 => 0x4000_1100,
            0x304 => self.mie,
            0x305 => self.mtvec,
            0x340 => self.mscratch,
            0x341 => self.mepc,
            0x342 => self.mcause,
            0x343 => self.mtval,
            0xb02 | 0xc02 => self.instret as u32,
            0xb82 | 0xc82 => (self.instret >> 32) as u32,
            0x7a0
            | 0x7a1
            | 0x310
            | 0x344
            | 0x323..=0x33f
            | 0xb03..=0xb1f
            | 0xb83..=0xb9f
            | 0xf11..=0xf15 => 0,
            _ => return None,
        };
        (!write || number < 0xc00).then_some(value)
    }

    fn write_csr(&mut self, number: u32, value: u32) {
        match number {
            0x300 => self.mstatus = value & (MIE | MPIE),
            0x304 => self.mie = value & 0x800,
            0x305 => self.mtvec = value & !3,
            0x340 => self.mscratch = value,
            0x341 => self.mepc = value & !3,
            0x342 => self.mcause = value,
            0x343 => self.mtval = value,
            _ => {}
        }
    }
}

fn exists(address: u32) -> bool {
    MEM_BASES
        .iter()
        .any(|&base| address.wrapping_sub(base) < MEM_BYTES)
}

fn aligned(target: u32) -> Result<u32, Trap> {
    if target.is_multiple_of(4) {
        Ok(target)
    } else {
        Err(Trap(0, target))
    }
}
