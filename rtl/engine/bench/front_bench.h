// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "Vsiov_front_bench.h"
#include "bench.h"
#include "descriptor.h"

using siov::bench::below;
using siov::bench::cycle;
using siov::bench::percent;

/// How dma/, irq/ and mgmt/ behave: clocks, and percent.
struct Surroundings {
  uint32_t job_time = 20, job_jitter = 0, failing = 0, abandoning = 0;
  uint32_t lookup_time = 1, record_time = 3, interrupt_time = 3;
  uint32_t stall = 0;
};

/// An answer without a name: it belongs to the first that waits.
template <typename T>
class Delayed {
 public:
  void push(uint32_t clocks, T what) {
    uint64_t at = cycle + 1 + below(clocks);
    if (!queue_.empty()) at = std::max(at, queue_.back().first + 1);
    queue_.push_back({at, what});
  }

  bool due() const { return !queue_.empty() && queue_.front().first <= cycle; }
  const T& front() const { return queue_.front().second; }

  T pop() {
    T what = queue_.front().second;
    queue_.pop_front();
    return what;
  }

 private:
  std::deque<std::pair<uint64_t, T>> queue_;
};

/// The three rooms, and all around them. Follows each descriptor from the portal to its end.
class FrontBench : public siov::bench::Clocked<Vsiov_front_bench> {
 public:
  using Ptr = std::shared_ptr<Descriptor>;

  Surroundings around;
  std::set<uint32_t> stuck;  // WQs whose jobs do not end
  std::array<Wq, 1024> wqs;
  std::array<std::deque<Ptr>, 1024> queued;
  std::array<uint32_t, 1024> inflight = {};
  std::vector<uint32_t> turns;  // the WQs that were popped from, in order

  uint64_t accepted = 0, retired = 0, overflows = 0, records = 0, interrupts = 0, jobs = 0;
  uint64_t refused = 0;               // deferrable writes that found no room in a shared WQ
  std::array<bool, 1024> older = {};  // what was last said of it
  uint64_t pushed_at = 0, job_at = 0;  // clock of the last

  void reset() {
    top.rst_ni = 0;
    top.user_int_en_i = 1;
    top.priv_en_i = 1;
    engines(0xf, 0);
    for (int i = 0; i < 4; ++i) edge();
    top.rst_ni = 1;
    settle();
  }

  void start() {
    reset();
    while (top.init_o) clock();
  }

  /// Bit per engine, two bits of group per engine.
  void engines(uint32_t enabled, uint32_t groups) {
    top.engine_en_i = enabled;
    top.engine_group_i = groups;
  }

  /// Offers this at the portal until it is taken.
  void offer(Ptr d) { offered_ = std::move(d); }
  bool offering() const { return offered_ != nullptr; }

