// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// FIFO whose input can be taken back: what is pushed shows at the output after a push with
/// `commit_i`, and is forgotten at `drop_i`. First-word fall-through, one clock.
module siov_commit_fifo #(
  /// Type of an element.
  parameter type data_t = logic [31:0],
  /// Number of elements, a power of two, at least 2.
  parameter int unsigned Depth = 4,
  localparam int unsigned PtrW = $clog2(Depth)
) (
  input  logic  clk_i,
  input  logic  rst_ni,

  input  logic  valid_i,
  output logic  ready_o,
  input  data_t data_i,
  /// With a push: it and all pushes before it are good.
  input  logic  commit_i,
  /// Forget the pushes since the last commit. Not together with a push.
  input  logic  drop_i,

  output logic  valid_o,
  input  logic  ready_i,
  output data_t data_o
);

  data_t mem_q [Depth];
  logic [PtrW:0] wptr_q, good_q, rptr_q;

  assign ready_o = wptr_q - rptr_q != (PtrW + 1)'(Depth);
  assign valid_o = good_q != rptr_q;
  assign data_o  = mem_q[rptr_q[PtrW-1:0]];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wptr_q <= '0;
      good_q <= '0;
      rptr_q <= '0;
    end else begin
      if (drop_i) begin
        wptr_q <= good_q;
      end else if (valid_i && ready_o) begin
        wptr_q <= wptr_q + 1'b1;
        if (commit_i) good_q <= wptr_q + 1'b1;
      end
      if (valid_o && ready_i) rptr_q <= rptr_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && ready_o) mem_q[wptr_q[PtrW-1:0]] <= data_i;
  end

  if (Depth < 2 || (Depth & (Depth - 1)) != 0) begin : gen_bad_depth
    $fatal(1, "siov_commit_fifo: Depth must be a power of two of at least 2 (%m)");
  end

endmodule
