// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// What the PCIe room does with TLPs, good and bad, as rtl/pcie/README.md says.

#include "pcie_bench.h"
#include "pcie_deferrable.h"
#include "pcie_errors.h"
#include "pcie_streams.h"
#include "read_check.h"

using siov::bench::below;
using siov::bench::percent;

namespace {

// AER's Uncorrectable Error Status bits.
constexpr uint32_t kNone = 0, kPoisonedTlp = 12, kUnexpectedCompletion = 16, kMalformed = 18,
                   kUnsupported = 20;

PcieBench& enumerated(uint32_t wqs = 8, uint32_t ims = 2048) {
  static PcieBench b;  // one a process
  b.reset(wqs, ims);
  b.enumerate();
  for (uint32_t& reg : b.regs) reg = static_cast<uint32_t>(siov::bench::random_bits());
  return b;
}

void slow_down(PcieBench& b, uint32_t level) {
  b.host.gap = b.posted.gap = b.reads.gap = 30 * level;
  b.tx_ready = level == 1 ? 40 : 100;
  b.portal_ready = level == 1 ? 50 : 100;
  b.reg_latency = 3 * level;
}

/// Answered with this status and no data; registers are left alone.
void expect_status(PcieBench& b, const Tlp& tlp, uint32_t status, uint32_t bytes = 4,
                   uint32_t low = 0) {
  b.accesses = 0;
  const auto answer = b.exchange(tlp);
  const uint32_t kind = tlp.kind() == kMRd64 + 1 ? kCpl + 1 : kCpl;
  CHECK(answer.size() == 1 && answer[0].kind() == kind && answer[0].data.empty());
  CHECK(answer[0].hdr[1] == (b.id << 16 | status << 13 | bytes), "%08x", answer[0].hdr[1]);
  CHECK((answer[0].hdr[2] & 255) == low && b.accesses == 0);
}

/// Without effect, but for a bit of AER (or `kNone`) and the header it keeps.
void expect_drop(PcieBench& b, const Tlp& tlp, uint32_t error) {
  b.config_write(0x114, 0);  // advisory errors are not masked
  b.accesses = 0;
  b.portals.clear();
  b.cpl.tlps.clear();
  CHECK(b.exchange(tlp).empty() && b.accesses == 0 && b.portals.empty() && b.cpl.tlps.empty(),
        " for %08x", tlp.hdr[0]);
  const uint32_t found = b.config_read(0x104);
  CHECK(found == (error ? 1u << error : 0), "%08x for %08x", found, tlp.hdr[0]);
  for (uint32_t i = 0; error && i < 4; ++i) {
    CHECK(b.config_read(0x11c + 4 * i) == tlp.hdr[i], "log of DW %u", i);
  }
  b.config_write(0x104, ~0u);
  CHECK(b.config_read(0x104) == 0);
}

}  // namespace

CASE(bars_have_the_sizes_of_the_straps) {
  PcieBench b;
  for (uint32_t wqs : {1, 4, 5, 9, 16, 17, 1000, 1024}) {
    b.reset(wqs);
    uint32_t bar2 = 64 << 10;
    while (bar2 < wqs * (16 << 10)) bar2 *= 2;

    for (uint32_t bar : {0x10, 0x14, 0x18, 0x1c, 0x20, 0x30}) b.config_write(bar, ~0u);

    CHECK(b.config_read(0x10) == 0xfffc000c && b.config_read(0x14) == ~0u);
    CHECK(b.config_read(0x18) == (~(bar2 - 1) | 0xc), "with %u WQs", wqs);
    CHECK(b.config_read(0x20) == 0 && b.config_read(0x30) == 0);
  }
}

CASE(config_write_changes_only_enabled_bytes) {
  PcieBench& b = enumerated();
  b.config_write(0x04, 0xffffffff, 0x1);
  CHECK(b.config_read(0x04) == 0x00100046);
  b.config_write(0x224, 0x801f0000);  // ATS: enable and smallest translation unit
  b.config_write(0x224, 0, 0x3);
  CHECK(b.config_read(0x224) == 0x801f0060);
}

