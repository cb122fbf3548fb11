// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Machine-mode control and status registers, the trap state and the counters.
///
/// An access takes one cycle: `rdata_o` and `illegal_o` are combinational, the write happens at the
/// clock edge if `commit_i` is high. A trap or a return in the same cycle does not occur: an
/// instruction that traps does not commit.
///
/// WARL choices: mtvec is direct mode only; MPP is always M; of mie and mip only the machine external
/// interrupt exists; mepc is a multiple of 4. mhpmcounter3..31 and mhpmevent3..31 are zero. So are
/// tselect and tdata1, which tells software that there are no breakpoint triggers.
module siov_rv32_csr
  import siov_rv32_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        awake_i,       ///< mcycle counts while high: not in WFI
  input  logic        retire_i,      ///< an instruction completes in this cycle
  input  logic        irq_i,         ///< mip.MEIP

  input  logic        access_i,      ///< a CSR instruction is being executed
  input  logic        commit_i,      ///< it does not trap
  input  logic [31:12] instr_i,
  input  logic [31:0] rs1_i,
  output logic [31:0] rdata_o,
  output logic        illegal_o,     ///< no such CSR, or a write to a read-only one

  input  logic        trap_i,        ///< enter the trap handler
  input  cause_e      cause_i,
  input  logic [31:2] epc_i,
  input  logic [31:0] tval_i,
  input  logic        mret_i,

  output logic [31:2] mtvec_o,
  output logic [31:2] mepc_o,
  output logic        irq_pending_o, ///< an interrupt pends and is enabled in mie: ends WFI
  output logic        irq_take_o     ///< ... and mstatus.MIE lets it trap
);

  logic        mie_q, mpie_q, meie_q;
  logic [31:2] mtvec_q, mepc_q;
  logic [31:0] mscratch_q, mcause_q, mtval_q;
  logic [63:0] mcycle_q, minstret_q;

  assign mtvec_o       = mtvec_q;
  assign mepc_o        = mepc_q;
  assign irq_pending_o = irq_i && meie_q;
  assign irq_take_o    = irq_pending_o && mie_q;

  csr_e        addr;
  logic [2:0]  funct3;
  assign addr   = csr_e'(instr_i[31:20]);
  assign funct3 = instr_i[14:12];

  // CSRRS and CSRRC with x0 or an immediate of 0 do not write.
  logic write;
  assign write = access_i && (funct3[1:0] == 2'd1 || instr_i[19:15] != '0);

  logic exists;
  always_comb begin
    rdata_o = '0;
    exists  = 1'b1;
    if (access_i) begin
      unique case (addr)
        CsrMstatus:               rdata_o = {19'h0, 2'b11, 3'h0, mpie_q, 3'h0, mie_q, 3'h0};
        CsrMisa:                  rdata_o = MisaRv32im;
        CsrMie:                   rdata_o = {20'h0, meie_q, 11'h0};
        CsrMip:                   rdata_o = {20'h0, irq_i, 11'h0};
        CsrMtvec:                 rdata_o = {mtvec_q, 2'b0};
        CsrMscratch:              rdata_o = mscratch_q;
        CsrMepc:                  rdata_o = {mepc_q, 2'b0};
        CsrMcause:                rdata_o = mcause_q;
        CsrMtval:                 rdata_o = mtval_q;
        CsrMcycle, CsrCycle:      rdata_o = mcycle_q[31:0];
        CsrMcycleh, CsrCycleh:    rdata_o = mcycle_q[63:32];
        CsrMinstret, CsrInstret:  rdata_o = minstret_q[31:0];
        CsrMinstreth, CsrInstreth: rdata_o = minstret_q[63:32];
        CsrMstatush, CsrMvendorid, CsrMarchid, CsrMimpid, CsrMhartid, CsrMconfigptr,
        CsrTselect, CsrTdata1: ;  // all 0
        default: begin
          unique case (addr[11:5])
            7'h19, 7'h58, 7'h5c: exists = addr[4:0] >= 5'd3;  // mhpmevent, mhpmcounter, ...h
            default:             exists = 1'b0;
          endcase
        end
      endcase
    end
  end

  assign illegal_o = !exists || (write && addr[11:10] == 2'b11);

  logic [31:0] operand, wdata;
  always_comb begin
    operand = '0;
    wdata   = '0;
    if (write) begin
      operand = funct3[2] ? {27'h0, instr_i[19:15]} : rs1_i;
      unique case (funct3[1:0])
        2'd2:    wdata = rdata_o | operand;
        2'd3:    wdata = rdata_o & ~operand;
        default: wdata = operand;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      mie_q      <= 1'b0;
      mpie_q     <= 1'b0;
      meie_q     <= 1'b0;
      mtvec_q    <= '0;
      mscratch_q <= '0;
      mepc_q     <= '0;
      mcause_q   <= '0;
      mtval_q    <= '0;
      mcycle_q   <= '0;
      minstret_q <= '0;
    end else if (awake_i) begin
      mcycle_q <= mcycle_q + 64'd1;
      if (retire_i) minstret_q <= minstret_q + 64'd1;

      if (trap_i) begin
        mie_q    <= 1'b0;
        mpie_q   <= mie_q;
        mepc_q   <= epc_i;
        mcause_q <= cause_i;
        mtval_q  <= tval_i;
      end else if (mret_i) begin
        mie_q  <= mpie_q;
        mpie_q <= 1'b1;
      end else if (write && commit_i) begin
        // A counter does not count the instruction or the cycle that writes it.
        unique case (addr)
          CsrMstatus: begin
            mie_q  <= wdata[3];
            mpie_q <= wdata[7];
          end
          CsrMie:       meie_q     <= wdata[11];
          CsrMtvec:     mtvec_q    <= wdata[31:2];
          CsrMscratch:  mscratch_q <= wdata;
          CsrMepc:      mepc_q     <= wdata[31:2];
          CsrMcause:    mcause_q   <= wdata;
          CsrMtval:     mtval_q    <= wdata;
          CsrMcycle:    mcycle_q   <= {mcycle_q[63:32], wdata};
          CsrMcycleh:   mcycle_q   <= {wdata, mcycle_q[31:0]};
          CsrMinstret:  minstret_q <= {minstret_q[63:32], wdata};
          CsrMinstreth: minstret_q <= {wdata, minstret_q[31:0]};
          default: ;  // read-only, or nothing to keep
        endcase
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      OneEvent_A : assert ($onehot0({trap_i, mret_i, commit_i}))
        else $error("trap, return and CSR write exclude each other");
    end
  end

endmodule
