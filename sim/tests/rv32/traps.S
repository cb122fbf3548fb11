// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Exceptions: cause, mepc, mtval, and that the instruction did nothing.

.include "test.inc"
begin

    // nothing but RV32IM, Zicsr, MRET and WFI is an instruction
    .irp word, 0x00000000, 0xffffffff, 0x00000001, 0x0000006b, 0x0000002f, 0x00000053
      traps 2, \word, .word \word
    .endr
    traps 2, 0x00003003, .word 0x00003003  // LD
    traps 2, 0x00006003, .word 0x00006003  // LWU
    traps 2, 0x00007003, .word 0x00007003
    traps 2, 0x00003023, .word 0x00003023  // SD
    traps 2, 0x00002063, .word 0x00002063  // branch, funct3 2
    traps 2, 0x00003063, .word 0x00003063
    traps 2, 0x00001067, .word 0x00001067  // JALR, funct3 1
    traps 2, 0x0000200f, .word 0x0000200f  // MISC-MEM, funct3 2
    traps 2, 0x40001013, .word 0x40001013  // SLLI with SRAI's funct7
    traps 2, 0x02001013, .word 0x02001013  // shift by 32
    traps 2, 0x02005013, .word 0x02005013
    traps 2, 0x80005013, .word 0x80005013
    traps 2, 0x40001033, .word 0x40001033  // SLL with SUB's funct7
    traps 2, 0x40007033, .word 0x40007033
    traps 2, 0x04000033, .word 0x04000033
    traps 2, 0x42000033, .word 0x42000033
    traps 2, 0x00004073, .word 0x00004073  // SYSTEM, funct3 4
    traps 2, 0x10200073, .word 0x10200073  // SRET
    traps 2, 0x12000073, .word 0x12000073  // SFENCE.VMA
    traps 2, 0x00008073, .word 0x00008073  // ECALL with rs1
    traps 2, 0x302000f3, .word 0x302000f3  // MRET with rd
    traps 2, 0x00200073, .word 0x00200073  // URET

    traps 11, 0, ecall
    csrr a0, mepc
    la a1, 1f
    la t5, recording_trap
    csrw mtvec, t5
    la s5, 2f
  1:
    ebreak
  2:
    la t5, unexpected_trap
    csrw mtvec, t5
    expect s2, 3
    expect_same s3, a1
    expect_same s4, a1

    // loads and stores across their size; no register and no memory changes
    li s0, 0x80100000
    li a0, 42
    sw a0, 0(s0)
    sw a0, 4(s0)
    traps 4, 0x80100001, lh a0, 1(s0)
    traps 4, 0x80100003, lhu a0, 3(s0)
    traps 4, 0x80100001, lw a0, 1(s0)
    traps 4, 0x80100002, lw a0, 2(s0)
    traps 4, 0x80100003, lw a0, 3(s0)
    expect a0, 42
    li a1, -1
    traps 6, 0x80100001, sh a1, 1(s0)
    traps 6, 0x80100003, sh a1, 3(s0)
    traps 6, 0x80100001, sw a1, 1(s0)
    traps 6, 0x80100002, sw a1, 2(s0)
    traps 6, 0x80100003, sw a1, 3(s0)
    lw a0, 0(s0)
    expect a0, 42
    lw a0, 4(s0)
    expect a0, 42

    // nothing is there
    li s0, 0x40000000
    traps 5, 0x40000000, lw a0, 0(s0)
    traps 5, 0x40000003, lb a0, 3(s0)
    traps 5, 0x40000002, lhu a0, 2(s0)
    expect a0, 42
    traps 7, 0x40000004, sw a0, 4(s0)
    traps 7, 0x3fffffff, sb a0, -1(s0)
    traps 4, 0x40000001, lw a0, 1(s0)      // misaligned comes first

    // jumps and branches that are taken to half an instruction; no link
    li a0, 42
    la a1, 1f + 2
    la t5, recording_trap
    csrw mtvec, t5
    la s5, 2f
  1:
    jalr a0, 0(a1)
  2:
    expect s2, 0
    la t5, 1b
    expect_same s3, t5
    expect_same s4, a1
    expect a0, 42
    la s5, 2f
  1:
    .word 0x0020056f                       // JAL a0, . + 2
  2:
    expect s2, 0
    la t5, 1b
    expect_same s3, t5
    addi t5, t5, 2
    expect_same s4, t5
    expect a0, 42
    la s5, 2f
    li s2, -1
  1:
    .word 0x00000163                       // BEQ zero, zero, . + 2
  2:
    expect s2, 0
    la t5, 1b
    expect_same s3, t5
    addi t5, t5, 2
    expect_same s4, t5
    li s2, -1
    .word 0x00001163                       // BNE zero, zero, . + 2: not taken
    expect s2, -1

    // a jump to nowhere traps there
    li a0, 0x40000000
    la s5, 1f
    jalr a1, 0(a0)
  1:
    expect s2, 1
    expect_same s3, a0
    expect_same s4, a0
    la t5, 1b
    expect_same a1, t5                     // the jump itself was carried out

    // a trap moves MIE to MPIE, MRET moves it back
    la t5, 2f
    csrw mtvec, t5
    csrsi mstatus, 8
    ecall
    j 3f
    .balign 4
  2:
    csrr a0, mstatus
    expect a0, 0x1880
    la t5, 3f
    csrw mepc, t5
    mret
  3:
    csrr a0, mstatus
    expect a0, 0x1888
    csrci mstatus, 8
    la t5, 4f
    csrw mepc, t5
    mret
    j fail
  4:
    csrr a0, mstatus
    expect a0, 0x1888                      // MRET left MPIE set

end
