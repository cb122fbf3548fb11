// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Invalidate Requests. Cases of siov_atc_bench.cpp.

#include "atc_room.h"

CASE(invalidation_drops_what_it_names) {
  AtcBench& b = room();
  struct Row {
    Tlp request;
    bool own, own_far, other, bare, bare_far;  // what must be gone
  };
  const Tenant own{3, 0x10, false}, other{4, 0x20, false}, bare{5, kNone, false};
  auto l = [&](Tenant t, Page page) { return lookup(page, false, false, 7, t); };
  const Row rows[] = {
      {b.invalidate(0, 0x10, 0x12345, 0), true, false, false, false, false},
      {b.invalidate(1, 0x10, 0x12344, 2), true, false, false, false, false},
      {b.invalidate(2, 0x10, 0x12346, 0), false, false, false, false, false},
      {b.invalidate(3, 0x10, 0, 52), true, true, false, false, false},
      {b.invalidate(4, 0x10, 0x12345, 0, true), true, false, true, false, false},
      {b.invalidate(5, 0x30, 0, 52, true), true, true, true, false, false},
      {b.invalidate(6, 0x30, 0, 52), false, false, false, false, false},
      {b.invalidate(7, kNone, 0x12345, 0), true, true, true, true, false},
      {b.invalidate(8, kNone, 0, 52), true, true, true, true, true},
  };
  for (const Row& row : rows) {
    for (Tenant t : {own, other, bare}) {
      for (Page page : {Page{0x12345}, Page{0xffff12345}}) {
        if (look_up_afresh(b, l(t, page)).kind == kHit) continue;
        const Request r = b.next(b.requests);
        grant(b, r, leaf_at(page, 1));
        b.next(b.wakes);
      }
    }
    b.messages.push_back(row.request);
    const uint32_t itag = row.request.hdr[1] >> 8 & 31;
    const auto done = b.next(b.inv_completions);
    CHECK(done.itags == 1u << itag && done.copies == 1 && done.tc == 0);
    CHECK(still_cached(b, l(own, 0x12345)) == !row.own, "ITag %u", itag);
    CHECK(still_cached(b, l(own, 0xffff12345)) == !row.own_far, "ITag %u", itag);
    CHECK(still_cached(b, l(other, 0x12345)) == !row.other, "ITag %u", itag);
    CHECK(still_cached(b, l(bare, 0x12345)) == !row.bare, "ITag %u", itag);
    CHECK(still_cached(b, l(bare, 0xffff12345)) == !row.bare_far, "ITag %u", itag);
  }
}

CASE(invalidation_of_a_part_drops_the_whole_page) {
  AtcBench& b = room();
  fill(b, lookup(0x40000), leaf_at(0x40000, 0x80000, 18));
  b.messages.push_back(b.invalidate(0, kPasid, 0x7ffff, 0));
  b.next(b.inv_completions);

  CHECK(!still_cached(b, lookup(0x40000)));
}

CASE(invalidation_with_pasid_disabled_is_just_completed) {
  AtcBench& b = room();
  const Tenant bare{5, kNone, false};
  b.top.fn_pasid_en_i = 0;
  b.run(20);
  fill(b, lookup(0x50, false, false, 7, bare), leaf_at(0x50, 1));
  b.messages.push_back(b.invalidate(0, kPasid, 0, 52, true));
  b.next(b.inv_completions);

  CHECK(still_cached(b, lookup(0x50, false, false, 7, bare)));
}

CASE(invalidation_with_ats_disabled_is_completed) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.top.fn_ats_en_i = 0;
  b.run(2);
  b.messages.push_back(b.invalidate(7, kPasid, 0x50, 0));
  CHECK(b.next(b.inv_completions).itags == 1u << 7);

  b.messages.push_back(b.invalidate(8, kNone, 0, 52));
  CHECK(b.next(b.inv_completions).itags == 1u << 8);
}

CASE(invalidation_in_d3hot_is_swept_then_and_completed_in_d0) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.top.fn_d3hot_i = 1;
  b.messages.push_back(b.invalidate(7, kPasid, 0x50, 0));
  b.run(500);
  CHECK(b.inv_completions.empty() && b.look_up(lookup(0x50)).kind == kWait);

  b.top.fn_d3hot_i = 0;
  CHECK(b.next(b.inv_completions).itags == 1u << 7);
}

