// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#include "siov_commands.h"

#include <stdbool.h>

#include "gen/siov_ctl_regs.h"
#include "gen/siov_regs.h"
#include "siov_hal.h"

#define FIELD(value, name) (((value) & name##_MASK) >> name##_SHIFT)
#define PUT(value, name) ((uint32_t)(value) << name##_SHIFT)

enum { DISABLED = 0, ENABLED = 1, IN_PROGRESS = 2, HALT = 3 };

// Of the WQs of an enabled device; set by Enable Device. Configuration it comes from is locked
// until the device is Disabled again.
static SIOV_NOINIT struct {
  uint16_t base; // first entry in the descriptor RAM
  uint8_t group;
} wqs[SIOV_WQCFG_COUNT];

// ----------------------------------------------------------------------------------------------
// Access to the device

static uint32_t reg(uint32_t offset) { return hal_read(SIOV_BAR0 + offset); }
static void set_reg(uint32_t offset, uint32_t value) { hal_write(SIOV_BAR0 + offset, value); }
static uint32_t ctl(uint32_t offset) { return hal_read(SIOV_CTL + offset); }
static void set_ctl(uint32_t offset, uint32_t value) { hal_write(SIOV_CTL + offset, value); }

static uint32_t wqcfg(uint32_t wq, uint32_t offset) {
  return reg(SIOV_WQCFG_OFFSET + wq * SIOV_WQCFG_STRIDE + offset);
}

static void set_wqcfg(uint32_t wq, uint32_t offset, uint32_t value) {
  set_reg(SIOV_WQCFG_OFFSET + wq * SIOV_WQCFG_STRIDE + offset, value);
}

static uint32_t grpcfg(uint32_t group, uint32_t offset) {
  return reg(SIOV_GRPCFG_OFFSET + group * SIOV_GRPCFG_STRIDE + offset);
}

static uint32_t num_wqs(void) {
  return FIELD(ctl(SIOV_CTL_STRAP_QUEUES_OFFSET), SIOV_CTL_STRAP_QUEUES_WQS);
}

static uint32_t device_state(void) { return FIELD(reg(SIOV_GENSTS_OFFSET), SIOV_GENSTS_STATE); }

static void set_device_state(uint32_t state) {
  set_reg(SIOV_GENSTS_OFFSET, PUT(state, SIOV_GENSTS_STATE));
}

static uint32_t wq_state(uint32_t wq) {
  return FIELD(wqcfg(wq, SIOV_WQCFG_STATUS_OFFSET), SIOV_WQCFG_STATUS_STATE);
}

static void set_wq_state(uint32_t wq, uint32_t state) {
  set_wqcfg(wq, SIOV_WQCFG_STATUS_OFFSET, PUT(state, SIOV_WQCFG_STATUS_STATE));
}

static bool halted(void) { return ctl(SIOV_CTL_EVENTS_OFFSET) & SIOV_CTL_EVENTS_HALT_MASK; }

// ----------------------------------------------------------------------------------------------
// Queues

typedef enum {
  ROW_CLOSED,   // takes nothing; dispatches what it has
  ROW_OPEN,     // takes and dispatches
  ROW_ABORTING, // takes, and throws away what it has
  ROW_DISCARD,  // takes nothing, throws away what it has
} row_mode_t;

#define ANY_PASID ~0u

