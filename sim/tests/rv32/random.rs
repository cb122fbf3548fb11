// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Random programs, run on the core and on the interpreter, which must agree on every register, on
//! memory, and on the number of instructions retired.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use siov_sim::rv32::{Bench, Outcome, Program};

use crate::reference::Reference;

// Memory of a random program. All code is below 800h, where JALR reaches it from x0.
const LOG: u32 = 0x40; // where the next trap is noted
const HANDLER: u32 = 0x80;
const CODE: u32 = 0x100;
const LENGTH: u32 = 400; // instructions
const DATA: u32 = 0x1800; // x29; loads and stores reach 2 KiB each way
const FIRST_DATA: u32 = -0x800_i32 as u32; // from DATA
const END_VALUES: u32 = 0x2800;
const TOHOST: u32 = 0x2900;
const NOTES: u32 = 0x4000;

// Registers from x28 on have one use each and are not changed by random instructions.
const NOWHERE: u32 = 28; // an address without memory
const BASE: u32 = 29;
const NOTE: u32 = 31;
const NOTED: u32 = 30;

struct Generator(ChaCha8Rng);

impl Generator {
    fn below(&mut self, limit: u32) -> u32 {
        self.0.next_u32() % limit
    }

    fn pick<const N: usize>(&mut self, from: [u32; N]) -> u32 {
        from[self.below(N as u32) as usize]
    }

    /// A number of the kind that finds bugs.
    fn value(&mut self) -> u32 {
        match self.below(4) {
            0 => self.pick([
                0,
                1,
                2,
                31,
                32,
                0x7fff_ffff,
                0x8000_0000,
                0x8000_0001,
                u32::MAX,
            ]),
            1 => self.below(64).wrapping_sub(32),
            2 => 1 << self.below(32),
            _ => self.0.next_u32(),
        }
    }

    /// One instruction at `pc`; jumps go a few instructions ahead.
    fn instruction(&mut self, pc: u32) -> u32 {
        let rd = self.below(28);
        let (rs1, rs2) = (self.below(32), self.below(32));
        let f3 = self.below(8);
        let imm = self.value() & 0xfff;
        let ahead = 4 * (1 + self.below(6));
        // Now and then to half an instruction.
        let ahead = if self.below(12) == 0 {
            ahead + 2
        } else {
            ahead
        };
        match self.below(20) {
            0..=3 => r_type(0x33, rd, f3, rs1, rs2, 0),
            4 => r_type(0x33, rd, self.pick([0, 5]), rs1, rs2, 0x20),
            5..=6 => r_type(0x33, rd, f3, rs1, rs2, 1),
            7..=9 if f3 == 1 || f3 == 5 => {
                i_type(0x13, rd, f3, rs1, (imm & 31) | self.pick([0, 0x400]))
            }
            7..=9 => i_type(0x13, rd, f3, rs1, imm),
            10 => self.0.next_u32() & !0xfff | rd << 7 | self.pick([0x17, 0x37]),
            11 => b_type(f3, rs1, rs2, ahead),
            12 => (ahead / 2) << 21 | rd << 7 | 0x6f, // JAL
            13 => i_type(0x67, rd, 0, 0, (pc + ahead) | self.below(2)),
            14..=15 => {
                let base = if self.below(16) == 0 {
                    self.pick([rs1, NOWHERE])
                } else {
                    BASE
                };
                i_type(0x03, rd, f3, base, self.aligned(imm, f3))
            }
            16..=17 => {
                let base = if self.below(16) == 0 { NOWHERE } else { BASE };
                s_type(f3, base, rs2, self.aligned(imm, f3))
            }
            18 => {
                let csr = self.pick([
                    0x300, 0x301, 0x304, 0x340, 0x341, 0x342, 0x343, 0x344, 0x310, 0xb03, 0x33f,
                    0xb02, 0xc82, 0xf11, 0xf14, 0x180, 0x306, 0x7c0,
                ]);
                // A counter is not set, so that it can be compared at the end.
                let source = if csr == 0xb02 { 0 } else { rs1 };
                let f3 = if csr == 0xb02 {
                    self.pick([2, 3, 6, 7])
                } else {
                    f3
                };
                match f3 {
                    0 | 4 => self.pick([0x0000_0073, 0x0010_0073, 0x0000_000f, 0x0000_100f]),
                    _ => i_type(0x73, rd, f3, source, csr),
                }
            }
            // Anything at all, with an opcode that nothing has, or a reserved funct7.
            _ => match self.below(2) {
                0 => self.0.next_u32() & !0x7f | self.pick([0x00, 0x2f, 0x3b, 0x53, 0x7b]),
                _ => r_type(0x33, rd, f3, rs1, rs2, self.below(128)),
            },
        }
    }

    /// Mostly what the access needs.
    fn aligned(&mut self, imm: u32, f3: u32) -> u32 {
        if self.below(12) == 0 {
            imm
        } else {
            imm & !((1 << (f3 & 3)) - 1)
        }
    }

