// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Cuts finished chunks into write TLPs at MPS-aligned destination addresses, and TLPs into beats:
/// one piece a clock, without a gap between chunks that wait. Frees a slot with the last piece that
/// reads from it. A chunk lies within an aligned 512 bytes of its destination, so no TLP crosses a
/// 4 KiB boundary.
module siov_dma_cut import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  /// Payload at most 128 << mps bytes.
  input  logic [2:0]       mps_i,

  // slots that are ready
  input  logic             slot_valid_i,
  output logic             slot_ready_o,
  input  logic [SlotW-1:0] slot_i,
  input  logic             slot_failed_i,

  // slot table: row one clock after `row_re_o`, held until the next
  output logic             row_re_o,
  output logic [SlotW-1:0] row_slot_o,
  input  chunk_t           row_i,

  output logic             piece_valid_o,
  input  logic             piece_ready_i,
  output piece_t           piece_o,

  output logic             free_o,
  output logic [SlotW-1:0] free_slot_o,
  output logic             busy_o
);

  // --- fetch the next chunk ---------------------------------------------------------------------

  logic             next_valid_q, next_failed_q;
  logic [SlotW-1:0] next_slot_q;
  logic             load;

  assign slot_ready_o = !next_valid_q || load;
  assign row_re_o     = slot_valid_i && slot_ready_o;
  assign row_slot_o   = slot_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) next_valid_q <= 1'b0;
    else if (slot_ready_o) next_valid_q <= slot_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (row_re_o) begin
      next_slot_q   <= slot_i;
      next_failed_q <= slot_failed_i;
    end
  end

  // --- cut the current one ----------------------------------------------------------------------

  chunk_t           cur_q;  // `dst`, `len`: what the TLPs begun so far leave
  logic             cur_valid_q, failed_q;
  logic [SlotW-1:0] slot_q;
  logic [PosW-1:0]  pos_q;        // of the byte for `dst`
  logic             mid_q;        // between beats of a TLP
  logic [PosW-1:0]  beat_pos_q;   // the next beat, if `mid_q`
  logic [DwsW-1:0]  beat_dws_q;

  logic [LenW-1:0]  mps, to_cut, tlp_len, left;
  logic [PosW-1:0]  beat_pos;
  logic [DwsW-1:0]  beat_dws;     // from this beat to the end of the TLP
  span_t            bytes;
  logic             first, last, ends, taken;

  always_comb begin
    unique case (mps_i)
      3'd0:    mps = LenW'(128);
      3'd1:    mps = LenW'(256);
      default: mps = LenW'(512);
    endcase
    to_cut  = mps - ({1'b0, cur_q.dst[PosW-1:0]} & (mps - 1'b1));
    tlp_len = cur_q.len < to_cut ? cur_q.len : to_cut;
  end

  assign first    = !mid_q;
  assign bytes    = span(cur_q.dst[1:0], tlp_len);
  assign beat_pos = mid_q ? beat_pos_q : pos_q - PosW'(cur_q.dst[1:0]);
  assign beat_dws = mid_q ? beat_dws_q : bytes.dws;
  assign last     = beat_dws <= DwsW'(16);
  assign left     = mid_q ? cur_q.len : cur_q.len - tlp_len;
  assign ends     = failed_q || (last && left == '0);

  assign piece_valid_o = cur_valid_q;
  assign piece_o = '{
    slot:   slot_q,
    first:  first,
    last:   last,
    addr:   cur_q.dst[63:2],
    bytes:  bytes,
    dws:    last ? beat_dws[4:0] : 5'd16,
    pos:    beat_pos,
    ends:   ends,
    failed: failed_q,
    chunk:  cur_q
  };

  assign taken = piece_valid_o && piece_ready_i;
  assign load  = next_valid_q && (!cur_valid_q || (taken && ends));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cur_valid_q <= 1'b0;
      mid_q       <= 1'b0;
    end else begin
      if (load) cur_valid_q <= 1'b1;
      else if (taken && ends) cur_valid_q <= 1'b0;
      if (taken) mid_q <= !last && !failed_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (taken) begin
      beat_pos_q <= beat_pos + PosW'(64);
      beat_dws_q <= beat_dws - DwsW'(16);
    end
    if (load) begin
      cur_q    <= row_i;
      slot_q   <= next_slot_q;
      failed_q <= next_failed_q;
      pos_q    <= PosW'(row_i.skew);
    end else if (taken && first) begin
      cur_q.dst <= cur_q.dst + 64'(tlp_len);
      cur_q.len <= left;
      pos_q     <= pos_q + PosW'(tlp_len);
    end
  end

  assign free_o      = taken && ends;
  assign free_slot_o = slot_q;
  assign busy_o      = cur_valid_q || next_valid_q;

endmodule
