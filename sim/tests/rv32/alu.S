// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// OP, OP-IMM, LUI, AUIPC.

.include "test.inc"
begin

    rr add, 3, 7, 10
    rr add, 0xffffffff, 1, 0
    rr add, 0x7fffffff, 1, 0x80000000
    rr add, 0x80000000, 0x80000000, 0
    rr sub, 3, 7, -4
    rr sub, 0, 1, 0xffffffff
    rr sub, 0x80000000, 1, 0x7fffffff
    ri addi, 5, -6, -1
    ri addi, 0, 2047, 2047
    ri addi, 0, -2048, 0xfffff800
    ri addi, 0x7fffffff, 1, 0x80000000

    rr and, 0xff00ff00, 0x0f0f0f0f, 0x0f000f00
    rr or, 0xff00ff00, 0x0f0f0f0f, 0xff0fff0f
    rr xor, 0xff00ff00, 0x0f0f0f0f, 0xf00ff00f
    ri andi, 0xffffffff, 0x70f, 0x70f
    ri andi, 0xff00ff00, -256, 0xff00ff00
    ri ori, 0xff00ff00, 0xf0, 0xff00fff0
    ri ori, 0, -1, 0xffffffff
    ri xori, 0x00ff00ff, -1, 0xff00ff00
    ri xori, 0xff0, 0x70f, 0x8ff

    rr sll, 1, 0, 1
    rr sll, 1, 31, 0x80000000
    rr sll, 0xffffffff, 31, 0x80000000
    rr sll, 3, 33, 6                     // only the low 5 bits count
    rr sll, 5, 0xffffffe0, 5
    rr srl, 0x80000000, 31, 1
    rr srl, 0xffffffff, 1, 0x7fffffff
    rr srl, 0x80000000, 32, 0x80000000
    rr sra, 0x80000000, 31, 0xffffffff
    rr sra, 0x7fffffff, 31, 0
    rr sra, 0x80000000, 0, 0x80000000
    rr sra, 0x81818181, 63, 0xffffffff
    rr sra, 0x81818181, 7, 0xff030303
    ri slli, 1, 31, 0x80000000
    ri slli, 0x21212121, 0, 0x21212121
    ri srli, 0x80000000, 31, 1
    ri srli, 0x21212121, 14, 0x8484
    ri srai, 0x80000000, 31, 0xffffffff
    ri srai, 0x7fffffff, 1, 0x3fffffff
    ri srai, 0x81818181, 14, 0xfffe0606

    rr slt, 0, 0, 0
    rr slt, 0x80000000, 0x7fffffff, 1
    rr slt, 0x7fffffff, 0x80000000, 0
    rr slt, -1, 0, 1
    rr sltu, 0x80000000, 0x7fffffff, 0
    rr sltu, 0x7fffffff, 0x80000000, 1
    rr sltu, 0, -1, 1
    rr sltu, 7, 7, 0
    ri slti, -5, -4, 1
    ri slti, -4, -5, 0
    ri slti, 0x80000000, 0, 1
    ri sltiu, 5, -1, 1                   // the immediate is sign-extended, then unsigned
    ri sltiu, 0xffffffff, -1, 0
    ri sltiu, 0, 1, 1

    lui a0, 0x80000
    expect a0, 0x80000000
    lui a0, 0xfffff
    expect a0, 0xfffff000
    la a1, 1f
  1:
    auipc a0, 0
    expect_same a0, a1
    la a1, 1f
  1:
    auipc a0, 0xfffff
    addi a0, a0, 0
    lui a2, 1
    add a0, a0, a2
    expect_same a0, a1

    // x0 stays 0
    li a0, 5
    add zero, a0, a0
    expect zero, 0
    lui zero, 0xabcde
    expect zero, 0
    la t0, tohost
    lw zero, 0(t0)
    expect zero, 0

    // source and destination may be one register
    li a0, 13
    add a0, a0, a0
    expect a0, 26
    sub a0, a0, a0
    expect a0, 0

    // each register keeps its own value
    .irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29
      li x\n, 0x01010101 * \n
    .endr
    .irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29
      expect x\n, 0x01010101 * \n
    .endr

end
