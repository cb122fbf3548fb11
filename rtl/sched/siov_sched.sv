// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Who is next. Per group two lists of WQs with work, linked through RAM: those with turns left in
/// this round, and those that have had theirs. A turn takes the head of the first list, one
/// descriptor; a WQ with more work goes to the tail of the first list, or of the second when it has
/// had as many turns as its priority (DSA 3.4). When the first list is empty the lists change
/// places and the next round begins, in which every WQ has all its turns again. Engines take turns;
/// each serves its group.
///
/// One turn is under way at a time, so that a round never ends while a WQ that may still belong to
/// it is out of its list. A turn takes 3 clocks, or 4 if it is the same WQ again, whether there is
/// 1 WQ or 1,024. From wake to pop: 3 clocks.
module siov_sched import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  /// Group of each engine, valid bit per engine (GRPCFG, written by firmware).
  input  logic [MaxEngines-1:0]           engine_en_i,
  input  logic [MaxEngines-1:0][GrpW-1:0] engine_group_i,

  /// A WQ may be popped; it is in no list and is not being popped. Never in one clock with `popped`
  /// (both are answers to operations on the WQ's row, of which there is one a clock), nor in the
  /// first MaxAdis clocks after reset.
  input  logic            wake_valid_i,
  input  logic [AdiW-1:0] wake_adi_i,
  input  logic [GrpW-1:0] wake_group_i,
  input  logic [3:0]      wake_prio_i,

  /// A turn: one descriptor of this WQ. `popped` answers each pop, one or more clocks later.
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

  logic clk;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (wake_valid_i || popped_valid_i || busy_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  localparam int unsigned NumLists = 2 * MaxGroups;
  localparam int unsigned EngW     = $clog2(MaxEngines);

  typedef enum logic [1:0] {
    StPick,
    StPop,
    StWait
  } state_e;

  state_e state_q, state_d;

  // ------------------------------------------------------------------------------------------
  // Lists, and the list that a WQ goes to

  logic                          init;
  logic [NumLists-1:0]           some;
  logic [NumLists-1:0][AdiW-1:0] head;
  logic [MaxGroups-1:0]          half;
  logic                          place;
  logic [GrpW:0]                 place_list;
  logic [AdiW-1:0]               place_adi;
  logic                          take, next_round;
  logic [GrpW-1:0]               take_group;
  logic [GrpW:0]                 take_list;

  siov_sched_rounds u_rounds (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .init_o       (init),
    .event_i      (wake_valid_i || popped_valid_i),
    .turn_i       (popped_valid_i),
    .more_i       (popped_more_i),
    .adi_i        (popped_valid_i ? popped_adi_i : wake_adi_i),
    .group_i      (popped_valid_i ? popped_group_i : wake_group_i),
    .prio_i       (popped_valid_i ? popped_prio_i : wake_prio_i),
    .place_o      (place),
    .place_list_o (place_list),
    .place_adi_o  (place_adi),
    .next_i       (next_round),
    .next_group_i (take_group),
    .half_o       (half)
  );

  siov_sched_lists #(
    .NumLists (NumLists)
  ) u_lists (
    .clk_i         (clk),
    .rst_ni        (rst_ni),
    .append_i      (place),
    .append_list_i (place_list),
    .append_adi_i  (place_adi),
    .take_i        (take),
    .take_list_i   (take_list),
    .some_o        (some),
    .head_o        (head)
  );

  // ------------------------------------------------------------------------------------------
  // Pick: the first engine after the one that had the last turn whose group has work

  logic [MaxGroups-1:0] group_ready;
  logic                 picked;
  logic [EngW-1:0]      engine_q, engine;

  // A round does not end in the clock in which a WQ is placed: that one may belong to it.
  always_comb begin
    for (int unsigned g = 0; g < MaxGroups; g++) begin
      group_ready[g] = some[{GrpW'(g), half[g]}] ||
                       (some[{GrpW'(g), !half[g]}] && !(place && place_list[GrpW:1] == GrpW'(g)));
    end
  end

  always_comb begin
    picked = 1'b0;
    engine = engine_q;
    for (int unsigned i = 1; i <= MaxEngines; i++) begin
      logic [EngW-1:0] e;
      e = engine_q + EngW'(i);
      if (!picked && engine_en_i[e] && group_ready[engine_group_i[e]]) begin
        picked = 1'b1;
        engine = e;
      end
    end
  end

  assign take       = picked && state_q == StPick;
  assign take_group = engine_group_i[engine];
  assign next_round = take && !some[{take_group, half[take_group]}];
  assign take_list  = {take_group, half[take_group] ^ next_round};

  // ------------------------------------------------------------------------------------------
  // The turn

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      StPick:  if (picked) state_d = StPop;
      StPop:   if (pop_ready_i) state_d = StWait;
      StWait:  if (popped_valid_i) state_d = StPick;
      default: state_d = StPick;
    endcase
  end

  always_ff @(posedge clk) begin
    if (!rst_ni) begin
      state_q  <= StPick;
      engine_q <= '0;
    end else begin
      state_q <= state_d;
      if (take) engine_q <= engine;
    end
    if (take) pop_adi_o <= head[take_list];
  end

  assign pop_valid_o = state_q == StPop;
  assign busy_o      = init || state_q != StPick || place || some != '0;

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk) begin
    if (rst_ni) begin
      OneEvent_A : assert (!(wake_valid_i && popped_valid_i))
        else $error("wake and popped in one clock");
      if (popped_valid_i) begin
        PoppedAnswersPop_A : assert (state_q == StWait && popped_adi_i == pop_adi_o)
          else $error("WQ %0d popped without being asked", popped_adi_i);
      end
    end
  end

endmodule
