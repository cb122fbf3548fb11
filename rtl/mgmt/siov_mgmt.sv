// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Registers and management: BAR0, the command mailbox, and the RV32 core whose firmware carries
/// commands out.
module siov_mgmt import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  strap_t          strap_i,
  input  pcie_fn_t        fn_i,

  // from pcie/
  input  logic            reg_valid_i,
  input  reg_req_t        reg_i,
  output logic            reg_rsp_valid_o,
  output logic [31:0]     reg_rdata_o,

  // tables in irq/
  output logic            irq_reg_valid_o,
  output reg_req_t        irq_reg_o,
  input  logic            irq_reg_rsp_valid_i,
  input  logic [31:0]     irq_reg_rdata_i,
  output logic            irq_clear_o,
  input  logic            irq_clearing_i,
  /// One event to MSI-X entry 0.
  output logic            evt_valid_o,
  input  logic            evt_ready_i,

  // queues
  output logic            ctl_we_o,
  output logic [AdiW-1:0] ctl_adi_o,
  output wq_ctl_t         ctl_o,
  output logic            stat_valid_o,
  output logic [AdiW-1:0] stat_adi_o,
  input  logic            stat_rsp_valid_i,
  input  logic [EntW:0]   stat_occupancy_i,
  input  logic [15:0]     stat_inflight_i,
  input  logic [15:0]     inflight_i,
  input  logic            adi_init_i,

  // scheduling
  output logic [MaxEngines-1:0]           engine_en_o,
  output logic [MaxEngines-1:0][GrpW-1:0] engine_group_o,

  /// GENCFG bit 12
  output logic            user_int_en_o,

  // software errors: portals, engine
  input  logic            adi_error_valid_i,
  output logic            adi_error_ready_o,
  input  sw_error_t       adi_error_i,
  input  logic            eng_error_valid_i,
  output logic            eng_error_ready_o,
  input  sw_error_t       eng_error_i,

  output logic            busy_o
);

  // STUB: body follows

endmodule
