// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// What dma/ makes of jobs, for hosts of all kinds.

#include "dma_bench.h"

namespace {

/// Sources and destinations of jobs are far apart, so that each TLP belongs to one.
constexpr uint64_t kRegion = 1 << 17, kRegions = 1024;

constexpr uint64_t kRound = 100;  // jobs

Job job(uint64_t number, uint32_t len) {
  const uint64_t region = number % kRegions * kRegion;
  Job j = {};
  j.id = below(DmaBench::kIds);
  j.tenant = random_tenant();
  j.src = (1ull << 45) + region;
  j.dst = (1ull << 40) + region;
  j.len = len;
  return j;
}

/// Any job of up to `most` bytes.
Job any_job(uint64_t number, uint32_t most) {
  Job j = job(number, 1 + below(percent(40) ? 70 : most));
  j.strict = percent(20);
  j.tc_src = below(8);
  j.tc_dst = below(8);
  if (percent(50)) j.src = 0x1000'0000 + j.src % (kRegions * kRegion);
  if (percent(50)) j.dst = 0x1000'0000 + j.dst % (kRegions * kRegion);
  if (number % kRound == 0) {  // across 4 GiB
    j.src = (4ull << 30) - below(j.len + 1);
    j.dst = (4ull << 30) - below(j.len + 1);
  } else if (percent(80)) {
    j.src += below(4096) & (percent(30) ? ~3u : ~0u);
    j.dst += below(4096);
  }
  if (percent(25)) {
    j.fill = true;
    j.src = random_bits();
    j.pattern_hi = random_bits();
  }
  return j;
}

Surroundings any_surroundings() {
  Surroundings s;
  s.mps = below(3);
  s.mrrs = below(4);
  s.ext_tag = percent(50);
  s.relaxed = percent(50);
  s.ready = std::array{100, 100, 70, 30}[below(4)];
  s.latency = 2 + below(20);
  s.jitter = percent(50) ? 400 : 20;
  s.boundary = percent(50) ? 64 : 128;
  s.max_jobs = 1 + below(percent(50) ? 64 : DmaBench::kIds);
  s.gap = below(60);
  return s;
}

/// Rounds of jobs, each in other surroundings.
template <typename Change>
DmaBench& soak(int rounds, uint32_t most, Change change) {
  static DmaBench b;  // one a process
  b.reset();
  uint64_t number = 0;
  for (int i = 0; i < rounds; ++i) {
    b.around = any_surroundings();
    change(b.around);
    for (uint64_t j = 0; j < kRound; ++j) b.to_do.push_back(any_job(number++, most));
    b.run();
  }
  return b;
}

/// The surroundings of the project's targets.
Surroundings target(uint32_t depth) {
  Surroundings s;
  s.latency = 300;
  s.max_jobs = depth;
  s.records = 100;
  s.messages = 0;
  s.one_link = true;
  return s;
}

/// Clocks a job takes in the long run.
double clocks_per_job(uint32_t len, uint32_t misalign, const Surroundings& around,
                      uint32_t adis = 1) {
  DmaBench b;
  b.reset();
  b.around = around;
  for (uint64_t n = 0; n < 600; ++n) {
    Job j = job(n, len);
    j.tenant.adi = n % adis;
    j.src += misalign;
    j.dst += 7 * misalign;
    b.to_do.push_back(j);
  }
  while (b.jobs_done < 100) b.clock();
  const uint64_t start = siov::bench::cycle;
  while (b.jobs_done < 500) b.clock();
  return (siov::bench::cycle - start) / 400.0;
}

}  // namespace

CASE(jobs_of_any_size_and_alignment_move_their_bytes) {
  soak(40, 9000, [](Surroundings&) {});
}

