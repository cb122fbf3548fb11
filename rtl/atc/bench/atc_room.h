// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// What the cases of siov_atc_bench.cpp begin with: one room, one tenant, an answer to a request.

#include "atc_bench.h"

inline AtcBench& room(uint32_t wqs = 16) {
  static AtcBench b;
  b.reset(wqs);
  while (!b.top.lk_ready_o) b.clock();
  return b;
}

constexpr int kPasid = 0x12345;
inline const Tenant kTenant{3, kPasid, false};

inline Tenant adi(uint32_t number) { return {static_cast<uint16_t>(number), kPasid, false}; }

inline Lookup lookup(Page page, bool write = false, bool block = false, uint32_t job = 7,
              Tenant tenant = kTenant) {
  return {job, write ? 1u : 0u, tenant, page, write, block, 0};
}

inline void grant(AtcBench& b, const Request& r, const Leaf& leaf) {
  const uint64_t entry = b.entry(leaf, r.page, leaf.log2, leaf.r, leaf.w, r.priv);
  b.completions.push_back(b.translation(r, entry));
}

inline void deny(AtcBench& b) { b.completions.push_back(b.translation(b.next(b.requests), 0)); }

/// Looks up, has the request answered with `leaf`, and looks up again.
inline Answer fill(AtcBench& b, const Lookup& l, const Leaf& leaf) {
  CHECK(b.look_up(l).kind == kWait);
  grant(b, b.next(b.requests), leaf);
  const auto wake = b.next(b.wakes);
  CHECK(wake.first == l.job && wake.second == l.operand);
  return b.look_up(l);
}

/// Drops what is held for the job, so that only the ADI's row can hit.
inline Answer look_up_afresh(AtcBench& b, const Lookup& l) {
  b.top.forget_valid_i = 1;
  b.top.forget_job_i = l.job;
  b.clock();
  return b.look_up(l);
}

inline bool still_cached(AtcBench& b, const Lookup& l) {
  if (look_up_afresh(b, l).kind == kHit) return true;
  b.completions.push_back(b.completion(b.next(b.requests).tag, 4));
  b.next(b.wakes);
  return false;
}

inline Leaf leaf_at(Page page, Page to, int log2 = 0) {
  Leaf leaf;
  leaf.log2 = log2;
  leaf.base = page >> log2 << log2;
  leaf.to = to >> log2 << log2;
  return leaf;
}
