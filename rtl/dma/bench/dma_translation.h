// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Pages that are translated, waited for, refused, invalidated. Cases of siov_dma_bench.cpp.

#include "dma_jobs.h"

namespace translation {

using Answer = MockAtc::Answer;
using Lookup = MockAtc::Lookup;

constexpr uint64_t kPage = 4096;
constexpr uint8_t kFault = 0x03, kRefused = 0x04, kNoAnswer = 0x22, kAbandoned = 0xff;
constexpr Answer kHits{MockAtc::kHit, 0, false}, kWaits{MockAtc::kWait, 0, false};

inline Answer fails(uint8_t status) { return {MockAtc::kFault, status, false}; }

/// A host without haste, and pages that are looked up.
inline DmaBench& room() {
  static DmaBench b;  // one a process
  b.around.ats = true;
  b.around.records = b.around.messages = 0;
  b.reset();
  return b;
}

inline void run(DmaBench& b, int clocks) {
  while (clocks-- > 0) b.clock();
}

/// `pages` from an aligned source to an aligned destination.
inline Job move(uint32_t id, uint32_t pages) {
  Job j = job(id, pages * kPage);
  j.id = id;
  return j;
}

/// Answers look-ups of one operand of a job `once` as this, and all others as hits.
inline void answer_once(DmaBench& b, uint32_t id, MockAtc::Operand operand, uint64_t page,
                        Answer once) {
  b.atc.answer = [=, asked = false](const Lookup& l) mutable {
    if (asked || l.job != id || l.operand != operand || l.page != page) return kHits;
    asked = true;
    return once;
  };
}

}  // namespace translation

/// Jobs whose pages are all at hand, while the host takes nothing at first; how many look-ups each
/// takes.
inline void count_lookups(bool fill, uint32_t each) {
  constexpr uint32_t kJobs = 40;
  DmaBench b;
  b.reset();
  b.top.ats_en_i = b.top.ext_tag_i = b.top.lk_ready_i = 1;
  uint32_t jobs = 0, lookups = 0, sent = 0;
  bool asked = false, asked_before = false;
  for (int i = 0; i < 400; ++i) {
    Job j = job(jobs, 64);
    j.fill = fill;
    b.offer(j);
    b.top.job_id_i = jobs;
    b.top.job_valid_i = jobs < kJobs;
    b.top.lk_rsp_valid_i = asked_before;
    b.top.np_tx_ready_i = b.top.p_tx_ready_i = i > 100;
    b.settle();
    asked_before = asked;
    asked = b.top.lk_valid_o;
    lookups += asked;
    jobs += b.top.job_valid_i && b.top.job_ready_o;
    const bool valid = fill ? b.top.p_tx_valid_o : b.top.np_tx_valid_o;
    if (valid && i > 100) {
      const uint32_t hdr = fill ? b.top.p_tx_o[Beat::kHdr] : b.top.np_tx_o[Beat::kHdr];
      CHECK((hdr >> 10 & 3) == 2);  // translated
      ++sent;
    }
    b.edge();
  }
  CHECK(sent == kJobs && lookups == each * kJobs, "%u sent, %u look-ups", sent, lookups);
}

CASE(each_copy_looks_up_both_its_pages) { count_lookups(false, 2); }

CASE(each_fill_looks_up_its_page) { count_lookups(true, 1); }

CASE(copy_looks_up_its_second_page_though_ats_was_disabled_after_the_first) {
  using namespace translation;
  DmaBench& b = room();
  const Job j = move(9, 1);
  b.to_do.push_back(j);
  while (b.atc.lookups.empty()) b.clock();
  b.ats_ends = true;
  b.clock();
  CHECK(b.atc.lookups.size() == 2);
  const Lookup& l = b.atc.lookups[1];
  CHECK(l.job == 9 && l.operand == MockAtc::kDst && l.page == j.dst >> 12, "page %lx of job %u",
        l.page, l.job);
}

// ---- Waits

