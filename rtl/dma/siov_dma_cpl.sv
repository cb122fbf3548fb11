// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Takes completions: one beat a clock, never stalled, in any order between tags. Each is held
/// against what its tag still expects; one that does not fit is unexpected and is dropped (PCIe
/// 2.3.2). Its place in the slot follows from its Byte Count alone. Completions of requests other
/// than reads are ignored.
///
/// A read that has timed out has failed (PCIe 2.8). Its tag then is in quarantine: what still comes
/// for it is unexpected and is never stored, and the tag is not used again until its last
/// completion has come, or for so long that none will.
module siov_dma_cpl import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  pcie_fn_t         fn_i,

  /// What the read of a slot asks for: at least 2 clocks before its first completion.
  input  logic             expect_i,
  input  logic [SlotW-1:0] expect_slot_i,
  input  logic [6:0]       expect_addr_i,
  input  logic [LenW-1:0]  expect_len_i,
  input  logic [2:0]       expect_tc_i,
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

  /// Slots whose tag must not be used.
  output logic [NumSlots-1:0] quarantine_o,
  output cpl_err_t         err_o,
  /// Reads are in flight.
  output logic             pending_o
);

  typedef struct packed {
    logic [2:0]      tc;
    logic            relaxed;
    logic [6:0]      addr;
    logic [LenW-1:0] len;
  } expect_t;

  typedef struct packed {
    logic            poisoned;
    logic [LenW-1:0] left;  // bytes still to come
  } progress_t;

  logic                valid_q;
  logic                sop_q, eop_q;
  hdr_t                hdr_q;
  line_t               data_q;
  logic [15:0]         dw_en_q;
  logic [NumSlots-1:0] inflight_q;  // sent and not ended
  logic [NumSlots-1:0] late_q;      // timed out, in quarantine
  logic [NumSlots-1:0] fresh_q;     // no completion yet: `progress` is not valid
  expect_t             want;
  progress_t           stored, progress, after;
  tag_owner_t          owner;
  logic [SlotW-1:0]    slot_q;
  logic                take, ends_tlp, ends_read, ends_late;
  logic                timeout, release_late;
  logic [SlotW-1:0]    timed_slot;

  // --- the beat meets its slot ------------------------------------------------------------------

  assign owner = tag_owner(fn_i, cpl_tag(cpl_i.hdr));
  assign take  = cpl_valid_i && owner.kind == TagRead;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= take;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      sop_q   <= cpl_i.sop;
      eop_q   <= cpl_i.eop;
      hdr_q   <= cpl_i.hdr;
      slot_q  <= owner.index;
      data_q  <= cpl_i.data;
      dw_en_q <= cpl_i.dw_en;
    end
  end

  siov_ram_1r1w #(.Width($bits(expect_t)), .Depth(NumSlots)) u_want (
    .clk_i   (clk_i),
    .we_i    (expect_i),
    .waddr_i (expect_slot_i),
    .wdata_i ({expect_tc_i, fn_i.relaxed, expect_addr_i, expect_len_i}),
    .re_i    (take),
    .raddr_i (owner.index),
    .rdata_o (want)
  );

  siov_ram_1r1w #(.Width($bits(progress_t)), .Depth(NumSlots)) u_progress (
    .clk_i   (clk_i),
    .we_i    (ends_tlp),
    .waddr_i (slot_q),
    .wdata_i (after),
    .re_i    (take),
    .raddr_i (owner.index),
    .rdata_o (stored)
  );

  // --- is it expected ---------------------------------------------------------------------------

  logic [10:0]      dws;         // of this completion
  logic [12:0]      byte_count;
  logic [6:0]       lower_addr;
  logic [LenW-1:0]  done;        // bytes that came before this completion
  logic [DwsW:0]    dws_left;
  logic             inflight, known, success, fits, accepted, refused;

  assign dws        = {hdr_q[0][9:0] == '0, hdr_q[0][9:0]};
  assign byte_count = {hdr_q[1][11:0] == '0, hdr_q[1][11:0]};
  assign lower_addr = hdr_q[2][6:0];

  assign progress = fresh_q[slot_q] ? '{poisoned: 1'b0, left: want.len} : stored;
  assign done     = want.len - progress.left;
  assign dws_left = (DwsW + 1)'((13'(progress.left) + 13'(lower_addr[1:0]) + 13'd3) >> 2);

  // A late read is followed to its end like any other.
  assign inflight = inflight_q[slot_q];
  assign known    = (inflight || late_q[slot_q]) && hdr_q[2][31:16] == fn_i.rid &&
                    hdr_q[0][22:20] == want.tc && hdr_q[0][13:12] == {want.relaxed, 1'b0};
  assign success = hdr_q[1][15:13] == 3'b000;
  assign fits = hdr_q[0][30] && byte_count == 13'(progress.left) &&
                lower_addr == want.addr + 7'(done) && dws <= 11'(dws_left);

  assign accepted  = valid_q && known && success && fits;
  assign refused   = valid_q && known && !success;
  assign ends_tlp  = accepted && eop_q;
  assign ends_late = eop_q && (refused || (accepted && dws == 11'(dws_left)));
  assign ends_read = ends_late && inflight;

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

  assign wr_o       = accepted && inflight;
  assign wr_slot_o  = slot_q;
  assign wr_dw_o    = dw;
  assign wr_data_o  = data_q;
  assign wr_dw_en_o = dw_en_q;

  // --- reads in flight --------------------------------------------------------------------------

  logic [NumSlots-1:0] sent, ended, timed, heard;

  always_comb begin
    sent  = '0;
    ended = '0;
    timed = '0;
    heard = '0;
    if (sent_i) sent[sent_slot_i] = 1'b1;
    if (ends_late) ended[slot_q] = 1'b1;
    if (timeout || release_late) timed[timed_slot] = 1'b1;
    if (ends_tlp) heard[slot_q] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      inflight_q <= '0;
      late_q     <= '0;
    end else begin
      inflight_q <= (inflight_q | sent) & ~ended & ~timed;
      late_q     <= timeout ? late_q & ~ended | timed : late_q & ~ended & ~timed;
    end
  end

  always_ff @(posedge clk_i) begin
    fresh_q <= (fresh_q | sent) & ~heard;
  end

  // An end that comes with a completion goes first.
  siov_dma_cto u_cto (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .value_i    (fn_i.cto_value),
    .dis_i      (fn_i.cto_dis),
    .sent_i     (sent_i),
    .slot_i     (sent_slot_i),
    .inflight_i (inflight_q),
    .late_i     (late_q),
    .hold_i     (ends_late),
    .timeout_o  (timeout),
    .release_o  (release_late),
    .slot_o     (timed_slot)
  );

  assign ended_o        = ends_read || timeout;
  assign ended_slot_o   = timeout ? timed_slot : slot_q;
  assign ended_failed_o = timeout || refused || after.poisoned;
  assign pending_o      = inflight_q != '0;
  assign quarantine_o   = late_q;

  // --- errors -----------------------------------------------------------------------------------

  logic good;
  assign good = (accepted || refused) && inflight;

  always_comb begin
    err_o            = '0;
    err_o.ca         = good && eop_q && hdr_q[1][15:13] == 3'b100;
    err_o.ur         = good && eop_q && refused && !err_o.ca;
    err_o.cto        = timeout;
    err_o.unexpected = valid_q && eop_q && !good;
    err_o.poisoned   = good && eop_q && accepted && hdr_q[0][14];
    if (err_o.unexpected || err_o.poisoned) err_o.hdr = hdr_q;
  end

  // A TLP whose beats are fewer than its Length would leave another tenant's bytes in the slot.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (ends_tlp && inflight) begin
        CompletionIsWhole_A : assert (dw_en_q[4'(dws - 1'b1)] &&
            dw - (DwsW - 1)'((done + LenW'(want.addr[1:0])) >> 2) ==
            (DwsW - 1)'((dws - 1'b1) >> 4 << 4))
          else $error("completion carries less data than its Length");
      end
    end
  end

endmodule
