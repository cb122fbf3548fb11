// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of the PCIe room: siov_pcie with siov_reset, which ends an FLR. Streams of the TLP
/// port keep the layout of docs/tlp-port.md; other structs are taken apart for C++.
module siov_pcie_bench import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,

  input  logic        rx_valid_i,
  output logic        rx_ready_o,
  output logic        rx_np_ready_o,
  input  tlp_beat_t   rx_i,
  output logic        tx_valid_o,
  input  logic        tx_ready_i,
  output tlp_beat_t   tx_o,
  input  fc_limits_t  tx_fc_i,

  output logic        flr_o,
  output logic        rst_fn_no,
  output logic        quiesce_o,
  input  logic        np_pending_i,

  // as in cpl_err_t: ur, ca, cto, unexpected, poisoned
  input  logic [4:0]  dma_err_i,
  input  logic [4:0]  atc_err_i,
  input  hdr_t        err_hdr_i,
  input  logic        pri_pending_i,
  input  logic        pri_failure_i,
  input  logic        pri_unexpected_i,
  output logic        pri_reset_o,
  output logic        pri_en_o,

  output logic        reg_valid_o,
  output logic        reg_write_o,
  output logic        reg_fw_o,
  output logic [15:0] reg_addr_o,
  output logic [3:0]  reg_be_o,
  output logic [31:0] reg_wdata_o,
  input  logic        reg_rsp_valid_i,
  input  logic [31:0] reg_rdata_i,

  output logic        portal_valid_o,
  input  logic        portal_ready_i,
  output logic [15:0] portal_adi_o,
  output logic        portal_deferrable_o,
  output logic        portal_ims_o,
  output logic        portal_limited_o,
  output desc_t       portal_desc_o,
  input  logic        portal_accepted_i,

  output logic        cpl_valid_o,
  output tlp_beat_t   cpl_o,
  output logic        rx_msg_valid_o,
  output logic [7:0]  rx_msg_code_o,
  output logic        rx_msg_prefix_valid_o,
  output logic [31:0] rx_msg_prefix_o,
  output hdr_t        rx_msg_hdr_o,
  output logic [63:0] rx_msg_data_o,

  input  logic        np_tx_valid_i,
  output logic        np_tx_ready_o,
  input  tlp_beat_t   np_tx_i,
  input  logic        p_tx_valid_i,
  output logic        p_tx_ready_o,
  input  tlp_beat_t   p_tx_i,
  input  logic        tr_tx_valid_i,
  output logic        tr_tx_ready_o,
  input  tlp_beat_t   tr_tx_i,
  input  logic        msg_tx_valid_i,
  output logic        msg_tx_ready_o,
  input  tlp_beat_t   msg_tx_i,

  output logic        busy_o
);

  logic       flr_done, tx_partial;
  reg_req_t   req;
  portal_wr_t portal;
  pcie_fn_t   fn;
  rx_msg_t    rx_msg;

  siov_pcie u_pcie (
    .clk_i             (clk_i),
    .rst_ni            (rst_ni),
    .strap_i           (strap_i),
    .strap_o           (),
    .rx_valid_i        (rx_valid_i),
    .rx_ready_o        (rx_ready_o),
    .rx_np_ready_o     (rx_np_ready_o),
    .rx_i              (rx_i),
    .tx_valid_o        (tx_valid_o),
    .tx_ready_i        (tx_ready_i),
    .tx_o              (tx_o),
    .tx_fc_i           (tx_fc_i),
    .fn_o              (fn),
    .flr_o             (flr_o),
    .flr_done_i        (flr_done),
    .np_pending_i      (np_pending_i),
    .dma_err_i         ({dma_err_i, err_hdr_i}),
    .atc_err_i         ({atc_err_i, err_hdr_i}),
    .pri_pending_i     (pri_pending_i),
    .pri_failure_i     (pri_failure_i),
    .pri_unexpected_i  (pri_unexpected_i),
    .pri_reset_o       (pri_reset_o),
    .reg_valid_o       (reg_valid_o),
    .reg_o             (req),
    .reg_rsp_valid_i   (reg_rsp_valid_i),
    .reg_rdata_i       (reg_rdata_i),
    .portal_valid_o    (portal_valid_o),
    .portal_ready_i    (portal_ready_i),
    .portal_o          (portal),
    .portal_accepted_i (portal_accepted_i),
    .cpl_valid_o       (cpl_valid_o),
    .cpl_o             (cpl_o),
    .rx_msg_valid_o    (rx_msg_valid_o),
    .rx_msg_o          (rx_msg),
    .np_tx_valid_i     (np_tx_valid_i),
    .np_tx_ready_o     (np_tx_ready_o),
    .np_tx_i           (np_tx_i),
    .p_tx_valid_i      (p_tx_valid_i),
    .p_tx_ready_o      (p_tx_ready_o),
    .p_tx_i            (p_tx_i),
    .tr_tx_valid_i     (tr_tx_valid_i),
    .tr_tx_ready_o     (tr_tx_ready_o),
    .tr_tx_i           (tr_tx_i),
    .msg_tx_valid_i    (msg_tx_valid_i),
    .msg_tx_ready_o    (msg_tx_ready_o),
    .msg_tx_i          (msg_tx_i),
    .tx_partial_o      (tx_partial),
    .busy_o            (busy_o)
  );

  siov_reset #(
    .FlrCycles (200)
  ) u_reset (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .flr_i        (flr_o),
    .flr_done_o   (flr_done),
    .quiesce_o    (quiesce_o),
    .np_pending_i (np_pending_i),
    .tx_partial_i (tx_partial),
    .rst_fn_no    (rst_fn_no)
  );

  assign reg_write_o = req.write;
  assign reg_fw_o    = req.fw;
  assign reg_addr_o  = req.addr;
  assign reg_be_o    = req.be;
  assign reg_wdata_o = req.wdata;

  assign pri_en_o = fn.pri_en;

  assign rx_msg_code_o         = rx_msg.code;
  assign rx_msg_prefix_valid_o = rx_msg.prefix_valid;
  assign rx_msg_prefix_o       = rx_msg.prefix;
  assign rx_msg_hdr_o          = rx_msg.hdr;
  assign rx_msg_data_o         = rx_msg.data;

  assign portal_adi_o        = 16'(portal.adi);
  assign portal_deferrable_o = portal.deferrable;
  assign portal_ims_o        = portal.ims;
  assign portal_limited_o    = portal.limited;
  assign portal_desc_o       = portal.desc;

endmodule
