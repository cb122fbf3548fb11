// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// How addresses are translated, as rtl/atc/README.md says. One behaviour at a time; all of them
// together, at random, in atc_traffic.h.

#include "atc_bench.h"
#include "atc_traffic.h"

namespace {

AtcBench& room(uint32_t wqs = 16) {
  static AtcBench b;
  b.reset(wqs);
  while (!b.top.lk_ready_o) b.clock();
  return b;
}

constexpr int kPasid = 0x12345;
const Tenant kTenant{3, kPasid, false};

Tenant adi(uint32_t number) { return {static_cast<uint16_t>(number), kPasid, false}; }

Lookup lookup(Page page, bool write = false, bool block = false, uint32_t job = 7,
              Tenant tenant = kTenant) {
  return {job, write ? 1u : 0u, tenant, page, write, block, 0};
}

void grant(AtcBench& b, const Request& r, const Leaf& leaf) {
  const uint64_t entry = b.entry(leaf, r.page, leaf.log2, leaf.r, leaf.w, r.priv);
  b.completions.push_back(b.translation(r, entry));
}

void deny(AtcBench& b) { b.completions.push_back(b.translation(b.next(b.requests), 0)); }

/// Looks up, has the request answered with `leaf`, and looks up again.
Answer fill(AtcBench& b, const Lookup& l, const Leaf& leaf) {
  CHECK(b.look_up(l).kind == kWait);
  grant(b, b.next(b.requests), leaf);
  const auto wake = b.next(b.wakes);
  CHECK(wake.first == l.job && wake.second == l.operand);
  return b.look_up(l);
}

/// Drops what is held for the job, so that only the ADI's row can hit.
Answer look_up_afresh(AtcBench& b, const Lookup& l) {
  b.top.forget_valid_i = 1;
  b.top.forget_job_i = l.job;
  b.clock();
  return b.look_up(l);
}

bool still_cached(AtcBench& b, const Lookup& l) {
  if (look_up_afresh(b, l).kind == kHit) return true;
  b.completions.push_back(b.completion(b.next(b.requests).tag, 4));
  b.next(b.wakes);
  return false;
}

Leaf leaf_at(Page page, Page to, int log2 = 0) {
  Leaf leaf;
  leaf.log2 = log2;
  leaf.base = page >> log2 << log2;
  leaf.to = to >> log2 << log2;
  return leaf;
}

}  // namespace

// ---- translation

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

// ---- errors

CASE(error_ends_the_lookup_with_a_status) {
  AtcBench& b = room();
  uint32_t job = 0;
  for (uint32_t status : {1u, 4u, 5u, 2u}) {
    const Lookup l = lookup(0x50 + job, false, true, job);
    ++job;
    b.look_up(l);
    b.completions.push_back(b.completion(b.next(b.requests).tag, status));
    b.next(b.wakes);
    const Answer a = b.look_up(l);
    CHECK(a.kind == kFaulted && a.status == kNoAnswer);
  }
  CHECK(b.ur == 3 && b.ca == 1 && b.unexpected == 0 && b.cto == 0);
}

CASE(poisoned_translation_is_not_used) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  Tlp tlp = b.translation(r, b.entry(leaf_at(0x50, 1), 0x50, 0, true, true, false));
  tlp.hdr[0] |= 1 << 14;
  b.completions.push_back(tlp);
  b.next(b.wakes);

  CHECK(b.look_up(lookup(0x50)).status == kNoAnswer);
  CHECK(b.poisoned == 1);
}

CASE(completion_that_does_not_fit_is_unexpected) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  const Tlp good = b.translation(r, b.entry(leaf_at(0x50, 1), 0x50, 0, true, true, false));
  const std::pair<int, uint32_t> wrong[] = {
      {0, 1u << 20},  {0, 1u << 13}, {0, 1u << 12}, {0, 1u << 18},  // class, attributes
      {0, 6},         {1, 4},                                       // Length, Byte Count
      {2, 1u << 16},  {2, 1u << 8},                                 // requester, tag of another
  };
  uint32_t count = 0;
  for (const auto& [dw, bits] : wrong) {
    Tlp tlp = good;
    tlp.hdr[dw] ^= bits;
    b.completions.push_back(tlp);
    b.run(5);
    CHECK(b.unexpected == ++count && b.wakes.empty(), "bits %x of DW %d", bits, dw);
    CHECK(b.top.np_pending_o);
  }
  b.completions.push_back(good);
  b.next(b.wakes);
  CHECK(b.unexpected == count);
  b.completions.push_back(good);
  b.run(5);
  CHECK(b.unexpected == count + 1);
}

