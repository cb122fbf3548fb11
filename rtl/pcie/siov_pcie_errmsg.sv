// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Sends error messages (PCIe 2.2.8.3), the most urgent first: one for each that is asked for, as
/// long as no more than 255 of a kind wait for credits.
module siov_pcie_errmsg import siov_pkg::*, siov_pcie_pkg::*; #(
  parameter int unsigned Sources = 2
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  /// Forgets what has not left.
  input  logic        flr_i,
  input  logic [15:0] rid_i,

  input  err_msg_t [Sources-1:0] msg_i,

  output logic        tx_valid_o,
  input  logic        tx_ready_i,
  output tlp_beat_t   tx_o,

  output logic        busy_o
);

  // In the order of err_msg_t, least urgent first.
  localparam int unsigned Kinds = $bits(err_msg_t);
  localparam logic [Kinds-1:0][7:0] Code = {8'h33, 8'h31, 8'h30};

  logic [Kinds-1:0][7:0] count_q, count;
  logic [Kinds-1:0]      waiting, pick;

  always_comb begin
    for (int unsigned k = 0; k < Kinds; k++) waiting[k] = count_q[k] != '0;
    pick = waiting[2] ? 3'b100 : waiting[1] ? 3'b010 : {2'b00, waiting[0]};
  end

  always_comb begin
    count = count_q;
    if (msg_i != '0 || tx_valid_o) begin
      for (int unsigned k = 0; k < Kinds; k++) begin
        if (tx_ready_i && pick[k]) count[k]--;
        for (int unsigned s = 0; s < Sources; s++) begin
          if (msg_i[s][k] && count[k] != '1) count[k]++;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flr_i) count_q <= '0;
    else count_q <= count;
  end

  assign tx_valid_o = waiting != '0;
  assign busy_o     = tx_valid_o;

  always_comb begin
    tx_o = '0;
    if (tx_valid_o) begin
      tx_o.sop           = 1'b1;
      tx_o.eop           = 1'b1;
      tx_o.hdr[0][31:24] = {3'b001, TypeMsgToRoot};
      tx_o.hdr[1][31:16] = rid_i;
      for (int unsigned k = 0; k < Kinds; k++) begin
        if (pick[k]) tx_o.hdr[1][7:0] = Code[k];
      end
    end
  end

endmodule
