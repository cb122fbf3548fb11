// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How bytes move. Has a job's pages translated turn by turn, cuts turns into chunks of one read
/// request each, keeps up to NumSlots of them in flight, takes their completions in any order, and
/// sends the writes. Chunks of one job, jobs, and records end in any order. A record leaves behind
/// all writes of jobs reported done before; messages leave in the order in which they came, behind
/// all records reported done before.
module siov_dma import siov_pkg::*, siov_dma_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  pcie_fn_t    fn_i,
  /// Start no new TLP (before a reset); TLPs and reads in flight go on.
  input  logic        quiesce_i,
  /// Start nothing but messages, until the reset that must follow.
  input  logic        halt_i,
  /// Reads are in flight, or a TLP is half sent.
  output logic        np_pending_o,

  input  logic        job_valid_i,
  output logic        job_ready_o,
  input  dma_job_t    job_i,
  output logic        done_valid_o,
  input  logic        done_ready_i,
  output dma_done_t   done_o,

  input  logic        rec_valid_i,
  output logic        rec_ready_o,
  input  dma_record_t rec_i,
  output logic        rec_done_valid_o,
  output dma_rec_done_t rec_done_o,

  input  logic        log_valid_i,
  output logic        log_ready_o,
  input  dma_log_t    log_i,
  /// The entry has entered the posted stream. One at a time.
  output logic        log_done_o,

  input  logic        msg_valid_i,
  output logic        msg_ready_o,
  input  dma_msg_t    msg_i,
  /// The message has entered the posted stream. In order of `msg_i`.
  output logic        msg_done_o,

  // Translation: look-ups, answered in order 2 clocks after acceptance. An offered look-up may give
  // way to another before it is accepted. No look-up without ATS.
  output logic        lk_valid_o,
  input  logic        lk_ready_i,
  output lookup_t     lk_o,
  input  logic        lk_rsp_valid_i,
  input  lookup_rsp_t lk_rsp_i,
  /// A look-up that had to wait may be repeated: one wake for each, never stalled.
  input  logic            wake_valid_i,
  input  logic [JobW-1:0] wake_job_i,
  input  operand_e        wake_operand_i,
  /// The job has ended, or its record has: no wake is owed, and no translation of it is of use.
  output logic            forget_valid_o,
  output logic [JobW-1:0] forget_job_o,
  /// Hits of this epoch are in use: from the clock after the answer until the last TLP with such an
  /// address has entered the output stream and, if it is a read, been answered.
  output logic [1:0]  epoch_busy_o,
  /// Epoch of what begins without a look-up.
  input  logic        epoch_i,

  /// All completions; those of other requests than reads are ignored.
  input  logic        cpl_valid_i,
  input  tlp_beat_t   cpl_i,
  output cpl_err_t    err_o,

  output logic        np_tx_valid_o,
  input  logic        np_tx_ready_i,
  output tlp_beat_t   np_tx_o,
  output logic        p_tx_valid_o,
  input  logic        p_tx_ready_i,
  output tlp_beat_t   p_tx_o,

  output logic        busy_o
);

  logic clk;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (job_valid_i || rec_valid_i || log_valid_i || msg_valid_i || cpl_valid_i ||
              wake_valid_i || np_pending_o || busy_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  logic                go;
  logic                turn_lk_valid, turn_lk_ready, rec_lk_valid, rec_lk_ready;
  lookup_t             turn_lk, rec_lk;
  logic [NumJobs-1:0]  job_failed;
  logic                fault;
  logic [JobW-1:0]     fault_job;
  job_fault_t          fault_info;
  logic                chunk_valid, chunk_ready, chunk_last, chunk_taken;
  chunk_kind_e         chunk_kind;
  chunk_t              chunk;
  source_t             source;
  logic [SlotW-1:0]    chunk_slot;
  logic                wr;
  logic [SlotW-1:0]    wr_slot;
  logic [DwsW-2:0]     wr_dw;
  line_t               wr_data;
  logic [15:0]         wr_dw_en;
  logic                slot_valid, slot_ready, free;
  ready_t              slot;
  logic [SlotW-1:0]    free_slot;
  logic                return_valid, return_ready;
  logic [AdiW-1:0]     return_adi;
  logic                rec_valid, rec_ready, rec_done;
  rec_out_t            rec;
  logic                ended, ended_failed, ended_epoch, job_last;
  logic [JobW-1:0]     ended_job;
  logic [31:0]         ended_offset;
  logic                np_pending, p_started;
  logic                turns_busy, fetch_busy, send_busy, records_busy, jobs_busy;
  logic [1:0]          turn_epochs, rec_epochs, out_epochs;

  assign go = fn_i.bme && !fn_i.d3hot && !quiesce_i;

  // --- data: turns, slots, writes ---------------------------------------------------------------

  siov_dma_turns u_turns (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .job_valid_i    (job_valid_i),
    .job_ready_o    (job_ready_o),
    .job_i          (job_i),
    .lk_valid_o     (turn_lk_valid),
    .lk_ready_i     (turn_lk_ready),
    .lk_o           (turn_lk),
    .lk_rsp_i       (lk_rsp_i),
    .wake_valid_i   (wake_valid_i && wake_operand_i != OperandRec),
    .wake_job_i     (wake_job_i),
    .return_valid_i (return_valid),
    .return_ready_o (return_ready),
    .return_adi_i   (return_adi),
    .failed_i       (job_failed),
    .fault_o        (fault),
    .fault_job_o    (fault_job),
    .fault_info_o   (fault_info),
    .chunk_valid_o  (chunk_valid),
    .chunk_ready_i  (chunk_ready),
    .chunk_kind_o   (chunk_kind),
    .chunk_o        (chunk),
    .source_o       (source),
    .chunk_last_o   (chunk_last),
    .epoch_i        (epoch_i),
    .epoch_busy_o   (turn_epochs),
    .busy_o         (turns_busy)
  );

  siov_dma_fetch u_fetch (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go && !halt_i),
    .chunk_valid_i  (chunk_valid),
    .chunk_ready_o  (chunk_ready),
    .chunk_kind_i   (chunk_kind),
    .source_i       (source),
    .taken_o        (chunk_taken),
    .taken_slot_o   (chunk_slot),
    .np_tx_valid_o  (np_tx_valid_o),
    .np_tx_ready_i  (np_tx_ready_i),
    .np_tx_o        (np_tx_o),
    .cpl_valid_i    (cpl_valid_i),
    .cpl_i          (cpl_i),
    .err_o          (err_o),
    .wr_o           (wr),
    .wr_slot_o      (wr_slot),
    .wr_dw_o        (wr_dw),
    .wr_data_o      (wr_data),
    .wr_dw_en_o     (wr_dw_en),
    .ready_valid_o  (slot_valid),
    .ready_ready_i  (slot_ready),
    .ready_o        (slot),
    .free_i         (free),
    .free_slot_i    (free_slot),
    .return_valid_o (return_valid),
    .return_ready_i (return_ready),
    .return_adi_o   (return_adi),
    .pending_o      (np_pending),
    .busy_o         (fetch_busy)
  );

  siov_dma_send u_send (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go),
    .halt_i         (halt_i),
    .chunk_valid_i  (chunk_taken),
    .chunk_slot_i   (chunk_slot),
    .chunk_i        (chunk),
    .wr_i           (wr),
    .wr_slot_i      (wr_slot),
    .wr_dw_i        (wr_dw),
    .wr_data_i      (wr_data),
    .wr_dw_en_i     (wr_dw_en),
    .ready_valid_i  (slot_valid),
    .ready_ready_o  (slot_ready),
    .ready_i        (slot),
    .free_o         (free),
    .free_slot_o    (free_slot),
    .rec_valid_i    (rec_valid),
    .rec_ready_o    (rec_ready),
    .rec_i          (rec),
    .log_valid_i    (log_valid_i),
    .log_ready_o    (log_ready_o),
    .log_i          (log_i),
    .msg_valid_i    (msg_valid_i),
    .msg_ready_o    (msg_ready_o),
    .msg_i          (msg_i),
    .p_tx_valid_o   (p_tx_valid_o),
    .p_tx_ready_i   (p_tx_ready_i),
    .p_tx_o         (p_tx_o),
    .ended_o        (ended),
    .ended_failed_o (ended_failed),
    .ended_offset_o (ended_offset),
    .rec_done_o     (rec_done),
    .rec_status_o   (rec_done_o.status),
    .ended_job_o    (ended_job),
    .ended_epoch_o  (ended_epoch),
    .log_done_o     (log_done_o),
    .msg_done_o     (msg_done_o),
    .started_o      (p_started),
    .busy_o         (send_busy)
  );

  // --- records and ends of jobs -----------------------------------------------------------------

  siov_dma_records u_records (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .ats_en_i     (fn_i.ats_en),
    .rec_valid_i  (rec_valid_i),
    .rec_ready_o  (rec_ready_o),
    .rec_i        (rec_i),
    .lk_valid_o   (rec_lk_valid),
    .lk_ready_i   (rec_lk_ready),
    .lk_o         (rec_lk),
    .lk_rsp_i     (lk_rsp_i),
    .wake_valid_i (wake_valid_i && wake_operand_i == OperandRec),
    .wake_job_i   (wake_job_i),
    .out_valid_o  (rec_valid),
    .out_ready_i  (rec_ready),
    .out_o        (rec),
    .epoch_i      (epoch_i),
    .epoch_busy_o (rec_epochs),
    .busy_o       (records_busy)
  );

  siov_dma_jobs u_jobs (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .begun_i        (chunk_taken),
    .begun_job_i    (chunk.job),
    .begun_last_i   (chunk_last),
    .ended_i        (ended),
    .ended_job_i    (ended_job),
    .ended_failed_i (ended_failed),
    .ended_offset_i (ended_offset),
    .fault_i        (fault),
    .fault_job_i    (fault_job),
    .fault_info_i   (fault_info),
    .failed_o       (job_failed),
    .last_o         (job_last),
    .done_valid_o   (done_valid_o),
    .done_ready_i   (done_ready_i),
    .done_o         (done_o),
    .busy_o         (jobs_busy)
  );

  assign rec_done_valid_o = rec_done;
  assign rec_done_o.id    = ended_job;

  // --- translations in use ----------------------------------------------------------------------

  siov_dma_epoch u_epoch (
    .clk_i         (clk),
    .rst_ni        (rst_ni),
    .chunk_begun_i (chunk_taken),
    .chunk_epoch_i (chunk.epoch),
    .rec_begun_i   (rec_valid && rec_ready),
    .rec_epoch_i   (rec.epoch),
    .ended_i       (ended || rec_done),
    .ended_epoch_i (ended_epoch),
    .busy_o        (out_epochs)
  );

  // In Halt nothing leaves any more that has not begun.
  assign epoch_busy_o   = halt_i ? {2{np_pending_o}}
                                 : turn_epochs | rec_epochs | out_epochs;
  assign forget_valid_o = job_last || rec_done;
  assign forget_job_o   = ended_job;

  // Records first: they end jobs, and there is one of each.
  assign lk_valid_o    = (rec_lk_valid || turn_lk_valid) && !halt_i;
  assign lk_o          = rec_lk_valid ? rec_lk : turn_lk;
  assign rec_lk_ready  = lk_ready_i && !halt_i;
  assign turn_lk_ready = rec_lk_ready && !rec_lk_valid;

  assign np_pending_o = np_pending || p_started;
  assign busy_o       = turns_busy || fetch_busy || send_busy || records_busy || jobs_busy;

  // Which look-ups were accepted two clocks ago, for the assertion only.
  logic [1:0] asked_q;
  always_ff @(posedge clk) begin
    if (!rst_ni) asked_q <= '0;
    else asked_q <= {asked_q[0], lk_valid_o && lk_ready_i};
  end

  always_ff @(posedge clk) begin
    if (rst_ni) begin
      AnswerAfterTwoClocks_A : assert (lk_rsp_valid_i == asked_q[1])
        else $error("look-up answered too early or too late");
    end
  end

endmodule
