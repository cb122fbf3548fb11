// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Address translation: the cache of translations (ATC), the requests that fill it, invalidation,
/// and page requests (PCIe 10). All times are in README.md.
module siov_atc import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  strap_t          strap_i,
  input  pcie_fn_t        fn_i,
  /// Start no new TLP (before a reset).
  input  logic            quiesce_i,
  /// Translation Requests are in flight.
  output logic            np_pending_o,

  /// Lookups; only while ATS is enabled. The answer comes two clocks after acceptance, in order.
  input  logic            lk_valid_i,
  output logic            lk_ready_o,
  input  lookup_t         lk_i,
  output logic            lk_rsp_valid_o,
  output lookup_rsp_t     lk_rsp_o,
  /// One for each XlatWait, no sooner than in the clock after it: look this up again. Never stalled.
  output logic            wake_valid_o,
  output logic [JobW-1:0] wake_job_o,
  output operand_e        wake_operand_o,
  /// What is held for this job is dropped. Once between the uses of a job id, when no wake is owed.
  input  logic            forget_valid_i,
  input  logic [JobW-1:0] forget_job_i,
  /// XlatHit answers of an epoch are in use: requests made with them may still leave, are in flight,
  /// or have not entered the posted stream. High from the clock after the answer at the latest.
  input  logic [1:0]      epoch_busy_i,

  /// Drop all translations of an ADI: its WQ changes hands. At most every 8 clocks.
  input  logic            drop_valid_i,
  input  logic [AdiW-1:0] drop_adi_i,

  /// All completions, each beat with its header; those with tags of others are ignored.
  input  logic            cpl_valid_i,
  input  tlp_beat_t       cpl_i,
  /// Invalidate Requests and PRG Responses to this function; other codes are ignored.
  input  logic            rx_msg_valid_i,
  input  rx_msg_t         rx_msg_i,

  output logic            tr_tx_valid_o,
  input  logic            tr_tx_ready_i,
  output tlp_beat_t       tr_tx_o,
  /// Page Requests and Invalidate Completions. Must not pass what was accepted from dma/ before.
  output logic            msg_tx_valid_o,
  input  logic            msg_tx_ready_i,
  output tlp_beat_t       msg_tx_o,

  output cpl_err_t        err_o,
  /// PRI status: pulses for Response Failure and Unexpected PRG Index; page requests outstanding
  /// (Stopped = !enabled && !this).
  output logic            pri_failure_o,
  output logic            pri_uprgi_o,
  output logic            pri_busy_o,
  /// PRI Control's Reset was written while PRI is disabled: forget what is outstanding.
  input  logic            pri_reset_i,

  output logic            busy_o
);

  // Not here yet.
  assign np_pending_o   = 1'b0;
  assign lk_ready_o     = 1'b0;
  assign lk_rsp_valid_o = 1'b0;
  assign lk_rsp_o       = '{kind: XlatWait, default: '0};
  assign wake_valid_o   = 1'b0;
  assign wake_job_o     = '0;
  assign wake_operand_o = OperandSrc;
  assign tr_tx_valid_o  = 1'b0;
  assign tr_tx_o        = '0;
  assign msg_tx_valid_o = 1'b0;
  assign msg_tx_o       = '0;
  assign err_o          = '0;
  assign pri_failure_o  = 1'b0;
  assign pri_uprgi_o    = 1'b0;
  assign pri_busy_o     = 1'b0;
  assign busy_o         = 1'b0;

endmodule
