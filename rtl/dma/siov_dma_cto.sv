// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Completion timeouts of reads (PCIe 2.8), and the end of their quarantine. Each tick all slots
/// of reads are looked at, one every two clocks: a tick lasts at least 256 clocks, so that is done
/// in time.
module siov_dma_cto import siov_pkg::*; (
  input  logic                clk_i,
  input  logic                rst_ni,
  /// Device Control 2.
  input  logic [3:0]          value_i,
  input  logic                dis_i,

  /// A read has left.
  input  logic                sent_i,
  input  logic [SlotW-1:0]    slot_i,
  input  logic [NumSlots-1:0] inflight_i,
  input  logic [NumSlots-1:0] late_i,

  /// No timeout in this clock.
  input  logic                hold_i,
  /// The read of this slot has timed out, or its quarantine is over.
  output logic                timeout_o,
  output logic                release_o,
  output logic [SlotW-1:0]    slot_o
);

  // A late completion may come for 16 more timeouts.
  localparam int unsigned AgeW = $clog2(16 * CtoTicks) + 1;

  logic             run, tick;
  logic [AgeW-1:0]  now_q, since, age;
  logic [SlotW-1:0] scan_q;
  logic             scanning_q, look_q, decide;
  logic             sent_q;
  logic [SlotW-1:0] sent_slot_q;

  assign run = inflight_i != '0 || late_i != '0;

  siov_cto_tick u_tick (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .run_i   (run),
    .value_i (value_i),
    .dis_i   (dis_i),
    .tick_o  (tick)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) now_q <= '0;
    else if (tick) now_q <= now_q + 1'b1;
  end

  // --- one slot: read its row, then look at it --------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !run) begin
      scanning_q <= 1'b0;
      look_q     <= 1'b0;
      scan_q     <= '0;
    end else if (scanning_q) begin
      look_q <= !look_q;
      if (decide) begin
        scan_q     <= scan_q == SlotW'(NumReads - 1) ? '0 : scan_q + 1'b1;
        scanning_q <= scan_q != SlotW'(NumReads - 1);
      end
    end else begin
      scanning_q <= tick;
    end
  end

  // A row is as old as it says when nothing was sent in the clock before.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) sent_q <= 1'b0;
    else sent_q <= sent_i;
    if (sent_i) sent_slot_q <= slot_i;
  end

  assign age       = now_q - since;
  assign decide    = look_q && !hold_i && !sent_q;
  assign timeout_o = decide && inflight_i[scan_q] && age > AgeW'(CtoTicks);
  assign release_o = decide && late_i[scan_q] && age > AgeW'(16 * CtoTicks);
  assign slot_o    = scan_q;

  /// When the read left, or timed out.
  siov_ram_1r1w #(.Width(AgeW), .Depth(NumSlots)) u_since (
    .clk_i   (clk_i),
    .we_i    (sent_q || timeout_o),
    .waddr_i (sent_q ? sent_slot_q : scan_q),
    .wdata_i (now_q),
    .re_i    (scanning_q && !look_q),
    .raddr_i (scan_q),
    .rdata_o (since)
  );

endmodule