CASE(completion_waits_for_the_old_epoch) {
  AtcBench& b = room();
  const Answer hit = fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.epoch_busy = 1u << hit.epoch;
  b.messages.push_back(b.invalidate(9, kPasid, 0x50, 0));
  b.run(500);
  CHECK(b.inv_completions.empty());
  CHECK(!still_cached(b, lookup(0x50)));
  CHECK(fill(b, lookup(0x51, true), leaf_at(0x51, 1)).epoch != hit.epoch);

  b.epoch_busy = 0;
  CHECK(b.next(b.inv_completions).itags == 1u << 9);
}

CASE(requests_swept_meanwhile_are_completed_together) {
  AtcBench& b = room();
  const Answer hit = fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.epoch_busy = 1u << hit.epoch;
  for (uint32_t itag = 0; itag < 32; ++itag) {
    b.messages.push_back(b.invalidate(itag, kPasid, itag, 0));
  }
  b.run(2000);
  b.epoch_busy = 0;

  uint32_t done = 0;
  while (done != ~0u) {
    const uint32_t itags = b.next(b.inv_completions).itags;
    CHECK((done & itags) == 0);
    done |= itags;
  }
  CHECK(b.inv_completions.size() == 0);
}

CASE(completion_goes_in_every_class_that_carried_writes) {
  AtcBench& b = room();
  for (uint32_t tc : {0u, 3u, 5u}) {
    Lookup l = lookup(0x50 + tc, true);
    l.tc = tc;
    fill(b, l, leaf_at(l.page, 1));
  }
  Lookup read = lookup(0x60);
  read.tc = 6;
  fill(b, read, leaf_at(0x60, 1));
  b.messages.push_back(b.invalidate(1, kPasid, 0x50, 0));

  std::set<uint32_t> tcs;
  for (int i = 0; i < 3; ++i) {
    const auto copy = b.next(b.inv_completions);
    CHECK(copy.copies == 3 && copy.itags == 2);
    tcs.insert(copy.tc);
  }
  CHECK((tcs == std::set<uint32_t>{0, 3, 5}));
  b.run(100);
  CHECK(b.inv_completions.empty());
}

CASE(translation_on_its_way_when_invalidated_is_asked_for_again) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request first = b.next(b.requests);
  b.messages.push_back(b.invalidate(1, kPasid, 0x50, 0));
  b.next(b.inv_completions);
  grant(b, first, leaf_at(0x50, 0xbad));
  const Request second = b.next(b.requests);
  CHECK(b.wakes.empty() && second.page == 0x50);
  grant(b, second, leaf_at(0x50, 0x600d));
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x50)).page == 0x600d);
}

CASE(large_page_on_its_way_is_cut_when_a_part_is_invalidated) {
  AtcBench& b = room();
  b.look_up(lookup(0x250));
  const Request r = b.next(b.requests);
  b.messages.push_back(b.invalidate(1, kPasid, 0x251, 0));
  b.next(b.inv_completions);
  grant(b, r, leaf_at(0x200, 0x400, 9));
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x250)).page == 0x450);
  CHECK(!still_cached(b, lookup(0x251)));
  CHECK(still_cached(b, lookup(0x250)));
}

CASE(invalidation_of_another_pasid_does_not_disturb) {
  AtcBench& b = room();
  b.look_up(lookup(0x250));
  const Request r = b.next(b.requests);
  b.messages.push_back(b.invalidate(1, kPasid + 1, 0, 52));
  b.next(b.inv_completions);
  grant(b, r, leaf_at(0x200, 0x400, 9));
  b.next(b.wakes);

  CHECK(still_cached(b, lookup(0x251)));
}

CASE(sweep_leaves_lookups_three_clocks_of_four) {
  AtcBench& b = room(1024);
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.messages.push_back(b.invalidate(1, kPasid, 0x60, 0));
  b.run(10);
  for (int i = 0; i < 2000; ++i) b.lookups.push_back(lookup(0x50));
  b.answers.clear();
  b.run(1000);
  CHECK(b.answers.size() >= 740 && b.answers.size() <= 760, "%d", int(b.answers.size()));
}
