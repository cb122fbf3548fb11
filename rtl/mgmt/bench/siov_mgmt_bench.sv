// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of registers and management: siov_mgmt with its firmware, 8 WQs of 128 entries.
/// Structs are taken apart for C++. Tables of irq/ read 0.
module siov_mgmt_bench import siov_pkg::*; (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         bme_i,
  input  logic         pasid_en_i,
  input  logic         priv_en_i,
  input  logic         ats_en_i,
  input  logic         pri_cfg_i,
  input  logic         pri_en_i,
  input  logic [15:0]  pri_alloc_i,

  // the host's accesses to BAR0
  input  logic         reg_valid_i,
  input  logic         reg_write_i,
  input  logic         reg_fw_i,
  input  logic [15:0]  reg_addr_i,  // DW
  input  logic [31:0]  reg_wdata_i,
  output logic         reg_rsp_valid_o,
  output logic [31:0]  reg_rdata_o,

  output logic         evt_valid_o,

  // rows of WQs, and how many descriptors each has in flight
  output logic         ctl_we_o,
  output logic [9:0]   ctl_adi_o,
  output logic         ctl_enabled_o,
  output logic         ctl_discard_o,
  output logic         drop_o,
  input  logic [15:0]  busy_wqs_i,

  output logic         thr_we_o,
  output logic [9:0]   thr_adi_o,
  output logic [15:0]  thr_o,

  // errors: of a WQ's portal, of the engine
  input  logic         adi_error_valid_i,
  output logic         adi_error_ready_o,
  input  logic         eng_error_valid_i,
  output logic         eng_error_ready_o,
  input  logic [7:0]   error_code_i,
  input  logic [9:0]   error_adi_i,
  input  logic [19:0]  error_pasid_i,
  input  logic         error_rw_i,
  input  logic [31:0]  error_info_i,
  input  logic [63:0]  error_addr_i,
  input  logic         error_rec_valid_i,
  input  logic [255:0] error_rec_i,

  output logic         evl_valid_o,
  input  logic         evl_ready_i,
  output logic [63:0]  evl_addr_o,
  output logic [21:0]  evl_pasid_o,  // valid, privileged, PASID
  output logic [511:0] evl_data_o,
  input  logic         evl_done_i,

  output logic         halted_o,
  output logic         log_on_o,
  output logic         busy_o
);

  pcie_fn_t fn;

  always_comb begin
    fn               = '0;
    fn.bme           = bme_i;
    fn.pasid_en      = pasid_en_i;
    fn.pasid_priv_en = priv_en_i;
    fn.ats_en        = ats_en_i;
    fn.pri_cfg       = pri_cfg_i;
    fn.pri_en        = pri_en_i;
    fn.pri_alloc     = pri_alloc_i;
  end

  sw_error_t error;

  always_comb begin
    error                    = '0;
    error.code               = error_code_i;
    error.desc_valid         = 1'b1;
    error.rw                 = error_rw_i;
    error.info_valid         = 1'b1;
    error.info               = error_info_i;
    error.operation          = 8'h03;
    error.tenant.adi         = error_adi_i;
    error.tenant.pasid_valid = 1'b1;
    error.tenant.pasid       = error_pasid_i;
    error.addr               = error_addr_i;
    error.rec_valid          = error_rec_valid_i;
    error.rec                = error_rec_i;
  end

  // Status of a WQ, two clocks after the question; registers of irq/, one clock.
  logic            stat_valid, stat_valid_q, stat_rsp_q;
  logic [AdiW-1:0] stat_adi, stat_adi_q;
  logic [15:0]     inflight_q;
  logic            irq_valid, irq_rsp_q;
  // All of a WQ is older than its mark.
  logic            stat_mark;
  logic [15:0]     marked_q;

  always_ff @(posedge clk_i) begin
    stat_valid_q <= rst_ni && stat_valid;
    stat_rsp_q   <= rst_ni && stat_valid_q;
    irq_rsp_q    <= rst_ni && irq_valid && !irq_rsp_q;
    stat_adi_q   <= stat_adi;
    inflight_q   <= 16'((busy_wqs_i >> stat_adi_q) & 16'd1);
    if (!rst_ni) marked_q <= '0;
    else if (stat_valid && stat_mark) marked_q[stat_adi[3:0]] <= 1'b1;
  end

  wq_ctl_t         ctl;
  dma_log_t        evl;

  assign ctl_enabled_o = ctl.enabled;
  assign ctl_discard_o = ctl.discard;
  assign evl_addr_o    = {evl.addr, 6'b0};
  assign evl_pasid_o   = {evl.pasid_valid, evl.priv, evl.pasid};
  assign evl_data_o    = evl.data;

  logic unused_ctl;  // the rest of a row
  assign unused_ctl = ^ctl;

  localparam strap_t Strap = '{engines: 8'd4, groups: 8'd4, ims_entries: 16'd256,
                               msix_entries: 16'd9, wq_entries: 16'd128, wqs: 16'd8,
                               default: '0};

  siov_mgmt u_mgmt (
    .clk_i               (clk_i),
    .rst_ni              (rst_ni),
    .strap_i             (Strap),
    .fn_i                (fn),
    .reg_valid_i         (reg_valid_i),
    .reg_i               ('{write: reg_write_i, fw: reg_fw_i, addr: reg_addr_i, be: 4'hf,
                            wdata: reg_wdata_i}),
    .reg_rsp_valid_o     (reg_rsp_valid_o),
    .reg_rdata_o         (reg_rdata_o),
    .irq_reg_valid_o     (irq_valid),
    .irq_reg_o           (),
    .irq_reg_rsp_valid_i (irq_rsp_q),
    .irq_reg_rdata_i     ('0),
    .irq_clear_o         (),
    .irq_clearing_i      (1'b0),
    .evt_valid_o         (evt_valid_o),
    .evt_ready_i         (1'b1),
    .ctl_we_o            (ctl_we_o),
    .ctl_adi_o           (ctl_adi_o),
    .ctl_o               (ctl),
    .drop_valid_o        (drop_o),
    .drop_adi_o          (),
    .thr_we_o            (thr_we_o),
    .thr_adi_o           (thr_adi_o),
    .thr_o               (thr_o),
    .stat_valid_o        (stat_valid),
    .stat_mark_o         (stat_mark),
    .stat_adi_o          (stat_adi),
    .stat_rsp_valid_i    (stat_rsp_q),
    .stat_occupancy_i    ('0),
    .stat_inflight_i     (inflight_q),
    .stat_older_i        (inflight_q != '0 && marked_q[stat_adi_q[3:0]]),
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
    .log_on_o            (log_on_o),
    .halted_o            (halted_o),
    .adi_error_valid_i   (adi_error_valid_i),
    .adi_error_ready_o   (adi_error_ready_o),
    .adi_error_i         (error),
    .eng_error_valid_i   (eng_error_valid_i),
    .eng_error_ready_o   (eng_error_ready_o),
    .eng_error_i         (error),
    .evl_valid_o         (evl_valid_o),
    .evl_ready_i         (evl_ready_i),
    .evl_o               (evl),
    .evl_done_i          (evl_done_i),
    .busy_o              (busy_o)
  );

endmodule