// Gives the queue its row, made from WQCFG and GRPCFG. What it throws away may be of one PASID only.
static void set_row(uint32_t wq, row_mode_t row_mode, uint32_t pasid) {
  bool enabled = row_mode == ROW_OPEN || row_mode == ROW_ABORTING;
  bool discard = row_mode == ROW_ABORTING || row_mode == ROW_DISCARD;
  uint32_t mode = wqcfg(wq, SIOV_WQCFG_MODE_OFFSET);
  uint32_t limits = wqcfg(wq, SIOV_WQCFG_LIMITS_OFFSET);
  uint32_t flags = grpcfg(wqs[wq].group, SIOV_GRPCFG_FLAGS_OFFSET);

  set_ctl(SIOV_CTL_ROW_FLAGS_OFFSET,
          PUT(enabled, SIOV_CTL_ROW_FLAGS_ENABLED) |
              PUT(discard && pasid == ANY_PASID, SIOV_CTL_ROW_FLAGS_DISCARD) |
              PUT(discard && pasid != ANY_PASID, SIOV_CTL_ROW_FLAGS_DISCARD_PASID) |
              PUT(FIELD(mode, SIOV_WQCFG_MODE_DEDICATED), SIOV_CTL_ROW_FLAGS_DEDICATED) |
              PUT(FIELD(mode, SIOV_WQCFG_MODE_BLOCK_ON_FAULT), SIOV_CTL_ROW_FLAGS_BOF_EN) |
              PUT(FIELD(mode, SIOV_WQCFG_MODE_PASID_EN), SIOV_CTL_ROW_FLAGS_PASID_VALID) |
              PUT(FIELD(mode, SIOV_WQCFG_MODE_PRIV), SIOV_CTL_ROW_FLAGS_PRIV) |
              PUT(FIELD(flags, SIOV_GRPCFG_FLAGS_TC_A), SIOV_CTL_ROW_FLAGS_TC_A) |
              PUT(FIELD(flags, SIOV_GRPCFG_FLAGS_TC_B), SIOV_CTL_ROW_FLAGS_TC_B) |
              PUT(FIELD(limits, SIOV_WQCFG_LIMITS_MAX_XFER), SIOV_CTL_ROW_FLAGS_MAX_XFER) |
              PUT(FIELD(mode, SIOV_WQCFG_MODE_PRIO), SIOV_CTL_ROW_FLAGS_PRIO) |
              PUT(wqs[wq].group, SIOV_CTL_ROW_FLAGS_GROUP));
  set_ctl(SIOV_CTL_ROW_PASID_OFFSET,
          pasid == ANY_PASID ? FIELD(mode, SIOV_WQCFG_MODE_PASID) : pasid);
  for (uint32_t i = 0; i < SIOV_CTL_ROW_OPCFG_COUNT; i++) {
    set_ctl(SIOV_CTL_ROW_OPCFG_OFFSET + i * SIOV_CTL_ROW_OPCFG_STRIDE,
            wqcfg(wq, SIOV_WQCFG_OPCFG_OFFSET + i * SIOV_WQCFG_OPCFG_STRIDE));
  }
  set_ctl(SIOV_CTL_ROW_ENTRIES_OFFSET,
          PUT(wqs[wq].base, SIOV_CTL_ROW_ENTRIES_BASE) |
              PUT(wqcfg(wq, SIOV_WQCFG_SIZE_OFFSET), SIOV_CTL_ROW_ENTRIES_SIZE));
  set_ctl(SIOV_CTL_ROW_COMMIT_OFFSET, wq);
}

static uint32_t wq_status(uint32_t wq) {
  set_ctl(SIOV_CTL_WQ_SELECT_OFFSET, wq);
  return ctl(SIOV_CTL_WQ_STATUS_OFFSET);
}

// What the queue has accepted until now is older than what it accepts from now on.
static void mark_wq(uint32_t wq) {
  set_ctl(SIOV_CTL_WQ_SELECT_OFFSET, PUT(1u, SIOV_CTL_WQ_SELECT_MARK) | wq);
}

// Work queues a command is about: bit n of `bits` is WQ first + n, and so on for every 32 up to
// `end`; of these the ones that use `pasid`, or may.
typedef struct {
  uint32_t first;
  uint32_t end;
  uint32_t bits;
  uint32_t pasid;
} wq_set_t;

static wq_set_t all_wqs(void) { return (wq_set_t){0, num_wqs(), ~0u, ANY_PASID}; }

// Anybody's descriptors may be in a shared queue.
static bool may_use(uint32_t wq, uint32_t pasid) {
  uint32_t mode = wqcfg(wq, SIOV_WQCFG_MODE_OFFSET);
  if (!FIELD(mode, SIOV_WQCFG_MODE_DEDICATED)) return true;
  return FIELD(mode, SIOV_WQCFG_MODE_PASID_EN) && FIELD(mode, SIOV_WQCFG_MODE_PASID) == pasid;
}

static bool is_named(wq_set_t set, uint32_t wq) { return set.bits >> (wq - set.first) % 32 & 1; }

static bool is_concerned(wq_set_t set, uint32_t wq) {
  return set.pasid == ANY_PASID || may_use(wq, set.pasid);
}

