// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Cuts turns into chunks. A turn is what is left of a job, up to the next 4 KiB boundary of its
/// source or destination, with its two pages translated, and as far as its ADI's share of slots
/// goes; then the rest of the job goes back to the queue. Chunks end at the end of the read
/// request's size, so that writes come out aligned to it. One chunk a clock; the first is offered
/// the clock after the turn came.
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

  // share of the slots for reads: see siov_dma_shares
  output logic               ask_o,
  input  logic               ask_ready_i,
  output logic [AdiW-1:0]    ask_adi_o,
  input  logic [SlotW-1:0]   quota_i,
  output logic               take_o,
  output logic [SlotW-1:0]   take_count_o,
  output logic               wait_o,
  output logic               wait_soon_o,

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
    progress_t   job;      // what is left
    logic [12:0] left;     // of this turn
    logic        dead;     // nothing of the job is moved any more
    place_t      src;
    place_t      dst;
    logic        epoch;
  } turn_t;

  turn_t            cur_q, turn;
  logic             cur_valid_q, given_q;  // `given_q`: it has slots, or needs none
  logic [SlotW-1:0] quota_q, quota;        // slots, for as many chunks
  logic             taken, leaves, load, rest, rest_goes;

  // --- a turn comes -----------------------------------------------------------------------------

  logic [12:0] turn_len;
  logic        copy, dead, comes, reads;

  assign copy  = turn_i.job.op == JobCopy;
  // A job does not end while a wake is owed to it.
  assign dead  = answer_i.kind == AnswerFault ||
                 (failed_i[turn_i.job.id] && answer_i.kind != AnswerWait);
  assign comes = dead || answer_i.kind == AnswerHit;
  assign reads = copy && !dead;

  always_comb begin
    turn_len = PageBytes - 13'(turn_i.job.dst[11:0]);
    if (copy && turn_i.job.src[11:0] > turn_i.job.dst[11:0]) begin
      turn_len = PageBytes - 13'(turn_i.job.src[11:0]);
    end
    if (turn_i.job.len < 32'(turn_len)) turn_len = turn_i.job.len[12:0];
  end

  assign load         = turn_valid_i && comes && (!cur_valid_q || leaves) &&
                        (!reads || ask_ready_i);
  assign turn_ready_o = comes ? load : back_ready_i && !rest_goes && !wait_o;
  assign ask_o        = turn_valid_i && comes && (!cur_valid_q || leaves) && reads;
  assign ask_adi_o    = turn_i.job.tenant.adi;

  always_comb begin
    turn = '0;
    if (load) begin
      turn = '{
        job:   turn_i,
        left:  turn_len,
        dead:  dead,
        src:   answer_i.first,
        dst:   answer_i.last,
        epoch: answer_i.epoch
      };
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

  dma_job_t         job;
  logic             cur_copy, ends;
  logic [3:0]       window_log2;
  logic [LenW-1:0]  window, to_dst, len;
  logic [SlotW-1:0] chunks;

  assign job      = cur_q.job.job;
  assign cur_copy = job.op == JobCopy;

  always_comb begin
    unique case (mrrs_i)
      3'd0:    window_log2 = 4'd7;
      3'd1:    window_log2 = 4'd8;
      default: window_log2 = 4'd9;
    endcase
    // The read for a whole window of unaligned bytes would have one DW too many.
    if (!cur_copy) window_log2 = 4'(PosW);
    else if (job.src[1:0] != job.dst[1:0]) window_log2 = window_log2 - 1'b1;
    window = LenW'(1) << window_log2;
    to_dst = window - ({1'b0, job.dst[PosW-1:0]} & (window - 1'b1));
    len    = cur_q.left < 13'(to_dst) ? cur_q.left[LenW-1:0] : to_dst;
  end

  // What the turn needs if it is cut whole.
  always_comb begin
    chunks = '0;
    if (cur_valid_q && !given_q) begin
      chunks = SlotW'((cur_q.left - 13'(len) + 13'(window) - 1'b1) >> window_log2) + 1'b1;
    end
  end

  assign take_o       = cur_valid_q && !given_q && quota_i != '0;
  assign take_count_o = quota_i < chunks ? quota_i : chunks;
  assign wait_o       = cur_valid_q && !given_q && quota_i == '0 && back_ready_i;
  assign wait_soon_o  = cur_q.job.used != '0;
  assign quota        = given_q ? quota_q : take_count_o;

  // The last chunk, of the turn and of the slots given.
  assign ends = cur_q.dead || cur_q.left == 13'(len) || quota == SlotW'(1);
  assign rest = ends && !cur_q.dead && job.len != 32'(len);

  assign chunk_valid_o = cur_valid_q && (given_q || take_o) && (!rest || back_ready_i);
  assign chunk_last_o  = cur_q.dead || job.len == 32'(len);
  assign chunk_kind_o  = cur_q.dead ? ChunkAbort : cur_copy ? ChunkRead : ChunkFill;

  function automatic logic [63:0] placed(logic [63:0] addr, place_t place);
    return {place.translated ? place.page : addr[63:12], addr[11:0]};
  endfunction

  always_comb begin
    chunk_o  = '0;
    source_o = '0;
    if (chunk_valid_o) begin
      chunk_o = '{
        job:        job.id,
        tenant:     job.tenant,
        kind:       chunk_kind_o,
        strict:     job.strict,
        tc:         job.tc_dst,
        translated: cur_q.dst.translated,
        epoch:      cur_q.epoch,
        pattern:    {job.pattern_hi, job.src},
        dst:        placed(job.dst, cur_q.dst),
        len:        len,
        skew:       cur_copy ? {2'b00, job.src[1:0]} : cur_q.job.offset[3:0],
        offset:     cur_q.job.offset
      };
      source_o = '{
        tenant:     job.tenant,
        tc:         job.tc_src,
        translated: cur_q.src.translated,
        addr:       placed(job.src, cur_q.src),
        len:        len
      };
    end
  end

  assign taken  = chunk_valid_o && chunk_ready_i;
  assign leaves = (taken && ends) || wait_o;

  // --- what goes back ---------------------------------------------------------------------------

  progress_t after;

  always_comb begin
    after = '0;
    if (taken) begin
      after = cur_q.job;
      if (cur_copy) after.job.src = job.src + 64'(len);
      after.job.dst = job.dst + 64'(len);
      after.job.len = job.len - 32'(len);
      after.offset  = cur_q.job.offset + 32'(len);
      after.used    = cur_q.job.used + 13'(len);
      if (rest && after.used >= PageBytes) after.used = '0;
    end
  end

  assign rest_goes    = taken && rest;
  assign back_valid_o = rest_goes || wait_o || (turn_valid_i && !comes);
  assign back_write_o = rest_goes;
  assign back_soon_o  = rest_goes && after.used != '0;

  always_comb begin
    back_o       = '0;
    back_wakes_o = '0;
    if (rest_goes) begin
      back_o = after;
    end else if (wait_o) begin
      back_o       = cur_q.job;
      back_wakes_o = 2'd1;
    end else if (back_valid_o) begin
      back_o = turn_i;
      if (answer_i.kind == AnswerWait) back_wakes_o = answer_i.waits;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) cur_valid_q <= 1'b0;
    else if (load) cur_valid_q <= 1'b1;
    else if (leaves) cur_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      cur_q   <= turn;
      given_q <= !reads;
      quota_q <= '1;  // of no meaning to what does not read
    end else if (cur_valid_q) begin
      if (take_o) given_q <= 1'b1;
      quota_q <= quota - SlotW'(taken);
      if (taken) begin
        cur_q.job  <= after;
        cur_q.left <= cur_q.left - 13'(len);
      end
    end
  end

  assign epoch_busy_o = {cur_valid_q && cur_q.epoch, cur_valid_q && !cur_q.epoch};
  assign busy_o       = cur_valid_q;

  // --- rules ------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (turn_valid_i) begin
        TurnIsNotEmpty_A : assert (turn_i.job.len != '0) else $error("turn of no bytes");
      end
      if (cur_valid_q && !cur_q.dead) begin
        TurnWithinPages_A : assert (
            14'(job.dst[11:0]) + 14'(cur_q.left) <= 14'(PageBytes) &&
            (!cur_copy || 14'(job.src[11:0]) + 14'(cur_q.left) <= 14'(PageBytes)))
          else $error("turn crosses a page");
      end
    end
  end

endmodule
