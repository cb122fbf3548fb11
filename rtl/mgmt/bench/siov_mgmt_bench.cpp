// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// What registers, event log and firmware do together, as rtl/mgmt/README.md says.

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "Vsiov_mgmt_bench.h"
#include "bench.h"

namespace {

// BAR0 (docs/registers.md)
constexpr uint32_t kGencfg = 0x80, kGenctrl = 0x88, kGensts = 0x90, kIntcause = 0x98, kCmd = 0xa0,
                   kCmdstatus = 0xa8, kSwerror = 0xc0, kEvlcfg = 0xe0, kEvlstatus = 0xf0,
                   kGrpcfg = 0x2000, kWqcfg = 0x10000;
constexpr uint32_t kEvlEn = 1 << 13, kAllInterrupts = 7;
constexpr uint32_t kCauseSwerror = 1, kCauseHalt = 16, kCauseEvl = 32;
constexpr uint32_t kPending = 1 << 30;  // of the upper DW of EVLSTATUS
constexpr uint32_t kHalt = 3, kResetTypeFlr = 1 << 2;

enum : uint32_t {
  kEnableDevice = 1,
  kDisableDevice = 2,
  kResetDevice = 5,
  kEnableWq = 6,
  kDrainWq = 8,
  kResetWq = 10,
  kDrainPasid = 11,
};

struct Row {
  uint32_t wq;
  bool enabled, discard, drop;
};

struct Entry {
  uint64_t addr;
  uint32_t pasid;
  uint32_t dw[16];
};

class MgmtBench : public siov::bench::Clocked<Vsiov_mgmt_bench> {
 public:
  std::vector<Row> rows;
  std::vector<Entry> log;
  std::array<uint32_t, 1024> thresholds = {};
  uint64_t events = 0;       // clocks in which MSI-X entry 0 was asked for
  bool log_ready = true;     // entries are taken,
  bool log_writes = true;    // and written

  void reset() {
    top.rst_ni = 0;
    owed_ = 0;
    top.bme_i = 1;
    top.pasid_en_i = 1;
    top.priv_en_i = 0;
    top.ats_en_i = 1;
    top.pri_cfg_i = top.pri_en_i = 1;
    top.pri_alloc_i = 32;
    for (int i = 0; i < 4; ++i) clock();
    top.rst_ni = 1;
  }

  void clock() {
    top.evl_ready_i = log_ready;
    top.evl_done_i = owed_ > 0 && log_writes;
    settle();
    if (top.rst_ni) {
      events += top.evt_valid_o;
      if (top.ctl_we_o) {
        rows.push_back({top.ctl_adi_o, !!top.ctl_enabled_o, !!top.ctl_discard_o, !!top.drop_o});
      }
      if (top.thr_we_o) thresholds[top.thr_adi_o] = top.thr_o;
      owed_ -= top.evl_done_i;
      if (top.evl_valid_o && top.evl_ready_i) {
        Entry entry{top.evl_addr_o, top.evl_pasid_o, {}};
        std::copy_n(&top.evl_data_o[0], 16, entry.dw);
        log.push_back(entry);
        ++owed_;
      }
    }
    edge();
    top.evl_done_i = 0;
  }

  void run(int clocks) {
    for (int i = 0; i < clocks; ++i) clock();
  }

  uint32_t access(bool write, uint32_t offset, uint32_t value) {
    top.reg_valid_i = 1;
    top.reg_write_i = write;
    top.reg_addr_i = offset / 4;
    top.reg_wdata_i = value;
    for (int limit = 200'000;; --limit) {
      CHECK(limit > 0, "no answer at %xh", offset);
      top.evl_ready_i = log_ready;
      settle();
      const bool done = top.reg_rsp_valid_o;
      const uint32_t rdata = top.reg_rdata_o;
      clock();
      if (done) {
        top.reg_valid_i = 0;
        return rdata;
      }
    }
  }

