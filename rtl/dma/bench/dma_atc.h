// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "bench.h"

using siov::bench::below;
using siov::bench::percent;

/// atc/ as dma/ sees it (rtl/atc/README.md, "Contract with dma/"). A page is translated to itself,
/// marked with the epoch of the answer, so that each TLP tells how old its translation is. An epoch
/// that has been drained is one whose Invalidate Completion has left.
class MockAtc {
 public:
  enum Kind : uint8_t { kHit, kWait, kFault };
  enum Operand : uint8_t { kSrc, kDst, kRec };

  struct Lookup {
    uint32_t job;
    Operand operand;
    uint64_t page;
    uint32_t tc;
    bool write, block;
    uint32_t prefix;  // its tenant
  };
  struct Answer {
    Kind kind = kHit;
    uint8_t status = 0;
    bool untranslated = false;
  };
  struct Reply {
    Lookup to;
    Answer answer;
    uint64_t page;
    bool epoch;
  };

  /// What a look-up is answered with. Whom it makes wait is woken by `wake`, or after so many clocks
  /// at random.
  std::function<Answer(const Lookup&)> answer = [](const Lookup&) { return Answer{}; };
  uint32_t wakes_within = 0;
  std::deque<Lookup> lookups;                          // accepted
  std::map<std::pair<uint32_t, Operand>, Reply> last;  // of each job and operand
  uint32_t flips = 0;                                  // in 1,000 clocks

  void wake(uint32_t job, Operand operand) { wakes_.push_back({siov::bench::cycle, job, operand}); }

  /// A new epoch begins, as something has been invalidated. Not before the old one is drained.
  void flip() {
    CHECK(drained_);
    ++epoch_;
    drained_ = false;
    settles_ = kSettle;
  }
  bool drained() const { return drained_; }

  // ---- a clock

  template <typename Top>
  void drive(Top& top) {
    top.lk_ready_i = percent(90);
    const bool answers = pipe_[1].second;
    top.lk_rsp_valid_i = answers;
    if (answers) {
      const Reply& r = pipe_[1].first;
      top.lk_rsp_kind_i = r.answer.kind;
      top.lk_rsp_page_i = r.page;
      top.lk_rsp_untranslated_i = r.answer.untranslated;
      top.lk_rsp_status_i = r.answer.status;
      top.lk_rsp_epoch_i = r.epoch;
    }
    top.wake_valid_i = !wakes_.empty() && wakes_.front().due <= siov::bench::cycle;
    if (top.wake_valid_i) {
      top.wake_job_i = wakes_.front().job;
      top.wake_operand_i = wakes_.front().operand;
    }
  }

  template <typename Top>
  void sample(const Top& top) {
    if (top.wake_valid_i) wakes_.pop_front();
    pipe_[1] = pipe_[0];
    pipe_[0].second = top.lk_valid_o && top.lk_ready_i;
    if (pipe_[0].second) {
      accept({top.lk_job_o, static_cast<Operand>(top.lk_operand_o), top.lk_page_o, top.lk_tc_o,
              top.lk_write_o != 0, top.lk_block_o != 0, top.lk_prefix_o});
    }
    busy_ = top.epoch_busy_o;
    if (drained_) {
      if (below(1000) < flips) flip();
    } else if (settles_ != 0) {
      settles_ -= top.lk_ready_i;
    } else if (!busy(!(epoch_ & 1))) {
      drained_ = true;
    }
  }

  /// A request with this address leaves, or is in flight. Gives the address that was looked up.
  uint64_t use(uint64_t address) const {
    const uint64_t age = (mark(epoch_) - (address >> kMark)) % kMarks;
    CHECK(age == 0 || (age == 1 && !drained_), "translation is %lu epochs old", age);
    CHECK(busy((epoch_ - age) & 1), "epoch is not busy");
    return address & ((uint64_t{1} << kMark) - 1);
  }

  bool busy(bool epoch) const { return busy_ >> epoch & 1; }

 private:
  static constexpr uint32_t kMark = 52, kMarks = 4096;  // address bits 63:52
  static constexpr uint32_t kSettle = 4;

  struct Wake {
    uint64_t due;
    uint32_t job;
    Operand operand;
  };

  static uint64_t mark(uint64_t epoch) { return (epoch + 1) % kMarks; }

  void accept(const Lookup& l) {
    Reply r{l, answer(l), l.page, (epoch_ & 1) != 0};
    if (r.answer.kind == kHit && !r.answer.untranslated) r.page |= mark(epoch_) << (kMark - 12);
    if (r.answer.kind == kWait && wakes_within != 0) {
      // At the soonest in the clock after the answer.
      uint64_t due = siov::bench::cycle + 3 + below(wakes_within);
      if (!wakes_.empty()) due = std::max(due, wakes_.back().due);
      wakes_.push_back({due, l.job, l.operand});
    }
    lookups.push_back(l);
    last[{l.job, l.operand}] = r;
    pipe_[0].first = r;
  }

  std::pair<Reply, bool> pipe_[2] = {};  // answers that are due
  std::deque<Wake> wakes_;
  uint64_t epoch_ = 0;
  uint32_t busy_ = 0, settles_ = 0;
  bool drained_ = true;
};
