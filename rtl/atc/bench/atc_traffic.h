// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "atc_bench.h"

/// Jobs that look up and use pages at random, over a translation agent that remaps and invalidates
/// at random. It knows at any time which translations a tenant may use:
///
/// - no answer, and no use, of a translation whose invalidation was completed;
/// - every wait is ended by exactly one wake, and in bounded time;
/// - a lookup fails only for a reason, with its status;
/// - who is stopped asks for no page, and is told so at most if it was;
/// - the rules of tags, allocations, quotas and completions hold.
class Traffic : public AtcBench {
 public:
  // In percent.
  uint32_t errors = 0;         // Translation Requests that end badly
  uint32_t drops = 0;          // that are never answered, or late
  uint32_t lies = 0;           // page requests answered without a page being there, or refused
  uint32_t invalidations = 2;  // clocks in which a page table is changed, if an ITag is free
  uint32_t stops = 0;          // clocks in which somebody is stopped, if nobody is

  Traffic() {
    reset(kAdis);
    top.fn_pri_alloc_i = 20;
    for (uint16_t adi = 0; adi < kAdis; ++adi) {
      // One without PASID; two with the same.
      const int pasid = adi == 0 ? kNone : 0x1000 + (adi == 1 ? 2 : adi);
      tenants_.push_back({adi, pasid, adi % 3 == 2});
      if (!spaces_.count(pasid)) build(spaces_[pasid]);
    }
    for (uint32_t job = 0; job < kJobs; ++job) begin(job);
  }

  void run_for(int clocks) {
    while (clocks-- > 0) step();
  }

  /// Nothing new; all that waits must end.
  void finish() {
    closing_ = true;
    int limit = 300'000;
    while (!quiet()) {
      CHECK(--limit > 0, "does not come to an end");
      step();
    }
    for (int i = 0; i < 50; ++i) step();
    CHECK(!top.busy_o && !top.np_pending_o && !top.pri_pending_o);
    CHECK(unexpected == expected_unexpected_, "%u %u", unexpected, expected_unexpected_);
    CHECK(ur == expected_ur_ && ca == expected_ca_ && poisoned == expected_poisoned_);
    CHECK(cto == expected_cto_, "%u %u", cto, expected_cto_);
    CHECK(pri_failures == 0 && pri_unexpected == 0);
    CHECK(hits_ > 1000 && waits_ > 100 && invalidated_ > 10 && pages_asked_ > 10,
          "%d hits, %d waits, %d invalidations, %d page requests", hits_, waits_, invalidated_,
          pages_asked_);
    std::printf("%d hits, %d waits, %d faults, %d requests, %d invalidations, %d page requests\n",
                hits_, waits_, faults_, asked_tr_, invalidated_, pages_asked_);
  }

 private:
  static constexpr uint16_t kAdis = 12;
  static constexpr uint32_t kJobs = 100;
  static constexpr uint64_t kPatience = 60'000;

  enum State { kIdle, kWants, kAsking, kWaiting, kUsing };

  struct Operand {
    State state = kIdle;
    Page page = 0, to = 0;
    bool untranslated = false;
    uint32_t epoch = 0;
    uint64_t until = 0;  // of a use
    uint64_t since = 0;  // of a wait
  };

  struct Job {
    Tenant tenant;
    bool block = false, failed = false;
    bool stopped = false;  // has been, since it began
    uint32_t turns = 0, tc = 0;
    std::array<Operand, 3> operands;
  };

  struct Pending {
    uint64_t at;
    Tlp tlp;
    uint32_t tag;
    uint64_t lost;  // when the device gave up; 0: has not
  };

  struct Translating {
    uint64_t at;
    Request request;
  };

  struct Invalidation {
    bool busy = false;
    uint32_t copies = 0;  // still to come
    std::set<uint32_t> tcs;
    std::set<uint32_t> needed;  // classes that carried writes when it was sent
  };

  // ---- page tables

  static constexpr int kSlots = 12;