CASE(job_waits_for_its_page_without_asking_again_and_goes_on_after_the_wake) {
  using namespace translation;
  for (auto operand : {MockAtc::kSrc, MockAtc::kDst}) {
    DmaBench& b = room();
    const Job j = move(9, 2);
    const uint64_t second = ((operand == MockAtc::kSrc ? j.src : j.dst) >> 12) + 1;
    answer_once(b, 9, operand, second, kWaits);
    b.atc.lookups.clear();
    b.reads_sent = 0;
    b.to_do.push_back(j);
    run(b, 500);
    CHECK(b.atc.lookups.size() == 4 && b.reads_sent == 8 && b.jobs.size() == 1);
    CHECK(!b.atc.busy(false) && !b.atc.busy(true));

    b.atc.wake(9, operand);
    b.run();

    CHECK(b.atc.lookups.size() == 6 && b.job_ends.back().status == 0);
  }
}

CASE(job_that_waits_for_both_pages_needs_both_wakes) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup&) { return kWaits; };
  b.to_do.push_back(move(9, 1));
  run(b, 100);
  b.atc.answer = [](const Lookup&) { return kHits; };
  b.atc.wake(9, MockAtc::kDst);
  run(b, 200);
  CHECK(b.atc.lookups.size() == 2 && b.reads_sent == 0);

  b.atc.wake(9, MockAtc::kSrc);
  b.run();

  CHECK(b.atc.lookups.size() == 4 && b.job_ends.back().status == 0);
}

CASE(job_may_have_to_wait_again_after_its_wake) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return l.write ? kHits : kWaits; };
  b.to_do.push_back(move(9, 1));
  for (int i = 0; i < 5; ++i) {
    run(b, 50);
    b.atc.wake(9, MockAtc::kSrc);
  }
  run(b, 50);
  CHECK(b.atc.lookups.size() == 12 && b.reads_sent == 0);

  b.atc.answer = [](const Lookup&) { return kHits; };
  b.atc.wake(9, MockAtc::kSrc);
  b.run();

  CHECK(b.job_ends.back().status == 0);
}

CASE(wake_in_the_clock_after_the_answer_is_not_lost) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.wakes_within = 1;
  for (uint32_t id = 0; id < 40; ++id) b.to_do.push_back(move(id, 3));
  b.atc.answer = [n = 0](const Lookup&) mutable { return ++n % 3 == 0 ? kWaits : kHits; };

  b.run();

  CHECK(b.jobs_done == 40);
}

CASE(job_that_waits_holds_up_no_other) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return l.job < 72 ? kWaits : kHits; };
  b.around.max_jobs = 200;
  for (uint32_t id = 0; id < 80; ++id) b.to_do.push_back(move(id, 1));
  while (b.jobs_done < 8) b.clock();

  b.atc.answer = [](const Lookup&) { return kHits; };
  for (uint32_t id = 0; id < 72; ++id) {
    b.atc.wake(id, MockAtc::kSrc);
    b.atc.wake(id, MockAtc::kDst);
  }
  b.run();
  CHECK(b.jobs_done == 80);
}

CASE(page_that_may_be_used_untranslated_only_is_accessed_as_the_tenant) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return Answer{MockAtc::kHit, 0, !l.write}; };
  Job j = move(9, 1);
  j.tenant = {true, true, 0x54321};
  b.to_do.push_back(j);

  b.run();  // which holds addresses and prefixes against the job

  CHECK(b.reads_sent == 8 && b.job_ends.back().status == 0);
}

// ---- Faults

CASE(fault_ends_the_job_with_its_status_its_page_and_what_was_moved) {
  using namespace translation;
  DmaBench& b = room();
  for (uint8_t status : {kFault, kRefused, kNoAnswer, kAbandoned}) {
    for (auto operand : {MockAtc::kSrc, MockAtc::kDst}) {
      Job j = move(9, 3);
      j.src += 100;
      const uint64_t start = operand == MockAtc::kSrc ? j.src : j.dst;
      answer_once(b, 9, operand, (start >> 12) + 1, fails(status));
      b.to_do.push_back(j);

      b.run();

      const DmaBench::End& end = b.job_ends.back();
      const uint32_t moved = kPage - start % kPage;
      CHECK(end.status == status && end.write == (operand == MockAtc::kDst));
      CHECK(end.done == moved && end.page == (start >> 12) + 1, "%u", end.done);
    }
  }
}

