// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Loads, stores, fences.

.include "test.inc"
begin

    la s0, data
    lw a0, 0(s0)
    expect a0, 0x83828180
    lw a0, 4(s0)
    expect a0, 0x04030201

    // sign and zero extension at each byte
    .irp n, 0,1,2,3
      lb a0, \n(s0)
      expect a0, 0xffffff80 + \n
      lbu a0, \n(s0)
      expect a0, 0x80 + \n
      lb a0, 4+\n(s0)
      expect a0, 1 + \n
      lbu a0, 4+\n(s0)
      expect a0, 1 + \n
    .endr
    lh a0, 0(s0)
    expect a0, 0xffff8180
    lh a0, 2(s0)
    expect a0, 0xffff8382
    lhu a0, 0(s0)
    expect a0, 0x8180
    lhu a0, 2(s0)
    expect a0, 0x8382
    lh a0, 6(s0)
    expect a0, 0x0403

    // stores change their own bytes only
    la s1, scratch
    li a1, 0x12345678
    .irp n, 0,1,2,3
      li a0, -1
      sw a0, 0(s1)
      sb a1, \n(s1)
      lw a0, 0(s1)
      expect a0, 0xffffffff - (0x87 << (8 * \n))
    .endr
    .irp n, 0,2
      sw zero, 0(s1)
      sh a1, \n(s1)
      lw a0, 0(s1)
      expect a0, 0x5678 << (8 * \n)
    .endr
    sw a1, 4(s1)
    lw a0, 4(s1)
    expect a0, 0x12345678
    sb zero, 4(s1)
    lhu a0, 4(s1)
    expect a0, 0x5600

    // negative and large offsets
    la s2, scratch + 2047
    li a1, 77
    sb a1, -2047(s2)
    lbu a0, -2047(s2)
    expect a0, 77
    la s2, scratch - 2047
    lbu a0, 2047(s2)
    expect a0, 77
    la s2, scratch + 2048
    lbu a0, -2048(s2)
    expect a0, 77

    // a load may overwrite its base, a store may store it
    la a0, data
    lw a0, 4(a0)
    expect a0, 0x04030201
    la a0, scratch
    sw a0, 0(a0)
    lw a1, 0(a0)
    expect_same a0, a1

    fence
    fence rw, rw
    fence.tso

    // code that is written, then run
    la a0, 1f
    la a1, 2f
    lw a2, 0(a1)
    sw a2, 0(a0)
    fence.i
  1:
    li a3, 1
    expect a3, 2
    j 3f
  2:
    li a3, 2
  3:

    // 64 bytes copied byte by byte, then compared word by word
    la a0, scratch
    la a1, data
    li a2, 64
  1:
    lbu a3, 0(a1)
    sb a3, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
    la a0, scratch
    la a1, data
    li a2, 16
  1:
    lw a3, 0(a0)
    lw a4, 0(a1)
    expect_same a3, a4
    addi a0, a0, 4
    addi a1, a1, 4
    addi a2, a2, -1
    bnez a2, 1b

end
    .balign 4
  data:
    .word 0x83828180, 0x04030201
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14
      .word 0x9e3779b9 * \n & 0xffffffff
    .endr
  scratch:
    .zero 64
