// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Deferrable memory writes: performed once, in their place among the posted writes, and answered as
// adi/ says. Cases of siov_pcie_bench.cpp.

#include "pcie_errors.h"

namespace deferrable {

using errors::enumerated;
using siov::bench::below;
using siov::bench::percent;

constexpr uint32_t kSuccess = 0, kUnsupported = 1, kRetry = 2;

inline Tlp dmwr(PcieBench& b, uint64_t address, uint32_t dws = 16, uint32_t tag = 0) {
  Tlp tlp = b.memory(true, address, dws, 15, 15, tag);
  tlp.hdr[0] = (tlp.hdr[0] & 0x00ffffff) | kDMWr64 << 24;
  return tlp;
}

/// Status of a completion without data.
inline uint32_t status(const Tlp& tlp) {
  CHECK(tlp.kind() == kCpl && tlp.data.empty() && (tlp.hdr[1] & 0xfff) == 4, "%08x", tlp.hdr[1]);
  return tlp.hdr[1] >> 13 & 7;
}

CASE(deferrable_write_is_answered_as_adi_says) {
  PcieBench& b = enumerated();
  for (uint32_t accept : {0, 100}) {
    b.portals.clear();
    b.accept = accept;
    const Tlp tlp = dmwr(b, b.bar2 + 3 * 0x4000 + 0x1040);

    const auto answer = b.exchange(tlp);

    CHECK(answer.size() == 1 && status(answer[0]) == (accept ? kSuccess : kRetry));
    CHECK(b.portals.size() == 1 && b.portals[0].deferrable && b.portals[0].desc == tlp.data);
    CHECK(b.portals[0].adi == 3 && b.portals[0].limited && !b.portals[0].ims);
  }
}

CASE(deferrable_write_that_no_portal_can_take_does_nothing) {
  PcieBench& b = enumerated();
  b.reset(5, 0);
  b.enumerate();
  b.portals.clear();
  b.reg_writes = 0;
  const auto answered = [&b](const Tlp& tlp) {
    const auto answer = b.exchange(tlp);
    CHECK(answer.size() == 1, "%zu to %08x", answer.size(), tlp.hdr[0]);
    return status(answer[0]);
  };
  CHECK(answered(dmwr(b, b.bar2 + 5 * 0x4000)) == kRetry);     // beyond the straps
  CHECK(answered(dmwr(b, b.bar2 + 0x2000)) == kRetry);         // IMS page, no IMS
  CHECK(answered(dmwr(b, b.bar0 + 0xf000)) == kRetry);         // dummy portal
  CHECK(answered(dmwr(b, b.bar0)) == kUnsupported);            // registers
  CHECK(answered(dmwr(b, b.bar2 + 4)) == kUnsupported);
  CHECK(answered(dmwr(b, b.bar2, 8)) == kUnsupported);
  CHECK(answered(dmwr(b, b.bar2, 32)) == kUnsupported);
  Tlp tlp = dmwr(b, b.bar2);
  tlp.hdr[1] &= ~1u;                                           // a byte is missing
  CHECK(answered(tlp) == kUnsupported);
  tlp = dmwr(b, b.bar2);
  tlp.hdr[0] |= kPoisoned;
  CHECK(answered(tlp) == kUnsupported);
  tlp = dmwr(b, b.bar2);
  tlp.data.pop_back();
  CHECK(b.exchange(tlp).empty());                              // malformed
  CHECK(b.portals.empty() && b.reg_writes == 0);
  CHECK(answered(dmwr(b, b.bar2)) == kSuccess);
}

CASE(deferrable_writes_keep_their_place_among_posted_ones) {
  PcieBench& b = enumerated();
  for (int round = 0; round < 100; ++round) {
    b.host.gap = below(60);
    b.tx_ready = 40 + below(61);
    b.portal_ready = 30 + below(71);
    b.accept = below(101);
    b.portals.clear();
    b.tx.tlps.clear();
    std::vector<PortalWrite> sent;
    std::vector<bool> requests;  // in order: it is a DMWr
    uint64_t writes = b.reg_writes;
    for (uint32_t i = 0; i < 40; ++i) {
      const uint32_t adi = below(8);
      const uint64_t portal = b.bar2 + adi * 0x4000;
      const uint32_t kind = below(4);
      const Tlp tlp = kind == 0   ? b.memory(true, b.bar0, 1)
                      : kind == 1 ? b.memory(true, portal, 16)
                      : kind == 2 ? dmwr(b, portal, 16, i)
                                  : b.memory(false, b.bar0, 1, 15, 15, i);
      writes += kind == 0;
      if (kind == 1 || kind == 2) {
        sent.push_back({adi, false, false, tlp.data, writes, kind == 2, false});
      }
      if (kind >= 2) requests.push_back(kind == 2);
      b.host.push(tlp);
    }

    b.drain();

    CHECK(b.portals.size() == sent.size() && b.tx.tlps.size() == requests.size());
    std::vector<bool> accepted;
    for (size_t i = 0; i < sent.size(); ++i) {
      const PortalWrite& got = b.portals[i];
      CHECK(got.adi == sent[i].adi && got.desc == sent[i].desc);
      CHECK(got.deferrable == sent[i].deferrable && got.reg_writes == sent[i].reg_writes);
      if (got.deferrable) accepted.push_back(got.accepted);
    }
    size_t next = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!requests[i]) continue;
      CHECK(status(b.tx.tlps[i]) == (accepted[next++] ? kSuccess : kRetry));
    }
  }
}

CASE(deferrable_write_waits_for_no_completion) {
  PcieBench& b = enumerated();
  b.stall(2);  // the host takes no completions
  b.portals.clear();
  b.tx.tlps.clear();
  b.host.push(b.memory(false, b.bar0, 1));
  b.host.push(dmwr(b, b.bar2));
  b.host.push(b.memory(true, b.bar2, 16));
  b.run(50);
  CHECK(b.portals.size() == 2 && b.tx.tlps.empty());
  b.release(2);
  b.drain();
  CHECK(b.tx.tlps.size() == 2 && status(b.tx.tlps[1]) == kSuccess);
}

CASE(function_level_reset_defers_the_writes_it_throws_away) {
  PcieBench& b = enumerated();
  b.portals.clear();
  b.tx.tlps.clear();
  b.portal_ready = 0;
  b.top.np_pending_i = 1;
  b.host.push(b.config(true, 0x48, 0x2, 0x8000));
  b.host.push(dmwr(b, b.bar2));
  b.host.push(b.memory(true, b.bar2, 16));
  b.run(60);
  b.top.np_pending_i = 0;
  b.portal_ready = 100;
  b.drain();
  CHECK(b.portals.empty() && b.tx.tlps.size() == 2 && status(b.tx.tlps[1]) == kRetry);
}

}  // namespace deferrable
