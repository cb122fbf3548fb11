// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "Vsiov_atc_bench.h"
#include "bench.h"
#include "tlp_streams.h"

using siov::bench::below;
using siov::bench::cycle;
using siov::bench::percent;

constexpr uint16_t kDevice = 0x0508, kAgent = 0x0700;  // requester IDs: function, translation agent
constexpr int kNone = -1;                              // "PASID" of requests without one
constexpr uint8_t kFault = 0x03, kRefused = 0x04, kNoAnswer = 0x22, kAbandoned = 0xff;
enum Kind { kHit, kWait, kFaulted };

using Page = uint64_t;  // address bits 63:12

/// Whose waits end: stop_e of siov_pkg.
enum Stop : uint8_t { kNobody, kWqs, kOnePasid, kEverybody };

/// Who looks up.
struct Tenant {
  uint16_t adi = 0;
  int pasid = kNone;
  bool priv = false;
};

/// One entry of a page table: 2^log2 pages.
struct Leaf {
  Page base = 0, to = 0;
  int log2 = 0;
  bool r = true, w = true, u = false;

  bool covers(Page page) const { return page >> log2 == base >> log2; }
  Page at(Page page) const { return to | (page & ((Page{1} << log2) - 1)); }
};

/// What a tenant of the device may see: the entry that is there now, and those that were there and
/// whose invalidation has not been completed.
class AddressSpace {
 public:
  void map(const Leaf& leaf) { now_[leaf.base] = leaf; }

  const Leaf* find(Page page) const {
    auto it = now_.upper_bound(page);
    while (it != now_.begin()) {
      --it;
      if (it->second.covers(page)) return &it->second;  // a smaller one inside goes first
    }
    return nullptr;
  }

  Leaf* find(Page page) { return const_cast<Leaf*>(std::as_const(*this).find(page)); }

  /// The largest part of the entry around a page in which nothing smaller is mapped.
  int size_at(Page page, const Leaf& leaf) const {
    int log2 = leaf.log2;
    for (; log2 > 0; --log2) {
      const Page base = page >> log2 << log2;
      auto it = now_.lower_bound(base);
      bool alone = true;
      for (; it != now_.end() && it->first < base + (Page{1} << log2); ++it) {
        alone = alone && (it->first == leaf.base && it->second.log2 == leaf.log2);
      }
      if (alone) break;
    }
    return log2;
  }

  /// Replaces what is there; it lingers until `itag` is completed.
  void change(const Leaf& leaf, uint32_t itag) {
    if (const Leaf* old = std::as_const(*this).find(leaf.base)) {
      lingering_.push_back({*old, leaf, itag});
    }
    auto inside = now_.upper_bound(leaf.base);
    while (inside != now_.end() && leaf.covers(inside->first)) {
      lingering_.push_back({inside->second, inside->second, itag});
      inside = now_.erase(inside);
    }
    now_[leaf.base] = leaf;
  }

  void completed(uint32_t itag) {
    lingering_.erase(std::remove_if(lingering_.begin(), lingering_.end(),
                                    [&](const Lingering& l) { return l.itag == itag; }),
                     lingering_.end());
  }

  bool allows(Page page, Page to, bool write, bool untranslated) const {
    auto fits = [&](const Leaf& leaf) {
      return (write ? leaf.w : leaf.r) && leaf.u == untranslated && leaf.at(page) == to;
    };
    const Leaf* leaf = find(page);
    if (leaf && fits(*leaf)) return true;
    for (const Lingering& l : lingering_) {
      if (l.old.covers(page) && l.range.covers(page) && fits(l.old)) return true;
    }
    return false;
  }

 private:
  struct Lingering {
    Leaf old, range;
    uint32_t itag;
  };
  std::map<Page, Leaf> now_;
  std::vector<Lingering> lingering_;
};

/// A TLP without payload, or its answer.
struct Tlp {
  std::array<uint32_t, 4> hdr{};
  uint32_t prefix = 0;
  std::vector<uint32_t> data;
};

/// A Translation Request, taken apart.
struct Request {
  uint32_t tag;
  int pasid;
  bool priv, no_write;
  Page page;
};

struct PageRequest {
  uint32_t prg;
  int pasid;
  Page page;
  bool write;
};

struct Answer {
  Kind kind;
  Page page;
  bool untranslated;
  uint8_t status;
  uint32_t epoch;
  uint64_t asked, answered;  // cycles
};

struct Lookup {
  uint32_t job = 0, operand = 0;
  Tenant tenant;
  Page page = 0;
  bool write = false, block = false;
  uint32_t tc = 0;
};

