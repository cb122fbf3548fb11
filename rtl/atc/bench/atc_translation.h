// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// What a look-up is answered with, and what is asked for it. Cases of siov_atc_bench.cpp.

#include "atc_room.h"

CASE(miss_asks_once_and_then_hits) {
  AtcBench& b = room();
  const Lookup l = lookup(0x123456789ab);

  const Answer miss = b.look_up(l);
  const uint64_t asked = miss.asked;
  const Request r = b.next(b.requests);
  const uint64_t sent = cycle;
  grant(b, r, leaf_at(l.page, 0x777));
  const uint64_t completed = cycle;
  const auto wake = b.next(b.wakes);
  const uint64_t woken = cycle;
  const Answer hit = b.look_up(l);

  CHECK(miss.kind == kWait && miss.answered - miss.asked == 1);
  CHECK(r.page == l.page && r.pasid == kPasid && r.no_write && !r.priv);
  CHECK(sent - asked <= 6, "%d", int(sent - asked));
  CHECK(wake == std::make_pair(7u, 0u) && woken - completed <= 4, "%d", int(woken - completed));
  CHECK(hit.kind == kHit && hit.page == 0x777 && !hit.untranslated);
  CHECK(b.requests.empty() && b.wakes.empty());
}

CASE(request_names_the_tenant_and_the_access) {
  AtcBench& b = room();

  b.look_up(lookup(0x1, true, false, 1, {3, kPasid, true}));
  const Request privileged = b.next(b.requests);
  b.look_up(lookup(0xfffff, false, false, 2, {4, kNone, false}));
  const Request bare = b.next(b.requests);

  CHECK(privileged.priv && !privileged.no_write && privileged.pasid == kPasid);
  CHECK(bare.pasid == kNone && bare.page == 0xfffff && bare.no_write);
}

CASE(page_of_any_size_serves_all_of_it) {
  AtcBench& b = room();
  int n = 0;
  for (int log2 : {0, 1, 3, 4, 8, 9, 10, 12, 17, 18, 19, 30, 52}) {
    const Page page = 0x5'5555'5555'5ull + (Page{0x100'0000'0} * ++n);
    const Leaf leaf = leaf_at(page, 0xa'aaaa'aaaa'aull, log2);
    const Tenant tenant{static_cast<uint16_t>(n), 0x100 + n, false};
    const Page first = log2 == 52 ? 0 : leaf.base;

    const Answer own = fill(b, lookup(page, false, false, 7, tenant), leaf);
    // What is kept is 1 GiB, 2 MiB or 4 KiB of it.
    const int kept = log2 >= 18 ? 18 : log2 >= 9 ? 9 : 0;
    const Page from = page >> kept << kept, last = from + (Page{1} << kept) - 1;

    CHECK(own.kind == kHit && own.page == leaf.at(page), "2^%d pages", log2);
    for (Page p : {from, last, (from + last) / 2}) {
      const Answer hit = look_up_afresh(b, lookup(p, false, false, 7, tenant));
      CHECK(hit.kind == kHit && hit.page == leaf.at(p), "2^%d pages, page %llx", log2,
            (unsigned long long)p);
    }
    if (first < from || log2 <= 18) {
      CHECK(!still_cached(b, lookup(last + 1, false, false, 7, tenant)));
    }
  }
}

CASE(translation_is_for_its_pasid_and_mode_only) {
  AtcBench& b = room();
  fill(b, lookup(0x50, false, false, 7, {3, 0x10, false}), leaf_at(0x50, 0x99));

  CHECK(!still_cached(b, lookup(0x50, false, false, 7, {3, 0x11, false})));
  CHECK(!still_cached(b, lookup(0x50, false, false, 7, {3, 0x10, true})));
  CHECK(!still_cached(b, lookup(0x50, false, false, 7, {3, kNone, false})));
  CHECK(!still_cached(b, lookup(0x50, false, false, 7, {4, 0x10, false})));
  CHECK(still_cached(b, lookup(0x50, false, false, 7, {3, 0x10, false})));
}

CASE(write_needs_the_right_to_write) {
  AtcBench& b = room();
  Leaf leaf = leaf_at(0x50, 0x99);
  leaf.w = false;
  fill(b, lookup(0x50), leaf);

  CHECK(still_cached(b, lookup(0x50, false)));
  CHECK(b.look_up(lookup(0x50, true)).kind == kWait);
  const Request r = b.next(b.requests);
  b.completions.push_back(b.translation(r, b.entry(leaf, 0x50, 0, true, false, false)));
  b.next(b.wakes);
  const Answer denied = b.look_up(lookup(0x50, true));

  CHECK(!r.no_write);
  CHECK(denied.kind == kFaulted && denied.status == kFault);
}

CASE(untranslated_only_is_said_and_kept) {
  AtcBench& b = room();
  Leaf leaf = leaf_at(0xfee00, 0);
  leaf.u = true;

  CHECK(fill(b, lookup(0xfee00, true), leaf).untranslated);
  const Answer again = look_up_afresh(b, lookup(0xfee00, true));

  CHECK(again.kind == kHit && again.untranslated);
}

CASE(rights_of_the_other_mode_do_not_count) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  b.completions.push_back(b.translation(r, b.entry(leaf_at(0x50, 1), 0x50, 0, true, true, true)));
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x50)).status == kFault);
}