CASE(long_jobs_move_their_bytes) {
  soak(8, 40'000, [](Surroundings& s) { s.gap = 0; });
}

CASE(failed_reads_end_their_job_and_say_how_far_it_came) {
  DmaBench& b = soak(40, 9000, [](Surroundings& s) { s.failing = 5 + below(20); });
  CHECK(b.jobs_failed > 100 && b.jobs_failed < b.jobs_done);
}

CASE(unexpected_completions_change_nothing) {
  soak(30, 9000, [](Surroundings& s) { s.unexpected = 20; });
}

CASE(no_tlp_starts_while_requests_are_held) {
  soak(30, 9000, [](Surroundings& s) { s.holds = true; });
}

CASE(fills_wait_while_the_host_takes_nothing) {
  DmaBench b;
  b.reset();
  b.around.ready = 0;
  for (uint64_t n = 1; n < 100; ++n) {
    b.to_do.push_back(any_job(n, 9000));
    b.to_do.back().fill = true;
  }
  for (int i = 0; i < 2000; ++i) b.clock();
  b.around.ready = 100;
  b.run();
}

CASE(read_leaves_three_clocks_after_its_job_came) {
  DmaBench b;
  b.reset();
  b.to_do.push_back(job(0, 64));
  b.clock();
  CHECK(b.to_do.empty());
  b.clock();
  b.clock();
  CHECK(b.reads_sent == 0);
  b.clock();
  CHECK(b.reads_sent == 1);
}

CASE(moves_of_4_kib_keep_the_link_busy) {
  // 8 reads, 64 beats of data and a record share the link.
  const double clocks = clocks_per_job(4096, 0, target(16));
  CHECK(clocks < 73.5, "%.2f clocks", clocks);
}

CASE(moves_of_many_adis_keep_the_link_busy) {
  const double four = clocks_per_job(4096, 0, target(16), 4);
  CHECK(four < 73.5, "%.2f clocks", four);
  const double many = clocks_per_job(4096, 0, target(64), 64);
  CHECK(many < 74.5, "%.2f clocks", many);
}

CASE(moves_keep_the_link_busy_at_twice_the_latency) {
  Surroundings around = target(32);
  around.latency = 600;
  const double clocks = clocks_per_job(4096, 0, around);
  CHECK(clocks < 73.5, "%.2f clocks", clocks);
}

CASE(misaligned_moves_of_4_kib_stay_within_86_clocks) {
  const double clocks = clocks_per_job(4096, 1, target(16));
  CHECK(clocks < 86, "%.2f clocks", clocks);
}

CASE(moves_of_64_bytes_keep_all_tags_busy) {
  // 64 in flight, a little over 300 clocks each.
  const double clocks = clocks_per_job(64, 0, target(64));
  CHECK(clocks < 5.1, "%.2f clocks", clocks);
}

// ---- Nobody pays for another

constexpr uint32_t kHog = 7;  // ADI

/// Clocks that a job of `job_of` of ADI 0 takes, `depth` of them open, while each of `hogs` other
/// ADIs has 72 moves of 64 KiB open, as many as it may.
template <typename JobOf>
double clocks_beside_hog(const Surroundings& around, uint32_t hogs, uint32_t depth, JobOf job_of) {
  DmaBench b;
  b.reset();
  b.around = around;
  b.around.max_jobs = 72 * hogs + depth;
  for (uint32_t i = 0; i < 72 * hogs; ++i) {
    Job j = job(i, 1 << 16);
    j.src += 1ull << 36;
    j.dst += 1ull << 36;
    j.tenant.adi = kHog + i % hogs;
    b.to_do.push_back(j);
  }
  const uint64_t begin = siov::bench::cycle;
  uint64_t number = 0, given = 0, start = 0, before = 0;
  while (start == 0 || b.done_of_adi[0] < before + 400) {
    CHECK(siov::bench::cycle < begin + 200'000, "%lu done", b.done_of_adi[0]);
    while (given < b.done_of_adi[0] + depth) {
      b.to_do.push_back(job_of(number++));
      b.to_do.back().tenant.adi = 0;
      ++given;
    }
    b.clock();
    // The hog has had all slots that one alone has, and has come down to its share.
    if (start == 0 && siov::bench::cycle > begin + around.slow_latency + 5'000) {
      start = siov::bench::cycle;
      before = b.done_of_adi[0];
    }
  }
  const double clocks =
      static_cast<double>(siov::bench::cycle - start) / (b.done_of_adi[0] - before);
  // What was held up ends right.
  b.around.no_reads = false;
  b.around.slow_adi = -1;
  b.run();
  return clocks;
}

Job fill_of_4_kib(uint64_t number) {
  Job j = job(number, 4096);
  j.fill = true;
  return j;
}

CASE(fills_do_not_wait_for_reads_that_cannot_leave) {
  for (uint32_t hogs : {0u, 1u, 3u}) {
    for (uint32_t depth : {1u, 8u}) {
      Surroundings around = target(0);
      around.no_reads = true;
      const double clocks = clocks_beside_hog(around, hogs, depth, fill_of_4_kib);
      CHECK(clocks < (depth == 1 ? 80 : 66), "%.2f clocks beside %u", clocks, hogs);
    }
  }
}

CASE(slow_memory_of_one_adi_costs_the_others_little) {
  for (uint32_t len : {64u, 4096u}) {
    const auto move = [len](uint64_t number) { return job(number, len); };
    Surroundings around = target(0);
    const double alone = clocks_beside_hog(around, 0, 16, move);
    around.slow_adi = kHog;
    around.slow_latency = 40'000;  // so that what it moves is next to nothing
    const double beside = clocks_beside_hog(around, 1, 16, move);
    CHECK(beside < 1.05 * alone, "%u bytes: %.2f clocks, alone %.2f", len, beside, alone);
  }
}

CASE(adis_that_wait_for_slots_all_get_on) {
  soak(30, 9000, [](Surroundings& s) {
    s.stalls = true;
    s.max_jobs = DmaBench::kIds;
    s.gap = 0;
    s.jitter = 2000;
  });
}

// ---- Translation

/// Jobs whose pages are all at hand, while the host takes nothing at first; how many look-ups each
/// takes.
void count_lookups(bool fill, uint32_t each) {
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

// ---- Contracts, broken

VIOLATION(answer_to_no_lookup) {
  DmaBench b;
  b.reset();
  b.top.lk_rsp_valid_i = 1;
  b.edge();
}

VIOLATION(job_woken_that_did_not_wait) {
  DmaBench b;
  b.reset();
  b.top.p_tx_ready_i = 1;
  Job j = job(0, 1 << 16);
  j.id = 0;
  j.fill = true;
  b.offer(j);
  b.edge();
  b.top.job_valid_i = 0;
  for (int i = 0; i < 5000; ++i) {
    b.top.wake_valid_i = percent(30);
    b.edge();
  }
}

VIOLATION(job_of_no_bytes) {
  DmaBench b;
  b.reset();
  b.to_do.push_back(job(0, 0));
  for (int i = 0; i < 4; ++i) b.clock();
}

VIOLATION(more_jobs_than_ids) {
  DmaBench b;
  b.reset();
  for (uint32_t i = 0; i < DmaBench::kIds + 40; ++i) {
    Job j = job(i, 64);
    j.fill = true;  // moves that wait for slots do not wait in the queue
    b.offer(j);
    b.top.job_id_i = i % DmaBench::kIds;
    b.settle();
    b.edge();
  }
}

VIOLATION(ids_used_again_before_done_was_taken) {
  DmaBench b;
  b.reset();
  b.top.p_tx_ready_i = 1;
  for (uint32_t i = 0; i < 10 * (DmaBench::kIds + 10); ++i) {
    Job j = job(i, 1);
    j.fill = true;
    b.offer(j);
    b.top.job_id_i = i / 10 % DmaBench::kIds;
    b.top.job_valid_i = i % 10 == 0;
    b.settle();
    b.edge();
  }
}

VIOLATION(job_id_in_use) {
  DmaBench b;
  b.reset();
  b.offer(job(0, 64));
  b.top.np_tx_ready_i = 1;
  for (int i = 0; i < 10; ++i) b.edge();
}

VIOLATION(record_not_on_32_bytes) {
  DmaBench b;
  b.reset();
  b.top.rec_valid_i = 1;
  b.top.rec_addr_i = 0x1010;
  b.settle();
  b.edge();
}

VIOLATION(completion_shorter_than_its_length) {
  DmaBench b;
  b.reset();
  b.around.latency = 1000;
  b.to_do.push_back(job(0, 64));
  while (b.reads_sent == 0) b.clock();
  Completion c = {0, 64, 0, false, 0, true, std::vector<uint32_t>(16)};
  BeatWords beat = c.beats(DmaBench::kRid, 0)[0];
  beat[Beat::kFlags] &= ~0xff00u;
  b.top.cpl_valid_i = 1;
  std::copy_n(beat.begin(), Beat::kWords, &b.top.cpl_i[0]);
  b.edge();
  b.edge();
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