inline uint32_t swap_bytes(uint32_t dw) { return __builtin_bswap32(dw); }

/// The room, with wires only: what comes out is collected, what goes in is queued.
class AtcBench : public siov::bench::Clocked<Vsiov_atc_bench> {
 public:
  std::deque<Request> requests;           // Translation Requests that have left
  std::deque<PageRequest> page_requests;  // Page Requests that have left
  struct Marker {
    int pasid;
    size_t behind;  // Page Requests that were waiting in `page_requests` then
  };
  std::deque<Marker> markers;  // Stop Markers that have left
  struct Completion {
    uint32_t itags, tc, copies;
  };
  std::deque<Completion> inv_completions;
  std::deque<Answer> answers;
  std::deque<std::pair<uint32_t, uint32_t>> wakes;  // job, operand
  std::deque<Tlp> completions, messages;            // to the room
  std::deque<Lookup> lookups;                       // to the room
  uint32_t ur = 0, ca = 0, cto = 0, unexpected = 0, poisoned = 0;
  uint32_t pri_failures = 0, pri_unexpected = 0;

  uint32_t tr_ready = 100, msg_ready = 100, lookup_rate = 100, completion_rate = 100;
  uint32_t epoch_busy = 0;

  void reset(uint32_t wqs) {
    top.rst_ni = 0;
    const uint32_t strap[4] = {0x0b258086, 128u << 16 | wqs, 2048 << 16 | 9, 0x0404};
    std::copy_n(strap, 4, &top.strap_i[0]);
    top.fn_rid_i = kDevice;
    top.fn_bme_i = 1;
    top.fn_ext_tag_i = 1;
    top.fn_pasid_en_i = 1;
    top.fn_pri_en_i = 1;
    top.fn_pri_alloc_i = 512;
    for (int i = 0; i < 4; ++i) AtcBench::clock();
    top.rst_ni = 1;
    top.fn_ats_en_i = 1;
    stop(kNobody);
  }

  void stop(Stop what, uint32_t operand = 0) {
    top.stop_what_i = what;
    top.stop_operand_i = operand;
  }

  void send_marker(int pasid) {
    top.marker_valid_i = 1;
    top.marker_pasid_i = pasid;
    clock();
  }

  virtual ~AtcBench() = default;

  virtual void clock() {
    // A lookup once offered stays.
    offered_ = !lookups.empty() && (offered_ || percent(lookup_rate));
    top.lk_valid_i = offered_;
    if (offered_) {
      const Lookup& l = lookups.front();
      top.lk_job_i = l.job;
      top.lk_operand_i = l.operand;
      top.lk_adi_i = l.tenant.adi;
      top.lk_priv_i = l.tenant.priv;
      top.lk_pasid_valid_i = l.tenant.pasid != kNone;
      top.lk_pasid_i = l.tenant.pasid & 0xfffff;
      top.lk_page_i = l.page;
      top.lk_write_i = l.write;
      top.lk_tc_i = l.tc;
      top.lk_block_i = l.block;
    }
    top.cpl_valid_i = !completions.empty() && percent(completion_rate);
    if (top.cpl_valid_i) drive_completion(completions.front());
    top.msg_valid_i = !top.cpl_valid_i && !messages.empty();  // one TLP a clock comes in
    if (top.msg_valid_i) drive_message(messages.front());
    top.tr_tx_ready_i = percent(tr_ready);
    top.msg_tx_ready_i = percent(msg_ready);
    top.epoch_busy_i = epoch_busy;
    settle();
    sample();
    const bool taken = offered_ && top.lk_ready_o;
    edge();
    if (taken) {
      asked_.push_back(cycle);
      lookups.pop_front();
      offered_ = false;
    }
    if (top.cpl_valid_i) completions.pop_front();
    if (top.msg_valid_i) messages.pop_front();
    top.forget_valid_i = 0;
    top.drop_valid_i = 0;
    top.pri_reset_i = 0;
    top.left_next_i = 0;
    top.marker_valid_i = 0;
  }

  void run(int clocks) {
    while (clocks-- > 0) clock();
  }

  /// Until there is something in a queue.
  template <typename Queue>
  typename Queue::value_type next(Queue& queue, int limit = 5000) {
    while (queue.empty()) {
      CHECK(--limit > 0, "nothing came");
      clock();
    }
    auto item = queue.front();
    queue.pop_front();
    return item;
  }

  Answer look_up(const Lookup& lookup) {
    lookups.push_back(lookup);
    return next(answers);
  }

  // ---- the host's side

