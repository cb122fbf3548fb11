// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "bench.h"
#include "tlp_streams.h"

using siov::Beat;
using siov::bench::below;
using siov::bench::percent;
using siov::bench::random_bits;

using BeatWords = std::array<uint32_t, Beat::kWords>;

struct Tenant {
  bool pasid_valid, priv;
  uint32_t pasid;
  uint32_t adi = 0;

  /// The prefix its TLPs carry (PCIe 2.2.10.2); 0: none.
  uint32_t prefix() const { return pasid_valid ? 0x91000000u | priv << 23 | pasid : 0; }
};

inline Tenant random_tenant() {
  const bool pasid_valid = percent(75);
  return {pasid_valid, pasid_valid && percent(30), below(1 << 20), below(4)};
}

/// Host memory is a function of address and PASID, so bytes of another tenant show.
inline uint8_t host_byte(uint64_t address, const Tenant& tenant) {
  uint64_t x = address * 0x9e3779b97f4a7c15 ^ (uint64_t{tenant.prefix()} << 20);
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9;
  return x >> 56;
}

struct Job {
  uint32_t id;
  Tenant tenant;
  bool fill, strict;
  bool block;
  uint32_t tc_src, tc_dst;
  uint64_t src, pattern_hi, dst;
  uint32_t len;

  // what became of it
  std::vector<bool> written;
  uint32_t bytes = 0;
  bool failed = false;
  uint32_t failed_at = ~0u;  // first byte of the lowest read that failed

  uint8_t expected(uint32_t offset) const {
    if (!fill) return host_byte(src + offset, tenant);
    return (offset % 16 < 8 ? src : pattern_hi) >> 8 * (offset % 8);
  }
};

struct Record {
  uint32_t id;
  uint64_t addr;
  Tenant tenant;
  uint32_t tc;
  std::array<uint32_t, 8> data;
};

/// An event log entry.
struct Entry {
  uint64_t addr;
  Tenant tenant;
  std::array<uint32_t, 16> data;
};

struct Message {
  uint64_t addr;
  uint32_t data;
};

/// A request's header, taken apart and held against PCIe 2.2.7.
struct Request {
  uint64_t address;  // of the first byte
  uint32_t bytes, dws, lane;  // `lane`: of the first byte in its DW
  uint32_t tc, tag;
  bool relaxed, translated;  // `translated`: AT is 10b

  Request(const uint32_t* beat, uint32_t fmt, uint32_t rid, uint32_t most) {
    const uint32_t* hdr = beat + Beat::kHdr;
    const bool wide = hdr[0] >> 29 & 1;
    CHECK(hdr[0] >> 30 == fmt && (hdr[0] & ~(0xe0702800u | 1023)) == 0, "%08x", hdr[0]);
    CHECK(hdr[1] >> 16 == rid);
    dws = hdr[0] & 1023;
    tc = hdr[0] >> 20 & 7;
    relaxed = hdr[0] >> 13 & 1;
    translated = hdr[0] >> 11 & 1;
    tag = hdr[1] >> 8 & 255;
    address = wide ? uint64_t{hdr[2]} << 32 | hdr[3] : hdr[2];
    CHECK(wide == (address >> 32 != 0) && address % 4 == 0);
    CHECK(dws >= 1 && 4 * dws <= most, "%u DWs", dws);
    CHECK(address % 4096 + 4 * dws <= 4096);
    const uint32_t first = hdr[1] & 15, last = dws == 1 ? first : hdr[1] >> 4 & 15;
    CHECK(first != 0 && last != 0 && (dws > 1 || (hdr[1] >> 4 & 15) == 0));
    lane = __builtin_ctz(first);
    const uint32_t end = 32 - __builtin_clz(last);
    CHECK(dws == 1 ? first == (15u >> (4 - end) & 15u << lane)
                   : first == (15u << lane & 15) && last == 15u >> (4 - end));
    bytes = 4 * (dws - 1) + end - lane;
    address += lane;
  }
};

/// One completion on its way.
struct Completion {
  uint32_t status, byte_count, lower_address;
  bool poisoned;
  uint32_t tc;   // this and `relaxed`: as in the request
  bool relaxed;
  std::vector<uint32_t> data;

  std::vector<BeatWords> beats(uint32_t rid, uint32_t tag) const {
    const size_t count = std::max<size_t>(1, (data.size() + 15) / 16);
    std::vector<BeatWords> all(count);
    for (size_t b = 0; b < count; ++b) {
      for (uint32_t& word : all[b]) word = static_cast<uint32_t>(random_bits());
      const size_t dws = std::min<size_t>(16, data.size() - 16 * b);
      std::copy_n(data.begin() + 16 * b, dws, all[b].begin());
      // The header is there in every beat.
      uint32_t* hdr = &all[b][Beat::kHdr];
      hdr[0] = (data.empty() ? 0x0a000000 : 0x4a000000) | (data.size() & 1023) | poisoned << 14 |
               tc << 20 | relaxed << 13;
      hdr[1] = status << 13 | (byte_count & 0xfff);
      hdr[2] = rid << 16 | tag << 8 | lower_address;
      all[b][Beat::kFlags] = ((1u << dws) - 1) | (b == 0 ? Beat::kSop : 0) |
                             (b == count - 1 ? Beat::kEop : 0);
    }
    return all;
  }
};

/// A read that the host has not answered in full.
struct Read {
  uint64_t due;
  std::deque<Completion> left;
  bool translated;
  uint64_t address;  // as the request has it
};
