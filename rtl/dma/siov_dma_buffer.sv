// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Read data, ChunkBytes a slot, in the order of the read's payload: two banks of 64-byte lines,
/// even and odd, with a write enable per DW. A beat may be written at any DW and read at any byte;
/// either touches two adjacent lines at most. Positions wrap around within the slot. Read data
/// comes one clock after `re_i` and holds until the next read.
module siov_dma_buffer import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,

  input  logic             we_i,
  input  logic [SlotW-1:0] wslot_i,
  input  logic [DwsW-2:0]  wdw_i,
  input  line_t            wdata_i,
  input  logic [15:0]      wdw_en_i,

  input  logic             re_i,
  input  logic [SlotW-1:0] rslot_i,
  input  logic [PosW-1:0]  rpos_i,
  /// `rdata_o` is looked at in this clock; else it is 0, so that the shifter keeps still.
  input  logic             ruse_i,
  output line_t            rdata_o
);

  // --- write: rotate to the DW lanes of a line --------------------------------------------------

  logic [LineW-1:0] wline;
  logic [3:0]       wlane;
  logic [15:0]      wen_line, wen_next;
  line_t            wrot;

  assign {wline, wlane}       = wdw_i;
  assign {wen_next, wen_line} = we_i ? {16'b0, wdw_en_i} << wlane : '0;

  always_comb begin
    wrot = '0;
    if (we_i) begin
      for (int unsigned i = 0; i < 16; i++) wrot[i] = wdata_i[4'(i - 32'(wlane))];
    end
  end

  // --- read: two lines, aligned by bytes --------------------------------------------------------

  logic [LineW-1:0] rline;
  logic             odd_q;
  logic [5:0]       shift_q;
  line_t            even, odd;

  assign rline = rpos_i[PosW-1:6];

  always_ff @(posedge clk_i) begin
    if (re_i) begin
      odd_q   <= rline[0];
      shift_q <= rpos_i[5:0];
    end
  end

  always_comb begin
    rdata_o = '0;
    if (ruse_i) rdata_o = 512'((odd_q ? {even, odd} : {odd, even}) >> {shift_q, 3'b000});
  end

  // --- banks ------------------------------------------------------------------------------------

  siov_dma_bank #(.Depth(NumSlots << (LineW - 1))) u_even (
    .clk_i   (clk_i),
    .wen_i   (wline[0] ? wen_next : wen_line),
    .waddr_i ({wslot_i, (LineW - 1)'((wline + 1'b1) >> 1)}),
    .wdata_i (wrot),
    .re_i    (re_i),
    .raddr_i ({rslot_i, (LineW - 1)'((rline + 1'b1) >> 1)}),
    .rdata_o (even)
  );

  siov_dma_bank #(.Depth(NumSlots << (LineW - 1))) u_odd (
    .clk_i   (clk_i),
    .wen_i   (wline[0] ? wen_line : wen_next),
    .waddr_i ({wslot_i, wline[LineW-1:1]}),
    .wdata_i (wrot),
    .re_i    (re_i),
    .raddr_i ({rslot_i, rline[LineW-1:1]}),
    .rdata_o (odd)
  );

endmodule
