// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Jobs to chunks: what is left of a job waits for its turn, has the pages of the turn translated,
/// and is cut into chunks of one read request each.
module siov_dma_turns import siov_pkg::*, siov_dma_pkg::*; (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  pcie_fn_t           fn_i,

  input  logic               job_valid_i,
  output logic               job_ready_o,
  input  dma_job_t           job_i,

  // look-ups, answered in order 2 clocks after acceptance
  output logic               lk_valid_o,
  input  logic               lk_ready_i,
  output lookup_t            lk_o,
  input  lookup_rsp_t        lk_rsp_i,
  /// A page of the job has come. Never stalled.
  input  logic               wake_valid_i,
  input  logic [JobW-1:0]    wake_job_i,

  /// A read's slot is free again, of this ADI.
  input  logic               return_valid_i,
  output logic               return_ready_o,
  input  logic [AdiW-1:0]    return_adi_i,

  // as in siov_dma_split
  input  logic [NumJobs-1:0] failed_i,
  output logic               fault_o,
  output logic [JobW-1:0]    fault_job_o,
  output job_fault_t         fault_info_o,
  output logic               chunk_valid_o,
  input  logic               chunk_ready_i,
  output chunk_kind_e        chunk_kind_o,
  output chunk_t             chunk_o,
  output source_t            source_o,
  output logic               chunk_last_o,

  /// Epoch of what begins without a look-up.
  input  logic               epoch_i,
  /// Translations of this epoch wait here.
  output logic [1:0]         epoch_busy_o,
  output logic               busy_o
);

  progress_t          fresh, row, turn, rest;
  logic               row_valid, row_ready, turn_valid, turn_ready;
  logic [JobW-1:0]    row_job;
  logic               back_valid, back_ready, back_soon, back_write;
  logic [1:0]         back_wakes;
  lookup_t            src_page, dst_page;
  answer_t            turn_answer;
  logic               xlat_clk, queue_busy, xlat_busy, split_busy;
  logic [1:0]         xlat_epochs, split_epochs;
  logic               ask, ask_ready, take, turn_waits, turn_soon;
  logic [AdiW-1:0]    ask_adi;
  logic [SlotW-1:0]   quota, take_count;
  logic               share_wake_valid;
  logic [JobW-1:0]    share_wake_job;

  always_comb begin
    fresh = '0;
    if (job_valid_i) fresh.job = job_i;
  end

  siov_dma_queue #(.row_t(progress_t)) u_queue (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .put_valid_i  (job_valid_i),
    .put_ready_o  (job_ready_o),
    .put_job_i    (job_i.id),
    .put_row_i    (fresh),
    .back_valid_i (back_valid),
    .back_ready_o (back_ready),
    .back_job_i   (rest.job.id),
    .back_wakes_i (back_wakes),
    .back_soon_i  (back_soon),
    .back_write_i (back_write),
    .back_row_i   (rest),
    .wake_valid_i (wake_valid_i || share_wake_valid),
    .wake_job_i   (wake_valid_i ? wake_job_i : share_wake_job),
    .out_valid_o  (row_valid),
    .out_ready_i  (row_ready),
    .out_job_o    (row_job),
    .out_row_o    (row),
    .busy_o       (queue_busy)
  );

  always_comb begin
    src_page = '0;
    dst_page = '0;
    if (row_valid) begin
      src_page = '{
        job:     row_job,
        operand: OperandSrc,
        tenant:  row.job.tenant,
        page:    row.job.src[63:12],
        write:   1'b0,
        tc:      row.job.tc_src,
        block:   row.job.block
      };
      dst_page = '{
        job:     row_job,
        operand: OperandDst,
        tenant:  row.job.tenant,
        page:    row.job.dst[63:12],
        write:   1'b1,
        tc:      row.job.tc_dst,
        block:   row.job.block
      };
    end
  end

  siov_clk_gate u_xlat_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (lk_valid_o || xlat_busy),
    .watch_i (1'b0),
    .clk_o   (xlat_clk)
  );

  siov_dma_xlat #(.item_t(progress_t)) u_xlat (
    .clk_i        (xlat_clk),
    .rst_ni       (rst_ni),
    .ats_en_i     (fn_i.ats_en),
    .in_valid_i   (row_valid),
    .in_ready_o   (row_ready),
    .in_i         (row),
    .two_i        (row.job.op == JobCopy),
    .first_i      (src_page),
    .last_i       (dst_page),
    .lk_valid_o   (lk_valid_o),
    .lk_ready_i   (lk_ready_i),
    .lk_o         (lk_o),
    .lk_rsp_i     (lk_rsp_i),
    .out_valid_o  (turn_valid),
    .out_ready_i  (turn_ready),
    .out_o        (turn),
    .answer_o     (turn_answer),
    .epoch_i      (epoch_i),
    .epoch_busy_o (xlat_epochs),
    .busy_o       (xlat_busy)
  );

  siov_dma_split u_split (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .mrrs_i        (fn_i.mrrs),
    .turn_valid_i  (turn_valid),
    .turn_ready_o  (turn_ready),
    .turn_i        (turn),
    .answer_i      (turn_answer),
    .back_valid_o  (back_valid),
    .back_ready_i  (back_ready),
    .back_wakes_o  (back_wakes),
    .back_soon_o   (back_soon),
    .back_write_o  (back_write),
    .back_o        (rest),
    .ask_o         (ask),
    .ask_ready_i   (ask_ready),
    .ask_adi_o     (ask_adi),
    .quota_i       (quota),
    .take_o        (take),
    .take_count_o  (take_count),
    .wait_o        (turn_waits),
    .wait_soon_o   (turn_soon),
    .failed_i      (failed_i),
    .fault_o       (fault_o),
    .fault_job_o   (fault_job_o),
    .fault_info_o  (fault_info_o),
    .chunk_valid_o (chunk_valid_o),
    .chunk_ready_i (chunk_ready_i),
    .chunk_kind_o  (chunk_kind_o),
    .chunk_o       (chunk_o),
    .source_o      (source_o),
    .chunk_last_o  (chunk_last_o),
    .epoch_busy_o  (split_epochs),
    .busy_o        (split_busy)
  );

  siov_dma_shares u_shares (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .few_tags_i     (few_tags(fn_i)),
    .ask_i          (ask),
    .ask_ready_o    (ask_ready),
    .ask_adi_i      (ask_adi),
    .quota_o        (quota),
    .take_i         (take),
    .take_count_i   (take_count),
    .wait_i         (turn_waits),
    .wait_job_i     (rest.job.id),
    .wait_soon_i    (turn_soon),
    .return_valid_i (return_valid_i),
    .return_ready_o (return_ready_o),
    .return_adi_i   (return_adi_i),
    .wake_valid_o   (share_wake_valid),
    .wake_ready_i   (!wake_valid_i),
    .wake_job_o     (share_wake_job)
  );

  assign epoch_busy_o = xlat_epochs | split_epochs;
  assign busy_o       = queue_busy || xlat_busy || split_busy;

endmodule
