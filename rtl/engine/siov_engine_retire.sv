// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The last steps of a job: its record has entered the posted stream, then its interrupt is raised,
/// and when that is out too the descriptor is retired. A drain that finds nothing in flight may
/// therefore promise that nothing will follow.
///
/// All jobs go through two queues in the order in which their ends were told, so that answers
/// without a name (`rec_done_i`, `irq_done_i`) find their job. Neither queue can overflow: each has
/// a place for every job there is.
module siov_engine_retire import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  input  logic            end_valid_i,  ///< never stalled
  input  job_end_t        end_i,
  input  logic            rec_done_i,

  output logic            irq_valid_o,
  input  logic            irq_ready_i,
  output irq_id_t         irq_id_o,
  input  logic            irq_done_i,

  output logic            retire_valid_o,
  output logic [JobW-1:0] retire_id_o,
  output logic [AdiW-1:0] retire_adi_o
);

  typedef struct packed {
    logic [JobW-1:0] id;
    logic [AdiW-1:0] adi;
    logic            irq;
  } last_t;

  // Answers that have come and were not used yet.
  logic [JobW:0] rec_done_q, irq_done_q;

  // ------------------------------------------------------------------------------------------
  // Waiting for the record

  logic     rec_wait_valid, rec_wait_next;
  job_end_t rec_wait;

  siov_fifo #(
    .data_t (job_end_t),
    .Depth  (NumJobs)
  ) u_rec_wait (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (end_valid_i),
    .ready_o (),
    .data_i  (end_i),
    .valid_o (rec_wait_valid),
    .ready_i (rec_wait_next),
    .data_o  (rec_wait),
    .count_o ()
  );

  logic rec_out;
  assign rec_out       = rec_wait_valid && (!rec_wait.rec || rec_done_q != '0);
  assign irq_valid_o   = rec_out && rec_wait.irq;
  assign irq_id_o      = rec_wait.irq_id;
  assign rec_wait_next = rec_out && (!rec_wait.irq || irq_ready_i);

  // ------------------------------------------------------------------------------------------
  // Waiting for the interrupt

  logic  irq_wait_valid;
  last_t irq_wait;

  siov_fifo #(
    .data_t (last_t),
    .Depth  (NumJobs)
  ) u_irq_wait (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (rec_wait_next),
    .ready_o (),
    .data_i  ('{id: rec_wait.id, adi: rec_wait.adi, irq: rec_wait.irq}),
    .valid_o (irq_wait_valid),
    .ready_i (retire_valid_o),
    .data_o  (irq_wait),
    .count_o ()
  );

  assign retire_valid_o = irq_wait_valid && (!irq_wait.irq || irq_done_q != '0);
  assign retire_id_o    = irq_wait.id;
  assign retire_adi_o   = irq_wait.adi;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rec_done_q <= '0;
      irq_done_q <= '0;
    end else begin
      rec_done_q <= rec_done_q + (JobW + 1)'(rec_done_i)
                               - (JobW + 1)'(rec_wait_next && rec_wait.rec);
      irq_done_q <= irq_done_q + (JobW + 1)'(irq_done_i)
                               - (JobW + 1)'(retire_valid_o && irq_wait.irq);
    end
  end

  // ------------------------------------------------------------------------------------------

  RecDoneWithinJobs_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
                                        rec_done_q <= (JobW + 1)'(NumJobs))
    else $error("more records done than jobs");
  IrqDoneWithinJobs_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
                                        irq_done_q <= (JobW + 1)'(NumJobs))
    else $error("more interrupts done than jobs");

endmodule
