// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// State of the Page Request Interface (PCIe 10.5.2): may pages be requested, have all requests
/// ended, what went wrong.
module siov_pcie_pri (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        flr_i,

  /// Control: Enable
  input  logic        enable_i,

  // from atc/
  /// Page requests wait for a response.
  input  logic        pending_i,
  input  logic        failure_i,
  input  logic        unexpected_i,

  /// Page requests may be sent. After a Response Failure they may not, until Enable is cleared and
  /// set again.
  output logic        allowed_o,

  /// Status register: bits that are written 1 (Response Failure, Unexpected Page Request Group
  /// Index), and what the bits here read.
  input  logic [1:0]  clear_i,
  output logic [15:0] status_o
);

  logic enable_q, failed_q, failure_q, unexpected_q, stopped_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flr_i) begin
      enable_q     <= 1'b0;
      failed_q     <= 1'b0;
      failure_q    <= 1'b0;
      unexpected_q <= 1'b0;
      stopped_q    <= 1'b1;
    end else begin
      enable_q <= enable_i;
      if (enable_i && !enable_q) begin
        failed_q     <= 1'b0;
        failure_q    <= 1'b0;
        unexpected_q <= 1'b0;
        stopped_q    <= 1'b0;
      end else begin
        failed_q     <= failed_q || failure_i;
        failure_q    <= (failure_q && !clear_i[0]) || failure_i;
        unexpected_q <= (unexpected_q && !clear_i[1]) || unexpected_i;
        // A request made in the last clock of Enable is pending in the next one.
        if (!enable_i && !enable_q && (!pending_i || failure_i)) stopped_q <= 1'b1;
      end
    end
  end

  assign allowed_o = enable_i && !failed_q;
  assign status_o  = {7'd0, stopped_q, 6'd0, unexpected_q, failure_q};

endmodule
