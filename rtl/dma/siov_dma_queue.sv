// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What waits for its turn: one row of RAM per job, and a queue of the jobs that are ready. First
/// come, first served; a row is out one clock after it came to an empty queue. A row stays in the
/// RAM when it goes out, so that it can be queued again, or parked until its job is woken, without
/// being handed back. Wakes may come before the job is parked.
module siov_dma_queue import siov_pkg::*; #(
  /// What is kept of a job.
  parameter type row_t = logic [31:0]
) (
  input  logic            clk_i,
  input  logic            rst_ni,

  /// A new row. Each job has one at most.
  input  logic            put_valid_i,
  output logic            put_ready_o,
  input  logic [JobW-1:0] put_job_i,
  input  row_t            put_row_i,

  /// A row that was out is queued again, at once or when its job has been woken `back_wakes_i`
  /// times since it went out.
  input  logic            back_valid_i,
  output logic            back_ready_o,
  input  logic [JobW-1:0] back_job_i,
  input  logic [1:0]      back_wakes_i,
  /// Before the others in the queue, if there is room for that.
  input  logic            back_soon_i,
  /// The row has changed.
  input  logic            back_write_i,
  input  row_t            back_row_i,

  /// Never stalled.
  input  logic            wake_valid_i,
  input  logic [JobW-1:0] wake_job_i,

  output logic            out_valid_o,
  input  logic            out_ready_i,
  output logic [JobW-1:0] out_job_o,
  output row_t            out_row_o,

  /// A row waits here, parked or not.
  output logic            busy_o
);

  // --- parked jobs ------------------------------------------------------------------------------

  // Cleared when a row goes out, and of no meaning before.
  logic               parked_q [NumJobs];
  logic               again_q  [NumJobs];  // parked for one more wake than the next
  logic [1:0]         woken_q  [NumJobs];  // not parked: wakes since the row went out
  logic [JobW:0]      parked_count_q;
  logic [1:0]         missing;
  logic               unpark, back, park, requeue, put, fetch;
  logic [JobW-1:0]    fetch_job;

  assign unpark       = wake_valid_i && parked_q[wake_job_i] && !again_q[wake_job_i];
  assign missing      = back_wakes_i - woken_q[back_job_i] -
                        2'(wake_valid_i && wake_job_i == back_job_i);
  assign back_ready_o = !unpark;
  assign back         = back_valid_i && back_ready_o;
  assign park         = back && missing != '0;
  assign requeue      = back && !park;
  assign put_ready_o  = !unpark && !requeue;
  assign put          = put_valid_i && put_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      parked_count_q <= '0;
    end else if (park || unpark) begin
      parked_count_q <= parked_count_q + (JobW + 1)'(park) - (JobW + 1)'(unpark);
    end
  end

  always_ff @(posedge clk_i) begin
    if (park) parked_q[back_job_i] <= 1'b1;
    if (unpark) parked_q[wake_job_i] <= 1'b0;
    if (fetch) parked_q[fetch_job] <= 1'b0;
    if (wake_valid_i) begin
      again_q[wake_job_i] <= 1'b0;
      woken_q[wake_job_i] <= woken_q[wake_job_i] + 1'b1;
    end
    if (park) again_q[back_job_i] <= missing == 2'd2;
    if (fetch) woken_q[fetch_job] <= '0;
  end

  // --- ready jobs -------------------------------------------------------------------------------

  logic            push, soon, take_front, take_push, take_head, to_front;
  logic            front_valid_q, head_valid, queue_ready, out_valid_q, free;
  logic [JobW-1:0] push_job, front_q, head;

  assign push     = unpark || requeue || put;
  assign push_job = unpark ? wake_job_i : requeue ? back_job_i : put_job_i;
  assign soon     = requeue && back_soon_i;

  assign free       = !out_valid_q || out_ready_i;
  assign take_front = free && front_valid_q;
  assign take_push  = free && !front_valid_q && push && (soon || !head_valid);
  assign take_head  = free && !front_valid_q && !take_push && head_valid;
  assign to_front   = soon && !take_push && !front_valid_q;
  assign fetch      = take_front || take_push || take_head;
  assign fetch_job  = front_valid_q ? front_q : take_push ? push_job : head;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) front_valid_q <= 1'b0;
    else if (to_front) front_valid_q <= 1'b1;
    else if (take_front) front_valid_q <= 1'b0;
    if (to_front) front_q <= push_job;
  end

  siov_fifo #(.data_t(logic [JobW-1:0]), .Depth(NumJobs)) u_ready (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (push && !take_push && !to_front),
    .ready_o (queue_ready),
    .data_i  (push_job),
    .valid_o (head_valid),
    .ready_i (take_head),
    .data_o  (head),
    .count_o ()
  );

  // --- rows -------------------------------------------------------------------------------------

  siov_ram_1r1w #(.Width($bits(row_t)), .Depth(NumJobs)) u_rows (
    .clk_i   (clk_i),
    .we_i    (put || (requeue && back_write_i)),
    .waddr_i (push_job),
    .wdata_i (requeue ? back_row_i : put_row_i),
    .re_i    (fetch),
    .raddr_i (fetch_job),
    .rdata_o (out_row_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (free) out_valid_q <= fetch;
    if (fetch) out_job_o <= fetch_job;
  end

  assign out_valid_o = out_valid_q;
  assign busy_o      = out_valid_q || front_valid_q || head_valid || parked_count_q != '0;

  // --- rules ------------------------------------------------------------------------------------

  // For the assertion only.
  logic held_q;

  always_ff @(posedge clk_i) begin
    held_q <= rst_ni && out_valid_q && !out_ready_i;
    if (rst_ni) begin
      if (held_q) begin
        RowHeld_A : assert (out_valid_q) else $error("row withdrawn");
      end
      if (push && !take_push && !to_front) begin
        RowsFitQueue_A : assert (queue_ready) else $error("more rows than jobs");
      end
      if (back) begin
        WakesAreOwed_A : assert (missing <= 2'd2)
          else $error("job %0d woken too often", back_job_i);
      end
    end
  end

endmodule