// The next member from `wq` on whose state is `state`, or, if `is` is false, another; else `end`.
// Registers take their time: the state is read of queues that are named, the mode of the active.
static uint32_t next(wq_set_t set, uint32_t wq, bool is, uint32_t state) {
  while (wq < set.end &&
         !(is_named(set, wq) && (wq_state(wq) == state) == is && is_concerned(set, wq))) {
    wq++;
  }
  return wq;
}

#define FOR_EACH_ACTIVE(wq, set)                                                                   \
  for (uint32_t wq = next(set, (set).first, false, DISABLED); wq < (set).end;                      \
       wq = next(set, wq + 1, false, DISABLED))

static bool log_is_busy(void) { return ctl(SIOV_CTL_EVL_OFFSET) & SIOV_CTL_EVL_BUSY_MASK; }

// Waits until each queue has nothing of `what` (SIOV_CTL_WQ_STATUS_*_MASK) any more, and the errors
// of what has ended are in the event log. False if the device halts.
static bool wait_until_none(wq_set_t set, uint32_t what) {
  FOR_EACH_ACTIVE(wq, set) {
    while (wq_status(wq) & what) {
      if (halted()) return false;
    }
  }
  while (log_is_busy()) {
    if (halted()) return false;
  }
  return true;
}

// Waits until queues that are closed have nothing left. False if the device halts meanwhile.
static bool wait_empty(wq_set_t set) {
  return wait_until_none(set, SIOV_CTL_WQ_STATUS_QUEUED_MASK | SIOV_CTL_WQ_STATUS_INFLIGHT_MASK);
}

// Waits until what the queues have accepted so far has ended; more may come all the time. False if
// the device halts meanwhile.
static bool drain(wq_set_t set) {
  FOR_EACH_ACTIVE(wq, set) mark_wq(wq);
  return wait_until_none(set, SIOV_CTL_WQ_STATUS_OLDER_MASK);
}

// Waits until the Stop Marker, and the page requests of who is stopped, have left. False if the
// device halts.
static bool wait_page_requests(void) {
  while (ctl(SIOV_CTL_MARKER_OFFSET) & SIOV_CTL_MARKER_BUSY_MASK) {
    if (halted()) return false;
  }
  return true;
}

// Says that the PASID's page requests of before have all been sent (PCIe 10.4.1.2). False if the
// device halts.
static bool send_marker(uint32_t pasid) {
  if (!FIELD(ctl(SIOV_CTL_PCIE_OFFSET), SIOV_CTL_PCIE_PRI_EN)) return true;
  if (!wait_page_requests()) return false;
  set_ctl(SIOV_CTL_MARKER_OFFSET, pasid);
  return wait_page_requests();
}

// A queue that the set does not name uses the PASID.
static bool is_used_beside(wq_set_t set, uint32_t pasid) {
  wq_set_t users = all_wqs();
  users.pasid = pasid;
  FOR_EACH_ACTIVE(wq, users) {
    if (wq < set.first || wq >= set.end || !is_named(set, wq)) return true;
  }
  return false;
}

// Sends a Stop Marker for each PASID of which a page request is left without response, unless it
// goes on in another queue. False if the device halts.
static bool mark_left(wq_set_t set) {
  uint32_t left;
  while ((left = ctl(SIOV_CTL_LEFT_OFFSET)) & SIOV_CTL_LEFT_VALID_MASK) {
    uint32_t pasid = FIELD(left, SIOV_CTL_LEFT_PASID);
    bool marked = left & SIOV_CTL_LEFT_PASID_VALID_MASK && !is_used_beside(set, pasid);
    if (marked && !send_marker(pasid)) return false;
    set_ctl(SIOV_CTL_LEFT_OFFSET, 0);
  }
  return wait_page_requests();
}

enum { STOP_NOBODY = 0, STOP_WQS = 1, STOP_PASID = 2, STOP_ALL = 3 };

// The same queues as the stop register names them.
static uint32_t stop_of(wq_set_t set) {
  if (set.pasid != ANY_PASID) {
    return PUT(STOP_PASID, SIOV_CTL_STOP_WHAT) | PUT(set.pasid, SIOV_CTL_STOP_OPERAND);
  }
  if (set.bits == ~0u) return PUT(STOP_ALL, SIOV_CTL_STOP_WHAT);
  return PUT(STOP_WQS, SIOV_CTL_STOP_WHAT) |
         PUT(set.first / 16 << 16 | set.bits, SIOV_CTL_STOP_OPERAND);
}

