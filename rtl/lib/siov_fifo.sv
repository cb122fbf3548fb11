// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// FIFO with first-word fall-through: what is pushed is at the output one clock later. Push and
/// pop may happen in the same clock; a push while full is lost only if `ready_o` is ignored.
module siov_fifo #(
  /// Type of an element.
  parameter type data_t = logic [31:0],
  /// Number of elements, a power of two, at least 2.
  parameter int unsigned Depth = 4,
  localparam int unsigned PtrW = $clog2(Depth)
) (
  input  logic          clk_i,
  input  logic          rst_ni,

  input  logic          valid_i,
  output logic          ready_o,
  input  data_t         data_i,

  output logic          valid_o,
  input  logic          ready_i,
  output data_t         data_o,

  /// Elements held.
  output logic [PtrW:0] count_o
);

  data_t mem_q [Depth];
  logic [PtrW:0] wptr_q, rptr_q;

  assign count_o = wptr_q - rptr_q;
  assign ready_o = count_o != (PtrW + 1)'(Depth);
  assign valid_o = wptr_q != rptr_q;
  assign data_o  = mem_q[rptr_q[PtrW-1:0]];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wptr_q <= '0;
      rptr_q <= '0;
    end else begin
      if (valid_i && ready_o) wptr_q <= wptr_q + 1'b1;
      if (valid_o && ready_i) rptr_q <= rptr_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && ready_o) mem_q[wptr_q[PtrW-1:0]] <= data_i;
  end

  if (Depth < 2 || (Depth & (Depth - 1)) != 0) begin : gen_bad_depth
    $fatal(1, "siov_fifo: Depth must be a power of two of at least 2 (%m)");
  end

endmodule
