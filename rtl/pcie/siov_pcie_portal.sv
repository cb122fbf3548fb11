// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Queue of portal writes. Keeps DSA's rule that a descriptor sees the register writes that came
/// before it: a portal write is offered when all BAR0 writes received earlier have been performed.
/// Reads are not waited for, as a posted write must be able to pass them.
module siov_pcie_portal import siov_pkg::*; #(
  /// Portal writes held before reception stalls.
  parameter int unsigned Depth = 8
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  /// Forgets all that is held; nothing may arrive meanwhile.
  input  logic       flush_i,

  input  logic       valid_i,
  output logic       ready_o,
  input  portal_wr_t portal_i,

  /// A BAR0 write was received, or has been performed: pulses.
  input  logic       write_rx_i,
  input  logic       write_done_i,

  output logic       valid_o,
  input  logic       ready_i,
  output portal_wr_t portal_o,

  output logic       busy_o
);

  // Totals of BAR0 writes, compared modulo 2^16: far more than can be performed while a portal
  // write waits.
  typedef logic [15:0] count_t;

  typedef struct packed {
    count_t     after;
    portal_wr_t wr;
  } entry_t;

  count_t rx_q, done_q;
  entry_t head;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rx_q   <= '0;
      done_q <= '0;
    end else begin
      if (write_rx_i)   rx_q   <= rx_q + 1'b1;
      if (write_done_i) done_q <= done_q + 1'b1;
    end
  end

  siov_fifo #(
    .data_t (entry_t),
    .Depth  (Depth)
  ) u_fifo (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni && !flush_i),
    .valid_i (valid_i),
    .ready_o (ready_o),
    .data_i  ('{after: rx_q, wr: portal_i}),
    .valid_o (busy_o),
    .ready_i (ready_i && valid_o),
    .data_o  (head),
    .count_o ()
  );

  assign valid_o  = busy_o && done_q - head.after < 16'h8000;
  assign portal_o = head.wr;

endmodule