// Waits as `wait` does, but who waits for a page is abandoned: its response may never come. A
// command for a PASID always ends with a Stop Marker.
static bool abandon(wq_set_t set, bool (*wait)(wq_set_t)) {
  set_ctl(SIOV_CTL_STOP_OFFSET, stop_of(set));
  bool ok = wait(set) && (set.pasid == ANY_PASID ? mark_left(set) : send_marker(set.pasid));
  set_ctl(SIOV_CTL_STOP_OFFSET, PUT(STOP_NOBODY, SIOV_CTL_STOP_WHAT));
  return ok;
}

// Takes the queues from Enabled to Disabled, at once closed to new descriptors. False if the device
// halts meanwhile.
static bool stop(wq_set_t set, row_mode_t how) {
  FOR_EACH_ACTIVE(wq, set) {
    set_row(wq, how, ANY_PASID);
    set_wq_state(wq, IN_PROGRESS);
  }
  if (!(how == ROW_DISCARD ? abandon(set, wait_empty) : wait_empty(set))) return false;
  FOR_EACH_ACTIVE(wq, set) set_wq_state(wq, DISABLED);
  return true;
}

// Throws away what is queued, of the set's PASID if it has one; the queues stay open. False if the
// device halts meanwhile.
static bool abort_queued(wq_set_t set) {
  FOR_EACH_ACTIVE(wq, set) set_row(wq, ROW_ABORTING, set.pasid);
  bool ok = abandon(set, drain);
  FOR_EACH_ACTIVE(wq, set) set_row(wq, ROW_OPEN, ANY_PASID);
  return ok;
}

// ----------------------------------------------------------------------------------------------
// Device

static void set_engine(uint32_t engine, uint32_t value) {
  set_ctl(SIOV_CTL_ENGINE_OFFSET + engine * SIOV_CTL_ENGINE_STRIDE, value);
}

static void stop_engines(void) {
  for (uint32_t i = 0; i < SIOV_CTL_ENGINE_COUNT; i++) set_engine(i, 0);
}

// DW n of the 256-bit map of a group's WQs.
static uint32_t group_wqs(uint32_t group, uint32_t n) {
  return grpcfg(group, SIOV_GRPCFG_WQS_OFFSET + n * 4);
}

static uint32_t group_engines(uint32_t group, uint32_t n) {
  return grpcfg(group, SIOV_GRPCFG_ENGINES_OFFSET + n * 4);
}

// Bits of DW n of a map whose members are numbered below `count`.
static uint32_t below(uint32_t count, uint32_t n) {
  if (count >= 32 * n + 32) return ~0u;
  return count <= 32 * n ? 0 : (1u << (count - 32 * n)) - 1;
}

#define GROUP_WQ_DWS (SIOV_GRPCFG_WQS_STRIDE * SIOV_GRPCFG_WQS_COUNT / 4)
#define GROUP_ENGINE_DWS 2

static uint32_t check_groups(void) {
  uint32_t straps = ctl(SIOV_CTL_STRAP_GROUPS_OFFSET);
  uint32_t num_groups = FIELD(straps, SIOV_CTL_STRAP_GROUPS_GROUPS);
  uint32_t num_engines = FIELD(straps, SIOV_CTL_STRAP_GROUPS_ENGINES);
  uint32_t engines_taken = 0;

  for (uint32_t group = 0; group < SIOV_GRPCFG_COUNT; group++) {
    uint32_t any_wqs = 0, any_engines = 0;
    for (uint32_t n = 0; n < GROUP_WQ_DWS; n++) {
      uint32_t bits = group_wqs(group, n);
      uint32_t taken = 0;
      for (uint32_t lower = 0; lower < group; lower++) taken |= group_wqs(lower, n);
      if (bits & (taken | ~below(num_wqs(), n))) return SIOV_ERR_GROUP_WQ;
      any_wqs |= bits;
    }
    for (uint32_t n = 0; n < GROUP_ENGINE_DWS; n++) {
      uint32_t bits = group_engines(group, n);
      if (bits & ~below(num_engines, n)) return SIOV_ERR_GROUP_ENGINE;
      any_engines |= bits;
    }
    if (any_engines & engines_taken) return SIOV_ERR_GROUP_ENGINE;
    engines_taken |= any_engines;
    if ((any_wqs != 0) != (any_engines != 0)) return SIOV_ERR_GROUP;
    if (group >= num_groups && any_wqs) return SIOV_ERR_GROUP;
  }
  return SIOV_ERR_NONE;
}

