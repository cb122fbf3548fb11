// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Interrupts and WFI, with the bench's timer at 1000_0000h.

.include "test.inc"
begin

    li s0, 0x10000000
    li s1, 0x800                           // MEIE, MEIP

    // pending is visible though nothing is enabled
    csrr a0, mip
    expect a0, 0
    li a0, 1
    sw a0, 0(s0)
    nop
    csrr a0, mip
    expect a0, 0x800

    // WFI with one pending does not sleep; with MIE = 0 nothing traps
    csrs mie, s1
    wfi
    nop
    sw zero, 0(s0)
    csrr a0, mip
    expect a0, 0

    // WFI ends though MIE = 0, and goes on behind it
    li a0, 50
    sw a0, 0(s0)
    lw a1, 0(s0)
    beqz a1, fail
    wfi
    csrr a0, mip
    expect a0, 0x800
    lw a1, 0(s0)
    expect a1, 0

    // setting MIE then traps before the next instruction, which runs after MRET
    la t5, handler
    csrw mtvec, t5
    li s7, 0                               // interrupts taken
    li a0, 1
    csrsi mstatus, 8
  1:
    addi a0, a0, 1
    expect s7, 1
    expect a0, 2
    la t5, 1b
    expect_same s3, t5
    expect s2, 0x8000000b
    expect s4, 0

    // WFI with MIE = 1: the trap returns behind it
    li a0, 60
    sw a0, 0(s0)
    wfi
  1:
    expect s7, 2
    la t5, 1b
    expect_same s3, t5

    // mie masks
    csrc mie, s1
    li a0, 1
    sw a0, 0(s0)
    nop
    nop
    nop
    expect s7, 2
    csrs mie, s1
    nop
    expect s7, 3

    // in the middle of anything: 60 interrupts at every distance from the store that orders them
    li s8, 1
  1:
    li s7, 0
    sw s8, 0(s0)
    li a0, 1000
    li a1, 7
    la a5, scratch
    div a2, a0, a1
    mul a3, a2, a1
    sw a3, 0(a5)
    lw a4, 0(a5)
    rem a2, a0, a1
    add a2, a2, a4
    beq a2, a0, 2f
    j fail
  2:
    beqz s7, 2b
    expect s7, 1
    addi s8, s8, 1
    li t0, 60
    bne s8, t0, 1b

    // the handler's own code cannot be interrupted: MIE is 0 there, though another one pends
    la t5, 2f
    csrw mtvec, t5
    li a0, 1
    sw a0, 0(s0)
  1:
    j 1b
    .balign 4
  2:
    li a0, 1
    sw a0, 0(s0)
    nop
    nop
    csrr a0, mip
    expect a0, 0x800
    csrr a0, mstatus
    expect a0, 0x1880

end
    .balign 4
  scratch:
    .word 0

    .text
    .balign 4
  handler:                                 // counts, records, and stops the timer
    csrr s2, mcause
    csrr s3, mepc
    csrr s4, mtval
    addi s7, s7, 1
    sw zero, 0(s0)
    mret
