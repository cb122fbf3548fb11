// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Reset entry. RAM keeps what it held before a function-level reset and is not set up here: link.ld
// refuses variables that want a value before they are written.

  .section .start, "ax"
  .globl _start
_start:
  la sp, stack_top
  la t0, trapped
  csrw mtvec, t0
  li t0, 1 << 11 // mie.MEIE: the device's events end WFI; mstatus.MIE stays 0, nothing traps
  csrw mie, t0
  call main

// A trap is a defect of the firmware. The command that was under way stays active for all to see,
// and the core sleeps: without MEIE nothing ends WFI.
  .balign 4
trapped:
  csrw mie, zero
  wfi
  j trapped