CASE(completer_id_is_captured_by_the_first_config_write) {
  PcieBench b;
  b.reset(8);
  const uint32_t before = b.exchange(b.config(false, 0))[0].hdr[1] >> 16;
  b.exchange(b.config(true, 0x3c));
  CHECK(before == 0 && b.exchange(b.config(false, 0))[0].hdr[1] >> 16 == b.id);
}

CASE(reads_bring_every_byte_asked_for) {
  PcieBench& b = enumerated();
  for (uint32_t level = 0; level < 3; ++level) {
    slow_down(b, level);
    for (int i = 0; i < 300; ++i) {
      const Read r = random_read(b, percent(75) ? 40 : 1024);
      const auto answer = b.exchange(request(b, r));
      size_t next = 0;
      check_completions(r, answer, next);
      CHECK(next == answer.size());
    }
  }
}

CASE(mixed_traffic_keeps_its_order) {
  PcieBench& b = enumerated();
  for (int round = 0; round < 150; ++round) {
    slow_down(b, round % 3);
    b.tx.tlps.clear();
    b.portals.clear();
    b.cpl.tlps.clear();
    const uint64_t writes_before = b.reg_writes;
    std::vector<uint32_t> regs = b.regs;
    std::vector<Read> reads;
    std::vector<PortalWrite> portals;
    std::vector<Tlp> completions;
    uint64_t writes = 0;
    for (int i = 0; i < 24; ++i) {
      Read r = random_read(b, 128);
      const uint32_t index = (r.address - b.bar0) / 4;
      Tlp tlp;
      switch (below(4)) {
        case 0:
          tlp = b.memory(true, r.address, r.dws, r.first_be, r.last_be);
          for (uint32_t dw = 0; dw < r.dws; ++dw) {
            const uint32_t be = dw == 0 ? r.first_be : dw == r.dws - 1 ? r.last_be : 15;
            writes += be != 0;
            for (int byte = 0; byte < 4; ++byte) {
              const uint32_t mask = be >> byte & 1 ? 255u << 8 * byte : 0;
              regs[index + dw] = (regs[index + dw] & ~mask) | (tlp.data[dw] & mask);
            }
          }
          for (Read& earlier : reads) {
            const auto begin = regs.begin() + (earlier.address - b.bar0) / 4;
            earlier.later.emplace_back(begin, begin + earlier.dws);
          }
          break;
        case 1:
          r.expected.assign(regs.begin() + index, regs.begin() + index + r.dws);
          tlp = request(b, r);
          reads.push_back(r);
          break;
        case 2: {
          const uint32_t adi = below(8), page = below(4);
          tlp = b.memory(true, b.bar2 + adi * 0x4000 + page * 0x1000 + below(64) * 64, 16);
          portals.push_back({adi, page / 2 == 1, page % 2 == 1, tlp.data, writes_before + writes});
          break;
        }
        default: {
          const uint32_t dws = 1 + below(128);
          tlp = b.raw({kCplD << 24 | dws, 0x10000 | 4 * dws, b.id << 16}, dws);
          completions.push_back(tlp);
        }
      }
      b.host.push(tlp);
    }

    b.drain();

    CHECK(b.regs == regs && b.portals.size() == portals.size());
    for (size_t i = 0; i < portals.size(); ++i) {
      const PortalWrite& got = b.portals[i];
      CHECK(got.adi == portals[i].adi && got.ims == portals[i].ims &&
            got.limited == portals[i].limited && got.desc == portals[i].desc);
      CHECK(got.reg_writes >= portals[i].reg_writes, "it overtook a BAR0 write");
    }
    CHECK(b.cpl.tlps.size() == completions.size());
    for (size_t i = 0; i < completions.size(); ++i) {
      CHECK(b.cpl.tlps[i].data == completions[i].data);
    }
    size_t next = 0;
    for (const Read& r : reads) check_completions(r, b.tx.tlps, next);
    CHECK(next == b.tx.tlps.size());
  }
}

