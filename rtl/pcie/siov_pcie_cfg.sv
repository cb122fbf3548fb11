// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Config space of the one function (contents: siov_pcie_cfg_pkg). Reads are combinational; writes
/// take effect at the next clock. FLR holds everything but the sticky bits, Max_Payload_Size and
/// the captured bus and device number at reset.
module siov_pcie_cfg
  import siov_pkg::*, siov_pcie_pkg::*, siov_pcie_cfg_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  strap_t       strap_i,
  input  logic         flr_i,
  /// Transactions Pending
  input  logic         np_pending_i,

  input  logic         cfg_valid_i,
  input  cfg_req_t     cfg_i,
  output logic [31:0]  cfg_rdata_o,
  /// This write sets Initiate FLR.
  output logic         cfg_flr_o,

  input  err_event_t   err_i [NumErrSources],
  /// Error messages to send: pulses.
  output err_msg_t [NumErrSources:0] err_msg_o,

  // Page Request Interface, see siov_pcie_pri
  input  logic         pri_pending_i,
  input  logic         pri_failure_i,
  input  logic         pri_unexpected_i,
  output logic         pri_reset_o,

  output pcie_fn_t     fn_o,
  output logic [63:18] bar0_o,
  output logic [63:16] bar2_o,
  /// Which of BAR2's address bits 23:16 are above its size.
  output logic [23:16] bar2_mask_o
);

  logic [NumRwRegs-1:0][31:0] rw_q;
  logic [15:0]                rid_q;
  logic [11:0]                addr;
  logic [31:0]                err_rdata;
  logic [15:0]                pri_status;
  logic                       pri_allowed;

  assign addr      = {cfg_i.addr, 2'b00};
  assign cfg_flr_o = cfg_valid_i && cfg_i.write && addr == CfgDevCtl && cfg_i.be[1] &&
                     cfg_i.wdata[15];

  // BAR2: 16 KiB a WQ, rounded up to a power of two, at least 64 KiB.
  for (genvar b = 16; b < 24; b++) begin : gen_bar2_mask
    assign bar2_mask_o[b] = strap_i.wqs <= 16'(4 << (b - 16));
  end

  // ------------------------------------------------------------------------------------------
  // Writes

  logic [31:0] write_mask;

  always_comb begin
    write_mask = '0;
    if (cfg_valid_i && cfg_i.write) begin
      write_mask = be_mask(cfg_i.be);
      if (addr == CfgBar2) write_mask &= {8'hff, bar2_mask_o, 16'h0000};
      if (addr == CfgPmCtl && cfg_i.wdata[1] != cfg_i.wdata[0]) write_mask = '0;  // no D1, D2
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      for (int unsigned r = 0; r < NumRwRegs; r++) rw_q[r] <= RwRegs[r].reset;
    end else if (flr_i) begin
      for (int unsigned r = 0; r < NumRwRegs; r++) begin
        rw_q[r] <= (rw_q[r] & RwRegs[r].keep) | (RwRegs[r].reset & ~RwRegs[r].keep);
      end
    end else if (cfg_valid_i && cfg_i.write) begin
      for (int unsigned r = 0; r < NumRwRegs; r++) begin
        if (addr == RwRegs[r].addr) begin
          rw_q[r] <= (rw_q[r] & ~(write_mask & RwRegs[r].mask)) |
                     (cfg_i.wdata & write_mask & RwRegs[r].mask);
        end
      end
    end
  end

  // Captured from every config write (PCIe 2.2.6.2).
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rid_q <= '0;
    end else if (cfg_valid_i && cfg_i.write) begin
      rid_q <= {cfg_i.bus_dev, 3'd0};
    end
  end

  // ------------------------------------------------------------------------------------------
  // Errors

  siov_pcie_err u_err (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .flr_i           (flr_i),
    .d3hot_i         (fn_o.d3hot),
    .parity_en_i     (rw_q[RwCommand][6]),
    .serr_en_i       (rw_q[RwCommand][8]),
    .report_en_i     ('{fatal: rw_q[RwDevCtl][2], nonfatal: rw_q[RwDevCtl][1],
                        cor: rw_q[RwDevCtl][0]}),
    .report_ur_i     (rw_q[RwDevCtl][3]),
    .mask_i          (rw_q[RwUncMask]),
    .severity_i      (rw_q[RwUncSev]),
    .advisory_mask_i (rw_q[RwCorMask][13]),
    .event_i         (err_i),
    .msg_o           (err_msg_o),
    .addr_i          (addr),
    .clear_i         (cfg_i.wdata & write_mask),
    .read_i          (cfg_valid_i),
    .rdata_o         (err_rdata)
  );

  // ------------------------------------------------------------------------------------------
  // Page Request Interface. Reset acts only while Enable is clear, or is being cleared.

  assign pri_reset_o = addr == CfgPriCtl && write_mask[1] && cfg_i.wdata[1] && !cfg_i.wdata[0];

  siov_pcie_pri u_pri (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .flr_i        (flr_i),
    .enable_i     (rw_q[RwPriCtl][0]),
    .pending_i    (pri_pending_i),
    .failure_i    (pri_failure_i),
    .unexpected_i (pri_unexpected_i),
    .allowed_o    (pri_allowed),
    .clear_i      (addr == CfgPriCtl ? cfg_i.wdata[17:16] & write_mask[17:16] : '0),
    .status_o     (pri_status)
  );

  // ------------------------------------------------------------------------------------------
  // Reads

  always_comb begin
    cfg_rdata_o = '0;
    if (cfg_valid_i) begin
      cfg_rdata_o = cfg_const(addr, strap_i) | err_rdata;
      for (int unsigned r = 0; r < NumRwRegs; r++) begin
        if (addr == RwRegs[r].addr) cfg_rdata_o |= rw_q[r];
      end
      if (addr == CfgDevCtl) cfg_rdata_o[21] = np_pending_i;
      if (addr == CfgPriCtl) cfg_rdata_o[31:16] |= pri_status;
    end
  end

  // ------------------------------------------------------------------------------------------
  // For the rest of the device

  assign bar0_o = {rw_q[RwBar0High], rw_q[RwBar0][31:18]};
  assign bar2_o = {rw_q[RwBar2High], rw_q[RwBar2][31:16]};

  assign fn_o.rid           = rid_q;
  assign fn_o.mse           = rw_q[RwCommand][1];
  assign fn_o.bme           = rw_q[RwCommand][2];
  assign fn_o.tag10         = rw_q[RwDevCtl2][12];
  assign fn_o.relaxed       = rw_q[RwDevCtl][4];
  assign fn_o.mps           = rw_q[RwDevCtl][7:5] > 3'd2 ? 3'd2 : rw_q[RwDevCtl][7:5];
  assign fn_o.ext_tag       = rw_q[RwDevCtl][8];
  assign fn_o.no_snoop      = rw_q[RwDevCtl][11];
  assign fn_o.ido_req       = rw_q[RwDevCtl2][8];
  assign fn_o.ido_cpl       = rw_q[RwDevCtl2][9];
  assign fn_o.cto_value     = rw_q[RwDevCtl2][3:0];
  assign fn_o.cto_dis       = rw_q[RwDevCtl2][4];
  assign fn_o.mrrs          = rw_q[RwDevCtl][14:12];
  assign fn_o.msix_en       = rw_q[RwMsix][31];
  assign fn_o.msix_fmask    = rw_q[RwMsix][30];
  assign fn_o.d3hot         = rw_q[RwPmCtl][0];
  assign fn_o.ats_en        = rw_q[RwAtsCtl][31];
  assign fn_o.stu           = rw_q[RwAtsCtl][20:16];
  assign fn_o.pasid_en      = rw_q[RwPasidCtl][16];
  assign fn_o.pasid_priv_en = rw_q[RwPasidCtl][18];
  assign fn_o.pri_en        = pri_allowed;
  assign fn_o.pri_cfg       = rw_q[RwPriCtl][0];
  // Saturated.
  assign fn_o.pri_alloc     = rw_q[RwPriAlloc][31:16] != '0 ? '1 : rw_q[RwPriAlloc][15:0];

endmodule
