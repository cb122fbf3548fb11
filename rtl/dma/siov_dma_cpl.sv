// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Takes completions: one beat a clock, never stalled, in any order between tags. Each is held
/// against what its tag still expects; one that does not fit is unexpected and is dropped (PCIe
/// 2.3.2). Its place in the slot follows from its Byte Count alone.
module siov_dma_cpl import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [15:0]      rid_i,

  /// What the read of a slot asks for: at least 2 clocks before its first completion.
  input  logic             expect_i,
  input  logic [SlotW-1:0] expect_slot_i,
  input  logic [6:0]       expect_addr_i,
  input  logic [LenW-1:0]  expect_len_i,
  /// The read request has left.
  input  logic             sent_i,
  input  logic [SlotW-1:0] sent_slot_i,

  input  logic             cpl_valid_i,
  input  tlp_beat_t        cpl_i,

  // to the read buffer, the clock after the beat came
  output logic             wr_o,
  output logic [SlotW-1:0] wr_slot_o,
  output logic [DwsW-2:0]  wr_dw_o,
  output line_t            wr_data_o,
  output logic [15:0]      wr_dw_en_o,

  /// The read has ended, with its data in the buffer or failed.
  output logic             ended_o,
  output logic [SlotW-1:0] ended_slot_o,
  output logic             ended_failed_o,

  /// Reads are in flight.
  output logic             pending_o
);

  typedef struct packed {
    logic [6:0]      addr;
    logic [LenW-1:0] len;
  } expect_t;

  typedef struct packed {
    logic            poisoned;
    logic [LenW-1:0] left;  // bytes still to come
  } progress_t;

  logic                valid_q;
  logic                sop_q, eop_q;
  logic [2:0][31:0]    hdr_q;
  line_t               data_q;
  logic [15:0]         dw_en_q;
  logic [NumSlots-1:0] inflight_q;  // sent and not ended
  logic [NumSlots-1:0] fresh_q;     // no completion yet: `progress` is not valid
  expect_t             want;
  progress_t           stored, progress, after;
  logic [SlotW-1:0]    slot;
  logic                ends_tlp, ends_read;

  // --- the beat meets its slot ------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= cpl_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (cpl_valid_i) begin
      sop_q   <= cpl_i.sop;
      eop_q   <= cpl_i.eop;
      hdr_q   <= cpl_i.hdr[2:0];
      data_q  <= cpl_i.data;
      dw_en_q <= cpl_i.dw_en;
    end
  end

  siov_ram_1r1w #(.Width($bits(expect_t)), .Depth(NumSlots)) u_want (
    .clk_i   (clk_i),
    .we_i    (expect_i),
    .waddr_i (expect_slot_i),
    .wdata_i ({expect_addr_i, expect_len_i}),
    .re_i    (cpl_valid_i),
    .raddr_i (cpl_i.hdr[2][8+:SlotW]),
    .rdata_o (want)
  );

  siov_ram_1r1w #(.Width($bits(progress_t)), .Depth(NumSlots)) u_progress (
    .clk_i   (clk_i),
    .we_i    (ends_tlp),
    .waddr_i (slot),
    .wdata_i (after),
    .re_i    (cpl_valid_i),
    .raddr_i (cpl_i.hdr[2][8+:SlotW]),
    .rdata_o (stored)
  );

  // --- is it expected ---------------------------------------------------------------------------

  logic [10:0]      dws;         // of this completion
  logic [12:0]      byte_count;
  logic [6:0]       lower_addr;
  logic [LenW-1:0]  done;        // bytes that came before this completion
  logic [DwsW:0]    dws_left;
  logic             known, success, fits, accepted, refused;

  assign slot       = hdr_q[2][8+:SlotW];
  assign dws        = {hdr_q[0][9:0] == '0, hdr_q[0][9:0]};
  assign byte_count = {hdr_q[1][11:0] == '0, hdr_q[1][11:0]};
  assign lower_addr = hdr_q[2][6:0];

  assign progress = fresh_q[slot] ? '{poisoned: 1'b0, left: want.len} : stored;
  assign done     = want.len - progress.left;
  assign dws_left = (DwsW + 1)'((13'(progress.left) + 13'(lower_addr[1:0]) + 13'd3) >> 2);

  assign known = inflight_q[slot] && 8'(slot) == hdr_q[2][15:8] && !hdr_q[0][23] &&
                 !hdr_q[0][19] && hdr_q[2][31:16] == rid_i;
  assign success = hdr_q[1][15:13] == 3'b000;
  assign fits = hdr_q[0][30] && byte_count == 13'(progress.left) &&
                lower_addr == want.addr + 7'(done) && dws <= 11'(dws_left);

  assign accepted  = valid_q && known && success && fits;
  assign refused   = valid_q && known && !success;
  assign ends_tlp  = accepted && eop_q;
  assign ends_read = eop_q && (refused || (accepted && dws == 11'(dws_left)));

  assign after = '{
    poisoned: progress.poisoned || hdr_q[0][14],
    left:     progress.left - LenW'({dws, 2'b00} - 13'(lower_addr[1:0]))
  };

  // --- where its data goes ----------------------------------------------------------------------

  logic [DwsW-2:0] dw, next_dw_q;

  assign dw = sop_q ? (DwsW - 1)'((done + LenW'(want.addr[1:0])) >> 2) : next_dw_q;

  always_ff @(posedge clk_i) begin
    if (valid_q) next_dw_q <= dw + (DwsW - 1)'(16);
  end

  assign wr_o       = accepted;
  assign wr_slot_o  = slot;
  assign wr_dw_o    = dw;
  assign wr_data_o  = data_q;
  assign wr_dw_en_o = dw_en_q;

  // --- reads in flight --------------------------------------------------------------------------

  logic [NumSlots-1:0] sent, ended, heard;

  always_comb begin
    sent  = '0;
    ended = '0;
    heard = '0;
    if (sent_i) sent[sent_slot_i] = 1'b1;
    if (ends_read) ended[slot] = 1'b1;
    if (ends_tlp) heard[slot] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) inflight_q <= '0;
    else inflight_q <= (inflight_q | sent) & ~ended;
  end

  always_ff @(posedge clk_i) begin
    fresh_q <= (fresh_q | sent) & ~heard;
  end

  assign ended_o        = ends_read;
  assign ended_slot_o   = slot;
  assign ended_failed_o = refused || after.poisoned;
  assign pending_o      = inflight_q != '0;

  // A TLP whose beats are fewer than its Length would leave another tenant's bytes in the slot.
  CompletionIsWhole_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      ends_tlp |-> dw_en_q[4'(dws - 1'b1)] &&
                   dw - (DwsW - 1)'((done + LenW'(want.addr[1:0])) >> 2) ==
                   (DwsW - 1)'((dws - 1'b1) >> 4 << 4))
      else $error("completion carries less data than its Length");

endmodule
