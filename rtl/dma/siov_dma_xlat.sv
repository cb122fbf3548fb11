// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Has the operands of an item translated, one or two look-ups each, and gives the item on with the
/// answer. Items keep their order; up to Depth of them wait for answers, so that hits cost no
/// throughput: one item every two clocks with two look-ups, every clock with one. Without ATS an
/// item passes in the same clock.
module siov_dma_xlat import siov_pkg::*, siov_dma_pkg::*; #(
  parameter type item_t = logic [31:0],
  parameter int unsigned Depth = 4
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       ats_en_i,

  input  logic       in_valid_i,
  output logic       in_ready_o,
  input  item_t      in_i,
  /// There is a first operand; there always is a last.
  input  logic       two_i,
  input  lookup_t    first_i,
  input  lookup_t    last_i,

  /// The answer comes 2 clocks after acceptance.
  output logic       lk_valid_o,
  input  logic       lk_ready_i,
  output lookup_t    lk_o,
  input  lookup_rsp_t lk_rsp_i,

  output logic       out_valid_o,
  input  logic       out_ready_i,
  output item_t      out_o,
  output answer_t    answer_o,

  /// Epoch of what passes without a look-up.
  input  logic       epoch_i,
  /// Hits of this epoch wait here. From the clock after the last answer on.
  output logic [1:0] epoch_busy_o,
  /// An item waits for its answer.
  output logic       busy_o
);

  // --- ask --------------------------------------------------------------------------------------

  typedef struct packed {
    logic valid;
    logic two;
    logic last;
  } asked_t;

  logic       ask, first, asked, room, half_q, item_valid;
  asked_t     asked_q, answered_q;
  item_t      item;

  assign ask        = ats_en_i || half_q;  // what has begun is ended
  assign first      = two_i && !half_q;
  assign lk_valid_o = in_valid_i && ask && room;
  assign lk_o       = first ? first_i : last_i;
  assign asked      = lk_valid_o && lk_ready_i;
  assign in_ready_o = ask ? asked && !first : !item_valid && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      half_q           <= 1'b0;
      asked_q.valid    <= 1'b0;
      answered_q.valid <= 1'b0;
    end else begin
      if (asked) half_q <= first;
      asked_q.valid    <= asked;
      answered_q.valid <= asked_q.valid;
    end
    asked_q.two     <= two_i;
    asked_q.last    <= !first;
    answered_q.two  <= asked_q.two;
    answered_q.last <= asked_q.last;
  end

  siov_fifo #(.data_t(item_t), .Depth(Depth)) u_items (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (asked && !first),
    .ready_o (room),
    .data_i  (in_i),
    .valid_o (item_valid),
    .ready_i (out_valid_o && out_ready_i),
    .data_o  (item),
    .count_o ()
  );

  // --- answers ----------------------------------------------------------------------------------

  lookup_rsp_t first_rsp_q, first_rsp;
  answer_t     answer, answer_head;
  logic        answered, answer_valid, answers_ready, first_held_q, hit_in, hit_out;

  assign answered  = answered_q.valid && answered_q.last;
  assign first_rsp = answered_q.two ? first_rsp_q : lk_rsp_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) first_held_q <= 1'b0;
    else if (answered_q.valid) first_held_q <= !answered_q.last && lk_rsp_i.kind == XlatHit;
    if (answered_q.valid && !answered_q.last) first_rsp_q <= lk_rsp_i;
  end

  always_comb begin
    answer = '0;
    if (answered) begin
      answer = '{
        kind:    AnswerHit,
        epoch:   lk_rsp_i.epoch,
        waits:   2'(lk_rsp_i.kind == XlatWait) +
                 2'(answered_q.two && first_rsp_q.kind == XlatWait),
        first:   '{translated: !first_rsp.untranslated, page: first_rsp.page},
        last:    '{translated: !lk_rsp_i.untranslated, page: lk_rsp_i.page},
        in_last: !answered_q.two || first_rsp_q.kind != XlatFault,
        status:  first_rsp.kind == XlatFault ? first_rsp.status : lk_rsp_i.status
      };
      if (answer.waits != '0) answer.kind = AnswerWait;
      else if (first_rsp.kind == XlatFault || lk_rsp_i.kind == XlatFault) answer.kind = AnswerFault;
      else if (first_rsp.epoch != lk_rsp_i.epoch) answer.kind = AnswerAgain;
    end
  end

  siov_fifo #(.data_t(answer_t), .Depth(Depth)) u_answers (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (answered && (answer_valid || !out_ready_i)),
    .ready_o (answers_ready),
    .data_i  (answer),
    .valid_o (answer_valid),
    .ready_i (item_valid && out_ready_i),
    .data_o  (answer_head),
    .count_o ()
  );

  assign out_valid_o = item_valid ? answer_valid || answered : in_valid_i && !ask;
  assign out_o       = item_valid ? item : in_i;

  always_comb begin
    answer_o = answer;
    if (!item_valid) begin
      answer_o       = '0;  // AnswerHit, nothing translated
      answer_o.epoch = epoch_i;
    end else if (answer_valid) begin
      answer_o = answer_head;
    end
  end

  // --- epochs -----------------------------------------------------------------------------------

  // An answer counts if it can be used, that is, if both its look-ups were hits of one epoch. So
  // does a first hit that waits for its last.
  logic [1:0][$clog2(Depth+1)-1:0] hits_q;

  assign hit_in  = answered && answer.kind == AnswerHit;
  assign hit_out = item_valid && out_valid_o && out_ready_i && answer_o.kind == AnswerHit;

  always_ff @(posedge clk_i) begin
    for (int unsigned e = 0; e < 2; e++) begin
      if (!rst_ni) begin
        hits_q[e] <= '0;
      end else if (hit_in || hit_out) begin
        hits_q[e] <= hits_q[e] + $bits(hits_q[e])'(hit_in && answer.epoch == e[0]) -
                                 $bits(hits_q[e])'(hit_out && answer_o.epoch == e[0]);
      end
    end
  end

  assign busy_o       = item_valid;
  assign epoch_busy_o = {hits_q[1] != '0 || (first_held_q && first_rsp_q.epoch),
                         hits_q[0] != '0 || (first_held_q && !first_rsp_q.epoch)};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (answered) begin
        AnswersFit_A : assert (answers_ready) else $error("more answers than items");
      end
    end
  end

endmodule
