// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The S-IOV endpoint: one PCIe function whose work queues are Assignable Device Interfaces.
/// docs/tlp-port.md describes the port; each room's README describes the room.
module siov_endpoint import siov_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  strap_t     strap_i,

  input  logic       rx_valid_i,
  output logic       rx_ready_o,
  output logic       rx_np_ready_o,
  input  tlp_beat_t  rx_i,

  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,
  input  fc_limits_t tx_fc_i,

  /// High only when nothing is in flight anywhere.
  output logic       idle_o
);

  strap_t                          strap;
  pcie_fn_t                        fn;
  logic                            flr;
  logic                            flr_done;
  logic                            dma_np_pending;
  logic                            atc_np_pending;
  logic                            tx_partial;
  cpl_err_t                        dma_err;
  cpl_err_t                        atc_err;
  logic                            pri_busy;
  logic                            pri_failure;
  logic                            pri_uprgi;
  logic                            pri_reset;
  logic                            rx_msg_valid;
  rx_msg_t                         rx_msg;
  logic                            tr_tx_valid;
  logic                            tr_tx_ready;
  tlp_beat_t                       tr_tx;
  logic                            msg_tx_valid;
  logic                            msg_tx_ready;
  tlp_beat_t                       msg_tx;
  logic                            reg_valid;
  reg_req_t                        reg_req;
  logic                            reg_rsp_valid;
  logic [31:0]                     reg_rdata;
  logic                            portal_valid;
  logic                            portal_ready;
  portal_wr_t                      portal;
  logic                            portal_accepted;
  logic                            cpl_valid;
  tlp_beat_t                       cpl;
  logic                            np_tx_valid;
  logic                            np_tx_ready;
  tlp_beat_t                       np_tx;
  logic                            p_tx_valid;
  logic                            p_tx_ready;
  tlp_beat_t                       p_tx;
  logic                            pcie_busy;
  logic                            rst_fn_n;
  logic                            adi_init;
  logic                            ctl_we;
  logic [AdiW-1:0]                 ctl_adi;
  wq_ctl_t                         ctl;
  logic                            thr_we;
  logic [AdiW-1:0]                 thr_adi;
  logic [15:0]                     thr;
  logic                            stat_valid;
  logic [AdiW-1:0]                 stat_adi;
  logic                            stat_mark;
  logic                            stat_rsp_valid;
  logic [EntW:0]                   stat_occupancy;
  logic [15:0]                     stat_inflight;
  logic                            stat_older;
  logic                            wake_valid;
  logic [AdiW-1:0]                 wake_adi;
  logic [GrpW-1:0]                 wake_group;
  logic [3:0]                      wake_prio;
  logic                            pop_valid;
  logic                            pop_ready;
  logic [AdiW-1:0]                 pop_adi;
  logic                            popped_valid;
  logic [AdiW-1:0]                 popped_adi;
  logic                            popped_more;
  logic [GrpW-1:0]                 popped_group;
  logic [3:0]                      popped_prio;
  logic                            work_valid;
  logic                            work_ready;
  work_t                           work;
  logic                            retire_valid;
  logic [AdiW-1:0]                 retire_adi;
  logic                            retire_era;
  logic                            adi_error_valid;
  logic                            adi_error_ready;
  sw_error_t                       adi_error;
  logic [15:0]                     inflight;
  logic                            adi_busy;
  logic [MaxEngines-1:0]           engine_en;
  logic [MaxEngines-1:0][GrpW-1:0] engine_group;
  logic                            sched_busy;
  logic                            user_int_en;
  logic                            log_on;
  logic                            job_valid;
  logic                            job_ready;
  dma_job_t                        job;
  logic                            done_valid;
  logic                            done_ready;
  dma_done_t                       done;
  logic                            rec_valid;
  logic                            rec_ready;
  dma_record_t                     rec;
  logic                            rec_done_valid;
  dma_rec_done_t                   rec_done;
  logic                            chk_valid;
  logic                            chk_ready;
  irq_id_t                         chk_id;
  tenant_t                         chk_tenant;
  logic                            chk_rsp_valid;
  logic                            chk_ok;
  logic                            irq_valid;
  logic                            irq_ready;
  irq_id_t                         irq_id;
  logic                            irq_done;
  logic                            eng_error_valid;
  logic                            eng_error_ready;
  sw_error_t                       eng_error;
  logic                            engine_busy;
  logic                            quiesce;
  logic                            msg_valid;
  logic                            msg_ready;
  dma_msg_t                        msg;
  logic                            msg_done;
  logic                            dma_busy;
  logic                            lk_valid;
  logic                            lk_ready;
  lookup_t                         lk;
  logic                            lk_rsp_valid;
  lookup_rsp_t                     lk_rsp;
  logic                            xlat_wake_valid;
  logic [JobW-1:0]                 xlat_wake_job;
  operand_e                        xlat_wake_operand;
  logic                            forget_valid;
  logic [JobW-1:0]                 forget_job;
  logic [1:0]                      epoch_busy;
  logic                            epoch;
  logic                            drop_valid;
  logic [AdiW-1:0]                 drop_adi;
  stop_t                           stop;
  left_t                           left;
  logic                            left_next;
  logic                            marker_valid;
  logic [19:0]                     marker_pasid;
  logic                            stop_busy;
  logic                            atc_busy;
  logic                            halted;
  logic                            evl_valid;
  logic                            evl_ready;
  dma_log_t                        evl;
  logic                            evl_done;
  logic                            irq_clear;
  logic                            irq_clearing;
  logic                            irq_reg_valid;
  reg_req_t                        irq_reg;
  logic                            irq_reg_rsp_valid;
  logic [31:0]                     irq_reg_rdata;
  logic                            evt_valid;
  logic                            evt_ready;
  logic                            irq_busy;
  logic                            mgmt_busy;

  siov_pcie u_pcie (
    .clk_i             (clk_i),
    .rst_ni            (rst_ni),
    .strap_i           (strap_i),
    .strap_o           (strap),
    .rx_valid_i        (rx_valid_i),
    .rx_ready_o        (rx_ready_o),
    .rx_np_ready_o     (rx_np_ready_o),
    .rx_i              (rx_i),
    .tx_valid_o        (tx_valid_o),
    .tx_ready_i        (tx_ready_i),
    .tx_o              (tx_o),
    .tx_fc_i           (tx_fc_i),
    .fn_o              (fn),
    .flr_o             (flr),
    .flr_done_i        (flr_done),
    .np_pending_i      (dma_np_pending || atc_np_pending),
    .dma_err_i         (dma_err),
    .atc_err_i         (atc_err),
    .pri_pending_i     (pri_busy),
    .pri_failure_i     (pri_failure),
    .pri_unexpected_i  (pri_uprgi),
    .pri_reset_o       (pri_reset),
    .reg_valid_o       (reg_valid),
    .reg_o             (reg_req),
    .reg_rsp_valid_i   (reg_rsp_valid),
    .reg_rdata_i       (reg_rdata),
    .portal_valid_o    (portal_valid),
    .portal_ready_i    (portal_ready),
    .portal_o          (portal),
    .portal_accepted_i (portal_accepted),
    .cpl_valid_o       (cpl_valid),
    .cpl_o             (cpl),
    .rx_msg_valid_o    (rx_msg_valid),
    .rx_msg_o          (rx_msg),
    .np_tx_valid_i     (np_tx_valid),
    .np_tx_ready_o     (np_tx_ready),
    .np_tx_i           (np_tx),
    .p_tx_valid_i      (p_tx_valid),
    .p_tx_ready_o      (p_tx_ready),
    .p_tx_i            (p_tx),
    .tr_tx_valid_i     (tr_tx_valid),
    .tr_tx_ready_o     (tr_tx_ready),
    .tr_tx_i           (tr_tx),
    .msg_tx_valid_i    (msg_tx_valid),
    .msg_tx_ready_o    (msg_tx_ready),
    .msg_tx_i          (msg_tx),
    .tx_partial_o      (tx_partial),
    .busy_o            (pcie_busy)
  );

  siov_adi u_adi (
    .clk_i             (clk_i),
    .rst_ni            (rst_fn_n),
    .init_o            (adi_init),
    .portal_valid_i    (portal_valid),
    .portal_ready_o    (portal_ready),
    .portal_i          (portal),
    .portal_accepted_o (portal_accepted),
    .ctl_we_i          (ctl_we),
    .ctl_adi_i         (ctl_adi),
    .ctl_i             (ctl),
    .thr_we_i          (thr_we),
    .thr_adi_i         (thr_adi),
    .thr_i             (thr),
    .stat_valid_i      (stat_valid),
    .stat_mark_i       (stat_mark),
    .stat_adi_i        (stat_adi),
    .stat_rsp_valid_o  (stat_rsp_valid),
    .stat_occupancy_o  (stat_occupancy),
    .stat_inflight_o   (stat_inflight),
    .stat_older_o      (stat_older),
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
    .retire_valid_i    (retire_valid),
    .retire_adi_i      (retire_adi),
    .retire_era_i      (retire_era),
    .error_valid_o     (adi_error_valid),
    .error_ready_i     (adi_error_ready),
    .error_o           (adi_error),
    .inflight_o        (inflight),
    .busy_o            (adi_busy)
  );

  siov_sched u_sched (
    .clk_i          (clk_i),
    .rst_ni         (rst_fn_n),
    .engine_en_i    (engine_en),
    .engine_group_i (engine_group),
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
    .rst_ni           (rst_fn_n),
    .user_int_en_i    (user_int_en),
    .priv_en_i        (fn.pasid_priv_en),
    .log_on_i         (log_on),
    .work_valid_i     (work_valid),
    .work_ready_o     (work_ready),
    .work_i           (work),
    .job_valid_o      (job_valid),
    .job_ready_i      (job_ready),
    .job_o            (job),
    .done_valid_i     (done_valid),
    .done_ready_o     (done_ready),
    .done_i           (done),
    .rec_valid_o      (rec_valid),
    .rec_ready_i      (rec_ready),
    .rec_o            (rec),
    .rec_done_valid_i (rec_done_valid),
    .rec_done_i       (rec_done),
    .chk_valid_o      (chk_valid),
    .chk_ready_i      (chk_ready),
    .chk_id_o         (chk_id),
    .chk_tenant_o     (chk_tenant),
    .chk_rsp_valid_i  (chk_rsp_valid),
    .chk_ok_i         (chk_ok),
    .irq_valid_o      (irq_valid),
    .irq_ready_i      (irq_ready),
    .irq_id_o         (irq_id),
    .irq_done_i       (irq_done),
    .retire_valid_o   (retire_valid),
    .retire_adi_o     (retire_adi),
    .retire_era_o     (retire_era),
    .error_valid_o    (eng_error_valid),
    .error_ready_i    (eng_error_ready),
    .error_o          (eng_error),
    .busy_o           (engine_busy)
  );

  siov_dma u_dma (
    .clk_i            (clk_i),
    .rst_ni           (rst_fn_n),
    .fn_i             (fn),
    .quiesce_i        (quiesce),
    .halt_i           (halted),
    .np_pending_o     (dma_np_pending),
    .job_valid_i      (job_valid),
    .job_ready_o      (job_ready),
    .job_i            (job),
    .done_valid_o     (done_valid),
    .done_ready_i     (done_ready),
    .done_o           (done),
    .rec_valid_i      (rec_valid),
    .rec_ready_o      (rec_ready),
    .rec_i            (rec),
    .rec_done_valid_o (rec_done_valid),
    .rec_done_o       (rec_done),
    .log_valid_i      (evl_valid),
    .log_ready_o      (evl_ready),
    .log_i            (evl),
    .log_done_o       (evl_done),
    .msg_valid_i      (msg_valid),
    .msg_ready_o      (msg_ready),
    .msg_i            (msg),
    .msg_done_o       (msg_done),
    .lk_valid_o       (lk_valid),
    .lk_ready_i       (lk_ready),
    .lk_o             (lk),
    .lk_rsp_valid_i   (lk_rsp_valid),
    .lk_rsp_i         (lk_rsp),
    .wake_valid_i     (xlat_wake_valid),
    .wake_job_i       (xlat_wake_job),
    .wake_operand_i   (xlat_wake_operand),
    .forget_valid_o   (forget_valid),
    .forget_job_o     (forget_job),
    .epoch_busy_o     (epoch_busy),
    .epoch_i          (epoch),
    .cpl_valid_i      (cpl_valid),
    .cpl_i            (cpl),
    .err_o            (dma_err),
    .np_tx_valid_o    (np_tx_valid),
    .np_tx_ready_i    (np_tx_ready),
    .np_tx_o          (np_tx),
    .p_tx_valid_o     (p_tx_valid),
    .p_tx_ready_i     (p_tx_ready),
    .p_tx_o           (p_tx),
    .busy_o           (dma_busy)
  );

  siov_atc u_atc (
    .clk_i          (clk_i),
    .rst_ni         (rst_fn_n),
    .strap_i        (strap),
    .fn_i           (fn),
    .quiesce_i      (quiesce),
    .halt_i         (halted),
    .np_pending_o   (atc_np_pending),
    .lk_valid_i     (lk_valid),
    .lk_ready_o     (lk_ready),
    .lk_i           (lk),
    .lk_rsp_valid_o (lk_rsp_valid),
    .lk_rsp_o       (lk_rsp),
    .wake_valid_o   (xlat_wake_valid),
    .wake_job_o     (xlat_wake_job),
    .wake_operand_o (xlat_wake_operand),
    .forget_valid_i (forget_valid),
    .forget_job_i   (forget_job),
    .epoch_busy_i   (epoch_busy),
    .epoch_o        (epoch),
    .drop_valid_i   (drop_valid),
    .drop_adi_i     (drop_adi),
    .cpl_valid_i    (cpl_valid),
    .cpl_i          (cpl),
    .rx_msg_valid_i (rx_msg_valid),
    .rx_msg_i       (rx_msg),
    .tr_tx_valid_o  (tr_tx_valid),
    .tr_tx_ready_i  (tr_tx_ready),
    .tr_tx_o        (tr_tx),
    .msg_tx_valid_o (msg_tx_valid),
    .msg_tx_ready_i (msg_tx_ready),
    .msg_tx_o       (msg_tx),
    .err_o          (atc_err),
    .pri_failure_o  (pri_failure),
    .pri_uprgi_o    (pri_uprgi),
    .pri_busy_o     (pri_busy),
    .stop_i         (stop),
    .left_o         (left),
    .left_next_i    (left_next),
    .marker_valid_i (marker_valid),
    .marker_pasid_i (marker_pasid),
    .stop_busy_o    (stop_busy),
    .pri_reset_i    (pri_reset),
    .busy_o         (atc_busy)
  );

  siov_irq u_irq (
    .clk_i           (clk_i),
    .rst_ni          (rst_fn_n),
    .strap_i         (strap),
    .fn_i            (fn),
    .halt_i          (halted),
    .clear_i         (irq_clear),
    .clearing_o      (irq_clearing),
    .reg_valid_i     (irq_reg_valid),
    .reg_i           (irq_reg),
    .reg_rsp_valid_o (irq_reg_rsp_valid),
    .reg_rdata_o     (irq_reg_rdata),
    .chk_valid_i     (chk_valid),
    .chk_ready_o     (chk_ready),
    .chk_id_i        (chk_id),
    .chk_tenant_i    (chk_tenant),
    .chk_rsp_valid_o (chk_rsp_valid),
    .chk_ok_o        (chk_ok),
    .irq_valid_i     (irq_valid),
    .irq_ready_o     (irq_ready),
    .irq_id_i        (irq_id),
    .irq_done_o      (irq_done),
    .evt_valid_i     (evt_valid),
    .evt_ready_o     (evt_ready),
    .msg_valid_o     (msg_valid),
    .msg_ready_i     (msg_ready),
    .msg_o           (msg),
    .msg_done_i      (msg_done),
    .busy_o          (irq_busy)
  );

  siov_mgmt u_mgmt (
    .clk_i               (clk_i),
    .rst_ni              (rst_fn_n),
    .strap_i             (strap),
    .fn_i                (fn),
    .reg_valid_i         (reg_valid),
    .reg_i               (reg_req),
    .reg_rsp_valid_o     (reg_rsp_valid),
    .reg_rdata_o         (reg_rdata),
    .irq_reg_valid_o     (irq_reg_valid),
    .irq_reg_o           (irq_reg),
    .irq_reg_rsp_valid_i (irq_reg_rsp_valid),
    .irq_reg_rdata_i     (irq_reg_rdata),
    .irq_clear_o         (irq_clear),
    .irq_clearing_i      (irq_clearing),
    .evt_valid_o         (evt_valid),
    .evt_ready_i         (evt_ready),
    .ctl_we_o            (ctl_we),
    .ctl_adi_o           (ctl_adi),
    .ctl_o               (ctl),
    .drop_valid_o        (drop_valid),
    .drop_adi_o          (drop_adi),
    .thr_we_o            (thr_we),
    .thr_adi_o           (thr_adi),
    .thr_o               (thr),
    .stat_valid_o        (stat_valid),
    .stat_mark_o         (stat_mark),
    .stat_adi_o          (stat_adi),
    .stat_rsp_valid_i    (stat_rsp_valid),
    .stat_occupancy_i    (stat_occupancy),
    .stat_inflight_i     (stat_inflight),
    .stat_older_i        (stat_older),
    .inflight_i          (inflight),
    .adi_init_i          (adi_init),
    .stop_o              (stop),
    .left_i              (left),
    .left_next_o         (left_next),
    .marker_valid_o      (marker_valid),
    .marker_pasid_o      (marker_pasid),
    .stop_busy_i         (stop_busy),
    .engine_en_o         (engine_en),
    .engine_group_o      (engine_group),
    .user_int_en_o       (user_int_en),
    .log_on_o            (log_on),
    .halted_o            (halted),
    .adi_error_valid_i   (adi_error_valid),
    .adi_error_ready_o   (adi_error_ready),
    .adi_error_i         (adi_error),
    .eng_error_valid_i   (eng_error_valid),
    .eng_error_ready_o   (eng_error_ready),
    .eng_error_i         (eng_error),
    .evl_valid_o         (evl_valid),
    .evl_ready_i         (evl_ready),
    .evl_o               (evl),
    .evl_done_i          (evl_done),
    .busy_o              (mgmt_busy)
  );

  siov_reset u_reset (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .flr_i        (flr),
    .flr_done_o   (flr_done),
    .quiesce_o    (quiesce),
    .np_pending_i (dma_np_pending || atc_np_pending),
    .tx_partial_i (tx_partial),
    .rst_fn_no    (rst_fn_n)
  );

  assign idle_o = !(pcie_busy || adi_busy || sched_busy || engine_busy || dma_busy || atc_busy ||
                    irq_busy || mgmt_busy || inflight != '0);

endmodule
