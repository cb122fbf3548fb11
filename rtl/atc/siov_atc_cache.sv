// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The cache of translations: a row for each ADI, and what is held for jobs. Takes an operation a
/// clock, reads in that clock, decides and writes in the next; answers and wakes come in the one
/// after. As an operation sees all writes of those before it, no two can meet.
module siov_atc_cache import siov_pkg::*, siov_atc_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// ATS is disabled: lookups are told to use the address as it is.
  input  logic            off_i,
  input  logic            op_valid_i,
  input  op_t             op_i,
  /// Which range OpSweep invalidates. Stays until the clock after its last row.
  input  inv_t            inv_i,
  /// Lookups accepted now belong to this epoch.
  input  logic            epoch_i,
  input  logic            forget_i,
  input  logic [JobW-1:0] forget_job_i,
  input  logic            forget_all_i,

  output logic            rsp_valid_o,
  output lookup_rsp_t     rsp_o,
  output logic            wake_valid_o,
  output logic [JobW-1:0] wake_job_o,
  output operand_e        wake_operand_o,

  // in the clock after the operation: what it waits for
  output logic            ask_o,      // OpAsk: not found
  output logic            requeue_o,  // OpLookup, OpRequeue
  output logic            block_o,    // OpBlock
  output miss_t           miss_o,

  /// Traffic classes of the writes that were given a translation since ATS was enabled.
  output logic [7:0]      tcs_o
);

  // --- decide -----------------------------------------------------------------------------------

  logic  valid_q, epoch_q, off_q;
  op_t   op_q;
  row_t  row, row_new;
  logic  row_we, is_lookup, is_held, found, hit, untranslated;
  page_t page;
  held_t held, answer;
  logic  held_valid, keep;

  assign is_lookup = valid_q && op_q.op == OpLookup;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= op_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (op_valid_i) begin
      op_q    <= op_i;
      epoch_q <= epoch_i;
      off_q   <= off_i;
    end
  end

  siov_ram_1r1w #(.Width($bits(row_t)), .Depth(MaxAdis)) u_rows (
    .clk_i   (clk_i),
    .we_i    (row_we),
    .waddr_i (op_q.miss.lk.tenant.adi),
    .wdata_i (row_new),
    .re_i    (op_valid_i),
    .raddr_i (op_i.miss.lk.tenant.adi),
    .rdata_o (row)
  );

  siov_atc_ways u_ways (
    .valid_i        (valid_q),
    .op_i           (op_q.op),
    .row_i          (row),
    .lk_i           (op_q.miss.lk),
    .fill_i         (op_q.xlat),
    .inv_i          (inv_i),
    .hit_o          (found),
    .page_o         (page),
    .untranslated_o (untranslated),
    .we_o           (row_we),
    .row_o          (row_new)
  );

  siov_atc_held u_held (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .we_i         (keep),
    .wjob_i       (op_q.miss.lk.job),
    .woperand_i   (op_q.miss.lk.operand),
    .wdata_i      (answer),
    .re_i         (op_valid_i && op_i.op == OpLookup),
    .rjob_i       (op_i.miss.lk.job),
    .roperand_i   (op_i.miss.lk.operand),
    .held_o       (held_valid),
    .rdata_o      (held),
    .forget_i     (forget_i),
    .forget_job_i (forget_job_i),
    .clear_i      (forget_all_i)
  );

  assign is_held = is_lookup && held_valid && held.asked == op_q.miss.lk.page;
  assign hit     = is_held || found || off_q;

  always_comb begin
    answer = '{asked: op_q.miss.lk.page, fault: 1'b0, status: '0, page: page, u: untranslated};
    unique case (op_q.op)
      OpLookup: begin
        if (off_q) begin
          answer.page = op_q.miss.lk.page;
          answer.u    = 1'b1;
        end else if (is_held) begin
          answer = held;
        end
      end
      OpFill: begin
        answer.page = join_page(op_q.xlat.page, op_q.miss.lk.page, size_mask(op_q.xlat.size));
        answer.u    = op_q.xlat.u;
      end
      OpFault: begin
        answer.fault  = 1'b1;
        answer.status = op_q.status;
      end
      default: ;
    endcase
  end

  assign keep = valid_q && (op_q.op == OpFill || op_q.op == OpFault ||
                            (op_q.op == OpAsk && found));

  assign ask_o     = valid_q && op_q.op == OpAsk && !found;
  assign requeue_o = (is_lookup && !hit) || (valid_q && op_q.op == OpRequeue);
  assign block_o   = valid_q && op_q.op == OpBlock;
  assign miss_o    = op_q.miss;

  // --- answer -----------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rsp_valid_o  <= 1'b0;
      wake_valid_o <= 1'b0;
    end else begin
      rsp_valid_o  <= is_lookup;
      wake_valid_o <= keep;
    end
  end

  always_ff @(posedge clk_i) begin
    if (is_lookup) begin
      rsp_o <= '{
        kind:         !hit ? XlatWait : answer.fault ? XlatFault : XlatHit,
        page:         answer.page,
        untranslated: answer.u,
        status:       answer.status,
        epoch:        epoch_q
      };
    end
    if (keep) begin
      wake_job_o     <= op_q.miss.lk.job;
      wake_operand_o <= op_q.miss.lk.operand;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || off_i) begin
      tcs_o <= '0;
    end else if (is_lookup && hit && op_q.miss.lk.write && !answer.fault && !answer.u) begin
      tcs_o[op_q.miss.lk.tc] <= 1'b1;
    end
  end

  // --- rules ------------------------------------------------------------------------------------

  // Who waits, for the assertions only.
  logic waits_q [NumWaiters];
  logic waits;
  assign waits = waits_q[{op_q.miss.lk.job, op_q.miss.lk.operand}];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      waits_q <= '{default: 1'b0};
    end else begin
      if (is_lookup && !hit) waits_q[{op_q.miss.lk.job, op_q.miss.lk.operand}] <= 1'b1;
      if (keep) waits_q[{op_q.miss.lk.job, op_q.miss.lk.operand}] <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && is_lookup) begin
      WaitsForOneThing_A : assert (!waits)
        else $error("job %0d looks up while it waits", op_q.miss.lk.job);
    end
    if (rst_ni && keep) begin
      WakeIsOwed_A : assert (waits) else $error("job %0d is woken twice", op_q.miss.lk.job);
    end
  end

endmodule