  uint32_t read(uint32_t offset) { return access(false, offset, 0); }
  void write(uint32_t offset, uint32_t value) { access(true, offset, value); }

  void start(uint32_t command, uint32_t operand = 0) {
    write(kCmd, command << 20 | operand);
  }

  /// Error code of the command under way.
  uint32_t finish() {
    for (int limit = 2000; limit > 0; --limit) {
      const uint32_t status = read(kCmdstatus);
      if (!(status >> 31)) return status;
      run(20);
    }
    CHECK(false, "the command does not end");
    return 0;
  }

  uint32_t command(uint32_t code, uint32_t operand = 0) {
    start(code, operand);
    return finish();
  }

  /// WQs 0 and 1 in group 0, PASID 100h + WQ; an event log of 64 entries at 5_0000_1000h with PASID
  /// 77h if `with_log`. Ends with the WQs enabled.
  void enable(bool with_log) {
    write(kGenctrl, kAllInterrupts);
    write(kGencfg, with_log ? kEvlEn : 0);
    write(kEvlcfg, 0x1001);
    write(kEvlcfg + 4, 5);
    write(kEvlcfg + 8, 0x77 << 16 | 64);
    write(kGrpcfg, 3);
    write(kGrpcfg + 32, 1);
    for (uint32_t wq = 0; wq < 2; ++wq) write(kWqcfg + 64 * wq, 16);
    CHECK(command(kEnableDevice) == 0);
    for (uint32_t wq = 0; wq < 2; ++wq) {
      write(kWqcfg + 64 * wq + 8, 1u << 28 | (0x100 + wq) << 8 | 1 << 4 | 1);
      write(kWqcfg + 64 * wq + 12, 5 << 5 | 20);
      CHECK(command(kEnableWq, wq) == 0);
    }
    rows.clear();
    events = 0;
  }

  /// The error at the engine's port until it is taken. `limit`: or until so many clocks have passed.
  bool engine_error(uint32_t code, uint32_t wq = 1, int limit = 1000) {
    top.eng_error_valid_i = 1;
    top.error_code_i = code;
    top.error_adi_i = wq;
    top.error_pasid_i = 0x100 + wq;
    for (; limit > 0; --limit) {
      top.evl_ready_i = log_ready;
      settle();
      const bool taken = top.eng_error_ready_o;
      clock();
      if (taken) {
        top.eng_error_valid_i = 0;
        return true;
      }
    }
    return false;
  }

  uint64_t swerror() {
    return static_cast<uint64_t>(read(kSwerror + 4)) << 32 | read(kSwerror);
  }

 private:
  int owed_ = 0;
};

MgmtBench& enabled(bool with_log) {
  static MgmtBench b;
  b.reset();
  b.enable(with_log);
  return b;
}

uint32_t code_of(uint64_t swerror) { return swerror >> 8 & 255; }

}  // namespace

// ------------------------------------------------------------------------------------------------
// Software errors and the event log

