// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Arithmetic of OP and OP-IMM, and the comparison of branches, on one comparator. Combinational.
module siov_rv32_alu
  import siov_rv32_pkg::*;
(
  input  logic        valid_i,    ///< while low the outputs are zero: cheap to simulate
  input  logic [2:0]  funct3_i,   ///< alu_op_e, or the branch condition
  input  logic        alt_i,
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic [31:0] result_o,
  output logic        taken_o     ///< the branch condition holds
);

  logic equal, less, less_unsigned;

  always_comb begin
    equal         = 1'b0;
    less          = 1'b0;
    less_unsigned = 1'b0;
    result_o      = '0;
    taken_o       = 1'b0;
    if (valid_i) begin
      equal         = a_i == b_i;
      less          = $signed(a_i) < $signed(b_i);
      less_unsigned = a_i < b_i;

      unique case (alu_op_e'(funct3_i))
        AluAdd:  result_o = alt_i ? a_i - b_i : a_i + b_i;
        AluSll:  result_o = a_i << b_i[4:0];
        AluSlt:  result_o = {31'h0, less};
        AluSltu: result_o = {31'h0, less_unsigned};
        AluXor:  result_o = a_i ^ b_i;
        AluSrl:  result_o = alt_i ? $unsigned($signed(a_i) >>> b_i[4:0]) : a_i >> b_i[4:0];
        AluOr:   result_o = a_i | b_i;
        default: result_o = a_i & b_i;
      endcase

      // Bit 0 of a branch's funct3 inverts the condition: BEQ/BNE, BLT/BGE, BLTU/BGEU.
      unique case (funct3_i[2:1])
        2'd0:    taken_o = equal ^ funct3_i[0];
        2'd2:    taken_o = less ^ funct3_i[0];
        default: taken_o = less_unsigned ^ funct3_i[0];
      endcase
    end
  end

endmodule
