// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Aborts and resets of who waits for pages; Stop Markers. Cases of siov_atc_bench.cpp.

#include "atc_page_requests.h"

constexpr uint32_t kWq3 = 1u << 3;

/// The status that the job's lookup for the page of `fault` ends with.
inline uint8_t status_of(AtcBench& b, uint32_t job, Tenant tenant) {
  const Answer a = b.look_up(lookup(0x1000 + job, false, true, job, tenant));
  CHECK(a.kind == kFaulted);
  return a.status;
}

CASE(who_is_stopped_waits_for_no_page) {
  AtcBench& b = room();
  fault(b, 0, 10, kTenant);  // 4 have asked, 6 wait for their turn,
  b.look_up(lookup(0x1000, true, true, 20));
  deny(b);  // one for a page that was asked for
  b.run(100);
  CHECK(b.page_requests.size() == 4 && b.wakes.empty());

  b.stop(kWqs, kWq3);
  b.run(60);

  CHECK(b.wakes.size() == 11, "%zu", b.wakes.size());
  for (uint32_t job = 0; job < 10; ++job) CHECK(status_of(b, job, kTenant) == kAbandoned);
  CHECK(b.look_up(lookup(0x1000, true, true, 20)).status == kAbandoned);
  b.run(200);
  CHECK(b.page_requests.size() == 4);
}

CASE(lookup_of_who_is_stopped_asks_for_no_page) {
  AtcBench& b = room();
  b.stop(kWqs, kWq3);
  fault(b, 0, 1, kTenant);
  b.next(b.wakes);

  CHECK(status_of(b, 0, kTenant) == kAbandoned && b.page_requests.empty());
  CHECK(fill(b, lookup(0x50), leaf_at(0x50, 1)).kind == kHit);  // but translations
}

CASE(stop_names_wqs_or_a_pasid_or_everybody) {
  AtcBench& b = room(64);
  const Tenant tenants[] = {{3, 0x10, false}, {3, 0x11, false}, {0x23, 0x10, false},
                            {0x24, kNone, false}};
  struct Row {
    Stop what;
    uint32_t operand;
    std::array<bool, 4> stopped;
  };
  const Row rows[] = {
      {kWqs, 1u << 3, {true, true, false, false}},
      {kWqs, 2u << 16 | 1u << 3, {false, false, true, false}},
      {kWqs, 2u << 16 | 3u << 3, {false, false, true, true}},
      {kOnePasid, 0x10, {true, false, true, false}},
      {kOnePasid, 0, {false, false, false, false}},
      {kEverybody, 0, {true, true, true, true}},
  };
  uint32_t job = 0;
  for (const Row& row : rows) {
    for (const Tenant& tenant : tenants) fault(b, job++, 1, tenant);
    b.run(50);
    CHECK(b.page_requests.size() == 4);

    b.stop(row.what, row.operand);
    b.run(50);

    std::set<uint32_t> woken;
    for (; !b.wakes.empty(); b.wakes.pop_front()) woken.insert(b.wakes.front().first);
    for (uint32_t i = 0; i < 4; ++i) {
      CHECK(woken.count(job - 4 + i) == row.stopped[i], "%u %x: %u", row.what, row.operand, i);
    }
    b.stop(kNobody);
    for (const PageRequest& p : b.page_requests) b.messages.push_back(b.prg_response(p.prg, 1, 0));
    b.run(50);
    b.page_requests.clear();
    b.wakes.clear();
    CHECK(!b.top.busy_o && b.pri_unexpected == 0);
  }
}

CASE(response_to_a_stale_page_request_only_gives_its_group_back) {
  AtcBench& b = room();
  fault(b, 0, 2, kTenant);
  b.run(50);
  b.stop(kWqs, kWq3);
  b.run(50);
  b.stop(kNobody);
  b.wakes.clear();
  CHECK(b.top.pri_pending_o);

  for (uint32_t code : {0u, 1u}) b.messages.push_back(b.prg_response(b.next(b.page_requests).prg,
                                                                     code, kPasid));
  b.run(200);
  CHECK(b.pri_unexpected == 0 && b.wakes.empty() && b.requests.empty());
  CHECK(!b.top.pri_pending_o && !b.top.busy_o);
}

CASE(group_is_not_used_again_while_its_request_is_stale) {
  AtcBench& b = room();
  b.top.fn_pri_alloc_i = 8;
  std::set<uint32_t> prgs;
  for (uint32_t i = 0; i < 12; ++i) {
    const Tenant tenant{static_cast<uint16_t>(i), 0x100 + static_cast<int>(i), false};
    fault(b, i, 1, tenant);
    b.run(50);
    b.stop(kEverybody);
    b.run(50);
    b.stop(kNobody);
  }

  // They count towards the allocation, too.
  for (const PageRequest& p : b.page_requests) CHECK(prgs.insert(p.prg).second);
  CHECK(prgs.size() == 8 && b.wakes.size() == 12, "%zu", prgs.size());
}

