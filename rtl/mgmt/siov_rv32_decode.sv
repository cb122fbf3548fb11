// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Instruction decoder. Combinational; every encoding outside RV32IM, Zicsr, Zifencei, MRET and WFI
/// is `InsnIllegal`. CSR addresses and access rights are checked by siov_rv32_csr.
module siov_rv32_decode
  import siov_rv32_pkg::*;
(
  input  logic     valid_i,    ///< while low the output is zero: cheap to simulate
  input  logic [31:0] instr_i,
  output decoded_t decoded_o
);

  logic [2:0] funct3;
  logic [6:0] funct7;
  assign funct3 = instr_i[14:12];
  assign funct7 = instr_i[31:25];

  logic [31:0] imm_i, imm_s, imm_b, imm_u, imm_j;
  assign imm_i = {{20{instr_i[31]}}, instr_i[31:20]};
  assign imm_s = {{20{instr_i[31]}}, instr_i[31:25], instr_i[11:7]};
  assign imm_b = {{20{instr_i[31]}}, instr_i[7], instr_i[30:25], instr_i[11:8], 1'b0};
  assign imm_u = {instr_i[31:12], 12'h0};
  assign imm_j = {{12{instr_i[31]}}, instr_i[19:12], instr_i[20], instr_i[30:21], 1'b0};

  always_comb begin
    decoded_o = '0;
    if (valid_i) begin
      unique case (opcode_e'(instr_i[6:0]))
        OpcLui: begin
          decoded_o.insn = InsnLui;
          decoded_o.imm  = imm_u;
        end
        OpcAuipc: begin
          decoded_o.insn    = InsnAuipc;
          decoded_o.imm     = imm_u;
          decoded_o.base_pc = 1'b1;
        end
        OpcJal: begin
          decoded_o.insn    = InsnJump;
          decoded_o.imm     = imm_j;
          decoded_o.base_pc = 1'b1;
        end
        OpcJalr: begin
          if (funct3 == 3'd0) decoded_o.insn = InsnJump;
          decoded_o.imm = imm_i;
        end
        OpcBranch: begin
          if (funct3 != 3'd2 && funct3 != 3'd3) decoded_o.insn = InsnBranch;
          decoded_o.imm     = imm_b;
          decoded_o.base_pc = 1'b1;
        end
        OpcLoad: begin
          if (funct3 != 3'd3 && funct3 < 3'd6) decoded_o.insn = InsnLoad;
          decoded_o.imm = imm_i;
        end
        OpcStore: begin
          if (funct3 < 3'd3) decoded_o.insn = InsnStore;
          decoded_o.imm = imm_s;
        end
        OpcOpImm: begin
          decoded_o.insn    = InsnAlu;
          decoded_o.imm     = imm_i;
          decoded_o.use_imm = 1'b1;
          if (funct3 == AluSll || funct3 == AluSrl) begin
            decoded_o.alu_alt = funct7[5];
            if (funct7 != 7'h00 && !(funct7 == 7'h20 && funct3 == AluSrl)) begin
              decoded_o.insn = InsnIllegal;
            end
          end
        end
        OpcOp: begin
          decoded_o.alu_alt = funct7[5];
          unique case (funct7)
            7'h00: decoded_o.insn = InsnAlu;
            7'h01: decoded_o.insn = InsnMulDiv;
            7'h20: if (funct3 == AluAdd || funct3 == AluSrl) decoded_o.insn = InsnAlu;
            default: ;
          endcase
        end
        OpcMiscMem: if (funct3 < 3'd2) decoded_o.insn = InsnFence;
        OpcSystem: begin
          if (funct3[1:0] != 2'd0) begin
            decoded_o.insn = InsnCsr;
          end else begin
            unique case (instr_i[31:7])
              {12'h000, 13'h0}: decoded_o.insn = InsnEcall;
              {12'h001, 13'h0}: decoded_o.insn = InsnEbreak;
              {12'h302, 13'h0}: decoded_o.insn = InsnMret;
              {12'h105, 13'h0}: decoded_o.insn = InsnWfi;
              default: ;
            endcase
          end
        end
        default: ;
      endcase
    end
  end

endmodule
