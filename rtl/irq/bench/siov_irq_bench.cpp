// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Which interrupts become messages, and when.

#include <deque>
#include <vector>

#include "Vsiov_irq_bench.h"
#include "bench.h"

namespace {

// Bits of an IMS control DW and of a MSIXPERM entry (DSA 9.2).
constexpr uint32_t kMask = 1 << 0, kPending = 1 << 1, kIgnore = 1 << 2, kPasidEn = 1 << 3,
                   kGranted = 1 << 4;

constexpr uint32_t kPerm = 0x1000, kPba = 0x5000;

struct Handle {
  bool ims;
  uint32_t index;

  /// Its entry's address, data and mask.
  uint32_t entry() const { return (ims ? 0x20000 : 0x4000) + 16 * index; }
  uint32_t data() const { return 0xc0de0000 | ims << 12 | index; }
  uint32_t address() const { return 0xfee00000 + 4 * index; }
};

class IrqBench : public siov::bench::Clocked<Vsiov_irq_bench> {
 public:
  struct Message {
    uint64_t address;
    uint32_t data;
  };

  std::vector<Message> messages;  // that have left
  uint32_t done = 0;              // completion interrupts that have ended
  bool messages_leave = true;

  IrqBench() {
    top.msix_en_i = 1;
    top.bme_i = 1;
    for (int i = 0; i < 4; ++i) edge();
    top.rst_ni = 1;
    settle();
    while (top.clearing_o) clock();
  }

  void clock() {
    top.msg_ready_i = messages_leave;
    settle();
    top.msg_done_i = left_;  // a clock later it is in the posted stream
    left_ = top.msg_valid_o && top.msg_ready_i;
    if (left_) messages.push_back({top.msg_addr_o, top.msg_data_o});
    settle();
    done += top.irq_done_o;
    edge();
  }

  void run(int clocks) {
    for (int i = 0; i < clocks; ++i) clock();
  }

  uint32_t access(bool write, uint32_t address, uint32_t value, bool firmware) {
    top.reg_valid_i = 1;
    top.reg_write_i = write;
    top.reg_fw_i = firmware;
    top.reg_addr_i = address / 4;
    top.reg_wdata_i = value;
    settle();
    for (int limit = 100; !top.reg_rsp_valid_o; settle()) {
      clock();
      CHECK(--limit > 0, "a register access waits");
    }
    const uint32_t data = top.reg_rdata_o;
    clock();
    top.reg_valid_i = 0;
    return data;
  }

  void write(uint32_t address, uint32_t value) { access(true, address, value, false); }
  uint32_t read(uint32_t address) { return access(false, address, 0, false); }
  void grant(uint32_t address) { access(true, address, kGranted, true); }

  /// Address and data of an entry, and no mask.
  void set_up(Handle h, uint32_t ims_control = 0) {
    write(h.entry(), h.address());
    write(h.entry() + 4, 0);
    write(h.entry() + 8, h.data());
    write(h.entry() + 12, h.ims ? ims_control : 0);
  }

  /// Asks for it until it is taken; says whether it was within a few clocks.
  bool raise(Handle h) {
    top.irq_valid_i = 1;
    top.irq_ims_i = h.ims;
    top.irq_index_i = h.index;
    bool taken = false;
    for (int i = 0; i < 20 && !taken; ++i) {
      settle();
      taken = top.irq_ready_o;
      clock();
    }
    top.irq_valid_i = 0;
    return taken;
  }

  void event() {
    top.evt_valid_i = 1;
    for (settle(); !top.evt_ready_o; settle()) clock();
    clock();
    top.evt_valid_i = 0;
  }

  bool granted(Handle h, bool pasid_valid, uint32_t pasid) {
    top.chk_valid_i = 1;
    top.chk_ims_i = h.ims;
    top.chk_index_i = h.index;
    top.chk_pasid_valid_i = pasid_valid;
    top.chk_pasid_i = pasid;
    for (settle(); !top.chk_ready_o; settle()) clock();
    clock();
    top.chk_valid_i = 0;
    settle();
    CHECK(top.chk_rsp_valid_o);
    const bool ok = top.chk_ok_o;
    clock();
    return ok;
  }

  /// True if this is what was sent since the last time.
  bool sent(const std::vector<Handle>& handles) {
    run(30);
    bool same = messages.size() == handles.size();
    for (size_t i = 0; same && i < handles.size(); ++i) {
      same = messages[i].address == handles[i].address() && messages[i].data == handles[i].data();
    }
    messages.clear();
    return same;
  }

 private:
  bool left_ = false;
};

constexpr Handle kHandles[] = {{false, 3}, {true, 300}};

}  // namespace

CASE(interrupt_becomes_the_message_of_its_entry) {
  IrqBench b;
  for (const Handle& h : kHandles) {
    b.set_up(h);
    b.raise(h);
    CHECK(b.sent({h}));
  }
  CHECK(b.done == 2);
}

