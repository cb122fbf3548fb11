// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// What the management core does all day: sleep until there is something, then do it.

#include "gen/siov_ctl_regs.h"
#include "siov_commands.h"
#include "siov_hal.h"

void main(void) {
  for (;;) {
    uint32_t events = hal_read(SIOV_CTL + SIOV_CTL_EVENTS_OFFSET);
    if (events & SIOV_CTL_EVENTS_HALT_MASK) {
      siov_halt();
    } else if (events & SIOV_CTL_EVENTS_COMMAND_MASK) {
      uint32_t cmd = hal_read(SIOV_CTL + SIOV_CTL_COMMAND_OFFSET);
      hal_write(SIOV_CTL + SIOV_CTL_DONE_OFFSET, siov_command(cmd));
    } else {
      __asm__ volatile("wfi");
    }
  }
}