// Gives each WQ its group and its entries, one after the other.
static uint32_t place_wqs(void) {
  uint32_t total = FIELD(ctl(SIOV_CTL_STRAP_QUEUES_OFFSET), SIOV_CTL_STRAP_QUEUES_ENTRIES);
  uint32_t base = 0;

  for (uint32_t wq = 0; wq < num_wqs(); wq++) {
    uint32_t size = wqcfg(wq, SIOV_WQCFG_SIZE_OFFSET);
    uint32_t group = SIOV_GRPCFG_COUNT;
    for (uint32_t g = 0; g < SIOV_GRPCFG_COUNT && wq / 32 < GROUP_WQ_DWS; g++) {
      if (group_wqs(g, wq / 32) >> wq % 32 & 1) group = g;
    }
    if ((size != 0) != (group != SIOV_GRPCFG_COUNT)) return SIOV_ERR_GROUP_WQ;
    if (size > total - base) return SIOV_ERR_TOTAL_SIZE;
    wqs[wq].base = (uint16_t)base;
    wqs[wq].group = (uint8_t)group;
    base += size;
  }
  return SIOV_ERR_NONE;
}

// Page requests that the IOMMU lets the device have outstanding.
static uint32_t check_pri(void) {
  uint32_t pri = ctl(SIOV_CTL_PRI_OFFSET);
  uint32_t alloc = FIELD(pri, SIOV_CTL_PRI_ALLOC);

  if (!FIELD(ctl(SIOV_CTL_PCIE_OFFSET), SIOV_CTL_PCIE_PRI_EN)) return SIOV_ERR_NONE;
  return alloc == 0 || alloc > FIELD(pri, SIOV_CTL_PRI_CAPACITY) ? SIOV_ERR_PRI_ALLOC
                                                                 : SIOV_ERR_NONE;
}

static bool log_is_on(void) { return FIELD(reg(SIOV_GENCFG_OFFSET), SIOV_GENCFG_EVL_EN); }

#define EVL_MIN_ENTRIES 64
#define EVL_ENTRY_BYTES 64

static uint32_t check_log(void) {
  uint32_t flags = reg(SIOV_EVLCFG0_OFFSET);
  uint64_t base = ((uint64_t)reg(SIOV_EVLCFG0_OFFSET + 4) << 32 | flags) & SIOV_EVLCFG0_BASE_MASK;
  uint64_t entries = FIELD(reg(SIOV_EVLCFG1_OFFSET), SIOV_EVLCFG1_SIZE);
  uint32_t pcie = ctl(SIOV_CTL_PCIE_OFFSET);
  bool pasid_en = FIELD(flags, SIOV_EVLCFG0_PASID_EN);
  bool priv = FIELD(flags, SIOV_EVLCFG0_PRIV);

  if (entries < EVL_MIN_ENTRIES) return SIOV_ERR_EVL;
  if (base + (entries * EVL_ENTRY_BYTES - 1) < base) return SIOV_ERR_EVL;
  if (pasid_en && !FIELD(pcie, SIOV_CTL_PCIE_PASID_EN)) return SIOV_ERR_EVL_PASID;
  if (priv && !FIELD(pcie, SIOV_CTL_PCIE_PRIV_EN)) return SIOV_ERR_EVL_PASID;
  return SIOV_ERR_NONE;
}

static void start_log(void) {
  while (log_is_busy()) { // with what has come after the device was Disabled
  }
  set_reg(SIOV_EVLSTATUS_OFFSET, 0);
  set_reg(SIOV_EVLSTATUS_OFFSET + 4, 0);
}

