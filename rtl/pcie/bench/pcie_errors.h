// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Errors: what is recorded, what is logged, which messages leave (PCIe 6.2). Cases of
// siov_pcie_bench.cpp.

#include "pcie_bench.h"

namespace errors {

using siov::bench::below;
using siov::bench::percent;

// AER's Uncorrectable Error Status bits.
constexpr uint32_t kPoisonedTlp = 12, kTimeout = 14, kCompleterAbort = 15,
                   kUnexpectedCompletion = 16, kMalformed = 18, kUnsupported = 20;
constexpr uint32_t kErrCor = 0x30, kErrNonfatal = 0x31, kErrFatal = 0x33;

/// Bits of `dma_err_i` and `atc_err_i`.
constexpr uint32_t kUr = 1 << 4, kCa = 1 << 3, kCto = 1 << 2, kUnexpected = 1 << 1, kPoison = 1;

/// One error, as the specification tells them apart.
struct Error {
  uint32_t bit = 0;       // of AER; 0: a completion status only
  bool advisory = false;  // if it is not fatal
  uint32_t status = 0;    // bits of Status that it sets
  Tlp tlp;                // logged
};

/// Error registers of a function, as PCIe 6.2.5 says they behave.
struct Model {
  uint32_t mask = 0x00400000, severity = 0x00440000;
  bool advisory_mask = true, parity = false, serr = false;
  bool cor_en = false, nonfatal_en = false, fatal_en = false, ur_en = false;

  uint32_t status = 0, device = 0, uncorrectable = 0, correctable = 0, first = 0;
  Tlp log;
  std::vector<uint32_t> messages, sent;  // to be sent; sent, and seen before `check`

  static void keep_message(PcieBench& b, const Tlp& tlp, std::vector<uint32_t>& codes) {
    if (tlp.kind() != kMsg) return;
    CHECK(tlp.hdr[0] == kMsg << 24 && tlp.hdr[1] >> 8 == b.id << 8 && !tlp.hdr[2] && !tlp.hdr[3]);
    codes.push_back(tlp.hdr[1] & 255);
  }

  void record(const Error& e) {
    status |= e.status & (parity ? ~0u : ~(1u << 8));
    if (e.bit == 0) return;
    const bool fatal = severity >> e.bit & 1, minor = e.advisory && !fatal;
    const bool masked = mask >> e.bit & 1, unsupported = e.bit == kUnsupported;
    device |= minor ? 1 : fatal ? 4 : 2;
    if (unsupported) device |= 8;
    if (minor) correctable |= 1 << 13;
    if (minor && advisory_mask) return;
    if (!masked && !(first && uncorrectable >> first & 1)) {
      first = e.bit;
      log = e.tlp;
    }
    uncorrectable |= 1u << e.bit;
    const bool quiet = unsupported && !ur_en;
    if (minor) {
      if (cor_en && !quiet) messages.push_back(kErrCor);
    } else if (!masked && (serr || ((fatal ? fatal_en : nonfatal_en) && !quiet))) {
      messages.push_back(fatal ? kErrFatal : kErrNonfatal);
      if (serr) status |= 1 << 14;
    }
  }

  /// Writes the controls into the device.
  void control(PcieBench& b) const {
    b.config_write(0x108, mask);
    b.config_write(0x10c, severity);
    b.config_write(0x114, advisory_mask ? 1 << 13 : 0);
    b.config_write(0x04, 0x6 | (parity ? 1 << 6 : 0) | (serr ? 1 << 8 : 0), 0x3);
    b.config_write(0x48, 0x2950 | cor_en | nonfatal_en << 1 | fatal_en << 2 | ur_en << 3, 0x3);
  }

  void randomize() {
    mask = severity = 0;
    for (uint32_t bit : {kPoisonedTlp, kTimeout, kCompleterAbort, kUnexpectedCompletion, kMalformed,
                         kUnsupported}) {
      if (percent(25)) mask |= 1u << bit;
      if (percent(25)) severity |= 1u << bit;
    }
    for (bool* control :
         {&advisory_mask, &parity, &serr, &cor_en, &nonfatal_en, &fatal_en, &ur_en}) {
      *control = percent(50);
    }
  }

