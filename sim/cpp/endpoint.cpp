// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// The event loop around a device with the TLP port. The build says which: SIOV_TOP is the
// Verilated class, SIOV_API the name of the exported table.

#include "endpoint.h"

#include <memory>
#include <string>

#include SIOV_TOP_HEADER
#include "console.h"
#include "tlp_streams.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

/// Unnamed, because a program may hold several tops.
class Model : public SiovModel {
 public:
  Model(const uint32_t straps[4], const char* firmware, const char* wave) {
    const Running running(*this);
    const std::string plusarg = std::string("+firmware=") + firmware;
    const char* args[] = {"siov", plusarg.c_str()};
    context_.commandArgs(2, args);
    top_ = std::make_unique<SIOV_TOP>(&context_);
    open_wave(wave);
    for (int i = 0; i < 4; ++i) top_->strap_i[i] = straps[i];
    for (int i = 0; i < 3; ++i) top_->tx_fc_i[i] = kInfinite;
    top_->rst_ni = 0;
    for (int i = 0; i < kResetCycles; ++i) step();
    top_->rst_ni = 1;
    cycle_ = 0;
  }

  ~Model() {
    const Running running(*this);
#if VM_TRACE
    if (wave_) wave_->close();
#endif
    top_->final();
  }

  const char* failure() const { return console_.failed() ? console_.text().c_str() : nullptr; }
  uint64_t cycle() const { return cycle_; }
  bool idle() const { return top_->idle_o && sender.pending() == 0; }

  uint32_t run(uint64_t max_cycles, uint32_t stop_on) {
    const Running running(*this);
    const uint64_t end = cycle_ + max_cycles;
    while (cycle_ != end && !console_.failed()) {
      uint32_t seen = step() & stop_on;
      if ((stop_on & kSiovIdle) && idle()) seen |= kSiovIdle;
      if (seen != 0 && !console_.failed()) return seen;
    }
    if (!console_.failed()) return 0;
#if VM_TRACE
    if (wave_) wave_->flush();
#endif
    return kSiovFailed;
  }

  void set_credits(const uint32_t limits[3]) {
    for (int i = 0; i < 3; ++i) top_->tx_fc_i[i] = limits[i];
  }

  void set_tx_ready(uint64_t from_cycle, uint64_t pattern) {
    tx_ready_from_ = from_cycle;
    tx_ready_ = pattern;
  }

  siov::Sender sender;
  siov::Receiver receiver;

 private:
  static constexpr int kResetCycles = 16;
  static constexpr uint32_t kInfinite = 1u << 28;
  /// Waves show 1 ns a clock; cycle 0 rises at kResetCycles + 1 ns.
  static constexpr uint64_t kPeriodPs = 1000;

  /// While it lives, Verilated code on this thread works for one model.
  struct Running {
    explicit Running(Model& model) : bind(model.console_) {
      Verilated::threadContextp(&model.context_);
    }
    siov::Console::Bind bind;
  };

  void open_wave(const char* path) {
    if (path == nullptr) return;
#if VM_TRACE
    context_.traceEverOn(true);
    wave_ = std::make_unique<VerilatedFstC>();
    top_->trace(wave_.get(), 99);
    wave_->open(path);
    if (!wave_->isOpen()) console_.fail(std::string("cannot write ") + path);
#else
    console_.fail("this build has no waves");
#endif
  }

  /// One clock: inputs settle while the clock is low, beats move as it rises. Gives what happened
  /// as SiovStop bits.
  uint32_t step() {
    const bool up = top_->rst_ni;
    const bool rx_valid = up && sender.offer(cycle_, top_->rx_np_ready_o, top_->rx_i.data());
    const bool tx_ready = up && cycle_ >= tx_ready_from_ && (tx_ready_ >> (cycle_ & 63) & 1);
    top_->rx_valid_i = rx_valid;
    top_->tx_ready_i = tx_ready;
    clock(0);
    const bool rx_fire = rx_valid && top_->rx_ready_o;
    uint32_t seen = 0;
    if (tx_ready && top_->tx_valid_o) {
      if (receiver.take(cycle_, top_->tx_o.data())) seen |= kSiovTlp;
      if (receiver.error() != nullptr) console_.fail(receiver.error());
    }
    clock(1);
    if (rx_fire && sender.taken(cycle_, top_->rx_i.data())) seen |= kSiovSent;
    ++cycle_;
    return seen;
  }

  void clock(int level) {
    top_->clk_i = level;
    context_.timeInc(kPeriodPs / 2);
    top_->eval();
#if VM_TRACE
    if (wave_) wave_->dump(context_.time());
#endif
  }

  siov::Console console_;
  VerilatedContext context_;
  std::unique_ptr<SIOV_TOP> top_;
#if VM_TRACE
  std::unique_ptr<VerilatedFstC> wave_;
#endif
  uint64_t cycle_ = 0;
  uint64_t tx_ready_from_ = 0;
  uint64_t tx_ready_ = ~uint64_t{0};  // bit (cycle mod 64)
};

Model& of(SiovModel* model) { return *static_cast<Model*>(model); }
const Model& of(const SiovModel* model) { return *static_cast<const Model*>(model); }

SiovModel* create(const uint32_t straps[4], const char* firmware, const char* wave) {
  return new Model(straps, firmware, wave);
}

uint64_t push(SiovModel* model, uint64_t ready_at, const uint32_t* dws, size_t count) {
  const uint64_t now = of(model).cycle();
  return of(model).sender.push(ready_at < now ? now : ready_at, dws, count);
}

bool next_tlp(SiovModel* model, SiovTlp* out) {
  siov::Receiver& receiver = of(model).receiver;
  const siov::Received* tlp = receiver.next();
  if (tlp == nullptr) return false;
  const auto& dws = receiver.dws(*tlp);
  *out = {tlp->sop, tlp->eop, dws.data(), dws.size()};
  return true;
}

bool next_sent(SiovModel* model, SiovSent* out) {
  siov::Ring<siov::Sent>& sent = of(model).sender.sent();
  if (sent.empty()) return false;
  *out = {sent.front().id, sent.front().sop, sent.front().eop};
  sent.pop();
  return true;
}

void digest(const SiovModel* model, SiovDigest* out) {
  const siov::Digest& digest = of(model).receiver.digest();
  *out = {digest.tlps, digest.dws, digest.hash};
}

const SiovApi kApi = {
    create,
    [](SiovModel* model) { delete &of(model); },
    [](const SiovModel* model) { return of(model).failure(); },
    [](const SiovModel* model) { return of(model).cycle(); },
    [](const SiovModel* model) { return of(model).idle(); },
    push,
    [](const SiovModel* model) { return of(model).sender.pending(); },
    [](SiovModel* model, uint64_t max, uint32_t stop_on) { return of(model).run(max, stop_on); },
    next_tlp,
    [](SiovModel* model, bool on) { of(model).sender.log(on); },
    next_sent,
    [](SiovModel* model, bool on) { of(model).receiver.keep(on); },
    digest,
    [](SiovModel* model, const uint32_t limits[3]) { of(model).set_credits(limits); },
    [](SiovModel* model, uint64_t from, uint64_t pattern) {
      of(model).set_tx_ready(from, pattern);
    },
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SiovApi* SIOV_API() { return &kApi; }