  static Page slot_base(int slot) { return Page(slot + 1) << 20; }
  static int slot_log2(int slot) {
    static constexpr int kLog2[kSlots] = {0, 0, 0, 1, 2, 4, 9, 9, 10, 12, 18, 19};
    return kLog2[slot];
  }

  static Leaf random_leaf(Page base, int log2) {
    Leaf leaf;
    leaf.base = base;
    leaf.log2 = log2;
    leaf.to = (siov::bench::random_bits() & 0xfffffffffffff) >> log2 << log2;
    const uint32_t kind = below(10);
    leaf.r = kind != 0;
    leaf.w = kind > 1;
    leaf.u = kind == 2;
    return leaf;
  }

  static void build(AddressSpace& space) {
    for (int slot = 0; slot < kSlots; ++slot) {
      space.map(random_leaf(slot_base(slot), slot_log2(slot)));
    }
  }

  /// A page that is mostly asked for often enough to be found again.
  static Page random_page() {
    const int slot = percent(85) ? 2 + 3 * below(3) : below(kSlots);
    const Page size = Page{1} << slot_log2(slot);
    const Page inside = percent(90) ? below(std::min<Page>(size, 3)) : below(size);
    return slot_base(slot) + inside;
  }

  /// Mostly short, seldom long.
  static uint32_t random_time() { return below(percent(10) ? 500 : 40); }

  void change_something() {
    const uint32_t itag = below(32);
    if (invalidations_[itag].busy) return;
    auto it = std::next(spaces_.begin(), below(spaces_.size()));
    const int pasid = it->first;
    Page page = random_page();
    const int slot = static_cast<int>(page >> 20) - 1;
    int log2 = slot_log2(slot);
    page = page >> log2 << log2;
    if (log2 > 0 && percent(40)) {  // one page within a larger one
      page += 1 + below(std::min<Page>((Page{1} << log2) - 1, 2));
      log2 = 0;
    }
    // More may be invalidated than was changed.
    const int range = percent(70) ? log2 : std::min(52, log2 + static_cast<int>(below(12)));
    Invalidation& inv = invalidations_[itag];
    inv = {true, 0, {}, write_tcs_};
    ++invalidated_;
    if (percent(90)) it->second.change(random_leaf(page, log2), itag);
    const bool global = pasid != kNone && percent(10);
    Tlp request = invalidate(itag, global ? 0x77 : pasid, page, percent(3) ? 52 : range, global);
    // Without a PASID it ends all translations with one, whatever its range.
    if (pasid != kNone && percent(5)) request = invalidate(itag, kNone, random_page(), 0);
    messages_out_.push_back({cycle + below(30), request, 0, 0});
  }

  // ---- the translation agent

  void translate() {
    for (size_t i = 0; i < translating_.size();) {
      if (cycle < translating_[i].at) {
        ++i;
        continue;
      }
      answer(translating_[i].request);
      translating_.erase(translating_.begin() + i);
    }
    deliver(completions_out_, completions, true);
    deliver(messages_out_, messages, false);
  }

