// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The M extension. `start_i` takes the operands; `done_o` comes with the result 1 cycle later for a
/// multiplication, 33 cycles later for a division, for one cycle. No start while one is under way.
///
/// Both work on magnitudes and put the sign on at the end. The specification's results for division
/// by zero and for overflow then fall out of the restoring division by themselves, but for the sign
/// of a quotient by zero, which stays as it is (-1).
module siov_rv32_muldiv (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        start_i,
  input  logic [2:0]  funct3_i,   ///< stable from start to done
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic        done_o,
  output logic [31:0] result_o
);

  logic is_div, want_high;
  assign is_div    = funct3_i[2];
  assign want_high = funct3_i[1:0] != 2'd0;  // MULH, MULHSU, MULHU

  // MUL's low half is the same for either signedness.
  logic a_neg, b_neg;
  assign a_neg = a_i[31] && (is_div ? !funct3_i[0] : funct3_i[1:0] != 2'd3);
  assign b_neg = b_i[31] && (is_div ? !funct3_i[0] : !funct3_i[1]);

  logic        busy_q;
  logic        negate_q;
  logic [5:0]  steps_q;           // quotient bits still to come
  logic [31:0] rem_q, quo_q;      // quo_q starts as the dividend (or multiplicand)
  logic [31:0] arg_q;             // divisor (or multiplier)

  // One step: shift the next dividend bit in, subtract when it goes. 33 bits hold the sign.
  logic [32:0] diff;
  assign diff = {rem_q, quo_q[31]} - {1'b0, arg_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
    end else if (start_i) begin
      busy_q   <= 1'b1;
      steps_q  <= is_div ? 6'd32 : 6'd0;
      rem_q    <= '0;
      quo_q    <= a_neg ? -a_i : a_i;
      arg_q    <= b_neg ? -b_i : b_i;
      negate_q <= (is_div && funct3_i[1]) ? a_neg                          // remainder
                : (a_neg != b_neg) && !(is_div && b_i == '0);
    end else if (busy_q) begin
      if (steps_q == '0) begin
        busy_q <= 1'b0;
      end else begin
        steps_q <= steps_q - 6'd1;
        rem_q   <= diff[32] ? {rem_q[30:0], quo_q[31]} : diff[31:0];
        quo_q   <= {quo_q[30:0], ~diff[32]};
      end
    end
  end

  assign done_o = busy_q && steps_q == '0;

  logic [63:0] product;
  always_comb begin
    product  = '0;
    result_o = '0;
    if (done_o) begin
      if (is_div) begin
        result_o = funct3_i[1] ? rem_q : quo_q;
        if (negate_q) result_o = -result_o;
      end else begin
        product = {32'h0, quo_q} * {32'h0, arg_q};
        if (negate_q) product = -product;
        result_o = want_high ? product[63:32] : product[31:0];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (start_i) begin
        StartWhileIdle_A : assert (!busy_q) else $error("start while an operation is under way");
      end
    end
  end

endmodule
