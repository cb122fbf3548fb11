// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Counts each job's chunks in flight and reports the job done when its last chunk has ended. A
/// failed chunk fails the job; what is reported is the lowest offset that failed.
module siov_dma_jobs import siov_pkg::*; (
  input  logic               clk_i,
  input  logic               rst_ni,

  /// A chunk begins; `begun_last_i`: no further one of this job will.
  input  logic               begun_i,
  input  logic [JobW-1:0]    begun_job_i,
  input  logic               begun_last_i,
  /// A chunk ends, at least one clock after it began.
  input  logic               ended_i,
  input  logic [JobW-1:0]    ended_job_i,
  input  logic               ended_failed_i,
  input  logic [31:0]        ended_offset_i,

  output logic [NumJobs-1:0] failed_o,

  output logic               done_valid_o,
  input  logic               done_ready_i,
  output dma_done_t          done_o
);

  logic [SlotW:0]     count_q  [NumJobs];
  logic [31:0]        offset_q [NumJobs];  // the lowest that failed, if any has
  logic [NumJobs-1:0] whole_q;             // all of the job has been cut
  logic [NumJobs-1:0] failed_q;

  logic               same, done, done_ready, failed;
  logic [SlotW:0]     count;
  logic [31:0]        offset;
  dma_done_t          report;

  assign same   = begun_i && ended_i && begun_job_i == ended_job_i;
  assign count  = count_q[ended_job_i];
  assign done   = ended_i && !same && whole_q[ended_job_i] && count == 'd1;
  assign failed = failed_q[ended_job_i] || ended_failed_i;

  always_comb begin
    offset = offset_q[ended_job_i];
    if (ended_failed_i && (!failed_q[ended_job_i] || ended_offset_i < offset)) begin
      offset = ended_offset_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '{default: '0};
    end else if (!same) begin
      if (begun_i) count_q[begun_job_i] <= count_q[begun_job_i] + 1'b1;
      if (ended_i) count_q[ended_job_i] <= count_q[ended_job_i] - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      whole_q  <= '0;
      failed_q <= '0;
    end else begin
      if (begun_i && begun_last_i) whole_q[begun_job_i] <= 1'b1;
      if (ended_i) failed_q[ended_job_i] <= failed && !done;
      if (done) whole_q[ended_job_i] <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (ended_i) offset_q[ended_job_i] <= offset;
  end

  assign failed_o = failed_q;
  assign report   = '{
    id:     ended_job_i,
    status: failed ? 8'h20 : 8'h00,
    write:  1'b0,
    done:   failed ? offset : '0,
    page:   '0
  };

  siov_fifo #(.data_t(dma_done_t), .Depth(NumJobs)) u_done (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (done),
    .ready_o (done_ready),
    .data_i  (report),
    .valid_o (done_valid_o),
    .ready_i (done_ready_i),
    .data_o  (done_o),
    .count_o ()
  );

  DoneHasRoom_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      done |-> done_ready) else $error("more jobs done than ids");
  EndedJobIsOpen_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      ended_i |-> count != '0) else $error("chunk of job %0d ended twice", ended_job_i);
  JobIdIsFree_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      begun_i |-> !whole_q[begun_job_i]) else $error("job id %0d in use", begun_job_i);

endmodule
