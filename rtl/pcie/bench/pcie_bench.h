// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <vector>

#include "Vsiov_pcie_bench.h"
#include "bench.h"
#include "tlp_streams.h"

/// A TLP as its parts.
struct Tlp {
  uint32_t hdr[4] = {};
  uint32_t prefix = 0;  // 0: none
  std::vector<uint32_t> data;

  uint32_t kind() const { return hdr[0] >> 24; }  // Fmt and Type
};

constexpr uint32_t kMRd32 = 0x00, kMRd64 = 0x20, kMWr32 = 0x40, kMWr64 = 0x60;
constexpr uint32_t kCfgRd0 = 0x04, kCfgWr0 = 0x44, kCpl = 0x0a, kCplD = 0x4a;
constexpr uint32_t kDMWr64 = 0x7b;

constexpr uint32_t kMsg = 0x30, kMsgById = 0x32, kMsgDById = 0x72;  // Msg: to the root complex

/// Bits of the first header DW.
constexpr uint32_t kPoisoned = 1 << 14, kRelaxed = 1 << 13, kTc3 = 3 << 20;

using Beat = std::array<uint32_t, siov::Beat::kWords>;

/// The beats of a TLP, with noise where docs/tlp-port.md promises nothing.
inline std::vector<Beat> to_beats(const Tlp& tlp) {
  std::vector<Beat> beats;
  const size_t count = std::max<size_t>(1, (tlp.data.size() + 15) / 16);
  for (size_t b = 0; b < count; ++b) {
    Beat beat;
    for (uint32_t& word : beat) word = static_cast<uint32_t>(siov::bench::random_bits());
    const size_t dws = std::min<size_t>(16, tlp.data.size() - 16 * b);
    std::copy_n(tlp.data.begin() + 16 * b, dws, beat.begin());
    uint32_t flags = (1u << dws) - 1;
    if (b == 0) {
      std::copy_n(tlp.hdr, 4, beat.begin() + siov::Beat::kHdr);
      beat[siov::Beat::kPrefix] = tlp.prefix;
      flags |= siov::Beat::kSop | (tlp.prefix ? siov::Beat::kPrefixValid : 0);
    }
    if (b == count - 1) flags |= siov::Beat::kEop;
    beat[siov::Beat::kFlags] = flags;
    beats.push_back(beat);
  }
  return beats;
}

/// Puts TLPs together again.
class Collector {
 public:
  std::vector<Tlp> tlps;

  void take(const uint32_t* beat) {
    const uint32_t flags = beat[siov::Beat::kFlags];
    if (flags & siov::Beat::kSop) {
      part_ = Tlp();
      std::copy_n(beat + siov::Beat::kHdr, 4, part_.hdr);
      if (flags & siov::Beat::kPrefixValid) part_.prefix = beat[siov::Beat::kPrefix];
    }
    for (int i = 0; i < 16; ++i) {
      if (flags >> i & 1) part_.data.push_back(beat[i]);
    }
    if (flags & siov::Beat::kEop) tlps.push_back(part_);
  }

 private:
  Tlp part_;
};

/// Offers beats; one once offered stays until it is taken.
class Source {
 public:
  uint32_t gap = 0;  // percent of clocks in which nothing new is offered
  std::deque<Beat> beats;

  /// What the next beat starts.
  bool starts_non_posted() const {
    const Beat& beat = beats.front();
    if (!(beat[siov::Beat::kFlags] & siov::Beat::kSop)) return false;
    const uint32_t kind = beat[siov::Beat::kHdr] >> 24;
    const uint32_t type = kind & 0x1f;
    const bool posted = (type == 0 && (kind & 0x40)) || type >> 3 == 2;
    const bool completion = type == 0x0a || type == 0x0b;
    return kind >> 7 == 0 && !posted && !completion;
  }

  void push(const Tlp& tlp) {
    for (const Beat& beat : to_beats(tlp)) beats.push_back(beat);
  }

  template <typename Port>
  bool offer(Port& port, bool non_posted_ready = true) {
    const bool allowed = !beats.empty() && (non_posted_ready || !starts_non_posted());
    offered_ = offered_ || (allowed && !siov::bench::percent(gap));
    if (offered_) std::copy_n(beats.front().begin(), siov::Beat::kWords, &port[0]);
    return offered_;
  }

  void taken(bool ready) {
    if (offered_ && ready) {
      beats.pop_front();
      offered_ = false;
    }
  }

 private:
  bool offered_ = false;
};

struct PortalWrite {
  uint32_t adi;
  bool ims, limited;
  std::vector<uint32_t> desc;
  uint64_t reg_writes;  // performed before it
  bool deferrable = false, accepted = false;
};

/// The room, and all around it: host, registers, portals, dma/.
class PcieBench : public siov::bench::Clocked<Vsiov_pcie_bench> {
 public:
  static constexpr uint32_t kHost = 0x0700;   // requester ID of the host
  static constexpr uint32_t kInfinite = 1u << 28;