CASE(ims_address_outside_the_interrupt_range_is_refused) {
  IrqBench b;
  const Handle h = {true, 300};
  b.set_up(h);
  b.write(h.entry(), 0x12345670);
  b.write(h.entry() + 4, 0x9);
  b.raise(h);
  CHECK(b.sent({h}));
}

CASE(masked_ims_interrupt_is_sent_once_when_unmasked) {
  IrqBench b;
  const Handle h = {true, 300};
  b.set_up(h, kMask);
  b.raise(h);
  b.raise(h);
  CHECK(b.sent({}) && b.done == 2 && b.read(h.entry() + 12) == (kMask | kPending));
  b.write(h.entry() + 12, 0);
  CHECK(b.sent({h}) && b.read(h.entry() + 12) == 0);
}

CASE(masked_msix_interrupt_is_sent_once_when_unmasked) {
  IrqBench b;
  const Handle h = {false, 3};
  b.set_up(h);
  b.write(h.entry() + 12, kMask);
  b.raise(h);
  b.raise(h);
  CHECK(b.sent({}) && b.done == 2 && b.read(kPba) == 1 << 3);
  b.write(h.entry() + 12, 0);
  CHECK(b.sent({h}) && b.read(kPba) == 0);
}

CASE(function_state_holds_msix_interrupts) {
  IrqBench b;
  const Handle h = {false, 3};
  b.set_up(h);
  for (uint8_t* state : {&b.top.msix_fmask_i, &b.top.msix_en_i, &b.top.bme_i}) {
    *state ^= 1;
    b.raise(h);
    CHECK(b.sent({}) && b.read(kPba) == 1 << 3);
    *state ^= 1;
    CHECK(b.sent({h}));
  }
}

CASE(ignored_interrupt_ends_without_a_message) {
  IrqBench b;
  for (const Handle& h : kHandles) {
    b.set_up(h, kIgnore);
    if (!h.ims) b.write(kPerm + 8 * h.index, kIgnore);
    b.raise(h);
    CHECK(b.sent({}));
  }
  CHECK(b.done == 2 && b.read(kPba) == 0);
}

CASE(event_goes_to_msix_entry_0_even_if_ignored) {
  IrqBench b;
  const Handle h = {false, 0};
  b.set_up(h);
  b.write(kPerm, kIgnore);
  b.event();
  CHECK(b.sent({h}) && b.done == 0);
}

CASE(handle_is_right_if_granted_and_pasids_agree) {
  IrqBench b;
  for (const Handle& h : kHandles) {
    const uint32_t control = h.ims ? h.entry() + 12 : kPerm + 8 * h.index;
    b.write(control, 0x77u << 12 | kPasidEn);
    CHECK(!b.granted(h, true, 0x77));
    b.grant(control);
    CHECK(b.read(control) == (0x77u << 12 | kPasidEn), "the host sees %08x", b.read(control));
    CHECK(b.granted(h, true, 0x77) && !b.granted(h, true, 0x78) && !b.granted(h, false, 0x77));
    b.write(control, 0x77u << 12);
    CHECK(b.granted(h, false, 0) && !b.granted(h, true, 0x77));
  }
}

CASE(handle_beyond_the_straps_is_wrong) {
  IrqBench b;
  for (const Handle& h : {Handle{false, 9}, Handle{true, 512}, Handle{true, 0xffff}}) {
    if (h.index < 4096) b.grant(h.ims ? h.entry() + 12 : kPerm + 8 * h.index);
    CHECK(!b.granted(h, false, 0));
  }
}

CASE(interrupts_wait_for_messages_to_leave_and_registers_do_not) {
  IrqBench b;
  const Handle ims = {true, 300}, masked = {true, 301}, event = {false, 0};
  b.set_up(ims);
  b.set_up(masked, kMask);
  b.set_up(event);
  b.raise(masked);
  b.messages_leave = false;
  int raised = 0;
  while (b.raise(ims)) ++raised;
  CHECK(raised >= 8 && b.messages.empty() && b.done == 1);
  b.event();
  CHECK(b.read(kPba) == 1);
  b.write(masked.entry() + 12, 0);

  b.messages_leave = true;
  b.run(3000);  // a sweep finds the entry that was unmasked

  int events = 0, swept = 0;
  for (const auto& message : b.messages) {
    events += message.data == event.data();
    swept += message.data == masked.data();
  }
  CHECK(events == 1 && swept == 1 && b.messages.size() == raised + 2u && b.done == raised + 1u);
  CHECK(!b.top.busy_o);
}

CASE(clear_keeps_the_msix_table_and_nothing_else) {
  IrqBench b;
  for (const Handle& h : kHandles) b.set_up(h);
  b.write(kPerm + 8 * 3, kIgnore);
  b.top.clear_i = 1;
  b.clock();
  b.top.clear_i = 0;
  for (b.settle(); b.top.clearing_o; b.settle()) b.clock();
  CHECK(b.read(kPerm + 8 * 3) == 0);
  CHECK(b.read(kHandles[0].entry() + 8) == kHandles[0].data());
  CHECK(b.read(kHandles[1].entry() + 8) == 0 && b.read(kHandles[1].entry() + 12) == kMask);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
