// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// The bench of the management core (rtl/mgmt/bench/siov_rv32_bench.sv), as C functions for
// sim/src/rv32.rs. A bench starts in reset, where its memory can be written.

#pragma once

#include <cstdint>

class Rv32Bench;

extern "C" {

Rv32Bench* siov_rv32_new();
void siov_rv32_delete(Rv32Bench* bench);

/// Memory, by byte addresses that are multiples of 4. Writes only in reset.
void siov_rv32_write_word(Rv32Bench* bench, uint32_t address, uint32_t word);
uint32_t siov_rv32_read_word(Rv32Bench* bench, uint32_t address);

/// Leaves reset. `wait` is 0 to 15 extra cycles per access.
void siov_rv32_start(Rv32Bench* bench, uint32_t entry, uint32_t tohost, uint32_t wait);

/// Runs until the program is done or stuck, an assertion fails, or `max_cycles` have passed since
/// the start.
void siov_rv32_run(Rv32Bench* bench, uint64_t max_cycles);

/// 0 until the program has stored something else to `tohost`.
uint32_t siov_rv32_tohost(const Rv32Bench* bench);
/// In WFI with no interrupt to come.
bool siov_rv32_stuck(const Rv32Bench* bench);
/// What the model said when an assertion failed, else null.
const char* siov_rv32_failure(const Rv32Bench* bench);
uint64_t siov_rv32_cycles(const Rv32Bench* bench);
uint64_t siov_rv32_retired(const Rv32Bench* bench);
}
