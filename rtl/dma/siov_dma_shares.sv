// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How many of the reads' slots each ADI may hold: at most twice as many as stay free. So one alone
/// has two thirds of them, n have 2/(2n+1) each, and however long those hold theirs, there are some
/// left for one that comes new. A turn is given slots if they are a sixteenth or more of what its ADI
/// holds, so that turns are not cut to crumbs. Else it waits in a list of its ADI's turns, one of
/// which each slot that the ADI gives back wakes if there are slots for it. A turn whose ADI holds
/// nothing, while nothing is free, waits for anybody's slot.
///
/// A row for each ADI, and one operation at a time: a read of the row, in the next clock a write.
module siov_dma_shares import siov_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  /// There are only 16 slots for reads.
  input  logic             few_tags_i,

  /// A turn that reads asks. From the next clock on it is told how many slots it may take, 0 if it
  /// must wait, until it takes some of them or waits.
  input  logic             ask_i,
  output logic             ask_ready_o,
  input  logic [AdiW-1:0]  ask_adi_i,
  output logic [SlotW-1:0] quota_o,
  input  logic             take_i,
  input  logic [SlotW-1:0] take_count_i,
  input  logic             wait_i,
  input  logic [JobW-1:0]  wait_job_i,
  /// Before the others of its ADI.
  input  logic             wait_soon_i,

  /// A slot of this ADI is free again.
  input  logic             return_valid_i,
  output logic             return_ready_o,
  input  logic [AdiW-1:0]  return_adi_i,

  /// The job's turn may ask again.
  output logic             wake_valid_o,
  input  logic             wake_ready_i,
  output logic [JobW-1:0]  wake_job_o
);

  typedef enum logic [2:0] {
    OpNone,
    OpTurn,    // a turn has asked
    OpReturn,  // a slot has come back
    OpDrain,   // as no slot will come back, the next in the list is woken, too
    OpNext     // the head of the list has been woken: its successor is the head
  } op_e;

  typedef struct packed {
    logic [SlotW-1:0] held;  // if `known_q`
    logic [JobW-1:0]  head;  // this and `tail`: if `waiting_q`
    logic [JobW-1:0]  tail;
  } row_t;

  op_e                op_q, op_d;
  logic [AdiW-1:0]    adi_q;
  logic [MaxAdis-1:0] known_q, waiting_q;
  logic [SlotW-1:0]   used_q, free, held;
  row_t               row, row_d;
  logic               less_q, less, done, goes, again, read, write;
  logic               lone, append, link, wake, last, lone_valid, lone_wake;
  logic [JobW-1:0]    next, lone_job;

  /// With s slots more, `mine` + s <= 2 * (`unused` - s).
  function automatic logic [SlotW-1:0] share(logic [SlotW-1:0] mine, logic [SlotW-1:0] unused);
    logic [SlotW:0] twice = {unused, 1'b0};
    share = twice > {1'b0, mine} ? SlotW'((twice - {1'b0, mine}) >> 2) : '0;
    if ({share, 4'd0} < {4'd0, mine}) share = '0;
  endfunction

  // --- the operation at its row -----------------------------------------------------------------

  assign less = op_q == OpReturn || (op_q == OpNext && less_q);
  assign free = (few_tags_i ? SlotW'(16) : SlotW'(NumReads)) - used_q +
                SlotW'(op_q == OpReturn);

  always_comb begin
    held    = '0;
    wake    = 1'b0;
    quota_o = '0;
    if (op_q != OpNone && known_q[adi_q]) held = row.held - SlotW'(less);
    if (op_q == OpTurn) quota_o = share(held, free);
    if (op_q == OpReturn || op_q == OpDrain) begin
      wake = waiting_q[adi_q] && (held == '0 || share(held, free) != '0);
    end
  end

  assign lone   = wait_i && held == '0;  // no slot of its own will come back
  assign append = wait_i && !lone;
  assign link   = append && waiting_q[adi_q];
  assign last   = row.head == row.tail;

  always_comb begin
    row_d      = row;
    row_d.held = take_i ? held + take_count_i : held;
    if (append && !(link && wait_soon_i)) row_d.tail = wait_job_i;
    if (append && !(link && !wait_soon_i)) row_d.head = wait_job_i;
    if (op_q == OpNext) row_d.head = next;
  end

  // --- what comes next --------------------------------------------------------------------------

  always_comb begin
    goes = 1'b0;  // on to OpNext
    done = 1'b0;
    unique case (op_q)
      OpTurn: done = take_i || wait_i;
      OpReturn, OpDrain: begin
        goes = wake && wake_ready_i && !last;
        done = !wake || (wake_ready_i && last);
      end
      OpNext:  done = held != '0;
      default: done = 1'b1;
    endcase
  end

  assign again          = op_q == OpNext && !done;
  assign ask_ready_o    = done;
  assign return_ready_o = done && !ask_i;
  assign read           = again || (done && (ask_i || return_valid_i));
  assign write          = (done && op_q != OpNone && !lone) || again;

  always_comb begin
    op_d = op_q;
    if (goes) op_d = OpNext;
    else if (again) op_d = OpDrain;
    else if (done) op_d = ask_i ? OpTurn : return_valid_i ? OpReturn : OpNone;
  end

  logic [AdiW-1:0] read_adi;
  assign read_adi = again ? adi_q : ask_i ? ask_adi_i : return_adi_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      op_q      <= OpNone;
      known_q   <= '0;
      waiting_q <= '0;
      used_q    <= '0;
    end else begin
      op_q <= op_d;
      if (take_i) begin
        known_q[adi_q] <= 1'b1;
        used_q         <= used_q + take_count_i;
      end
      if (op_q == OpReturn && (done || goes)) used_q <= used_q - 1'b1;
      if (append) waiting_q[adi_q] <= 1'b1;
      if (wake && done) waiting_q[adi_q] <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (read) adi_q <= read_adi;
    if (goes) less_q <= less;
  end

  siov_ram_1r1w #(.Width($bits(row_t)), .Depth(MaxAdis)) u_rows (
    .clk_i   (clk_i),
    .we_i    (write),
    .waddr_i (adi_q),
    .wdata_i (row_d),
    .re_i    (read),
    .raddr_i (read_adi),
    .rdata_o (row)
  );

  // --- who waits --------------------------------------------------------------------------------

  siov_ram_1r1w #(.Width(JobW), .Depth(NumJobs)) u_next (
    .clk_i   (clk_i),
    .we_i    (link),
    .waddr_i (wait_soon_i ? wait_job_i : row.tail),
    .wdata_i (wait_soon_i ? row.head : wait_job_i),
    .re_i    (goes),
    .raddr_i (row.head),
    .rdata_o (next)
  );

  siov_fifo #(.data_t(logic [JobW-1:0]), .Depth(NumJobs)) u_lone (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (lone),
    .ready_o (),
    .data_i  (wait_job_i),
    .valid_o (lone_valid),
    .ready_i (lone_wake && wake_ready_i),
    .data_o  (lone_job),
    .count_o ()
  );

  assign lone_wake    = lone_valid && !wake && share('0, free) != '0;
  assign wake_valid_o = wake || lone_wake;
  assign wake_job_o   = wake ? row.head : lone_job;

  // --- rules ------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (take_i) begin
        SharesFit_A : assert (take_count_i <= quota_o && !wait_i)
          else $error("more slots taken than given");
      end
      if (op_q == OpReturn) begin
        ReturnIsHeld_A : assert (row.held != '0)
          else $error("ADI %0d gives back what it has not", adi_q);
      end
    end
  end

endmodule
