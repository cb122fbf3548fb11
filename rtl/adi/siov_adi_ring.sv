// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The rings of all WQs: where each begins, how full it is, and how many of its descriptors are
/// being worked on. One row of RAM per WQ, read in the clock of an operation and written in the
/// next, in which its answer is out. One operation a clock, on the same or another WQ; each sees
/// the row as the one before left it.
///
/// Sizes need not be powers of two. A ring that has run empty starts again at its first entry, so
/// that a new base and size (DSA Table 9-7: only while disabled, hence empty) need no clean-up.
///
/// A drain is about what was accepted before it, and must end even if more comes all the time. So a
/// WQ can be marked: what is in it then is counted apart. A descriptor leaves with its era, a bit
/// that flips at each mark, and retires with it.
module siov_adi_ring import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  // Operation, at most one of the five
  input  logic            clear_i,     ///< every row once after reset, before anything else
  input  logic            push_i,
  input  logic            pop_i,       ///< the WQ is known to be poppable
  input  logic            retire_i,
  input  logic            retire_era_i,
  input  logic            stat_i,
  input  logic            mark_i,      ///< with `stat_i`; not while `older_o` of the WQ is high
  input  logic [AdiW-1:0] adi_i,

  // The WQ's control fields, one clock later, together with the answer
  input  logic            accept_i,    ///< the WQ takes what the portal was given
  input  logic [EntW-1:0] base_i,
  input  logic [EntW:0]   size_i,
  input  logic [EntW:0]   limit_i,     ///< entries that this push may fill, at most the size

  // Answer, at most one of the five; none to a clear, or to a push that the WQ does not take
  output logic            pushed_o,
  output logic            overflow_o,  ///< not pushed, because the WQ is full to its limit
  output logic            popped_o,
  output logic            retired_o,
  output logic            stat_o,
  output logic [AdiW-1:0] adi_o,
  output logic [EntW-1:0] entry_o,     ///< the entry pushed to or popped from
  output logic [EntW:0]   occupancy_o, ///< after the operation
  output logic [15:0]     inflight_o,  ///< after the operation
  output logic            era_o,       ///< of the descriptor popped
  output logic            older_o,     ///< not all from before the last mark has retired
  /// The WQ may be popped after the operation: it is not empty, and has not more than its share of
  /// descriptors in flight.
  output logic            poppable_o,
  /// That is so now, and has not been said since it was not.
  output logic            wakes_o
);

  localparam int unsigned InflightW = $clog2(JobsPerAdi + 1);

  typedef struct packed {
    logic [EntW-1:0]      head;
    logic [EntW:0]        occupancy;
    logic [InflightW-1:0] inflight;
    logic                 told;       // the last answer was that it may be popped
    logic                 era;
    // from before the last mark
    logic [EntW:0]        old_queued;
    logic [InflightW-1:0] old_inflight;
  } row_t;

  logic push_q, pop_q, retire_q, retire_era_q, stat_q, mark_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      push_q   <= 1'b0;
      pop_q    <= 1'b0;
      retire_q <= 1'b0;
      stat_q   <= 1'b0;
    end else begin
      push_q   <= push_i;
      pop_q    <= pop_i;
      retire_q <= retire_i;
      stat_q   <= stat_i;
    end
    adi_o        <= adi_i;
    retire_era_q <= retire_era_i;
    mark_q       <= mark_i;
  end

  row_t row, row_d;
  logic full, marks, pops_old, retires_old;
  logic [EntW-1:0] head, tail;

  assign full = row.occupancy >= limit_i;
  assign head = row.occupancy == '0 ? '0 : row.head;

  // Of a ring that is not full the sum is less than twice the size: subtracting it once is enough.
  always_comb begin
    logic [EntW+1:0] sum;
    sum  = (EntW + 2)'(head) + (EntW + 2)'(row.occupancy);
    tail = EntW'(sum >= (EntW + 2)'(size_i) ? sum - (EntW + 2)'(size_i) : sum);
  end

  assign pushed_o   = push_q && accept_i && !full;
  assign overflow_o = push_q && accept_i && full;
  assign popped_o   = pop_q;
  assign retired_o  = retire_q;
  assign stat_o     = stat_q;

  always_comb begin
    row_d = row;
    if (pushed_o) begin
      row_d.head      = head;
      row_d.occupancy = row.occupancy + 1'b1;
    end
    if (pop_q) begin
      row_d.head      = (EntW + 1)'(row.head) + 1'b1 == size_i ? '0 : row.head + 1'b1;
      row_d.occupancy = row.occupancy - 1'b1;
      row_d.inflight  = row.inflight + 1'b1;
    end
    if (pops_old) begin
      row_d.old_queued   = row.old_queued - 1'b1;
      row_d.old_inflight = row.old_inflight + 1'b1;
    end
    if (retire_q) row_d.inflight = row.inflight - 1'b1;
    if (retires_old) row_d.old_inflight = row.old_inflight - 1'b1;
    if (marks) begin
      row_d.era          = !row.era;
      row_d.old_queued   = row.occupancy;
      row_d.old_inflight = row.inflight;
    end
  end

  assign marks       = stat_q && mark_q;
  assign pops_old    = pop_q && row.old_queued != '0;
  assign retires_old = retire_q && retire_era_q != row.era;

  assign entry_o     = base_i + (pop_q ? row.head : tail);
  assign occupancy_o = row_d.occupancy;
  assign inflight_o  = 16'(row_d.inflight);
  assign era_o       = row.era ^ pops_old;
  assign older_o     = row_d.old_queued != '0 || row_d.old_inflight != '0;

  // Shares: of the jobs that nobody has or has been told to take, half if they are many, else a
  // quarter or an eighth. So however many WQs have jobs that never end, some are left to the others.
  // A WQ that has none in flight is never held back, as it would not hear of a job that ends; any
  // other looks again when one of its own ends.
  logic [JobW:0]        jobs_q;  // in flight, of all WQs
  logic [AdiW:0]        told_q;  // WQs that may be popped once more
  logic [AdiW+1:0]      taken;
  logic [JobW:0]        unused, part;
  logic [InflightW-1:0] share;
  row_t                 row_new;
  logic                 row_we;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      jobs_q <= '0;
      told_q <= '0;
    end else begin
      if (pop_q) jobs_q <= jobs_q + 1'b1;
      else if (retire_q) jobs_q <= jobs_q - 1'b1;
      if (row_we) told_q <= told_q + (AdiW + 1)'(row_new.told) - (AdiW + 1)'(row.told);
    end
  end

  assign taken = (AdiW + 2)'(jobs_q) + (AdiW + 2)'(told_q);

  always_comb begin
    unused = taken < (AdiW + 2)'(NumJobs) ? (JobW + 1)'((AdiW + 2)'(NumJobs) - taken) : '0;
    if (unused > (JobW + 1)'(NumJobs / 2)) part = unused >> 1;
    else if (unused > (JobW + 1)'(NumJobs / 4)) part = unused >> 2;
    else part = unused >> 3;
    share = part < (JobW + 1)'(JobsPerAdi) ? InflightW'(part) : InflightW'(JobsPerAdi);
    if (share == '0) share = InflightW'(1);
  end

  assign poppable_o = row_d.occupancy != '0 && row_d.inflight < share;
  assign wakes_o    = (pushed_o || retire_q) && poppable_o && !row.told;

  always_comb begin
    row_new      = row_d;
    row_new.told = pop_q ? poppable_o : row.told || wakes_o;
  end

  assign row_we = pushed_o || pop_q || retire_q || marks;

  siov_ram_1r1w #(
    .Width ($bits(row_t)),
    .Depth (MaxAdis)
  ) u_rows (
    .clk_i   (clk_i),
    .we_i    (clear_i || row_we),
    .waddr_i (clear_i ? adi_i : adi_o),
    .wdata_i (clear_i ? '0 : row_new),
    .re_i    (push_i || pop_i || retire_i || stat_i),
    .raddr_i (adi_i),
    .rdata_o (row)
  );

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      OneOperation_A : assert ($onehot0({clear_i, push_i, pop_i, retire_i, stat_i}))
        else $error("two operations in one clock");
      if (pop_q) begin
        PopPoppable_A : assert (row.told && row.occupancy != '0)
          else $error("WQ %0d popped that may not be", adi_o);
      end
      if (retire_q) begin
        RetireInFlight_A : assert (row.inflight != '0)
          else $error("WQ %0d retires more than was popped", adi_o);
      end
      if (retires_old) begin
        RetireOldInFlight_A : assert (row.old_inflight != '0)
          else $error("WQ %0d retires more from before its mark than was in flight", adi_o);
      end
      if (marks) begin
        MarkAfterOlder_A : assert (row.old_queued == '0 && row.old_inflight == '0)
          else $error("WQ %0d marked while something is left from before its last mark", adi_o);
      end
      if (pushed_o || pop_q) begin
        OccupancyWithinSize_A : assert (occupancy_o <= size_i)
          else $error("WQ %0d holds more than its size", adi_o);
        HeadWithinSize_A : assert ((EntW + 1)'(row_d.head) < size_i)
          else $error("head of WQ %0d beyond its size", adi_o);
      end
    end
  end

endmodule
