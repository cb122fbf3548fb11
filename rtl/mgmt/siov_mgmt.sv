// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Registers and management: BAR0, the command mailbox, and the RV32 core whose firmware carries
/// commands out.
module siov_mgmt
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
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
  /// A WQ gets a new owner, pulse: its address translations are to be dropped.
  output logic            drop_valid_o,
  output logic [AdiW-1:0] drop_adi_o,
  output logic            thr_we_o,
  output logic [AdiW-1:0] thr_adi_o,
  output logic [15:0]     thr_o,
  output logic            stat_valid_o,
  output logic            stat_mark_o,
  output logic [AdiW-1:0] stat_adi_o,
  input  logic            stat_rsp_valid_i,
  input  logic [EntW:0]   stat_occupancy_i,
  input  logic [15:0]     stat_inflight_i,
  input  logic            stat_older_i,
  input  logic [15:0]     inflight_i,
  input  logic            adi_init_i,

  // page requests of who is stopped: as in siov_atc
  output stop_t           stop_o,
  input  left_t           left_i,
  output logic            left_next_o,
  output logic            marker_valid_o,
  output logic [19:0]     marker_pasid_o,
  input  logic            stop_busy_i,

  // scheduling
  output logic [MaxEngines-1:0]           engine_en_o,
  output logic [MaxEngines-1:0][GrpW-1:0] engine_group_o,

  /// GENCFG bit 12
  output logic            user_int_en_o,
  /// Software errors of descriptors go to the event log.
  output logic            log_on_o,

  /// The device is in Halt, until FLR: nothing but messages leaves any more.
  output logic            halted_o,

  // software errors: portals, engine
  input  logic            adi_error_valid_i,
  output logic            adi_error_ready_o,
  input  sw_error_t       adi_error_i,
  input  logic            eng_error_valid_i,
  output logic            eng_error_ready_o,
  input  sw_error_t       eng_error_i,

  /// Event log entries, one at a time; `evl_done_i`: it has entered the posted stream.
  output logic            evl_valid_o,
  input  logic            evl_ready_i,
  output dma_log_t        evl_o,
  input  logic            evl_done_i,

  output logic            busy_o
);

  logic clk;

  siov_clk_gate #(.Width($bits(fn_i))) u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (reg_valid_i || adi_error_valid_i || eng_error_valid_i || stat_rsp_valid_i ||
              evl_done_i || busy_o),
    .watch_i (fn_i),
    .clk_o   (clk)
  );

  // ------------------------------------------------------------------------------------------
  // The core and what it reaches

  localparam logic [3:0] SpaceBar0 = 4'h1;
  localparam logic [3:0] SpaceCtl  = 4'h2;

  logic        irq, sleep;
  logic        per_req, per_write, per_ack, to_bar0, to_ctl;
  logic [31:0] per_addr, per_wdata, per_rdata;
  logic [3:0]  per_be;
  logic [1:0]  unused_addr;  // 0: the core aligns

  siov_mgmt_core u_core (
    .clk_i          (clk),
    .rst_ni         (rst_ni),
    .irq_i          (irq),
    .sleep_o        (sleep),
    .periph_req_o   (per_req),
    .periph_write_o (per_write),
    .periph_addr_o  (per_addr),
    .periph_be_o    (per_be),
    .periph_wdata_o (per_wdata),
    .periph_ack_i   (per_ack),
    .periph_rdata_i (per_rdata),
    .periph_err_i   (!to_bar0 && !to_ctl)
  );

  assign unused_addr = per_addr[1:0];

  assign to_bar0 = per_addr[31:28] == SpaceBar0 && per_addr[27:18] == '0;
  assign to_ctl  = per_addr[31:28] == SpaceCtl && per_addr[27:8] == '0;

  reg_req_t    core_req;
  logic        core_rsp_valid, ctl_ack;
  logic [31:0] mmio_rdata, ctl_rdata;

  assign core_req = '{write: per_write, fw: 1'b1, addr: per_addr[17:2], be: per_be,
                      wdata: per_wdata};

  always_comb begin
    per_ack   = per_req;  // access fault
    per_rdata = mmio_rdata;
    if (to_bar0) begin
      per_ack = core_rsp_valid;
    end else if (to_ctl) begin
      per_ack   = ctl_ack;
      per_rdata = ctl_rdata;
    end
  end

  // ------------------------------------------------------------------------------------------
  // BAR0

  logic        init, quiet, mmio_busy;
  logic        fixed_valid, fixed_rsp_valid, table_valid, table_rsp_valid;
  logic [31:0] fixed_rdata, table_rdata;
  reg_req_t    req;
  logic        clear, table_clearing, disabled;

  assign init = adi_init_i || table_clearing || irq_clearing_i;

  siov_mmio u_mmio (
    .clk_i             (clk),
    .rst_ni            (rst_ni),
    .hold_i            (init || quiet),
    .host_valid_i      (reg_valid_i),
    .host_i            (reg_i),
    .host_rsp_valid_o  (reg_rsp_valid_o),
    .core_valid_i      (per_req && to_bar0),
    .core_i            (core_req),
    .core_rsp_valid_o  (core_rsp_valid),
    .rdata_o           (mmio_rdata),
    .req_o             (req),
    .fixed_valid_o     (fixed_valid),
    .fixed_rsp_valid_i (fixed_rsp_valid),
    .fixed_rdata_i     (fixed_rdata),
    .table_valid_o     (table_valid),
    .table_rsp_valid_i (table_rsp_valid),
    .table_rdata_i     (table_rdata),
    .irq_valid_o       (irq_reg_valid_o),
    .irq_rsp_valid_i   (irq_reg_rsp_valid_i),
    .irq_rdata_i       (irq_reg_rdata_i),
    .busy_o            (mmio_busy)
  );

  assign reg_rdata_o = mmio_rdata;
  assign irq_reg_o   = req;
  assign irq_clear_o = clear;

  logic        cmd_active, done_valid, halt, halt_ack;
  cmd_t        cmd;
  logic [7:0]  done_error;
  logic [15:0] done_result;

  logic        log_busy;

  siov_regs u_regs (
    .clk_i             (clk),
    .rst_ni            (rst_ni),
    .strap_i           (strap_i),
    .fn_i              (fn_i),
    .valid_i           (fixed_valid),
    .req_i             (req),
    .rsp_valid_o       (fixed_rsp_valid),
    .rdata_o           (fixed_rdata),
    .clear_i           (clear),
    .cmd_active_o      (cmd_active),
    .cmd_o             (cmd),
    .done_valid_i      (done_valid),
    .done_error_i      (done_error),
    .done_result_i     (done_result),
    .halt_o            (halt),
    .halt_ack_i        (halt_ack),
    .adi_error_valid_i (adi_error_valid_i),
    .adi_error_ready_o (adi_error_ready_o),
    .adi_error_i       (adi_error_i),
    .eng_error_valid_i (eng_error_valid_i),
    .eng_error_ready_o (eng_error_ready_o),
    .eng_error_i       (eng_error_i),
    .evl_valid_o       (evl_valid_o),
    .evl_ready_i       (evl_ready_i),
    .evl_o             (evl_o),
    .evl_done_i        (evl_done_i),
    .log_busy_o        (log_busy),
    .evt_valid_o       (evt_valid_o),
    .evt_ready_i       (evt_ready_i),
    .disabled_o        (disabled),
    .halted_o          (halted_o),
    .user_int_en_o     (user_int_en_o),
    .log_on_o          (log_on_o)
  );

  siov_cfg_tables u_tables (
    .clk_i       (clk),
    .rst_ni      (rst_ni),
    .strap_i     (strap_i),
    .valid_i     (table_valid),
    .req_i       (req),
    .rsp_valid_o (table_rsp_valid),
    .rdata_o     (table_rdata),
    .disabled_i  (disabled),
    .thr_we_o    (thr_we_o),
    .thr_adi_o   (thr_adi_o),
    .thr_o       (thr_o),
    .clear_i     (clear),
    .clearing_o  (table_clearing)
  );

  // ------------------------------------------------------------------------------------------
  // Control block

  siov_ctl u_ctl (
    .clk_i            (clk),
    .rst_ni           (rst_ni),
    .strap_i          (strap_i),
    .fn_i             (fn_i),
    .hold_i           (adi_init_i),
    .req_i            (per_req && to_ctl),
    .write_i          (per_write),
    .addr_i           (per_addr[7:2]),
    .wdata_i          (per_wdata),
    .ack_o            (ctl_ack),
    .rdata_o          (ctl_rdata),
    .irq_o            (irq),
    .cmd_active_i     (cmd_active),
    .cmd_i            (cmd),
    .done_valid_o     (done_valid),
    .done_error_o     (done_error),
    .done_result_o    (done_result),
    .halt_i           (halt),
    .halt_ack_o       (halt_ack),
    .log_busy_i       (log_busy),
    .quiet_o          (quiet),
    .mmio_busy_i      (mmio_busy || init),  // the clearing after reset ends first
    .clear_o          (clear),
    .clearing_i       (table_clearing || irq_clearing_i),
    .ctl_we_o         (ctl_we_o),
    .ctl_adi_o        (ctl_adi_o),
    .ctl_o            (ctl_o),
    .drop_o           (drop_valid_o),
    .stat_valid_o     (stat_valid_o),
    .stat_mark_o      (stat_mark_o),
    .stat_adi_o       (stat_adi_o),
    .stat_rsp_valid_i (stat_rsp_valid_i),
    .stat_occupancy_i (stat_occupancy_i),
    .stat_inflight_i  (stat_inflight_i),
    .stat_older_i     (stat_older_i),
    .inflight_i       (inflight_i),
    .stop_o           (stop_o),
    .left_i           (left_i),
    .left_next_o      (left_next_o),
    .marker_valid_o   (marker_valid_o),
    .marker_pasid_o   (marker_pasid_o),
    .stop_busy_i      (stop_busy_i),
    .engine_en_o      (engine_en_o),
    .engine_group_o   (engine_group_o)
  );

  assign drop_adi_o = ctl_adi_o;
  assign busy_o = !sleep || irq || init || mmio_busy || reg_valid_i || evt_valid_o || log_busy;

endmodule
