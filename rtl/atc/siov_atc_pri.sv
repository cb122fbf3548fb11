// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Page requests (PCIe 10.4): accesses without translation that may block wait in a queue, ask for
/// their page in a group of one, and on success ask for its translation again. Of one ADI few are
/// outstanding, so that one whose requests are never answered blocks only itself.
///
/// Who is stopped waits no longer: what it has asked for becomes stale, and its response only gives
/// the group back (PCIe 10.4.1.2). A stale group counts as outstanding, and towards the share of
/// whoever asked, so that nobody takes all groups by being stopped again and again.
module siov_atc_pri import siov_pkg::*, siov_atc_pkg::*; (
  input  logic      clk_i,
  input  logic      rst_ni,
  input  pcie_fn_t  fn_i,
  /// TLPs may start.
  input  logic      go_i,

  /// Who is stopped. `left_o`: a PASID of which a request has become stale since, until
  /// `left_next_i`.
  input  stop_t     stop_i,
  output left_t     left_o,
  input  logic      left_next_i,
  /// Send a Stop Marker, pulse. `stop_busy_o`: it has not left, or a stale request has not.
  input  logic        marker_valid_i,
  input  logic [19:0] marker_pasid_i,
  output logic        stop_busy_o,

  input  logic      push_i,
  input  miss_t     push_miss_i,

  /// The end of a wait.
  output logic      op_valid_o,
  input  logic      op_ready_i,
  output op_t       op_o,

  input  logic      rsp_valid_i,
  input  hdr_t      rsp_hdr_i,
  /// PRI was reset: no response will come.
  input  logic      reset_i,
  // pulses
  output logic      failure_o,
  output logic      unexpected_o,

  output logic      tx_valid_o,
  input  logic      tx_ready_i,
  output bare_tlp_t tx_o,

  /// Page requests are outstanding.
  output logic      outstanding_o,
  output logic      busy_o
);

  localparam logic [3:0] Success        = 4'h0;
  localparam logic [3:0] InvalidRequest = 4'h1;

  /// `merged`: another one asked for the page, so that its translation may be there now.
  typedef struct packed {
    miss_t miss;
    logic  merged;
  } waiter_t;

  typedef logic [NumPrgs-1:0] prgs_t;

  miss_t prg_q [NumPrgs];
  prgs_t sent_q;      // no response yet
  prgs_t answered_q;  // its wait is to be ended,
  prgs_t refused_q;   // as the response was Invalid Request,
  prgs_t failed_q;    // or there was none of use
  prgs_t stale_q;     // its wait has ended without response
  prgs_t more_q;      // whoever asked had another group already
  logic  off_q;       // Response Failure: until PRI is enabled again
  logic  on, pri_en_q;

  assign on = fn_i.pri_en && fn_i.pri_alloc != '0 && !off_q;

  // --- the queue --------------------------------------------------------------------------------

  logic    head_valid, queue_empty, turn, pop, send, ended, on_q, stopping, stopped, expected;
  waiter_t head, turned;

  siov_atc_queue #(.data_t(waiter_t), .Depth(NumWaiters)) u_queue (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .push_i       (push_i),
    .push_data_i  ('{miss: push_miss_i, merged: 1'b0}),
    .head_valid_o (head_valid),
    .head_o       (head),
    .pop_i        (pop),
    .turn_i       (turn),
    .turn_data_i  (turned),
    .changed_i    (ended || expected || on != on_q || stopping),
    .empty_o      (queue_empty)
  );

  assign stopping = stop_i.what != StopNone;
  assign stopped  = head_valid && is_stopped(stop_i, head.miss.lk.tenant);

  // What is outstanding, and what of it counts towards the head's share: its ADI's, of stale ones
  // those of the same PASID only, as a former owner's are not the next one's.
  logic [PrgW:0] outstanding, more, held;
  logic          same_page;

  always_comb begin
    outstanding = '0;
    more        = '0;
    held        = '0;
    same_page   = 1'b0;
    if (head_valid) begin
      for (int unsigned i = 0; i < NumPrgs; i++) begin
        if (sent_q[i]) outstanding = outstanding + 1'b1;
        if (sent_q[i] && more_q[i]) more = more + 1'b1;
        if ((sent_q[i] || answered_q[i]) &&
            prg_q[i].lk.tenant.adi == head.miss.lk.tenant.adi) begin
          if (!stale_q[i]) begin
            held = held + 1'b1;
            if (prg_q[i].lk.page == head.miss.lk.page &&
                prg_q[i].lk.tenant == head.miss.lk.tenant) begin
              same_page = 1'b1;
            end
          end else if (prg_q[i].lk.tenant.pasid == head.miss.lk.tenant.pasid) begin
            held = held + 1'b1;
          end
        end
      end
    end
  end

  // The share. Half of the groups are for ADIs that have none, one each. Of the other half an ADI
  // may take more, 4 in all, if it has no more than half of what is left there. So whose page
  // requests are never answered leaves others some; and nobody is left without one by fewer ADIs
  // than half of the groups.
  logic [PrgW:0] limit, more_limit, more_left;
  logic          over_share;

  assign limit      = fn_i.pri_alloc < 16'(NumPrgs) ? fn_i.pri_alloc[PrgW:0]
                                                    : (PrgW + 1)'(NumPrgs);
  assign more_limit = limit / 2;
  assign more_left  = more < more_limit ? more_limit - more : '0;

  assign over_share = outstanding >= limit || held >= (PrgW + 1)'(PrgsPerAdi) ||
                      (held != '0 && held > more_left / 2);

  // --- groups -----------------------------------------------------------------------------------

  logic            free_valid, answered;
  logic [PrgW-1:0] free_prg, answered_prg;
  prgs_t           free_one, answered_one;

  siov_first_one #(.Width(NumPrgs)) u_free (
    .bits_i  (~(sent_q | answered_q)),
    .any_o   (free_valid),
    .index_o (free_prg),
    .one_o   (free_one)
  );

  siov_first_one #(.Width(NumPrgs)) u_answered (
    .bits_i  (answered_q),
    .any_o   (answered),
    .index_o (answered_prg),
    .one_o   (answered_one)
  );

  // --- who goes on ------------------------------------------------------------------------------

  logic out_valid_q, marker_q;

  assign turn   = head_valid && on && !stopped && !push_i &&
                  (same_page || (over_share && !head.merged));
  assign turned = '{miss: head.miss, merged: head.merged || same_page};
  assign send   = head_valid && on && !stopped && !same_page && !head.merged && !over_share &&
                  free_valid && !out_valid_q && !marker_q;
  assign ended  = answered && op_ready_i;
  assign pop    = send || (head_valid && !answered && op_valid_o && op_ready_i);

  always_comb begin
    op_o        = '{op: OpRequeue, miss: head.miss, xlat: '{size: Size4K, default: '0},
                    status: siov_dsa_pkg::StatusPageFault};
    op_valid_o  = head_valid && (stopped || !on || (head.merged && !same_page));
    if (answered) begin
      op_o.miss       = prg_q[answered_prg];
      op_o.miss.tries = op_o.miss.tries + 1'b1;
      op_valid_o      = 1'b1;
      if (stale_q[answered_prg]) begin
        op_o.op     = OpFault;
        op_o.status = siov_dsa_pkg::StatusAbandoned;
      end else if (failed_q[answered_prg]) begin
        op_o.op     = OpFault;
        op_o.status = siov_dsa_pkg::StatusXlatError;
      end else if (refused_q[answered_prg] || op_o.miss.tries == '0) begin
        op_o.op     = OpFault;
        op_o.status = siov_dsa_pkg::StatusPageError;
      end
    end else if (stopped) begin
      op_o.op     = OpFault;
      op_o.status = siov_dsa_pkg::StatusAbandoned;
    end else if (!on) begin
      op_o.op = OpFault;
    end
  end

  // --- responses --------------------------------------------------------------------------------

  logic [3:0]      code;
  logic [PrgW-1:0] rsp_prg, out_prg_q;
  logic            out_marker_q, failure, cancel;
  prgs_t           sent_set, rsp_set, stale_set, refused_set, end_set;

  assign code     = rsp_hdr_i[2][15:12];
  assign rsp_prg  = rsp_hdr_i[2][PrgW-1:0];
  assign expected = rsp_valid_i && rsp_hdr_i[2][8:0] == 9'(rsp_prg) && sent_q[rsp_prg] &&
                    !(out_valid_q && !out_marker_q && out_prg_q == rsp_prg);
  assign failure  = expected && code != Success && code != InvalidRequest;

  assign failure_o    = failure;
  // After a failure the others' responses may still come.
  assign unexpected_o = rsp_valid_i && !expected && !off_q;

  always_comb begin
    sent_set = send ? free_one : '0;
    end_set  = ended ? answered_one : '0;
    rsp_set  = '0;
    if (expected) rsp_set[rsp_prg] = 1'b1;
    refused_set = code == InvalidRequest ? rsp_set : '0;
    if (cancel && !out_marker_q) rsp_set[out_prg_q] = 1'b1;
    if (failure || reset_i) rsp_set = sent_q;

    stale_set = '0;
    if (stopping) begin
      for (int unsigned i = 0; i < NumPrgs; i++) begin
        stale_set[i] = sent_q[i] && !rsp_set[i] && !stale_q[i] &&
                       is_stopped(stop_i, prg_q[i].lk.tenant);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sent_q     <= '0;
      answered_q <= '0;
      stale_q    <= '0;
      off_q      <= 1'b0;
      on_q       <= 1'b0;
      pri_en_q   <= 1'b0;
    end else begin
      sent_q     <= (sent_q | sent_set) & ~rsp_set;
      answered_q <= (answered_q | (rsp_set & ~stale_q) | stale_set) & ~end_set;
      stale_q    <= (stale_q | stale_set) & ~sent_set;
      on_q       <= on;
      if (failure) off_q <= 1'b1;
      else if (fn_i.pri_en && !pri_en_q) off_q <= 1'b0;
      pri_en_q   <= fn_i.pri_en;
    end
  end

  always_ff @(posedge clk_i) begin
    if (send) begin
      prg_q[free_prg]  <= head.miss;
      more_q[free_prg] <= held != '0;
    end
    refused_q <= (refused_q & ~sent_q) | refused_set;
    failed_q  <= (failed_q & ~sent_q) | (failure || reset_i ? sent_q : '0);
  end

  // --- whose requests have become stale ---------------------------------------------------------

  prgs_t           left_q, told;
  logic            left_valid;
  logic [PrgW-1:0] left_prg;

  siov_first_one #(.Width(NumPrgs)) u_left (
    .bits_i  (left_q),
    .any_o   (left_valid),
    .index_o (left_prg),
    .one_o   ()
  );

  assign left_o = '{
    valid:       left_valid,
    pasid_valid: prg_q[left_prg].lk.tenant.pasid_valid,
    pasid:       prg_q[left_prg].lk.tenant.pasid
  };

  always_comb begin
    told = '0;
    if (left_next_i) begin
      for (int unsigned i = 0; i < NumPrgs; i++) begin
        told[i] = prg_q[i].lk.tenant.pasid_valid == left_o.pasid_valid &&
                  prg_q[i].lk.tenant.pasid == left_o.pasid;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !stopping) left_q <= '0;
    else left_q <= (left_q | stale_set) & ~told;
  end

  // --- send -------------------------------------------------------------------------------------

  logic        gate_ready, mark;
  logic [19:0] marker_pasid_q;
  bare_tlp_t   out_q;

  // What has not been offered when PRI is disabled never will be: its waiter looks up again.
  assign cancel = out_valid_q && !on && !tx_valid_o;
  // A marker needs nobody who waits, and follows the requests from before by leaving here.
  assign mark   = marker_q && on && !out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (send || mark) out_valid_q <= 1'b1;
    else if (gate_ready || cancel) out_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) marker_q <= 1'b0;
    else if (marker_valid_i) marker_q <= 1'b1;
    else if (mark || !on) marker_q <= 1'b0;
    if (marker_valid_i) marker_pasid_q <= marker_pasid_i;
  end

  assign stop_busy_o = marker_q || (out_valid_q && (out_marker_q || stale_q[out_prg_q]));

  always_ff @(posedge clk_i) begin
    if (send || mark) out_marker_q <= mark;
    if (mark) begin
      out_q <= '{
        prefix_valid: 1'b1,
        prefix:       pasid_prefix('{pasid_valid: 1'b1, pasid: marker_pasid_q, default: '0}),
        hdr:          stop_marker_hdr(fn_i.rid)
      };
    end
    if (send) begin
      out_prg_q <= free_prg;
      out_q     <= '{
        prefix_valid: head.miss.lk.tenant.pasid_valid,
        prefix:       head.miss.lk.tenant.pasid_valid ? pasid_prefix(head.miss.lk.tenant) : '0,
        hdr:          page_request_hdr(fn_i.rid, free_prg, head.miss.lk.page, head.miss.lk.write)
      };
    end
  end

  siov_tlp_gate u_gate (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .go_i      (go_i && on),
    .valid_i   (out_valid_q),
    .ready_o   (gate_ready),
    .eop_i     (1'b1),
    .valid_o   (tx_valid_o),
    .ready_i   (tx_ready_i),
    .started_o ()
  );

  assign tx_o          = out_q;
  assign outstanding_o = sent_q != '0;
  assign busy_o        = sent_q != '0 || answered_q != '0 || !queue_empty || out_valid_q ||
                         marker_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (send) begin
        WithinAllocation_A : assert (16'(outstanding) < fn_i.pri_alloc)
          else $error("more page requests than allocated");
      end
      if (marker_valid_i) begin
        OneMarker_A : assert (!marker_q) else $error("Stop Marker asked for while one waits");
      end
    end
  end

endmodule
