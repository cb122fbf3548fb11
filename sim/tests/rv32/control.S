// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Branches and jumps.

.include "test.inc"

/// Forward and backward, taken or not.
.macro branch op, a, b, taken
    li a0, \a
    li a1, \b
    li a2, 0
    j 2f
  1:
    ori a2, a2, 2       // came by the backward branch
    j 4f
  2:
    \op a0, a1, 3f
    j 5f
  3:
    ori a2, a2, 1       // came by the forward branch
    \op a0, a1, 1b
  4:
  5:
    expect a2, 3 * \taken
.endm

begin

    branch beq, 5, 5, 1
    branch beq, 5, 6, 0
    branch bne, 5, 5, 0
    branch bne, 0x80000005, 5, 1
    branch blt, -1, 0, 1
    branch blt, 0, -1, 0
    branch blt, 3, 3, 0
    branch blt, 0x80000000, 0x7fffffff, 1
    branch bge, -1, 0, 0
    branch bge, 0, -1, 1
    branch bge, 3, 3, 1
    branch bltu, 0, -1, 1
    branch bltu, -1, 0, 0
    branch bltu, 3, 3, 0
    branch bltu, 0x80000000, 0x7fffffff, 0
    branch bgeu, 0, -1, 0
    branch bgeu, -1, 0, 1
    branch bgeu, 3, 3, 1

    // the link is the next instruction
    la a1, 1f
    jal a0, 2f
  1:
    j fail
  2:
    expect_same a0, a1

    // backwards
    j 2f
  1:
    j 3f
  2:
    jal a0, 1b
    j fail
  3:

    // JALR drops bit 0, adds its offset, and may link into its own base
    la a0, 2f + 1
    la a2, 1f
    jalr a1, 0(a0)
  1:
    j fail
  2:
    expect_same a1, a2
    la a0, 2f - 8
    la a2, 1f
    jalr a0, 8(a0)
  1:
    j fail
  2:
    expect_same a0, a2
    la a0, 1f + 2047
    jalr zero, -2047(a0)
    j fail
  1:

    // as far as a branch goes
    beq zero, zero, 1f
    j fail
  2:
    j 3f
    .zero 2000
  1:
    beq zero, zero, 2b
    j fail
  3:

    // a loop: 1 + 2 + ... + 100
    li a0, 0
    li a1, 100
  1:
    add a0, a0, a1
    addi a1, a1, -1
    bnez a1, 1b
    expect a0, 5050

    // recursion through memory: Fibonacci of 12
    la sp, stack
    li a0, 12
    call fibonacci
    expect a0, 144
    j 1f
  fibonacci:
    li t0, 2
    blt a0, t0, 2f
    addi sp, sp, -12
    sw ra, 0(sp)
    sw a0, 4(sp)
    addi a0, a0, -1
    call fibonacci
    sw a0, 8(sp)
    lw a0, 4(sp)
    addi a0, a0, -2
    call fibonacci
    lw t0, 8(sp)
    add a0, a0, t0
    lw ra, 0(sp)
    addi sp, sp, 12
  2:
    ret
  1:

    // as far as a jump goes, there and back
    jal ra, far
    j fail
  back:

end
    .zero 1024
  stack:

    .text
    .zero 0xd5a80
  far:
    j back
