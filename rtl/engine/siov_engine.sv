// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What is done. Takes a descriptor, checks it (DSA 5.4), hands its data movement to dma/, and at
/// the end writes the completion record, raises the interrupt and retires it. Up to NumJobs
/// descriptors at once; they may end in any order. Accepts a move every 2 clocks, from `work_i` to
/// `job_o` in 1; with an interrupt, plus the time that the check of its handle takes.
///
///   work -> front (checks) -> job -> dma/ -> done -> complete (record) -> retire (interrupt)
///             |         |                              ^
///             |         +---- nothing to move ---------+
///             +-- row in the job table (jobs) ---------+
module siov_engine import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// GENCFG bit 12
  input  logic            user_int_en_i,
  /// Privileged Mode Enable of config space
  input  logic            priv_en_i,
  /// Software errors go to the event log.
  input  logic            log_on_i,

  input  logic            work_valid_i,
  output logic            work_ready_o,
  input  work_t           work_i,

  output logic            job_valid_o,
  input  logic            job_ready_i,
  output dma_job_t        job_o,
  input  logic            done_valid_i,
  output logic            done_ready_o,
  input  dma_done_t       done_i,

  output logic            rec_valid_o,
  input  logic            rec_ready_i,
  output dma_record_t     rec_o,
  /// The record has ended: in any order, never stalled.
  input  logic            rec_done_valid_i,
  input  dma_rec_done_t   rec_done_i,

  // Interrupt handle check: request, answer in order
  output logic            chk_valid_o,
  input  logic            chk_ready_i,
  output irq_id_t         chk_id_o,
  output tenant_t         chk_tenant_o,
  input  logic            chk_rsp_valid_i,
  input  logic            chk_ok_i,

  // Completion interrupt: request; `irq_done_i` in order when it has been sent, held or dropped
  output logic            irq_valid_o,
  input  logic            irq_ready_i,
  output irq_id_t         irq_id_o,
  input  logic            irq_done_i,

  output logic            retire_valid_o,
  output logic [AdiW-1:0] retire_adi_o,
  output logic            retire_era_o,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  output logic            busy_o
);

  logic clk;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (filling || work_valid_i || job_valid_o || done_valid_i || rec_valid_o ||
              rec_done_valid_i || chk_rsp_valid_i || irq_valid_o || irq_done_i || retire_valid_o ||
              error_valid_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  logic            free, take, read, release_job;
  logic [JobW-1:0] free_id, read_id, release_id;
  job_row_t        take_row, read_row;
  logic            result_valid, result_ready;
  job_result_t     result;
  logic            end_valid, end_ready, end_rec;
  logic [JobW-1:0] end_id;
  job_end_t        job_end;
  logic            told_error_valid, lost_error_valid;
  sw_error_t       told_error, lost_error;
  logic            jobs_busy, filling;

  siov_engine_front u_front (
    .clk_i           (clk),
    .rst_ni          (rst_ni),
    .user_int_en_i   (user_int_en_i),
    .priv_en_i       (priv_en_i),
    .work_valid_i    (work_valid_i),
    .work_ready_o    (work_ready_o),
    .work_i          (work_i),
    .job_free_i      (free),
    .job_id_i        (free_id),
    .job_take_o      (take),
    .job_row_o       (take_row),
    .chk_valid_o     (chk_valid_o),
    .chk_ready_i     (chk_ready_i),
    .chk_id_o        (chk_id_o),
    .chk_tenant_o    (chk_tenant_o),
    .chk_rsp_valid_i (chk_rsp_valid_i),
    .chk_ok_i        (chk_ok_i),
    .job_valid_o     (job_valid_o),
    .job_ready_i     (job_ready_i),
    .job_o           (job_o),
    .result_valid_o  (result_valid),
    .result_ready_i  (result_ready),
    .result_o        (result)
  );

  siov_engine_jobs u_jobs (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .free_o       (free),
    .free_id_o    (free_id),
    .take_i       (take),
    .row_i        (take_row),
    .read_i       (read),
    .read_id_i    (read_id),
    .row_o        (read_row),
    .release_i    (release_job),
    .release_id_i (release_id),
    .filling_o    (filling),
    .busy_o       (jobs_busy)
  );

  siov_engine_complete u_complete (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .done_valid_i   (done_valid_i),
    .done_ready_o   (done_ready_o),
    .done_i         (done_i),
    .result_valid_i (result_valid),
    .result_ready_o (result_ready),
    .result_i       (result),
    .read_o         (read),
    .read_id_o      (read_id),
    .row_i          (read_row),
    .rec_valid_o    (rec_valid_o),
    .rec_ready_i    (rec_ready_i),
    .rec_o          (rec_o),
    .error_valid_o  (told_error_valid),
    .error_ready_i  (error_ready_i && !lost_error_valid),
    .error_o        (told_error),
    .end_valid_o    (end_valid),
    .end_ready_i    (end_ready),
    .end_rec_o      (end_rec),
    .end_id_o       (end_id),
    .end_o          (job_end)
  );

  siov_engine_retire u_retire (
    .clk_i            (clk),
    .rst_ni           (rst_ni),
    .log_on_i         (log_on_i),
    .end_valid_i      (end_valid),
    .end_ready_o      (end_ready),
    .end_rec_i        (end_rec),
    .end_id_i         (end_id),
    .end_i            (job_end),
    .rec_done_valid_i (rec_done_valid_i),
    .rec_done_i       (rec_done_i),
    .irq_valid_o      (irq_valid_o),
    .irq_ready_i      (irq_ready_i),
    .irq_id_o         (irq_id_o),
    .irq_done_i       (irq_done_i),
    .error_valid_o    (lost_error_valid),
    .error_ready_i    (error_ready_i),
    .error_o          (lost_error),
    .retire_valid_o   (retire_valid_o),
    .retire_id_o      (release_id),
    .retire_adi_o     (retire_adi_o),
    .retire_era_o     (retire_era_o)
  );

  assign error_valid_o = lost_error_valid || told_error_valid;
  assign error_o       = lost_error_valid ? lost_error : told_error;

  assign release_job = retire_valid_o;
  assign busy_o      = jobs_busy || work_valid_i || error_valid_o;

endmodule
