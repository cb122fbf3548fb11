// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Transmit side: merges six streams of whole TLPs into one.
///
/// Sources take turns, TLP by TLP; one that lacks credits of its class is passed over, so a class
/// that is stalled for ever holds up no other. Order on the port is the order of acceptance here,
/// so nothing passes a posted TLP that was accepted before it, whatever RO and IDO would allow. One
/// output register: a beat a clock, no gap between TLPs, one clock of latency. A source that pauses
/// inside a TLP holds up the others.
module siov_pcie_tx import siov_pkg::*, siov_pcie_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  fc_limits_t fc_i,

  // posted: data of dma/, messages of atc/, error messages; messages carry no payload
  input  logic       p_valid_i,
  output logic       p_ready_o,
  input  tlp_beat_t  p_i,
  input  logic       msg_valid_i,
  output logic       msg_ready_o,
  input  tlp_beat_t  msg_i,
  input  logic       err_valid_i,
  output logic       err_ready_o,
  input  tlp_beat_t  err_i,

  // non-posted: reads of dma/, Translation Requests of atc/
  input  logic       np_valid_i,
  output logic       np_ready_o,
  input  tlp_beat_t  np_i,
  input  logic       tr_valid_i,
  output logic       tr_ready_o,
  input  tlp_beat_t  tr_i,

  input  logic       cpl_valid_i,
  output logic       cpl_ready_o,
  input  tlp_beat_t  cpl_i,

  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,

  /// A TLP has begun and its source has not given all of it.
  output logic       partial_o,
  output logic       busy_o
);

  // A set of sources: completions, non-posted, posted, as in fc_limits_t.
  typedef struct packed {
    logic cpl;
    logic tr;
    logic np;
    logic err;
    logic msg;
    logic p;
  } src_t;

  src_t valid, sop, eop, credit_ok, eligible, ahead, grant, take;
  src_t last_q;    // who was last; in a TLP: whose it is
  logic in_tlp_q;
  logic space;

  assign valid = {cpl_valid_i, tr_valid_i, np_valid_i, err_valid_i, msg_valid_i, p_valid_i};
  assign sop   = {cpl_i.sop,   tr_i.sop,   np_i.sop,   err_i.sop,   msg_i.sop,   p_i.sop};
  assign eop   = {cpl_i.eop,   tr_i.eop,   np_i.eop,   err_i.eop,   msg_i.eop,   p_i.eop};
  assign {cpl_ready_o, tr_ready_o, np_ready_o, err_ready_o, msg_ready_o, p_ready_o} = take;

  // ------------------------------------------------------------------------------------------
  // Credits

  src_t start;
  assign start = in_tlp_q ? '0 : take;

  /// Payload of a TLP in units of 16 bytes.
  function automatic logic [8:0] data_units(hdr_t hdr);
    return 9'((hdr_payload(hdr) + 11'd3) >> 2);
  endfunction

  siov_pcie_credit #(.Sources(3)) u_credit_p (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.p),
    .data_i  ({18'd0, data_units(p_i.hdr)}),
    .ok_o    ({credit_ok.err, credit_ok.msg, credit_ok.p}),
    .take_i  ({start.err, start.msg, start.p})
  );

  siov_pcie_credit #(.Sources(2)) u_credit_np (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.np),
    .data_i  ('0),
    .ok_o    ({credit_ok.tr, credit_ok.np}),
    .take_i  ({start.tr, start.np})
  );

  siov_pcie_credit #(.Sources(1)) u_credit_cpl (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.cpl),
    .data_i  (data_units(cpl_i.hdr)),
    .ok_o    (credit_ok.cpl),
    .take_i  (start.cpl)
  );

  // ------------------------------------------------------------------------------------------
  // Arbitration: round-robin, the source after the last one first.

  always_comb begin
    eligible = valid & credit_ok;
    ahead    = eligible & ~(last_q | (last_q - 1'b1));
    if (ahead == '0) ahead = eligible;
    grant = in_tlp_q ? last_q & valid : ahead & (~ahead + 1'b1);
  end

  assign space = !tx_valid_o || tx_ready_i;
  assign take  = space ? grant : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tx_valid_o <= 1'b0;
      in_tlp_q   <= 1'b0;
      last_q     <= '{cpl: 1'b1, default: 1'b0};
    end else begin
      if (space) tx_valid_o <= grant != '0;
      if (take != '0) begin
        last_q   <= take;
        in_tlp_q <= (take & eop) == '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (1'b1)
      take.p:   tx_o <= p_i;
      take.msg: tx_o <= msg_i;
      take.err: tx_o <= err_i;
      take.np:  tx_o <= np_i;
      take.tr:  tx_o <= tr_i;
      take.cpl: tx_o <= cpl_i;
      default: ;
    endcase
  end

  assign partial_o = in_tlp_q;
  assign busy_o    = tx_valid_o || in_tlp_q;

  // ------------------------------------------------------------------------------------------


  logic        refused_q, sop_q;
  hdr_t        hdr_q;
  logic [15:0] dw_en_q;

  always_ff @(posedge clk_i) begin
    refused_q <= rst_ni && tx_valid_o && !tx_ready_i;
    if (tx_valid_o && !tx_ready_i) {hdr_q, dw_en_q, sop_q} <= {tx_o.hdr, tx_o.dw_en, tx_o.sop};
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && refused_q) begin
      TxStable_A: assert (tx_valid_o && {tx_o.hdr, tx_o.dw_en, tx_o.sop} ==
                                        {hdr_q, dw_en_q, sop_q})
        else $error("tx: a beat once offered must stay until it is taken");
    end
    if (rst_ni && take != '0) begin
      TxWholeTlps_A: assert (in_tlp_q != |(take & sop))
        else $error("tx: a source must start each TLP with sop, after the eop of the one before");
    end
  end

endmodule
