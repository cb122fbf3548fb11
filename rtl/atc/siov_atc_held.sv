// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The answer that each operand of each job was woken for. It waits here for the job to look up
/// again, where no other translation can take its place. A fault stays until the job has seen it:
/// it grants nothing, so nothing can make it stale, and to forget it is to ask the host again.
module siov_atc_held import siov_pkg::*, siov_atc_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  input  logic            we_i,
  input  logic [JobW-1:0] wjob_i,
  input  operand_e        woperand_i,
  input  held_t           wdata_i,

  /// `held_o` and `rdata_o` in the next clock.
  input  logic            re_i,
  input  logic [JobW-1:0] rjob_i,
  input  operand_e        roperand_i,
  output logic            held_o,
  output held_t           rdata_o,

  /// Drop what is held for this job, or all but the faults. Goes before a write in the same clock.
  input  logic            forget_i,
  input  logic [JobW-1:0] forget_job_i,
  input  logic            clear_i
);

  logic [3:0]      held_q  [NumJobs];  // operands whose answer came since `clear_i`,
  logic [3:0]      fault_q [NumJobs];  // whose answer is a fault
  logic [JobW-1:0] rjob_q;
  operand_e        roperand_q;

  siov_ram_1r1w #(.Width($bits(held_t)), .Depth(4 * NumJobs)) u_ram (
    .clk_i   (clk_i),
    .we_i    (we_i),
    .waddr_i ({wjob_i, woperand_i}),
    .wdata_i (wdata_i),
    .re_i    (re_i),
    .raddr_i ({rjob_i, roperand_i}),
    .rdata_o (rdata_o)
  );

  logic [3:0] operand;

  assign operand = 4'd1 << woperand_i;
  assign held_o  = held_q[rjob_q][roperand_q] || fault_q[rjob_q][roperand_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q <= '{default: '0};
    end else begin
      if (we_i) held_q[wjob_i] <= held_q[wjob_i] | operand;
      if (forget_i) held_q[forget_job_i] <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fault_q <= '{default: '0};
    end else begin
      if (we_i) fault_q[wjob_i] <= (fault_q[wjob_i] & ~operand) | (wdata_i.fault ? operand : '0);
      if (forget_i) fault_q[forget_job_i] <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (re_i) begin
      rjob_q     <= rjob_i;
      roperand_q <= roperand_i;
    end
  end

endmodule
