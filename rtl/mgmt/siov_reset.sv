// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Function-level reset: on `flr_i` it stops new requests, waits for those in flight (a host that
/// never answers is cut off after FlrCycles, but no TLP is cut short), then holds `rst_fn_no` low for
/// two clocks.
module siov_reset #(
  /// Clocks to wait for requests in flight.
  parameter int unsigned FlrCycles = 1 << 16
) (
  input  logic clk_i,
  input  logic rst_ni,
  /// Level; must fall with or after `flr_done_o`.
  input  logic flr_i,
  /// Pulse: the reset is over.
  output logic flr_done_o,
  output logic quiesce_o,
  input  logic np_pending_i,
  /// A TLP has begun and its source has not given all of it.
  input  logic tx_partial_i,
  /// Reset of everything but the PCIe room: at reset and at FLR.
  output logic rst_fn_no
);

  localparam int unsigned CountW = $clog2(FlrCycles + 1);

  typedef enum logic [2:0] {
    StRun,
    StQuiesce,
    StReset0,
    StReset1,
    StDone
  } state_e;

  logic              clk;
  state_e            state_q;
  logic [CountW-1:0] wait_q;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (flr_i || quiesce_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  assign quiesce_o  = state_q != StRun;
  assign rst_fn_no  = rst_ni && !(state_q inside {StReset0, StReset1});
  assign flr_done_o = state_q == StDone;

  // `wait_q` starts one clock before `np_pending_i` is looked at: in the first clock of quiesce a
  // read may still start.
  always_ff @(posedge clk) begin
    if (!rst_ni) begin
      state_q <= StRun;
      wait_q  <= '0;
    end else begin
      unique case (state_q)
        StRun: begin
          wait_q <= '0;
          if (flr_i) state_q <= StQuiesce;
        end
        StQuiesce: begin
          if (wait_q != CountW'(FlrCycles)) wait_q <= wait_q + 1'b1;
          if (!tx_partial_i &&
              ((wait_q != '0 && !np_pending_i) || wait_q == CountW'(FlrCycles))) begin
            state_q <= StReset0;
          end
        end
        StReset0: state_q <= StReset1;
        StReset1: state_q <= StDone;
        default:  state_q <= StRun;
      endcase
    end
  end

endmodule
