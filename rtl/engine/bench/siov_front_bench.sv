// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of adi/, sched/ and engine/ together, from the portal to what dma/, irq/ and mgmt/
/// are asked: each needs the others to make sense. Structs are taken apart for C++.
module siov_front_bench import siov_pkg::*; (
  input  logic         clk_i,
  input  logic         rst_ni,
  output logic         init_o,

  // portal
  input  logic         portal_valid_i,
  output logic         portal_ready_o,
  input  logic [9:0]   portal_adi_i,
  input  logic         portal_deferrable_i,
  input  logic         portal_ims_i,
  input  logic         portal_limited_i,
  input  desc_t        portal_desc_i,
  output logic         portal_accepted_o,

  // firmware
  input  logic         ctl_we_i,
  input  logic [9:0]   ctl_adi_i,
  input  logic         ctl_enabled_i,
  input  logic         ctl_discard_i,
  input  logic         ctl_discard_pasid_i,
  input  logic         ctl_dedicated_i,
  input  logic         ctl_bof_en_i,
  input  logic         ctl_pasid_valid_i,
  input  logic         ctl_priv_i,
  input  logic [19:0]  ctl_pasid_i,
  input  logic [2:0]   ctl_tc_a_i,
  input  logic [2:0]   ctl_tc_b_i,
  input  logic [4:0]   ctl_max_xfer_i,
  input  logic [63:0]  ctl_opcfg_i,
  input  logic [1:0]   ctl_group_i,
  input  logic [3:0]   ctl_prio_i,
  input  logic [11:0]  ctl_base_i,
  input  logic [12:0]  ctl_size_i,
  input  logic         thr_we_i,
  input  logic [9:0]   thr_adi_i,
  input  logic [15:0]  thr_i,
  input  logic         stat_valid_i,
  input  logic         stat_mark_i,
  input  logic [9:0]   stat_adi_i,
  output logic         stat_rsp_valid_o,
  output logic [12:0]  stat_occupancy_o,
  output logic [15:0]  stat_inflight_o,
  output logic         stat_older_o,
  input  logic [3:0]   engine_en_i,
  input  logic [7:0]   engine_group_i,
  input  logic         user_int_en_i,
  input  logic         priv_en_i,

  // for the model: which WQ has its turn, and what has ended
  output logic         popped_o,
  output logic [9:0]   popped_adi_o,
  output logic         retired_o,
  output logic [9:0]   retired_adi_o,

  // dma/
  output logic         job_valid_o,
  input  logic         job_ready_i,
  output logic [7:0]   job_id_o,
  output tenant_t      job_tenant_o,
  output logic         job_fill_o,
  output logic         job_strict_o,
  output logic         job_block_o,
  output logic [2:0]   job_tc_src_o,
  output logic [2:0]   job_tc_dst_o,
  output logic [63:0]  job_src_o,
  output logic [63:0]  job_pattern_hi_o,
  output logic [63:0]  job_dst_o,
  output logic [31:0]  job_len_o,
  input  logic         done_valid_i,
  output logic         done_ready_o,
  input  logic [7:0]   done_id_i,
  input  logic         done_error_i,
  input  logic         done_abandoned_i,
  input  logic [31:0]  done_done_i,
  output logic         rec_valid_o,
  input  logic         rec_ready_i,
  output logic [7:0]   rec_id_o,
  output tenant_t      rec_tenant_o,
  output logic [2:0]   rec_tc_o,
  output logic [63:0]  rec_addr_o,
  output logic [255:0] rec_data_o,
  input  logic         rec_done_i,
  input  logic [7:0]   rec_done_id_i,
  input  logic         rec_done_abandoned_i,

  // irq/
  output logic         chk_valid_o,
  input  logic         chk_ready_i,
  output logic         chk_ims_o,
  output logic [15:0]  chk_index_o,
  output tenant_t      chk_tenant_o,
  input  logic         chk_rsp_valid_i,
  input  logic         chk_ok_i,
  output logic         irq_valid_o,
  input  logic         irq_ready_i,
  output logic         irq_ims_o,
  output logic [15:0]  irq_index_o,
  input  logic         irq_done_i,

  // mgmt/
  output logic         overflow_valid_o,
  input  logic         overflow_ready_i,
  output sw_error_t    overflow_o,
  output logic         error_valid_o,
  input  logic         error_ready_i,
  output sw_error_t    error_o,

  output logic [15:0]  inflight_o,
  output logic         busy_o
);

  portal_wr_t    portal;
  wq_ctl_t       ctl;
  work_t         work;
  dma_job_t      job;
  dma_done_t     done;
  dma_record_t   rec;
  dma_rec_done_t rec_done;
  irq_id_t       chk_id, irq_id;

  logic       wake_valid, pop_valid, pop_ready, popped_valid, popped_more, work_valid, work_ready;
  logic [9:0] wake_adi, pop_adi, popped_adi;
  logic [1:0] wake_group, popped_group;
  logic [3:0] wake_prio, popped_prio;
  logic       retire_era, adi_busy, sched_busy, engine_busy;

  siov_adi u_adi (
    .clk_i             (clk_i),
    .rst_ni            (rst_ni),
    .init_o            (init_o),
    .portal_valid_i    (portal_valid_i),
    .portal_ready_o    (portal_ready_o),
    .portal_i          (portal),
    .portal_accepted_o (portal_accepted_o),
    .ctl_we_i          (ctl_we_i),
    .ctl_adi_i         (ctl_adi_i),
    .ctl_i             (ctl),
    .thr_we_i          (thr_we_i),
    .thr_adi_i         (thr_adi_i),
    .thr_i             (thr_i),
    .stat_valid_i      (stat_valid_i),
    .stat_mark_i       (stat_mark_i),
    .stat_adi_i        (stat_adi_i),
    .stat_rsp_valid_o  (stat_rsp_valid_o),
    .stat_occupancy_o  (stat_occupancy_o),
    .stat_inflight_o   (stat_inflight_o),
    .stat_older_o      (stat_older_o),
    .wake_valid_o      (wake_valid),
    .wake_adi_o        (wake_adi),
    .wake_group_o      (wake_group),
    .wake_prio_o       (wake_prio),
    .pop_valid_i       (pop_valid),
    .pop_ready_o       (pop_ready),
    .pop_adi_i         (pop_adi),
    .popped_valid_o    (popped_valid),
    .popped_adi_o      (popped_adi),
    .popped_more_o     (popped_more),
    .popped_group_o    (popped_group),
    .popped_prio_o     (popped_prio),
    .work_valid_o      (work_valid),
    .work_ready_i      (work_ready),
    .work_o            (work),
    .retire_valid_i    (retired_o),
    .retire_adi_i      (retired_adi_o),
    .retire_era_i      (retire_era),
    .error_valid_o     (overflow_valid_o),
    .error_ready_i     (overflow_ready_i),
    .error_o           (overflow_o),
    .inflight_o        (inflight_o),
    .busy_o            (adi_busy)
  );

  siov_sched u_sched (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .engine_en_i    (engine_en_i),
    .engine_group_i (engine_group_i),
    .wake_valid_i   (wake_valid),
    .wake_adi_i     (wake_adi),
    .wake_group_i   (wake_group),
    .wake_prio_i    (wake_prio),
    .pop_valid_o    (pop_valid),
    .pop_ready_i    (pop_ready),
    .pop_adi_o      (pop_adi),
    .popped_valid_i (popped_valid),
    .popped_adi_i   (popped_adi),
    .popped_more_i  (popped_more),
    .popped_group_i (popped_group),
    .popped_prio_i  (popped_prio),
    .busy_o         (sched_busy)
  );

  siov_engine u_engine (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .user_int_en_i    (user_int_en_i),
    .priv_en_i        (priv_en_i),
    .log_on_i         (1'b0),
    .work_valid_i     (work_valid),
    .work_ready_o     (work_ready),
    .work_i           (work),
    .job_valid_o      (job_valid_o),
    .job_ready_i      (job_ready_i),
    .job_o            (job),
    .done_valid_i     (done_valid_i),
    .done_ready_o     (done_ready_o),
    .done_i           (done),
    .rec_valid_o      (rec_valid_o),
    .rec_ready_i      (rec_ready_i),
    .rec_o            (rec),
    .rec_done_valid_i (rec_done_i),
    .rec_done_i       (rec_done),
    .chk_valid_o      (chk_valid_o),
    .chk_ready_i      (chk_ready_i),
    .chk_id_o         (chk_id),
    .chk_tenant_o     (chk_tenant_o),
    .chk_rsp_valid_i  (chk_rsp_valid_i),
    .chk_ok_i         (chk_ok_i),
    .irq_valid_o      (irq_valid_o),
    .irq_ready_i      (irq_ready_i),
    .irq_id_o         (irq_id),
    .irq_done_i       (irq_done_i),
    .retire_valid_o   (retired_o),
    .retire_adi_o     (retired_adi_o),
    .retire_era_o     (retire_era),
    .error_valid_o    (error_valid_o),
    .error_ready_i    (error_ready_i),
    .error_o          (error_o),
    .busy_o           (engine_busy)
  );

  assign busy_o = adi_busy || sched_busy || engine_busy || inflight_o != '0;

  // ------------------------------------------------------------------------------------------
  // Structs

  assign portal = '{adi: portal_adi_i, deferrable: portal_deferrable_i, ims: portal_ims_i,
                    limited: portal_limited_i, desc: portal_desc_i};

  assign ctl = '{
    enabled:     ctl_enabled_i,
    discard:     ctl_discard_i,
    discard_pasid: ctl_discard_pasid_i,
    dedicated:   ctl_dedicated_i,
    bof_en:      ctl_bof_en_i,
    pasid_valid: ctl_pasid_valid_i,
    priv:        ctl_priv_i,
    pasid:       ctl_pasid_i,
    tc_a:        ctl_tc_a_i,
    tc_b:        ctl_tc_b_i,
    max_xfer:    ctl_max_xfer_i,
    opcfg:       ctl_opcfg_i,
    group:       ctl_group_i,
    prio:        ctl_prio_i,
    base:        ctl_base_i,
    size:        ctl_size_i
  };

  assign done = '{
    id:     done_id_i,
    status: done_abandoned_i ? siov_dsa_pkg::StatusAbandoned : done_error_i ? 8'h20 : 8'h00,
    write:  1'b0,
    done:   done_done_i,
    page:   '0
  };

  assign rec_done = '{id: rec_done_id_i,
                      status: rec_done_abandoned_i ? siov_dsa_pkg::StatusAbandoned : '0};

  assign popped_o     = pop_valid && pop_ready;
  assign popped_adi_o = pop_adi;

  assign job_id_o         = job.id;
  assign job_tenant_o     = job.tenant;
  assign job_fill_o       = job.op == JobFill;
  assign job_strict_o     = job.strict;
  assign job_block_o      = job.block;
  assign job_tc_src_o     = job.tc_src;
  assign job_tc_dst_o     = job.tc_dst;
  assign job_src_o        = job.src;
  assign job_pattern_hi_o = job.pattern_hi;
  assign job_dst_o        = job.dst;
  assign job_len_o        = job.len;

  assign rec_id_o     = rec.id;
  assign rec_tenant_o = rec.tenant;
  assign rec_tc_o     = rec.tc;
  assign rec_addr_o   = rec.addr;
  assign rec_data_o   = rec.data;

  assign chk_ims_o   = chk_id.ims;
  assign chk_index_o = chk_id.index;
  assign irq_ims_o   = irq_id.ims;
  assign irq_index_o = irq_id.index;

endmodule
