// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Which slots are free. The first NumReads are for chunks that read, lowest free slot first; the
/// rest are for those that do not, in turn, as these end in the order in which they begin.
///
/// A read's slot is free again, and given back to its ADI's share, when its chunk has been sent and
/// its tag is out of quarantine.
module siov_dma_slots import siov_pkg::*; (
  input  logic                clk_i,
  input  logic                rst_ni,
  /// Only slots 0..15 have a tag (see siov_pkg::make_tag).
  input  logic                few_tags_i,
  /// Slots whose tag may still be answered.
  input  logic [NumSlots-1:0] quarantine_i,

  output logic [SlotW-1:0]    read_slot_o,
  input  logic                read_take_i,
  input  logic [AdiW-1:0]     read_adi_i,
  output logic                other_valid_o,
  output logic [SlotW-1:0]    other_slot_o,
  input  logic                other_take_i,

  /// The slot's chunk has been sent.
  input  logic                free_i,
  input  logic [SlotW-1:0]    free_slot_i,

  /// A read's slot is free again.
  output logic                return_valid_o,
  input  logic                return_ready_i,
  output logic [AdiW-1:0]     return_adi_o,

  output logic                all_free_o
);

  localparam int unsigned         NumOthers = NumSlots - NumReads;
  localparam int unsigned         OtherW    = $clog2(NumOthers);
  localparam logic [NumSlots-1:0] Reads     = {NumSlots{1'b1}} >> NumOthers;

  logic free_read;
  assign free_read = free_i && free_slot_i < SlotW'(NumReads);

  // --- slots of reads ---------------------------------------------------------------------------

  logic [NumSlots-1:0] free_q, free_d, sent_q, sent_d, usable, lowest, back, lowest_back;
  logic                any_free, back_valid, give_back;
  logic [SlotW-1:0]    back_slot;

  assign usable = few_tags_i ? free_q & NumSlots'(16'hffff) : free_q;

  siov_first_one #(.Width(NumSlots)) u_lowest (
    .bits_i  (usable),
    .any_o   (any_free),
    .index_o (read_slot_o),
    .one_o   (lowest)
  );

  assign back = sent_q & ~quarantine_i;

  siov_first_one #(.Width(NumSlots)) u_back (
    .bits_i  (back),
    .any_o   (back_valid),
    .index_o (back_slot),
    .one_o   (lowest_back)
  );

  assign give_back = back_valid && (!return_valid_o || return_ready_i);

  always_comb begin
    free_d = free_q;
    sent_d = sent_q;
    if (read_take_i) free_d = free_d & ~lowest;
    if (give_back) begin
      free_d = free_d | lowest_back;
      sent_d = sent_d & ~lowest_back;
    end
    if (free_read) sent_d[free_slot_i] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      free_q         <= Reads;
      sent_q         <= '0;
      return_valid_o <= 1'b0;
    end else begin
      free_q <= free_d;
      sent_q <= sent_d;
      if (!return_valid_o || return_ready_i) return_valid_o <= back_valid;
    end
  end

  /// Whose read is in the slot.
  siov_ram_1r1w #(.Width(AdiW), .Depth(NumSlots)) u_adis (
    .clk_i   (clk_i),
    .we_i    (read_take_i),
    .waddr_i (read_slot_o),
    .wdata_i (read_adi_i),
    .re_i    (give_back),
    .raddr_i (back_slot),
    .rdata_o (return_adi_o)
  );

  // --- the others -------------------------------------------------------------------------------

  logic [OtherW:0]   used_q;
  logic [OtherW-1:0] next_q;

  assign other_valid_o = used_q != (OtherW + 1)'(NumOthers);
  assign other_slot_o  = SlotW'(NumReads) + SlotW'(next_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      used_q <= '0;
      next_q <= '0;
    end else begin
      used_q <= used_q + (OtherW + 1)'(other_take_i) - (OtherW + 1)'(free_i && !free_read);
      if (other_take_i) next_q <= next_q + 1'b1;
    end
  end

  assign all_free_o = free_q == Reads && !return_valid_o && used_q == '0;

  // --- rules ------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (read_take_i) begin
        NoReadWithoutFreeTag_A : assert (any_free) else $error("slot taken, none free");
      end
      if (free_i) begin
        SlotFreedOnce_A : assert (free_read ? !free_q[free_slot_i] && !sent_q[free_slot_i]
                                            : used_q != '0)
          else $error("slot %0d freed twice", free_slot_i);
      end
    end
  end

endmodule
