// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Cycles each kind of instruction takes, with the fastest memory.

.include "test.inc"

.macro takes cycles, instruction:vararg
    csrr a4, mcycle
    \instruction
    csrr a5, mcycle
    sub a5, a5, a4
    expect a5, \cycles + 2      // a CSR instruction's own
.endm

begin

    li a0, 1000
    li a1, 7
    la a2, tohost
    takes 2, add a3, a0, a1
    takes 2, lui a3, 5
    takes 2, bne a0, a1, 4       // to the next instruction
    takes 2, beq a0, a1, 4
    takes 2, j 4
    takes 2, csrr a3, mscratch
    takes 2, fence
    takes 3, lw a3, 0(a2)
    takes 3, sw zero, 0(a2)
    takes 3, mul a3, a0, a1
    takes 35, div a3, a0, a1

end
