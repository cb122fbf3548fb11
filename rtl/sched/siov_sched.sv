// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Who is next. Per group two lists of WQs with work, linked through RAM: `active` (credit left in
/// this round) and `expired`. A turn takes the head of `active`, one descriptor, one credit; a WQ
/// with more work goes to the tail of `active`, or of `expired` when its credit is spent. When
/// `active` is empty the lists change places and the round number goes up, which reloads every
/// credit from the priority (DSA 3.2) without touching it. Engines take turns; each serves its
/// group. Every step takes the same few clocks for 1 or 1,024 WQs.
module siov_sched import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  /// Group of each engine, valid bit per engine (GRPCFG, written by firmware).
  input  logic [MaxEngines-1:0]           engine_en_i,
  input  logic [MaxEngines-1:0][GrpW-1:0] engine_group_i,

  input  logic            wake_valid_i,
  input  logic [AdiW-1:0] wake_adi_i,
  input  logic [GrpW-1:0] wake_group_i,
  input  logic [3:0]      wake_prio_i,

  output logic            pop_valid_o,
  input  logic            pop_ready_i,
  output logic [AdiW-1:0] pop_adi_o,
  input  logic            popped_valid_i,
  input  logic [AdiW-1:0] popped_adi_i,
  input  logic            popped_more_i,
  input  logic [GrpW-1:0] popped_group_i,
  input  logic [3:0]      popped_prio_i,

  output logic            busy_o
);

  // STUB: body follows

endmodule