  Source host, posted, reads, messages, translations;
  Collector tx, cpl;
  std::vector<Tlp> rx_msgs;
  std::vector<PortalWrite> portals;
  std::vector<uint32_t> regs = std::vector<uint32_t>(1 << 16);
  uint64_t accesses = 0, reg_writes = 0, pri_resets = 0;
  uint64_t tx_beats = 0, tx_first = 0, tx_last = 0;

  // What is around is as quick as can be, unless a case says otherwise.
  uint32_t tx_ready = 100, portal_ready = 100, reg_latency = 1;
  uint32_t accept = 100;  // percent of deferrable portal writes
  uint32_t credits[3] = {kInfinite, kInfinite, kInfinite};

  uint32_t id = 0x0508;  // bus, device and function that config requests go to
  uint64_t bar0 = 0x23'0004'0000, bar2 = 0x24'0000'0000;

  void reset(uint32_t wqs, uint32_t ims = 2048) {
    top.rst_ni = 0;
    const uint32_t strap[4] = {0x0b258086, 128u << 16 | wqs, ims << 16 | 9, 0x0404};
    std::copy_n(strap, 4, &top.strap_i[0]);
    for (int i = 0; i < 4; ++i) clock();
    std::fill_n(sent_tlps_, 3, 0);
    std::fill_n(sent_units_, 3, 0);
    top.rst_ni = 1;
    clock();
  }

  /// BARs, Memory Space and Bus Master Enable, 512 bytes Max_Payload_Size.
  void enumerate() {
    config_write(0x10, bar0);
    config_write(0x14, bar0 >> 32);
    config_write(0x18, bar2);
    config_write(0x1c, bar2 >> 32);
    config_write(0x04, 0x6, 0x3);
    config_write(0x48, 0x2950, 0x3);
  }

  /// No more credits for a class, for what has not left yet: 0 posted, 1 non-posted, 2 completions.
  void stall(uint32_t kind) {
    drain();
    credits[kind] = (sent_tlps_[kind] & 0xfff) << 16 | (sent_units_[kind] & 0xffff);
  }

  void release(uint32_t kind) { credits[kind] = kInfinite; }

  void clock() {
    top.rx_valid_i = host.offer(top.rx_i, top.rx_np_ready_o);
    top.p_tx_valid_i = posted.offer(top.p_tx_i);
    top.np_tx_valid_i = reads.offer(top.np_tx_i);
    top.msg_tx_valid_i = messages.offer(top.msg_tx_i);
    top.tr_tx_valid_i = translations.offer(top.tr_tx_i);
    top.tx_ready_i = siov::bench::percent(tx_ready);
    top.portal_ready_i = siov::bench::percent(portal_ready);
    top.portal_accepted_i = portal_answer_;
    std::copy_n(credits, 3, &top.tx_fc_i[0]);
    top.reg_rsp_valid_i = 0;
    settle();
    answer_register();
    sample();
    const bool rx = top.rx_ready_o, p = top.p_tx_ready_o, np = top.np_tx_ready_o;
    const bool msg = top.msg_tx_ready_o, tr = top.tr_tx_ready_o;
    edge();
    host.taken(rx);
    posted.taken(p);
    reads.taken(np);
    messages.taken(msg);
    translations.taken(tr);
  }

  void run(int clocks) {
    for (int i = 0; i < clocks; ++i) clock();
  }

  /// Until nothing is left to send, and nothing in the room.
  void drain() {
    int limit = 200'000;
    do {
      clock();
      CHECK(--limit > 0, "not idle");
    } while (!host.beats.empty() || !posted.beats.empty() || !reads.beats.empty() ||
             !messages.beats.empty() || !translations.beats.empty() || top.busy_o);
    clock();
  }

  /// Sends one TLP; gives what the device sent until it was idle.
  std::vector<Tlp> exchange(const Tlp& tlp) {
    tx.tlps.clear();
    host.push(tlp);
    drain();
    return tx.tlps;
  }

  // ---- TLPs of the host

  Tlp memory(bool write, uint64_t address, uint32_t dws, uint32_t first_be = 15,
             uint32_t last_be = 15, uint32_t tag = 0) {
    Tlp tlp;
    const bool wide = address >> 32;
    tlp.hdr[0] = (write ? kMWr32 : kMRd32) << 24 | (wide ? 1u << 29 : 0) | (dws & 1023) |
                 (tag >> 8 & 1) << 19 | (tag >> 9 & 1) << 23;
    if (dws == 1 && last_be == 15) last_be = 0;
    tlp.hdr[1] = kHost << 16 | (tag & 255) << 8 | last_be << 4 | first_be;
    tlp.hdr[wide ? 3 : 2] = static_cast<uint32_t>(address);
    if (wide) tlp.hdr[2] = address >> 32;
    if (write) tlp.data = noise(dws);
    return tlp;
  }

