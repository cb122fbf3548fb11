// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Counts each job's chunks in flight and reports the job done when its last chunk has ended. A
/// failed chunk fails the job; what is reported is the lowest offset that failed. A fault ends a
/// job too; it lies above all that was cut, so a failed chunk is told of instead of it.
module siov_dma_jobs import siov_pkg::*, siov_dma_pkg::*; (
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
  /// The rest of a job will not be moved; before its last chunk begins.
  input  logic               fault_i,
  input  logic [JobW-1:0]    fault_job_i,
  input  job_fault_t         fault_info_i,

  output logic [NumJobs-1:0] failed_o,
  /// The last chunk of `ended_job_i` ends.
  output logic               last_o,

  output logic               done_valid_o,
  input  logic               done_ready_i,
  output dma_done_t          done_o,
  output logic               busy_o
);

  localparam logic [7:0] StatusReadError = 8'h20;  // DSA 5.4

  logic [SlotW:0]     count_q  [NumJobs];
  logic [31:0]        offset_q [NumJobs];  // the lowest that failed, if any has
  logic [NumJobs-1:0] whole_q;             // all of the job has been cut
  logic [NumJobs-1:0] failed_q, faulted_q;

  logic               same, done, failed;
  logic [SlotW:0]     count;
  logic [31:0]        offset;

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
      whole_q   <= '0;
      failed_q  <= '0;
      faulted_q <= '0;
    end else begin
      if (begun_i && begun_last_i) whole_q[begun_job_i] <= 1'b1;
      if (ended_i) failed_q[ended_job_i] <= failed && !done;
      if (done) whole_q[ended_job_i] <= 1'b0;
      if (done) faulted_q[ended_job_i] <= 1'b0;
      if (fault_i) faulted_q[fault_job_i] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (ended_i) offset_q[ended_job_i] <= offset;
  end

  // --- the report: that of a fault is completed from its row ------------------------------------

  typedef struct packed {
    logic [JobW-1:0] id;
    logic            failed;
    logic            faulted;
    logic [31:0]     offset;
  } end_t;

  end_t       head;
  logic       head_valid, head_ready, fetch, fetched_q;
  job_fault_t fault;

  siov_fifo #(.data_t(end_t), .Depth(NumJobs)) u_ends (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (done),
    .ready_o (head_ready),
    .data_i  ('{
      id:      ended_job_i,
      failed:  failed,
      faulted: faulted_q[ended_job_i] && !failed,
      offset:  offset
    }),
    .valid_o (head_valid),
    .ready_i (done_valid_o && done_ready_i),
    .data_o  (head),
    .count_o ()
  );

  assign fetch        = head_valid && head.faulted && !fetched_q;
  assign done_valid_o = head_valid && !fetch;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) fetched_q <= 1'b0;
    else fetched_q <= fetch || (fetched_q && !done_ready_i);
  end

  siov_ram_1r1w #(.Width($bits(job_fault_t)), .Depth(NumJobs)) u_faults (
    .clk_i   (clk_i),
    .we_i    (fault_i),
    .waddr_i (fault_job_i),
    .wdata_i (fault_info_i),
    .re_i    (fetch),
    .raddr_i (head.id),
    .rdata_o (fault)
  );

  always_comb begin
    done_o    = '0;
    done_o.id = head.id;
    if (head.failed) begin
      done_o.status = StatusReadError;
      done_o.done   = head.offset;
    end else if (head.faulted) begin
      done_o.status = fault.status;
      done_o.write  = fault.write;
      done_o.done   = fault.offset;
      done_o.page   = fault.page;
    end
  end

  assign failed_o = failed_q;
  assign last_o   = done;
  assign busy_o   = head_valid;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (done) begin
        DoneHasRoom_A : assert (head_ready) else $error("more jobs done than ids");
      end
      if (ended_i) begin
        EndedJobIsOpen_A : assert (count != '0)
          else $error("chunk of job %0d ended twice", ended_job_i);
      end
      if (begun_i) begin
        JobIdIsFree_A : assert (!whole_q[begun_job_i])
          else $error("job id %0d in use", begun_job_i);
      end
    end
  end

endmodule
