// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Chunks to slots: gives each chunk a slot, reads what it needs into the slot's buffer, and says
/// when that is there. Slots become ready in the order in which their reads end; a chunk that needs
/// no read is ready at once. A chunk that reads never waits here, as split has been promised a slot
/// for it; one that does not waits for its like at most.
module siov_dma_fetch import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  pcie_fn_t         fn_i,
  /// Reads may start.
  input  logic             go_i,

  input  logic             chunk_valid_i,
  output logic             chunk_ready_o,
  input  chunk_kind_e      chunk_kind_i,
  input  source_t          source_i,
  /// The chunk has been taken, with this slot.
  output logic             taken_o,
  output logic [SlotW-1:0] taken_slot_o,

  output logic             np_tx_valid_o,
  input  logic             np_tx_ready_i,
  output tlp_beat_t        np_tx_o,
  /// All completions; those of other requests than reads are ignored.
  input  logic             cpl_valid_i,
  input  tlp_beat_t        cpl_i,
  output cpl_err_t         err_o,

  // to the read buffer
  output logic             wr_o,
  output logic [SlotW-1:0] wr_slot_o,
  output logic [DwsW-2:0]  wr_dw_o,
  output line_t            wr_data_o,
  output logic [15:0]      wr_dw_en_o,

  output logic             ready_valid_o,
  input  logic             ready_ready_i,
  output ready_t           ready_o,
  /// The slot's chunk has been sent.
  input  logic             free_i,
  input  logic [SlotW-1:0] free_slot_i,
  /// A read's slot is free again, of this ADI.
  output logic             return_valid_o,
  input  logic             return_ready_i,
  output logic [AdiW-1:0]  return_adi_o,

  /// Reads are in flight, or a read request has been offered and not been taken.
  output logic             pending_o,
  output logic             busy_o
);

  logic                slots_all_free, other_valid;
  logic [SlotW-1:0]    slot, next_read_slot, other_slot;
  logic [NumSlots-1:0] quarantine;
  logic                unread, read_valid, started, sent;
  logic [SlotW-1:0]    sent_slot;
  read_t               read;
  logic                read_ended, read_failed, reads_pending;
  logic [SlotW-1:0]    read_slot;

  siov_dma_slots u_slots (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .few_tags_i     (few_tags(fn_i)),
    .quarantine_i   (quarantine),
    .read_slot_o    (next_read_slot),
    .read_take_i    (read_valid),
    .read_adi_i     (source_i.tenant.adi),
    .other_valid_o  (other_valid),
    .other_slot_o   (other_slot),
    .other_take_i   (taken_o && unread),
    .free_i         (free_i),
    .free_slot_i    (free_slot_i),
    .return_valid_o (return_valid_o),
    .return_ready_i (return_ready_i),
    .return_adi_o   (return_adi_o),
    .all_free_o     (slots_all_free)
  );

  assign read = '{slot: slot, source: source_i};

  siov_dma_read u_read (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .fn_i        (fn_i),
    .go_i        (go_i),
    .valid_i     (read_valid),
    .read_i      (read),
    .tx_valid_o  (np_tx_valid_o),
    .tx_ready_i  (np_tx_ready_i),
    .tx_o        (np_tx_o),
    .started_o   (started),
    .sent_o      (sent),
    .sent_slot_o (sent_slot)
  );

  siov_dma_cpl u_cpl (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .fn_i           (fn_i),
    .expect_i       (read_valid),
    .expect_slot_i  (slot),
    .expect_addr_i  (source_i.addr[6:0]),
    .expect_len_i   (source_i.len),
    .expect_tc_i    (source_i.tc),
    .sent_i         (sent),
    .sent_slot_i    (sent_slot),
    .cpl_valid_i    (cpl_valid_i),
    .cpl_i          (cpl_i),
    .wr_o           (wr_o),
    .wr_slot_o      (wr_slot_o),
    .wr_dw_o        (wr_dw_o),
    .wr_data_o      (wr_data_o),
    .wr_dw_en_o     (wr_dw_en_o),
    .ended_o        (read_ended),
    .ended_slot_o   (read_slot),
    .ended_failed_o (read_failed),
    .quarantine_o   (quarantine),
    .err_o          (err_o),
    .pending_o      (reads_pending)
  );

  // --- slots that are ready to be written: reads that have ended first, for they cannot wait -----

  logic   push_ready;
  ready_t push;

  assign unread        = chunk_kind_i != ChunkRead;
  assign read_valid    = chunk_valid_i && !unread;
  assign slot          = unread ? other_slot : next_read_slot;
  assign chunk_ready_o = !unread || (other_valid && !read_ended);
  assign taken_o       = chunk_valid_i && chunk_ready_o;
  assign taken_slot_o  = slot;

  assign push = read_ended ? '{failed: read_failed, slot: read_slot}
                           : '{failed: chunk_kind_i == ChunkAbort, slot: slot};

  siov_fifo #(.data_t(ready_t), .Depth(NumSlots)) u_ready (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (read_ended || (taken_o && unread)),
    .ready_o (push_ready),
    .data_i  (push),
    .valid_o (ready_valid_o),
    .ready_i (ready_ready_i),
    .data_o  (ready_o),
    .count_o ()
  );

  assign pending_o = reads_pending || started;
  assign busy_o    = !slots_all_free;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (read_ended || (taken_o && unread)) begin
        ReadyHasRoom_A : assert (push_ready) else $error("more chunks than slots");
      end
    end
  end

endmodule
