// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Brings the two masters of BAR0, host and management core, to the registers. One access at a time
/// and whole: nobody sees half of another's read-modify-write. When both want one they take turns.
///
/// A master holds valid and request until its response, a pulse; `rdata_o` is for both. The target
/// sees the same protocol.
module siov_mmio
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  /// No access starts while this is high.
  input  logic        hold_i,

  input  logic        host_valid_i,
  input  reg_req_t    host_i,
  output logic        host_rsp_valid_o,
  input  logic        core_valid_i,
  input  reg_req_t    core_i,
  output logic        core_rsp_valid_o,
  output logic [31:0] rdata_o,

  output reg_req_t    req_o,
  /// Fixed registers, and all addresses that have none.
  output logic        fixed_valid_o,
  input  logic        fixed_rsp_valid_i,
  input  logic [31:0] fixed_rdata_i,
  /// WQCFG and GRPCFG tables.
  output logic        table_valid_o,
  input  logic        table_rsp_valid_i,
  input  logic [31:0] table_rdata_i,
  /// Tables of irq/.
  output logic        irq_valid_o,
  input  logic        irq_rsp_valid_i,
  input  logic [31:0] irq_rdata_i,

  output logic        busy_o
);

  typedef enum logic [1:0] { TgtFixed, TgtTable, TgtIrq } target_e;

  function automatic logic inside_table(logic [17:0] addr, int unsigned first, int unsigned bytes);
    return 32'(addr) >= first && 32'(addr) < first + bytes;
  endfunction

  function automatic target_e target_of(logic [17:2] dw);
    logic [17:0] addr = {dw, 2'b0};
    if (inside_table(addr, WqcfgOffset, WqcfgStride * WqcfgCount) ||
        inside_table(addr, GrpcfgOffset, GrpcfgStride * GrpcfgCount)) return TgtTable;
    if (inside_table(addr, MsixpermOffset, MsixpermStride * MsixpermCount) ||
        inside_table(addr, MsixOffset, MsixStride * MsixCount) ||
        inside_table(addr, PbaOffset, $bits(pba_t) / 8) ||
        inside_table(addr, ImsOffset, ImsStride * ImsCount)) return TgtIrq;
    return TgtFixed;
  endfunction

  logic     busy_q, core_q;  // an access is under way; it is, or the last one was, the core's
  reg_req_t req_q;
  target_e  target_q;

  logic     core_next, rsp_valid;
  reg_req_t next;

  assign core_next = core_valid_i && !(host_valid_i && core_q);
  assign next      = core_next ? core_i : host_i;

  assign req_o         = req_q;
  assign fixed_valid_o = busy_q && target_q == TgtFixed;
  assign table_valid_o = busy_q && target_q == TgtTable;
  assign irq_valid_o   = busy_q && target_q == TgtIrq;

  always_comb begin
    unique case (target_q)
      TgtTable: {rsp_valid, rdata_o} = {table_rsp_valid_i, table_rdata_i};
      TgtIrq:   {rsp_valid, rdata_o} = {irq_rsp_valid_i, irq_rdata_i};
      default:  {rsp_valid, rdata_o} = {fixed_rsp_valid_i, fixed_rdata_i};
    endcase
  end

  assign host_rsp_valid_o = busy_q && rsp_valid && !core_q;
  assign core_rsp_valid_o = busy_q && rsp_valid && core_q;
  assign busy_o           = busy_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      core_q <= 1'b0;
    end else if (!busy_q) begin
      if ((host_valid_i || core_valid_i) && !hold_i) begin
        busy_q   <= 1'b1;
        core_q   <= core_next;
        req_q    <= next;
        target_q <= target_of(next.addr);
      end
    end else if (rsp_valid) begin
      busy_q <= 1'b0;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Assertions

  // Only the management core may write what is read-only to the host.
  always_ff @(posedge clk_i) begin
    if (rst_ni && host_valid_i) begin
      HostIsNotFirmware_A: assert (!host_i.fw)
        else $error("a BAR0 access of the host says it comes from firmware");
    end
    if (rst_ni && busy_q && !core_q) begin
      HostHolds_A: assert (host_valid_i && host_i == req_q)
        else $error("a BAR0 access changed before its response");
    end
  end

endmodule
