// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Address translation: the cache of translations (ATC), the requests that fill it, invalidation,
/// and page requests (PCIe 10). All times are in README.md.
module siov_atc import siov_pkg::*, siov_atc_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  strap_t          strap_i,
  input  pcie_fn_t        fn_i,
  /// Start no new TLP (before a reset).
  input  logic            quiesce_i,
  /// The device is in Halt: no Translation or Page Request starts; invalidations are answered.
  input  logic            halt_i,
  /// Translation Requests are in flight, or a TLP has been offered and not been taken.
  output logic            np_pending_o,

  /// Lookups: the answer comes two clocks after acceptance, in order. While ATS is disabled it says
  /// that the address is to be used as it is.
  input  logic            lk_valid_i,
  output logic            lk_ready_o,
  input  lookup_t         lk_i,
  output logic            lk_rsp_valid_o,
  output lookup_rsp_t     lk_rsp_o,
  /// One for each XlatWait, later than it: look this up again. Never stalled.
  output logic            wake_valid_o,
  output logic [JobW-1:0] wake_job_o,
  output operand_e        wake_operand_o,
  /// What is held for this job is dropped. Once between the uses of a job id, when no wake is owed.
  input  logic            forget_valid_i,
  input  logic [JobW-1:0] forget_job_i,
  /// XlatHit answers of an epoch are in use: requests made with them may still leave, or are in
  /// flight. High from the clock after the answer at the latest. Who waits for a wake uses nothing.
  input  logic [1:0]      epoch_busy_i,
  /// The epoch that all belongs to that begins now without a lookup, as ATS is disabled.
  output logic            epoch_o,

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
  /// Whose waits for pages end at once, with StatusAbandoned. `left_o`: a PASID whose requests are
  /// left without response since; `left_next_i` asks for the next one.
  input  stop_t           stop_i,
  output left_t           left_o,
  input  logic            left_next_i,
  /// Send a Stop Marker, pulse, while `stop_busy_o` is low. That is high while it, or a page
  /// request of whoever is stopped, has not left.
  input  logic            marker_valid_i,
  input  logic [19:0]     marker_pasid_i,
  output logic            stop_busy_o,
  /// PRI Control's Reset was written while PRI is disabled: forget what is outstanding.
  input  logic            pri_reset_i,

  output logic            busy_o
);

  logic        clk, cpl_take, tr_late;
  logic [17:0] enables;
  assign enables = {fn_i.ats_en, fn_i.pri_en, fn_i.pri_alloc};

  siov_clk_gate #(.Width($bits(enables))) u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (lk_valid_i || forget_valid_i || drop_valid_i || cpl_take || rx_msg_valid_i ||
              marker_valid_i || pri_reset_i || stop_i.what != StopNone || np_pending_o ||
              tr_late || busy_o),
    .watch_i (enables),
    .clk_o   (clk)
  );

  logic go;
  assign go = fn_i.bme && !fn_i.d3hot && !quiesce_i && !halt_i;

  // --- which operation goes next ----------------------------------------------------------------

  logic            cpl_op_valid, pri_op_valid, pri_op_ready, req_op_valid, req_op_ready,
                   inv_op_valid, inv_op_ready, back_valid, back_ready, back_first, clearing;
  op_t             cpl_op, pri_op, req_op, inv_op, op;
  logic            op_valid, drop_q, inv_first, inv_last_q;
  logic [AdiW-1:0] drop_adi_q;
  logic [1:0]      back_wait_q;

  // Completions cannot wait. Lookups go before the rest, but leave it one clock of four. Of those
  // the sweep has every other.
  assign back_valid = pri_op_valid || req_op_valid || inv_op_valid;
  assign back_first = back_wait_q == '1;
  assign back_ready = !cpl_op_valid && !drop_q && (back_first || !lk_valid_i || clearing);
  assign lk_ready_o = !cpl_op_valid && !drop_q && !(back_first && back_valid) && !clearing;

  assign inv_first    = inv_op_valid && !inv_last_q;
  assign pri_op_ready = back_ready && !inv_first;
  assign req_op_ready = back_ready && !inv_first && !pri_op_valid;
  assign inv_op_ready = back_ready && (inv_first || !(pri_op_valid || req_op_valid));

  always_comb begin
    op = cpl_op;
    if (!cpl_op_valid) begin
      op.op           = OpLookup;
      op.miss         = '{lk: lk_i, tries: '0};
      if (drop_q) begin
        op.op                 = OpClear;
        op.miss.lk.tenant.adi = drop_adi_q;
      end else if (back_valid && back_ready) begin
        op = inv_op_ready ? inv_op : pri_op_valid ? pri_op : req_op;
      end
    end
  end

  assign op_valid = cpl_op_valid || drop_q || (back_valid && back_ready) ||
                    (lk_valid_i && lk_ready_o);

  always_ff @(posedge clk) begin
    if (!rst_ni) begin
      back_wait_q <= '0;
      drop_q      <= 1'b0;
      inv_last_q  <= 1'b0;
    end else begin
      if (!back_valid || back_ready) back_wait_q <= '0;
      else if (!back_first) back_wait_q <= back_wait_q + 1'b1;
      if (back_valid && back_ready) inv_last_q <= inv_op_ready;
      if (drop_valid_i) drop_q <= 1'b1;
      else if (!cpl_op_valid) drop_q <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (drop_valid_i) drop_adi_q <= drop_adi_i;
  end

  // --- the cache --------------------------------------------------------------------------------

  logic       epoch, forget_all, ask, requeue, block;
  miss_t      miss;
  inv_t       inv;
  logic [7:0] tcs;

  siov_atc_cache u_cache (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .off_i          (!fn_i.ats_en),
    .op_valid_i     (op_valid),
    .op_i           (op),
    .inv_i          (inv),
    .epoch_i        (epoch),
    .forget_i       (forget_valid_i),
    .forget_job_i   (forget_job_i),
    .forget_all_i   (forget_all),
    .rsp_valid_o    (lk_rsp_valid_o),
    .rsp_o          (lk_rsp_o),
    .wake_valid_o   (wake_valid_o),
    .wake_job_o     (wake_job_o),
    .wake_operand_o (wake_operand_o),
    .ask_o          (ask),
    .requeue_o      (requeue),
    .block_o        (block),
    .miss_o         (miss),
    .tcs_o          (tcs)
  );

  // --- what fills it, and what empties it -------------------------------------------------------

  logic      mark, tr_valid, tr_pending, inv_tx_valid, inv_tx_ready, pri_tx_valid, pri_tx_ready;
  logic      req_busy, inv_busy, pri_busy;
  bare_tlp_t tr, inv_tx, pri_tx;

  siov_atc_request u_request (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go),
    .push_i         (requeue),
    .push_miss_i    (miss),
    .op_valid_o     (req_op_valid),
    .op_ready_i     (req_op_ready),
    .op_o           (req_op),
    .ask_i          (ask),
    .ask_miss_i     (miss),
    .cpl_valid_i    (cpl_valid_i),
    .cpl_i          (cpl_i),
    .cpl_take_o     (cpl_take),
    .cpl_op_valid_o (cpl_op_valid),
    .cpl_op_o       (cpl_op),
    .err_o          (err_o),
    .mark_i         (mark),
    .inv_i          (inv),
    .tx_valid_o     (tr_valid),
    .tx_ready_i     (tr_tx_ready_i),
    .tx_o           (tr),
    .pending_o      (tr_pending),
    .late_o         (tr_late),
    .busy_o         (req_busy)
  );

  siov_atc_invalidate u_invalidate (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .strap_i      (strap_i),
    .fn_i         (fn_i),
    .go_i         (!fn_i.d3hot && !quiesce_i),
    .req_valid_i  (rx_msg_valid_i && rx_msg_i.code == MsgInvalidate),
    .req_i        (rx_msg_i),
    .clearing_o   (clearing),
    .lk_ready_i   (lk_ready_o),
    .mark_o       (mark),
    .inv_o        (inv),
    .op_valid_o   (inv_op_valid),
    .op_ready_i   (inv_op_ready),
    .op_o         (inv_op),
    .epoch_o      (epoch),
    .epoch_busy_i (epoch_busy_i),
    .halt_i       (halt_i),
    .forget_o     (forget_all),
    .tcs_i        (tcs),
    .tx_valid_o   (inv_tx_valid),
    .tx_ready_i   (inv_tx_ready),
    .tx_o         (inv_tx),
    .busy_o       (inv_busy)
  );

  siov_atc_pri u_pri (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go),
    .stop_i         (stop_i),
    .left_o         (left_o),
    .left_next_i    (left_next_i),
    .marker_valid_i (marker_valid_i),
    .marker_pasid_i (marker_pasid_i),
    .stop_busy_o    (stop_busy_o),
    .push_i         (block),
    .push_miss_i    (miss),
    .op_valid_o     (pri_op_valid),
    .op_ready_i     (pri_op_ready),
    .op_o           (pri_op),
    .rsp_valid_i    (rx_msg_valid_i && rx_msg_i.code == MsgPrgResponse),
    .rsp_hdr_i      (rx_msg_i.hdr),
    .reset_i        (pri_reset_i),
    .failure_o      (pri_failure_o),
    .unexpected_o   (pri_uprgi_o),
    .tx_valid_o     (pri_tx_valid),
    .tx_ready_i     (pri_tx_ready),
    .tx_o           (pri_tx),
    .outstanding_o  (pri_busy_o),
    .busy_o         (pri_busy)
  );

  // --- out --------------------------------------------------------------------------------------

  logic pri_offered_q;  // a page request once offered stays

  assign pri_tx_ready = msg_tx_ready_i && (pri_offered_q || !inv_tx_valid);
  assign inv_tx_ready = msg_tx_ready_i && !pri_offered_q;

  always_ff @(posedge clk) begin
    if (!rst_ni) pri_offered_q <= 1'b0;
    else pri_offered_q <= pri_tx_valid && !msg_tx_ready_i && (pri_offered_q || !inv_tx_valid);
  end

  assign tr_tx_valid_o  = tr_valid;
  assign tr_tx_o        = bare_beat(tr);
  assign msg_tx_valid_o = inv_tx_valid || pri_tx_valid;
  assign msg_tx_o       = bare_beat(pri_offered_q || !inv_tx_valid ? pri_tx : inv_tx);

  assign np_pending_o = tr_pending || msg_tx_valid_o;
  assign busy_o       = req_busy || inv_busy || pri_busy;
  assign epoch_o      = epoch;

  always_ff @(posedge clk) begin
    if (rst_ni) begin
      WaitEndsInOneWay_A : assert (32'(ask) + 32'(requeue) + 32'(block) <= 1)
        else $error("one lookup waits for two things");
    end
  end

endmodule
