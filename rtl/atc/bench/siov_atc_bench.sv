// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of siov_atc. Beats of the TLP port keep the layout of docs/tlp-port.md; other
/// structs are taken apart for C++.
module siov_atc_bench import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,
  input  logic        quiesce_i,
  output logic        np_pending_o,

  input  logic [15:0] fn_rid_i,
  input  logic        fn_bme_i,
  input  logic        fn_d3hot_i,
  input  logic        fn_ext_tag_i,
  input  logic        fn_tag10_i,
  input  logic        fn_cto_dis_i,
  input  logic        fn_pasid_en_i,
  input  logic        fn_ats_en_i,
  input  logic [4:0]  fn_stu_i,
  input  logic        fn_pri_en_i,
  input  logic [15:0] fn_pri_alloc_i,

  input  logic        lk_valid_i,
  output logic        lk_ready_o,
  input  logic [JobW-1:0] lk_job_i,
  input  logic [1:0]  lk_operand_i,
  input  logic [AdiW-1:0] lk_adi_i,
  input  logic        lk_priv_i,
  input  logic        lk_pasid_valid_i,
  input  logic [19:0] lk_pasid_i,
  input  logic [51:0] lk_page_i,
  input  logic        lk_write_i,
  input  logic [2:0]  lk_tc_i,
  input  logic        lk_block_i,
  output logic        rsp_valid_o,
  output logic [1:0]  rsp_kind_o,
  output logic [51:0] rsp_page_o,
  output logic        rsp_untranslated_o,
  output logic [7:0]  rsp_status_o,
  output logic        rsp_epoch_o,
  output logic        wake_valid_o,
  output logic [JobW-1:0] wake_job_o,
  output logic [1:0]  wake_operand_o,
  input  logic        forget_valid_i,
  input  logic [JobW-1:0] forget_job_i,
  input  logic [1:0]  epoch_busy_i,
  input  logic        drop_valid_i,
  input  logic [AdiW-1:0] drop_adi_i,

  input  logic        cpl_valid_i,
  input  tlp_beat_t   cpl_i,
  input  logic        msg_valid_i,
  input  hdr_t        msg_hdr_i,
  input  logic [63:0] msg_data_i,
  input  logic [31:0] msg_prefix_i,

  output logic        tr_tx_valid_o,
  input  logic        tr_tx_ready_i,
  output tlp_beat_t   tr_tx_o,
  output logic        msg_tx_valid_o,
  input  logic        msg_tx_ready_i,
  output tlp_beat_t   msg_tx_o,

  output logic        err_ur_o,
  output logic        err_ca_o,
  output logic        err_cto_o,
  output logic        err_unexpected_o,
  output logic        err_poisoned_o,
  output hdr_t        err_hdr_o,
  output logic        pri_failure_o,
  output logic        pri_unexpected_o,
  output logic        pri_pending_o,
  input  logic        pri_reset_i,
  input  logic [1:0]  stop_what_i,
  input  logic [19:0] stop_operand_i,
  output logic        left_valid_o,
  output logic        left_pasid_valid_o,
  output logic [19:0] left_pasid_o,
  input  logic        left_next_i,
  input  logic        marker_valid_i,
  input  logic [19:0] marker_pasid_i,
  output logic        stop_busy_o,
  output logic        busy_o
);

  pcie_fn_t        fn;
  lookup_t         lk;
  lookup_rsp_t     rsp;
  operand_e        wake_operand;
  rx_msg_t         msg;
  cpl_err_t        err;
  left_t           left;

  always_comb begin
    fn           = '0;
    fn.rid       = fn_rid_i;
    fn.mse       = 1'b1;
    fn.bme       = fn_bme_i;
    fn.d3hot     = fn_d3hot_i;
    fn.ext_tag   = fn_ext_tag_i;
    fn.tag10     = fn_tag10_i;
    fn.cto_value = 4'h1;  // 4,096 clocks
    fn.cto_dis   = fn_cto_dis_i;
    fn.pasid_en  = fn_pasid_en_i;
    fn.ats_en    = fn_ats_en_i;
    fn.stu       = fn_stu_i;
    fn.pri_en    = fn_pri_en_i;
    fn.pri_alloc = fn_pri_alloc_i;
  end

  assign lk = '{
    job:     lk_job_i,
    operand: operand_e'(lk_operand_i),
    tenant:  '{adi: lk_adi_i, priv: lk_priv_i, pasid_valid: lk_pasid_valid_i,
               pasid: lk_pasid_i},
    page:    lk_page_i,
    write:   lk_write_i,
    tc:      lk_tc_i,
    block:   lk_block_i
  };

  assign msg = '{
    code:         msg_hdr_i[1][7:0],
    prefix_valid: msg_prefix_i != '0,
    prefix:       msg_prefix_i,
    hdr:          msg_hdr_i,
    data:         msg_data_i
  };

  siov_atc u_atc (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .strap_i        (strap_i),
    .fn_i           (fn),
    .quiesce_i      (quiesce_i),
    .halt_i         (1'b0),
    .np_pending_o   (np_pending_o),
    .lk_valid_i     (lk_valid_i),
    .lk_ready_o     (lk_ready_o),
    .lk_i           (lk),
    .lk_rsp_valid_o (rsp_valid_o),
    .lk_rsp_o       (rsp),
    .wake_valid_o   (wake_valid_o),
    .wake_job_o     (wake_job_o),
    .wake_operand_o (wake_operand),
    .forget_valid_i (forget_valid_i),
    .forget_job_i   (forget_job_i),
    .epoch_busy_i   (epoch_busy_i),
    .epoch_o        (),
    .drop_valid_i   (drop_valid_i),
    .drop_adi_i     (drop_adi_i),
    .cpl_valid_i    (cpl_valid_i),
    .cpl_i          (cpl_i),
    .rx_msg_valid_i (msg_valid_i),
    .rx_msg_i       (msg),
    .tr_tx_valid_o  (tr_tx_valid_o),
    .tr_tx_ready_i  (tr_tx_ready_i),
    .tr_tx_o        (tr_tx_o),
    .msg_tx_valid_o (msg_tx_valid_o),
    .msg_tx_ready_i (msg_tx_ready_i),
    .msg_tx_o       (msg_tx_o),
    .err_o          (err),
    .pri_failure_o  (pri_failure_o),
    .pri_uprgi_o    (pri_unexpected_o),
    .pri_busy_o     (pri_pending_o),
    .stop_i         ('{what: stop_e'(stop_what_i), operand: stop_operand_i}),
    .left_o         (left),
    .left_next_i    (left_next_i),
    .marker_valid_i (marker_valid_i),
    .marker_pasid_i (marker_pasid_i),
    .stop_busy_o    (stop_busy_o),
    .pri_reset_i    (pri_reset_i),
    .busy_o         (busy_o)
  );

  assign rsp_kind_o         = rsp.kind;
  assign rsp_page_o         = rsp.page;
  assign rsp_untranslated_o = rsp.untranslated;
  assign rsp_status_o       = rsp.status;
  assign rsp_epoch_o        = rsp.epoch;
  assign wake_operand_o     = wake_operand;
  assign err_ur_o           = err.ur;
  assign err_ca_o           = err.ca;
  assign err_cto_o          = err.cto;
  assign err_unexpected_o   = err.unexpected;
  assign err_poisoned_o     = err.poisoned;
  assign err_hdr_o          = err.hdr;
  assign left_valid_o       = left.valid;
  assign left_pasid_valid_o = left.pasid_valid;
  assign left_pasid_o       = left.pasid;

endmodule