  void answer(const Request& r) {
    const AddressSpace& space = spaces_.at(r.pasid);
    const Leaf* leaf = space.find(r.page);
    CHECK(leaf, "page %llx", (unsigned long long)r.page);
    const std::pair<int, Page> key{r.pasid, r.page};
    Tlp tlp;
    const uint32_t error = percent(errors) ? below(3) : 9;
    bool poison = false;
    if (error == 0) {
      tlp = completion(r.tag, 1);
      ++expected_ur_;
    } else if (error == 1) {
      tlp = completion(r.tag, 4);
      ++expected_ca_;
    } else if (!leaf->r && !leaf->w) {
      tlp = translation(r, percent(50) ? 0 : 0x5000);
      denied_.insert(key);
    } else {
      const int most = space.size_at(r.page, *leaf);
      const int size = percent(80) ? most : below(most + 1);
      const bool w = leaf->w && !(r.no_write && percent(50));
      tlp = translation(r, entry(*leaf, r.page, size, leaf->r, w, r.priv));
      if (!leaf->r || !leaf->w) denied_.insert(key);
      poison = error == 2;
      if (poison) tlp.hdr[0] |= 1 << 14;
      expected_poisoned_ += poison;
    }
    if (error < 3) broken_.insert(key);
    uint64_t at = cycle + random_time();
    if (percent(drops)) {
      broken_.insert(key);
      ++expected_cto_;
      expected_ur_ -= error == 0;
      expected_ca_ -= error == 1;
      expected_poisoned_ -= poison;
      if (percent(90)) {
        at += 4096 + 256 + 100 + below(20'000);
        ++expected_unexpected_;
        completions_out_.push_back({at, tlp, r.tag, 1});
      } else {
        outstanding_.erase(r.tag);  // never heard of again; the tag rests for 16 timeouts
        resting_[r.tag] = cycle + 15 * 4096;
      }
      return;
    }
    completions_out_.push_back({at, tlp, r.tag, 0});
  }

  void deliver(std::vector<Pending>& from, std::deque<Tlp>& to, bool is_completion) {
    for (size_t i = 0; i < from.size();) {
      if (cycle < from[i].at) {
        ++i;
        continue;
      }
      to.push_back(from[i].tlp);
      if (is_completion) outstanding_.erase(from[i].tag);
      from.erase(from.begin() + i);
    }
  }

  void take_requests() {
    for (; !requests.empty(); requests.pop_front()) {
      const Request& r = requests.front();
      ++asked_tr_;
      CHECK(r.tag >= 0x80 && r.tag < 0xa0);
      CHECK(outstanding_.insert(r.tag).second, "tag %x is in use", r.tag);
      CHECK(!resting_.count(r.tag) || cycle > resting_[r.tag], "tag %x rests", r.tag);
      bool wanted = false;
      for (const Job& job : jobs_) {
        for (int o = 0; o < 3; ++o) {
          const Operand& op = job.operands[o];
          wanted |= op.state == kWaiting && op.page == r.page && job.tenant.pasid == r.pasid &&
                    (job.tenant.priv && r.pasid != kNone) == r.priv && (o == 0) == r.no_write;
        }
      }
      CHECK(wanted, "nobody waits for page %llx", (unsigned long long)r.page);
      translating_.push_back({cycle + 1 + random_time(), r});
    }
    for (; !page_requests.empty(); page_requests.pop_front()) {
      const PageRequest& p = page_requests.front();
      ++pages_asked_;
      CHECK(p.prg < 32 && groups_.insert({p.prg, p.pasid}).second, "group %u is in use", p.prg);
      CHECK(groups_.size() <= top.fn_pri_alloc_i);
      int of_tenant = 0;
      for (const auto& [prg, pasid] : groups_) of_tenant += pasid == p.pasid;
      CHECK(of_tenant <= (p.pasid == 0x1002 ? 8 : 4), "%d of PASID %x", of_tenant, p.pasid);
      // One may have been on its way.
      CHECK(cycle < stopped_at_ + 8 || !everybody_stopped(p.pasid), "PASID %x is stopped", p.pasid);
      serving_.push_back({cycle + 1 + below(500), p});
    }
    for (; !inv_completions.empty(); inv_completions.pop_front()) {
      take_copy(inv_completions.front());
    }
  }

  void serve_pages() {
    for (size_t i = 0; i < serving_.size();) {
      auto [at, p] = serving_[i];
      if (cycle < at) {
        ++i;
        continue;
      }
      uint32_t code = 0;
      Leaf* leaf = spaces_.at(p.pasid).find(p.page);
      if (percent(lies)) {
        code = below(2);
        if (code == 1) refused_.insert({p.pasid, p.page});
      } else {
        leaf->r = leaf->w = true;  // more rights need no invalidation
      }
      for (auto g = groups_.begin(); g != groups_.end(); ++g) {
        if (g->first == p.prg) {
          groups_.erase(g);
          break;
        }
      }
      messages_out_.push_back({cycle + below(30), prg_response(p.prg, code, p.pasid), 0, 0});
      serving_.erase(serving_.begin() + i);
    }
  }

  void take_copy(const Completion& c) {
    for (uint32_t itag = 0; itag < 32; ++itag) {
      if (!(c.itags >> itag & 1)) continue;
      Invalidation& inv = invalidations_[itag];
      CHECK(inv.busy, "ITag %u is not outstanding", itag);
      if (inv.tcs.empty()) inv.copies = c.copies;
      CHECK(inv.copies == c.copies && inv.tcs.insert(c.tc).second);
      if (inv.tcs.size() < inv.copies) continue;
      for (uint32_t tc : inv.needed) CHECK(inv.tcs.count(tc), "class %u has no copy", tc);
      inv.busy = false;
      for (auto& [pasid, space] : spaces_) space.completed(itag);
    }
    // Whatever is in use now must still be allowed.
    for (const Job& job : jobs_) {
      for (int o = 0; o < 3; ++o) {
        const Operand& op = job.operands[o];
        if (op.state == kUsing) check_allowed(job, o, op.page, op.to, op.untranslated);
      }
    }
  }

  // ---- abort and reset

  bool is_stopped(const Tenant& tenant) const {
    return stop_ == kEverybody || (stop_ == kOnePasid && uint32_t(tenant.pasid) == stop_operand_) ||
           (stop_ == kWqs && (stop_operand_ >> tenant.adi & 1));
  }

  bool everybody_stopped(int pasid) const {
    for (const Tenant& tenant : tenants_) {
      if (tenant.pasid == pasid && !is_stopped(tenant)) return false;
    }
    return true;
  }

  void stop_somebody() {
    if (stop_ != kNobody) {
      if (percent(1)) stop_ = kNobody;
    } else if (!closing_ && percent(stops)) {
      static constexpr Stop kWho[] = {kWqs, kWqs, kOnePasid, kEverybody};
      stop_ = kWho[below(4)];
      stop_operand_ = stop_ == kWqs ? below(1u << kAdis) : 0x1000 + below(kAdis);
      stopped_at_ = cycle;
    }
    stop(stop_, stop_operand_);
    for (Job& job : jobs_) job.stopped |= is_stopped(job.tenant);
  }

  void check_allowed(const Job& job, int o, Page page, Page to, bool untranslated) {
    CHECK(spaces_.at(job.tenant.pasid).allows(page, to, o != 0, untranslated),
          "PASID %x may not use %llx for page %llx", job.tenant.pasid, (unsigned long long)to,
          (unsigned long long)page);
  }

  // ---- jobs

  void begin(uint32_t j) {
    Job& job = jobs_[j];
    job = Job();
    job.tenant = tenants_[below(tenants_.size())];
    job.block = percent(80);
    job.turns = 1 + below(10);
    job.tc = percent(90) ? 0 : below(3) * 2;
    top.forget_valid_i = 1;
    top.forget_job_i = j;
  }

  void work() {
    uint32_t busy = 0;
    for (uint32_t j = 0; j < kJobs; ++j) {
      Job& job = jobs_[j];
      bool idle = true;
      for (uint32_t o = 0; o < 3; ++o) {
        Operand& op = job.operands[o];
        if (op.state == kUsing && cycle >= op.until) op.state = kIdle;
        if (op.state == kUsing) busy |= 1u << op.epoch;
        if (op.state == kWaiting) CHECK(cycle - op.since < kPatience, "job %u waits for ever", j);
        if (op.state == kIdle && job.turns > 0 && !job.failed && !closing_ && percent(3)) {
          --job.turns;
          op.page = random_page();
          op.state = kWants;
        }
        if (op.state == kWants && lookups.size() < 2) {
          op.state = kAsking;
          lookups.push_back({j, o, job.tenant, op.page, o != 0, job.block, o == 0 ? 7 : job.tc});
          asking_.push_back({j, o});
        }
        idle = idle && op.state == kIdle;
      }
      if (idle && (job.turns == 0 || job.failed) && !top.forget_valid_i) begin(j);
    }
    epoch_busy = busy;
  }

  void take_answers() {
    for (; !answers.empty(); answers.pop_front()) {
      const Answer& a = answers.front();
      CHECK(a.answered - a.asked == 1, "%llu", (unsigned long long)(a.answered - a.asked));
      const auto [j, o] = asking_.front();
      asking_.pop_front();
      Job& job = jobs_[j];
      Operand& op = job.operands[o];
      CHECK(op.state == kAsking);
      const std::pair<int, Page> key{job.tenant.pasid, op.page};
      if (a.kind == kHit) {
        ++hits_;
        check_allowed(job, o, op.page, a.page, a.untranslated);
        op.state = kUsing;
        op.to = a.page;
        op.untranslated = a.untranslated;
        op.epoch = a.epoch;
        op.until = cycle + 1 + (percent(1) ? below(1500) : below(40));
        if (o != 0 && !a.untranslated) write_tcs_.insert(job.tc);
      } else if (a.kind == kWait) {
        ++waits_;
        op.state = kWaiting;
        op.since = cycle;
      } else {
        ++faults_;
        if (a.status == kFault) CHECK(!job.block && denied_.count(key));
        else if (a.status == kAbandoned) CHECK(job.block && job.stopped && denied_.count(key));
        else if (a.status == kRefused) CHECK(refused_.count(key) || lies > 0);
        else CHECK(a.status == kNoAnswer && broken_.count(key), "status %x", a.status);
        op.state = kIdle;
        job.failed = true;
      }
    }
    for (; !wakes.empty(); wakes.pop_front()) {
      Operand& op = jobs_[wakes.front().first].operands[wakes.front().second];
      CHECK(op.state == kWaiting, "job %u was not waiting", wakes.front().first);
      op.state = kWants;
    }
  }

  void step() {
    clock();
    take_answers();
    take_requests();
    translate();
    serve_pages();
    work();
    stop_somebody();
    if (!closing_ && percent(invalidations)) change_something();
  }

  bool quiet() const {
    for (const Job& job : jobs_) {
      for (const Operand& op : job.operands) {
        if (op.state != kIdle) return false;
      }
    }
    for (const Invalidation& inv : invalidations_) {
      if (inv.busy) return false;
    }
    return translating_.empty() && completions_out_.empty() && messages_out_.empty() &&
           serving_.empty() && completions.empty() && messages.empty() && cto == expected_cto_;
  }

  std::vector<Tenant> tenants_;
  std::map<int, AddressSpace> spaces_;
  std::array<Job, kJobs> jobs_;
  std::deque<std::pair<uint32_t, uint32_t>> asking_;
  std::vector<Translating> translating_;
  std::vector<Pending> completions_out_, messages_out_;
  std::vector<std::pair<uint64_t, PageRequest>> serving_;
  std::array<Invalidation, 32> invalidations_;
  std::set<uint32_t> outstanding_;  // tags
  std::map<uint32_t, uint64_t> resting_;
  std::set<std::pair<uint32_t, int>> groups_;
  std::set<uint32_t> write_tcs_;
  std::set<std::pair<int, Page>> denied_, refused_, broken_;
  uint32_t expected_ur_ = 0, expected_ca_ = 0, expected_poisoned_ = 0, expected_unexpected_ = 0,
           expected_cto_ = 0;
  int hits_ = 0, waits_ = 0, faults_ = 0, invalidated_ = 0, asked_tr_ = 0, pages_asked_ = 0;
  bool closing_ = false;
  Stop stop_ = kNobody;
  uint32_t stop_operand_ = 0;
  uint64_t stopped_at_ = 0;
};
