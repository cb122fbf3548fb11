// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The ADI room: portals, queues, and the identity of every descriptor.
///
/// Push (portal), pop (sched/), retire (engine/) and status reads (firmware) are operations on one
/// row of RAM per WQ. One operation starts a clock: retire before pop before status before push. A
/// status read goes before portal writes so that no tenant can hold up a drain by flooding its
/// portal; firmware asks too seldom to hold up a portal in turn.
///
/// A dedicated WQ takes posted writes: one to a full WQ is dropped and reported as software error
/// 53h. A shared WQ takes deferrable ones, whose senders learn from `portal_accepted_o` whether to
/// try again. Anything else is dropped. Portal write to `wake_*_o` and `portal_accepted_o` takes 1
/// clock, pop to `work_o` 2.
module siov_adi import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// Rows are being cleared after reset; nothing else may be asked meanwhile. Portal writes are
  /// taken and dropped, as no WQ is enabled yet.
  output logic            init_o,

  input  logic            portal_valid_i,
  output logic            portal_ready_o,
  input  portal_wr_t      portal_i,
  /// The portal write taken in the clock before is in its queue.
  output logic            portal_accepted_o,

  /// Control row, written by firmware. Takes effect for portal writes taken in the same clock and
  /// later.
  input  logic            ctl_we_i,
  input  logic [AdiW-1:0] ctl_adi_i,
  input  wq_ctl_t         ctl_i,

  /// Threshold of a WQ (DSA 9.2.24), as software writes it, at any time. Takes effect like a
  /// control row.
  input  logic            thr_we_i,
  input  logic [AdiW-1:0] thr_adi_i,
  input  logic [15:0]     thr_i,

  /// Occupancy and in-flight count (popped, not retired) of one WQ, for registers and drains:
  /// pulse, answer 2 or more clocks later. One at a time. `stat_mark_i` marks the WQ, from then on
  /// `stat_older_o` tells whether something accepted before has not retired.
  input  logic            stat_valid_i,
  input  logic            stat_mark_i,
  input  logic [AdiW-1:0] stat_adi_i,
  output logic            stat_rsp_valid_o,
  output logic [EntW:0]   stat_occupancy_o,
  output logic [15:0]     stat_inflight_o,
  output logic            stat_older_o,

  /// The WQ may be popped: it has got its first descriptor, or has fallen below its share of
  /// descriptors in flight. Never in one clock with `popped`.
  output logic            wake_valid_o,
  output logic [AdiW-1:0] wake_adi_o,
  output logic [GrpW-1:0] wake_group_o,
  output logic [3:0]      wake_prio_o,

  /// Pop one descriptor of this WQ; it is known to be poppable.
  input  logic            pop_valid_i,
  output logic            pop_ready_o,
  input  logic [AdiW-1:0] pop_adi_i,
  /// Answer to each pop, one clock later: may it be popped again?
  output logic            popped_valid_o,
  output logic [AdiW-1:0] popped_adi_o,
  output logic            popped_more_o,
  output logic [GrpW-1:0] popped_group_o,
  output logic [3:0]      popped_prio_o,

  output logic            work_valid_o,
  input  logic            work_ready_i,
  output work_t           work_o,

  /// A descriptor of this WQ has ended altogether (record and interrupt sent). Never stalled.
  input  logic            retire_valid_i,
  input  logic [AdiW-1:0] retire_adi_i,
  input  logic            retire_era_i,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  /// Descriptors accepted and not retired in the whole device.
  output logic [15:0]     inflight_o,
  /// A portal write is being decided on, or an answer or a report is due.
  output logic            busy_o
);

  logic clk;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (portal_valid_i || pop_valid_i || retire_valid_i || ctl_we_i || thr_we_i ||
              stat_valid_i || work_valid_o || busy_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  localparam logic [7:0] ErrorWqFull = 8'h53;  // descriptor to a full dedicated WQ (DSA 5.3)

  // ------------------------------------------------------------------------------------------
  // One operation a clock

  logic push, pop, retire, stat;
  logic [AdiW-1:0] op_adi;
  logic [AdiW:0]   clear_q;  // rows cleared since reset
  logic stat_wait_q, stat_mark_q;
  logic [AdiW-1:0] stat_adi_q;
  logic work_room;

  assign init_o = !clear_q[AdiW];
  assign retire = retire_valid_i;
  assign pop    = pop_valid_i && pop_ready_o;
  assign stat   = stat_wait_q && !retire && !pop;
  assign push   = portal_valid_i && portal_ready_o && !init_o;

  assign pop_ready_o    = !retire && work_room && !init_o;
  assign portal_ready_o = init_o || !(retire || pop || stat);

  always_comb begin
    if (init_o)      op_adi = clear_q[AdiW-1:0];
    else if (retire) op_adi = retire_adi_i;
    else if (pop)    op_adi = pop_adi_i;
    else if (stat)   op_adi = stat_adi_q;
    else             op_adi = portal_i.adi;
  end

  always_ff @(posedge clk) begin
    if (!rst_ni) clear_q <= '0;
    else if (init_o) clear_q <= clear_q + 1'b1;
  end

  always_ff @(posedge clk) begin
    if (!rst_ni) stat_wait_q <= 1'b0;
    else if (stat_valid_i) stat_wait_q <= 1'b1;
    else if (stat) stat_wait_q <= 1'b0;
    if (stat_valid_i) {stat_adi_q, stat_mark_q} <= {stat_adi_i, stat_mark_i};
  end

  // ------------------------------------------------------------------------------------------
  // Rows: what firmware says of a WQ, and the state of its ring

  wq_ctl_t ctl;
  logic [15:0] threshold;
  logic pushed, overflow, popped, retired, poppable, wakes, era;
  logic [AdiW-1:0] adi;
  logic [EntW-1:0] entry;
  logic [EntW:0]   occupancy;

  siov_ram_1r1w #(
    .Width ($bits(wq_ctl_t)),
    .Depth (MaxAdis)
  ) u_ctl (
    .clk_i   (clk),
    .we_i    (init_o || ctl_we_i),
    .waddr_i (init_o ? op_adi : ctl_adi_i),
    .wdata_i (init_o ? '0 : ctl_i),
    .re_i    (push || pop || retire),
    .raddr_i (op_adi),
    .rdata_o (ctl)
  );

  siov_ram_1r1w #(
    .Width (16),
    .Depth (MaxAdis)
  ) u_threshold (
    .clk_i   (clk),
    .we_i    (thr_we_i),
    .waddr_i (thr_adi_i),
    .wdata_i (thr_i),
    .re_i    (push && portal_i.limited),
    .raddr_i (op_adi),
    .rdata_o (threshold)
  );

  // Of the portal write that is being decided on (DSA 5.3).
  logic push_q, deferrable_q, limited_q, accept;
  logic [EntW:0] limit;

  always_ff @(posedge clk) begin
    if (!rst_ni) push_q <= 1'b0;
    else push_q <= push;
    if (push) {deferrable_q, limited_q} <= {portal_i.deferrable, portal_i.limited};
  end

  assign accept = ctl.enabled && ctl.dedicated == !deferrable_q;
  assign limit  = !ctl.dedicated && limited_q && threshold < 16'(ctl.size) ?
                  threshold[EntW:0] : ctl.size;

  siov_adi_ring u_ring (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .clear_i      (init_o),
    .push_i       (push),
    .pop_i        (pop),
    .retire_i     (retire),
    .retire_era_i (retire_era_i),
    .stat_i       (stat),
    .mark_i       (stat_mark_q),
    .adi_i        (op_adi),
    .accept_i     (accept),
    .base_i       (ctl.base),
    .size_i       (ctl.size),
    .limit_i      (limit),
    .pushed_o     (pushed),
    .overflow_o   (overflow),
    .popped_o     (popped),
    .retired_o    (retired),
    .stat_o       (stat_rsp_valid_o),
    .adi_o        (adi),
    .entry_o      (entry),
    .occupancy_o  (occupancy),
    .inflight_o   (stat_inflight_o),
    .era_o        (era),
    .older_o      (stat_older_o),
    .poppable_o   (poppable),
    .wakes_o      (wakes)
  );

  assign portal_accepted_o = pushed;
  assign stat_occupancy_o  = occupancy;

  assign wake_valid_o = wakes;
  assign wake_adi_o   = adi;
  assign wake_group_o = ctl.group;
  assign wake_prio_o  = ctl.prio;

  assign popped_valid_o = popped;
  assign popped_adi_o   = adi;
  assign popped_more_o  = poppable;
  assign popped_group_o = ctl.group;
  assign popped_prio_o  = ctl.prio;

  // ------------------------------------------------------------------------------------------
  // Work: the descriptor, and what the control row said when it was popped

  desc_t work_desc;
  logic  work_ims;

  siov_adi_store u_store (
    .clk_i        (clk),
    .rst_ni       (rst_ni),
    .push_i       (push),
    .desc_i       (portal_i.desc),
    .ims_i        (portal_i.ims),
    .write_i      (pushed),
    .read_i       (popped),
    .entry_i      (entry),
    .room_o       (work_room),
    .work_valid_o (work_valid_o),
    .work_ready_i (work_ready_i),
    .work_desc_o  (work_desc),
    .work_ims_o   (work_ims)
  );

  tenant_t     tenant, tenant_q;
  logic        shared_q, era_q, discard_q, discard_pasid_q, bof_en_q;
  logic [2:0]  tc_a_q, tc_b_q;
  logic [4:0]  max_xfer_q;
  logic [63:0] opcfg_q;

  always_ff @(posedge clk) begin
    if (popped) begin
      tenant_q   <= '{adi: adi, priv: ctl.priv, pasid_valid: ctl.pasid_valid, pasid: ctl.pasid};
      shared_q   <= !ctl.dedicated;
      era_q      <= era;
      discard_q  <= ctl.discard;
      discard_pasid_q <= ctl.discard_pasid;
      bof_en_q   <= ctl.bof_en;
      tc_a_q     <= ctl.tc_a;
      tc_b_q     <= ctl.tc_b;
      max_xfer_q <= ctl.max_xfer;
      opcfg_q    <= ctl.opcfg;
    end
  end

  // The only place where a tenant is made. Into the descriptors of a shared WQ, the CPU or the
  // kernel has put who submits (ENQCMD, ENQCMDS): bytes 0 to 3.
  always_comb begin
    tenant = tenant_q;
    if (shared_q) begin
      tenant.pasid_valid = 1'b1;
      tenant.pasid       = work_desc[19:0];
      tenant.priv        = work_desc[31];
    end
  end

  assign work_o = '{
    desc:     work_desc,
    tenant:   tenant,
    ims:      work_ims,
    era:      era_q,
    discard:  discard_q || (discard_pasid_q && tenant.pasid == tenant_q.pasid),
    bof_en:   bof_en_q,
    tc_a:     tc_a_q,
    tc_b:     tc_b_q,
    max_xfer: max_xfer_q,
    opcfg:    opcfg_q
  };

  // ------------------------------------------------------------------------------------------
  // Overflows. Two waiting reports are enough: SWERROR keeps the first and tells of the second
  // only that it was (DSA 9.2.15), so a third says nothing new.

  logic [AdiW-1:0] full_adi;

  siov_fifo #(
    .data_t (logic [AdiW-1:0]),
    .Depth  (2)
  ) u_errors (
    .clk_i   (clk),
    .rst_ni  (rst_ni),
    .valid_i (overflow && ctl.dedicated),
    .ready_o (),
    .data_i  (adi),
    .valid_o (error_valid_o),
    .ready_i (error_ready_i),
    .data_o  (full_adi),
    .count_o ()
  );

  always_comb begin
    error_o            = '0;
    error_o.code       = ErrorWqFull;
    error_o.tenant.adi = full_adi;
  end

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk) begin
    if (!rst_ni) inflight_o <= '0;
    else if (pushed) inflight_o <= inflight_o + 16'd1;
    else if (retired) inflight_o <= inflight_o - 16'd1;
  end

  assign busy_o = init_o || push_q || stat_wait_q || stat_rsp_valid_o || error_valid_o;

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk) begin
    if (rst_ni) begin
      if (init_o) begin
        NoRequestInInit_A : assert (!ctl_we_i && !stat_valid_i && !retire_valid_i)
          else $error("request while the rows are being cleared");
      end
      if (stat_valid_i) begin
        OneStat_A : assert (!stat_wait_q)
          else $error("status of WQ %0d asked while another is", stat_adi_i);
      end
    end
  end

endmodule
