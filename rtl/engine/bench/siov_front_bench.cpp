// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Descriptors from the portal to their ends, and who has a turn when.

#include "front_bench.h"

using siov::bench::random_bits;

namespace {

using Ptr = FrontBench::Ptr;

/// A descriptor that is right, if its operation takes these flags. Its record address and handle
/// are its own.
Ptr descriptor(uint32_t adi, uint32_t operation, uint32_t flags, uint64_t src = 0x1000,
               uint64_t dst = 0x9000, uint32_t size = 64) {
  static uint32_t number = 0;
  ++number;
  auto d = std::make_shared<Descriptor>();
  d->adi = adi;
  d->ims = number % 2;
  d->set<uint32_t>(0, static_cast<uint32_t>(random_bits()));  // PASID and privilege: if shared
  d->set<uint32_t>(4, flags | operation << 24);
  if (flags & kRecordValid) d->set<uint64_t>(8, (1ull << 32) + 32 * uint64_t{number});
  if (operation != kNop) {
    d->set<uint64_t>(16, src);
    d->set<uint64_t>(24, dst);
    d->set<uint32_t>(32, size);
  }
  if (flags & kRequestInterrupt) d->set<uint16_t>(36, number);
  return d;
}

/// As a tenant might write it: mostly right.
Ptr any_descriptor(uint32_t adi, const Wq& wq) {
  const uint32_t likely[] = {kNop, kMove, kMove, kMove, kMove, kFill, kFill, kFill};
  const uint32_t unlikely[] = {1, 2, 5, 0x43};
  const uint32_t operation = percent(95) ? likely[below(8)] : unlikely[below(4)];
  const bool data = operation == kMove || operation == kFill;
  uint32_t flags = 0;
  if (percent(75)) flags |= kRecordValid | below(2) * kRequestRecord | below(2) * kRecordTc;
  if (percent(33)) flags |= kRequestInterrupt;
  if (data) flags |= below(2) * kStrict | below(2) * kCacheControl | below(2) * kAddr2Tc;
  if (operation == kMove) flags |= below(2) * kAddr1Tc;
  if (operation == kFill) flags |= below(2) * kFill16;
  if (percent(20)) flags |= kBlockOnFault;
  if (percent(10)) flags ^= 1 << below(24);
  const uint64_t src = random_bits();
  const uint64_t dst = percent(85) ? random_bits() : src + below(300) - 150;
  uint32_t size = percent(90) ? 1 + below(200) : percent(50) ? 0 : below(1ull << 32);
  if (size > 1ull << wq.max_xfer && percent(50)) size = 1;

  Ptr d = descriptor(adi, operation, flags, src, dst, size);
  if (operation == kFill && (flags & kFill16)) d->set<uint64_t>(40, random_bits());
  d->deferrable = percent(95) ? !wq.dedicated : wq.dedicated;
  d->limited = percent(50);
  if (percent(50)) d->set<uint32_t>(0, below(2) << 31 | wq.pasid);
  if (percent(5)) d->bytes[8] |= below(32);
  const uint32_t stray = 16 + below(48);
  if (percent(8) && stray / 2 != 18) d->bytes[stray] ^= 1 << below(8);
  return d;
}

Wq any_wq() {
  Wq wq;
  wq.enabled = percent(90);
  wq.dedicated = percent(50);
  wq.discard = percent(10);
  wq.discard_pasid = percent(10);
  wq.bof_en = percent(50);
  wq.pasid_valid = percent(50);
  wq.priv = percent(50);
  wq.pasid = below(1 << 20);
  wq.tc_a = below(8);
  wq.tc_b = below(8);
  wq.max_xfer = below(32);
  if (percent(25)) wq.opcfg = below(32);
  wq.group = below(4);
  wq.prio = 1 + below(15);
  wq.size = 1 + below(percent(50) ? 4 : 100);
  return wq;
}

Wq enabled_wq(uint32_t size, uint32_t base = 0) {
  Wq wq;
  wq.enabled = true;
  wq.size = size;
  wq.base = base;
  return wq;
}

Wq shared_wq(uint32_t size, uint32_t base = 0) {
  Wq wq = enabled_wq(size, base);
  wq.dedicated = false;
  return wq;
}

/// Tries to submit to a shared WQ; whether it was accepted.
bool defer(FrontBench& b, Ptr d, bool limited = false) {
  d->deferrable = true;
  d->limited = limited;
  const uint64_t before = b.accepted;
  b.push(std::move(d));
  return b.accepted != before;
}

/// Clocks between jobs in the long run.
double clocks_per_move(uint32_t wqs, uint32_t flags) {
  FrontBench b;
  b.start();
  for (uint32_t i = 0; i < wqs; ++i) b.configure(i, enabled_wq(64, 64 * i));
  uint64_t start = 0, jobs = 0;
  for (uint32_t i = 0; i < 6000; ++i) {
    const uint32_t adi = i % wqs;
    if (!b.offering() && b.queued[adi].size() < 60) b.offer(descriptor(adi, kMove, flags));
    b.clock();
    if (i == 1000) {
      start = cycle;
      jobs = b.jobs;
    }
  }
  return double(cycle - start) / double(b.jobs - jobs);
}

}  // namespace

