// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Interrupts: the MSI-X table, its PBA and permissions, and the IMS (DSA 3.7, 9.2), in RAM.
/// Each entry of MSIXPERM and IMS has a hidden bit `granted`, bit 4 of its control DW: a firmware
/// write to that DW writes this bit alone, and only firmware sees it. Handles work if granted.
/// Requests are served one at a time: registers, then events, then completions, then checks.
module siov_irq import siov_pkg::*, siov_regs_pkg::*, siov_irq_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,
  input  pcie_fn_t    fn_i,
  /// The device is in Halt: completion interrupts are dropped, as their records are. Events go on.
  input  logic        halt_i,

  /// Set MSIXPERM, PBA and IMS to their reset values (Reset Device): pulse; `clearing_o` is high
  /// until done. After reset this happens by itself, for the MSI-X table as well.
  input  logic        clear_i,
  output logic        clearing_o,

  /// Register access to MSIXPERM, MSI-X table, PBA, IMS; held until the answer, a pulse.
  input  logic        reg_valid_i,
  input  reg_req_t    reg_i,
  output logic        reg_rsp_valid_o,
  output logic [31:0] reg_rdata_o,

  /// Handle check of a descriptor (DSA 3.7): in range, PASID enable and PASID agree.
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

  logic clk;

  siov_clk_gate u_clk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .need_i  (reg_valid_i || chk_valid_i || irq_valid_i || evt_valid_i || msg_done_i || clear_i ||
              busy_o),
    .watch_i (1'b0),
    .clk_o   (clk)
  );

  // --- choose -----------------------------------------------------------------------------------

  logic            idle, accept, exec_q, clearing_q, room;
  irq_cmd_t        cmd, cmd_q;
  logic            reg_in_ims, reg_in_perm;
  logic            scan_valid, sweep_valid;
  logic [5:0]      scan_index;
  logic [IntW-1:0] sweep_index;

  assign idle        = !exec_q && !clearing_q;
  assign evt_ready_o = idle && !reg_valid_i;
  assign irq_ready_o = idle && !reg_valid_i && !evt_valid_i && room;
  assign chk_ready_o = idle && !reg_valid_i && !evt_valid_i && !(irq_valid_i && room);

  assign reg_in_ims  = reg_i.addr[17:16] == 2'(ImsOffset >> 16);
  assign reg_in_perm = reg_i.addr[17:12] == 6'(MsixpermOffset >> 12);

  always_comb begin
    cmd    = '{op: OpCheck, ims: 1'b0, index: '0, tenant: chk_tenant_i};
    accept = idle;
    if (reg_valid_i) begin
      cmd.op    = OpReg;
      cmd.ims   = reg_in_ims;
      cmd.index = reg_in_ims ? 16'(reg_i.addr[15:4]) :
                  reg_in_perm ? 16'(reg_i.addr[8:3]) : 16'(reg_i.addr[9:4]);
    end else if (evt_valid_i) begin
      cmd.op = OpEvent;
    end else if (irq_valid_i && room) begin
      cmd.op    = OpIrq;
      cmd.ims   = irq_id_i.ims;
      cmd.index = irq_id_i.index;
    end else if (chk_valid_i) begin
      cmd.ims   = chk_id_i.ims;
      cmd.index = chk_id_i.index;
    end else if (scan_valid && room) begin
      cmd.op    = OpScan;
      cmd.index = 16'(scan_index);
    end else if (sweep_valid && room) begin
      cmd.op    = OpSweep;
      cmd.ims   = 1'b1;
      cmd.index = 16'(sweep_index);
    end else begin
      accept = 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_ni) exec_q <= 1'b0;
    else exec_q <= accept;
  end

  always_ff @(posedge clk) begin
    if (accept) cmd_q <= cmd;
  end

  // --- carry out --------------------------------------------------------------------------------

  logic            clear, clear_last;
  logic            clear_table_q;
  logic [IntW-1:0] clear_row_q;
  logic [31:0]     msix_rdata, ims_rdata;
  logic            msix_ok, ims_ok, msix_send, ims_send;
  dma_msg_t        msix_msg, ims_msg;
  logic            send, send_busy;

  assign send = (msix_send || ims_send) && !(halt_i && cmd_q.op == OpIrq);

  siov_irq_msix u_msix (
    .clk_i         (clk),
    .rst_ni        (rst_ni),
    .entries_i     (strap_i.msix_entries),
    .enabled_i     (fn_i.msix_en && !fn_i.msix_fmask && fn_i.bme && !fn_i.d3hot),
    .clear_i       (clear && clear_row_q[IntW-1:6] == '0),
    .clear_table_i (clear_table_q),
    .clear_row_i   (clear_row_q[5:0]),
    .look_i        (accept && !cmd.ims),
    .look_index_i  (cmd.index[5:0]),
    .exec_i        (exec_q),
    .cmd_i         (cmd_q),
    .reg_i         (reg_i),
    .room_i        (room),
    .rdata_o       (msix_rdata),
    .ok_o          (msix_ok),
    .send_o        (msix_send),
    .msg_o         (msix_msg),
    .scan_valid_o  (scan_valid),
    .scan_index_o  (scan_index)
  );

  siov_irq_ims u_ims (
    .clk_i         (clk),
    .rst_ni        (rst_ni),
    .entries_i     (strap_i.ims_entries),
    .clear_i       (clear),
    .clear_row_i   (clear_row_q),
    .look_i        (accept && cmd.ims),
    .look_index_i  (cmd.index[IntW-1:0]),
    .exec_i        (exec_q),
    .cmd_i         (cmd_q),
    .reg_i         (reg_i),
    .room_i        (room),
    .rdata_o       (ims_rdata),
    .ok_o          (ims_ok),
    .send_o        (ims_send),
    .msg_o         (ims_msg),
    .sweep_valid_o (sweep_valid),
    .sweep_index_o (sweep_index)
  );

  siov_irq_send u_send (
    .clk_i       (clk),
    .rst_ni      (rst_ni),
    .room_o      (room),
    .push_i      (send || (exec_q && cmd_q.op == OpIrq)),
    .push_msg_i  (send),
    .msg_i       (ims_send ? ims_msg : msix_msg),
    .push_irq_i  (cmd_q.op == OpIrq),
    .irq_done_o  (irq_done_o),
    .msg_valid_o (msg_valid_o),
    .msg_ready_i (msg_ready_i),
    .msg_o       (msg_o),
    .msg_done_i  (msg_done_i),
    .busy_o      (send_busy)
  );

  assign reg_rsp_valid_o = exec_q && cmd_q.op == OpReg;
  assign reg_rdata_o     = cmd_q.ims ? ims_rdata : msix_rdata;
  assign chk_rsp_valid_o = exec_q && cmd_q.op == OpCheck;
  assign chk_ok_o        = cmd_q.ims ? ims_ok : msix_ok;

  // --- reset values, one row a clock ------------------------------------------------------------

  // Rows beyond the strap are never seen.
  assign clear_last = clear_row_q >= IntW'(MaxMsix - 1) &&
                      16'(clear_row_q) + 16'd1 >= strap_i.ims_entries;
  assign clear      = clearing_q && !exec_q;
  assign clearing_o = clearing_q;

  always_ff @(posedge clk) begin
    if (!rst_ni) begin
      clearing_q    <= 1'b1;
      clear_table_q <= 1'b1;
      clear_row_q   <= '0;
    end else if (clear_i) begin
      clearing_q  <= 1'b1;
      clear_row_q <= '0;
    end else if (clear) begin
      clear_row_q <= clear_row_q + 1'b1;
      if (clear_last) begin
        clearing_q    <= 1'b0;
        clear_table_q <= 1'b0;
      end
    end
  end

  assign busy_o = exec_q || clearing_q || send_busy || scan_valid || sweep_valid;

endmodule
