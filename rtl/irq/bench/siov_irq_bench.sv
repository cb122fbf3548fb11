// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of irq/: siov_irq with 9 MSI-X and 512 IMS entries, its structs taken apart for C++.
module siov_irq_bench import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,

  // function state
  input  logic        msix_en_i,
  input  logic        msix_fmask_i,
  input  logic        bme_i,

  input  logic        clear_i,
  output logic        clearing_o,

  input  logic        reg_valid_i,
  input  logic        reg_write_i,
  input  logic        reg_fw_i,
  input  logic [15:0] reg_addr_i,
  input  logic [31:0] reg_wdata_i,
  output logic        reg_rsp_valid_o,
  output logic [31:0] reg_rdata_o,

  input  logic        chk_valid_i,
  output logic        chk_ready_o,
  input  logic        chk_ims_i,
  input  logic [15:0] chk_index_i,
  input  logic        chk_pasid_valid_i,
  input  logic [19:0] chk_pasid_i,
  output logic        chk_rsp_valid_o,
  output logic        chk_ok_o,

  input  logic        irq_valid_i,
  output logic        irq_ready_o,
  input  logic        irq_ims_i,
  input  logic [15:0] irq_index_i,
  output logic        irq_done_o,

  input  logic        evt_valid_i,
  output logic        evt_ready_o,

  output logic        msg_valid_o,
  input  logic        msg_ready_i,
  output logic [63:0] msg_addr_o,
  output logic [31:0] msg_data_o,
  input  logic        msg_done_i,

  output logic        busy_o
);

  strap_t   strap;
  pcie_fn_t fn;
  reg_req_t req;
  irq_id_t  chk_id, irq_id;
  tenant_t  chk_tenant;
  dma_msg_t msg;

  always_comb begin
    strap              = '0;
    strap.msix_entries = 16'd9;
    strap.ims_entries  = 16'd512;
    fn                 = '0;
    fn.msix_en         = msix_en_i;
    fn.msix_fmask      = msix_fmask_i;
    fn.bme             = bme_i;
  end

  assign req        = '{write: reg_write_i, fw: reg_fw_i, addr: reg_addr_i, be: '1,
                        wdata: reg_wdata_i};
  assign irq_id     = '{ims: irq_ims_i, index: irq_index_i};
  assign chk_id     = '{ims: chk_ims_i, index: chk_index_i};
  assign chk_tenant = '{adi: '0, priv: 1'b0, pasid_valid: chk_pasid_valid_i, pasid: chk_pasid_i};
  assign msg_addr_o = msg.addr;
  assign msg_data_o = msg.data;

  siov_irq u_irq (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .strap_i         (strap),
    .fn_i            (fn),
    .halt_i          (1'b0),
    .clear_i         (clear_i),
    .clearing_o      (clearing_o),
    .reg_valid_i     (reg_valid_i),
    .reg_i           (req),
    .reg_rsp_valid_o (reg_rsp_valid_o),
    .reg_rdata_o     (reg_rdata_o),
    .chk_valid_i     (chk_valid_i),
    .chk_ready_o     (chk_ready_o),
    .chk_id_i        (chk_id),
    .chk_tenant_i    (chk_tenant),
    .chk_rsp_valid_o (chk_rsp_valid_o),
    .chk_ok_o        (chk_ok_o),
    .irq_valid_i     (irq_valid_i),
    .irq_ready_o     (irq_ready_o),
    .irq_id_i        (irq_id),
    .irq_done_o      (irq_done_o),
    .evt_valid_i     (evt_valid_i),
    .evt_ready_o     (evt_ready_o),
    .msg_valid_o     (msg_valid_o),
    .msg_ready_i     (msg_ready_i),
    .msg_o           (msg),
    .msg_done_i      (msg_done_i),
    .busy_o          (busy_o)
  );

endmodule
