// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "dma_bench.h"

/// Sources and destinations of jobs are far apart, so that each TLP belongs to one.
constexpr uint64_t kRegion = 1 << 17, kRegions = 1024;

constexpr uint64_t kRound = 100;  // jobs

inline Job job(uint64_t number, uint32_t len) {
  const uint64_t region = number % kRegions * kRegion;
  Job j = {};
  j.id = below(DmaBench::kIds);
  j.tenant = random_tenant();
  j.src = (1ull << 45) + region;
  j.dst = (1ull << 40) + region;
  j.len = len;
  return j;
}

/// Any job of up to `most` bytes.
inline Job any_job(uint64_t number, uint32_t most) {
  Job j = job(number, 1 + below(percent(40) ? 70 : most));
  j.strict = percent(20);
  j.block = percent(50);
  j.tc_src = below(8);
  j.tc_dst = below(8);
  if (percent(50)) j.src = 0x1000'0000 + j.src % (kRegions * kRegion);
  if (percent(50)) j.dst = 0x1000'0000 + j.dst % (kRegions * kRegion);
  if (number % kRound == 0) {  // across 4 GiB
    j.src = (4ull << 30) - below(j.len + 1);
    j.dst = (4ull << 30) - below(j.len + 1);
  } else if (percent(80)) {
    j.src += below(4096) & (percent(30) ? ~3u : ~0u);
    j.dst += below(4096);
  }
  if (percent(25)) {
    j.fill = true;
    j.src = random_bits();
    j.pattern_hi = random_bits();
  }
  return j;
}

inline Surroundings any_surroundings() {
  Surroundings s;
  s.mps = below(3);
  s.mrrs = below(4);
  s.ext_tag = percent(50);
  s.relaxed = percent(50);
  s.ready = std::array{100, 100, 70, 30}[below(4)];
  s.latency = 2 + below(20);
  s.jitter = percent(50) ? 400 : 20;
  s.boundary = percent(50) ? 64 : 128;
  s.max_jobs = 1 + below(percent(50) ? 64 : DmaBench::kIds);
  s.gap = below(60);
  return s;
}

/// Rounds of jobs, each in other surroundings.
template <typename Change>
DmaBench& soak(int rounds, uint32_t most, Change change,
               const std::function<void(DmaBench&)>& prepare = [](DmaBench&) {}) {
  static DmaBench b;  // one a process
  b.reset();
  prepare(b);
  uint64_t number = 0;
  for (int i = 0; i < rounds; ++i) {
    b.around = any_surroundings();
    change(b.around);
    for (uint64_t j = 0; j < kRound; ++j) b.to_do.push_back(any_job(number++, most));
    b.run();
  }
  return b;
}