CASE(page_smaller_than_stu_is_an_error) {
  AtcBench& b = room();
  b.top.fn_stu_i = 2;
  b.look_up(lookup(0x57));
  const Request small = b.next(b.requests);
  grant(b, small, leaf_at(0x57, 1, 1));
  b.next(b.wakes);
  const Answer error = b.look_up(lookup(0x57));
  const Answer good = fill(b, lookup(0x157), leaf_at(0x157, 0x800, 2));

  CHECK(small.page == 0x54);
  CHECK(error.kind == kFaulted && error.status == kNoAnswer);
  CHECK(good.kind == kHit && good.page == 0x803);
}

CASE(page_without_rights_is_of_no_size) {
  AtcBench& b = room();
  b.top.fn_stu_i = 2;
  b.look_up(lookup(0x57));
  deny(b);
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x57)).status == kFault);
}

CASE(held_result_cannot_be_evicted) {
  AtcBench& b = room();
  for (uint32_t job = 0; job < 64; ++job) {
    const Lookup l = lookup(0x1000 + job, false, false, job);
    CHECK(b.look_up(l).kind == kWait);
    const Request r = b.next(b.requests);
    grant(b, r, leaf_at(l.page, job));
    b.next(b.wakes);
  }

  for (uint32_t job = 0; job < 64; ++job) {
    const Answer hit = b.look_up(lookup(0x1000 + job, false, false, job));
    CHECK(hit.kind == kHit && hit.page == job);
  }
}

CASE(one_adi_cannot_evict_another) {
  AtcBench& b = room();
  const Tenant other{9, 0x900, false};
  fill(b, lookup(0x1, false, false, 1, other), leaf_at(0x1, 0x11));
  for (Page p = 0; p < 100; ++p) fill(b, lookup(0x1000 + p), leaf_at(0x1000 + p, p));

  CHECK(still_cached(b, lookup(0x1, false, false, 1, other)));
}

CASE(row_holds_eight_pages_of_an_adi) {
  AtcBench& b = room();
  for (Page p = 0; p < 8; ++p) fill(b, lookup(0x1000 + p), leaf_at(0x1000 + p, p));

  for (Page p = 0; p < 8; ++p) CHECK(still_cached(b, lookup(0x1000 + p)));
}

CASE(waiters_for_one_page_share_a_request) {
  AtcBench& b = room();
  for (uint32_t job = 0; job < 40; ++job) {
    CHECK(b.look_up(lookup(0x50, false, false, job)).kind == kWait);
  }
  const Request r = b.next(b.requests);
  b.run(200);
  CHECK(b.requests.empty());
  grant(b, r, leaf_at(0x50, 1));

  std::set<uint32_t> woken;
  for (int i = 0; i < 40; ++i) woken.insert(b.next(b.wakes).first);
  CHECK(woken.size() == 40 && b.requests.empty());
}

CASE(submitters_of_one_adi_ask_each_for_themselves) {
  AtcBench& b = room();
  for (int n = 0; n < 2; ++n) b.look_up(lookup(0x50, false, false, n, {3, 0x10 + n, false}));
  b.run(100);
  CHECK(b.requests.size() == 2 && b.requests[0].pasid != b.requests[1].pasid);
}

