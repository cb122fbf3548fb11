// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The clock of completion timeouts: CtoTicks ticks in the time that Device Control 2 asks for.
module siov_cto_tick import siov_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  /// Requests are in flight; without any, time stands still.
  input  logic       run_i,
  input  logic [3:0] value_i,
  input  logic       dis_i,
  output logic       tick_o
);

  localparam int unsigned TimeW = 35 - CtoShift - $clog2(CtoTicks);  // the longest tick

  logic [TimeW-1:0] time_q, last;

  assign last   = (TimeW'(1) << cto_tick_log2(value_i)) - 1'b1;
  assign tick_o = run_i && !dis_i && time_q >= last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) time_q <= '0;
    else if (run_i) time_q <= tick_o ? '0 : time_q + 1'b1;
  end

endmodule