  void push(Ptr d) {
    offer(std::move(d));
    for (int limit = 100'000; offering(); clock()) CHECK(--limit > 0);
  }

  void configure(uint32_t adi, const Wq& wq) {
    control_.push_back({adi, wq});
    while (!control_.empty()) clock();
  }

  /// The same, while other things go on.
  void configure_later(uint32_t adi, const Wq& wq) { control_.push_back({adi, wq}); }

  void set_threshold(uint32_t adi, uint32_t threshold) {
    thresholds_.push_back({adi, threshold});
    while (!thresholds_.empty()) clock();
  }

  /// The same, while other things go on.
  void set_threshold_later(uint32_t adi, uint32_t threshold) {
    thresholds_.push_back({adi, threshold});
  }

  /// Occupancy and in-flight count, as firmware reads them.
  std::pair<uint32_t, uint32_t> status(uint32_t adi) {
    ask_status(adi);
    while (status_wanted_) clock();
    return {status_occupancy_, status_inflight_};
  }

  /// `older` tells then of what was accepted before.
  void mark(uint32_t adi) {
    ask_status(adi, true);
    while (status_wanted_) clock();
  }

  void ask_status(uint32_t adi, bool mark = false) {
    status_wanted_ = true;
    status_mark_ = mark;
    status_adi_ = adi;
  }
  bool status_wanted() const { return status_wanted_; }

  /// Until nothing is left to do; then all must have been told that there is to tell.
  void drain() {
    int quiet = 0, limit = 200'000;
    while (quiet < 4) {
      clock();
      quiet = top.busy_o || offering() || status_wanted_ ? 0 : quiet + 1;
      CHECK(--limit > 0, "%u in flight", top.inflight_o);
    }
    CHECK(accepted == retired && to_move_.empty() && by_record_.empty() && by_handle_.empty());
    CHECK(reports_.empty() && overflown_.empty());
  }

  void clock() {
    Ptr done = drive();
    settle();
    CHECK(top.portal_accepted_o == taken_);
    take_portal();
    take_turn();
    take_lookup();
    take_job();
    if (done && top.done_ready_o) {
      jobs_[done->job] = nullptr;
      end_data(*done, done_error_, done_abandoned_);
      done_ = nullptr;
    }
    take_record();
    take_interrupt();
    take_retirement();
    take_errors();
    take_status();
    edge();
  }

 private:
  // ---- inputs of one clock

  Ptr drive() {
    const uint32_t go = 100 - around.stall;
    top.portal_valid_i = offering();
    if (offering()) {
      top.portal_adi_i = offered_->adi;
      top.portal_deferrable_i = offered_->deferrable;
      top.portal_ims_i = offered_->ims;
      top.portal_limited_i = offered_->limited;
      std::memcpy(&top.portal_desc_i[0], offered_->bytes.data(), 64);
    }
    top.ctl_we_i = !control_.empty();
    if (!control_.empty()) drive_control(control_.front().first, control_.front().second);
    top.thr_we_i = !thresholds_.empty();
    if (!thresholds_.empty()) {
      const auto [adi, threshold] = thresholds_.front();
      thresholds_.pop_front();
      top.thr_adi_i = adi;
      top.thr_i = threshold;
      threshold_[adi] = threshold;
    }
    top.stat_valid_i = status_wanted_ && !status_asked_;
    top.stat_mark_i = status_mark_;
    top.stat_adi_i = status_adi_;
    top.job_ready_i = percent(go);
    top.rec_ready_i = percent(go);
    top.chk_ready_i = percent(go);
    top.irq_ready_i = percent(go);
    top.overflow_ready_i = 1;
    top.error_ready_i = 1;

    choose_done();
    top.done_valid_i = done_ != nullptr;
    if (done_) {
      top.done_id_i = done_->job;
      top.done_error_i = done_error_;
      top.done_abandoned_i = done_abandoned_;
      top.done_done_i = done_->bytes_done;
    }
    top.rec_done_i = record_out_.due();
    top.irq_done_i = interrupt_out_.due();
    for (auto* d : {&record_out_, &interrupt_out_}) {
      if (!d->due()) continue;
      Ptr of = d->pop();
      (d == &record_out_ ? of->record_done : of->interrupt_done) = true;
      if (d == &record_out_) {
        top.rec_done_id_i = of->job;
        top.rec_done_abandoned_i = percent(around.abandoning);
        if (top.rec_done_abandoned_i) abandon(*of);
      }
      end(*of);
    }
    top.chk_rsp_valid_i = lookup_.due();
    top.chk_ok_i = lookup_.due() ? lookup_.pop() : percent(50);
    return done_;
  }

  void drive_control(uint32_t adi, const Wq& wq) {
    top.ctl_adi_i = adi;
    top.ctl_enabled_i = wq.enabled;
    top.ctl_discard_i = wq.discard;
    top.ctl_discard_pasid_i = wq.discard_pasid;
    top.ctl_dedicated_i = wq.dedicated;
    top.ctl_bof_en_i = wq.bof_en;
    top.ctl_pasid_valid_i = wq.pasid_valid;
    top.ctl_priv_i = wq.priv;
    top.ctl_pasid_i = wq.pasid;
    top.ctl_tc_a_i = wq.tc_a;
    top.ctl_tc_b_i = wq.tc_b;
    top.ctl_max_xfer_i = wq.max_xfer;
    top.ctl_opcfg_i = wq.opcfg;
    top.ctl_group_i = wq.group;
    top.ctl_prio_i = wq.prio;
    top.ctl_base_i = wq.base;
    top.ctl_size_i = wq.size;
    wqs[adi] = wq;
    control_.pop_front();
  }

  /// The job that dma/ reports done, held until it is taken.
  void choose_done() {
    if (done_) return;
    for (const Ptr& d : jobs_) {
      if (!d || stuck.count(d->adi)) continue;
      if (due_[d->job] <= cycle && (!done_ || due_[d->job] < due_[done_->job])) done_ = d;
    }
    if (!done_) return;
    done_abandoned_ = percent(around.abandoning);
    done_error_ = !done_abandoned_ && percent(around.failing);
    if (done_error_) done_->bytes_done = below(done_->size());
  }

  // ---- outputs of one clock

  void take_portal() {
    taken_ = false;
    if (!top.portal_valid_i || !top.portal_ready_o) return;
    const uint32_t adi = offered_->adi;
    const Wq& wq = wqs[adi];
    pushed_at = cycle;
    if (!top.init_o && wq.enabled && wq.dedicated == !offered_->deferrable) {
      const bool limited = offered_->limited && !wq.dedicated;
      if (queued[adi].size() < (limited ? std::min(threshold_[adi], wq.size) : wq.size)) {
        queued[adi].push_back(offered_);
        live_[adi].push_back(offered_);
        taken_ = true;
        ++accepted;
      } else if (wq.dedicated) {
        ++overflows;
        overflown_.push_back(adi);
      } else {
        ++refused;
      }
    }
    offered_ = nullptr;
  }

  void take_turn() {
    if (!top.popped_o) return;
    const uint32_t adi = top.popped_adi_o;
    turns.push_back(adi);
    CHECK(!queued[adi].empty(), "turn of WQ %u", adi);
    Ptr d = queued[adi].front();
    queued[adi].pop_front();
    ++inflight[adi];
    d->judge(wqs[adi], top.user_int_en_i, top.priv_en_i);
    if (d->record) by_record_[d->record_address()] = d;
    if (d->interrupt) by_handle_[d->handle()] = d;
    if (d->report) ++reports_[report(*d)];
    if (d->looked_up) to_look_up_.push_back(d);
    if (d->moves) to_move_.push_back(d);
    end(*d);
  }

  void take_lookup() {
    if (!top.chk_valid_o || !top.chk_ready_i) return;
    CHECK(!to_look_up_.empty());
    const Descriptor& d = *to_look_up_.front();
    CHECK(top.chk_index_o == d.handle() && top.chk_ims_o == d.ims);
    CHECK(top.chk_tenant_o == d.wq.tenant(d.adi));
    lookup_.push(around.lookup_time, handle_is_granted(top.chk_index_o));
    to_look_up_.pop_front();
  }

  void take_job() {
    if (!top.job_valid_o || !top.job_ready_i) return;
    CHECK(!to_move_.empty());
    Ptr d = to_move_.front();
    to_move_.pop_front();
    CHECK(top.job_tenant_o == d->wq.tenant(d->adi) && top.job_fill_o == (d->operation() == kFill));
    CHECK(top.job_strict_o == d->flag(kStrict) && top.job_src_o == d->src());
    CHECK(top.job_block_o == d->flag(kBlockOnFault));
    CHECK(top.job_dst_o == d->dst() && top.job_len_o == d->size());
    CHECK(top.job_tc_src_o == d->tc(kAddr1Tc) && top.job_tc_dst_o == d->tc(kAddr2Tc));
    if (d->operation() == kFill) {
      CHECK(top.job_pattern_hi_o == (d->flag(kFill16) ? d->at<uint64_t>(40) : d->src()));
    }
    CHECK(!jobs_[top.job_id_o], "job %u is in use", top.job_id_o);
    d->job = top.job_id_o;
    jobs_[d->job] = d;
    due_[d->job] = cycle + 1 + around.job_time + below(around.job_jitter + 1);
    job_at = cycle;
    ++jobs;
  }

  void abandon(Descriptor& d) {
    if (d.record) by_record_.erase(d.record_address());
    if (d.interrupt) by_handle_.erase(d.handle());
    d.abandon();
  }

  void end_data(Descriptor& d, bool error, bool abandoned) {
    d.data_done = true;
    if (abandoned) abandon(d);
    if (error) {
      const bool had_record = d.record;
      Ptr self = done_;
      d.fail(d.bytes_done);
      if (d.record && !had_record) by_record_[d.record_address()] = self;
      if (d.report) ++reports_[report(d)];
    }
    end(d);
  }

  void take_record() {
    if (!top.rec_valid_o || !top.rec_ready_i) return;
    const auto found = by_record_.find(top.rec_addr_o);
    CHECK(found != by_record_.end());
    Ptr d = found->second;
    by_record_.erase(found);
    CHECK(!d->moves || (d->data_done && top.rec_id_o == d->job), "a record before its data");
    // Status, bytes completed, invalid flags (DSA 8.2).
    std::array<uint8_t, 32> expected = {static_cast<uint8_t>(d->status)};
    if (d->status == kReadError) std::memcpy(&expected[4], &d->bytes_done, 4);
    if (d->status == kBadFlags) std::memcpy(&expected[16], &d->info, 3);
    CHECK(std::memcmp(&top.rec_data_o[0], expected.data(), 32) == 0, "status %x, not %x",
          top.rec_data_o[0] & 255, d->status);
    CHECK(top.rec_tc_o == d->tc(kRecordTc) && top.rec_tenant_o == d->wq.tenant(d->adi));
    d->job = top.rec_id_o;
    record_out_.push(around.record_time, d);
    ++records;
  }

  void take_interrupt() {
    if (!top.irq_valid_o || !top.irq_ready_i) return;
    const auto found = by_handle_.find(top.irq_index_o);
    CHECK(found != by_handle_.end(), "handle %x", top.irq_index_o);
    Ptr d = found->second;
    by_handle_.erase(found);
    CHECK((!d->record || d->record_done) && (!d->moves || d->data_done), "an interrupt too soon");
    CHECK(top.irq_ims_o == d->ims);
    interrupt_out_.push(around.interrupt_time, d);
    ++interrupts;
  }

  void take_retirement() {
    if (!top.retired_o) return;
    const uint32_t adi = top.retired_adi_o;
    CHECK(ended_[adi] > 0, "WQ %u retires too soon", adi);
    --ended_[adi];
    --inflight[adi];
    ++retired;
  }

  void take_errors() {
    if (top.error_valid_o) {
      const Report error = software_error(&top.error_o[0]);
      const auto found = reports_.find(error);
      CHECK(found != reports_.end(), "code %x", std::get<0>(error));
      if (--found->second == 0) reports_.erase(found);
    }
    if (top.overflow_valid_o) {
      const auto [code, info, operation, tenant] = software_error(&top.overflow_o[0]);
      CHECK(code == 0x53 && info == 0 && operation == 0);
      CHECK(!overflown_.empty() && tenant == overflown_.front() << 22);
      overflown_.pop_front();
    }
  }

  void take_status() {
    if (top.stat_valid_i) {
      status_asked_ = true;
      // What comes to the portal from now on comes behind it.
      auto& live = live_[status_adi_];
      live.erase(std::remove_if(live.begin(), live.end(), [](const Ptr& d) { return d->ended; }),
                 live.end());
      if (status_mark_) marked_[status_adi_] = live;
    } else if (status_asked_ && top.stat_rsp_valid_o) {
      status_wanted_ = status_asked_ = false;
      status_occupancy_ = top.stat_occupancy_o;
      status_inflight_ = top.stat_inflight_o;
      older[status_adi_] = top.stat_older_o;
      if (!top.stat_older_o) {
        for (const Ptr& d : marked_[status_adi_]) CHECK(d->ended, "WQ %u", status_adi_);
      }
    }
  }

  // ---- helpers

  /// Code, information (if it is valid), operation and tenant of a software error.
  using Report = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;

  /// As the RTL's sw_error_t. The record in it is for the event log, which is off.
  static Report software_error(const uint32_t* words) {
    constexpr int kRecordBits = 257;
    const auto field = [words](int at, int width) {
      uint32_t value = 0;
      for (int i = 0; i < width; ++i) {
        const int bit = kRecordBits + at + i;
        value |= (words[bit / 32] >> bit % 32 & 1) << i;
      }
      return value;
    };
    const bool info_valid = field(136, 1);
    return {field(139, 8), info_valid ? field(104, 32) : 0, field(96, 8), field(64, 32)};
  }

  static Report report(const Descriptor& d) {
    return {d.status, d.info, d.operation(), d.wq.tenant(d.adi)};
  }

  void end(Descriptor& d) {
    if (d.ended) return;
    d.check_end();
    if (d.ended) ++ended_[d.adi];
  }

  Ptr offered_, done_;
  bool done_error_ = false, done_abandoned_ = false;
  std::deque<std::pair<uint32_t, Wq>> control_;
  std::deque<std::pair<uint32_t, uint32_t>> thresholds_;  // WQ, value: to be written
  std::array<uint32_t, 1024> threshold_ = {};
  bool taken_ = false;                              // by a WQ, in the clock before
  std::array<std::vector<Ptr>, 1024> live_;         // accepted, not ended
  std::array<std::vector<Ptr>, 1024> marked_;       // those of the last mark
  bool status_wanted_ = false, status_asked_ = false, status_mark_ = false;
  uint32_t status_adi_ = 0, status_occupancy_ = 0, status_inflight_ = 0;

  std::deque<Ptr> to_look_up_, to_move_;
  std::array<Ptr, 256> jobs_;
  std::array<uint64_t, 256> due_ = {};
  std::map<uint64_t, Ptr> by_record_;
  std::map<uint32_t, Ptr> by_handle_;
  Delayed<bool> lookup_;
  Delayed<Ptr> record_out_, interrupt_out_;
  std::map<Report, uint32_t> reports_;
  std::deque<uint32_t> overflown_;         // WQs, to be reported
  std::array<uint32_t, 1024> ended_ = {};  // and not retired
};
