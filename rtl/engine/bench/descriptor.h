// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <cstring>

/// What firmware says of a WQ.
struct Wq {
  bool enabled = false, discard = false, discard_pasid = false, dedicated = true, bof_en = false;
  bool pasid_valid = true, priv = false;
  uint32_t pasid = 0, tc_a = 1, tc_b = 2, max_xfer = 31;
  uint64_t opcfg = 1 << 0 | 1 << 3 | 1 << 4;
  uint32_t group = 0, prio = 1, base = 0, size = 0;

  /// As the RTL's tenant_t.
  uint32_t tenant(uint32_t adi) const { return adi << 22 | priv << 21 | pasid_valid << 20 | pasid; }
};

// Operations and flags (DSA 8.1).
constexpr uint32_t kNop = 0, kMove = 3, kFill = 4;
constexpr uint32_t kBlockOnFault = 1 << 1, kRecordValid = 1 << 2, kRequestRecord = 1 << 3,
                   kRequestInterrupt = 1 << 4, kCacheControl = 1 << 8, kAddr1Tc = 1 << 9,
                   kAddr2Tc = 1 << 10, kRecordTc = 1 << 12, kStrict = 1 << 13, kFill16 = 1 << 18;

// Status codes (DSA 5.4).
constexpr uint32_t kSuccess = 0x01, kBadOpcode = 0x10, kBadFlags = 0x11, kReserved = 0x12,
                   kBadSize = 0x13, kOverlap = 0x16, kBadHandle = 0x19, kBadRecordAddress = 0x1b,
                   kBadPrivilege = 0x1d, kReadError = 0x20;

/// Whether irq/ knows this handle. Any function does that tells neighbours apart.
inline bool handle_is_granted(uint32_t handle) { return (handle * 2654435761u >> 8) % 5 != 0; }

/// A descriptor, and what DSA says must become of it. Written from the specification alone.
struct Descriptor {
  std::array<uint8_t, 64> bytes = {};
  uint32_t adi = 0;
  bool ims = false, deferrable = false, limited = false;

  // what must become of it, given the WQ in the clock in which it is popped
  Wq wq;  // with the identity of the descriptor, if the WQ is shared
  uint32_t status = 0, info = 0;
  bool looked_up = false, moves = false, record = false, interrupt = false, report = false;

  // what has become of it
  uint32_t job = ~0u, bytes_done = 0;
  bool data_done = false, record_done = false, interrupt_done = false, ended = false;

  template <typename T>
  T at(int offset) const {
    T value;
    std::memcpy(&value, &bytes[offset], sizeof(T));
    return value;
  }

  template <typename T>
  void set(int offset, T value) {
    std::memcpy(&bytes[offset], &value, sizeof(T));
  }

  uint32_t flags() const { return at<uint32_t>(4) & 0xffffff; }
  uint32_t operation() const { return bytes[7]; }
  uint64_t record_address() const { return at<uint64_t>(8); }
  uint64_t src() const { return at<uint64_t>(16); }
  uint64_t dst() const { return at<uint64_t>(24); }
  uint32_t size() const { return at<uint32_t>(32); }
  uint32_t handle() const { return at<uint16_t>(36); }
  bool flag(uint32_t f) const { return flags() & f; }
  uint32_t tc(uint32_t f) const { return flag(f) ? wq.tc_b : wq.tc_a; }

  bool zero(int first, int last) const {
    for (int i = first; i <= last; ++i) {
      if (bytes[i] != 0) return false;
    }
    return true;
  }

  void judge(const Wq& of, bool user_interrupts, bool privileges) {
    wq = of;
    if (!of.dedicated) {
      wq.pasid_valid = true;
      wq.pasid = at<uint32_t>(0) & 0xfffff;
      wq.priv = at<uint32_t>(0) >> 31;
    }
    wq.discard = of.discard || (of.discard_pasid && wq.pasid == of.pasid);
    const uint32_t op = operation();
    const bool data = op == kMove || op == kFill;
    const bool may_interrupt = user_interrupts || !wq.pasid_valid || (wq.priv && privileges);

    uint32_t allowed = kRecordValid;
    if (flag(kRecordValid)) allowed |= kRequestRecord | kRecordTc;
    if (may_interrupt) allowed |= kRequestInterrupt;
    if (data) allowed |= kCacheControl | kAddr2Tc | kStrict;
    if (data && wq.bof_en) allowed |= kBlockOnFault;
    if (op == kMove) allowed |= kAddr1Tc;
    if (op == kFill) allowed |= kFill16;

    const bool reserved = !zero(38, 39) || !zero(48, 63) ||
                          (!(op == kFill && flag(kFill16)) && !zero(40, 47)) ||
                          (!data && !zero(16, 35)) || (!flag(kRecordValid) && !zero(8, 15)) ||
                          (!flag(kRequestInterrupt) && !zero(36, 37));
    const bool granted = handle_is_granted(handle());

    if (wq.pasid_valid && wq.priv && !privileges) status = kBadPrivilege;
    else if (flag(kRecordValid) && record_address() % 32 != 0) status = kBadRecordAddress;
    else if (!(data || op == kNop) || !(wq.opcfg >> op & 1)) status = kBadOpcode;
    else if (flags() & ~allowed) status = kBadFlags;
    else if (reserved) status = kReserved;
    else if (data && (size() == 0 || size() > 1ull << wq.max_xfer)) status = kBadSize;
    else if (op == kMove && (src() - dst() < size() || dst() - src() < size())) status = kOverlap;
    else if (flag(kRequestInterrupt) && !granted) status = kBadHandle;
    else status = kSuccess;

    looked_up = flag(kRequestInterrupt) && may_interrupt;
    interrupt = looked_up && granted;
    info = status == kBadFlags ? flags() & ~allowed : status == kBadHandle ? handle_info() : 0;
    moves = status == kSuccess && data;
    tell();
    if (wq.discard) {
      status = kSuccess;
      looked_up = moves = record = interrupt = report = false;
    }
  }

  /// dma/ could not read it all.
  void fail(uint32_t done) {
    status = kReadError;
    bytes_done = done;
    tell();
  }

  /// Nobody is told.
  void abandon() { record = interrupt = report = false; }

  void check_end() {
    ended = (!moves || data_done) && (!record || record_done) && (!interrupt || interrupt_done);
  }

 private:
  /// Handle, that it is one, and its table (DSA 5.9).
  uint32_t handle_info() const { return handle() | 1u << 16 | uint32_t{ims} << 17; }

  /// As a record, or as a software error if there is no place for one.
  void tell() {
    const bool success = status == kSuccess;
    record = flag(kRecordValid) && status != kBadRecordAddress && status != kBadPrivilege &&
             (!success || flag(kRequestRecord));
    report = !success && (!record || status == kBadHandle);
  }
};