CASE(fault_beside_a_wait_is_told_after_the_wake) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return l.write ? kWaits : fails(kRefused); };
  b.to_do.push_back(move(9, 1));
  run(b, 500);
  CHECK(b.job_ends.empty() && b.atc.lookups.size() == 2);

  b.atc.answer = [](const Lookup& l) { return l.write ? kHits : fails(kRefused); };
  b.atc.wake(9, MockAtc::kDst);
  b.run();

  CHECK(b.job_ends.back().status == kRefused && b.reads_sent == 0);
}

CASE(job_is_forgotten_when_it_ends_and_when_its_record_does) {
  using namespace translation;
  DmaBench& b = room();
  std::vector<uint32_t> forgotten;
  answer_once(b, 9, MockAtc::kDst, move(9, 1).dst >> 12, kWaits);
  b.to_do.push_back(move(9, 1));
  const auto watch = [&](int clocks) {
    for (; clocks > 0; --clocks) {
      b.clock();
      b.settle();
      if (b.top.forget_valid_o) forgotten.push_back(b.top.forget_job_o);
    }
  };
  watch(300);
  CHECK(forgotten.empty());  // a wake is owed

  b.atc.wake(9, MockAtc::kDst);
  watch(300);
  CHECK(forgotten == std::vector<uint32_t>{9});
  b.add_record(9, 0x12340, move(9, 1).tenant);
  watch(300);
  CHECK((forgotten == std::vector<uint32_t>{9, 9}));
}

// ---- Records

CASE(record_that_waits_for_its_page_lets_others_pass) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return l.job == 1 ? kWaits : kHits; };
  for (uint32_t id : {1, 2, 3}) b.add_record(id, 0x1000 * id, random_tenant());
  run(b, 200);
  CHECK(b.record_ends.size() == 2 && b.record_ends[0].id == 2 && b.record_ends[1].id == 3);

  b.atc.answer = [](const Lookup&) { return kHits; };
  b.atc.wake(1, MockAtc::kRec);
  b.run();

  CHECK(b.record_ends.back().id == 1 && b.record_ends.back().status == 0);
}

CASE(record_whose_page_is_refused_is_lost_and_its_end_says_why) {
  using namespace translation;
  DmaBench& b = room();
  for (uint8_t status : {kFault, kRefused, kNoAnswer, kAbandoned}) {
    b.sent.clear();
    b.atc.answer = [=](const Lookup& l) { return l.job == 1 ? fails(status) : kHits; };
    b.add_record(1, 0x1000, random_tenant());
    b.add_record(2, 0x2000, random_tenant());

    b.run();

    const auto& ends = b.record_ends;
    CHECK(ends[ends.size() - 2].id == 1 && ends[ends.size() - 2].status == status);
    CHECK(ends.back().id == 2 && ends.back().status == 0 && b.sent.size() == 1);
  }
}

// ---- Epochs

CASE(hits_of_two_epochs_are_not_used_and_looked_up_again) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [&b](const Lookup&) {
    if (b.atc.lookups.size() == 1) b.atc.flip();  // between the two
    return kHits;
  };
  b.to_do.push_back(move(9, 1));

  b.run();

  CHECK(b.atc.lookups.size() == 4 && b.job_ends.back().status == 0);
}

CASE(epoch_of_a_hit_is_busy_from_the_clock_after_the_answer_until_its_write_has_left) {
  using namespace translation;
  DmaBench& b = room();
  Job j = move(9, 1);
  j.fill = true;
  j.len = 64;
  b.to_do.push_back(j);
  while (!b.top.lk_rsp_valid_i) b.clock();
  while (b.sent.empty()) {
    b.clock();
    CHECK(b.atc.busy(false));
  }

  run(b, 2);
  CHECK(!b.atc.busy(false) && !b.atc.busy(true));
}

