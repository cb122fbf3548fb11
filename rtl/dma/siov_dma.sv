// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How bytes move. Cuts jobs into chunks of one read request each, keeps up to NumSlots of them in
/// flight, takes their completions in any order, and sends the writes. Chunks of one job, and jobs,
/// end in any order. Records and messages leave in the order in which they came, behind all writes
/// of jobs reported done before.
module siov_dma import siov_pkg::*, siov_dma_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  pcie_fn_t    fn_i,
  /// Start no new TLP (before a reset); TLPs and reads in flight go on.
  input  logic        quiesce_i,
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
  output logic        rec_done_o,

  input  logic        msg_valid_i,
  output logic        msg_ready_o,
  input  dma_msg_t    msg_i,
  /// The message has entered the posted stream. In order of `msg_i`.
  output logic        msg_done_o,

  input  logic        cpl_valid_i,
  input  tlp_beat_t   cpl_i,

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

  // --- jobs to chunks, each with a slot ---------------------------------------------------------

  logic [NumJobs-1:0] job_failed;
  logic               chunk_valid, chunk_ready, chunk_last, chunk_taken;
  chunk_kind_e        chunk_kind;
  chunk_t             chunk;
  logic [63:0]        chunk_src;
  logic [2:0]         chunk_tc_src;
  logic               split_busy;
  logic               slot_valid, slots_all_free;
  logic [SlotW-1:0]   slot;
  logic               free;
  logic [SlotW-1:0]   free_slot;
  logic               read_ready;

  siov_dma_split u_split (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .mrrs_i         (fn_i.mrrs),
    .job_valid_i    (job_valid_i),
    .job_ready_o    (job_ready_o),
    .job_i          (job_i),
    .failed_i       (job_failed),
    .chunk_valid_o  (chunk_valid),
    .chunk_ready_i  (chunk_ready),
    .chunk_kind_o   (chunk_kind),
    .chunk_o        (chunk),
    .chunk_src_o    (chunk_src),
    .chunk_tc_src_o (chunk_tc_src),
    .chunk_last_o   (chunk_last),
    .busy_o         (split_busy)
  );

  siov_dma_slots u_slots (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .ext_tag_i    (fn_i.ext_tag),
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
    slot:   slot,
    tenant: chunk.tenant,
    tc:     chunk_tc_src,
    addr:   chunk_src,
    len:    chunk.len
  };

  siov_dma_read u_read (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .rid_i       (fn_i.rid),
    .relaxed_i   (fn_i.relaxed),
    .go_i        (go),
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
    .rid_i          (fn_i.rid),
    .expect_i       (read_valid && read_ready),
    .expect_slot_i  (slot),
    .expect_addr_i  (chunk_src[6:0]),
    .expect_len_i   (chunk.len),
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
    .pending_o      (reads_pending)
  );

  // --- slots that are ready to be written: reads that have ended first, for they cannot wait ------

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

  logic             row_re;
  logic [SlotW-1:0] row_slot;
  chunk_t           row;

  siov_ram_1r1w #(.Width($bits(chunk_t)), .Depth(NumSlots)) u_rows (
    .clk_i   (clk_i),
    .we_i    (chunk_taken),
    .waddr_i (slot),
    .wdata_i (chunk),
    .re_i    (row_re),
    .raddr_i (row_slot),
    .rdata_o (row)
  );

  // --- writes -----------------------------------------------------------------------------------

  logic             piece_valid, piece_ready, cut_busy;
  piece_t           piece;
  logic             buf_re, buf_use;
  logic [SlotW-1:0] buf_slot;
  logic [PosW-1:0]  buf_pos;
  line_t            buf_data;
  logic             p_started, write_busy;
  logic             ended, ended_failed;
  logic [JobW-1:0]  ended_job;
  logic [31:0]      ended_offset;

  siov_dma_cut u_cut (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .mps_i         (fn_i.mps),
    .slot_valid_i  (pop_valid),
    .slot_ready_o  (pop_ready),
    .slot_i        (pop.slot),
    .slot_failed_i (pop.failed),
    .row_re_o      (row_re),
    .row_slot_o    (row_slot),
    .row_i         (row),
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

  siov_dma_write u_write (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .rid_i          (fn_i.rid),
    .relaxed_i      (fn_i.relaxed),
    .go_i           (go),
    .piece_valid_i  (piece_valid),
    .piece_ready_o  (piece_ready),
    .piece_i        (piece),
    .rec_valid_i    (rec_valid_i),
    .rec_ready_o    (rec_ready_o),
    .rec_i          (rec_i),
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
    .ended_job_o    (ended_job),
    .ended_failed_o (ended_failed),
    .ended_offset_o (ended_offset),
    .rec_done_o     (rec_done_o),
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
    .failed_o       (job_failed),
    .done_valid_o   (done_valid_o),
    .done_ready_i   (done_ready_i),
    .done_o         (done_o)
  );

  assign np_pending_o = reads_pending || np_started || p_started;
  assign busy_o = split_busy || !slots_all_free || cut_busy || write_busy || done_valid_o;

  ReadyHasRoom_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      read_ended || (chunk_taken && unread) |-> push_ready) else $error("more chunks than slots");

endmodule
