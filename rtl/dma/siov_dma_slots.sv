// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Which slots are free. Lowest free slot first; a slot freed in this clock is free in the next. A
/// slot in quarantine is not given out, free or not.
module siov_dma_slots import siov_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  /// Only slots 0..15 have a tag (see siov_pkg::make_tag).
  input  logic             few_tags_i,
  /// Slots whose tag may still be answered.
  input  logic [NumSlots-1:0] quarantine_i,

  output logic             slot_valid_o,
  output logic [SlotW-1:0] slot_o,
  input  logic             take_i,

  input  logic             free_i,
  input  logic [SlotW-1:0] free_slot_i,

  output logic             all_free_o
);

  logic [NumSlots-1:0] free_q, free_d, usable, lowest;

  assign usable = free_q & ~quarantine_i & (few_tags_i ? NumSlots'(16'hffff) : '1);

  siov_first_one #(.Width(NumSlots)) u_lowest (
    .bits_i  (usable),
    .any_o   (slot_valid_o),
    .index_o (slot_o),
    .one_o   (lowest)
  );

  always_comb begin
    free_d = free_q;
    if (take_i) free_d = free_d & ~lowest;
    if (free_i) free_d[free_slot_i] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) free_q <= '1;
    else free_q <= free_d;
  end

  assign all_free_o = free_q == '1;

  NoReadWithoutFreeTag_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      take_i |-> slot_valid_o) else $error("slot taken, none free");
  SlotFreedOnce_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      free_i |-> !free_q[free_slot_i]) else $error("slot %0d freed twice", free_slot_i);

endmodule
