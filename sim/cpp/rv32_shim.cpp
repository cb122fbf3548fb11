// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#include "rv32_shim.h"

#include "Vsiov_rv32_bench.h"
#include "console.h"
#include "verilated.h"

class Rv32Bench {
 public:
  siov::Console console;
  VerilatedContext context;
  Vsiov_rv32_bench top{&context};
  uint64_t cycles = 0;
  uint64_t retired = 0;

  Rv32Bench() {
    siov::Console::Bind bind(console);
    top.rst_ni = 0;
    clock();
  }

  void clock() {
    top.clk_i = 0;
    top.eval();
    top.clk_i = 1;
    top.eval();
  }
};

Rv32Bench* siov_rv32_new() { return new Rv32Bench; }

void siov_rv32_delete(Rv32Bench* bench) { delete bench; }

/// Memory at 0 and at 8000_0000h, 4 MiB each.
static uint32_t index(uint32_t address) { return (address >> 31 << 20) | (address >> 2 & 0xfffff); }

void siov_rv32_write_word(Rv32Bench* bench, uint32_t address, uint32_t word) {
  siov::Console::Bind bind(bench->console);
  bench->top.host_we_i = 1;
  bench->top.host_index_i = index(address);
  bench->top.host_wdata_i = word;
  bench->clock();
  bench->top.host_we_i = 0;
}

uint32_t siov_rv32_read_word(Rv32Bench* bench, uint32_t address) {
  siov::Console::Bind bind(bench->console);
  bench->top.host_index_i = index(address);
  bench->top.eval();
  return bench->top.host_rdata_o;
}

void siov_rv32_start(Rv32Bench* bench, uint32_t entry, uint32_t tohost, uint32_t wait) {
  siov::Console::Bind bind(bench->console);
  // Verilator gives a port [31:2] as a number of 30 bits.
  bench->top.entry_i = entry >> 2;
  bench->top.tohost_addr_i = tohost >> 2;
  bench->top.wait_i = wait;
  bench->clock();
  bench->top.rst_ni = 1;
}

void siov_rv32_run(Rv32Bench* bench, uint64_t max_cycles) {
  siov::Console::Bind bind(bench->console);
  auto& top = bench->top;
  while (bench->cycles < max_cycles && !top.done_o && !top.stuck_o && !bench->console.failed()) {
    bench->clock();
    bench->cycles++;
    bench->retired += top.retire_o;
  }
}

uint32_t siov_rv32_tohost(const Rv32Bench* bench) { return bench->top.tohost_o; }

bool siov_rv32_stuck(const Rv32Bench* bench) { return bench->top.stuck_o; }

const char* siov_rv32_failure(const Rv32Bench* bench) {
  return bench->console.failed() ? bench->console.text().c_str() : nullptr;
}

uint64_t siov_rv32_cycles(const Rv32Bench* bench) { return bench->cycles; }

uint64_t siov_rv32_retired(const Rv32Bench* bench) { return bench->retired; }
