// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Page requests and their responses. Cases of siov_atc_bench.cpp.

#include "atc_room.h"

CASE(page_request_asks_for_what_is_missing) {
  AtcBench& b = room();
  const Page page = 0x8'7654'3210'full;
  b.look_up(lookup(page, true, true));
  deny(b);
  const PageRequest p = b.next(b.page_requests);
  CHECK(p.page == page && p.pasid == kPasid && p.write && b.wakes.empty() && b.top.pri_pending_o);

  b.messages.push_back(b.prg_response(p.prg, 0, kPasid));
  const Request r = b.next(b.requests);
  grant(b, r, leaf_at(page, 5));
  b.next(b.wakes);

  CHECK(b.look_up(lookup(page, true, true)).page == 5);
  CHECK(!b.top.pri_pending_o && !b.top.busy_o);
}

CASE(fault_that_may_not_block_is_told_at_once) {
  AtcBench& b = room();
  for (int how = 0; how < 3; ++how) {
    b.top.fn_pri_en_i = how != 1;
    b.top.fn_pri_alloc_i = how == 2 ? 0 : 512;
    const Lookup l = lookup(0x50 + how, false, how != 0, 10 + how);
    b.look_up(l);
    deny(b);
    b.next(b.wakes);
    const Answer a = b.look_up(l);
    CHECK(a.kind == kFaulted && a.status == kFault && b.page_requests.empty(), "%d", how);
  }
}

CASE(refused_page_request_ends_the_lookup) {
  AtcBench& b = room();
  b.look_up(lookup(0x50, false, true));
  deny(b);
  b.messages.push_back(b.prg_response(b.next(b.page_requests).prg, 1, kPasid));
  b.next(b.wakes);

  const Answer a = b.look_up(lookup(0x50, false, true));

  CHECK(a.kind == kFaulted && a.status == kRefused && b.pri_failures == 0);
}

CASE(refusal_that_a_job_was_woken_for_outlives_an_invalidation) {
  AtcBench& b = room();
  b.look_up(lookup(0x50, false, true));
  deny(b);
  b.messages.push_back(b.prg_response(b.next(b.page_requests).prg, 1, kPasid));
  b.next(b.wakes);
  b.messages.push_back(b.invalidate(0, kNone, 0, 52));
  b.next(b.inv_completions);

  CHECK(b.look_up(lookup(0x50, false, true)).status == kRefused);
  CHECK(look_up_afresh(b, lookup(0x50, false, true)).kind == kWait);  // for the next job it is news
}

CASE(translation_that_a_job_was_woken_for_does_not_outlive_an_invalidation) {
  AtcBench& b = room();
  fill(b, lookup(0x50), leaf_at(0x50, 1));
  b.messages.push_back(b.invalidate(0, kPasid, 0x50, 0));
  b.next(b.inv_completions);

  CHECK(b.look_up(lookup(0x50)).kind == kWait);
}

CASE(success_without_a_page_is_not_believed_for_ever) {
  AtcBench& b = room();
  b.look_up(lookup(0x50, false, true));
  int tries = 0;
  while (b.wakes.empty()) {
    CHECK(++tries <= 65);
    deny(b);
    b.messages.push_back(b.prg_response(b.next(b.page_requests).prg, 0, kPasid));
    b.run(20);
  }

  CHECK(b.look_up(lookup(0x50, false, true)).status == kRefused);
  CHECK(tries == 64, "%d", tries);
}

/// `count` lookups of one tenant that wait for pages; nothing is answered.
inline void fault(AtcBench& b, uint32_t first_job, uint32_t count, Tenant tenant) {
  for (uint32_t job = first_job; job < first_job + count; ++job) {
    b.look_up(lookup(0x1000 + job, false, true, job, tenant));
    while (b.requests.empty() && job >= first_job + 16) b.clock();
    b.run(10);
    while (!b.requests.empty()) deny(b);
    b.run(10);
  }
}

CASE(failure_ends_all_page_requests) {
  AtcBench& b = room();
  for (uint16_t adi = 0; adi < 8; ++adi) fault(b, adi * 10, 5, {adi, 0x100 + adi, false});
  b.run(200);
  const int asked = static_cast<int>(b.page_requests.size());
  b.messages.push_back(b.prg_response(7, 15, kNone));
  b.run(300);

  // The rest may not ask any more.
  CHECK(b.pri_failures == 1 && b.wakes.size() == 40 && !b.top.pri_pending_o);
  int no_answer = 0, not_asked = 0;
  for (uint16_t adi = 0; adi < 8; ++adi) {
    for (uint32_t job = adi * 10; job < adi * 10u + 5; ++job) {
      const Answer a = b.look_up(lookup(0x1000 + job, false, true, job, {adi, 0x100 + adi, false}));
      CHECK(a.kind == kFaulted);
      no_answer += a.status == kNoAnswer;
      not_asked += a.status == kFault;
    }
  }
  CHECK(no_answer == asked && not_asked == 40 - asked, "%d %d", no_answer, not_asked);

  // Later responses are ignored, until PRI is enabled again.
  b.messages.push_back(b.prg_response(8, 0, kNone));
  b.run(10);
  CHECK(b.pri_unexpected == 0);
  b.top.fn_pri_en_i = 0;
  b.run(5);
  b.top.fn_pri_en_i = 1;
  b.run(5);
  b.messages.push_back(b.prg_response(8, 0, kNone));
  b.run(10);
  CHECK(b.pri_unexpected == 1);
}