CASE(portal_write_during_init_is_dropped) {
  FrontBench b;
  b.reset();
  b.push(descriptor(3, kMove, kRecordValid | kRequestRecord));
  CHECK(b.top.init_o);
  b.drain();
  CHECK(b.accepted == 0);
}

CASE(lone_descriptor_gives_its_wq_one_turn) {
  FrontBench b;
  b.start();
  b.configure(5, enabled_wq(64));
  b.push(descriptor(5, kNop, 0));
  b.top.portal_valid_i = 0;
  int turns = 0;
  for (int i = 0; i < 50; ++i, b.edge()) {
    b.settle();
    turns += b.top.popped_o;
  }
  CHECK(turns == 1);
}

CASE(job_leaves_seven_clocks_after_its_portal_write) {
  FrontBench b;
  b.start();
  b.configure(5, enabled_wq(64, 100));
  b.push(descriptor(5, kMove, kRecordValid | kRequestRecord));
  b.drain();
  CHECK(b.job_at - b.pushed_at == 7, "%d clocks", int(b.job_at - b.pushed_at));
}

CASE(moves_take_less_than_five_clocks) {
  const double one = clocks_per_move(1, kRecordValid | kRequestRecord);
  const double many = clocks_per_move(16, kRecordValid | kRequestRecord);
  CHECK(one < 4.5 && many < 4.5, "%.2f, %.2f", one, many);
}

CASE(turns_follow_priority) {
  FrontBench b;
  b.start();
  b.engines(0x7, 1 << 4);  // engines 0 and 1 serve group 0, engine 2 serves group 1
  for (uint32_t i = 0; i < 12; ++i) {
    Wq wq = enabled_wq(32, 32 * i);
    wq.prio = 1 + below(15);
    wq.group = i < 8 ? 0 : 1;
    b.configure(200 + i, wq);
  }
  const auto fill = [&b](uint32_t least) {
    for (uint32_t i = 0; i < 12 && !b.offering(); ++i) {
      if (b.queued[200 + i].size() < least) b.offer(descriptor(200 + i, kNop, 0));
    }
  };
  b.engines(0, 0);
  for (int i = 0; i < 12 * 31; ++i, b.clock()) fill(31);
  b.engines(0x7, 1 << 4);
  b.turns.clear();
  // The WQ that is nearest to empty is filled first.
  for (int i = 0; i < 20'000; ++i, b.clock()) {
    for (uint32_t least = 1; least < 31 && !b.offering(); ++least) fill(least);
  }

  std::array<uint32_t, 12> turns = {};
  for (uint32_t adi : b.turns) ++turns[adi - 200];
  double groups[2] = {};
  for (uint32_t first : {0, 8}) {
    double least = 1e9, most = 0;
    for (uint32_t i = first; i < (first ? 12 : 8); ++i) {
      const double rounds = double(turns[i]) / b.wqs[200 + i].prio;
      least = std::min(least, rounds);
      most = std::max(most, rounds);
      groups[first != 0] += turns[i];
    }
    CHECK(most - least <= 2, "%.2f to %.2f rounds", least, most);
  }
  CHECK(groups[0] / groups[1] > 1.9 && groups[0] / groups[1] < 2.1, "%.2f", groups[0] / groups[1]);
  b.drain();
}

CASE(overflow_of_a_full_wq_is_reported) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  b.configure(7, enabled_wq(5));
  for (int i = 0; i < 8; ++i) b.push(descriptor(7, kNop, 0));
  CHECK(b.queued[7].size() == 5 && b.overflows == 3);
  b.engines(0xf, 0);
  b.drain();
}

CASE(full_shared_wq_refuses_and_reports_nothing) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  b.configure(7, shared_wq(5));
  for (int i = 0; i < 8; ++i) CHECK(defer(b, descriptor(7, kNop, 0)) == (i < 5));
  b.engines(0xf, 0);
  b.drain();
  CHECK(b.accepted == 5 && b.refused == 3 && b.overflows == 0);
}

