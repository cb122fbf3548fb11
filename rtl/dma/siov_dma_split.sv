// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Cuts jobs into chunks: at the end of the read request's size, so that writes come out aligned
/// to it, and at 4 KiB boundaries of the source. One chunk a clock; a job's first chunk is offered
/// 2 clocks after the job is taken.
///
/// Jobs take turns of about 4 KiB, first come first served, so that a long job delays the others
/// by one turn at most and jobs up to 4 KiB end in the order in which they came.
module siov_dma_split import siov_pkg::*, siov_dma_pkg::*; (
  input  logic               clk_i,
  input  logic               rst_ni,
  /// Read request at most 128 << mrrs bytes.
  input  logic [2:0]         mrrs_i,

  /// Job ids in use are unique, so there is always room for a job.
  input  logic               job_valid_i,
  output logic               job_ready_o,
  input  dma_job_t           job_i,

  /// Jobs of which a chunk has failed: the rest of the job is not cut.
  input  logic [NumJobs-1:0] failed_i,

  output logic               chunk_valid_o,
  input  logic               chunk_ready_i,
  output chunk_kind_e        chunk_kind_o,
  output chunk_t             chunk_o,
  output logic [63:0]        chunk_src_o,
  output logic [2:0]         chunk_tc_src_o,
  /// No further chunk of the job follows.
  output logic               chunk_last_o,

  output logic               busy_o
);

  localparam int unsigned TurnBytes = 4096;
  localparam int unsigned TurnW     = $clog2(TurnBytes + ChunkBytes);

  /// A job of which `offset` bytes have been cut off the front.
  typedef struct packed {
    dma_job_t    job;
    logic [31:0] offset;
  } progress_t;

  progress_t        cur_q, rest, head, tail;
  logic             cur_valid_q;
  logic [TurnW-1:0] turn_q, turn;  // bytes cut in this turn
  logic             head_valid, tail_valid, tail_ready;
  logic             taken, leaves, load, requeue;

  // --- the chunk at the front of the current job ------------------------------------------------

  logic            copy, failed;
  logic [LenW-1:0] window, to_dst, len;
  logic [12:0]     to_src;

  assign copy   = cur_q.job.op == JobCopy;
  assign failed = failed_i[cur_q.job.id];
  assign to_src = 13'd4096 - {1'b0, cur_q.job.src[11:0]};

  always_comb begin
    unique case (mrrs_i)
      3'd0:    window = LenW'(128);
      3'd1:    window = LenW'(256);
      default: window = LenW'(512);
    endcase
    // A read of a whole window at an unaligned address would have one DW too many.
    if (!copy) window = LenW'(ChunkBytes);
    else if (cur_q.job.src[1:0] != '0) window = window >> 1;
    to_dst = window - ({1'b0, cur_q.job.dst[PosW-1:0]} & (window - 1'b1));
    len = to_dst;
    if (copy && to_src < 13'(len)) len = to_src[LenW-1:0];
    if (cur_q.job.len < 32'(len)) len = cur_q.job.len[LenW-1:0];
  end

  assign chunk_valid_o  = cur_valid_q;
  assign chunk_last_o   = failed || cur_q.job.len == 32'(len);
  assign chunk_src_o    = cur_q.job.src;
  assign chunk_tc_src_o = cur_q.job.tc_src;
  assign chunk_kind_o   = failed ? ChunkAbort : copy ? ChunkRead : ChunkFill;

  assign chunk_o = '{
    job:     cur_q.job.id,
    tenant:  cur_q.job.tenant,
    strict:  cur_q.job.strict,
    tc:      cur_q.job.tc_dst,
    fill:    !copy,
    pattern: {cur_q.job.pattern_hi, cur_q.job.src},
    dst:     cur_q.job.dst,
    len:     len,
    skew:    copy ? {2'b00, cur_q.job.src[1:0]} : cur_q.offset[3:0],
    offset:  cur_q.offset
  };

  // --- turns ------------------------------------------------------------------------------------

  always_comb begin
    rest = cur_q;
    if (copy) rest.job.src = cur_q.job.src + 64'(len);
    rest.job.dst = cur_q.job.dst + 64'(len);
    rest.job.len = cur_q.job.len - 32'(len);
    rest.offset  = cur_q.offset + 32'(len);
  end

  assign turn    = turn_q + TurnW'(len);
  assign taken   = chunk_valid_o && chunk_ready_i;
  assign requeue = taken && !chunk_last_o && turn >= TurnW'(TurnBytes);
  assign leaves  = taken && (chunk_last_o || requeue);
  assign load    = head_valid && (!cur_valid_q || leaves);

  assign tail        = requeue ? rest : '{job: job_i, offset: '0};
  assign tail_valid  = requeue || job_valid_i;
  assign job_ready_o = !requeue && tail_ready;

  siov_fifo #(.data_t(progress_t), .Depth(NumJobs)) u_queue (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (tail_valid),
    .ready_o (tail_ready),
    .data_i  (tail),
    .valid_o (head_valid),
    .ready_i (load),
    .data_o  (head),
    .count_o ()
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) cur_valid_q <= 1'b0;
    else if (load) cur_valid_q <= 1'b1;
    else if (leaves) cur_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      cur_q  <= head;
      turn_q <= '0;
    end else if (taken) begin
      cur_q  <= rest;
      turn_q <= turn;
    end
  end

  assign busy_o = cur_valid_q || head_valid;

  JobIsNotEmpty_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      job_valid_i |-> job_i.len != '0) else $error("job of no bytes");
  JobsFitQueue_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      tail_valid |-> tail_ready) else $error("more jobs than ids");
  ReadWithin4KiB_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      chunk_valid_o && copy |-> 13'(len) <= to_src) else $error("read crosses 4 KiB");

endmodule
