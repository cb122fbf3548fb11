// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Cuts turns into chunks. A turn is what is left of a job, up to the next 4 KiB boundary of its
/// source or destination, with its two pages translated; the rest of the job goes back to the queue
/// when the turn is taken. Chunks end at the end of the read request's size, so that writes come
/// out aligned to it. One chunk a clock; the first is offered the clock after the turn came.
///
/// A job goes back before the others as long as it has had less than 4 KiB since it was last behind
/// them, so that all have the same share, whatever their alignment.
module siov_dma_split import siov_pkg::*, siov_dma_pkg::*; (
  input  logic               clk_i,
  input  logic               rst_ni,
  /// Read request at most 128 << mrrs bytes.
  input  logic [2:0]         mrrs_i,

  input  logic               turn_valid_i,
  output logic               turn_ready_o,
  input  progress_t          turn_i,
  input  answer_t            answer_i,

  // back to the queue: see siov_dma_queue
  output logic               back_valid_o,
  input  logic               back_ready_i,
  output logic [1:0]         back_wakes_o,
  output logic               back_soon_o,
  output logic               back_write_o,
  output progress_t          back_o,

  /// Jobs of which a chunk has failed: the rest of the job is not cut.
  input  logic [NumJobs-1:0] failed_i,
  /// The rest of a job has no translation. Its last chunk, a ChunkAbort, is still to come.
  output logic               fault_o,
  output logic [JobW-1:0]    fault_job_o,
  output job_fault_t         fault_info_o,

  output logic               chunk_valid_o,
  input  logic               chunk_ready_i,
  output chunk_kind_e        chunk_kind_o,
  output chunk_t             chunk_o,
  output source_t            source_o,
  /// No further chunk of the job follows.
  output logic               chunk_last_o,

  /// Translations of this epoch are being cut.
  output logic [1:0]         epoch_busy_o,
  output logic               busy_o
);

  localparam logic [12:0] PageBytes = 13'd4096;

  /// A turn being cut.
  typedef struct packed {
    dma_job_t    job;      // addresses to send; `len` of this turn
    logic [31:0] offset;
    logic        dead;     // nothing of it is moved
    logic        last;     // nothing of the job is left after it
    logic        src_translated;
    logic        dst_translated;
    logic        epoch;
  } turn_t;

  turn_t cur_q, turn;
  logic  cur_valid_q, taken, leaves, load;

  // --- a turn comes -----------------------------------------------------------------------------

  logic [12:0] turn_len, used;
  logic        copy, failed, dead, comes, more, back;

  assign copy   = turn_i.job.op == JobCopy;
  assign failed = failed_i[turn_i.job.id];
  // A job does not end while a wake is owed to it.
  assign dead  = answer_i.kind == AnswerFault || (failed && answer_i.kind != AnswerWait);
  assign comes  = dead || answer_i.kind == AnswerHit;

  always_comb begin
    turn_len = PageBytes - 13'(turn_i.job.dst[11:0]);
    if (copy && turn_i.job.src[11:0] > turn_i.job.dst[11:0]) begin
      turn_len = PageBytes - 13'(turn_i.job.src[11:0]);
    end
    if (turn_i.job.len < 32'(turn_len)) turn_len = turn_i.job.len[12:0];
  end

  assign more         = comes && !dead && turn_i.job.len != 32'(turn_len);
  assign load         = turn_valid_i && comes && (!cur_valid_q || leaves) &&
                        (!more || back_ready_i);
  assign turn_ready_o = comes ? load : back_ready_i;

  function automatic logic [63:0] placed(logic [63:0] addr, place_t place);
    return {place.translated ? place.page : addr[63:12], addr[11:0]};
  endfunction

  always_comb begin
    turn = '0;
    if (load) begin
      turn = '{
        job:            turn_i.job,
        offset:         turn_i.offset,
        dead:           dead,
        last:           !more,
        src_translated: answer_i.first.translated,
        dst_translated: answer_i.last.translated,
        epoch:          answer_i.epoch
      };
      if (copy) turn.job.src = placed(turn_i.job.src, answer_i.first);
      turn.job.dst = placed(turn_i.job.dst, answer_i.last);
      turn.job.len = 32'(turn_len);
    end
  end

  // --- what goes back ---------------------------------------------------------------------------

  assign used         = turn_i.used + turn_len;
  assign back         = comes ? more && (!cur_valid_q || leaves) : 1'b1;
  assign back_valid_o = turn_valid_i && back;
  assign back_wakes_o = !comes && answer_i.kind == AnswerWait ? answer_i.waits : '0;
  assign back_soon_o  = comes && used < PageBytes;
  assign back_write_o = comes;

  always_comb begin
    back_o = '0;
    if (back_valid_o) begin
      back_o         = turn_i;
      if (copy) back_o.job.src = turn_i.job.src + 64'(turn_len);
      back_o.job.dst = turn_i.job.dst + 64'(turn_len);
      back_o.job.len = turn_i.job.len - 32'(turn_len);
      back_o.offset  = turn_i.offset + 32'(turn_len);
      back_o.used    = used < PageBytes ? used : '0;
    end
  end

  assign fault_o      = load && answer_i.kind == AnswerFault;
  assign fault_job_o  = turn_i.job.id;
  assign fault_info_o = '{
    offset: turn_i.offset,
    status: answer_i.status,
    write:  answer_i.in_last,
    page:   answer_i.in_last ? turn_i.job.dst[63:12] : turn_i.job.src[63:12]
  };

  // --- the chunk at the front of the current turn -----------------------------------------------

  logic            cur_copy, cur_dead;
  logic [LenW-1:0] window, to_dst, len;

  assign cur_copy  = cur_q.job.op == JobCopy;
  assign cur_dead = cur_q.dead || failed_i[cur_q.job.id];

  always_comb begin
    unique case (mrrs_i)
      3'd0:    window = LenW'(128);
      3'd1:    window = LenW'(256);
      default: window = LenW'(512);
    endcase
    // A read of a whole window at an unaligned address would have one DW too many.
    if (!cur_copy) window = LenW'(ChunkBytes);
    else if (cur_q.job.src[1:0] != '0) window = window >> 1;
    to_dst = window - ({1'b0, cur_q.job.dst[PosW-1:0]} & (window - 1'b1));
    len    = cur_q.job.len < 32'(to_dst) ? cur_q.job.len[LenW-1:0] : to_dst;
  end

  assign chunk_valid_o = cur_valid_q;
  assign chunk_last_o  = cur_q.last && (cur_dead || cur_q.job.len == 32'(len));
  assign chunk_kind_o  = cur_dead ? ChunkAbort : cur_copy ? ChunkRead : ChunkFill;

  always_comb begin
    chunk_o  = '0;
    source_o = '0;
    if (cur_valid_q) begin
      chunk_o = '{
        job:        cur_q.job.id,
        tenant:     cur_q.job.tenant,
        kind:       chunk_kind_o,
        strict:     cur_q.job.strict,
        tc:         cur_q.job.tc_dst,
        translated: cur_q.dst_translated,
        epoch:      cur_q.epoch,
        pattern:    {cur_q.job.pattern_hi, cur_q.job.src},
        dst:        cur_q.job.dst,
        len:        len,
        skew:       cur_copy ? {2'b00, cur_q.job.src[1:0]} : cur_q.offset[3:0],
        offset:     cur_q.offset
      };
      source_o = '{
        tenant:     cur_q.job.tenant,
        tc:         cur_q.job.tc_src,
        translated: cur_q.src_translated,
        addr:       cur_q.job.src,
        len:        len
      };
    end
  end

  assign taken  = chunk_valid_o && chunk_ready_i;
  assign leaves = taken && (cur_dead || cur_q.job.len == 32'(len));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) cur_valid_q <= 1'b0;
    else if (load) cur_valid_q <= 1'b1;
    else if (leaves) cur_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      cur_q <= turn;
    end else if (taken) begin
      if (cur_copy) cur_q.job.src <= cur_q.job.src + 64'(len);
      cur_q.job.dst <= cur_q.job.dst + 64'(len);
      cur_q.job.len <= cur_q.job.len - 32'(len);
      cur_q.offset  <= cur_q.offset + 32'(len);
    end
  end

  assign epoch_busy_o = {cur_valid_q && cur_q.epoch, cur_valid_q && !cur_q.epoch};
  assign busy_o       = cur_valid_q;

  // --- rules ------------------------------------------------------------------------------------

  // Looked at in small signals: an assertion samples all that it names, each clock.
  logic empty, crosses;

  always_comb begin
    empty   = 1'b0;
    crosses = 1'b0;
    if (turn_valid_i) empty = turn_i.job.len == '0;
    if (cur_valid_q && !cur_q.dead) begin
      crosses = 32'(cur_q.job.dst[11:0]) + cur_q.job.len > 32'(PageBytes) ||
                (cur_copy && 32'(cur_q.job.src[11:0]) + cur_q.job.len > 32'(PageBytes));
    end
  end

  TurnIsNotEmpty_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      !empty) else $error("turn of no bytes");
  TurnWithinPages_A : assert property (@(posedge clk_i) disable iff (!rst_ni)
      !crosses) else $error("turn crosses a page");

endmodule