  /// Translation Completion with one entry.
  static Tlp translation(const Request& to, uint64_t entry) {
    Tlp tlp = completion(to.tag, 0);
    tlp.hdr[0] = 0x4a000000 | tag_high(to.tag) | 2;
    tlp.hdr[1] |= 8;
    tlp.hdr[2] |= 0x38;
    tlp.data = {swap_bytes(entry >> 32), swap_bytes(static_cast<uint32_t>(entry))};
    return tlp;
  }

  /// Completion without data.
  static Tlp completion(uint32_t tag, uint32_t status) {
    Tlp tlp;
    tlp.hdr[0] = 0x0a000000 | tag_high(tag);
    tlp.hdr[1] = uint32_t{kAgent} << 16 | status << 13;
    tlp.hdr[2] = uint32_t{kDevice} << 16 | (tag & 255) << 8;
    return tlp;
  }

  /// An entry for 2^log2 pages at `page`, in the part of a leaf around it.
  static uint64_t entry(const Leaf& leaf, Page page, int log2, bool r, bool w, bool priv) {
    Page to = leaf.at(page) >> log2 << log2;
    if (log2 > 0) to |= (Page{1} << (log2 - 1)) - 1;
    return to << 12 | (log2 > 0 ? 1u << 11 : 0) | (priv ? 16 : 0) | (leaf.u ? 4 : 0) | (w ? 2 : 0) |
           (r ? 1 : 0);
  }

  /// Invalidate Request for 2^log2 pages; all of them if log2 is 52.
  static Tlp invalidate(uint32_t itag, int pasid, Page page, int log2, bool global = false) {
    Tlp tlp;
    tlp.hdr = {0x72000002, uint32_t{kAgent} << 16 | itag << 8 | 0x01, uint32_t{kDevice} << 16, 0};
    if (pasid != kNone) tlp.prefix = 0x91000000 | pasid;
    uint64_t range = page >> log2 << log2;
    if (log2 > 0) range |= (Page{1} << (log2 - 1)) - 1;
    range = range << 12 | (log2 > 0 ? 1u << 11 : 0) | global;
    tlp.data = {swap_bytes(range >> 32), swap_bytes(static_cast<uint32_t>(range))};
    return tlp;
  }

  static Tlp prg_response(uint32_t prg, uint32_t code, int pasid) {
    Tlp tlp;
    tlp.hdr = {0x32000000, uint32_t{kAgent} << 16 | 0x05,
               uint32_t{kDevice} << 16 | code << 12 | prg, 0};
    if (pasid != kNone) tlp.prefix = 0x91000000 | pasid;
    return tlp;
  }

 private:
  static uint32_t tag_high(uint32_t tag) { return (tag >> 9 & 1) << 23 | (tag >> 8 & 1) << 19; }

  /// A beat of one TLP, with noise where docs/tlp-port.md promises nothing.
  template <typename Port>
  static void drive_beat(Port& port, const Tlp& tlp) {
    for (int i = 0; i < siov::Beat::kWords; ++i) {
      port[i] = static_cast<uint32_t>(siov::bench::random_bits());
    }
    std::copy(tlp.data.begin(), tlp.data.end(), &port[0]);
    std::copy(tlp.hdr.begin(), tlp.hdr.end(), &port[siov::Beat::kHdr]);
    port[siov::Beat::kFlags] =
        ((1u << tlp.data.size()) - 1) | siov::Beat::kSop | siov::Beat::kEop;
  }

  void drive_completion(const Tlp& tlp) { drive_beat(top.cpl_i, tlp); }

  void drive_message(const Tlp& tlp) {
    std::copy(tlp.hdr.begin(), tlp.hdr.end(), &top.msg_hdr_i[0]);
    top.msg_data_i = tlp.data.empty() ? siov::bench::random_bits()
                                      : uint64_t{tlp.data[1]} << 32 | tlp.data[0];
    top.msg_prefix_i = tlp.prefix;
  }

  static int prefix_pasid(const uint32_t* beat) {
    if (!(beat[siov::Beat::kFlags] & siov::Beat::kPrefixValid)) return kNone;
    CHECK(beat[siov::Beat::kPrefix] >> 24 == 0x91, "%08x", beat[siov::Beat::kPrefix]);
    CHECK((beat[siov::Beat::kPrefix] & 0x00700000) == 0);
    return beat[siov::Beat::kPrefix] & 0xfffff;
  }

