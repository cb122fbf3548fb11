// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Job table: one row of RAM per job, and the queue of free jobs, which is filled in the first
/// NumJobs clocks after reset. A row may be read in the clock in which it is written.
module siov_engine_jobs import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  output logic            free_o,
  output logic [JobW-1:0] free_id_o,
  input  logic            take_i,     ///< only if `free_o`
  input  job_row_t        row_i,

  input  logic            read_i,
  input  logic [JobW-1:0] read_id_i,
  output job_row_t        row_o,      ///< one clock later, until the next read

  input  logic            release_i,  ///< not in the first NumJobs clocks after reset
  input  logic [JobW-1:0] release_id_i,

  output logic            filling_o,  ///< the first NumJobs clocks after reset
  output logic            busy_o      ///< a job is taken, or the queue is being filled
);

  logic [JobW:0] fill_q;
  logic filling;
  assign filling   = !fill_q[JobW];
  assign filling_o = filling;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) fill_q <= '0;
    else if (filling) fill_q <= fill_q + 1'b1;
  end

  logic [JobW:0] free_count;
  assign busy_o = free_count != (JobW + 1)'(NumJobs);

  siov_fifo #(
    .data_t (logic [JobW-1:0]),
    .Depth  (NumJobs)
  ) u_free (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (filling || release_i),
    .ready_o (),
    .data_i  (filling ? fill_q[JobW-1:0] : release_id_i),
    .valid_o (free_o),
    .ready_i (take_i),
    .data_o  (free_id_o),
    .count_o (free_count)
  );

  siov_ram_1r1w #(
    .Width ($bits(job_row_t)),
    .Depth (NumJobs)
  ) u_rows (
    .clk_i   (clk_i),
    .we_i    (take_i),
    .waddr_i (free_id_o),
    .wdata_i (row_i),
    .re_i    (read_i),
    .raddr_i (read_id_i),
    .rdata_o (row_o)
  );

  // ------------------------------------------------------------------------------------------

  // Which jobs are taken, for the assertions only.
  logic [NumJobs-1:0] taken_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      taken_q <= '0;
    end else begin
      if (release_i) taken_q[release_id_i] <= 1'b0;
      if (take_i) taken_q[free_id_o] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && take_i) begin
      JobUnique_A: assert (free_o && !taken_q[free_id_o])
        else $error("job %0d given out twice", free_id_o);
    end
    if (rst_ni && release_i) begin
      ReleaseTaken_A: assert (!filling && taken_q[release_id_i])
        else $error("job %0d released but not taken", release_id_i);
    end
    if (rst_ni && read_i) begin
      ReadTaken_A: assert (taken_q[read_id_i] || (take_i && read_id_i == free_id_o))
        else $error("job %0d ends but was not taken", read_id_i);
    end
  end

endmodule
