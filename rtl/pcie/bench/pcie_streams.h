// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Streams that must not wait for each other, tags, and what concerns translation: ATS messages and
// the Page Request Interface. Cases of siov_pcie_bench.cpp.

#include "pcie_errors.h"

namespace streams {

using errors::enumerated;
using siov::bench::below;
using siov::bench::percent;

constexpr uint32_t kInvalidate = 0x01, kPageResponse = 0x05;

inline Tlp completion(PcieBench& b, uint32_t tag) {
  Tlp tlp = b.raw({kCplD << 24 | 1, 4, b.id << 16 | (tag & 255) << 8}, 1);
  tlp.hdr[0] |= (tag >> 8 & 1) << 19 | (tag >> 9 & 1) << 23;
  return tlp;
}

inline Tlp invalidate(PcieBench& b, uint32_t itag = 3) {
  return b.raw({kMsgDById << 24 | 2, 0x00ff0000 | itag << 8 | kInvalidate, b.id << 16}, 2);
}

inline Tlp page_response(PcieBench& b, uint32_t index = 7) {
  return b.raw({kMsgById << 24, 0x00ff0000 | kPageResponse, b.id << 16 | index});
}

CASE(posted_writes_and_completions_pass_stalled_requests) {
  PcieBench& b = enumerated();
  b.stall(2);  // the host takes no completions
  b.portals.clear();
  b.cpl.tlps.clear();
  b.reg_writes = 0;
  for (int i = 0; i < 40; ++i) b.host.push(b.memory(false, b.bar0 + 0x100, 1));
  b.run(100);
  CHECK(!b.top.rx_np_ready_o);
  b.host.beats.clear();
  for (int i = 0; i < 100; ++i) {
    b.host.push(b.memory(true, b.bar0 + 0x100, 4));
    b.host.push(b.memory(true, b.bar2, 16));
    b.host.push(completion(b, 5));
    b.host.push(page_response(b));
  }
  b.rx_msgs.clear();
  b.run(2000);
  CHECK(b.reg_writes == 400 && b.portals.size() == 100);
  CHECK(b.cpl.tlps.size() == 100 && b.rx_msgs.size() == 100);
  b.release(2);
  b.tx.tlps.clear();
  b.drain();
  CHECK(b.tx.tlps.size() >= 5);
}

CASE(non_posted_requests_never_fill_reception) {
  PcieBench& b = enumerated();
  for (int round = 0; round < 40; ++round) {
    b.stall(2);
    b.host.gap = percent(50) ? 0 : below(90);
    b.reg_latency = below(4);
    uint32_t posted = 0;
    for (int i = 0; i < 200; ++i) {
      // Offered only if the device is ready for it, as a host with nothing else to send would do.
      if (percent(50)) {
        Tlp deferrable = b.memory(true, b.bar2, 16);
        deferrable.hdr[0] |= kDMWr64 << 24;
        const Tlp request[] = {b.memory(false, b.bar0, 1 + below(8)), b.config(false, 0),
                               deferrable};
        b.host.push(request[below(3)]);
      } else {
        b.host.push(percent(50) ? b.memory(true, b.bar2, 16) : b.memory(true, b.bar0, 1));
        ++posted;
      }
      b.run(below(3));
      if (!b.top.rx_np_ready_o) break;
    }
    // All but non-posted requests is taken in bounded time.
    b.host.gap = 0;
    b.run(2000);
    CHECK(b.host.beats.empty() || b.host.starts_non_posted());
    b.release(2);
    b.drain();
  }
}

CASE(register_read_waits_for_earlier_portal_writes) {
  PcieBench& b = enumerated();
  b.portal_ready = 0;
  b.tx.tlps.clear();
  b.host.push(b.memory(true, b.bar2, 16));
  b.host.push(b.memory(false, b.bar0, 1));
  b.run(50);
  CHECK(b.tx.tlps.empty());
  b.portal_ready = 100;
  b.drain();
  CHECK(b.tx.tlps.size() == 1);
}

CASE(register_write_waits_for_earlier_portal_writes) {
  PcieBench& b = enumerated();
  b.portal_ready = 0;
  b.reg_writes = 0;
  b.host.push(b.memory(true, b.bar2, 16));
  b.host.push(b.memory(true, b.bar0, 1));
  b.run(50);
  CHECK(b.reg_writes == 0);
  b.portal_ready = 100;
  b.drain();
  CHECK(b.reg_writes == 1);
}

CASE(stalled_class_leaves_the_others_alone) {
  PcieBench& b = enumerated();
  b.config_write(0x48, 0x295f, 0x3);
  for (uint32_t stalled = 0; stalled < 3; ++stalled) {
    b.stall(stalled);
    b.tx.tlps.clear();
    for (int i = 0; i < 20; ++i) {
      b.posted.push(b.memory(true, 1ull << 40, 32));
      b.messages.push(b.raw({kMsg << 24, 0x05080004}));
      b.reads.push(b.memory(false, 1ull << 40, 32));
      b.translations.push(b.memory(false, 1ull << 40, 2));
      if (i < 5) b.host.push(b.config(false, 0));
    }
    b.host.push(b.memory(true, 0x1000, 1));  // an error message
    b.run(400);
    uint32_t count[3] = {};
    for (const Tlp& tlp : b.tx.tlps) {
      const bool read = tlp.kind() == kMRd64;
      ++count[read ? 1 : tlp.kind() == kCplD ? 2 : 0];
    }
    CHECK(count[0] == (stalled == 0 ? 0 : 41), "%u posted", count[0]);
    CHECK(count[1] == (stalled == 1 ? 0 : 40), "%u non-posted", count[1]);
    CHECK(count[2] == (stalled == 2 ? 0 : 5), "%u completions", count[2]);
    b.release(stalled);
    b.drain();
  }
}

CASE(message_stays_behind_writes_accepted_before_it) {
  PcieBench& b = enumerated();
  b.tx_ready = 50;
  b.tx.tlps.clear();
  for (int i = 0; i < 50; ++i) {
    b.posted.push(b.memory(true, (1ull << 40) + i, 64));
    while (!b.posted.beats.empty()) b.clock();
    b.messages.push(b.raw({kMsg << 24, 0x05080002u | static_cast<uint32_t>(i) << 8}));
    while (!b.messages.beats.empty()) b.clock();
  }
  b.drain();
  CHECK(b.tx.tlps.size() == 100);
  for (size_t i = 0; i < 100; ++i) CHECK((b.tx.tlps[i].kind() == kMsg) == (i % 2 == 1));
}

CASE(completions_are_routed_by_tag) {
  PcieBench& b = enumerated();
  struct {
    uint32_t ext, ten, first;  // enables; first tag in use
    uint32_t reads, trs;       // tags of a kind; translations follow at `distance`
    uint32_t distance;
  } const modes[] = {{0, 0, 0, 16, 16, 16}, {1, 0, 0, 112, 32, 128},
                     {1, 1, 256, 112, 32, 128}, {0, 1, 256, 112, 32, 128}};
  for (const auto& mode : modes) {
    b.config_write(0x48, 0x2850 | mode.ext << 8, 0x3);
    b.config_write(0x68, mode.ten << 12, 0x3);
    b.config_write(0x114, 0);
    b.config_write(0x48, 0x2851 | mode.ext << 8, 0x3);
    for (uint32_t tag = 0; tag < 1024; ++tag) {
      const uint32_t n = tag - mode.first;
      const bool used = tag >= mode.first &&
                        (n < mode.reads || (n >= mode.distance && n < mode.distance + mode.trs));
      b.cpl.tlps.clear();
      const auto sent = b.exchange(completion(b, tag));
      CHECK(b.cpl.tlps.size() == (used ? 1 : 0), "tag %u", tag);
      CHECK(sent.size() == (used ? 0 : 1), "tag %u", tag);  // ERR_COR
    }
  }
}

CASE(invalidate_requests_and_page_responses_go_to_atc) {
  PcieBench& b = enumerated();
  b.config_write(0x04, 0x0, 0x3);  // Bus Master Enable is of no concern,
  b.config_write(0x94, 3);         // nor is D3hot, nor whether ATS is on
  for (Tlp tlp : {invalidate(b), page_response(b), invalidate(b)}) {
    for (uint32_t prefix : {0u, 0x91000123u}) {
      tlp.prefix = prefix;
      b.rx_msgs.clear();
      CHECK(b.exchange(tlp).empty());
      CHECK(b.rx_msgs.size() == 1 && b.rx_msgs[0].prefix == prefix);
      CHECK(std::equal(tlp.hdr, tlp.hdr + 4, b.rx_msgs[0].hdr));
      if (!tlp.data.empty()) CHECK(b.rx_msgs[0].data == tlp.data);
    }
    b.config_write(0x224, 0x80000000);
  }
  CHECK(b.config_read(0x48) >> 16 == 0);
}

CASE(messages_that_are_not_for_us_are_errors) {
  PcieBench& b = enumerated();
  struct {
    Tlp tlp;
    uint32_t error;
  } bad[] = {{page_response(b), errors::kUnsupported},
             {invalidate(b), errors::kUnsupported},
             {invalidate(b), errors::kMalformed},
             {invalidate(b), errors::kMalformed},
             {page_response(b), errors::kMalformed},
             {page_response(b), errors::kMalformed},
             {invalidate(b), errors::kPoisonedTlp}};
  bad[0].tlp.hdr[2] += 1 << 16;          // another function
  bad[1].tlp.hdr[2] += 8 << 16;          // another device
  bad[2].tlp.hdr[0] += 1;                // 3 DWs
  bad[2].tlp.data.push_back(0);
  bad[3].tlp.hdr[0] ^= 1 << 24;          // routing
  bad[4].tlp.hdr[0] |= kTc3;
  bad[5].tlp.hdr[0] ^= 3 << 25;          // routed by address
  bad[6].tlp.hdr[0] |= kPoisoned;
  for (size_t i = 0; i < std::size(bad); ++i) {
    b.rx_msgs.clear();
    b.exchange(bad[i].tlp);
    CHECK(b.rx_msgs.empty() && b.config_read(0x104) == 1u << bad[i].error, "%zu", i);
    b.config_write(0x104, ~0u);
  }
}

/// Response Failure, Unexpected Page Request Group Index, Stopped.
inline uint32_t pri_status(PcieBench& b) { return b.config_read(0x244) >> 16 & 0x103; }

CASE(page_request_interface_stops_when_its_requests_have_ended) {
  PcieBench& b = enumerated();
  CHECK(pri_status(b) == 0x100 && !b.top.pri_en_o);
  b.config_write(0x244, 1);
  CHECK(pri_status(b) == 0 && b.top.pri_en_o);
  b.top.pri_pending_i = 1;
  b.config_write(0x244, 0);
  b.run(20);
  CHECK(pri_status(b) == 0 && !b.top.pri_en_o);
  b.top.pri_pending_i = 0;
  b.run(2);
  CHECK(pri_status(b) == 0x100);
}

CASE(response_failure_stops_page_requests_until_enabled_again) {
  PcieBench& b = enumerated();
  b.config_write(0x244, 1);
  b.top.pri_failure_i = b.top.pri_unexpected_i = 1;
  b.clock();
  b.top.pri_failure_i = b.top.pri_unexpected_i = 0;
  CHECK(pri_status(b) == 3 && !b.top.pri_en_o);
  b.config_write(0x244, 0x10001);  // clears Response Failure only
  CHECK(pri_status(b) == 2 && !b.top.pri_en_o);
  b.config_write(0x244, 0);
  CHECK(pri_status(b) == 0x102);
  b.config_write(0x244, 1);
  CHECK(pri_status(b) == 0 && b.top.pri_en_o);
}

CASE(response_failure_while_stopping_stops_at_once) {
  PcieBench& b = enumerated();
  b.config_write(0x244, 1);
  b.top.pri_pending_i = 1;
  b.config_write(0x244, 0);
  b.top.pri_failure_i = 1;
  b.clock();
  b.top.pri_failure_i = 0;
  CHECK(pri_status(b) == 0x101);
  b.top.pri_pending_i = 0;
}

CASE(page_request_interface_is_reset_only_while_disabled) {
  PcieBench& b = enumerated();
  b.pri_resets = 0;
  b.config_write(0x244, 3);
  CHECK(b.pri_resets == 0 && (b.config_read(0x244) & 3) == 1);
  b.config_write(0x244, 2);  // clears Enable in the same write
  CHECK(b.pri_resets == 1 && (b.config_read(0x244) & 3) == 0);
}

CASE(completions_are_marked_for_id_based_ordering_if_enabled) {
  PcieBench& b = enumerated();
  CHECK((b.exchange(b.config(false, 0))[0].hdr[0] >> 18 & 1) == 0);
  b.exchange(b.config(true, 0x68, 0x3, 1 << 9));
  CHECK((b.exchange(b.config(false, 0))[0].hdr[0] >> 18 & 1) == 1);
}

CASE(d3hot_takes_config_requests_and_messages_only) {
  PcieBench& b = enumerated();
  b.config_write(0x94, 3);
  b.accesses = 0;
  b.portals.clear();
  b.exchange(b.memory(true, b.bar2, 16));
  b.exchange(b.memory(true, b.bar0, 1));
  CHECK(b.config_read(0x104) == 1u << errors::kUnsupported);
  Tlp deferrable = b.memory(true, b.bar2, 16);
  deferrable.hdr[0] = kDMWr64 << 24 | 16;
  for (const Tlp& tlp : {b.memory(false, b.bar0, 1), b.memory(false, b.bar0, 1, 0), deferrable,
                         b.raw({0x02u << 24 | 1, 0x0700000f, 0x100})}) {
    const auto answer = b.exchange(tlp);
    CHECK(answer.size() == 1 && (answer[0].hdr[1] >> 13 & 7) == 1);
  }
  CHECK(b.accesses == 0 && b.portals.empty());
  b.config_write(0x94, 0);
  CHECK(b.exchange(b.memory(false, b.bar0, 1))[0].kind() == kCplD);
}

}  // namespace streams
