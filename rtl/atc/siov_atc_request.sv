// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Translation Requests. Lookups that missed wait in a queue; the one at its head looks once more,
/// as what it needs may have come meanwhile, and then asks for its page. Of one ADI at most half
/// the requests are in flight, and no page is asked for twice at once.
module siov_atc_request import siov_pkg::*, siov_atc_pkg::*; (
  input  logic      clk_i,
  input  logic      rst_ni,
  input  pcie_fn_t  fn_i,
  /// TLPs may start.
  input  logic      go_i,

  input  logic      push_i,
  input  miss_t     push_miss_i,

  /// A waiter's turn, or the end of its wait.
  output logic      op_valid_o,
  input  logic      op_ready_i,
  output op_t       op_o,
  /// OpAsk found nothing.
  input  logic      ask_i,
  input  miss_t     ask_miss_i,

  input  logic      cpl_valid_i,
  input  tlp_beat_t cpl_i,
  /// This is a Translation Completion, expected or not.
  output logic      cpl_take_o,
  /// What follows from a completion. Never stalled.
  output logic      cpl_op_valid_o,
  output op_t       cpl_op_o,
  output cpl_err_t  err_o,

  /// Answers to requests made until now must not be used for this range.
  input  logic      mark_i,
  input  inv_t      inv_i,

  output logic      tx_valid_o,
  input  logic      tx_ready_i,
  output bare_tlp_t tx_o,

  /// A request has been offered, or is in flight.
  output logic      pending_o,
  /// Tags of requests that timed out rest.
  output logic      late_o,
  output logic      busy_o
);

  localparam int unsigned LateTicks = 16 * CtoTicks;
  localparam int unsigned AgeW      = $clog2(LateTicks + 1);

  typedef logic [NumTrs-1:0] trs_t;

  miss_t tr_q [NumTrs];
  trs_t  busy_q;     // has a waiter: asked, or about to ask
  trs_t  sent_q;     // in flight
  trs_t  late_q;     // timed out: the tag must not be used until its completion came
  trs_t  expired_q;  // in flight for too long, not ended yet
  trs_t  stale_q;    // the page has been invalidated since it was asked for
  trs_t  small_q;    // something of the tenant's has

  logic [NumTrs-1:0][AgeW-1:0] age_q;  // ticks since it was sent, or since it timed out

  // --- the queue --------------------------------------------------------------------------------

  logic  head_valid, queue_empty, turn, can_ask, ended;
  logic  asking_q, out_valid_q, same_page, over_quota;
  miss_t head;

  siov_atc_queue #(.data_t(miss_t), .Depth(NumWaiters)) u_queue (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .push_i       (push_i),
    .push_data_i  (push_miss_i),
    .head_valid_o (head_valid),
    .head_o       (head),
    .pop_i        (head_valid && !expired && op_valid_o && op_ready_i),
    .turn_i       (turn),
    .turn_data_i  (head),
    .changed_i    (ended || !fn_i.ats_en),
    .empty_o      (queue_empty)
  );

  // What the head has in flight already.
  logic [TrW:0] in_flight;

  always_comb begin
    in_flight = '0;
    same_page = 1'b0;
    if (head_valid) begin
      for (int unsigned i = 0; i < NumTrs; i++) begin
        if (busy_q[i] && tr_q[i].lk.tenant.adi == head.lk.tenant.adi) begin
          in_flight = in_flight + 1'b1;
          if (tr_q[i].lk.page == head.lk.page && tr_q[i].lk.tenant == head.lk.tenant) begin
            same_page = 1'b1;
          end
        end
      end
    end
  end

  logic           long_tags, expired, free_valid;
  logic [TrW-1:0] expired_tr, free_tr;
  trs_t           usable, expired_one, free_one;

  // Without Extended Tags there are half as many.
  assign long_tags  = fn_i.tag10 || fn_i.ext_tag;
  assign usable     = ~(busy_q | late_q) & {{NumTrs/2{long_tags}}, {NumTrs/2{1'b1}}};
  assign over_quota = in_flight >= (TrW + 1)'(long_tags ? TrsPerAdi : TrsPerAdi / 2);

  siov_first_one #(.Width(NumTrs)) u_free (
    .bits_i  (usable),
    .any_o   (free_valid),
    .index_o (free_tr),
    .one_o   (free_one)
  );

  siov_first_one #(.Width(NumTrs)) u_expired (
    .bits_i  (expired_q),
    .any_o   (expired),
    .index_o (expired_tr),
    .one_o   (expired_one)
  );

  assign can_ask = free_valid && !same_page && !over_quota && !asking_q && !out_valid_q;
  assign turn    = head_valid && fn_i.ats_en && (same_page || over_quota) && !push_i && !asking_q;

  always_comb begin
    op_o        = '{op: OpAsk, miss: head, xlat: '{size: Size4K, default: '0}, status: '0};
    op_valid_o  = head_valid && can_ask;
    if (expired) begin
      op_o.op     = OpFault;
      op_o.miss   = tr_q[expired_tr];
      op_o.status = siov_dsa_pkg::StatusXlatError;
      op_valid_o  = 1'b1;
    end else if (!fn_i.ats_en) begin
      op_o.op     = OpFault;
      op_o.status = siov_dsa_pkg::StatusXlatError;
      op_valid_o  = head_valid;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) asking_q <= 1'b0;
    else asking_q <= op_valid_o && op_ready_i && op_o.op == OpAsk;
  end

  // --- send -------------------------------------------------------------------------------------

  logic           gate_ready, sent;
  logic [TrW-1:0] out_tr_q;
  bare_tlp_t      out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (ask_i) out_valid_q <= 1'b1;
    else if (sent) out_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (ask_i) begin
      out_tr_q <= free_tr;
      out_q    <= '{
        prefix_valid: ask_miss_i.lk.tenant.pasid_valid,
        prefix:       ask_miss_i.lk.tenant.pasid_valid ? pasid_prefix(ask_miss_i.lk.tenant) : '0,
        hdr:          tr_hdr(fn_i.rid, make_tag(fn_i, TagTr, SlotW'(free_tr)),
                             ask_miss_i.lk.page >> fn_i.stu << fn_i.stu, !ask_miss_i.lk.write)
      };
    end
  end

  siov_tlp_gate u_gate (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .go_i      (go_i),
    .valid_i   (out_valid_q),
    .ready_o   (gate_ready),
    .eop_i     (1'b1),
    .valid_o   (tx_valid_o),
    .ready_i   (tx_ready_i),
    .started_o ()
  );

  assign tx_o = out_q;
  assign sent = out_valid_q && gate_ready;

  // --- completions and timeouts -----------------------------------------------------------------

  logic [TrW-1:0] cpl_tr;
  logic           tick, timed_out, cpl_ended;
  cpl_err_t       cpl_err;

  siov_atc_cpl u_cpl (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .fn_i        (fn_i),
    .cpl_valid_i (cpl_valid_i),
    .cpl_i       (cpl_i),
    .take_o      (cpl_take_o),
    .tr_o        (cpl_tr),
    .tr_sent_i   (sent_q[cpl_tr]),
    .tr_late_i   (late_q[cpl_tr]),
    .tr_stale_i  (stale_q[cpl_tr] || !fn_i.ats_en),
    .tr_small_i  (small_q[cpl_tr]),
    .tr_i        (tr_q[cpl_tr]),
    .op_valid_o  (cpl_op_valid_o),
    .op_o        (cpl_op_o),
    .ended_o     (cpl_ended),
    .err_o       (cpl_err)
  );

  siov_cto_tick u_tick (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .run_i   ((sent_q | late_q) != '0),
    .value_i (fn_i.cto_value),
    .dis_i   (fn_i.cto_dis),
    .tick_o  (tick)
  );

  assign timed_out = expired && op_ready_i;
  assign ended     = cpl_ended || timed_out;

  always_comb begin
    err_o     = cpl_err;
    err_o.cto = timed_out;
  end

  // --- state of the requests --------------------------------------------------------------------

  trs_t asked_set, sent_set, ended_set, timed_out_set;

  always_comb begin
    asked_set     = ask_i ? free_one : '0;
    timed_out_set = timed_out ? expired_one : '0;
    sent_set      = '0;
    ended_set     = '0;
    if (sent) sent_set[out_tr_q] = 1'b1;
    if (cpl_ended) ended_set[cpl_tr] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q    <= '0;
      sent_q    <= '0;
      late_q    <= '0;
      expired_q <= '0;
    end else begin
      busy_q    <= (busy_q | asked_set) & ~(ended_set | timed_out_set);
      sent_q    <= (sent_q | sent_set) & ~(ended_set | timed_out_set);
      late_q    <= (late_q | timed_out_set) & ~ended_set;
      expired_q <= expired_q & ~(ended_set | timed_out_set);
      if (tick) begin
        for (int unsigned i = 0; i < NumTrs; i++) begin
          if (sent_q[i] && age_q[i] == AgeW'(CtoTicks)) expired_q[i] <= !ended_set[i];
          if (late_q[i] && age_q[i] == AgeW'(LateTicks)) late_q[i] <= 1'b0;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (sent || timed_out || tick) begin
      for (int unsigned i = 0; i < NumTrs; i++) begin
        if (sent_set[i] || timed_out_set[i]) age_q[i] <= '0;
        else if (tick) age_q[i] <= age_q[i] + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (ask_i) begin
      tr_q[free_tr]    <= ask_miss_i;
      stale_q[free_tr] <= 1'b0;
      small_q[free_tr] <= 1'b0;
    end
    if (mark_i) begin
      for (int unsigned i = 0; i < NumTrs; i++) begin
        if (inv_hits(inv_i, tr_q[i].lk.tenant.pasid_valid, tr_q[i].lk.tenant.pasid, 1'b1)) begin
          small_q[i] <= 1'b1;
        end
        if (inv_hits(inv_i, tr_q[i].lk.tenant.pasid_valid, tr_q[i].lk.tenant.pasid,
                     ((tr_q[i].lk.page ^ inv_i.page) & ~inv_i.mask) == '0)) begin
          stale_q[i] <= 1'b1;
        end
      end
    end
  end

  assign pending_o = sent_q != '0 || tx_valid_o;
  assign late_o    = late_q != '0;
  assign busy_o    = busy_q != '0 || !queue_empty || asking_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (ask_i) begin
        FreeTrForAsk_A : assert (free_valid && !out_valid_q)
          else $error("no tag for a Translation Request");
      end
    end
  end

endmodule