CASE(who_is_stopped_for_ever_takes_no_more_than_its_share) {
  AtcBench& b = room();
  for (uint32_t i = 0; i < 30; ++i) {
    fault(b, i * 8, 8, kTenant);
    b.run(50);
    b.stop(kWqs, kWq3);
    b.run(100);
    b.stop(kNobody);
  }
  CHECK(b.page_requests.size() == 4 && b.wakes.size() == 240, "%zu", b.page_requests.size());

  // A response lets it ask once more.
  b.messages.push_back(b.prg_response(b.page_requests[0].prg, 0, kPasid));
  fault(b, 240, 8, kTenant);
  b.run(200);
  CHECK(b.page_requests.size() == 5);
}

CASE(stale_page_requests_are_not_the_next_owners) {
  AtcBench& b = room();
  fault(b, 0, 4, kTenant);
  b.run(50);
  b.stop(kWqs, kWq3);
  b.run(50);
  b.stop(kNobody);
  CHECK(b.page_requests.size() == 4);
  b.page_requests.clear();
  b.wakes.clear();

  // It asks for the same pages.
  const Tenant next{3, kPasid + 1, false};
  for (uint32_t job = 0; job < 4; ++job) {
    b.top.forget_valid_i = 1;
    b.top.forget_job_i = job;
    b.clock();
  }
  fault(b, 0, 4, next);
  b.run(50);
  CHECK(b.page_requests.size() == 4 && b.wakes.empty());
  b.messages.push_back(b.prg_response(b.page_requests[0].prg, 1, next.pasid));
  CHECK(b.next(b.wakes).first == 0 && status_of(b, 0, next) == kRefused);
}

CASE(failure_ends_stale_page_requests_too) {
  AtcBench& b = room();
  fault(b, 0, 3, kTenant);
  b.run(50);
  b.stop(kEverybody);
  b.run(50);
  b.stop(kNobody);
  fault(b, 10, 1, {4, 0x44, false});
  b.run(50);
  b.wakes.clear();
  b.messages.push_back(b.prg_response(b.page_requests[0].prg, 15, kNone));
  b.run(50);

  CHECK(b.pri_failures == 1 && !b.top.pri_pending_o && b.wakes.size() == 1);
  CHECK(status_of(b, 10, {4, 0x44, false}) == kNoAnswer);
}

CASE(stop_marker_follows_the_page_requests_of_before) {
  AtcBench& b = room();
  b.msg_ready = 0;
  fault(b, 0, 2, kTenant);  // one is offered, one waits
  b.stop(kWqs, kWq3);
  b.run(20);
  CHECK(b.top.stop_busy_o);
  b.send_marker(kPasid);
  b.run(50);
  CHECK(b.top.stop_busy_o && b.markers.empty());

  b.msg_ready = 100;
  const auto marker = b.next(b.markers);
  b.run(5);

  CHECK(marker.pasid == kPasid && marker.behind == 1 && !b.top.stop_busy_o);
  CHECK(b.page_requests.size() == 1 && b.markers.empty());
}

CASE(stop_marker_passes_a_queue_that_waits) {
  AtcBench& b = room();
  b.top.fn_pri_alloc_i = 1;
  fault(b, 0, 8, kTenant);
  b.run(50);
  b.send_marker(0x77);

  CHECK(b.next(b.markers, 20).pasid == 0x77);
}

CASE(stop_marker_is_dropped_without_page_requests) {
  AtcBench& b = room();
  b.top.fn_pri_en_i = 0;
  b.send_marker(kPasid);
  b.run(20);
  CHECK(b.markers.empty() && !b.top.stop_busy_o);

  b.top.fn_pri_en_i = 1;
  b.top.fn_bme_i = 0;
  b.send_marker(kPasid);
  b.run(20);
  CHECK(b.markers.empty() && b.top.stop_busy_o);
  b.top.fn_pri_en_i = 0;
  b.run(5);
  CHECK(!b.top.stop_busy_o && !b.top.busy_o);
}

CASE(each_pasid_with_stale_page_requests_is_told_once) {
  AtcBench& b = room();
  fault(b, 0, 3, {1, 0x10, false});
  fault(b, 10, 2, {2, 0x20, false});
  fault(b, 20, 1, {3, 0x30, false});
  fault(b, 30, 1, {4, kNone, false});
  b.run(50);
  b.stop(kWqs, 1u << 1 | 1u << 2 | 1u << 4);
  b.run(20);

  std::multiset<int> told;
  while (b.top.left_valid_o) {
    told.insert(b.top.left_pasid_valid_o ? static_cast<int>(b.top.left_pasid_o) : kNone);
    b.top.left_next_i = 1;
    b.clock();
  }
  CHECK((told == std::multiset<int>{0x10, 0x20, kNone}));

  // What is stale from before is not told of again.
  b.stop(kNobody);
  b.clock();
  b.stop(kEverybody);
  b.run(20);
  CHECK(b.top.left_valid_o && b.top.left_pasid_o == 0x30);
  b.top.left_next_i = 1;
  b.clock();
  CHECK(!b.top.left_valid_o);
}