CASE(translation_invalidated_between_lookup_and_read_keeps_its_epoch_busy) {
  using namespace translation;
  DmaBench& b = room();
  b.around.no_reads = true;
  b.to_do.push_back(move(9, 1));
  run(b, 100);
  b.atc.flip();
  run(b, 1000);
  CHECK(!b.atc.drained() && b.reads_sent == 0);

  b.around.no_reads = false;
  b.run();
  run(b, 2);

  CHECK(b.atc.drained() && b.job_ends.back().status == 0 && b.atc.lookups.size() == 2);
}

CASE(translation_invalidated_between_read_and_write_keeps_its_epoch_busy) {
  using namespace translation;
  DmaBench& b = room();
  b.around.latency = 600;
  b.to_do.push_back(move(9, 1));
  while (b.reads_sent < 8) b.clock();
  b.atc.flip();
  run(b, 500);
  CHECK(!b.atc.drained());

  b.around.ready = 0;  // answered, but no write leaves
  run(b, 500);
  CHECK(!b.atc.drained());

  b.around.ready = 100;
  b.run();
  run(b, 2);
  CHECK(b.atc.drained());
}

CASE(translation_of_a_record_keeps_its_epoch_busy_until_it_has_left) {
  using namespace translation;
  DmaBench& b = room();
  b.around.ready = 0;
  b.add_record(1, 0x1000, random_tenant());
  run(b, 100);
  b.atc.flip();
  run(b, 500);
  CHECK(!b.atc.drained());

  b.around.ready = 100;
  b.run();
  run(b, 2);
  CHECK(b.atc.drained());
}

CASE(hit_whose_job_waits_for_another_page_keeps_no_epoch_busy) {
  using namespace translation;
  DmaBench& b = room();
  b.atc.answer = [](const Lookup& l) { return l.write ? kWaits : kHits; };
  b.to_do.push_back(move(9, 1));
  run(b, 100);
  b.atc.flip();
  run(b, 20);
  CHECK(b.atc.drained());

  b.atc.answer = [](const Lookup&) { return kHits; };
  b.atc.wake(9, MockAtc::kDst);
  b.run();
  CHECK(b.atc.lookups.size() == 4);
}

CASE(without_ats_work_is_of_the_epoch_it_begins_in) {
  for (uint32_t epoch : {0u, 1u}) {
    DmaBench b;
    b.reset();
    b.around.records = 100;
    b.top.epoch_i = epoch;
    b.to_do.push_back(job(0, 64));
    while (b.reads_sent == 0) b.clock();
    CHECK(b.top.epoch_busy_o == 1u << epoch);

    // What is in flight stays what it was.
    b.top.epoch_i = !epoch;
    b.clock();
    CHECK(b.top.epoch_busy_o == 1u << epoch);

    // Its record comes later.
    while (b.top.epoch_busy_o & 1u << epoch) b.clock();
    uint32_t record = 0;
    for (int i = 0; i < 100; ++i) {
      record |= b.top.epoch_busy_o;
      b.clock();
    }
    CHECK(record == 1u << !epoch);
    b.run();
    CHECK(b.top.epoch_busy_o == 0);
  }
}

// ---- All together

namespace translation {

/// Rounds of jobs over pages that come and go.
inline DmaBench& roam(int rounds, uint32_t waits, uint32_t faults, uint32_t flips) {
  return soak(rounds, 9000, [=](Surroundings& s) {
    s.ats = true;
    s.logs = 10;
    s.holds = percent(20);
  }, [=](DmaBench& b) {
    b.atc.wakes_within = 300;
    b.atc.flips = flips;
    b.atc.answer = [=](const Lookup&) {
      if (percent(waits)) return kWaits;
      if (percent(faults)) return fails(std::array{kFault, kRefused, kNoAnswer}[below(3)]);
      return Answer{MockAtc::kHit, 0, percent(10)};
    };
  });
}

}  // namespace translation

CASE(jobs_over_pages_that_come_and_go_move_their_bytes) {
  const DmaBench& b = translation::roam(40, 20, 0, 20);
  CHECK(b.faults == 0 && b.records_lost == 0);
}

CASE(jobs_and_records_over_pages_that_are_refused_end_where_they_say) {
  const DmaBench& b = translation::roam(40, 10, 5, 20);
  CHECK(b.faults > 100 && b.records_lost > 20, "%lu, %lu", b.faults, b.records_lost);
}
