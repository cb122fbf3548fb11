// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The last steps of a job: its record has entered the posted stream, then its interrupt is raised,
/// and when that is out too the descriptor is retired. A drain that finds nothing in flight may
/// therefore promise that nothing will follow.
///
/// Records end in any order, as one may wait for its page; what is left to do for a job is in a RAM
/// meanwhile. A record that could not be written is told of as a software error (DSA 3.13); if that
/// goes to the event log, software has to write the record and then raise the interrupt (DSA 5.9).
/// If it was abandoned (abort, reset) nobody is told.
/// Interrupts and retirements follow in the order of those ends. No queue can overflow: each has a
/// place for every job there is.
module siov_engine_retire import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  /// Software errors go to the event log.
  input  logic            log_on_i,

  // A job without a record (`end_rec_i` = 0) may have to wait, another does not.
  input  logic            end_valid_i,
  output logic            end_ready_o,
  input  logic            end_rec_i,
  input  logic [JobW-1:0] end_id_i,
  input  job_end_t        end_i,
  input  logic            rec_done_valid_i,
  input  dma_rec_done_t   rec_done_i,

  output logic            irq_valid_o,
  input  logic            irq_ready_i,
  output irq_id_t         irq_id_o,
  input  logic            irq_done_i,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  output logic            retire_valid_o,
  output logic [JobW-1:0] retire_id_o,
  output logic [AdiW-1:0] retire_adi_o,
  output logic            retire_era_o
);

  typedef struct packed {
    logic [JobW-1:0] id;
    logic [AdiW-1:0] adi;
    logic            era;
    logic            irq;
  } last_t;

  // ------------------------------------------------------------------------------------------
  // Jobs whose record has ended, or that have none

  logic          push, head_valid, fetch, free, step_valid_q, step_done;
  dma_rec_done_t pushed, head, step_q;
  job_end_t      step;

  assign end_ready_o = !rec_done_valid_i;
  assign push        = rec_done_valid_i || (end_valid_i && !end_rec_i);
  assign pushed      = rec_done_valid_i ? rec_done_i : '{id: end_id_i, status: '0};
  assign free        = !step_valid_q || step_done;
  assign fetch       = free && (head_valid || push);

  siov_fifo #(
    .data_t (dma_rec_done_t),
    .Depth  (NumJobs)
  ) u_ended (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (push && !(free && !head_valid)),
    .ready_o (),
    .data_i  (pushed),
    .valid_o (head_valid),
    .ready_i (free),
    .data_o  (head),
    .count_o ()
  );

  siov_ram_1r1w #(
    .Width ($bits(job_end_t)),
    .Depth (NumJobs)
  ) u_ends (
    .clk_i   (clk_i),
    .we_i    (end_valid_i),
    .waddr_i (end_id_i),
    .wdata_i (end_i),
    .re_i    (fetch),
    .raddr_i (head_valid ? head.id : pushed.id),
    .rdata_o (step)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) step_valid_q <= 1'b0;
    else if (free) step_valid_q <= fetch;
    if (fetch) step_q <= head_valid ? head : pushed;
  end

  logic abandoned, lost, irq, error_room;
  assign abandoned   = step_q.status == StatusAbandoned;
  assign lost        = step_q.status != '0 && !abandoned;
  assign irq         = step.irq && !abandoned && !(lost && log_on_i);
  assign irq_valid_o = step_valid_q && irq && (!lost || error_room);
  assign irq_id_o    = step.irq_id;
  assign step_done   = step_valid_q && (!irq || irq_ready_i) && (!lost || error_room);

  // ------------------------------------------------------------------------------------------
  // Records that could not be written

  sw_error_t sw_error;

  always_comb begin
    sw_error            = '0;
    if (step_valid_q && lost) begin
      sw_error.code       = step_q.status == StatusXlatError ? StatusXlatError : StatusRecFault;
      sw_error.desc_valid = 1'b1;
      sw_error.rw         = 1'b1;
      sw_error.operation  = step.operation;
      sw_error.tenant     = step.tenant;
      sw_error.addr       = {step.rec_addr, 5'd0};
      sw_error.info_valid = 1'b1;
      sw_error.info       = lost_info_t'{
        operand: 3'd5,
        rec:     1'b1,
        irq:     step.irq,
        ims:     step.irq && step.irq_id.ims,
        handle:  step.irq ? step.irq_id.index : '0,
        default: '0
      };
      sw_error.rec_valid  = 1'b1;
      sw_error.rec        = step.record;
    end
  end

  siov_fifo #(
    .data_t (sw_error_t),
    .Depth  (2)
  ) u_errors (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (step_done && lost),
    .ready_o (error_room),
    .data_i  (sw_error),
    .valid_o (error_valid_o),
    .ready_i (error_ready_i),
    .data_o  (error_o),
    .count_o ()
  );

  // ------------------------------------------------------------------------------------------
  // Waiting for the interrupt

  logic [JobW:0] irq_done_q;  // answers that have come and were not used yet
  logic          irq_wait_valid;
  last_t         irq_wait;

  siov_fifo #(
    .data_t (last_t),
    .Depth  (NumJobs)
  ) u_irq_wait (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (step_done),
    .ready_o (),
    .data_i  ('{id: step_q.id, adi: step.tenant.adi, era: step.era, irq: irq}),
    .valid_o (irq_wait_valid),
    .ready_i (retire_valid_o),
    .data_o  (irq_wait),
    .count_o ()
  );

  assign retire_valid_o = irq_wait_valid && (!irq_wait.irq || irq_done_q != '0);
  assign retire_id_o    = irq_wait.id;
  assign retire_adi_o   = irq_wait.adi;
  assign retire_era_o   = irq_wait.era;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      irq_done_q <= '0;
    end else begin
      irq_done_q <= irq_done_q + (JobW + 1)'(irq_done_i)
                               - (JobW + 1)'(retire_valid_o && irq_wait.irq);
    end
  end

  // ------------------------------------------------------------------------------------------

  // Jobs whose record is under way, for the assertion only.
  logic [NumJobs-1:0] rec_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rec_q <= '0;
    end else begin
      if (rec_done_valid_i) rec_q[rec_done_i.id] <= 1'b0;
      if (end_valid_i && end_rec_i) rec_q[end_id_i] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && rec_done_valid_i) begin
      RecDoneAsked_A: assert (rec_q[rec_done_i.id])
        else $error("record of job %0d ended but was not sent", rec_done_i.id);
    end
  end
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      IrqDoneWithinJobs_A : assert (irq_done_q <= (JobW + 1)'(NumJobs))
        else $error("more interrupts done than jobs");
    end
  end

endmodule
