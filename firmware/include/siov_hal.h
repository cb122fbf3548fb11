// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// The management core's view of the device: whole words at these addresses.

#ifndef SIOV_HAL_H
#define SIOV_HAL_H

#include <stdint.h>

#define SIOV_BAR0 0x10000000u // as the host sees it, but read-only fields can be written
#define SIOV_CTL 0x20000000u  // control block, gen/siov_ctl_regs.h

// For variables: RAM is neither loaded nor zeroed at reset, so all must be written before use.
#define SIOV_NOINIT __attribute__((section(".noinit")))

#ifdef __riscv

static inline uint32_t hal_read(uint32_t address) {
  return *(volatile const uint32_t *)address;
}

static inline void hal_write(uint32_t address, uint32_t value) {
  *(volatile uint32_t *)address = value;
}

#else

// On the build machine, whoever tests the firmware plays the device.
uint32_t hal_read(uint32_t address);
void hal_write(uint32_t address, uint32_t value);

#endif

#endif
