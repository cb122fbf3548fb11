// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The ADI room: portals, queues, and the identity of every descriptor.
///
/// Per-WQ state (head, occupancy, in flight) is one RAM row; push (portal), pop (sched/) and retire
/// (engine/) are read-modify-write operations on it, one a clock, retire before pop before push.
/// A portal write to a WQ that is not enabled is dropped; to a full dedicated WQ it is dropped and
/// reported as software error 53h.
module siov_adi import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// Rows are being cleared after reset; nothing else may be asked meanwhile.
  output logic            init_o,

  input  logic            portal_valid_i,
  output logic            portal_ready_o,
  input  portal_wr_t      portal_i,

  /// Control row, written by firmware. Takes effect for portal writes taken in later clocks.
  input  logic            ctl_we_i,
  input  logic [AdiW-1:0] ctl_adi_i,
  input  wq_ctl_t         ctl_i,

  /// Occupancy and in-flight count of one WQ, for registers and drains: pulse, answer 2 or more
  /// clocks later.
  input  logic            stat_valid_i,
  input  logic [AdiW-1:0] stat_adi_i,
  output logic            stat_rsp_valid_o,
  output logic [EntW:0]   stat_occupancy_o,
  output logic [15:0]     stat_inflight_o,

  /// The WQ has got its first descriptor (occupancy 0 -> 1).
  output logic            wake_valid_o,
  output logic [AdiW-1:0] wake_adi_o,
  output logic [GrpW-1:0] wake_group_o,
  output logic [3:0]      wake_prio_o,

  /// Pop one descriptor of this WQ; it is known not to be empty.
  input  logic            pop_valid_i,
  output logic            pop_ready_o,
  input  logic [AdiW-1:0] pop_adi_i,
  /// Answer to each pop, in order: is there more?
  output logic            popped_valid_o,
  output logic [AdiW-1:0] popped_adi_o,
  output logic            popped_more_o,
  output logic [GrpW-1:0] popped_group_o,
  output logic [3:0]      popped_prio_o,

  output logic            work_valid_o,
  input  logic            work_ready_i,
  output work_t           work_o,

  /// A descriptor of this WQ has ended altogether (record and interrupt sent). Never stalled.
  input  logic            retire_valid_i,
  input  logic [AdiW-1:0] retire_adi_i,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  /// Descriptors accepted and not retired in the whole device.
  output logic [15:0]     inflight_o
);

  // STUB: body follows

endmodule