  /// The device's registers and the messages it sent are the model's.
  void check(PcieBench& b) {
    std::vector<uint32_t> codes = sent;
    for (const Tlp& tlp : b.tx.tlps) keep_message(b, tlp, codes);
    sent.clear();
    std::sort(codes.begin(), codes.end());
    std::sort(messages.begin(), messages.end());
    CHECK(codes == messages, "%zu messages, not %zu", codes.size(), messages.size());
    messages.clear();
    const bool logged = first && uncorrectable >> first & 1;
    CHECK(b.config_read(0x104) == uncorrectable, "not %08x", uncorrectable);
    CHECK(b.config_read(0x110) == correctable, "not %08x", correctable);
    CHECK(b.config_read(0x118) == (logged ? first | (log.prefix ? 1 << 11 : 0) : 0));
    for (uint32_t i = 0; logged && i < 4; ++i) CHECK(b.config_read(0x11c + 4 * i) == log.hdr[i]);
    if (logged) CHECK(b.config_read(0x138) == log.prefix);
    CHECK(b.config_read(0x04) >> 16 == (status | 0x10), "Status is not %04x", status);
    CHECK((b.config_read(0x48) >> 16 & 15) == device, "Device Status is not %x", device);
  }

  void clear(PcieBench& b, uint32_t bits) {
    for (const Tlp& tlp : b.tx.tlps) keep_message(b, tlp, sent);
    b.config_write(0x104, bits);
    uncorrectable &= ~bits;
    b.tx.tlps.clear();
  }