  void take_request(const uint32_t* beat) {
    const uint32_t* h = beat + siov::Beat::kHdr;
    const bool wide = h[0] >> 29 & 1;
    Request r;
    r.tag = (h[0] >> 23 & 1) << 9 | (h[0] >> 19 & 1) << 8 | (h[1] >> 8 & 255);
    CHECK((h[0] & ~0x20880000u) == 0x402, "%08x", h[0]);
    CHECK((h[1] & 0xffff00ff) == (uint32_t{kDevice} << 16 | 0xff), "%08x", h[1]);
    CHECK((beat[siov::Beat::kFlags] & ~siov::Beat::kPrefixValid) ==
          (siov::Beat::kSop | siov::Beat::kEop));
    const uint64_t address = wide ? uint64_t{h[2]} << 32 | h[3] : h[2];
    CHECK(!wide || h[2] != 0);
    CHECK((address & 0xffe) == 0);
    r.page = address >> 12;
    r.no_write = address & 1;
    r.pasid = prefix_pasid(beat);
    r.priv = r.pasid != kNone && (beat[siov::Beat::kPrefix] >> 23 & 1);
    requests.push_back(r);
  }

  void take_message(const uint32_t* beat) {
    const uint32_t* h = beat + siov::Beat::kHdr;
    CHECK((beat[siov::Beat::kFlags] & ~siov::Beat::kPrefixValid) ==
          (siov::Beat::kSop | siov::Beat::kEop));
    CHECK(h[1] >> 8 == uint32_t{kDevice} << 8, "%08x", h[1]);
    if ((h[1] & 255) == 0x04 && (h[3] & 7) == 4) {
      CHECK(h[0] == 0x30000000 && h[2] == 0 && h[3] == 4, "%08x %08x", h[2], h[3]);
      CHECK(!(beat[siov::Beat::kPrefix] >> 23 & 1));
      markers.push_back({prefix_pasid(beat), page_requests.size()});
    } else if ((h[1] & 255) == 0x04) {
      CHECK(h[0] == 0x30000000 && (h[3] & 0xe04) == 0x004, "%08x %08x", h[0], h[3]);
      CHECK((h[3] & 1) != (h[3] >> 1 & 1));
      page_requests.push_back({h[3] >> 3 & 0x1ff, prefix_pasid(beat),
                               (uint64_t{h[2]} << 32 | h[3]) >> 12, (h[3] & 2) != 0});
    } else {
      CHECK((h[1] & 255) == 0x02 && (h[0] & ~(7u << 20)) == 0x32000000, "%08x %08x", h[0], h[1]);
      CHECK((h[2] & ~7u) == uint32_t{kAgent} << 16, "%08x", h[2]);
      CHECK(prefix_pasid(beat) == kNone);
      inv_completions.push_back({h[3], h[0] >> 20 & 7, h[2] & 7 ? h[2] & 7 : 8});
    }
  }

  void sample() {
    if (top.rsp_valid_o) {
      answers.push_back({static_cast<Kind>(top.rsp_kind_o), top.rsp_page_o,
                         top.rsp_untranslated_o != 0, top.rsp_status_o, top.rsp_epoch_o,
                         asked_.front(), cycle});
      asked_.pop_front();
    }
    if (top.wake_valid_o) wakes.emplace_back(top.wake_job_o, top.wake_operand_o);
    check_offer(top.tr_tx_valid_o, top.tr_tx_ready_i, &top.tr_tx_o[0], tr_);
    check_offer(top.msg_tx_valid_o, top.msg_tx_ready_i, &top.msg_tx_o[0], msg_);
    if (top.tr_tx_valid_o && top.tr_tx_ready_i) take_request(&top.tr_tx_o[0]);
    if (top.msg_tx_valid_o && top.msg_tx_ready_i) take_message(&top.msg_tx_o[0]);
    ur += top.err_ur_o;
    ca += top.err_ca_o;
    cto += top.err_cto_o;
    unexpected += top.err_unexpected_o;
    poisoned += top.err_poisoned_o;
    pri_failures += top.pri_failure_o;
    pri_unexpected += top.pri_unexpected_o;
  }

  using Offer = std::vector<uint32_t>;

  /// A beat once offered does not change until taken.
  static void check_offer(bool valid, bool ready, const uint32_t* beat, Offer& offer) {
    CHECK(offer.empty() || valid, "beat withdrawn");
    CHECK(offer.empty() || std::equal(offer.begin(), offer.end(), beat), "beat changed");
    offer.clear();
    if (valid && !ready) offer.assign(beat, beat + siov::Beat::kWords);
  }

  bool offered_ = false;
  std::deque<uint64_t> asked_;
  Offer tr_, msg_;
};
