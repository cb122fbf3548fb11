// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// RAM with one read and one write port. Read data comes one clock after `re_i` and holds until
/// the next read. A read of the row written in the same clock gives the new data. Contents are
/// undefined after reset: the owner initialises what it relies on.
module siov_ram_1r1w #(
  /// Bits of one row.
  parameter int unsigned Width = 32,
  /// Number of rows.
  parameter int unsigned Depth = 16,
  localparam int unsigned AddrW = $clog2(Depth)
) (
  input  logic             clk_i,
  input  logic             we_i,
  input  logic [AddrW-1:0] waddr_i,
  input  logic [Width-1:0] wdata_i,
  input  logic             re_i,
  input  logic [AddrW-1:0] raddr_i,
  output logic [Width-1:0] rdata_o
);

  logic [Width-1:0] mem_q [Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
    if (re_i) rdata_o <= (we_i && waddr_i == raddr_i) ? wdata_i : mem_q[raddr_i];
  end

endmodule