CASE(completions_of_reads_are_not_for_this_room) {
  AtcBench& b = room();
  for (uint32_t tag = 0; tag < 0x40; ++tag) b.completions.push_back(b.completion(tag, 0));
  b.run(100);

  CHECK(b.unexpected == 0);
}

CASE(request_without_completion_times_out) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  const uint64_t sent = cycle;
  b.next(b.wakes);
  const uint64_t waited = cycle - sent;
  CHECK(waited >= 4096 && waited <= 4096 + 256 + 8, "%d", int(waited));
  CHECK(b.cto == 1 && b.look_up(lookup(0x50)).status == kNoAnswer && !b.top.np_pending_o);

  // Its tag stays out of use: all others are given first.
  std::set<uint32_t> tags;
  for (uint32_t job = 100; job < 140; ++job) {
    b.look_up(lookup(0x5000 + job, false, false, job, adi(job % 8)));
  }
  b.run(400);
  for (const Request& other : b.requests) tags.insert(other.tag);
  CHECK(tags.size() == 31 && !tags.count(r.tag));

  // Until its completion comes, which is of no more use.
  grant(b, r, leaf_at(0x50, 1));
  b.run(20);
  CHECK(b.unexpected == 1 && b.requests.size() == 32 && b.requests.back().tag == r.tag);
}

CASE(tag_rests_on_when_a_completion_does_not_fit) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  b.next(b.wakes);
  Tlp wrong = b.translation(r, b.entry(leaf_at(0x50, 1), 0x50, 0, true, true, false));
  wrong.hdr[0] ^= 6;  // Length: of a read
  b.completions.push_back(wrong);
  b.run(20);

  b.look_up(lookup(0x51));

  CHECK(b.unexpected == 1 && b.next(b.requests).tag != r.tag);
}

CASE(tag_comes_back_after_sixteen_timeouts) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  const Request r = b.next(b.requests);
  b.run(16 * 4096);
  b.look_up(lookup(0x51));
  CHECK(b.next(b.requests).tag != r.tag);
  b.run(2 * 4096);
  b.look_up(lookup(0x52));

  CHECK(b.next(b.requests).tag == r.tag);
}

CASE(timeout_can_be_disabled) {
  AtcBench& b = room();
  b.top.fn_cto_dis_i = 1;
  b.look_up(lookup(0x50));
  b.run(20000);

  CHECK(b.cto == 0 && b.wakes.empty() && b.top.np_pending_o);
}

// ---- invalidation

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

// ---- page requests

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
void fault(AtcBench& b, uint32_t first_job, uint32_t count, Tenant tenant) {
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

// ---- abort and reset

constexpr uint32_t kWq3 = 1u << 3;

/// The status that the job's lookup for the page of `fault` ends with.
uint8_t status_of(AtcBench& b, uint32_t job, Tenant tenant) {
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

// ---- all together

CASE(random_traffic_is_never_given_a_stale_page) {
  Traffic t;
  t.run_for(400'000);
  t.finish();
}

CASE(random_traffic_with_every_kind_of_error) {
  Traffic t;
  t.errors = 5;
  t.drops = 1;
  t.lies = 10;
  t.run_for(400'000);
  t.finish();
}

CASE(random_traffic_in_an_invalidation_storm) {
  Traffic t;
  t.invalidations = 30;
  t.run_for(200'000);
  t.finish();
}

CASE(random_traffic_of_tenants_that_are_stopped) {
  Traffic t;
  t.stops = 1;
  t.lies = 10;
  t.run_for(300'000);
  t.finish();
}

CASE(random_traffic_with_stalled_streams) {
  Traffic t;
  t.tr_ready = 5;
  t.msg_ready = 5;
  t.run_for(200'000);
  t.finish();
}

// ---- what neighbours must not do

VIOLATION(operand_that_waits_is_looked_up) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  b.look_up(lookup(0x51));
}

VIOLATION(stop_marker_while_another_waits) {
  AtcBench& b = room();
  b.top.fn_bme_i = 0;
  for (int i = 0; i < 3; ++i) b.send_marker(kPasid);
}

VIOLATION(answers_of_an_epoch_are_used_while_the_next_ends) {
  AtcBench& b = room();
  b.epoch_busy = 2;  // not the epoch that is in use
  b.messages.push_back(b.invalidate(0, kPasid, 0, 52));
  b.run(1000);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
