// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Types and numbers of the management core, RV32IM with machine mode only. Names and values are
/// those of the RISC-V unprivileged (20191213) and privileged (1.12) specifications.
package siov_rv32_pkg;

  typedef enum logic [6:0] {
    OpcLoad    = 7'h03,
    OpcMiscMem = 7'h0f,
    OpcOpImm   = 7'h13,
    OpcAuipc   = 7'h17,
    OpcStore   = 7'h23,
    OpcOp      = 7'h33,
    OpcLui     = 7'h37,
    OpcBranch  = 7'h63,
    OpcJalr    = 7'h67,
    OpcJal     = 7'h6f,
    OpcSystem  = 7'h73
  } opcode_e;

  /// What an instruction does, as far as the sequencer has to tell one from another.
  typedef enum logic [3:0] {
    InsnIllegal,
    InsnAlu,
    InsnLui,
    InsnAuipc,
    InsnJump,
    InsnBranch,
    InsnLoad,
    InsnStore,
    InsnMulDiv,
    InsnCsr,
    InsnEcall,
    InsnEbreak,
    InsnMret,
    InsnWfi,
    InsnFence
  } insn_e;

  /// funct3 of OP and OP-IMM; with `alt` AluAdd subtracts and AluSrl shifts arithmetically.
  typedef enum logic [2:0] {
    AluAdd  = 3'd0,
    AluSll  = 3'd1,
    AluSlt  = 3'd2,
    AluSltu = 3'd3,
    AluXor  = 3'd4,
    AluSrl  = 3'd5,
    AluOr   = 3'd6,
    AluAnd  = 3'd7
  } alu_op_e;

  typedef struct packed {
    insn_e       insn;
    logic        alu_alt;   // SUB, SRA
    logic        use_imm;   // second ALU operand is `imm`, else rs2
    logic        base_pc;   // `imm` counts from the PC, else from rs1
    logic [31:0] imm;
  } decoded_t;

  /// mcause; bit 31 is set for interrupts.
  typedef enum logic [31:0] {
    CauseFetchMisaligned = 32'd0,
    CauseFetchFault      = 32'd1,
    CauseIllegal         = 32'd2,
    CauseBreakpoint      = 32'd3,
    CauseLoadMisaligned  = 32'd4,
    CauseLoadFault       = 32'd5,
    CauseStoreMisaligned = 32'd6,
    CauseStoreFault      = 32'd7,
    CauseEcallM          = 32'd11,
    CauseExternalIrq     = 32'h8000_000b
  } cause_e;

  typedef enum logic [11:0] {
    CsrMstatus    = 12'h300,
    CsrMisa       = 12'h301,
    CsrMie        = 12'h304,
    CsrMtvec      = 12'h305,
    CsrMstatush   = 12'h310,
    CsrMscratch   = 12'h340,
    CsrMepc       = 12'h341,
    CsrMcause     = 12'h342,
    CsrMtval      = 12'h343,
    CsrMip        = 12'h344,
    CsrTselect    = 12'h7a0,
    CsrTdata1     = 12'h7a1,
    CsrMcycle     = 12'hb00,
    CsrMinstret   = 12'hb02,
    CsrMcycleh    = 12'hb80,
    CsrMinstreth  = 12'hb82,
    CsrCycle      = 12'hc00,
    CsrInstret    = 12'hc02,
    CsrCycleh     = 12'hc80,
    CsrInstreth   = 12'hc82,
    CsrMvendorid  = 12'hf11,
    CsrMarchid    = 12'hf12,
    CsrMimpid     = 12'hf13,
    CsrMhartid    = 12'hf14,
    CsrMconfigptr = 12'hf15
  } csr_e;

  parameter logic [31:0] MisaRv32im = 32'h4000_1100;

endpackage
