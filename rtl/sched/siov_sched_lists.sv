// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Linked lists of WQs, all in one RAM of next pointers: a WQ is in one list at most, so one
/// pointer each is enough. Append and take may come in the same clock, also on the same list; a
/// list may be taken from every second clock.
module siov_sched_lists import siov_pkg::*; #(
  parameter int unsigned NumLists = 2,
  localparam int unsigned ListW = $clog2(NumLists)
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,

  /// Put this WQ at the tail. It is the head from the next clock on if the list was empty.
  input  logic                          append_i,
  input  logic [ListW-1:0]              append_list_i,
  input  logic [AdiW-1:0]               append_adi_i,

  /// Remove the head. `some_o` is true again in the next clock, `head_o` in the one after that.
  input  logic                          take_i,
  input  logic [ListW-1:0]              take_list_i,

  output logic [NumLists-1:0]           some_o,
  output logic [NumLists-1:0][AdiW-1:0] head_o
);

  logic [NumLists-1:0]           some_q;
  logic [NumLists-1:0][AdiW-1:0] head_q, tail_q;

  assign some_o = some_q;
  assign head_o = head_q;

  // A WQ appended to a list while its last member leaves is linked to that member all the same:
  // the RAM's write-first rule then hands it over as the next head.
  logic link, last;
  assign link = append_i && some_q[append_list_i];
  assign last = take_i && head_q[take_list_i] == tail_q[take_list_i] &&
                !(append_i && append_list_i == take_list_i);

  // The new head of a list that was taken from in the clock before.
  logic             next_valid_q;
  logic [ListW-1:0] next_list_q;
  logic [AdiW-1:0]  next;

  siov_ram_1r1w #(
    .Width (AdiW),
    .Depth (MaxAdis)
  ) u_next (
    .clk_i   (clk_i),
    .we_i    (link),
    .waddr_i (tail_q[append_list_i]),
    .wdata_i (append_adi_i),
    .re_i    (take_i),
    .raddr_i (head_q[take_list_i]),
    .rdata_o (next)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      some_q       <= '0;
      next_valid_q <= 1'b0;
    end else begin
      next_valid_q <= take_i && !last;
      if (last) some_q[take_list_i] <= 1'b0;
      if (append_i) some_q[append_list_i] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    next_list_q <= take_list_i;
    if (next_valid_q) head_q[next_list_q] <= next;
    if (append_i) begin
      tail_q[append_list_i] <= append_adi_i;
      if (!link) head_q[append_list_i] <= append_adi_i;
    end
  end

  // ------------------------------------------------------------------------------------------

  // Who is in a list, for the assertions only.
  logic listed_q [MaxAdis];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      listed_q <= '{default: 1'b0};
    end else begin
      if (take_i) listed_q[head_q[take_list_i]] <= 1'b0;
      if (append_i) listed_q[append_adi_i] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (append_i) begin
        InOneList_A : assert (!listed_q[append_adi_i])
          else $error("WQ %0d appended while in a list", append_adi_i);
      end
      if (take_i) begin
        TakeListed_A : assert (some_q[take_list_i] && listed_q[head_q[take_list_i]])
          else $error("taken from list %0d, which is empty", take_list_i);
      end
      if (take_i && next_valid_q) begin
        TakeSpacing_A : assert (take_list_i != next_list_q)
          else $error("list %0d taken from in two clocks running", take_list_i);
      end
    end
  end

endmodule