CASE(read_of_portals_brings_zeros) {
  PcieBench& b = enumerated();
  for (const Read& r : {Read{b.bar2 + 0x1004, 1023, 15, 15, 5, {}},
                        Read{b.bar0 + 0xf004, 8, 12, 1, 5, {}}}) {
    Read zeros = r;
    zeros.expected.resize(r.dws);
    size_t next = 0;
    check_completions(zeros, b.exchange(request(b, r)), next);
  }
}

CASE(access_without_byte_enables_touches_nothing) {
  PcieBench& b = enumerated();
  const auto answer = b.exchange(b.memory(false, b.bar0 + 8, 1, 0));
  b.exchange(b.memory(true, b.bar0 + 8, 1, 0));
  CHECK(answer.size() == 1 && (answer[0].hdr[1] & 0xfff) == 1 && b.accesses == 0);
}

CASE(unsupported_requests_are_answered) {
  PcieBench& b = enumerated();
  expect_status(b, b.memory(false, 0x1000, 3, 12, 3), 1, 8, 2);       // outside the BARs
  const uint32_t pasid = 0x91000005;
  Tlp tlp = b.memory(false, b.bar0, 1);
  tlp.prefix = pasid;
  expect_status(b, tlp, 1);
  tlp = b.memory(false, b.bar0, 1);
  tlp.hdr[0] |= 1 << 10;                                              // translated
  expect_status(b, tlp, 1);
  tlp = b.memory(false, b.bar0, 1);
  tlp.hdr[0] |= 1 << 24;                                              // locked
  expect_status(b, tlp, 1);
  tlp = b.config(true, 0x10);
  tlp.hdr[0] |= kPoisoned;
  expect_status(b, tlp, 1);
  tlp = b.config(false, 0);
  tlp.hdr[2] |= 3 << 16;                                              // function 3
  expect_status(b, tlp, 1);
  tlp = b.config(false, 0);
  tlp.hdr[0] |= 1 << 24;                                              // type 1
  expect_status(b, tlp, 1);
  const uint32_t host = b.kHost << 16;
  expect_status(b, b.raw({0x02u << 24 | 1, host | 15, 0x100}), 1);        // I/O read
  expect_status(b, b.raw({0x4cu << 24 | 2, host, 0x100}, 2), 1, 8);       // FetchAdd
  expect_status(b, b.raw({0x4eu << 24 | 4, host, 0x100}, 4), 1, 8);       // CAS
  b.config_write(0x94, 3);                                            // D3hot
  expect_status(b, b.memory(false, b.bar0, 1), 1);
}

CASE(posted_tlps_that_nobody_wants_are_dropped) {
  PcieBench& b = enumerated();
  expect_drop(b, b.memory(true, 0x1000, 1), kUnsupported);
  expect_drop(b, b.memory(true, b.bar2 + 4, 16), kNone);
  expect_drop(b, b.memory(true, b.bar2, 16, 14), kNone);
  expect_drop(b, b.memory(true, b.bar2, 32), kNone);
  expect_drop(b, b.memory(true, b.bar0 + 0xf000, 16), kNone);         // dummy portal
  for (uint64_t address : {b.bar0, b.bar2}) {
    Tlp tlp = b.memory(true, address, 16);
    tlp.hdr[0] |= kPoisoned;
    expect_drop(b, tlp, kPoisonedTlp);
  }
  expect_drop(b, b.raw({kCplD << 24 | 1, 4, 0x990 << 16}, 1), kUnexpectedCompletion);
  expect_drop(b, b.raw({0x34u << 24, 0x7f}), kNone);                  // vendor-defined, type 1
  expect_drop(b, b.raw({0x34u << 24, 0x7e}), kUnsupported);           // vendor-defined, type 0
}

