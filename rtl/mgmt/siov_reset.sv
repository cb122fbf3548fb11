// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Function-level reset: on `flr_i` it stops new reads, waits for those in flight (a host that
/// never answers is cut off after FlrCycles), then holds `rst_fn_no` low for two clocks.
module siov_reset #(
  /// Clocks to wait for reads in flight.
  parameter int unsigned FlrCycles = 1 << 16
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic flr_i,
  output logic flr_done_o,
  output logic quiesce_o,
  input  logic np_pending_i,
  /// Reset of everything but the PCIe room: at reset and at FLR.
  output logic rst_fn_no
);

  // STUB: body follows

endmodule
