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

  logic go;
  assign go = fn_i.bme && !fn_i.d3hot && !quiesce_i;

  // --- turns: what is left of a job, and its two pages ------------------------------------------

  progress_t          fresh, row, turn, rest;
  logic               row_valid, row_ready, turn_valid, turn_ready;
  logic [JobW-1:0]    row_job;
  logic               back_valid, back_ready, back_soon, back_write;
  logic [1:0]         back_wakes;
  lookup_t            src_page, dst_page;
  answer_t            turn_answer;
  logic               turn_lk_valid, turn_lk_ready, rec_lk_valid, rec_lk_ready;
  lookup_t            turn_lk, rec_lk;
  logic               queue_busy, xlat_busy;
  logic [1:0]         xlat_epochs;

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
    .wake_valid_i (wake_valid_i && wake_operand_i != OperandRec),
    .wake_job_i   (wake_job_i),
    .out_valid_o  (row_valid),
    .out_ready_i  (row_ready),
    .out_job_o    (row_job),
    .out_row_o    (row),
    .busy_o       (queue_busy)
  );

  always_comb begin
    src_page = '0;
    dst_page = '0;
    if (row_valid && fn_i.ats_en) begin
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

  siov_dma_xlat #(.item_t(progress_t)) u_xlat (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .ats_en_i     (fn_i.ats_en),
    .in_valid_i   (row_valid),
    .in_ready_o   (row_ready),
    .in_i         (row),
    .two_i        (row.job.op == JobCopy),
    .first_i      (src_page),
    .last_i       (dst_page),
    .lk_valid_o   (turn_lk_valid),
    .lk_ready_i   (turn_lk_ready),
    .lk_o         (turn_lk),
    .lk_rsp_i     (lk_rsp_i),
    .out_valid_o  (turn_valid),
    .out_ready_i  (turn_ready),
    .out_o        (turn),
    .answer_o     (turn_answer),
    .epoch_busy_o (xlat_epochs),
    .busy_o       (xlat_busy)
  );

  // Records first: they end jobs, and there is one of each.
  assign lk_valid_o    = (rec_lk_valid || turn_lk_valid) && !halt_i;
  assign lk_o          = rec_lk_valid ? rec_lk : turn_lk;
  assign rec_lk_ready  = lk_ready_i && !halt_i;
  assign turn_lk_ready = rec_lk_ready && !rec_lk_valid;

  // --- turns to chunks, each with a slot --------------------------------------------------------

  logic [NumJobs-1:0]  job_failed;
  logic                fault;
  logic [JobW-1:0]     fault_job;
  job_fault_t          fault_info;
  logic                chunk_valid, chunk_ready, chunk_last, chunk_taken;
  chunk_kind_e         chunk_kind;
  chunk_t              chunk;
  logic [63:0]         chunk_src;
  logic [2:0]          chunk_tc_src;
  logic                chunk_src_translated;
  logic                split_busy;
  logic [1:0]          split_epochs;
  logic                slot_valid, slots_all_free;
  logic [SlotW-1:0]    slot;
  logic                free;
  logic [SlotW-1:0]    free_slot;
  logic [NumSlots-1:0] quarantine;
  logic                read_ready;

  siov_dma_split u_split (
    .clk_i                  (clk_i),
    .rst_ni                 (rst_ni),
    .mrrs_i                 (fn_i.mrrs),
    .turn_valid_i           (turn_valid),
    .turn_ready_o           (turn_ready),
    .turn_i                 (turn),
    .answer_i               (turn_answer),
    .back_valid_o           (back_valid),
    .back_ready_i           (back_ready),
    .back_wakes_o           (back_wakes),
    .back_soon_o            (back_soon),
    .back_write_o           (back_write),
    .back_o                 (rest),
    .failed_i               (job_failed),
    .fault_o                (fault),
    .fault_job_o            (fault_job),
    .fault_info_o           (fault_info),
    .chunk_valid_o          (chunk_valid),
    .chunk_ready_i          (chunk_ready),
    .chunk_kind_o           (chunk_kind),
    .chunk_o                (chunk),
    .chunk_src_o            (chunk_src),
    .chunk_tc_src_o         (chunk_tc_src),
    .chunk_src_translated_o (chunk_src_translated),
    .chunk_last_o           (chunk_last),
    .epoch_busy_o           (split_epochs),
    .busy_o                 (split_busy)
  );

  siov_dma_slots u_slots (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .few_tags_i   (!fn_i.ext_tag && !fn_i.tag10),
    .quarantine_i (quarantine),
    .slot_valid_o (slot_valid),
    .slot_o       (slot),
    .take_i       (chunk_taken),
    .free_i       (free),
    .free_slot_i  (free_slot),
    .all_free_o   (slots_all_free)
  );

  // --- reads ------------------------------------------------------------------------------------

  logic             read_valid, np_started, sent;
  logic [SlotW-1:0] sent_slot;
  read_t            read;

  assign read = '{
    slot:       slot,
    tenant:     chunk.tenant,
    tc:         chunk_tc_src,
    translated: chunk_src_translated,
    addr:       chunk_src,
    len:        chunk.len
  };

  siov_dma_read u_read (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .fn_i        (fn_i),
    .go_i        (go && !halt_i),
    .valid_i     (read_valid),
    .ready_o     (read_ready),
    .read_i      (read),
    .tx_valid_o  (np_tx_valid_o),
    .tx_ready_i  (np_tx_ready_i),
    .tx_o        (np_tx_o),
    .started_o   (np_started),
    .sent_o      (sent),
    .sent_slot_o (sent_slot)
  );

  logic             wr, read_ended, read_failed, reads_pending;
  logic [SlotW-1:0] wr_slot, read_slot;
  logic [DwsW-2:0]  wr_dw;
  line_t            wr_data;
  logic [15:0]      wr_dw_en;

  siov_dma_cpl u_cpl (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .expect_i       (read_valid && read_ready),
    .expect_slot_i  (slot),
    .expect_addr_i  (chunk_src[6:0]),
    .expect_len_i   (chunk.len),
    .expect_tc_i    (chunk_tc_src),
    .sent_i         (sent),
    .sent_slot_i    (sent_slot),
    .cpl_valid_i    (cpl_valid_i),
    .cpl_i          (cpl_i),
    .wr_o           (wr),
    .wr_slot_o      (wr_slot),
    .wr_dw_o        (wr_dw),
    .wr_data_o      (wr_data),
    .wr_dw_en_o     (wr_dw_en),
    .ended_o        (read_ended),
    .ended_slot_o   (read_slot),
    .ended_failed_o (read_failed),
    .quarantine_o   (quarantine),
    .err_o          (err_o),
    .pending_o      (reads_pending)
  );

  // --- slots that are ready to be written: reads that have ended first, for they cannot wait -----

  typedef struct packed {
    logic             failed;
    logic [SlotW-1:0] slot;
  } ready_t;

  logic   unread, push_ready, pop_valid, pop_ready;
  ready_t push, pop;

  assign unread      = chunk_kind != ChunkRead;
  assign read_valid  = chunk_valid && slot_valid && !unread;
  assign chunk_ready = slot_valid && (unread ? !read_ended : read_ready);
  assign chunk_taken = chunk_valid && chunk_ready;

  assign push = read_ended ? '{failed: read_failed, slot: read_slot}
                           : '{failed: chunk_kind == ChunkAbort, slot: slot};

  siov_fifo #(.data_t(ready_t), .Depth(NumSlots)) u_ready (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (read_ended || (chunk_taken && unread)),
    .ready_o (push_ready),
    .data_i  (push),
    .valid_o (pop_valid),
    .ready_i (pop_ready),
    .data_o  (pop),
    .count_o ()
  );

  logic             out_re;
  logic [SlotW-1:0] out_slot;
  chunk_t           out;

  siov_ram_1r1w #(.Width($bits(chunk_t)), .Depth(NumSlots)) u_rows (
    .clk_i   (clk_i),
    .we_i    (chunk_taken),
    .waddr_i (slot),
    .wdata_i (chunk),
    .re_i    (out_re),
    .raddr_i (out_slot),
    .rdata_o (out)
  );

  // --- writes -----------------------------------------------------------------------------------

  logic             piece_valid, piece_ready, cut_busy;
  piece_t           piece;
  logic             buf_re, buf_use;
  logic [SlotW-1:0] buf_slot;
  logic [PosW-1:0]  buf_pos;
  line_t            buf_data;
  logic             p_started, write_busy;
  logic             ended, ended_failed, ended_epoch, job_last;
  logic [JobW-1:0]  ended_job;
  logic [31:0]      ended_offset;
  logic             rec_valid, rec_ready, rec_done, records_busy, jobs_busy;
  rec_out_t         rec;
  logic [1:0]       rec_epochs, out_epochs;

  siov_dma_cut u_cut (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .mps_i         (fn_i.mps),
    .slot_valid_i  (pop_valid),
    .slot_ready_o  (pop_ready),
    .slot_i        (pop.slot),
    .slot_failed_i (pop.failed),
    .row_re_o      (out_re),
    .row_slot_o    (out_slot),
    .row_i         (out),
    .piece_valid_o (piece_valid),
    .piece_ready_i (piece_ready),
    .piece_o       (piece),
    .free_o        (free),
    .free_slot_o   (free_slot),
    .busy_o        (cut_busy)
  );

  siov_dma_buffer u_buffer (
    .clk_i    (clk_i),
    .we_i     (wr),
    .wslot_i  (wr_slot),
    .wdw_i    (wr_dw),
    .wdata_i  (wr_data),
    .wdw_en_i (wr_dw_en),
    .re_i     (buf_re),
    .rslot_i  (buf_slot),
    .rpos_i   (buf_pos),
    .ruse_i   (buf_use),
    .rdata_o  (buf_data)
  );

  siov_dma_records u_records (
    .clk_i        (clk_i),
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
    .epoch_busy_o (rec_epochs),
    .busy_o       (records_busy)
  );

  siov_dma_write u_write (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go),
    .halt_i         (halt_i),
    .piece_valid_i  (piece_valid),
    .piece_ready_o  (piece_ready),
    .piece_i        (piece),
    .rec_valid_i    (rec_valid),
    .rec_ready_o    (rec_ready),
    .rec_i          (rec),
    .log_valid_i    (log_valid_i),
    .log_ready_o    (log_ready_o),
    .log_i          (log_i),
    .msg_valid_i    (msg_valid_i),
    .msg_ready_o    (msg_ready_o),
    .msg_i          (msg_i),
    .buf_re_o       (buf_re),
    .buf_slot_o     (buf_slot),
    .buf_pos_o      (buf_pos),
    .buf_use_o      (buf_use),
    .buf_data_i     (buf_data),
    .tx_valid_o     (p_tx_valid_o),
    .tx_ready_i     (p_tx_ready_i),
    .tx_o           (p_tx_o),
    .started_o      (p_started),
    .ended_o        (ended),
    .ended_failed_o (ended_failed),
    .ended_offset_o (ended_offset),
    .rec_done_o     (rec_done),
    .rec_status_o   (rec_done_o.status),
    .ended_job_o    (ended_job),
    .ended_epoch_o  (ended_epoch),
    .log_done_o     (log_done_o),
    .msg_done_o     (msg_done_o),
    .busy_o         (write_busy)
  );

  siov_dma_jobs u_jobs (
    .clk_i          (clk_i),
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
    .clk_i         (clk_i),
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
                                 : xlat_epochs | split_epochs | rec_epochs | out_epochs;
  assign forget_valid_o = job_last || rec_done;
  assign forget_job_o   = ended_job;

  assign np_pending_o = reads_pending || np_started || p_started;
  assign busy_o = queue_busy || xlat_busy || split_busy || !slots_all_free || cut_busy ||
                  write_busy || records_busy || jobs_busy;

  ReadyHasRoom_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      read_ended || (chunk_taken && unread) |-> push_ready) else $error("more chunks than slots");


  // Which look-ups were accepted two clocks ago, for the assertion only.
  logic [1:0] asked_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) asked_q <= '0;
    else asked_q <= {asked_q[0], lk_valid_o && lk_ready_i};
  end

  AnswerAfterTwoClocks_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      lk_rsp_valid_i == asked_q[1]) else $error("look-up answered too early or too late");

endmodule