CASE(threshold_holds_at_limited_portals_from_its_write_on) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  b.configure(7, shared_wq(5));
  CHECK(!defer(b, descriptor(7, kNop, 0), true));
  for (uint32_t threshold : {1, 3, 0xffff}) {
    b.set_threshold(7, threshold);
    while (b.queued[7].size() < std::min(threshold, 5u)) {
      CHECK(defer(b, descriptor(7, kNop, 0), true));
    }
    CHECK(!defer(b, descriptor(7, kNop, 0), true));
  }
  b.set_threshold(7, 0);
  b.engines(0xf, 0);
  b.drain();
}

CASE(threshold_says_nothing_of_unlimited_portals_and_dedicated_wqs) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  b.configure(7, shared_wq(2));
  b.configure(8, enabled_wq(2, 2));
  CHECK(defer(b, descriptor(7, kNop, 0)));
  Ptr posted = descriptor(8, kNop, 0);
  posted->limited = true;
  b.push(posted);
  CHECK(b.queued[8].size() == 1);
  b.engines(0xf, 0);
  b.drain();
}

CASE(each_kind_of_wq_ignores_the_write_of_the_other) {
  FrontBench b;
  b.start();
  b.configure(7, shared_wq(2));
  b.configure(8, enabled_wq(2, 2));
  b.push(descriptor(7, kNop, 0));
  CHECK(!defer(b, descriptor(8, kNop, 0)) && !defer(b, descriptor(9, kNop, 0)));
  b.drain();
  CHECK(b.accepted == 0 && b.overflows == 0 && b.refused == 0);
}

CASE(abort_of_a_pasid_leaves_others_in_a_shared_wq) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  Wq wq = shared_wq(8);
  b.configure(7, wq);
  for (uint32_t i = 0; i < 8; ++i) {
    Ptr d = descriptor(7, kMove, kRecordValid | kRequestRecord);
    d->set<uint32_t>(0, 0x50 + i % 2);
    CHECK(defer(b, d));
  }
  wq.discard_pasid = true;
  wq.pasid = 0x51;
  b.configure(7, wq);
  b.engines(0xf, 0);
  b.drain();
  CHECK(b.jobs == 4 && b.records == 4);
}

CASE(mark_tells_when_what_was_there_has_ended_while_more_comes) {
  FrontBench b;
  b.start();
  b.around.job_time = 300;
  b.around.job_jitter = 500;
  b.configure(7, shared_wq(32));
  const auto flood = [&b] {
    if (b.offering()) return;
    Ptr d = descriptor(7, kMove, kRecordValid | kRequestRecord);
    d->deferrable = true;
    b.offer(d);
  };
  for (int i = 0; i < 1000; ++i, b.clock()) flood();
  for (int marks = 0; marks < 20; ++marks) {
    b.ask_status(7, true);
    int limit = 5000;
    do {
      flood();
      b.clock();
      if (!b.status_wanted() && b.older[7]) b.ask_status(7);
      CHECK(--limit > 0, "the WQ is never empty, but what was there has left");
    } while (b.status_wanted());
    CHECK(!b.queued[7].empty());
  }
  b.drain();
}

