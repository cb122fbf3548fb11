// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The PCIe room: takes TLPs apart, keeps config space, answers requests, sends TLPs.
///
/// Receive: one beat a clock. Posted writes are performed in order. Requests that end in a
/// completion have a queue of their own: none is performed before the posted writes received ahead
/// of it, and no posted write waits for one. Completions go straight to dma/ and atc/, Invalidate
/// Requests and PRG Responses to atc/. So reception ends in bounded time even if the host takes no
/// completions, as long as it obeys `rx_np_ready_o`.
/// Transmit: six sources in three classes, each a stream of whole TLPs; a class without credits
/// never blocks another; nothing passes a posted TLP that was accepted before it. `*_tx_ready_o`
/// high with valid means the beat has entered the ordered output stream.
module siov_pcie import siov_pkg::*, siov_pcie_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  strap_t     strap_i,
  /// As sampled while reset is low.
  output strap_t     strap_o,

  // TLP port
  input  logic       rx_valid_i,
  output logic       rx_ready_o,
  /// The host must not start a non-posted TLP while this is low.
  output logic       rx_np_ready_o,
  input  tlp_beat_t  rx_i,
  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,
  input  fc_limits_t tx_fc_i,

  // function state
  output pcie_fn_t   fn_o,
  /// FLR asked for: level, from the config write until `flr_done_i` (see siov_reset). No BAR0
  /// access is in flight or started meanwhile.
  output logic       flr_o,
  input  logic       flr_done_i,
  /// For Transactions Pending.
  input  logic       np_pending_i,

  /// What dma/ and atc/ found wrong with their completions.
  input  cpl_err_t   dma_err_i,
  input  cpl_err_t   atc_err_i,

  // Page Request Interface: state is in `fn_o`, the rest with atc/
  /// Page requests wait for a response: level.
  input  logic       pri_pending_i,
  /// A response said Response Failure; one came that nobody waited for: pulses.
  input  logic       pri_failure_i,
  input  logic       pri_unexpected_i,
  /// Software reset the interface: forget page requests, pulse. Only while `fn_o.pri_en` is low.
  output logic       pri_reset_o,

  // BAR0: one access at a time; the request holds until `reg_rsp_valid_i`, a pulse
  output logic       reg_valid_o,
  output reg_req_t   reg_o,
  input  logic       reg_rsp_valid_i,
  input  logic [31:0] reg_rdata_i,

  // BAR2
  output logic       portal_valid_o,
  input  logic       portal_ready_i,
  output portal_wr_t portal_o,
  /// The portal write taken in the clock before is in its queue.
  input  logic       portal_accepted_i,

  /// Completion beats for dma/ and atc/, never stalled: those whose tag one of the two can have
  /// given. `cpl_o.hdr` is valid in every beat, not just at sop.
  output logic       cpl_valid_o,
  output tlp_beat_t  cpl_o,

  /// Invalidate Requests and PRG Responses for atc/, never stalled.
  output logic       rx_msg_valid_o,
  output rx_msg_t    rx_msg_o,

  // from dma/
  input  logic       np_tx_valid_i,
  output logic       np_tx_ready_o,
  input  tlp_beat_t  np_tx_i,
  input  logic       p_tx_valid_i,
  output logic       p_tx_ready_o,
  input  tlp_beat_t  p_tx_i,

  // from atc/: Translation Requests; page requests and Invalidate Completions
  input  logic       tr_tx_valid_i,
  output logic       tr_tx_ready_o,
  input  tlp_beat_t  tr_tx_i,
  input  logic       msg_tx_valid_i,
  output logic       msg_tx_ready_o,
  input  tlp_beat_t  msg_tx_i,
  /// A TLP has begun and its source has not given all of it: no time for a reset.
  output logic       tx_partial_o,

  output logic       busy_o
);

  logic [63:18] bar0;
  logic [63:16] bar2;
  logic [23:16] bar2_mask;
  err_event_t   err [NumErrSources];
  err_event_t   err_q [NumErrSources];
  logic         rx_busy;

  // ------------------------------------------------------------------------------------------
  // Receive

  logic    line_valid, line_ready, line_drop, posted_valid, posted_ready, pass,
           pass_accepted;
  line_t   line;
  posted_t posted;
  logic    target_rx_valid, target_rx_ready;
  target_t target_rx;

  siov_pcie_rx u_rx (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .strap_i        (strap_o),
    .fn_i           (fn_o),
    .bar0_i         (bar0),
    .bar2_i         (bar2),
    .bar2_mask_i    (bar2_mask),
    .rx_valid_i     (rx_valid_i),
    .rx_ready_o     (rx_ready_o),
    .rx_i           (rx_i),
    .cpl_valid_o    (cpl_valid_o),
    .cpl_o          (cpl_o),
    .msg_valid_o    (rx_msg_valid_o),
    .msg_o          (rx_msg_o),
    .line_valid_o   (line_valid),
    .line_ready_i   (line_ready),
    .line_o         (line),
    .line_drop_o    (line_drop),
    .posted_valid_o (posted_valid),
    .posted_ready_i (posted_ready),
    .posted_o       (posted),
    .target_valid_o (target_rx_valid),
    .target_ready_i (target_rx_ready),
    .target_o       (target_rx),
    .err_o          (err[ErrRx]),
    .busy_o         (rx_busy)
  );

  // ------------------------------------------------------------------------------------------
  // What serves the host as a completer, and config space, are used rarely

  logic posted_clk, cfg_clk;

  siov_clk_gate u_posted_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (posted_valid || line_valid || line_drop || posted_busy || flr_o),
    .watch_i (read_hold),
    .clk_o   (posted_clk)
  );

  siov_clk_gate u_cfg_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (target_rx_valid || nonposted_busy || completer_busy || err_comes || err_busy ||
              errmsg_busy || pri_failure_i || pri_unexpected_i),
    .watch_i (pri_pending_i),
    .clk_o   (cfg_clk)
  );

  always_ff @(posedge cfg_clk) begin
    if (!rst_ni) strap_o <= strap_i;
  end

  // ------------------------------------------------------------------------------------------
  // Posted writes, and requests with a completion. BAR0 is used by one of them at a time.

  logic        write_valid, write_active, posted_busy, read_valid, read_hold;
  reg_req_t    write_req, read_req;
  logic        target_valid, target_ready, target_accepted, nonposted_busy;
  target_t     target;
  logic        cfg_valid, cfg_flr;
  cfg_req_t    cfg;
  logic [31:0] cfg_rdata;
  logic        cpl_tx_valid, cpl_tx_ready;
  tlp_beat_t   cpl_tx;
  logic        completer_busy;

  siov_pcie_posted u_posted (
    .clk_i             (posted_clk),
    .rst_ni            (rst_ni),
    .flr_i             (flr_o),
    .valid_i           (posted_valid),
    .ready_o           (posted_ready),
    .posted_i          (posted),
    .line_valid_i      (line_valid),
    .line_ready_o      (line_ready),
    .line_i            (line),
    .line_drop_i       (line_drop),
    .pass_o            (pass),
    .pass_accepted_o   (pass_accepted),
    .reg_hold_i        (read_hold),
    .reg_valid_o       (write_valid),
    .reg_o             (write_req),
    .reg_rsp_valid_i   (reg_rsp_valid_i && write_valid),
    .reg_active_o      (write_active),
    .portal_valid_o    (portal_valid_o),
    .portal_ready_i    (portal_ready_i),
    .portal_o          (portal_o),
    .portal_accepted_i (portal_accepted_i),
    .busy_o            (posted_busy)
  );

  siov_pcie_nonposted u_nonposted (
    .clk_i           (cfg_clk),
    .rst_ni          (rst_ni),
    .valid_i         (target_rx_valid),
    .ready_o         (target_rx_ready),
    .target_i        (target_rx),
    .np_ready_o      (rx_np_ready_o),
    .pass_i          (pass),
    .pass_accepted_i (pass_accepted),
    .valid_o         (target_valid),
    .ready_i         (target_ready),
    .target_o        (target),
    .accepted_o      (target_accepted),
    .busy_o          (nonposted_busy)
  );

  siov_pcie_completer u_completer (
    .clk_i           (cfg_clk),
    .rst_ni          (rst_ni),
    .rid_i           (fn_o.rid),
    .ido_i           (fn_o.ido_cpl),
    .target_valid_i  (target_valid),
    .target_ready_o  (target_ready),
    .target_i        (target),
    .accepted_i      (target_accepted),
    .reg_active_i    (write_active),
    .reg_hold_o      (read_hold),
    .reg_valid_o     (read_valid),
    .reg_o           (read_req),
    .reg_rsp_valid_i (reg_rsp_valid_i && read_valid),
    .reg_rdata_i     (reg_rdata_i),
    .cfg_valid_o     (cfg_valid),
    .cfg_o           (cfg),
    .cfg_rdata_i     (cfg_rdata),
    .cfg_flr_i       (cfg_flr),
    .flr_o           (flr_o),
    .flr_done_i      (flr_done_i),
    .tx_valid_o      (cpl_tx_valid),
    .tx_ready_i      (cpl_tx_ready),
    .tx_o            (cpl_tx),
    .busy_o          (completer_busy)
  );

  assign reg_valid_o = write_valid || read_valid;
  assign reg_o       = write_valid ? write_req : read_req;

  // ------------------------------------------------------------------------------------------
  // Config space, errors

  err_msg_t [NumErrSources:0] err_msg;
  logic                       err_tx_valid, err_tx_ready, errmsg_busy;
  tlp_beat_t                  err_tx;

  assign err[ErrDma]        = cpl_error(dma_err_i);
  assign err[ErrAtc]        = cpl_error(atc_err_i);
  assign err[ErrDmaTimeout] = timeout_error(dma_err_i);
  assign err[ErrAtcTimeout] = timeout_error(atc_err_i);

  // A clock later: no long path from a beat to config space.
  always_ff @(posedge cfg_clk) begin
    for (int unsigned s = 0; s < NumErrSources; s++) begin
      err_q[s].err <= rst_ni ? err[s].err : '0;
      if (err[s].err != '0) begin
        err_q[s].hdr    <= err[s].hdr;
        err_q[s].prefix <= err[s].prefix;
      end
    end
  end

  logic err_comes, err_busy;
  always_comb begin
    err_comes = 1'b0;
    err_busy  = 1'b0;
    for (int unsigned s = 0; s < NumErrSources; s++) begin
      err_comes |= err[s].err != '0;
      err_busy  |= err_q[s].err != '0;
    end
  end

  siov_pcie_cfg u_cfg (
    .clk_i            (cfg_clk),
    .rst_ni           (rst_ni),
    .strap_i          (strap_o),
    .flr_i            (flr_o),
    .np_pending_i     (np_pending_i),
    .cfg_valid_i      (cfg_valid),
    .cfg_i            (cfg),
    .cfg_rdata_o      (cfg_rdata),
    .cfg_flr_o        (cfg_flr),
    .err_i            (err_q),
    .err_msg_o        (err_msg),
    .pri_pending_i    (pri_pending_i),
    .pri_failure_i    (pri_failure_i),
    .pri_unexpected_i (pri_unexpected_i),
    .pri_reset_o      (pri_reset_o),
    .fn_o             (fn_o),
    .bar0_o           (bar0),
    .bar2_o           (bar2),
    .bar2_mask_o      (bar2_mask)
  );

  siov_pcie_errmsg #(
    .Sources (NumErrSources + 1)
  ) u_errmsg (
    .clk_i      (cfg_clk),
    .rst_ni     (rst_ni),
    .flr_i      (flr_o),
    .rid_i      (fn_o.rid),
    .msg_i      (err_msg),
    .tx_valid_o (err_tx_valid),
    .tx_ready_i (err_tx_ready),
    .tx_o       (err_tx),
    .busy_o     (errmsg_busy)
  );

  // ------------------------------------------------------------------------------------------
  // Transmit

  logic tx_busy;

  siov_pcie_tx u_tx (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .fc_i        (tx_fc_i),
    .p_valid_i   (p_tx_valid_i),
    .p_ready_o   (p_tx_ready_o),
    .p_i         (p_tx_i),
    .msg_valid_i (msg_tx_valid_i),
    .msg_ready_o (msg_tx_ready_o),
    .msg_i       (msg_tx_i),
    .err_valid_i (err_tx_valid),
    .err_ready_o (err_tx_ready),
    .err_i       (err_tx),
    .np_valid_i  (np_tx_valid_i),
    .np_ready_o  (np_tx_ready_o),
    .np_i        (np_tx_i),
    .tr_valid_i  (tr_tx_valid_i),
    .tr_ready_o  (tr_tx_ready_o),
    .tr_i        (tr_tx_i),
    .cpl_valid_i (cpl_tx_valid),
    .cpl_ready_o (cpl_tx_ready),
    .cpl_i       (cpl_tx),
    .tx_valid_o  (tx_valid_o),
    .tx_ready_i  (tx_ready_i),
    .tx_o        (tx_o),
    .partial_o   (tx_partial_o),
    .busy_o      (tx_busy)
  );

  assign busy_o = rx_busy || posted_busy || nonposted_busy || completer_busy || err_busy ||
                  errmsg_busy || tx_busy;

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      OneRegAccess_A : assert (!(write_valid && read_valid))
        else $error("a BAR0 write and a BAR0 read at the same time");
      if (flr_o) begin
        QuietDuringFlr_A : assert (!reg_valid_o) else $error("a BAR0 access during FLR");
      end
    end
  end

endmodule