static uint32_t enable_device(void) {
  if (device_state() != DISABLED) return SIOV_ERR_NOT_DISABLED;
  if (!FIELD(ctl(SIOV_CTL_PCIE_OFFSET), SIOV_CTL_PCIE_BME)) return SIOV_ERR_BME;
  uint32_t error = check_pri();
  if (error == SIOV_ERR_NONE) error = check_groups();
  if (error == SIOV_ERR_NONE) error = place_wqs();
  if (error == SIOV_ERR_NONE && log_is_on()) error = check_log();
  if (error != SIOV_ERR_NONE) return error;

  if (log_is_on()) start_log();
  for (uint32_t group = 0; group < SIOV_GRPCFG_COUNT; group++) {
    uint32_t engines = group_engines(group, 0);
    for (uint32_t i = 0; i < SIOV_CTL_ENGINE_COUNT; i++) {
      if (engines >> i & 1) {
        set_engine(i, SIOV_CTL_ENGINE_EN_MASK | PUT(group, SIOV_CTL_ENGINE_GROUP));
      }
    }
  }
  set_device_state(ENABLED);

  // Hardware goes to Halt when Bus Master changes from now on. What was before, nobody else sees.
  if (!FIELD(ctl(SIOV_CTL_PCIE_OFFSET), SIOV_CTL_PCIE_BME) && device_state() == ENABLED) {
    stop_engines();
    set_device_state(DISABLED);
    return SIOV_ERR_BME;
  }
  return SIOV_ERR_NONE;
}

// The end of a command that leaves the device Disabled, unless it has halted until now: the write
// to GENSTS then has no effect.
static uint32_t end_disabled(void) {
  set_device_state(DISABLED);
  return device_state() == DISABLED ? SIOV_ERR_NONE : SIOV_ERR_HARDWARE;
}

static uint32_t disable_device(void) {
  if (device_state() != ENABLED) return SIOV_ERR_DEV_NOT_ENABLED;
  set_device_state(IN_PROGRESS);
  if (!stop(all_wqs(), ROW_CLOSED)) return SIOV_ERR_HARDWARE;
  stop_engines();
  return end_disabled();
}

static uint32_t reset_device(void) {
  if (device_state() != DISABLED) {
    set_device_state(IN_PROGRESS);
    if (!stop(all_wqs(), ROW_DISCARD)) return SIOV_ERR_HARDWARE;
    stop_engines();
  }
  set_ctl(SIOV_CTL_CLEAR_OFFSET, 1);
  return end_disabled();
}

void siov_halt(void) {
  set_ctl(SIOV_CTL_EVENTS_OFFSET, SIOV_CTL_EVENTS_HALT_MASK);
  wq_set_t set = all_wqs();
  FOR_EACH_ACTIVE(wq, set) set_row(wq, ROW_DISCARD, ANY_PASID);
}

// ----------------------------------------------------------------------------------------------
// Work queues

static uint32_t check_wq(uint32_t wq) {
  uint32_t mode = wqcfg(wq, SIOV_WQCFG_MODE_OFFSET);
  uint32_t limits = wqcfg(wq, SIOV_WQCFG_LIMITS_OFFSET);
  uint32_t max_batch = FIELD(limits, SIOV_WQCFG_LIMITS_MAX_BATCH);
  uint32_t pcie = ctl(SIOV_CTL_PCIE_OFFSET);
  bool dedicated = FIELD(mode, SIOV_WQCFG_MODE_DEDICATED);
  bool pasid_en = FIELD(mode, SIOV_WQCFG_MODE_PASID_EN);
  bool priv = FIELD(mode, SIOV_WQCFG_MODE_PRIV);

  if (wqcfg(wq, SIOV_WQCFG_SIZE_OFFSET) == 0) return SIOV_ERR_WQ_SIZE;
  if (!FIELD(mode, SIOV_WQCFG_MODE_PRIO)) return SIOV_ERR_WQ_PRIORITY;
  if (FIELD(mode, SIOV_WQCFG_MODE_BLOCK_ON_FAULT) && !FIELD(pcie, SIOV_CTL_PCIE_PRI_EN)) {
    return SIOV_ERR_WQ_BOF;
  }
  if (!pasid_en && !dedicated) return SIOV_ERR_WQ_PASID;
  if (pasid_en && !FIELD(pcie, SIOV_CTL_PCIE_PASID_EN)) return SIOV_ERR_WQ_PASID;
  if (max_batch == 0 || max_batch > FIELD(SIOV_GENCAP_RESET, SIOV_GENCAP_MAX_BATCH)) {
    return SIOV_ERR_WQ_BATCH;
  }
  if (FIELD(limits, SIOV_WQCFG_LIMITS_MAX_XFER) >
      FIELD(SIOV_GENCAP_RESET, SIOV_GENCAP_MAX_XFER)) {
    return SIOV_ERR_WQ_XFER;
  }
  if (dedicated && pasid_en && priv && !FIELD(pcie, SIOV_CTL_PCIE_PRIV_EN)) return SIOV_ERR_WQ_PRIV;
  if (FIELD(mode, SIOV_WQCFG_MODE_ATS_DISABLE)) return SIOV_ERR_WQ_ATS;
  if (FIELD(mode, SIOV_WQCFG_MODE_PRS_DISABLE)) return SIOV_ERR_WQ_PRS;
  for (uint32_t i = 0; i < SIOV_WQCFG_OPCFG_COUNT; i++) {
    uint32_t allowed = wqcfg(wq, SIOV_WQCFG_OPCFG_OFFSET + i * SIOV_WQCFG_OPCFG_STRIDE);
    if (allowed & ~reg(SIOV_OPCAP0_OFFSET + i * 4)) return SIOV_ERR_WQ_OPCFG;
  }
  return SIOV_ERR_NONE;
}

