// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Slots to the posted stream: remembers what each slot is for, cuts those that are ready into
/// writes, and sends them, between records, log entries and messages.
module siov_dma_send import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  pcie_fn_t         fn_i,
  /// TLPs may start.
  input  logic             go_i,
  /// What is not a message is thrown away, for ever: nothing is told of its end.
  input  logic             halt_i,

  /// A chunk has a slot.
  input  logic             chunk_valid_i,
  input  logic [SlotW-1:0] chunk_slot_i,
  input  chunk_t           chunk_i,

  // read data, into its slot
  input  logic             wr_i,
  input  logic [SlotW-1:0] wr_slot_i,
  input  logic [DwsW-2:0]  wr_dw_i,
  input  line_t            wr_data_i,
  input  logic [15:0]      wr_dw_en_i,

  input  logic             ready_valid_i,
  output logic             ready_ready_o,
  input  ready_t           ready_i,
  /// The slot's chunk has been sent.
  output logic             free_o,
  output logic [SlotW-1:0] free_slot_o,

  input  logic             rec_valid_i,
  output logic             rec_ready_o,
  input  rec_out_t         rec_i,
  input  logic             log_valid_i,
  output logic             log_ready_o,
  input  dma_log_t         log_i,
  input  logic             msg_valid_i,
  output logic             msg_ready_o,
  input  dma_msg_t         msg_i,

  output logic             p_tx_valid_o,
  input  logic             p_tx_ready_i,
  output tlp_beat_t        p_tx_o,

  // what has left, as in siov_dma_write
  output logic             ended_o,
  output logic             ended_failed_o,
  output logic [31:0]      ended_offset_o,
  output logic             rec_done_o,
  output logic [7:0]       rec_status_o,
  output logic [JobW-1:0]  ended_job_o,
  output logic             ended_epoch_o,
  output logic             log_done_o,
  output logic             msg_done_o,

  /// A TLP has been offered and not been taken whole.
  output logic             started_o,
  output logic             busy_o
);

  logic             out_re;
  logic [SlotW-1:0] out_slot;
  chunk_t           out;
  logic             piece_valid, piece_ready, cut_busy, write_busy;
  piece_t           piece;
  logic             buf_re, buf_use;
  logic [SlotW-1:0] buf_slot;
  logic [PosW-1:0]  buf_pos;
  line_t            buf_data;

  siov_ram_1r1w #(.Width($bits(chunk_t)), .Depth(NumSlots)) u_rows (
    .clk_i   (clk_i),
    .we_i    (chunk_valid_i),
    .waddr_i (chunk_slot_i),
    .wdata_i (chunk_i),
    .re_i    (out_re),
    .raddr_i (out_slot),
    .rdata_o (out)
  );

  siov_dma_cut u_cut (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .mps_i         (fn_i.mps),
    .slot_valid_i  (ready_valid_i),
    .slot_ready_o  (ready_ready_o),
    .slot_i        (ready_i.slot),
    .slot_failed_i (ready_i.failed),
    .row_re_o      (out_re),
    .row_slot_o    (out_slot),
    .row_i         (out),
    .piece_valid_o (piece_valid),
    .piece_ready_i (piece_ready),
    .piece_o       (piece),
    .free_o        (free_o),
    .free_slot_o   (free_slot_o),
    .busy_o        (cut_busy)
  );

  siov_dma_buffer u_buffer (
    .clk_i    (clk_i),
    .we_i     (wr_i),
    .wslot_i  (wr_slot_i),
    .wdw_i    (wr_dw_i),
    .wdata_i  (wr_data_i),
    .wdw_en_i (wr_dw_en_i),
    .re_i     (buf_re),
    .rslot_i  (buf_slot),
    .rpos_i   (buf_pos),
    .ruse_i   (buf_use),
    .rdata_o  (buf_data)
  );

  siov_dma_write u_write (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .go_i           (go_i),
    .halt_i         (halt_i),
    .piece_valid_i  (piece_valid),
    .piece_ready_o  (piece_ready),
    .piece_i        (piece),
    .rec_valid_i    (rec_valid_i),
    .rec_ready_o    (rec_ready_o),
    .rec_i          (rec_i),
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
    .started_o      (started_o),
    .ended_o        (ended_o),
    .ended_failed_o (ended_failed_o),
    .ended_offset_o (ended_offset_o),
    .rec_done_o     (rec_done_o),
    .rec_status_o   (rec_status_o),
    .ended_job_o    (ended_job_o),
    .ended_epoch_o  (ended_epoch_o),
    .log_done_o     (log_done_o),
    .msg_done_o     (msg_done_o),
    .busy_o         (write_busy)
  );

  assign busy_o = cut_busy || write_busy;

endmodule
