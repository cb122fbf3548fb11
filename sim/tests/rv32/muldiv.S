// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// The M extension, with the results that the specification gives for what cannot be divided.

.include "test.inc"
begin

    rr mul, 7, 6, 42
    rr mul, -7, 6, -42
    rr mul, 0x80000000, 0x80000000, 0
    rr mul, 0xffffffff, 0xffffffff, 1
    rr mul, 0x12345678, 0x9abcdef0, 0x242d2080
    rr mulh, 7, 6, 0
    rr mulh, -7, 6, -1
    rr mulh, 0x80000000, 0x80000000, 0x40000000
    rr mulh, 0x7fffffff, 0x7fffffff, 0x3fffffff
    rr mulh, 0x80000000, 0x7fffffff, 0xc0000000
    rr mulh, 0, -1, 0
    rr mulhsu, -1, 0xffffffff, 0xffffffff
    rr mulhsu, 0x80000000, 0xffffffff, 0x80000000
    rr mulhsu, 0x7fffffff, 0xffffffff, 0x7ffffffe
    rr mulhsu, 1, 0x80000000, 0
    rr mulhu, 0xffffffff, 0xffffffff, 0xfffffffe
    rr mulhu, 0x80000000, 2, 1
    rr mulhu, 0x80000000, 0x80000000, 0x40000000

    rr div, 20, 6, 3
    rr div, -20, 6, -3
    rr div, 20, -6, -3
    rr div, -20, -6, 3
    rr div, 0, 5, 0
    rr div, 3, 7, 0
    rr div, 0x80000000, 1, 0x80000000
    rr div, 0x80000000, -1, 0x80000000   // overflow
    rr div, 0x7fffffff, -1, 0x80000001
    rr div, 5, 0, -1
    rr div, -5, 0, -1
    rr div, 0, 0, -1
    rr div, 0x80000000, 0, -1
    rr divu, 20, 6, 3
    rr divu, 0xffffffff, 2, 0x7fffffff
    rr divu, 0x80000000, 0xffffffff, 0
    rr divu, 0xffffffff, 0xffffffff, 1
    rr divu, 5, 0, 0xffffffff
    rr divu, 0, 0, 0xffffffff
    rr rem, 20, 6, 2
    rr rem, -20, 6, -2
    rr rem, 20, -6, 2
    rr rem, -20, -6, -2
    rr rem, 0x80000000, -1, 0            // overflow
    rr rem, 0x80000000, 3, -2
    rr rem, 5, 0, 5
    rr rem, -5, 0, -5
    rr rem, 0x80000000, 0, 0x80000000
    rr remu, 20, 6, 2
    rr remu, 0xffffffff, 16, 15
    rr remu, 0x80000000, 0xffffffff, 0x80000000
    rr remu, 5, 0, 5
    rr remu, 0xfffffffb, 0, 0xfffffffb

    // back to back, each on the other's result, into its own operand
    li a0, 1000003
    li a1, 17
    mul a0, a0, a1
    div a0, a0, a1
    rem a1, a0, a1
    expect a0, 1000003
    expect a1, 12
    div zero, a0, a1
    expect zero, 0

end
