// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Transmit credits of one class (PCIe 2.6.1): totals sent against totals granted.
module siov_pcie_credit import siov_pkg::*; (
  input  logic      clk_i,
  input  logic      rst_ni,
  input  fc_limit_t limit_i,

  /// The TLP that waits: units of 16 bytes of payload.
  input  logic [8:0] data_i,
  /// It may be sent.
  output logic       ok_o,
  /// It is sent.
  input  logic       take_i
);

  logic [11:0] hdr_q;
  logic [15:0] data_q;

  assign ok_o = limit_i.infinite ||
                (limit_i.hdr != hdr_q && limit_i.data - data_q >= 16'(data_i));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      hdr_q  <= '0;
      data_q <= '0;
    end else if (take_i) begin
      hdr_q  <= hdr_q + 1'b1;
      data_q <= data_q + 16'(data_i);
    end
  end

  TakesWithinCredit_A: assert property (@(posedge clk_i) disable iff (!rst_ni) take_i |-> ok_o)
    else $error("tx: a TLP was started without credits");

endmodule