/// Phases of traffic from tenants of all kinds. In each, queues are set up, used, stopped, compared
/// and emptied.
static void soak(int phases, uint32_t failing, uint32_t abandoning) {
  FrontBench b;
  b.start();
  for (int phase = 0; phase < phases; ++phase) {
    b.around = {below(100),   1 + below(200), failing,       abandoning,
                1 + below(6), 1 + below(10),  1 + below(10), 30 * below(3)};
    b.top.user_int_en_i = below(2);
    b.top.priv_en_i = percent(80);
    b.engines(0xf, 0b11'10'01'00);
    std::vector<uint32_t> used;
    for (uint32_t base = 0, n = 1 + below(40); used.size() < n;) {
      const uint32_t adi = below(1024);
      Wq wq = any_wq();
      wq.base = base;
      base += wq.size;
      if (base > 4096) break;
      if (std::find(used.begin(), used.end(), adi) != used.end()) continue;
      b.configure(adi, wq);
      b.set_threshold(adi, below(wq.size + 2));
      used.push_back(adi);
    }

    const uint32_t rate = 1 + below(100);
    for (uint32_t i = 0, clocks = 2000 + below(6000); i < clocks; ++i, b.clock()) {
      const uint32_t adi = percent(98) ? used[below(used.size())] : below(1024);
      if (!b.offering() && percent(rate)) b.offer(any_descriptor(adi, b.wqs[adi]));
      if (!b.status_wanted() && percent(2)) b.ask_status(adi, !b.older[adi] && percent(50));
      if (percent(1)) b.set_threshold_later(adi, below(b.wqs[adi].size + 2));
      if (percent(1) && below(3) == 0) {
        const uint32_t other = used[below(used.size())];
        Wq wq = b.wqs[other];
        wq.discard = percent(20);
        wq.discard_pasid = percent(20);
        wq.enabled = percent(85);
        b.configure_later(other, wq);
      }
    }

    b.engines(0, 0);
    for (int i = 0; i < 3000; ++i) b.clock();
    for (uint32_t adi : used) {
      const auto [occupancy, inflight] = b.status(adi);
      CHECK(occupancy == b.queued[adi].size() && inflight == b.inflight[adi], "WQ %u", adi);
    }
    b.engines(0xf, 0b11'10'01'00);
    b.drain();
    for (uint32_t adi : used) {
      CHECK(b.status(adi) == std::make_pair(0u, 0u), "WQ %u", adi);
      b.configure(adi, Wq());
    }
  }
  CHECK(b.accepted > 1000 && b.records > 100 && b.interrupts > 100 && b.overflows > 10);
  CHECK(b.refused > 10);
}

CASE(every_descriptor_ends_as_dsa_says) { soak(80, 0, 0); }

CASE(failed_reads_end_their_descriptors) { soak(50, 20, 0); }

CASE(abandoned_descriptors_end_in_silence) { soak(50, 10, 20); }

CASE(wqs_whose_jobs_never_end_leave_jobs_to_others) {
  struct Row {
    uint32_t hogs, least, most;
  };
  for (const auto [hogs, least, most] : {Row{1, 72, 72}, Row{4, 120, 144}, Row{16, 176, 212},
                                         Row{80, 200, 250}}) {
    FrontBench b;
    b.start();
    for (uint32_t i = 0; i < hogs; ++i) b.configure(i, enabled_wq(40, 40 * i));
    b.configure(hogs, enabled_wq(200, 3800));
    for (uint32_t i = 0; i < hogs; ++i) b.stuck.insert(i);
    for (uint32_t i = 0; i < 5000; ++i) {
      const uint32_t hog = i % hogs;
      if (b.queued[hog].size() < 38 && !b.offering()) b.offer(descriptor(hog, kMove, 0));
      b.clock();
    }
    uint32_t held = 0;
    for (uint32_t i = 0; i < hogs; ++i) held += b.inflight[i];
    CHECK(held >= least && held <= most, "%u of %u WQs", held, hogs);

    const uint64_t before = b.retired;
    for (int i = 0; i < 150; ++i) b.push(descriptor(hogs, kMove, kRecordValid | kRequestRecord));
    for (int i = 0; i < 6000; ++i) b.clock();
    CHECK(b.retired - before == 150, "%d beside %u WQs", int(b.retired - before), hogs);

    b.stuck.clear();
    b.drain();
  }
}

// ---- Contracts, broken

VIOLATION(control_row_written_during_init) {
  FrontBench b;
  b.reset();
  b.top.ctl_we_i = 1;
  b.settle();
  b.edge();
}

VIOLATION(status_asked_while_another_is) {
  FrontBench b;
  b.start();
  b.top.stat_valid_i = 1;
  for (int i = 0; i < 3; ++i, b.edge()) b.settle();
}

VIOLATION(wq_marked_while_something_is_older) {
  FrontBench b;
  b.start();
  b.engines(0, 0);
  b.configure(7, enabled_wq(2));
  b.push(descriptor(7, kNop, 0));
  b.mark(7);
  b.mark(7);
}

VIOLATION(lookup_answered_unasked) {
  FrontBench b;
  b.start();
  b.top.chk_rsp_valid_i = 1;
  b.settle();
  b.edge();
}

VIOLATION(job_done_that_was_not_given) {
  FrontBench b;
  b.start();
  b.top.done_valid_i = 1;
  b.top.done_id_i = 9;
  b.settle();
  b.edge();
}

VIOLATION(records_done_without_end) {
  FrontBench b;
  b.start();
  b.top.rec_done_i = 1;
  b.edge();
  b.edge();
}

VIOLATION(interrupts_done_without_end) {
  FrontBench b;
  b.start();
  b.top.irq_done_i = 1;
  for (int i = 0; i < 300; ++i) b.edge();
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
