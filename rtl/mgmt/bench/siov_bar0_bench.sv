// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of mgmt/: siov_mgmt with 8 WQs and a program of a few instructions in place of the
/// firmware. Registers of irq/ read 0.
module siov_bar0_bench import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        bme_i,

  input  logic        reg_valid_i,
  input  logic        reg_write_i,
  input  logic        reg_fw_i,
  input  logic [15:0] reg_addr_i,
  input  logic [3:0]  reg_be_i,
  input  logic [31:0] reg_wdata_i,
  output logic        reg_rsp_valid_o,
  output logic [31:0] reg_rdata_o,

  /// A software error of engine/, with this code.
  input  logic        error_valid_i,
  input  logic [7:0]  error_code_i,

  output logic        evt_valid_o,
  output logic        busy_o
);

  strap_t    strap;
  pcie_fn_t  fn;
  reg_req_t  req;
  sw_error_t error;
  logic      irq_reg_valid, irq_rsp_q;

  always_comb begin
    strap              = '0;
    strap.wqs          = 16'd8;
    strap.wq_entries   = 16'd128;
    strap.msix_entries = 16'd9;
    strap.ims_entries  = 16'd2048;
    strap.groups       = 8'd4;
    strap.engines      = 8'd4;
    fn                 = '0;
    fn.bme             = bme_i;
    error              = '0;
    error.code         = error_code_i;
  end

  assign req = '{write: reg_write_i, fw: reg_fw_i, addr: reg_addr_i, be: reg_be_i,
                 wdata: reg_wdata_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) irq_rsp_q <= 1'b0;
    else irq_rsp_q <= irq_reg_valid && !irq_rsp_q;
  end

  siov_mgmt u_mgmt (
    .clk_i               (clk_i),
    .rst_ni              (rst_ni),
    .strap_i             (strap),
    .fn_i                (fn),
    .reg_valid_i         (reg_valid_i),
    .reg_i               (req),
    .reg_rsp_valid_o     (reg_rsp_valid_o),
    .reg_rdata_o         (reg_rdata_o),
    .irq_reg_valid_o     (irq_reg_valid),
    .irq_reg_o           (),
    .irq_reg_rsp_valid_i (irq_rsp_q),
    .irq_reg_rdata_i     ('0),
    .irq_clear_o         (),
    .irq_clearing_i      (1'b0),
    .evt_valid_o         (evt_valid_o),
    .evt_ready_i         (1'b1),
    .ctl_we_o            (),
    .ctl_adi_o           (),
    .ctl_o               (),
    .drop_valid_o        (),
    .drop_adi_o          (),
    .thr_we_o            (),
    .thr_adi_o           (),
    .thr_o               (),
    .stat_valid_o        (),
    .stat_mark_o         (),
    .stat_adi_o          (),
    .stat_rsp_valid_i    (1'b0),
    .stat_occupancy_i    ('0),
    .stat_inflight_i     ('0),
    .stat_older_i        (1'b0),
    .inflight_i          ('0),
    .adi_init_i          (1'b0),
    .stop_o              (),
    .left_i              ('0),
    .left_next_o         (),
    .marker_valid_o      (),
    .marker_pasid_o      (),
    .stop_busy_i         (1'b0),
    .engine_en_o         (),
    .engine_group_o      (),
    .user_int_en_o       (),
    .log_on_o            (),
    .halted_o            (),
    .adi_error_valid_i   (1'b0),
    .adi_error_ready_o   (),
    .adi_error_i         ('0),
    .eng_error_valid_i   (error_valid_i),
    .eng_error_ready_o   (),
    .eng_error_i         (error),
    .evl_valid_o         (),
    .evl_ready_i         (1'b0),
    .evl_o               (),
    .evl_done_i          (1'b0),
    .busy_o              (busy_o)
  );

endmodule