CASE(adi_has_half_of_the_requests) {
  AtcBench& b = room();
  for (uint32_t job = 0; job < 40; ++job) b.look_up(lookup(0x50 + job, false, false, job));
  b.run(400);
  CHECK(b.requests.size() == 16);

  b.look_up(lookup(0x50, false, false, 50, {4, 0x4, false}));
  b.run(400);
  CHECK(b.requests.size() == 17 && b.requests.back().pasid == 0x4);

  std::set<uint32_t> tags;
  for (const Request& r : b.requests) tags.insert(r.tag);
  CHECK(tags.size() == 17 && *tags.begin() >= 0x80 && *tags.rbegin() < 0xa0);
}

CASE(tags_follow_the_enables) {
  AtcBench& b = room();
  b.top.fn_ext_tag_i = 0;
  for (uint32_t job = 0; job < 40; ++job) {
    b.look_up(lookup(0x50 + job, false, false, job, adi(job % 8)));
  }
  b.run(400);
  CHECK(b.requests.size() == 16);
  for (const Request& r : b.requests) CHECK(r.tag >= 16 && r.tag < 32, "%x", r.tag);
  while (b.wakes.size() < 40) {
    for (const Request& r : b.requests) b.completions.push_back(b.completion(r.tag, 1));
    b.requests.clear();
    b.run(50);
  }

  b.top.fn_tag10_i = 1;
  b.look_up(lookup(0x500));
  const Request r = b.next(b.requests);
  CHECK(r.tag >= 0x180 && r.tag < 0x1a0, "%x", r.tag);
  grant(b, r, leaf_at(0x500, 1));
  b.run(10);
  CHECK(b.look_up(lookup(0x500)).kind == kHit);
}

CASE(hits_are_one_a_clock) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  for (int i = 0; i < 1000; ++i) b.lookups.push_back(lookup(0x50));
  const uint64_t start = cycle;
  b.run(1003);

  CHECK(b.answers.size() == 1000);
  for (const Answer& a : b.answers) CHECK(a.kind == kHit);
  CHECK(b.answers.back().answered - start <= 1002);
}

CASE(lookups_without_ats_use_the_address_as_it_is) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.top.fn_ats_en_i = 0;
  b.run(2);

  const Answer a = b.look_up(lookup(0x50));

  CHECK(a.kind == kHit && a.untranslated && a.page == 0x50);
}

CASE(enabling_ats_empties_the_cache) {
  AtcBench& b = room();
  const Lookup kept = lookup(0x50, false, false, 8), held = lookup(0x51, false, false, 9);
  fill(b, kept, leaf_at(0x50, 1));
  fill(b, held, leaf_at(0x51, 1));
  b.top.fn_ats_en_i = 0;
  b.clock();
  b.top.fn_ats_en_i = 1;
  b.clock();

  CHECK(b.look_up(held).kind == kWait);
  CHECK(b.look_up(kept).kind == kWait);
}

CASE(waiters_end_when_ats_is_disabled) {
  AtcBench& b = room();
  for (uint32_t job = 0; job < 40; ++job) b.look_up(lookup(0x50 + job, false, false, job));
  b.run(100);
  b.top.fn_ats_en_i = 0;
  for (const Request& r : b.requests) {
    grant(b, r, leaf_at(r.page, 1));
  }
  b.run(400);

  CHECK(b.wakes.size() == 40 && !b.top.busy_o);
}

CASE(wq_that_changes_hands_leaves_nothing) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  fill(b, lookup(0x50, false, false, 1, {4, kPasid, false}), leaf_at(0x50, 1));
  b.top.drop_valid_i = 1;
  b.top.drop_adi_i = 3;
  b.clock();
  b.clock();

  CHECK(!still_cached(b, lookup(0x50)));
  CHECK(still_cached(b, lookup(0x50, false, false, 1, {4, kPasid, false})));
}

CASE(requests_wait_for_bus_master_enable) {
  AtcBench& b = room();
  b.top.fn_bme_i = 0;
  b.look_up(lookup(0x50));
  b.run(100);
  CHECK(b.requests.empty() && !b.top.np_pending_o);
  b.messages.push_back(b.invalidate(3, kPasid, 0x1000, 0));
  b.next(b.inv_completions);

  b.top.fn_bme_i = 1;
  b.next(b.requests);
  CHECK(b.top.np_pending_o);
}