static uint32_t enable_wq(uint32_t operand) {
  if (operand & ~0xffu) return SIOV_ERR_RESERVED;
  uint32_t wq = operand;
  if (wq >= num_wqs()) return SIOV_ERR_WQ_INDEX;
  if (device_state() != ENABLED) return SIOV_ERR_NOT_ENABLED;
  if (wq_state(wq) != DISABLED) return SIOV_ERR_WQ_NOT_DISABLED;
  uint32_t error = check_wq(wq);
  if (error != SIOV_ERR_NONE) return error;
  set_row(wq, ROW_OPEN, ANY_PASID);
  set_wq_state(wq, ENABLED);
  return SIOV_ERR_NONE;
}

// To the reset values, but for Size.
static void clear_wqcfg(uint32_t wq) {
  set_wqcfg(wq, SIOV_WQCFG_THRESHOLD_OFFSET, SIOV_WQCFG_THRESHOLD_RESET);
  set_wqcfg(wq, SIOV_WQCFG_MODE_OFFSET, SIOV_WQCFG_MODE_RESET);
  set_wqcfg(wq, SIOV_WQCFG_LIMITS_OFFSET, SIOV_WQCFG_LIMITS_RESET);
  for (uint32_t i = 0; i < SIOV_WQCFG_OPCFG_COUNT; i++) {
    set_wqcfg(wq, SIOV_WQCFG_OPCFG_OFFSET + i * SIOV_WQCFG_OPCFG_STRIDE,
              reg(SIOV_OPCAP0_OFFSET + i * 4));
  }
}

static uint32_t reset_wqs(wq_set_t set) {
  if (!stop(set, ROW_DISCARD)) return SIOV_ERR_HARDWARE;
  for (uint32_t wq = next(set, set.first, true, DISABLED); wq < set.end;
       wq = next(set, wq + 1, true, DISABLED)) {
    clear_wqcfg(wq);
  }
  return SIOV_ERR_NONE;
}

// Commands whose operand names WQs: bits 19:16 a group of 16, bits 15:0 a map of these.
static uint32_t on_wqs(uint32_t command, uint32_t operand) {
  uint32_t first = (operand >> 16) * 16;
  wq_set_t set = {first, first + 16, operand & 0xffff, ANY_PASID};

  for (uint32_t wq = first; wq < set.end; wq++) {
    if (set.bits >> (wq - first) & 1 && wq >= num_wqs()) return SIOV_ERR_WQ_INDEX;
  }
  if (command == SIOV_CMD_RESET_WQ) return reset_wqs(set);

  if (next(set, first, false, ENABLED) != set.end) return SIOV_ERR_WQ_NOT_ENABLED;
  bool ok = command == SIOV_CMD_DISABLE_WQ ? stop(set, ROW_CLOSED)
            : command == SIOV_CMD_DRAIN_WQ ? drain(set)
                                           : abort_queued(set);
  return ok ? SIOV_ERR_NONE : SIOV_ERR_HARDWARE;
}

