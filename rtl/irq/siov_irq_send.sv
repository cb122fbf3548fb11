// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Messages on their way to dma/, and the end of each completion interrupt, in order: a message's
/// when it has left, that of a held or dropped one when those before it have ended.
module siov_irq_send import siov_pkg::*; (
  input  logic     clk_i,
  input  logic     rst_ni,

  /// Room for one more.
  output logic     room_o,
  input  logic     push_i,
  /// There is a message; else a completion interrupt ends without one.
  input  logic     push_msg_i,
  input  dma_msg_t msg_i,
  /// It is a completion interrupt.
  input  logic     push_irq_i,

  output logic     irq_done_o,

  output logic     msg_valid_o,
  input  logic     msg_ready_i,
  output dma_msg_t msg_o,
  input  logic     msg_done_i,

  output logic     busy_o
);

  localparam int unsigned Depth = 8;

  typedef struct packed {
    logic msg;
    logic irq;
  } entry_t;

  entry_t                 head, tail;
  logic                   head_valid, pop, msg_room;
  logic [$clog2(Depth):0] left_q;  // messages that have left and whose entry is still queued

  assign tail = '{msg: push_msg_i, irq: push_irq_i};

  siov_fifo #(.data_t(entry_t), .Depth(Depth)) u_order (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (push_i),
    .ready_o (room_o),
    .data_i  (tail),
    .valid_o (head_valid),
    .ready_i (pop),
    .data_o  (head),
    .count_o ()
  );

  siov_fifo #(.data_t(dma_msg_t), .Depth(Depth)) u_msg (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (push_i && push_msg_i),
    .ready_o (msg_room),
    .data_i  (msg_i),
    .valid_o (msg_valid_o),
    .ready_i (msg_ready_i),
    .data_o  (msg_o),
    .count_o ()
  );

  assign pop        = head_valid && (!head.msg || left_q != '0);
  assign irq_done_o = pop && head.irq;
  assign busy_o     = head_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) left_q <= '0;
    else if (msg_done_i && !(pop && head.msg)) left_q <= left_q + 1'b1;
    else if (!msg_done_i && pop && head.msg) left_q <= left_q - 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (push_i) begin
        PushHasRoom_A : assert (room_o && msg_room) else $error("interrupt queue overflow");
      end
    end
  end

endmodule
