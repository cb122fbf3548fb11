// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Translation Requests that go wrong. Cases of siov_atc_bench.cpp.

#include "atc_room.h"

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
