// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Transmit side: merges three streams of whole TLPs into one.
///
/// Sources take turns, TLP by TLP; one whose class lacks credits is passed over. Order on the port
/// is the order of acceptance here, so nothing passes a posted TLP that was accepted before it. One
/// output register: a beat a clock, no gap between TLPs, one clock of latency. A source that pauses
/// inside a TLP holds up the others.
module siov_pcie_tx import siov_pkg::*, siov_pcie_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  fc_limits_t fc_i,

  input  logic       p_valid_i,
  output logic       p_ready_o,
  input  tlp_beat_t  p_i,

  input  logic       np_valid_i,
  output logic       np_ready_o,
  input  tlp_beat_t  np_i,

  input  logic       cpl_valid_i,
  output logic       cpl_ready_o,
  input  tlp_beat_t  cpl_i,

  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,

  output logic       busy_o
);

  // Sources as one-hot sets, in the order of fc_limits_t.
  typedef logic [2:0] src_t;

  src_t src_valid, src_eop, credit_ok, eligible, grant, src_take;
  src_t last_q;    // who was last; in a TLP: whose it is
  logic in_tlp_q;
  logic space;

  assign src_valid = {cpl_valid_i, np_valid_i, p_valid_i};
  assign src_eop   = {cpl_i.eop,   np_i.eop,   p_i.eop};
  assign {cpl_ready_o, np_ready_o, p_ready_o} = src_take;

  /// Payload of a TLP in units of 16 bytes.
  function automatic logic [8:0] data_units(hdr_t hdr);
    return 9'((hdr_payload(hdr) + 11'd3) >> 2);
  endfunction

  siov_pcie_credit u_credit_p (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.p),
    .data_i  (data_units(p_i.hdr)),
    .ok_o    (credit_ok[0]),
    .take_i  (src_take[0] && !in_tlp_q)
  );

  siov_pcie_credit u_credit_np (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.np),
    .data_i  (data_units(np_i.hdr)),
    .ok_o    (credit_ok[1]),
    .take_i  (src_take[1] && !in_tlp_q)
  );

  siov_pcie_credit u_credit_cpl (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .limit_i (fc_i.cpl),
    .data_i  (data_units(cpl_i.hdr)),
    .ok_o    (credit_ok[2]),
    .take_i  (src_take[2] && !in_tlp_q)
  );

  // ------------------------------------------------------------------------------------------
  // Arbitration: round-robin, the source after the last one first.

  assign eligible = src_valid & credit_ok;

  always_comb begin
    unique case (last_q)
      3'b001:  grant = eligible[1] ? 3'b010 : eligible[2] ? 3'b100 : {2'b00, eligible[0]};
      3'b010:  grant = eligible[2] ? 3'b100 : eligible[0] ? 3'b001 : {1'b0, eligible[1], 1'b0};
      default: grant = eligible[0] ? 3'b001 : eligible[1] ? 3'b010 : {eligible[2], 2'b00};
    endcase
    if (in_tlp_q) grant = last_q & src_valid;
  end

  assign space    = !tx_valid_o || tx_ready_i;
  assign src_take = space ? grant : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tx_valid_o <= 1'b0;
      in_tlp_q   <= 1'b0;
      last_q     <= 3'b100;
    end else begin
      if (space) tx_valid_o <= grant != '0;
      if (src_take != '0) begin
        last_q   <= src_take;
        in_tlp_q <= (src_take & src_eop) == '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (src_take)
      3'b001:  tx_o <= p_i;
      3'b010:  tx_o <= np_i;
      3'b100:  tx_o <= cpl_i;
      default: ;
    endcase
  end

  assign busy_o = tx_valid_o || in_tlp_q;

  // ------------------------------------------------------------------------------------------

  TxStable_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      tx_valid_o && !tx_ready_i |=> tx_valid_o && $stable({tx_o.hdr, tx_o.dw_en, tx_o.sop}))
    else $error("tx: a beat once offered must stay until it is taken");

  TxWholeTlps_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      src_take != '0 |-> in_tlp_q != |(src_take & {cpl_i.sop, np_i.sop, p_i.sop}))
    else $error("tx: a source must start each TLP with sop, right after the eop of the one before");

endmodule
