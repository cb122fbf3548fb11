// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How many chunks and records of each translation epoch have begun and not left. A counter is
/// right from the clock after an event on.
module siov_dma_epoch import siov_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       chunk_begun_i,
  input  logic       chunk_epoch_i,
  input  logic       rec_begun_i,
  input  logic       rec_epoch_i,
  /// A chunk or a record has left.
  input  logic       ended_i,
  input  logic       ended_epoch_i,

  output logic [1:0] busy_o
);

  localparam int unsigned CountW = SlotW + 2;  // all slots, and the records in the writer

  logic [1:0][CountW-1:0] count_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned e = 0; e < 2; e++) begin
      if (!rst_ni) begin
        count_q[e] <= '0;
      end else if (chunk_begun_i || rec_begun_i || ended_i) begin
        count_q[e] <= count_q[e] + CountW'(chunk_begun_i && chunk_epoch_i == e[0])
                                 + CountW'(rec_begun_i && rec_epoch_i == e[0])
                                 - CountW'(ended_i && ended_epoch_i == e[0]);
      end
    end
  end

  assign busy_o = {count_q[1] != '0, count_q[0] != '0};

  always_ff @(posedge clk_i) begin
    if (rst_ni && ended_i) begin
      EndedHasBegun_A : assert (count_q[ended_epoch_i] != '0) else $error("more left than began");
    end
  end

endmodule
