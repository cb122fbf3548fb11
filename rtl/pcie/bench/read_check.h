// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "pcie_bench.h"

/// A read of the host, and what it must bring.
struct Read {
  uint64_t address;
  uint32_t dws, first_be, last_be, tag;
  std::vector<uint32_t> expected;
};

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
      const uint32_t wrong = c.data[i] ^ r.expected[dw];
      for (int byte = 0; byte < 4; ++byte) {
        CHECK(!(be >> byte & 1) || (wrong >> 8 * byte & 255) == 0, "DW %u", dw);
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
  if (r.dws == 1) {  // any byte enables
    r.first_be = siov::bench::below(16);
    r.last_be = 0;
  } else {
    r.first_be = 15u << siov::bench::below(4) & 15;
    r.last_be = 15u >> siov::bench::below(4);
  }
  r.expected.assign(b.regs.begin() + offset / 4, b.regs.begin() + offset / 4 + r.dws);
  return r;
}
