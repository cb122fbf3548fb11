// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Lets a TLP start only while `go_i` is high. One that has been offered goes on to its end: a
/// beat once offered does not change until taken.
module siov_tlp_gate (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic go_i,
  input  logic valid_i,
  output logic ready_o,
  input  logic eop_i,
  output logic valid_o,
  input  logic ready_i,
  /// A TLP has been offered and has not been taken whole.
  output logic started_o
);

  logic started_q, open;

  assign open      = go_i || started_q;
  assign valid_o   = valid_i && open;
  assign ready_o   = ready_i && open;
  assign started_o = started_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) started_q <= 1'b0;
    else if (valid_o) started_q <= !(ready_i && eop_i);
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (valid_o && !started_q) begin
        StartsOnlyWhenAllowed_A : assert (go_i) else $error("TLP started while requests are held");
      end
    end
  end

endmodule