CASE(portals_beyond_the_straps_are_ignored) {
  PcieBench& b = enumerated(5, 0);
  for (uint32_t adi = 0; adi < 8; ++adi) {
    for (uint32_t page = 0; page < 4; ++page) {
      b.host.push(b.memory(true, b.bar2 + adi * 0x4000 + page * 0x1000, 16));
    }
  }
  b.drain();
  CHECK(b.portals.size() == 5 * 2);  // without IMS there are two pages
}

CASE(malformed_tlps_are_dropped) {
  PcieBench& b = enumerated();
  const struct {
    uint64_t address;
    uint32_t length, dws;
  } payloads[] = {{b.bar0, 4, 3},  {b.bar0, 16, 17}, {b.bar0, 128, 100}, {b.bar0, 17, 900},
                  {b.bar2, 16, 12}, {b.bar0, 129, 129}};
  for (const auto& p : payloads) {
    Tlp tlp = b.memory(true, p.address, p.length);
    tlp.data = b.noise(p.dws);
    expect_drop(b, tlp, kMalformed);
  }
  Tlp tlp = b.memory(false, b.bar0, 16);
  tlp.data = b.noise(12);
  expect_drop(b, tlp, kMalformed);
  expect_drop(b, b.memory(false, b.bar0 + 0xffc, 2), kMalformed);     // across 4 KiB
  expect_drop(b, b.memory(false, b.bar0 + 4, 2, 13), kMalformed);     // byte enables
  expect_drop(b, b.memory(false, b.bar0, 3, 0), kMalformed);
  expect_drop(b, b.memory(false, b.bar0, 3, 15, 2), kMalformed);
  expect_drop(b, b.raw({0x80u << 24 | 1, 15}), kMalformed);           // Fmt
  expect_drop(b, b.raw({0x1fu << 24 | 1, 15}), kMalformed);           // Type
  tlp = b.raw({kCplD << 24 | 1, 4, b.id << 16}, 1);
  tlp.prefix = 0x91000000;
  expect_drop(b, tlp, kMalformed);
}

CASE(any_header_leaves_the_device_working) {
  PcieBench& b = enumerated();
  const uint32_t kinds[] = {kMRd32, kMRd64, kMWr32,  kMWr64, kCfgRd0, kCfgWr0,  kCpl,
                            kCplD,  kDMWr64, kMsg,   kMsgById, kMsgDById, 0x4c, 0x02};
  for (int i = 0; i < 20'000; ++i) {
    Tlp tlp = b.raw({0, 0, 0, 0}, percent(80) ? 1 + below(20) : below(300));
    for (uint32_t& dw : tlp.hdr) dw = static_cast<uint32_t>(siov::bench::random_bits());
    if (percent(90)) tlp.hdr[0] = kinds[below(std::size(kinds))] << 24;
    const uint32_t length = percent(90) ? tlp.data.size() & 1023 : 1;
    if (percent(90)) tlp.hdr[0] = (tlp.hdr[0] & ~0x3ffu) | length;
    if (!(tlp.kind() & 0x40) && percent(90)) tlp.data.clear();
    if (percent(70)) tlp.hdr[1] = (tlp.hdr[1] & ~0xffu) | (tlp.data.size() > 1 ? 0xff : 0x0f);
    if (percent(90)) {
      const uint64_t address = (percent(50) ? b.bar0 : b.bar2) + (below(0x40000) & ~3u);
      tlp.hdr[2] = tlp.kind() & 0x20 && (tlp.kind() & 0x1f) <= 0x1b ? address >> 32 : tlp.hdr[2];
      tlp.hdr[3] = static_cast<uint32_t>(address);
    }
    if ((tlp.kind() & 0x1f) == 4) tlp.hdr[2] = b.id << 16 | 0x800;  // spare config space
    if (percent(5)) tlp.prefix = static_cast<uint32_t>(siov::bench::random_bits()) | 1;
    b.host.push(tlp);
    if (percent(10)) b.run(below(40));
  }
  b.drain();
  CHECK(b.config_read(0) == 0x0b258086);
}

