// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Reset entry. RAM keeps what it held before a function-level reset, so nothing relies on initial
// values but the zeros written here: link.ld refuses initialised data.

  .section .start, "ax"
  .globl _start
_start:
  la sp, stack_top
  la t0, trapped
  csrw mtvec, t0
  la t0, bss_start
  la t1, bss_end
1:
  bgeu t0, t1, 2f
  sw zero, 0(t0)
  addi t0, t0, 4
  j 1b
2:
  li t0, 1 << 11 // mie.MEIE: the device's events end WFI; mstatus.MIE stays 0, nothing traps
  csrw mie, t0
  call main

// A trap is a defect of the firmware. The command that was under way stays active for all to see.
  .balign 4
trapped:
  j trapped