CASE(page_request_not_offered_when_pri_is_disabled_never_is) {
  AtcBench& b = room();
  b.look_up(lookup(0x50, false, true));
  deny(b);
  b.run(2);
  b.top.fn_bme_i = 0;
  b.run(50);
  CHECK(b.page_requests.empty() && b.top.pri_pending_o);
  b.top.fn_pri_en_i = 0;
  b.run(5);
  CHECK(!b.top.pri_pending_o);
  b.top.fn_bme_i = 1;
  deny(b);  // it looks up again, as if nothing had been
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x50, false, true)).status == kFault && b.page_requests.empty());
}

CASE(response_to_nothing_is_unexpected) {
  AtcBench& b = room();
  fault(b, 0, 1, kTenant);
  const PageRequest p = b.next(b.page_requests);
  for (uint32_t prg : {p.prg ^ 1, p.prg | 0x20, p.prg | 0x100}) {
    b.messages.push_back(b.prg_response(prg, 0, kPasid));
  }
  b.run(20);

  CHECK(b.pri_unexpected == 3 && b.requests.empty() && b.top.pri_pending_o);
}

CASE(allocation_is_obeyed_and_shared) {
  AtcBench& b = room();
  uint32_t job = 0;
  // One each; and of one half, one more than half of what is left of it, and 4 in all.
  struct Row {
    uint32_t allocation, in_use, most;
  };
  for (const Row& row : {Row{1, 1, 1}, Row{3, 3, 1}, Row{9, 9, 2}, Row{12, 12, 3}, Row{31, 24, 4},
                         Row{512, 25, 4}}) {
    b.top.fn_pri_alloc_i = row.allocation;
    std::map<int, int> of_adi;
    for (uint16_t adi = 0; adi < 10; ++adi) {
      fault(b, job % 240, 5, {adi, 0x100 + adi, false});
      job += 5;
    }
    b.run(500);
    CHECK(b.page_requests.size() == row.in_use, "%u: %zu", row.allocation, b.page_requests.size());
    uint32_t most = 0;
    for (const PageRequest& p : b.page_requests) most = std::max<uint32_t>(most, ++of_adi[p.pasid]);
    CHECK(most == row.most, "%u: %u", row.allocation, most);
    // End them all.
    b.top.fn_pri_en_i = 0;
    b.top.pri_reset_i = 1;
    b.run(1000);
    CHECK(b.wakes.size() == 50 && !b.top.busy_o, "%zu", b.wakes.size());
    b.wakes.clear();
    b.page_requests.clear();
    for (uint32_t j = 0; j < 256; ++j) {
      b.top.forget_valid_i = 1;
      b.top.forget_job_i = j;
      b.clock();
    }
    b.top.fn_pri_en_i = 1;
    b.clock();
  }
}

CASE(adi_that_faults_for_ever_holds_up_nobody) {
  AtcBench& b = room();
  fault(b, 0, 64, {1, 0x100, false});
  b.run(1000);
  CHECK(b.page_requests.size() == 4);
  b.page_requests.clear();

  fault(b, 100, 1, {2, 0x200, false});
  const PageRequest p = b.next(b.page_requests, 200);
  CHECK(p.pasid == 0x200);
  b.messages.push_back(b.prg_response(p.prg, 0, 0x200));
  const Request r = b.next(b.requests, 200);
  grant(b, r, leaf_at(r.page, 5));
  CHECK(b.next(b.wakes, 200).first == 100);
}

CASE(many_that_fault_for_ever_leave_page_requests_to_others) {
  AtcBench& b = room();
  for (uint16_t adi = 0; adi < 12; ++adi) fault(b, adi * 8, 8, {adi, 0x100 + adi, false});
  b.run(1000);
  b.page_requests.clear();

  fault(b, 100, 1, {12, 0x200, false});
  CHECK(b.next(b.page_requests, 300).pasid == 0x200);
}

CASE(half_as_many_adis_as_there_are_page_requests_have_one_each_whatever_others_take) {
  for (uint32_t allocation : {1u, 2u, 7u, 8u, 32u}) {
    AtcBench& b = room();
    b.top.fn_pri_alloc_i = allocation;
    std::set<int> served;
    // They come one after the other, and nothing is ever answered.
    const auto adis = static_cast<uint16_t>((allocation + 1) / 2);
    for (uint16_t adi = 0; adi < adis; ++adi) {
      fault(b, adi * 8, 8, {adi, 0x100 + adi, false});
      b.run(200);
    }
    for (const PageRequest& p : b.page_requests) served.insert(p.pasid);
    CHECK(served.size() == adis, "%u: %zu", allocation, served.size());
    // End them all, for the next row.
    b.top.fn_pri_en_i = 0;
    b.top.pri_reset_i = 1;
    b.run(1000);
    b.page_requests.clear();
    b.wakes.clear();
  }
}

CASE(page_of_one_submitter_holds_up_no_other_of_its_adi) {
  AtcBench& b = room();
  for (int pasid : {0x10, 0x11}) {
    b.look_up(lookup(0x50, false, true, pasid, {3, pasid, false}));
    deny(b);
    CHECK(b.next(b.page_requests, 200).pasid == pasid);  // it is never answered
  }
}

CASE(waiters_for_one_page_share_a_page_request) {
  AtcBench& b = room();
  for (uint32_t job = 0; job < 40; ++job) b.look_up(lookup(0x50, false, true, job));
  b.run(10);
  for (int i = 0; i < 40; ++i) {
    deny(b);
  }
  const PageRequest p = b.next(b.page_requests);
  b.run(500);
  CHECK(b.page_requests.empty());
  b.messages.push_back(b.prg_response(p.prg, 0, kPasid));
  const Request r = b.next(b.requests);
  grant(b, r, leaf_at(0x50, 1));
  b.run(500);

  CHECK(b.wakes.size() == 40 && b.page_requests.empty() && b.requests.empty());
}
