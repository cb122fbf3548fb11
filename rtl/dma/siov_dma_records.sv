// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Completion records on their way to the posted stream. With ATS their pages are looked up first;
/// one that has to wait for its page lets the others pass. Without ATS records pass in the same
/// clock and keep their order.
module siov_dma_records import siov_pkg::*, siov_dma_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            ats_en_i,

  input  logic            rec_valid_i,
  output logic            rec_ready_o,
  input  dma_record_t     rec_i,

  output logic            lk_valid_o,
  input  logic            lk_ready_i,
  output lookup_t         lk_o,
  input  lookup_rsp_t     lk_rsp_i,
  input  logic            wake_valid_i,
  input  logic [JobW-1:0] wake_job_i,

  output logic            out_valid_o,
  input  logic            out_ready_i,
  output rec_out_t        out_o,

  /// Epoch of what begins without a look-up.
  input  logic            epoch_i,
  /// Translations of this epoch wait here.
  output logic [1:0]      epoch_busy_o,
  output logic            busy_o
);

  logic            clk;
  logic            back_valid, back_ready;
  logic            row_valid, row_ready, item_valid, item_ready, goes;
  logic            queue_busy, xlat_busy, direct, put_ready;
  dma_record_t     row, item;
  logic [JobW-1:0] row_job;
  lookup_t         page;
  answer_t         answer;

  assign direct      = !ats_en_i && !busy_o;
  assign rec_ready_o = direct ? out_ready_i : put_ready;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  ((rec_valid_i && !direct) || wake_valid_i || busy_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  siov_dma_queue #(.row_t(dma_record_t)) u_queue (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .put_valid_i  (rec_valid_i && !direct),
    .put_ready_o  (put_ready),
    .put_job_i    (rec_i.id),
    .put_row_i    (rec_i),
    .back_valid_i (back_valid),
    .back_ready_o (back_ready),
    .back_job_i   (item.id),
    .back_wakes_i (answer.kind == AnswerWait ? answer.waits : '0),
    .back_soon_i  (1'b0),
    .back_write_i (1'b0),
    .back_row_i   ('0),
    .wake_valid_i (wake_valid_i),
    .wake_job_i   (wake_job_i),
    .out_valid_o  (row_valid),
    .out_ready_i  (row_ready),
    .out_job_o    (row_job),
    .out_row_o    (row),
    .busy_o       (queue_busy)
  );

  // A record always may wait for its page (DSA 3.13).
  always_comb begin
    page = '0;
    if (row_valid) begin
      page = '{
        job:     row_job,
        operand: OperandRec,
        tenant:  row.tenant,
        page:    row.addr[63:12],
        write:   1'b1,
        tc:      row.tc,
        block:   1'b1
      };
    end
  end

  siov_dma_xlat #(.item_t(dma_record_t)) u_xlat (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .ats_en_i     (ats_en_i),
    .in_valid_i   (row_valid),
    .in_ready_o   (row_ready),
    .in_i         (row),
    .two_i        (1'b0),
    .first_i      (page),
    .last_i       (page),
    .lk_valid_o   (lk_valid_o),
    .lk_ready_i   (lk_ready_i),
    .lk_o         (lk_o),
    .lk_rsp_i     (lk_rsp_i),
    .out_valid_o  (item_valid),
    .out_ready_i  (item_ready),
    .out_o        (item),
    .answer_o     (answer),
    .epoch_i      (epoch_i),
    .epoch_busy_o (epoch_busy_o),
    .busy_o       (xlat_busy)
  );

  assign goes        = answer.kind == AnswerHit || answer.kind == AnswerFault;
  assign item_ready  = goes ? out_ready_i : back_ready;
  assign back_valid  = item_valid && !goes;
  assign out_valid_o = direct ? rec_valid_i : item_valid && goes;
  assign busy_o      = queue_busy || xlat_busy;

  always_comb begin
    out_o = '0;
    if (direct) begin
      out_o.epoch = epoch_i;
      if (rec_valid_i) out_o.rec = rec_i;
    end else if (out_valid_o) begin
      out_o = '{
        rec:        item,
        translated: answer.last.translated,
        epoch:      answer.epoch,
        status:     answer.kind == AnswerFault ? answer.status : '0
      };
      if (answer.last.translated) out_o.rec.addr[63:12] = answer.last.page;
    end
  end

endmodule
