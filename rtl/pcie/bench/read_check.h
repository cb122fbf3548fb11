// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>

#include "pcie_bench.h"

/// A read of the host, and what it must bring.
struct Read {
  uint64_t address;
  uint32_t dws, first_be, last_be, tag;
  std::vector<uint32_t> expected;
  std::vector<std::vector<uint32_t>> later;  // as writes that pass the read leave it
};

/// Byte `byte` of the read's DW `dw` is what it was, or what a write after the read made it.
inline bool brings(const Read& r, uint32_t dw, int byte, uint32_t value) {
  const auto same = [&](const std::vector<uint32_t>& data) {
    return ((data[dw] ^ value) >> 8 * byte & 255) == 0;
  };
  return same(r.expected) || std::any_of(r.later.begin(), r.later.end(), same);
}

inline Tlp request(PcieBench& b, const Read& r) {
  Tlp tlp = b.memory(false, r.address, r.dws, r.first_be, r.last_be, r.tag);
  tlp.hdr[0] |= kTc3 | kRelaxed;
  return tlp;
}

/// Completions of one read, from `next` on: cut at 128 bytes, counted, with every byte asked for.
inline void check_completions(const Read& r, const std::vector<Tlp>& tlps, size_t& next) {
  const uint32_t last = r.dws == 1 ? r.first_be : r.last_be;
  const uint32_t skipped = r.first_be ? __builtin_ctz(r.first_be) : 0;
  uint32_t bytes = last ? 4 * r.dws - skipped - __builtin_clz(last << 28) : 1;
  uint64_t at = r.address + skipped;
  for (uint32_t dw = 0; dw < r.dws;) {
    CHECK(next < tlps.size());
    const Tlp& c = tlps[next++];
    const uint32_t dws = c.hdr[0] & 1023;
    CHECK(c.kind() == kCplD && dws == c.data.size() && dws >= 1 && dws <= 32);
    CHECK((c.hdr[0] & 0x707000) == (kTc3 | kRelaxed), "%08x", c.hdr[0]);
    CHECK((c.hdr[0] >> 19 & 1) == (r.tag >> 8 & 1) && (c.hdr[0] >> 23 & 1) == (r.tag >> 9 & 1));
    CHECK(c.hdr[1] == (0x0508u << 16 | (bytes & 0xfff)), "%08x, %u bytes", c.hdr[1], bytes);
    CHECK(c.hdr[2] == (PcieBench::kHost << 16 | (r.tag & 255) << 8 | (at & 127)));
    for (uint32_t i = 0; i < dws; ++i, ++dw) {
      const uint32_t be = dw == 0 ? r.first_be : dw == r.dws - 1 ? r.last_be : 15;
      for (int byte = 0; byte < 4; ++byte) {
        if (be >> byte & 1) {
          CHECK(brings(r, dw, byte, c.data[i]), "in DW %u", dw);
        }
      }
    }
    const uint64_t end = (r.address & ~3ull) + 4 * dw;
    CHECK(dw == r.dws || end % 128 == 0);
    bytes -= static_cast<uint32_t>(end - at);
    at = end;
  }
}

/// A legal read of BAR0's registers.
inline Read random_read(PcieBench& b, uint32_t most) {
  Read r;
  const uint32_t offset = siov::bench::below(0xd000) & ~3u;
  r.address = b.bar0 + offset;
  r.dws = std::min(1 + siov::bench::below(most), 1024 - offset / 4 % 1024);
  r.tag = siov::bench::below(1024);
  // Registers are accessed by bytes, aligned words and DWs.
  const uint32_t one[] = {0, 1, 2, 4, 8, 3, 12, 15}, first[] = {8, 12, 15}, last[] = {1, 3, 15};
  r.first_be = r.dws == 1 ? one[siov::bench::below(8)] : first[siov::bench::below(3)];
  r.last_be = r.dws == 1 ? 0 : last[siov::bench::below(3)];
  r.expected.assign(b.regs.begin() + offset / 4, b.regs.begin() + offset / 4 + r.dws);
  return r;
}
