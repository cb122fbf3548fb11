// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// CSR instructions, each CSR, and the counters.

.include "test.inc"

/// A CSR that takes only some bits: write all ones, then all zeros.
.macro bits csr, ones, zeros
    li a0, -1
    csrw \csr, a0
    csrr a1, \csr
    expect a1, \ones
    csrw \csr, zero
    csrr a1, \csr
    expect a1, \zeros
.endm

begin

    // the six instructions, on a CSR that keeps all bits
    li a0, 0x0f0f0f0f
    csrw mscratch, a0
    li a1, 0x12345678
    csrrw a2, mscratch, a1
    expect a2, 0x0f0f0f0f
    li a1, 0x80000001
    csrrs a2, mscratch, a1
    expect a2, 0x12345678
    li a1, 0x00000079
    csrrc a2, mscratch, a1
    expect a2, 0x92345679
    csrrwi a2, mscratch, 31
    expect a2, 0x92345600
    csrrsi a2, mscratch, 0
    expect a2, 31
    csrrci a2, mscratch, 5
    expect a2, 31
    csrrsi a2, mscratch, 4
    expect a2, 26
    csrrw a2, mscratch, a2
    csrr a3, mscratch
    expect a2, 30
    expect a3, 26
    csrrw zero, mscratch, a2
    expect zero, 0
    csrrw a2, mscratch, zero
    expect a2, 30

    // which bits there are
    la s0, unexpected_trap
    bits mscratch, 0xffffffff, 0
    bits mepc, 0xfffffffc, 0
    bits mcause, 0xffffffff, 0
    bits mtval, 0xffffffff, 0
    bits mtvec, 0xfffffffc, 0
    csrw mtvec, s0
    bits mie, 0x800, 0
    bits mip, 0, 0
    bits misa, 0x40001100, 0x40001100
    bits mstatush, 0, 0
    bits tselect, 0, 0
    bits tdata1, 0, 0
    bits mhpmevent3, 0, 0
    bits mhpmcounter31, 0, 0
    bits mhpmcounter31h, 0, 0
    bits mstatus, 0x1888, 0x1800

    // read-only ones: reading is fine, writing is not, nor is writing nothing
    .irp csr, mvendorid, marchid, mimpid, mhartid
      csrr a0, \csr
      expect a0, 0
      csrrs a0, \csr, zero
      csrrci a0, \csr, 0
    .endr
    li a0, 7
    li t0, 26
    traps 2, 0xf14512f3, csrrw t0, mhartid, a0
    traps 2, 0xf14522f3, csrrs t0, mhartid, a0
    traps 2, 0xf140d073, csrwi mhartid, 1
    traps 2, 0xf14012f3, csrrw t0, mhartid, zero
    traps 2, 0xc0001073, csrw cycle, zero

    // what is not there
    traps 2, 0x180012f3, csrrw t0, satp, zero
    traps 2, 0x3a0022f3, csrr t0, pmpcfg0
    traps 2, 0x302022f3, csrr t0, medeleg
    traps 2, 0x7a8022f3, csrr t0, 0x7a8
    traps 2, 0x001022f3, csrr t0, fflags
    traps 2, 0xb01022f3, csrr t0, 0xb01
    traps 2, 0xc01022f3, csrr t0, time
    expect t0, 26                          // the trapped ones wrote nothing

    // counters
    csrr a0, minstret
    nop
    nop
    csrr a1, minstret
    sub a1, a1, a0
    expect a1, 3
    csrwi minstret, 5
    csrr a0, minstret
    csrr a1, instret
    expect a0, 5
    expect a1, 6
    li a0, -1
    csrw minstreth, zero
    csrw minstret, a0
    csrr a1, minstret
    csrr a2, minstret
    csrr a3, minstreth
    expect a1, 0xffffffff
    expect a2, 0
    expect a3, 1
    csrwi minstreth, 9
    csrr a1, instreth
    expect a1, 9

    csrr a0, mcycle
    csrr a1, cycle
    bgeu a0, a1, fail
    li a0, -100
    csrw mcycle, a0
    csrwi mcycleh, 3
    li a1, 100
  1:
    addi a1, a1, -1
    bnez a1, 1b
    csrr a0, mcycleh
    expect a0, 4
    csrr a0, cycleh
    expect a0, 4

end
