// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Queue of posted writes, performed one after the other: BAR0 writes one DW at a time, portal
/// writes as a whole. So a descriptor sees the register writes that came before it, and a command
/// the descriptors. A posted write waits for nothing but the writes before it and the BAR0 read
/// that is being performed, all of which end in bounded time.
///
/// A non-posted request must not pass the posted writes before it, but they must not wait for it.
/// It leaves a mark here and waits in its own queue; when the mark comes to the front, `pass_o`
/// lets it go. The descriptor of a DMWr goes to adi/ then, whatever requests wait before it: what
/// is left to do is the completion, and adi/ answers at once, so that no posted write waits for
/// more than one further clock.
module siov_pcie_posted import siov_pkg::*, siov_pcie_pkg::*; #(
  /// Writes and marks held before reception stalls, and lines of payload: room for the largest
  /// write (512 bytes, 8 lines) behind another one.
  parameter int unsigned Depth = 16,
  parameter int unsigned Lines = 16
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  /// During FLR, writes received until its end are thrown away.
  input  logic       flr_i,

  input  logic       valid_i,
  output logic       ready_o,
  input  posted_t    posted_i,
  /// Payload: the last line with `valid_i`, or taken back by `line_drop_i`.
  input  logic       line_valid_i,
  output logic       line_ready_o,
  input  line_t      line_i,
  input  logic       line_drop_i,

  /// One more non-posted request may go: pulse. If it is a DMWr with a descriptor: adi/ has it.
  output logic       pass_o,
  output logic       pass_accepted_o,

  // BAR0
  /// No write may begin.
  input  logic       reg_hold_i,
  output logic       reg_valid_o,
  output reg_req_t   reg_o,
  input  logic       reg_rsp_valid_i,
  /// A write has begun and not ended.
  output logic       reg_active_o,

  output logic       portal_valid_o,
  input  logic       portal_ready_i,
  output portal_wr_t portal_o,
  /// What was taken in the clock before is in its queue.
  input  logic       portal_accepted_i,

  output logic       busy_o
);

  localparam int unsigned CountW = $clog2(Depth) + 1;

  logic              valid, done, drop, line_valid, line_done;
  logic [CountW-1:0] count, drop_left_q;
  posted_t           head;
  line_t             line;

  siov_fifo #(
    .data_t (posted_t),
    .Depth  (Depth)
  ) u_fifo (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (valid_i),
    .ready_o (ready_o),
    .data_i  (posted_i),
    .valid_o (valid),
    .ready_i (done),
    .data_o  (head),
    .count_o (count)
  );

  siov_commit_fifo #(
    .data_t (line_t),
    .Depth  (Lines)
  ) u_line (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .valid_i  (line_valid_i),
    .ready_o  (line_ready_o),
    .data_i   (line_i),
    .commit_i (valid_i),
    .drop_i   (line_drop_i),
    .valid_o  (line_valid),
    .ready_i  (line_done),
    .data_o   (line)
  );

  // ------------------------------------------------------------------------------------------
  // One DW of a BAR0 write

  logic [10:0] dw_q;
  logic [3:0]  be;
  logic        is_reg, access, step, last_dw;

  assign last_dw = dw_q == head.len - 11'd1;
  assign be      = dw_q == '0 ? head.first_be : last_dw ? head.last_be : 4'b1111;

  assign is_reg = valid && head.kind == PostedReg && (reg_active_o || !reg_hold_i || drop);
  assign access = be != '0 && !drop;
  assign step   = is_reg && (!access || reg_rsp_valid_i);

  assign reg_valid_o = is_reg && access;
  assign reg_o       = '{write: 1'b1, fw: 1'b0, addr: head.addr + 16'(dw_q), be: be,
                         wdata: line[dw_q[3:0]]};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reg_active_o <= 1'b0;
      dw_q         <= '0;
    end else begin
      reg_active_o <= is_reg && !(step && last_dw);
      if (step) dw_q <= last_dw ? '0 : dw_q + 1'b1;
    end
  end

  // ------------------------------------------------------------------------------------------

  // A DMWr is at the front for the clock of its answer, too. One that FLR throws away has none: it
  // was not accepted.
  logic is_mark, is_defer, answer_q;

  assign is_mark  = valid && head.kind == PostedMark;
  assign is_defer = valid && head.kind == PostedDefer;

  assign portal_valid_o = ((valid && head.kind == PostedPortal) || (is_defer && !answer_q)) &&
                          !drop;
  assign portal_o       = '{adi: head.adi, deferrable: is_defer, ims: head.ims,
                            limited: head.limited, desc: line};

  always_ff @(posedge clk_i) begin
    answer_q <= rst_ni && is_defer && portal_valid_o && portal_ready_i;
  end

  assign pass_o          = is_mark || (is_defer && (answer_q || drop));
  assign pass_accepted_o = answer_q && portal_accepted_i;

  always_comb begin
    unique case (head.kind)
      PostedReg:    done = step && last_dw;
      PostedPortal: done = valid && (portal_ready_i || drop);
      default:      done = pass_o;
    endcase
    line_done = (step && (last_dw || dw_q[3:0] == '1)) ||
                (done && head.kind inside {PostedPortal, PostedDefer});
  end

  // What was there at the end of FLR.
  assign drop = flr_i || drop_left_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      drop_left_q <= '0;
    end else if (flr_i) begin
      drop_left_q <= count + CountW'(valid_i) - CountW'(done);
    end else if (done && drop_left_q != '0) begin
      drop_left_q <= drop_left_q - 1'b1;
    end
  end

  assign busy_o = valid;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (line_done) begin
        LineBeforeWrite_A : assert (line_valid)
          else $error("posted queue: a write was performed without its payload");
      end
    end
  end

endmodule
