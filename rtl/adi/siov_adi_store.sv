// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The descriptors of all WQs, in one RAM whose output register is the work register. A portal
/// write is kept whole for the one clock in which its WQ's row is looked at.
module siov_adi_store import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  input  logic            push_i,
  input  desc_t           desc_i,
  input  logic            ims_i,

  // One clock after the operation began: its entry
  input  logic            write_i,     ///< what was pushed in the clock before
  input  logic            read_i,      ///< only if `room_o` was high in the clock before
  input  logic [EntW-1:0] entry_i,

  /// A descriptor may be popped: it will find the work register empty.
  output logic            room_o,

  output logic            work_valid_o,
  input  logic            work_ready_i,
  output desc_t           work_desc_o,
  output logic            work_ims_o
);

  desc_t desc_q;
  logic  ims_q;

  always_ff @(posedge clk_i) begin
    if (push_i) begin
      desc_q <= desc_i;
      ims_q  <= ims_i;
    end
  end

  siov_ram_1r1w #(
    .Width ($bits(desc_t) + 1),
    .Depth (MaxWqEntries)
  ) u_desc (
    .clk_i   (clk_i),
    .we_i    (write_i),
    .waddr_i (entry_i),
    .wdata_i ({ims_q, desc_q}),
    .re_i    (read_i),
    .raddr_i (entry_i),
    .rdata_o ({work_ims_o, work_desc_o})
  );

  logic valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (read_i) valid_q <= 1'b1;
    else if (work_ready_i) valid_q <= 1'b0;
  end

  assign work_valid_o = valid_q;
  assign room_o       = !read_i && (!valid_q || work_ready_i);

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (read_i) begin
        WorkKept_A : assert (!valid_q)
          else $error("descriptor popped while another waits for the engine");
      end
    end
  end

endmodule