CASE(completions_pass_a_stalled_portal) {
  PcieBench& b = enumerated();
  b.portal_ready = 0;
  for (int i = 0; i < 8; ++i) b.host.push(b.memory(true, b.bar2 + 64 * i, 16));
  b.host.push(b.raw({kCplD << 24 | 1, 4, b.id << 16}, 1));
  b.run(20);
  CHECK(b.cpl.tlps.size() == 1);
}

CASE(transmission_fills_every_clock) {
  PcieBench& b = enumerated();
  b.tx_beats = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    b.posted.push(b.memory(true, 1ull << 40, 64));
    b.reads.push(b.memory(false, 1ull << 40, 128));
  }
  b.drain();
  CHECK(b.tx_beats == 250 && b.tx_last - b.tx_first + 1 == b.tx_beats);
}

CASE(sources_are_merged_whole_and_in_order) {
  PcieBench& b = enumerated();
  b.posted.gap = b.reads.gap = 30;
  b.tx_ready = 70;
  b.tx.tlps.clear();
  std::vector<Tlp> writes;
  for (uint32_t i = 0; i < 300; ++i) {
    writes.push_back(b.memory(true, (1ull << 40) + i * 4096, 1 + below(128)));
    b.posted.push(writes.back());
    b.reads.push(b.memory(false, (1ull << 40) + i * 4096, 4));
    if (i % 5 == 0) b.host.push(b.memory(false, b.bar0 + 0x80, 32));
  }
  b.drain();
  uint32_t reads = 0, written = 0, completions = 0;
  for (const Tlp& tlp : b.tx.tlps) {
    if (tlp.kind() == kMWr64) {
      CHECK(tlp.hdr[3] == writes[written].hdr[3] && tlp.data == writes[written].data);
      ++written;
    } else if (tlp.kind() == kMRd64) {
      CHECK(tlp.hdr[3] == reads * 4096);
      ++reads;
    } else {
      ++completions;
    }
  }
  CHECK(written == 300 && reads == 300 && completions == 60);
}