  void clear_all(PcieBench& b) {
    clear(b, ~0u);
    b.config_write(0x110, ~0u);
    b.config_write(0x04, 0xffff0000, 0xc);
    b.config_write(0x48, 0xffff0000, 0xc);
    status = device = correctable = 0;
  }
};

inline PcieBench& enumerated() {
  static PcieBench b;
  b.reset(8);
  b.enumerate();
  return b;
}

// ---- Each row of the specification's list that an endpoint can meet, as a TLP

inline Error unsupported_write(PcieBench& b) {
  return {kUnsupported, false, 0, b.memory(true, 0x1000, 1)};
}

inline Error unsupported_read(PcieBench& b) {
  Error e{kUnsupported, true, 0, b.memory(false, b.bar0, 1)};
  e.tlp.prefix = 0x91000005;  // requests with PASID are not for us
  return e;
}

inline Error aborted_write(PcieBench& b) {
  return {kCompleterAbort, false, 1 << 11, b.memory(true, b.bar0, 1, 0x6)};
}

inline Error aborted_read(PcieBench& b) {
  return {kCompleterAbort, true, 1 << 11, b.memory(false, b.bar0 + 4, 1, 0x7)};
}

inline Error malformed(PcieBench& b) {
  Error e{kMalformed, false, 0, b.memory(true, b.bar0, 4)};
  e.tlp.data.pop_back();
  return e;
}

inline Error malformed_prefix(PcieBench& b) {
  Error e{kMalformed, false, 0, b.memory(true, b.bar0, 4)};
  e.tlp.prefix = 0x9e000000;
  return e;
}

inline Error poisoned_write(PcieBench& b) {
  Error e{kPoisonedTlp, false, 1 << 15, b.memory(true, b.bar0, 4)};
  e.tlp.hdr[0] |= kPoisoned;
  return e;
}

inline Error poisoned_config_write(PcieBench& b) {
  Error e{kPoisonedTlp, false, 1 << 15, b.config(true, 0x10)};
  e.tlp.hdr[0] |= kPoisoned;
  return e;
}

inline Error poisoned_unsupported_write(PcieBench& b) {
  Error e = unsupported_write(b);
  e.tlp.hdr[0] |= kPoisoned;
  return e;
}

/// No request has this tag.
inline Error unexpected_completion(PcieBench& b) {
  return {kUnexpectedCompletion, true, 0, b.raw({kCplD << 24 | 1, 4, b.id << 16 | 0xe0 << 8}, 1)};
}

using Make = Error (*)(PcieBench&);
constexpr Make kTlps[] = {unsupported_write, unsupported_read,      aborted_write,
                          aborted_read,      malformed,             malformed_prefix,
                          poisoned_write,    poisoned_config_write, poisoned_unsupported_write,
                          unexpected_completion};

/// What dma/ or atc/ reports in one clock.
inline std::vector<Error> reported(uint32_t bits, const Tlp& completion) {
  std::vector<Error> all;
  if (bits & kUr) all.push_back({0, false, 1 << 13, {}});
  if (bits & kCa) all.push_back({0, false, 1 << 12, {}});
  if (bits & kUnexpected) all.push_back({kUnexpectedCompletion, true, 0, completion});
  if (bits & kPoison) all.push_back({kPoisonedTlp, true, 1 << 15 | 1 << 8, completion});
  return all;
}

inline Tlp some_completion(PcieBench& b) {
  return b.raw({kCplD << 24 | 1, below(1 << 30), b.id << 16 | below(64) << 8});
}

/// One clock with these reports.
inline void report(PcieBench& b, uint32_t dma, uint32_t atc, const Tlp& completion) {
  b.top.dma_err_i = dma;
  b.top.atc_err_i = atc;
  std::copy_n(completion.hdr, 4, &b.top.err_hdr_i[0]);
  b.clock();
  b.top.dma_err_i = b.top.atc_err_i = 0;
}

CASE(each_error_is_recorded_logged_and_reported) {
  PcieBench& b = enumerated();
  for (Make make : kTlps) {
    Model m;
    m.advisory_mask = false;
    m.cor_en = m.nonfatal_en = m.fatal_en = m.ur_en = true;
    m.control(b);
    const Error e = make(b);
    m.record(e);
    b.exchange(e.tlp);
    m.check(b);
    m.clear_all(b);
    m.check(b);
  }
}

CASE(advisory_errors_are_masked_after_reset) {
  PcieBench& b = enumerated();
  b.config_write(0x48, 0x295f, 0x3);  // all messages enabled
  const auto answer = b.exchange(b.memory(false, 0x1000, 1));
  CHECK(answer.size() == 1 && answer[0].kind() == kCpl);
  CHECK(b.config_read(0x110) == 1 << 13 && b.config_read(0x104) == 0);
}

CASE(completer_abort_is_answered) {
  PcieBench& b = enumerated();
  for (uint32_t be : {0x5, 0x6, 0x7, 0x9, 0xa, 0xb, 0xd, 0xe}) {
    b.accesses = 0;
    const auto answer = b.exchange(b.memory(false, b.bar0 + 8, 1, be));
    CHECK(answer.size() == 1 && answer[0].kind() == kCpl && b.accesses == 0);
    CHECK((answer[0].hdr[1] >> 13 & 7) == 4);
  }
}

CASE(errors_are_recorded_and_reported_as_enabled) {
  PcieBench& b = enumerated();
  for (int round = 0; round < 400; ++round) {
    Model m;
    m.randomize();
    m.control(b);
    b.tx.tlps.clear();
    for (int i = below(6); i >= 0; --i) {
      // A TLP's error counts in the clock after the TLP was taken.
      const uint32_t tlp_clock = 1, first = below(3), second = below(3);
      const Error e = kTlps[below(std::size(kTlps))](b);
      const bool with_tlp = percent(60);
      if (with_tlp) b.host.push(e.tlp);
      for (uint32_t clock = 0; clock < 3; ++clock) {
        const Tlp completion = some_completion(b);
        uint32_t bits[2] = {0, 0};
        if (clock == first) bits[0] = 1u << below(5) | (percent(20) ? kCto : 0);
        if (clock == second) bits[1] = 1u << below(5) | (percent(20) ? kCto : 0);
        for (uint32_t found : bits) {
          for (const Error& r : reported(found, completion)) m.record(r);
        }
        for (uint32_t found : bits) {
          if (found & kCto) m.record({kTimeout, false, 0, {}});
        }
        if (with_tlp && clock == tlp_clock) m.record(e);
        report(b, bits[0], bits[1], completion);
      }
      if (percent(30)) {
        b.drain();
        m.clear(b, percent(50) ? 1u << m.first : ~0u);
      }
    }
    b.drain();
    m.check(b);
    m.clear_all(b);
  }
}

CASE(error_in_the_clock_that_clears_its_bit_wins) {
  PcieBench& b = enumerated();
  const Tlp old = some_completion(b), fresh = some_completion(b);
  b.config_write(0x114, 0);
  report(b, kUnexpected, 0, old);
  b.host.push(b.config(true, 0x104, 15, 1u << kUnexpectedCompletion));
  for (int i = 0; i < 8; ++i) report(b, kUnexpected, 0, fresh);  // one of them meets the write
  b.drain();
  CHECK(b.config_read(0x104) == 1u << kUnexpectedCompletion);
  CHECK(b.config_read(0x118) == kUnexpectedCompletion && b.config_read(0x120) == fresh.hdr[1]);
}

CASE(messages_wait_for_credits_and_none_is_lost) {
  PcieBench& b = enumerated();
  b.config_write(0x48, 0x295f, 0x3);
  b.stall(0);
  b.tx.tlps.clear();
  for (int i = 0; i < 40; ++i) b.host.push(b.memory(true, 0x1000, 1));  // non-fatal
  for (int i = 0; i < 7; ++i) b.host.push(malformed(b).tlp);
  b.run(100);
  CHECK(b.tx.tlps.empty());
  b.release(0);
  b.drain();
  const auto sent = [&](uint32_t code) {
    return std::count_if(b.tx.tlps.begin(), b.tx.tlps.end(),
                         [&](const Tlp& tlp) { return (tlp.hdr[1] & 255) == code; });
  };
  CHECK(b.tx.tlps.size() == 47 && sent(kErrNonfatal) == 40 && sent(kErrFatal) == 7);
  CHECK((b.tx.tlps[0].hdr[1] & 255) == kErrFatal);
}

CASE(timeout_in_d3hot_is_reported_in_d0) {
  PcieBench& b = enumerated();
  b.config_write(0x48, 0x295f, 0x3);
  b.config_write(0x94, 3);
  b.tx.tlps.clear();
  report(b, kCto, 0, {});
  b.run(20);
  CHECK(b.tx.tlps.empty());
  b.exchange(b.memory(true, b.bar0, 1));  // a TLP's error is reported at once
  CHECK(b.tx.tlps.size() == 1);
  b.tx.tlps.clear();
  b.host.push(b.config(true, 0x94));
  b.drain();
  CHECK(b.tx.tlps.size() == 2 && b.tx.tlps[1].kind() == kMsg);
}

CASE(aer_is_kept_through_function_level_reset) {
  PcieBench& b = enumerated();
  b.config_write(0x10c, 1u << kUnsupported);
  b.config_write(0x108, 1u << kTimeout);
  b.config_write(0x114, 0);
  const Error e = unsupported_read(b);
  b.exchange(e.tlp);
  b.exchange(b.config(true, 0x48, 0x2, 0x8000));
  CHECK(b.config_read(0x104) == 1u << kUnsupported && b.config_read(0x10c) == 1u << kUnsupported);
  CHECK(b.config_read(0x108) == 1u << kTimeout && b.config_read(0x114) == 0);
  CHECK(b.config_read(0x118) == (kUnsupported | 1 << 11) && b.config_read(0x138) == 0x91000005);
  CHECK(b.config_read(0x11c) == e.tlp.hdr[0]);
  CHECK(b.config_read(0x04) == 0x00100000 && (b.config_read(0x48) >> 16) == 0);
}

CASE(completion_statuses_of_requests_are_seen_in_status) {
  PcieBench& b = enumerated();
  report(b, kUr, 0, {});
  report(b, 0, kCa, {});
  CHECK(b.config_read(0x04) >> 16 == (0x10 | 1 << 12 | 1 << 13));
  CHECK(b.config_read(0x104) == 0 && b.config_read(0x48) >> 16 == 0);
}

}  // namespace errors