    fn program(&mut self) -> BTreeMap<u32, u32> {
        let mut words = BTreeMap::from([(LOG, NOTES)]);
        let mut put = |at: &mut u32, word| {
            words.insert(*at, word);
            *at += 4;
        };

        let mut at = 0;
        put(&mut at, i_type(0x13, NOTE, 0, 0, HANDLER));
        put(&mut at, i_type(0x73, 0, 1, NOTE, 0x305)); // mtvec
        put(&mut at, 0x4000_0037 | NOWHERE << 7); // LUI
        put(&mut at, 0x0000_1037 | BASE << 7);
        put(&mut at, i_type(0x13, BASE, 0, BASE, 0x7ff)); // DATA is 1000h + 800h
        put(&mut at, i_type(0x13, BASE, 0, BASE, 1));
        let to_code = CODE - at;
        put(&mut at, ((to_code / 2) << 21) | 0x6f); // JAL

        // Note mcause, mtval and mepc; go on at the next instruction.
        let mut at = HANDLER;
        put(&mut at, i_type(0x03, NOTE, 2, 0, LOG));
        for (offset, csr) in [(0, 0x342), (4, 0x343), (8, 0x341)] {
            put(&mut at, i_type(0x73, NOTED, 2, 0, csr));
            put(&mut at, s_type(2, NOTE, NOTED, offset));
        }
        put(&mut at, i_type(0x13, NOTE, 0, NOTE, 12));
        put(&mut at, s_type(2, 0, NOTE, LOG));
        put(&mut at, i_type(0x13, NOTED, 0, NOTED, 4));
        put(&mut at, i_type(0x73, 0, 1, NOTED, 0x341));
        put(&mut at, 0x3020_0073);

        let mut at = CODE;
        for register in 1..28 {
            put(
                &mut at,
                i_type(0x03, register, 2, BASE, FIRST_DATA + 4 * register),
            );
        }
        for _ in 0..LENGTH {
            let word = self.instruction(at);
            put(&mut at, word);
        }
        for _ in 0..8 {
            put(&mut at, 0x0000_0013); // NOP: where the last jumps go
        }
        put(&mut at, 0x0000_2037 | BASE << 7); // LUI
        put(&mut at, i_type(0x13, BASE, 0, BASE, 0x7ff));
        put(&mut at, i_type(0x13, BASE, 0, BASE, 1)); // END_VALUES
        for register in 0..32 {
            put(&mut at, s_type(2, BASE, register, 4 * register));
        }
        put(&mut at, i_type(0x73, 1, 2, 0, 0xb02)); // minstret
        put(&mut at, s_type(2, BASE, 1, 4 * 32));
        put(&mut at, i_type(0x13, 1, 0, 0, 1));
        put(&mut at, s_type(2, BASE, 1, TOHOST - END_VALUES));

        for address in (DATA - 0x800..DATA + 0x800).step_by(4) {
            words.insert(address, self.value());
        }
        words
    }
}

fn i_type(opcode: u32, rd: u32, f3: u32, rs1: u32, imm: u32) -> u32 {
    (imm & 0xfff) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode
}

fn r_type(opcode: u32, rd: u32, f3: u32, rs1: u32, rs2: u32, f7: u32) -> u32 {
    i_type(opcode, rd, f3, rs1, f7 << 5 | rs2)
}

fn s_type(f3: u32, rs1: u32, rs2: u32, imm: u32) -> u32 {
    i_type(0x23, imm & 31, f3, rs1, imm & 0xfe0 | rs2)
}

/// `ahead` is less than 32.
fn b_type(f3: u32, rs1: u32, rs2: u32, ahead: u32) -> u32 {
    i_type(0x63, ahead & 0x1e, f3, rs1, rs2)
}

fn compare(seed: u64, wait: u8) {
    let words = Generator(ChaCha8Rng::seed_from_u64(seed)).program();
    let mut reference = Reference::new(words.clone());
    let mut steps = 0;
    while reference.word(TOHOST) == 0 {
        reference.step();
        steps += 1;
        assert!(
            steps < 100_000,
            "seed {seed}: the random program does not end"
        );
    }

    let program = Program::new(0, TOHOST, words).unwrap();
    let mut bench = Bench::new(&program, wait);
    let report = bench.run(10_000_000).unwrap();

    assert_eq!(
        report.outcome,
        Outcome::ToHost(1),
        "seed {seed}, wait {wait}"
    );
    for (&address, &want) in &reference.memory {
        let got = bench.word(address).unwrap();
        assert_eq!(
            got, want,
            "seed {seed}, wait {wait}: core (left) and interpreter (right) differ at {address:#x} \
             (registers from {END_VALUES:#x}, traps from {NOTES:#x})",
        );
    }
}

#[test]
fn random_programs_do_on_the_core_what_they_do_on_the_interpreter() {
    for seed in 0..200 {
        compare(seed, 0);
    }
}

#[test]
fn random_programs_do_the_same_with_slow_memory() {
    for seed in 1000..1050 {
        compare(seed, (seed % 16) as u8);
    }
}
