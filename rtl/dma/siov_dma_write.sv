// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The posted stream: pieces of chunks, completion records, event log entries and messages, one
/// beat a clock. A message goes before a log entry, that before a record and a record before data,
/// between TLPs; what a job wrote before it was reported done is ahead of them already. Two clocks
/// from a piece to its beat.
module siov_dma_write import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  pcie_fn_t         fn_i,
  /// TLPs may start.
  input  logic             go_i,
  /// What is not a message is thrown away, for ever: nothing is told of its end.
  input  logic             halt_i,

  input  logic             piece_valid_i,
  output logic             piece_ready_o,
  input  piece_t           piece_i,
  input  logic             rec_valid_i,
  output logic             rec_ready_o,
  input  rec_out_t         rec_i,
  input  logic             log_valid_i,
  output logic             log_ready_o,
  input  dma_log_t         log_i,
  input  logic             msg_valid_i,
  output logic             msg_ready_o,
  input  dma_msg_t         msg_i,

  // read buffer: data one clock after `buf_re_o`, held until the next
  output logic             buf_re_o,
  output logic [SlotW-1:0] buf_slot_o,
  output logic [PosW-1:0]  buf_pos_o,
  output logic             buf_use_o,
  input  line_t            buf_data_i,

  output logic             tx_valid_o,
  input  logic             tx_ready_i,
  output tlp_beat_t        tx_o,
  /// A TLP has been offered and not been taken whole.
  output logic             started_o,

  // pulses when the beat has been taken: the chunk has ended, a record, entry or message has left
  output logic             ended_o,
  output logic             ended_failed_o,
  output logic [31:0]      ended_offset_o,
  output logic             rec_done_o,
  output logic [7:0]       rec_status_o,
  /// Of the chunk or record.
  output logic [JobW-1:0]  ended_job_o,
  output logic             ended_epoch_o,
  output logic             log_done_o,
  output logic             msg_done_o,
  output logic             busy_o
);

  /// Who waits for a beat to leave.
  typedef struct packed {
    logic            rec;
    logic            log;
    logic            msg;
    logic            chunk;   // its last beat
    logic            silent;  // there is no beat: the chunk or record has failed
    logic            failed;  // the chunk has
    logic [7:0]      status;  // of the record
    logic [JobW-1:0] job;
    logic            epoch;
    logic [31:0]     offset;
  } note_t;

  /// A beat without its data.
  typedef struct packed {
    logic        sop;
    logic        eop;
    logic [15:0] dw_en;
    logic        prefix_valid;
    logic [31:0] prefix;
    hdr_t        hdr;
  } frame_t;

  // --- choose -----------------------------------------------------------------------------------

  logic         pick_msg, pick_log, pick_rec, pick_piece, picked, between_tlps, advance;
  tenant_t      tenant;
  attr_t        attr;
  logic [63:2]  addr;
  span_t        bytes;
  line_t        inline_data;
  logic [127:0] pattern;
  frame_t       frame;
  note_t        note;

  assign between_tlps = !piece_valid_i || piece_i.first;
  assign pick_msg     = msg_valid_i && between_tlps;
  assign pick_log     = log_valid_i && between_tlps && !pick_msg;
  assign pick_rec     = rec_valid_i && between_tlps && !pick_msg && !pick_log;
  assign pick_piece   = piece_valid_i && !pick_msg && !pick_log && !pick_rec;
  assign picked       = pick_msg || pick_log || pick_rec || pick_piece;

  assign msg_ready_o   = advance && pick_msg;
  assign log_ready_o   = advance && pick_log;
  assign rec_ready_o   = advance && pick_rec;
  assign piece_ready_o = advance && pick_piece;

  // Rotated so that the beat's first byte comes first.
  always_comb begin
    pattern = '0;
    if (pick_piece && piece_i.chunk.kind == ChunkFill) begin
      pattern = 128'({2{piece_i.chunk.pattern}} >> {piece_i.pos[3:0], 3'b000});
    end
  end

  always_comb begin
    tenant      = '0;
    attr        = '{write: 1'b1, default: '0};
    addr        = '0;
    bytes       = '0;
    frame       = '{sop: 1'b1, eop: 1'b1, default: '0};
    inline_data = '0;
    if (pick_msg) begin
      addr        = msg_i.addr[63:2];
      bytes       = '{dws: DwsW'(1), last_be: 4'h0, first_be: 4'hf};
      frame.dw_en = 16'h0001;
      inline_data = 512'(msg_i.data);
    end else if (pick_log) begin
      tenant      = '{adi: '0, priv: log_i.priv, pasid_valid: log_i.pasid_valid,
                      pasid: log_i.pasid};
      addr        = {log_i.addr, 4'd0};
      bytes       = '{dws: DwsW'(16), last_be: 4'hf, first_be: 4'hf};
      frame.dw_en = 16'hffff;
      inline_data = log_i.data;
    end else if (pick_rec) begin
      tenant          = rec_i.rec.tenant;
      attr.tc         = rec_i.rec.tc;
      attr.translated = rec_i.translated;
      addr            = rec_i.rec.addr[63:2];
      bytes           = '{dws: DwsW'(8), last_be: 4'hf, first_be: 4'hf};
      frame.dw_en     = 16'h00ff;
      inline_data     = 512'(rec_i.rec.data);
    end else if (pick_piece) begin
      tenant          = piece_i.chunk.tenant;
      attr.tc         = piece_i.chunk.tc;
      attr.ido        = fn_i.ido_req;
      attr.relaxed    = fn_i.relaxed && !piece_i.chunk.strict;
      attr.translated = piece_i.chunk.translated;
      addr            = piece_i.addr;
      bytes           = piece_i.bytes;
      frame.sop       = piece_i.first;
      frame.eop       = piece_i.last;
      frame.dw_en     = 16'hffff >> (5'd16 - piece_i.dws);
      inline_data     = {4{pattern}};
    end
    if (picked) begin
      frame.prefix_valid = tenant.pasid_valid && !attr.translated;
      frame.prefix       = frame.prefix_valid ? pasid_prefix(tenant) : '0;
      frame.hdr          = mem_hdr(attr, fn_i.rid, addr, bytes);
    end
  end

  assign note = '{
    rec:    pick_rec,
    log:    pick_log,
    msg:    pick_msg,
    chunk:  pick_piece && piece_i.ends,
    silent: pick_piece ? piece_i.failed : pick_rec && rec_i.status != '0,
    failed: piece_i.failed && piece_i.chunk.kind != ChunkAbort,
    status: rec_i.status,
    job:    pick_rec ? rec_i.rec.id : piece_i.chunk.job,
    epoch:  pick_rec ? rec_i.epoch : piece_i.chunk.epoch,
    offset: piece_i.chunk.offset
  };

  // --- fetch ------------------------------------------------------------------------------------

  logic         fetch_valid_q, fetch_inline_q;
  line_t        inline_q;
  frame_t       frame_q;
  note_t        note_q;

  assign buf_re_o   = piece_ready_o && !piece_i.failed && piece_i.chunk.kind == ChunkRead;
  assign buf_slot_o = piece_i.slot;
  assign buf_pos_o  = piece_i.pos;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) fetch_valid_q <= 1'b0;
    else if (advance) fetch_valid_q <= picked;
  end

  always_ff @(posedge clk_i) begin
    if (advance && picked) begin
      fetch_inline_q <= !buf_re_o;
      inline_q       <= inline_data;
      frame_q        <= frame;
      note_q         <= note;
    end
  end

  // --- send -------------------------------------------------------------------------------------

  /// Two places, so that what is chosen does not depend on `tx_ready_i` in the same clock.
  typedef struct packed {
    tlp_beat_t beat;
    note_t     note;
  } out_t;

  logic out_valid, out_room, gate_ready, load, left, lost;
  out_t next, out;

  assign advance   = !fetch_valid_q || out_room;
  assign load      = fetch_valid_q && out_room;
  assign buf_use_o = load && !fetch_inline_q;

  always_comb begin
    next = '0;
    if (load) begin
      next.beat = '{
        rsvd:         '0,
        prefix_valid: frame_q.prefix_valid,
        eop:          frame_q.eop,
        sop:          frame_q.sop,
        dw_en:        frame_q.dw_en,
        prefix:       frame_q.prefix,
        hdr:          frame_q.hdr,
        data:         fetch_inline_q ? inline_q : buf_data_i
      };
      next.note = note_q;
    end
  end

  siov_fifo #(.data_t(out_t), .Depth(2)) u_out (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (fetch_valid_q),
    .ready_o (out_room),
    .data_i  (next),
    .valid_o (out_valid),
    .ready_i (left || lost),
    .data_o  (out),
    .count_o ()
  );

  siov_tlp_gate u_gate (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .go_i      (go_i),
    .valid_i   (out_valid && !lost && !out.note.silent),
    .ready_o   (gate_ready),
    .eop_i     (out.beat.eop),
    .valid_o   (tx_valid_o),
    .ready_i   (tx_ready_i),
    .started_o (started_o)
  );

  assign lost           = out_valid && halt_i && !out.note.msg && !started_o;
  assign left           = out_valid && !lost && (out.note.silent || gate_ready);
  assign tx_o           = out.beat;
  assign ended_o        = left && out.note.chunk;
  assign ended_job_o    = out.note.job;
  assign ended_failed_o = out.note.failed;
  assign ended_offset_o = out.note.offset;
  assign rec_done_o     = left && out.note.rec;
  assign rec_status_o   = out.note.status;
  assign ended_epoch_o  = out.note.epoch;
  assign log_done_o     = left && out.note.log;
  assign msg_done_o     = left && out.note.msg;
  assign busy_o         = fetch_valid_q || out_valid;

  // --- rules ------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (rec_valid_i) begin
        RecordIsAligned_A : assert (rec_i.rec.addr[4:0] == '0)
          else $error("record not on 32 bytes");
      end
      if (load && frame_q.sop) begin
        MessageHasNoPasid_A : assert (!(note_q.msg && frame_q.prefix_valid))
          else $error("message with a PASID");
        WriteWithin4KiB_A : assert (11'(frame_q.hdr[frame_q.hdr[0][29] ? 3 : 2][11:2]) +
                                    11'(frame_q.hdr[0][9:0]) <= 11'd1024)
          else $error("write crosses 4 KiB");
      end
    end
  end

endmodule
