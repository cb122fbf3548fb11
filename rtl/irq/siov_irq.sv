// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Interrupts: the MSI-X table, its PBA and permissions, and the IMS (DSA 2.19-2.21, 8), in RAM.
/// Each entry of MSIXPERM and IMS has a hidden bit `granted`, bit 4 of its control DW: a firmware
/// write to that DW writes this bit alone, and only firmware sees it. Handles work if granted.
/// Requests are served one at a time: registers, then events, then completions, then checks.
module siov_irq import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,
  input  pcie_fn_t    fn_i,

  /// Set MSIXPERM, PBA and IMS to their reset values (Reset Device): pulse; `clearing_o` is high
  /// until done. After reset this happens by itself, for the MSI-X table as well.
  input  logic        clear_i,
  output logic        clearing_o,

  /// Register access to MSIXPERM, MSI-X table, PBA, IMS; held until the answer, a pulse.
  input  logic        reg_valid_i,
  input  reg_req_t    reg_i,
  output logic        reg_rsp_valid_o,
  output logic [31:0] reg_rdata_o,

  /// Handle check of a descriptor (DSA 8): in range, PASID enable and PASID agree.
  input  logic        chk_valid_i,
  output logic        chk_ready_o,
  input  irq_id_t     chk_id_i,
  input  tenant_t     chk_tenant_i,
  output logic        chk_rsp_valid_o,
  output logic        chk_ok_o,

  /// Completion interrupts: dropped if the entry says Ignore.
  input  logic        irq_valid_i,
  output logic        irq_ready_o,
  input  irq_id_t     irq_id_i,
  output logic        irq_done_o,

  /// Events of the function (MSI-X entry 0).
  input  logic        evt_valid_i,
  output logic        evt_ready_o,

  output logic        msg_valid_o,
  input  logic        msg_ready_i,
  output dma_msg_t    msg_o,
  input  logic        msg_done_i,

  output logic        busy_o
);

  // STUB: body follows

endmodule
