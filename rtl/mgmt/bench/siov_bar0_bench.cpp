// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// BAR0 as host and core share it. What firmware does with it is tested with the firmware.

#include <string>
#include <vector>

#include "Vsiov_bar0_bench.h"
#include "bench.h"

namespace {

// Offsets in BAR0 (DSA 9.2).
constexpr uint32_t kGencap = 0x10, kGenctrl = 0x88, kIntcause = 0x98, kSwerror = 0xc0,
                   kGrpcfg = 0x2000, kWqcfg = 0x10000;

class Bar0Bench : public siov::bench::Clocked<Vsiov_bar0_bench> {
 public:
  /// With a program of this folder in the core's RAM: the first plusarg of a name counts.
  explicit Bar0Bench(const std::string& program) {
    const std::string plusarg = "+firmware=rtl/mgmt/bench/" + program + ".hex";
    std::vector<const char*> words = {plusarg.c_str()};
    words.insert(words.end(), siov::bench::argv, siov::bench::argv + siov::bench::argc);
    context.commandArgs(static_cast<int>(words.size()), words.data());
    top.bme_i = 1;
    for (int i = 0; i < 4; ++i) clock();
    top.rst_ni = 1;
  }

  void clock() {
    settle();
    edge();
  }

  void offer(bool write, uint32_t address, uint32_t value, uint32_t be) {
    top.reg_valid_i = 1;
    top.reg_write_i = write;
    top.reg_addr_i = address / 4;
    top.reg_wdata_i = value;
    top.reg_be_i = be;
  }

  uint32_t access(bool write, uint32_t address, uint32_t value = 0, uint32_t be = 15) {
    offer(write, address, value, be);
    const uint64_t start = siov::bench::cycle;
    for (settle(); !top.reg_rsp_valid_o; settle()) {
      edge();
      CHECK(siov::bench::cycle < start + 2000, "no answer");
    }
    clocks = siov::bench::cycle - start;
    const uint32_t data = top.reg_rdata_o;
    edge();
    top.reg_valid_i = 0;
    clock();
    return data;
  }

  void write(uint32_t address, uint32_t value, uint32_t be = 15) {
    access(true, address, value, be);
  }

  uint32_t read(uint32_t address) { return access(false, address); }

  void software_error(uint32_t code) {
    top.error_valid_i = 1;
    top.error_code_i = code;
    clock();
    top.error_valid_i = 0;
  }

  uint64_t clocks = 0;  // of the last access, until its answer
};

}  // namespace

CASE(registers_answer_in_the_clocks_they_promise) {
  Bar0Bench b("instructions");
  b.read(kGencap);  // waits until the tables are clear
  b.read(kGencap);
  CHECK(b.clocks == 2, "%d clocks", int(b.clocks));
  b.read(kWqcfg);
  CHECK(b.clocks == 3, "%d clocks", int(b.clocks));
}

CASE(host_is_served_while_the_core_reads_without_end) {
  Bar0Bench b("reads_bar0");
  b.read(kGencap);
  for (int i = 0; i < 100; ++i) {
    b.read(kWqcfg + 4 * siov::bench::below(128));
    CHECK(b.clocks <= 8, "%d clocks", int(b.clocks));
  }
}

CASE(host_is_served_between_clears) {
  Bar0Bench b("clears");
  for (int i = 0; i < 50; ++i) b.read(kWqcfg + 4 * siov::bench::below(128));
}

CASE(byte_enables_keep_the_other_bytes) {
  Bar0Bench b("instructions");
  b.write(kGrpcfg, 0x11223344);
  b.write(kGrpcfg, 0xffffffff, 0x4);
  CHECK(b.read(kGrpcfg) == 0x11ff3344);
}

CASE(host_writes_nothing_that_belongs_to_firmware) {
  Bar0Bench b("instructions");
  for (uint32_t wq = 0; wq < 8; ++wq) {
    b.write(kWqcfg + 64 * wq + 0x18, ~0u);
    CHECK(b.read(kWqcfg + 64 * wq + 0x18) == 0, "state of WQ %u", wq);
  }
}

CASE(wqs_beyond_the_straps_are_not_there) {
  Bar0Bench b("instructions");
  b.write(kWqcfg + 64 * 7, 16);
  b.write(kWqcfg + 64 * 8, 16);
  CHECK(b.read(kWqcfg + 64 * 7) == 16 && b.read(kWqcfg + 64 * 8) == 0);
}

CASE(first_software_error_is_kept) {
  Bar0Bench b("instructions");
  b.write(kGenctrl, 1);  // an interrupt for each
  b.software_error(0x53);
  CHECK((b.read(kSwerror) & 0xff03) == 0x5301 && b.read(kIntcause) == 1);
  b.software_error(0x54);
  CHECK((b.read(kSwerror) & 0xff03) == 0x5303, "%08x", b.read(kSwerror));
  b.write(kSwerror, 3);
  CHECK((b.read(kSwerror) & 3) == 0);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
