// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

/// What Rust sees of a model: a table of plain functions (sim/src/ffi.rs mirrors it), because the
/// model with waves is a shared object that is loaded at run time.
extern "C" {

/// A model; more of it is not to be seen.
struct SiovModel {};

/// When `run` returns before its limit. Also its result, where 0 is "limit".
enum SiovStop : uint32_t {
  kSiovTlp = 1,     // a device TLP is complete
  kSiovSent = 2,    // the device has taken a whole host TLP
  kSiovIdle = 4,    // nothing is in flight or waiting
  kSiovFailed = 8,  // result only: see `failure`
};

struct SiovTlp {
  uint64_t sop;
  uint64_t eop;
  const uint32_t* dws;
  size_t count;
};

struct SiovSent {
  uint64_t id;
  uint64_t sop;
  uint64_t eop;
};

struct SiovDigest {
  uint64_t tlps;
  uint64_t dws;
  uint64_t hash;
};

struct SiovApi {
  /// A model after reset, at cycle 0. `firmware` is a $readmemh file; `wave` may be null.
  SiovModel* (*create)(const uint32_t straps[4], const char* firmware, const char* wave);
  void (*destroy)(SiovModel*);
  /// Null, or why the model stopped for good. Valid as long as the model.
  const char* (*failure)(const SiovModel*);
  uint64_t (*cycle)(const SiovModel*);
  bool (*idle)(const SiovModel*);
  uint64_t (*push)(SiovModel*, uint64_t ready_at, const uint32_t* dws, size_t count);
  size_t (*pending)(const SiovModel*);
  uint32_t (*run)(SiovModel*, uint64_t max_cycles, uint32_t stop_on);
  bool (*next_tlp)(SiovModel*, SiovTlp*);
  void (*log_sent)(SiovModel*, bool on);
  bool (*next_sent)(SiovModel*, SiovSent*);
  void (*keep_tlps)(SiovModel*, bool on);
  void (*digest)(const SiovModel*, SiovDigest*);
  void (*set_credits)(SiovModel*, const uint32_t limits[3]);
  void (*set_tx_ready)(SiovModel*, uint64_t from_cycle, uint64_t pattern);
};

}  // extern "C"
