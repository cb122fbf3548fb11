// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Queue that can turn: a head that cannot go on now goes to the tail, so that it holds up nobody.
/// When all have been at the head in vain the queue rests until something has changed. An element
/// is at the head two clocks after its push at the soonest; one a clock leaves.
module siov_atc_queue #(
  /// Type of an element.
  parameter type data_t = logic [31:0],
  /// Number of elements, a power of two. There must be room for every push.
  parameter int unsigned Depth = 4,
  localparam int unsigned PtrW = $clog2(Depth)
) (
  input  logic  clk_i,
  input  logic  rst_ni,

  input  logic  push_i,
  input  data_t push_data_i,

  output logic  head_valid_o,
  output data_t head_o,
  input  logic  pop_i,
  /// The head goes to the tail as `turn_data_i`. Not in the clock of a push.
  input  logic  turn_i,
  input  data_t turn_data_i,

  /// Heads that were turned may go on now.
  input  logic  changed_i,
  output logic  empty_o
);

  logic [PtrW:0] wptr_q, rptr_q, turned_q, level;
  logic          head_valid_q, leaves, write, read;

  assign level        = wptr_q - rptr_q + (PtrW + 1)'(head_valid_q);
  assign empty_o      = level == '0;
  assign head_valid_o = head_valid_q && turned_q != level;

  assign leaves = pop_i || turn_i;
  assign write  = push_i || turn_i;
  assign read   = wptr_q != rptr_q && (!head_valid_q || leaves);

  siov_ram_1r1w #(.Width($bits(data_t)), .Depth(Depth)) u_ram (
    .clk_i   (clk_i),
    .we_i    (write),
    .waddr_i (wptr_q[PtrW-1:0]),
    .wdata_i (push_i ? push_data_i : turn_data_i),
    .re_i    (read),
    .raddr_i (rptr_q[PtrW-1:0]),
    .rdata_o (head_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wptr_q       <= '0;
      rptr_q       <= '0;
      head_valid_q <= 1'b0;
      turned_q     <= '0;
    end else begin
      if (write) wptr_q <= wptr_q + 1'b1;
      if (read) rptr_q <= rptr_q + 1'b1;
      if (read) head_valid_q <= 1'b1;
      else if (leaves) head_valid_q <= 1'b0;
      if (push_i || pop_i || changed_i) turned_q <= '0;
      else if (turn_i) turned_q <= turned_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (push_i) begin
        RoomForPush_A : assert (level != (PtrW + 1)'(Depth))
          else $error("more waiters than jobs have operands");
      end
      if (turn_i) begin
        TurnsAlone_A : assert (!push_i && !pop_i)
          else $error("head turned while another element comes or goes");
      end
      if (leaves) begin
        LeavesFromHead_A : assert (head_valid_o) else $error("no head to take");
      end
    end
  end

endmodule