// Commands whose operand is a PASID. They concern every shared WQ; to drain one, what others have
// submitted to it is waited for, too.
static uint32_t on_pasid(uint32_t command, uint32_t pasid) {
  wq_set_t set = all_wqs();
  set.pasid = pasid;
  bool ok = command == SIOV_CMD_DRAIN_PASID ? drain(set) && send_marker(pasid)
                                            : abort_queued(set);
  return ok ? SIOV_ERR_NONE : SIOV_ERR_HARDWARE;
}

// ----------------------------------------------------------------------------------------------
// Interrupt handles: the handle of an entry is its index

static uint32_t set_granted(uint32_t operand, bool granted) {
  uint32_t ims = operand >> 16 & 1;
  uint32_t index = operand & 0xffff;
  uint32_t ints = ctl(SIOV_CTL_STRAP_INTS_OFFSET);

  if (operand >> 17) return SIOV_ERR_RESERVED;
  if (ims) {
    if (index >= FIELD(ints, SIOV_CTL_STRAP_INTS_IMS)) return SIOV_ERR_INT_INDEX;
    set_reg(SIOV_IMS_OFFSET + index * SIOV_IMS_STRIDE + SIOV_IMS_CTRL_OFFSET,
            PUT(granted, SIOV_IMS_CTRL_GRANTED));
  } else {
    if (index >= FIELD(ints, SIOV_CTL_STRAP_INTS_MSIX)) return SIOV_ERR_INT_INDEX;
    set_reg(SIOV_MSIXPERM_OFFSET + index * SIOV_MSIXPERM_STRIDE + SIOV_MSIXPERM_PERM_OFFSET,
            PUT(granted, SIOV_MSIXPERM_PERM_GRANTED));
  }
  return SIOV_ERR_NONE;
}

static uint32_t request_int_handle(uint32_t operand) {
  uint32_t error = set_granted(operand, true);
  if (error != SIOV_ERR_NONE) return error;
  return PUT(SIOV_ERR_NONE, SIOV_CTL_DONE_ERROR) | PUT(operand & 0xffff, SIOV_CTL_DONE_RESULT);
}

// ----------------------------------------------------------------------------------------------

static uint32_t on_device(uint32_t command) {
  bool ok = true;
  switch (command) {
    case SIOV_CMD_ENABLE_DEVICE: return enable_device();
    case SIOV_CMD_DISABLE_DEVICE: return disable_device();
    case SIOV_CMD_RESET_DEVICE: return reset_device();
    case SIOV_CMD_DRAIN_ALL: ok = drain(all_wqs()); break;
    case SIOV_CMD_ABORT_ALL: ok = abort_queued(all_wqs()); break;
  }
  return ok ? SIOV_ERR_NONE : SIOV_ERR_HARDWARE;
}

uint32_t siov_command(uint32_t cmd) {
  uint32_t command = FIELD(cmd, SIOV_CMD_COMMAND);
  uint32_t operand = FIELD(cmd, SIOV_CMD_OPERAND);
  uint32_t reserved =
      cmd & ~(SIOV_CMD_COMMAND_MASK | SIOV_CMD_OPERAND_MASK | SIOV_CMD_INT_REQ_MASK);

  if (!(SIOV_CMDCAP_RESET >> command & 1)) return SIOV_ERR_COMMAND;
  if (device_state() == HALT) return SIOV_ERR_HALT; // Reset Device, too: GENSTS asks for FLR
  if (reserved) return SIOV_ERR_RESERVED;

  switch (command) {
    case SIOV_CMD_ENABLE_WQ: return enable_wq(operand);
    case SIOV_CMD_DISABLE_WQ:
    case SIOV_CMD_DRAIN_WQ:
    case SIOV_CMD_ABORT_WQ:
    case SIOV_CMD_RESET_WQ: return on_wqs(command, operand);
    case SIOV_CMD_DRAIN_PASID:
    case SIOV_CMD_ABORT_PASID: return on_pasid(command, operand);
    case SIOV_CMD_REQUEST_INT_HANDLE: return request_int_handle(operand);
    case SIOV_CMD_RELEASE_INT_HANDLE: return set_granted(operand, false);
    default: return operand ? SIOV_ERR_RESERVED : on_device(command);
  }
}