CASE(tlps_wait_for_credits_of_their_class) {
  PcieBench& b = enumerated();
  b.tx.tlps.clear();
  b.tx_ready = 80;
  uint32_t headers = 0, units = 0, requests = 0;  // granted
  uint32_t sent = 0, sent_units = 0, sent_requests = 0;
  for (int i = 0; i < 1500; ++i) {
    b.posted.push(b.memory(true, 1ull << 40, 1 + below(128)));
    b.reads.push(b.memory(false, 1ull << 40, 128));
  }
  size_t seen = 0;
  while (sent < 1500 || sent_requests < 1500) {
    if (percent(15) && headers - sent < 1000) ++headers;
    if (percent(15) && units - sent_units < 30'000) units += below(64);
    if (percent(10) && requests - sent_requests < 2000) ++requests;
    b.credits[0] = (headers & 0xfff) << 16 | (units & 0xffff);
    b.credits[1] = (requests & 0xfff) << 16;
    b.clock();
    for (; seen < b.tx.tlps.size(); ++seen) {
      const Tlp& tlp = b.tx.tlps[seen];
      if (tlp.kind() == kMWr64) {
        sent_units += (tlp.data.size() + 3) / 4;
        CHECK(++sent <= headers && sent_units <= units);
      } else {
        CHECK(++sent_requests <= requests);
      }
    }
  }
}

CASE(class_without_credits_blocks_no_other) {
  PcieBench& b = enumerated();
  b.tx.tlps.clear();
  b.stall(0);
  b.posted.push(b.memory(true, 1ull << 40, 4));
  b.reads.push(b.memory(false, 1ull << 40, 4));
  b.host.push(b.config(false, 0));
  b.run(20);
  CHECK(b.tx.tlps.size() == 2 && !b.posted.beats.empty());
}

CASE(function_level_reset_waits_for_reads_and_answers_first) {
  PcieBench& b = enumerated();
  b.top.np_pending_i = 1;
  b.tx.tlps.clear();
  b.host.push(b.config(true, 0x48, 0x3, 0x8000 | 0x2930));
  b.host.push(b.config(false, 0x48));
  b.run(60);
  CHECK(b.tx.tlps.size() == 1 && b.top.flr_o && b.top.quiesce_o && b.top.rst_fn_no);

  b.top.np_pending_i = 0;
  b.drain();

  CHECK(b.tx.tlps.size() == 2 && b.tx.tlps[1].data[0] == 0x2930);
  CHECK(b.config_read(0x04) == 0x00100000 && b.config_read(0x10) == 0xc);
}

CASE(function_level_reset_does_not_wait_forever) {
  PcieBench& b = enumerated();
  b.top.np_pending_i = 1;
  b.host.push(b.config(true, 0x48, 0x2, 0x8000));
  b.run(400);
  CHECK(!b.top.flr_o);
}

CASE(function_level_reset_cuts_no_tlp_short) {
  PcieBench& b = enumerated();
  b.top.np_pending_i = 1;
  b.host.push(b.config(true, 0x48, 0x2, 0x8000));
  b.run(60);
  const std::vector<Beat> beats = to_beats(b.memory(true, 1ull << 40, 32));
  b.posted.beats.push_back(beats[0]);
  b.run(400);
  CHECK(b.top.flr_o && b.top.rst_fn_no);
  b.posted.beats.push_back(beats[1]);
  b.run(10);
  CHECK(!b.top.flr_o);
}

CASE(function_level_reset_forgets_posted_writes) {
  PcieBench& b = enumerated();
  b.portal_ready = 0;
  b.top.np_pending_i = 1;
  b.host.push(b.config(true, 0x48, 0x2, 0x8000));
  b.host.push(b.memory(true, b.bar2, 16));
  b.host.push(b.memory(true, b.bar0, 40));
  b.run(60);
  b.top.np_pending_i = 0;
  b.portal_ready = 100;
  b.accesses = 0;
  b.drain();
  CHECK(b.portals.empty() && b.accesses == 0);
}

// ---- The TLP port's contract, broken

/// Two beats, of which the first is the better part.
static std::vector<Beat> two_beats(PcieBench& b) { return to_beats(b.memory(true, b.bar0, 32)); }

VIOLATION(tlp_without_sop) {
  PcieBench& b = enumerated();
  b.host.beats.push_back(two_beats(b)[1]);
  b.run(5);
}

VIOLATION(hole_in_dw_en) {
  PcieBench& b = enumerated();
  b.host.push(b.memory(true, b.bar0, 3));
  b.host.beats.back()[siov::Beat::kFlags] &= ~2u;
  b.run(5);
}

VIOLATION(short_beat_before_eop) {
  PcieBench& b = enumerated();
  b.host.beats.push_back(two_beats(b)[0]);
  b.host.beats.back()[siov::Beat::kFlags] &= ~0xff00u;
  b.run(5);
}

VIOLATION(beat_changes_while_offered) {
  PcieBench& b = enumerated();
  b.portal_ready = 0;
  for (int i = 0; i < 20; ++i) b.host.push(b.memory(true, b.bar2, 16));
  for (int i = 0; i < 20; ++i) {
    b.clock();
    b.host.beats.front()[siov::Beat::kHdr + 3] ^= 0x40;
  }
}

VIOLATION(posted_source_without_sop) {
  PcieBench& b = enumerated();
  b.posted.beats.push_back(two_beats(b)[1]);
  b.run(5);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
