// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// The command logic as a program of this machine, for tests. Whoever runs it is the device: each
// access goes out as a line, and a read gets its value back as a line, all numbers in hexadecimal.
//
//   in   command CMD      out  done VALUE     carries out a command
//   in   halt             out  done 0         the device has halted
//   out  read ADDRESS     in   VALUE
//   out  write ADDRESS VALUE

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "siov_commands.h"
#include "siov_hal.h"

static char line[64];

static void get_line(void) {
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(0);
}

uint32_t hal_read(uint32_t address) {
  printf("read %" PRIx32 "\n", address);
  get_line();
  return (uint32_t)strtoul(line, NULL, 16);
}

void hal_write(uint32_t address, uint32_t value) {
  printf("write %" PRIx32 " %" PRIx32 "\n", address, value);
}

int main(void) {
  for (;;) {
    uint32_t done = 0;
    get_line();
    if (strncmp(line, "command ", 8) == 0) {
      done = siov_command((uint32_t)strtoul(line + 8, NULL, 16));
    } else {
      siov_halt();
    }
    printf("done %" PRIx32 "\n", done);
  }
}
