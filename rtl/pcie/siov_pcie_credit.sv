// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Transmit credits of one class (PCIe 2.6.1): totals sent against totals granted.
module siov_pcie_credit import siov_pkg::*; #(
  /// Sources whose TLPs are of this class; at most one sends in a clock.
  parameter int unsigned Sources = 1
) (
  input  logic      clk_i,
  input  logic      rst_ni,
  input  fc_limit_t limit_i,

  /// The TLPs that wait: units of 16 bytes of payload.
  input  logic [Sources-1:0][8:0] data_i,
  /// They may be sent.
  output logic [Sources-1:0]      ok_o,
  /// It is sent.
  input  logic [Sources-1:0]      take_i
);

  logic [11:0] hdr_q;
  logic [15:0] data_q;
  logic [8:0]  data;

  always_comb begin
    data = '0;
    for (int unsigned s = 0; s < Sources; s++) begin
      ok_o[s] = limit_i.infinite ||
                (limit_i.hdr != hdr_q && limit_i.data - data_q >= 16'(data_i[s]));
      if (take_i[s]) data |= data_i[s];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      hdr_q  <= '0;
      data_q <= '0;
    end else if (take_i != '0) begin
      hdr_q  <= hdr_q + 1'b1;
      data_q <= data_q + 16'(data);
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      TakesWithinCredit_A : assert ((take_i & ~ok_o) == '0)
        else $error("tx: a TLP was started without credits");
    end
  end

endmodule
