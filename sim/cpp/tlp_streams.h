// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

/// Whole TLPs on one side, beats of docs/tlp-port.md on the other. A TLP is a run of DWs: PASID
/// prefix if there is one, header, payload. Storage grows to what is needed at once and is kept.
namespace siov {

/// A beat's words, as docs/tlp-port.md numbers them.
struct Beat {
  static constexpr int kData = 0;
  static constexpr int kHdr = 16;
  static constexpr int kPrefix = 20;
  static constexpr int kFlags = 21;
  static constexpr int kWords = 22;

  static constexpr uint32_t kDwEn = 0xffff;
  static constexpr uint32_t kSop = 1u << 16;
  static constexpr uint32_t kEop = 1u << 17;
  static constexpr uint32_t kPrefixValid = 1u << 18;
};

/// Fmt is bits 31:29 of the first DW (PCIe 2.2.1).
inline bool is_prefix(uint32_t dw) { return dw >> 29 == 4; }
inline size_t header_dws(uint32_t dw0) { return dw0 & (1u << 29) ? 4 : 3; }

/// Whether the TLP is answered by a completion (PCIe 2.2.1): all reads, I/O and config requests,
/// AtomicOps, DMWr.
inline bool is_non_posted(uint32_t dw0) {
  const bool data = dw0 & (1u << 30);
  switch (dw0 >> 24 & 0x1f) {
    case 0x00:             // MRd, MWr
    case 0x01:             // MRdLk
      return !data;
    case 0x02:             // I/O
    case 0x04: case 0x05:  // config
    case 0x0c: case 0x0d: case 0x0e:
    case 0x1b:             // DMWr
      return true;
    default:
      return false;
  }
}

/// First in, first out.
template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  T& front() { return items_[head_]; }

  void push(const T& item) {
    if (size_ == items_.size()) grow();
    items_[(head_ + size_) & (items_.size() - 1)] = item;
    ++size_;
  }

  void pop() {
    head_ = (head_ + 1) & (items_.size() - 1);
    --size_;
  }

 private:
  void grow() {
    std::vector<T> bigger(items_.empty() ? 64 : 2 * items_.size());
    for (size_t i = 0; i < size_; ++i) bigger[i] = items_[(head_ + i) & (items_.size() - 1)];
    items_.swap(bigger);
    head_ = 0;
  }

  std::vector<T> items_;
  size_t head_ = 0;
  size_t size_ = 0;
};

/// Room for TLPs, by number.
class Slots {
 public:
  uint32_t take() {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(tlps_.size()));
      tlps_.emplace_back();
    }
    const uint32_t slot = free_.back();
    free_.pop_back();
    tlps_[slot].clear();
    return slot;
  }

  void give_back(uint32_t slot) { free_.push_back(slot); }
  std::vector<uint32_t>& operator[](uint32_t slot) { return tlps_[slot]; }

 private:
  std::vector<std::vector<uint32_t>> tlps_;
  std::vector<uint32_t> free_;
};

/// A host TLP that the device has taken.
struct Sent {
  uint64_t id;
  uint64_t sop;  // cycles of its first and last beat
  uint64_t eop;
};

/// Host to device. Of the TLPs that are ready, the one with the lowest (ready_at, id) starts; only
/// a non-posted one that the device has no room for lets the others pass (PCIe 2.4.1: they may pass
/// it, it never passes them).
class Sender {
 public:
  /// Gives the TLP's id: 0, 1, 2, ...
  uint64_t push(uint64_t ready_at, const uint32_t* dws, size_t count) {
    const uint32_t slot = slots_.take();
    slots_[slot].assign(dws, dws + count);
    Queue& queue = is_non_posted(dws[is_prefix(dws[0]) ? 1 : 0]) ? non_posted_ : others_;
    queue.push({ready_at, next_id_, slot});
    return next_id_++;
  }

  /// TLPs not wholly taken.
  size_t pending() const { return others_.size() + non_posted_.size() + (active_ ? 1 : 0); }

  /// Puts the beat to offer at `cycle` into `beat`; false if there is none. A beat that was not
  /// taken stays as it is. A non-posted TLP starts only if `np_ready`.
  bool offer(uint64_t cycle, bool np_ready, uint32_t* beat) {
    if (!active_) {
      Queue* queue = others_.empty() ? nullptr : &others_;
      if (np_ready && !non_posted_.empty() &&
          (queue == nullptr || others_.top() < non_posted_.top())) {
        queue = &non_posted_;
      }
      if (queue == nullptr || queue->top().ready_at > cycle) return false;
      current_ = queue->top();
      queue->pop();
      active_ = true;
      start(beat);
    }
    return true;
  }

  /// The offered beat was taken. True if it was the TLP's last.
  bool taken(uint64_t cycle, uint32_t* beat) {
    if (beat[Beat::kFlags] & Beat::kSop) sop_ = cycle;
    if (beat[Beat::kFlags] & Beat::kEop) {
      if (log_) sent_.push({current_.id, sop_, cycle});
      slots_.give_back(current_.slot);
      active_ = false;
      return true;
    }
    beat[Beat::kFlags] = 0;
    payload(beat);
    return false;
  }

  void log(bool on) { log_ = on; }
  Ring<Sent>& sent() { return sent_; }