CASE(error_goes_to_swerror_while_the_event_log_is_off) {
  MgmtBench& b = enabled(false);
  b.top.error_rw_i = 1;
  b.top.error_addr_i = 0x1234'5678'9000;

  CHECK(b.engine_error(0x04));

  // Valid, descriptor, WQ, write, information; 4; WQ 1; operation 3; PASID.
  CHECK(b.swerror() == (0x101ull << 40 | 3ull << 32 | 1 << 16 | 4 << 8 | 0xad), "%llx",
        static_cast<unsigned long long>(b.swerror()));
  CHECK(b.read(kSwerror + 16) == 0x5678'9000 && b.read(kSwerror + 20) == 0x1234);
  CHECK(b.log.empty() && b.events == 1 && b.read(kIntcause) == kCauseSwerror);
}

CASE(second_error_only_sets_overflow) {
  MgmtBench& b = enabled(false);
  CHECK(b.engine_error(0x10) && b.engine_error(0x12));
  CHECK(code_of(b.swerror()) == 0x10 && (b.swerror() & 3) == 3);

  b.write(kSwerror, 3);
  CHECK((b.swerror() & 3) == 0);
  CHECK(b.engine_error(0x12));
  CHECK(code_of(b.swerror()) == 0x12 && (b.swerror() & 3) == 1);
}

CASE(swerror_has_the_handle_alone_of_an_interrupt_error) {
  MgmtBench& b = enabled(false);
  b.top.error_info_i = 0x0003'0007;  // interrupt required, IMS portal, handle 7

  CHECK(b.engine_error(0x19));

  CHECK(b.read(kSwerror + 12) == 7);
}

CASE(entry_of_the_event_log_is_laid_out_as_dsa_says) {
  MgmtBench& b = enabled(true);
  b.top.error_rw_i = 1;
  b.top.error_addr_i = 0x1234'5678'9020;
  b.top.error_info_i = 0xa005'0007;
  b.top.error_rec_valid_i = 1;
  for (uint32_t i = 0; i < 8; ++i) b.top.error_rec_i[i] = 0x1111'1111 * i;

  CHECK(b.engine_error(0x1a, 0x301));
  b.run(10);

  CHECK(b.log.size() == 1 && b.log[0].addr == 0x5'0000'1000);
  CHECK(b.log[0].pasid == (1 << 21 | 0x77), "%x", b.log[0].pasid);
  const uint32_t* dw = b.log[0].dw;
  // Descriptor, WQ, write, information; 1Ah; WQ's lower bits. Operation; PASID; WQ's upper bits.
  CHECK(dw[0] == (1 << 16 | 0x1a << 8 | 0xac), "%08x", dw[0]);
  CHECK(dw[1] == (3u << 28 | 0x401 << 8 | 3), "%08x", dw[1]);
  CHECK(dw[2] == 0 && dw[3] == 0xa005'0007);
  CHECK(dw[4] == 0x5678'9020 && dw[5] == 0x1234 && dw[6] == 0 && dw[7] == 0);
  for (uint32_t i = 0; i < 8; ++i) CHECK(dw[8 + i] == 0x1111'1111 * i);
  CHECK((b.swerror() & 1) == 0);
}

CASE(entry_without_a_record_ends_with_zeros) {
  MgmtBench& b = enabled(true);
  for (uint32_t i = 0; i < 8; ++i) b.top.error_rec_i[i] = ~0u;

  CHECK(b.engine_error(0x11));
  b.run(10);

  for (uint32_t i = 8; i < 16; ++i) CHECK(b.log[0].dw[i] == 0);
}

CASE(tail_and_interrupt_come_when_the_entry_is_written) {
  MgmtBench& b = enabled(true);
  b.log_writes = false;
  CHECK(b.engine_error(0x11));
  b.run(50);
  CHECK(b.log.size() == 1 && b.read(kEvlstatus + 4) == 0 && b.events == 0);

  b.log_writes = true;
  b.run(2);

  CHECK(b.read(kEvlstatus + 4) == (kPending | 1) && b.events == 1);
  CHECK(b.read(kIntcause) == kCauseEvl);
}

CASE(interrupt_of_the_event_log_waits_for_pending_to_be_cleared) {
  MgmtBench& b = enabled(true);
  CHECK(b.engine_error(0x11) && b.engine_error(0x11));
  b.run(10);
  CHECK(b.events == 1 && b.read(kEvlstatus + 4) == (kPending | 2));

  b.write(kEvlstatus + 4, kPending);
  CHECK(b.read(kEvlstatus + 4) == 2);
  CHECK(b.engine_error(0x11));
  b.run(10);

  CHECK(b.events == 2 && b.read(kEvlstatus + 4) == (kPending | 3));
}

CASE(event_log_without_its_interrupt_leaves_pending_alone) {
  MgmtBench& b = enabled(true);
  b.write(kGenctrl, 0);

  CHECK(b.engine_error(0x11));
  b.run(10);

  CHECK(b.events == 0 && b.read(kEvlstatus + 4) == 1);
}

CASE(full_event_log_drops_and_tells_swerror) {
  MgmtBench& b = enabled(true);
  for (int i = 0; i < 63; ++i) CHECK(b.engine_error(0x11));
  b.run(10);
  CHECK(b.log.size() == 63 && (b.swerror() & 1) == 0);

  CHECK(b.engine_error(0x11));
  b.run(10);

  CHECK(b.log.size() == 63 && code_of(b.swerror()) == 0x54 && (b.swerror() & 0xfd) == 1);
  CHECK((b.read(kEvlstatus + 4) & 0xffff) == 63);
}

CASE(event_log_begins_anew_behind_its_last_entry) {
  MgmtBench& b = enabled(true);
  b.write(kEvlstatus, 40);
  for (int i = 0; i < 39; ++i) CHECK(b.engine_error(0x11));
  b.run(10);
  b.write(kEvlstatus, 39);
  for (int i = 0; i < 26; ++i) CHECK(b.engine_error(0x11));
  b.run(10);

  CHECK(b.log.size() == 65 && b.log[63].addr == 0x5'0000'1000 + 63 * 64);
  CHECK(b.log[64].addr == 0x5'0000'1000 && (b.read(kEvlstatus + 4) & 0xffff) == 1);
  CHECK(b.read(kEvlstatus) == 39);
}

CASE(stalled_event_log_holds_up_no_error_that_does_not_go_there) {
  MgmtBench& b = enabled(true);
  b.log_ready = false;
  CHECK(b.engine_error(0x11));
  CHECK(!b.engine_error(0x12, 1, 100));  // stays offered

  b.top.adi_error_valid_i = 1;
  b.top.error_code_i = 0x53;
  b.settle();
  CHECK(b.top.adi_error_ready_o);
  b.clock();
  b.top.adi_error_valid_i = 0;
  b.top.error_code_i = 0x12;

  CHECK(code_of(b.swerror()) == 0x53);
  b.log_ready = true;
  CHECK(b.engine_error(0x12));
  b.run(10);
  CHECK(b.log.size() == 2 && (b.log[1].dw[0] >> 8 & 255) == 0x12);
}

CASE(command_written_while_one_is_active_is_an_error) {
  for (const bool with_log : {false, true}) {
    MgmtBench& b = enabled(with_log);
    b.log.clear();
    b.top.busy_wqs_i = 1;
    b.start(kDrainWq, 1);
    b.start(kDisableDevice);
    b.run(10);
    b.top.busy_wqs_i = 0;
    CHECK(b.finish() == 0 && b.read(kGensts) == 1);

    if (with_log) {
      CHECK(b.log.size() == 1 && b.log[0].dw[0] == 0x52 << 8, "%08x", b.log[0].dw[0]);
      CHECK((b.swerror() & 1) == 0);
    } else {
      CHECK(b.log.empty() && b.swerror() == (0x52 << 8 | 1));
    }
  }
}

CASE(drain_waits_for_the_event_log) {
  MgmtBench& b = enabled(true);
  b.log_writes = false;
  CHECK(b.engine_error(0x11));

  b.start(kDrainPasid, 0x101);
  b.run(5000);
  CHECK(b.read(kCmdstatus) >> 31);

  b.log_writes = true;
  CHECK(b.finish() == 0);
}

CASE(event_log_is_configured_while_disabled_and_begins_at_enable) {
  MgmtBench& b = enabled(true);
  b.write(kEvlcfg, 0x8000);
  CHECK(b.read(kEvlcfg) == 0x1001);
  CHECK(b.engine_error(0x11));
  b.run(10);
  b.write(kEvlstatus, 1);

  CHECK(b.command(kDisableDevice) == 0);
  CHECK(b.read(kEvlstatus + 4) == (kPending | 1));
  b.write(kEvlcfg, 0x8ffc);
  b.write(kEvlcfg + 12, ~0u);
  CHECK(b.read(kEvlcfg) == 0x8000 && b.read(kEvlcfg + 12) == 0xf);
  CHECK(b.command(kEnableDevice) == 0);

  CHECK(b.read(kEvlstatus) == 0 && b.read(kEvlstatus + 4) == 0);
}

CASE(reset_device_clears_the_configuration_of_the_event_log_and_keeps_its_status) {
  MgmtBench& b = enabled(true);
  CHECK(b.engine_error(0x11));
  b.run(10);

  CHECK(b.command(kResetDevice) == 0);

  for (uint32_t dw = 0; dw < 4; ++dw) CHECK(b.read(kEvlcfg + 4 * dw) == 0);
  CHECK(b.read(kGencfg) == 0 && b.read(kGenctrl) == 0);
  CHECK(b.read(kEvlstatus + 4) == (kPending | 1));
}

CASE(reset_device_clears_between_accesses) {
  MgmtBench& b = enabled(false);
  const uint32_t mode = b.read(kWqcfg + 8);
  CHECK(mode != 0);

  b.start(kResetDevice);
  uint32_t seen = 0, reads = 0;
  for (; b.read(kCmdstatus) >> 31; ++reads) {
    for (int i = 0; i < 20; ++i) {
      seen = b.read(kWqcfg + 8);
      CHECK(seen == mode || seen == 0, "%08x", seen);
    }
  }

  CHECK(reads > 0 && b.read(kWqcfg + 8) == 0);
}

// ------------------------------------------------------------------------------------------------
// Halt

CASE(each_change_of_the_function_while_enabled_halts) {
  for (int change = 0; change < 4; ++change) {
    MgmtBench& b = enabled(true);
    b.log.clear();
    if (change == 0) b.top.bme_i = 0;
    if (change == 1) b.top.pasid_en_i = 0;
    if (change == 2) b.top.ats_en_i = 0;
    if (change == 3) b.top.pri_cfg_i = 0;
    b.run(3000);

    CHECK(b.top.halted_o && b.read(kGensts) == (kResetTypeFlr | kHalt), "%d", change);
    CHECK(b.swerror() == (0x51 << 8 | 1) && b.log.empty());
    CHECK(b.events >= 1 && b.read(kIntcause) == (kCauseHalt | kCauseSwerror));
    CHECK(b.rows.size() == 2);
    for (const Row& row : b.rows) CHECK(!row.enabled && row.discard);
  }
}

CASE(command_in_halt_ends_with_05) {
  MgmtBench& b = enabled(false);
  b.top.ats_en_i = 0;
  b.run(3000);

  for (uint32_t code = 1; code <= 14; ++code) CHECK(b.command(code) == 5, "command %u", code);

  CHECK(b.read(kGensts) == (kResetTypeFlr | kHalt));
}

CASE(halt_ends_the_command_under_way_with_03) {
  MgmtBench& b = enabled(false);
  b.top.busy_wqs_i = 2;
  b.start(kResetDevice);
  b.run(2000);

  b.top.bme_i = 0;

  CHECK(b.finish() == 3 && b.read(kGensts) == (kResetTypeFlr | kHalt));
}

CASE(error_in_halt_goes_to_swerror) {
  MgmtBench& b = enabled(true);
  b.top.bme_i = 0;
  b.run(3000);
  b.write(kSwerror, 3);

  CHECK(b.engine_error(0x20));

  CHECK(code_of(b.swerror()) == 0x20 && b.log.empty());
}

CASE(function_level_reset_ends_halt) {
  MgmtBench& b = enabled(true);
  b.top.bme_i = 0;
  b.run(3000);

  b.reset();

  CHECK(b.read(kGensts) == 0 && b.swerror() == 0 && b.read(kEvlstatus + 4) == 0);
  b.enable(true);
}

CASE(change_of_the_function_while_disabled_is_nothing) {
  MgmtBench b;
  b.reset();
  b.run(5000);
  b.top.bme_i = b.top.ats_en_i = b.top.pasid_en_i = b.top.pri_cfg_i = 0;
  b.run(100);

  CHECK(b.read(kGensts) == 0 && b.swerror() == 0);
}

CASE(response_failure_does_not_halt) {
  MgmtBench& b = enabled(false);

  b.top.pri_en_i = 0;
  b.run(100);

  CHECK(b.read(kGensts) == 1 && b.swerror() == 0);
}

// ------------------------------------------------------------------------------------------------
// WQs

CASE(translations_of_a_wq_are_dropped_when_it_is_enabled) {
  MgmtBench b;
  b.reset();
  b.write(kGrpcfg, 3);
  b.write(kGrpcfg + 32, 1);
  for (uint32_t wq = 0; wq < 2; ++wq) b.write(kWqcfg + 64 * wq, 16);
  CHECK(b.command(kEnableDevice) == 0);
  b.write(kWqcfg + 64 + 8, 1u << 28 | 1 << 4 | 1);
  b.write(kWqcfg + 64 + 12, 5 << 5 | 20);

  CHECK(b.command(kEnableWq, 1) == 0);
  CHECK(b.rows.size() == 1 && b.rows[0].wq == 1 && b.rows[0].enabled && b.rows[0].drop);
  CHECK(b.command(kDisableDevice) == 0);
  CHECK(b.rows.size() == 2 && !b.rows[1].enabled && !b.rows[1].drop);
}

CASE(threshold_reaches_adi_while_its_wq_is_enabled) {
  MgmtBench& b = enabled(false);
  b.write(kWqcfg + 64 + 4, 0xffff'0009);
  CHECK(b.thresholds[1] == 9 && b.thresholds[0] == 0 && b.read(kWqcfg + 64 + 4) == 9);
}

CASE(threshold_in_adi_is_cleared_with_its_register) {
  for (uint32_t command : {kResetWq, kResetDevice}) {
    MgmtBench& b = enabled(false);
    b.write(kWqcfg + 64 + 4, 9);
    CHECK(b.command(command, command == kResetWq ? 2 : 0) == 0);
    CHECK(b.read(kWqcfg + 64 + 4) == 0 && b.thresholds[1] == 0);
  }
}

CASE(threshold_of_a_wq_beyond_the_straps_goes_nowhere) {
  MgmtBench& b = enabled(false);
  b.write(kWqcfg + 64 * 9 + 4, 9);
  CHECK(b.thresholds[9] == 0);
}

CASE(page_request_allocation_is_checked) {
  MgmtBench b;
  b.reset();
  for (const auto& [allocation, expected] : {std::pair{0, 0x13}, {0xffff, 0x13}, {512, 0}}) {
    b.top.pri_alloc_i = allocation;
    CHECK(b.command(kEnableDevice) == static_cast<uint32_t>(expected), "%d", allocation);
  }
}

// ------------------------------------------------------------------------------------------------
// Broken contracts

VIOLATION(entry_is_done_that_was_not_sent) {
  MgmtBench& b = enabled(true);
  b.top.evl_done_i = 1;
  b.settle();
  b.edge();
}

VIOLATION(portal_reports_another_error) {
  MgmtBench& b = enabled(true);
  b.top.adi_error_valid_i = 1;
  b.top.error_code_i = 0x11;
  b.run(2);
}

VIOLATION(host_changes_its_access) {
  MgmtBench& b = enabled(true);
  b.top.reg_valid_i = 1;
  b.run(2);
  b.top.reg_addr_i ^= 1;
  b.run(2);
}

VIOLATION(host_says_it_is_the_firmware) {
  MgmtBench& b = enabled(true);
  b.top.reg_valid_i = b.top.reg_fw_i = 1;
  b.run(3);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
