// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// RAM of 64-byte lines with a write enable per DW. Read data comes one clock after `re_i` and
/// holds until the next read; a read of a line written in the same clock gives the old data.
module siov_dma_bank import siov_pkg::*; #(
  /// Number of lines.
  parameter int unsigned Depth = 16,
  localparam int unsigned AddrW = $clog2(Depth)
) (
  input  logic             clk_i,
  input  logic [15:0]      wen_i,
  input  logic [AddrW-1:0] waddr_i,
  input  line_t            wdata_i,
  input  logic             re_i,
  input  logic [AddrW-1:0] raddr_i,
  output line_t            rdata_o
);

  line_t mem_q [Depth];

  always_ff @(posedge clk_i) begin
    if (wen_i != '0) begin
      for (int unsigned i = 0; i < 16; i++) begin
        if (wen_i[i]) mem_q[waddr_i][i] <= wdata_i[i];
      end
    end
    if (re_i) rdata_o <= mem_q[raddr_i];
  end

endmodule
