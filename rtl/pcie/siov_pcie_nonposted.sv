// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Queue of non-posted requests. One goes when the posted writes received before it have been
/// performed (`pass_i`, see siov_pcie_posted).
module siov_pcie_nonposted import siov_pcie_pkg::*; #(
  /// Requests held before reception stalls.
  parameter int unsigned Depth = 8,
  /// Requests that may still come after `np_ready_o` has fallen: one offered in the same clock, one
  /// in reception, and one of a host that sees the signal a clock late.
  parameter int unsigned Slack = 3
) (
  input  logic    clk_i,
  input  logic    rst_ni,

  input  logic    valid_i,
  output logic    ready_o,
  input  target_t target_i,
  /// The host may send another one.
  output logic    np_ready_o,

  /// Pulse, once for each request; with what became of its descriptor, if it has one.
  input  logic    pass_i,
  input  logic    pass_accepted_i,

  output logic    valid_o,
  input  logic    ready_i,
  output target_t target_o,
  output logic    accepted_o,

  output logic    busy_o
);

  localparam int unsigned CountW = $clog2(Depth) + 1;

  logic [CountW-1:0] count;
  logic              passed, accepted;

  siov_fifo #(
    .data_t (target_t),
    .Depth  (Depth)
  ) u_fifo (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (valid_i),
    .ready_o (ready_o),
    .data_i  (target_i),
    .valid_o (busy_o),
    .ready_i (ready_i && valid_o),
    .data_o  (target_o),
    .count_o (count)
  );

  assign np_ready_o = count + CountW'(Slack) < CountW'(Depth);

  siov_fifo #(
    .data_t (logic),
    .Depth  (Depth)
  ) u_passed (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (pass_i && (passed || !ready_i)),
    .ready_o (),
    .data_i  (pass_accepted_i),
    .valid_o (passed),
    .ready_i (ready_i),
    .data_o  (accepted),
    .count_o ()
  );

  assign valid_o    = passed || pass_i;
  assign accepted_o = passed ? accepted : pass_accepted_i;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (valid_o) begin
        PassedIsHere_A : assert (busy_o)
          else $error("a non-posted request was let go before it came");
      end
    end
  end

endmodule
