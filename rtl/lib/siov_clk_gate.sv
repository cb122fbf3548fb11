// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The clock of a room, which stops while the room has nothing to do. That saves power, and most of
/// what a simulation of an idle room costs. Nobody outside can tell: an edge is left out only if it
/// would change nothing that is used.
module siov_clk_gate #(
  /// Clocks that a room goes on for: what is in its pipelines comes to where `need_i` sees it.
  parameter int unsigned Linger = 7,
  parameter int unsigned Width  = 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  /// The room has something to do in this clock: a request comes, or one inside is not finished.
  input  logic             need_i,
  /// Levels that the room remembers or waits for: any change of them is something to do.
  input  logic [Width-1:0] watch_i,
  output logic             clk_o
);

  logic [$clog2(Linger + 1)-1:0] linger_q;
  logic [Width-1:0]              watch_q;
  logic                          need, open;

  assign need = !rst_ni || need_i || watch_i != watch_q;

  always_ff @(posedge clk_i) begin
    watch_q <= watch_i;
    if (need) linger_q <= ($bits(linger_q))'(Linger);
    else if (linger_q != '0) linger_q <= linger_q - 1'b1;
  end

  // Open or shut while the clock is low, so that no edge is cut short.
  always_latch begin
    if (!clk_i) open = need || linger_q != '0;
  end

  assign clk_o = clk_i && open;

endmodule