  Tlp config(bool write, uint32_t offset, uint32_t be = 15, uint32_t value = 0) {
    Tlp tlp;
    tlp.hdr[0] = (write ? kCfgWr0 : kCfgRd0) << 24 | 1;
    tlp.hdr[1] = kHost << 16 | 0x33 << 8 | be;
    tlp.hdr[2] = id << 16 | offset;
    if (write) tlp.data = {value};
    return tlp;
  }

  static Tlp raw(std::initializer_list<uint32_t> hdr, uint32_t dws = 0) {
    Tlp tlp;
    std::copy(hdr.begin(), hdr.end(), tlp.hdr);
    tlp.data = noise(dws);
    return tlp;
  }

  static std::vector<uint32_t> noise(size_t dws) {
    std::vector<uint32_t> data(dws);
    for (uint32_t& dw : data) dw = static_cast<uint32_t>(siov::bench::random_bits());
    return data;
  }

  uint32_t config_read(uint32_t offset) {
    const auto answer = exchange(config(false, offset));
    CHECK(answer.size() == 1 && answer[0].hdr[0] == (kCplD << 24 | 1), "at %xh", offset);
    CHECK(answer[0].hdr[2] == (kHost << 16 | 0x33 << 8));
    return answer[0].data[0];
  }

  void config_write(uint32_t offset, uint64_t value, uint32_t be = 15) {
    const auto answer = exchange(config(true, offset, be, static_cast<uint32_t>(value)));
    CHECK(answer.size() == 1 && answer[0].hdr[0] == kCpl << 24, "at %xh", offset);
    CHECK(answer[0].hdr[1] == (id << 16 | 4), "%08x", answer[0].hdr[1]);
  }

 private:
  void answer_register() {
    if (!top.reg_valid_o) return;
    if (!reg_busy_) {
      reg_busy_ = true;
      reg_wait_ = siov::bench::below(reg_latency + 1);
    }
    if (reg_wait_-- != 0) return;
    reg_busy_ = false;
    CHECK(!top.reg_fw_o);
    ++accesses;
    uint32_t& value = regs[top.reg_addr_o];
    if (top.reg_write_o) {
      ++reg_writes;
      uint32_t mask = 0;
      for (int i = 0; i < 4; ++i) mask |= (top.reg_be_o >> i & 1 ? 255u : 0) << 8 * i;
      value = (value & ~mask) | (top.reg_wdata_o & mask);
    }
    top.reg_rsp_valid_i = 1;
    top.reg_rdata_i = value;
    settle();
  }

  void sample() {
    if (top.tx_valid_o && top.tx_ready_i) {
      tx.take(&top.tx_o[0]);
      if (top.tx_o[siov::Beat::kFlags] & siov::Beat::kEop) count_sent(tx.tlps.back());
      if (tx_beats++ == 0) tx_first = siov::bench::cycle;
      tx_last = siov::bench::cycle;
    }
    pri_resets += top.pri_reset_o;
    if (top.cpl_valid_o) cpl.take(&top.cpl_o[0]);
    if (top.rx_msg_valid_o) {
      Tlp tlp;
      std::copy_n(&top.rx_msg_hdr_o[0], 4, tlp.hdr);
      CHECK(top.rx_msg_code_o == (tlp.hdr[1] & 255));
      if (top.rx_msg_prefix_valid_o) tlp.prefix = top.rx_msg_prefix_o;
      tlp.data = {static_cast<uint32_t>(top.rx_msg_data_o),
                  static_cast<uint32_t>(top.rx_msg_data_o >> 32)};
      rx_msgs.push_back(tlp);
    }
    portal_answer_ = siov::bench::percent(50);  // to nobody, unless there is a DMWr
    if (top.portal_valid_o && top.portal_ready_i) {
      if (top.portal_deferrable_o) portal_answer_ = siov::bench::percent(accept);
      portals.push_back({top.portal_adi_o, top.portal_ims_o != 0, top.portal_limited_o != 0,
                         {&top.portal_desc_o[0], &top.portal_desc_o[0] + 16}, reg_writes,
                         top.portal_deferrable_o != 0, portal_answer_});
    }
  }

  void count_sent(const Tlp& tlp) {
    const uint32_t type = tlp.kind() & 0x1f;
    const bool completion = type == 0x0a || type == 0x0b;
    const uint32_t kind = completion ? 2 : tlp.kind() >> 6 || type >> 3 == 2 ? 0 : 1;
    ++sent_tlps_[kind];
    sent_units_[kind] += (tlp.data.size() + 3) / 4;
  }

  uint32_t sent_tlps_[3] = {}, sent_units_[3] = {};
  bool reg_busy_ = false;
  uint32_t reg_wait_ = 0;
  bool portal_answer_ = false;
};
