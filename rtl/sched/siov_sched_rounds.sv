// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Rounds (DSA 3.4): in one round of its group a WQ has as many turns as its priority. One row of
/// RAM per WQ says how many it has had and in which round, so that a new round gives every WQ all
/// its turns back without touching a row.
///
/// An event of one clock is decided in the next: `place_o` says which list the WQ goes to. The list
/// number is {group, half}; the group's round, modulo 2, is the half that is served now, the other
/// half waits for the next round.
///
/// Round numbers wrap around. A WQ that slept for exactly a multiple of 2^RoundW rounds is taken to
/// have had its turns in this one, and waits for the next.
module siov_sched_rounds import siov_pkg::*; #(
  parameter int unsigned RoundW = 8
) (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// The rows are being cleared, for MaxAdis clocks after reset. No event meanwhile.
  output logic            init_o,

  /// A WQ has got work (`turn_i` = 0), or has had a turn and may have more (`more_i`).
  input  logic            event_i,
  input  logic            turn_i,
  input  logic            more_i,
  input  logic [AdiW-1:0] adi_i,
  input  logic [GrpW-1:0] group_i,
  input  logic [3:0]      prio_i,

  output logic            place_o,
  output logic [GrpW:0]   place_list_o,
  output logic [AdiW-1:0] place_adi_o,

  /// Start the next round of this group. Not in the clock in which `place_o` is for this group.
  input  logic            next_i,
  input  logic [GrpW-1:0] next_group_i,
  output logic [MaxGroups-1:0] half_o
);

  typedef struct packed {
    logic [RoundW-1:0] round;
    logic [3:0]        turns;
  } row_t;

  logic [AdiW:0] clear_q;
  assign init_o = !clear_q[AdiW];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) clear_q <= '0;
    else if (init_o) clear_q <= clear_q + 1'b1;
  end

  logic [MaxGroups-1:0][RoundW-1:0] round_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) round_q <= '0;
    else if (next_i) round_q[next_group_i] <= round_q[next_group_i] + 1'b1;
  end

  always_comb begin
    for (int unsigned g = 0; g < MaxGroups; g++) half_o[g] = round_q[g][0];
  end

  logic            event_q, turn_q, more_q;
  logic [AdiW-1:0] adi_q;
  logic [GrpW-1:0] group_q;
  logic [3:0]      prio_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) event_q <= 1'b0;
    else event_q <= event_i;
    if (event_i) begin
      turn_q  <= turn_i;
      more_q  <= more_i;
      adi_q   <= adi_i;
      group_q <= group_i;
      prio_q  <= prio_i;
    end
  end

  row_t row;
  logic [3:0] turns_before, turns;
  logic spent;

  assign turns_before = row.round == round_q[group_q] ? row.turns : '0;
  assign turns        = turns_before + 4'(turn_q);
  assign spent        = turns >= prio_q;

  assign place_o      = event_q && (!turn_q || more_q);
  assign place_list_o = {group_q, round_q[group_q][0] ^ spent};
  assign place_adi_o  = adi_q;

  siov_ram_1r1w #(
    .Width ($bits(row_t)),
    .Depth (MaxAdis)
  ) u_rows (
    .clk_i   (clk_i),
    .we_i    (init_o || (event_q && turn_q)),
    .waddr_i (init_o ? clear_q[AdiW-1:0] : adi_q),
    .wdata_i (init_o ? '0 : {round_q[group_q], turns}),
    .re_i    (event_i),
    .raddr_i (adi_i),
    .rdata_o (row)
  );

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (init_o) begin
        NoEventInInit_A : assert (!event_i) else $error("event while the rows are being cleared");
      end
      if (event_q && turn_q) begin
        TurnsWithinPriority_A : assert (turns_before == '0 || turns_before < prio_q)
          else $error("WQ %0d has had more turns than its priority", adi_q);
      end
      if (next_i && place_o) begin
        RoundStable_A : assert (next_group_i != group_q)
          else $error("round of group %0d ends while WQ %0d is being placed", group_q, adi_q);
      end
    end
  end

endmodule