 private:
  struct Waiting {
    uint64_t ready_at;
    uint64_t id;
    uint32_t slot;
    bool operator<(const Waiting& other) const {  // std::priority_queue has the greatest on top
      return ready_at != other.ready_at ? ready_at > other.ready_at : id > other.id;
    }
  };
  using Queue = std::priority_queue<Waiting>;

  void start(uint32_t* beat) {
    const std::vector<uint32_t>& tlp = slots_[current_.slot];
    const bool prefix = is_prefix(tlp[0]);
    beat[Beat::kPrefix] = prefix ? tlp[0] : 0;
    beat[Beat::kFlags] = Beat::kSop | (prefix ? Beat::kPrefixValid : 0);
    at_ = prefix ? 1 : 0;
    const size_t header = header_dws(tlp[at_]);
    for (size_t i = 0; i < 4; ++i) beat[Beat::kHdr + i] = i < header ? tlp[at_ + i] : 0;
    at_ += header;
    payload(beat);
  }

  void payload(uint32_t* beat) {
    const std::vector<uint32_t>& tlp = slots_[current_.slot];
    const size_t left = tlp.size() - at_;
    const size_t here = left < 16 ? left : 16;
    for (size_t i = 0; i < here; ++i) beat[Beat::kData + i] = tlp[at_ + i];
    at_ += here;
    beat[Beat::kFlags] |= (1u << here) - 1;
    if (here == left) beat[Beat::kFlags] |= Beat::kEop;
  }

  Slots slots_;
  Queue others_;
  Queue non_posted_;
  uint64_t next_id_ = 0;
  bool active_ = false;
  Waiting current_ = {};
  size_t at_ = 0;  // next DW of the current TLP
  uint64_t sop_ = 0;
  bool log_ = false;
  Ring<Sent> sent_;
};

/// A device TLP.
struct Received {
  uint64_t sop;  // cycles of its first and last beat
  uint64_t eop;
  uint32_t slot;
};

/// What all device TLPs so far add up to, to compare two runs.
struct Digest {
  uint64_t tlps = 0;
  uint64_t dws = 0;
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a over cycles and DWs, 64 bits at a time

  void add(uint64_t value) { hash = (hash ^ value) * 0x100000001b3; }
};

/// Device to host.
class Receiver {
 public:
  /// Takes a beat; true if it ends a TLP. Null beats are the device's fault: see `error`.
  bool take(uint64_t cycle, const uint32_t* beat) {
    const uint32_t flags = beat[Beat::kFlags];
    const bool sop = flags & Beat::kSop;
    if (sop == active_) {
      error_ = sop ? "tx: a TLP starts inside another" : "tx: a TLP starts without sop";
      return false;
    }
    if (sop) start(cycle, beat);
    std::vector<uint32_t>& tlp = slots_[current_.slot];
    const int data = __builtin_popcount(flags & Beat::kDwEn);
    tlp.insert(tlp.end(), beat + Beat::kData, beat + Beat::kData + data);
    active_ = !(flags & Beat::kEop);
    if (active_) return false;
    finish(cycle);
    return true;
  }

  /// Null, or the rule of the port that the device broke.
  const char* error() const { return error_; }

  /// Next whole TLP, valid until the next call; null if there is none.
  const Received* next() {
    if (lent_) slots_.give_back(lent_tlp_.slot);
    lent_ = !ready_.empty();
    if (!lent_) return nullptr;
    lent_tlp_ = ready_.front();
    ready_.pop();
    return &lent_tlp_;
  }

  const std::vector<uint32_t>& dws(const Received& tlp) { return slots_[tlp.slot]; }

  /// Whether TLPs are kept for `next`, or only counted in `digest`.
  void keep(bool on) { keep_ = on; }
  const Digest& digest() const { return digest_; }

 private:
  void start(uint64_t cycle, const uint32_t* beat) {
    current_.sop = cycle;
    current_.slot = slots_.take();
    std::vector<uint32_t>& tlp = slots_[current_.slot];
    if (beat[Beat::kFlags] & Beat::kPrefixValid) tlp.push_back(beat[Beat::kPrefix]);
    const uint32_t* header = beat + Beat::kHdr;
    tlp.insert(tlp.end(), header, header + header_dws(header[0]));
  }

  void finish(uint64_t cycle) {
    current_.eop = cycle;
    const std::vector<uint32_t>& tlp = slots_[current_.slot];
    digest_.tlps += 1;
    digest_.dws += tlp.size();
    digest_.add(current_.sop);
    digest_.add(current_.eop);
    size_t i = 0;
    for (; i + 1 < tlp.size(); i += 2) digest_.add(uint64_t{tlp[i + 1]} << 32 | tlp[i]);
    if (i < tlp.size()) digest_.add(tlp[i]);
    if (keep_) {
      ready_.push(current_);
    } else {
      slots_.give_back(current_.slot);
    }
  }

  Slots slots_;
  Ring<Received> ready_;
  bool active_ = false;
  Received current_ = {};
  bool lent_ = false;
  Received lent_tlp_ = {};
  bool keep_ = true;
  Digest digest_;
  const char* error_ = nullptr;
};

}  // namespace siov
