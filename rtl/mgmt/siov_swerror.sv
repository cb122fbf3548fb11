// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// SWERROR: the record of the first software error since software cleared the last (DSA 9.2.15).
///
/// An error is always taken. If a record is there, or two errors come in one clock, Overflow is set
/// for those that are dropped. A clear and an error in one clock: the error is recorded.
module siov_swerror
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,

  /// Errors of portals and of the engine.
  input  logic              adi_valid_i,
  input  sw_error_t         adi_i,
  input  logic              eng_valid_i,
  input  sw_error_t         eng_i,
  /// Errors of the device itself: a code, nothing else.
  input  logic              dev_valid_i,
  input  logic [7:0]        dev_code_i,

  /// Bits of the first quadword to which software writes 1.
  input  swerror0_t         w1c_i,
  output logic [255:0]      swerror_o,
  /// Valid goes from 0 to 1.
  output logic              set_o
);

  swerror0_t q0_q, q0_d;
  swerror1_t q1_q, q1_d;
  swerror2_t q2_q, q2_d;

  sw_error_t err;
  logic      any, several, free;

  assign err     = adi_valid_i ? adi_i : eng_i;
  assign any     = adi_valid_i || eng_valid_i || dev_valid_i;
  assign several = (adi_valid_i && eng_valid_i) || (dev_valid_i && (adi_valid_i || eng_valid_i));
  assign free    = !q0_q.valid || w1c_i.valid;
  assign set_o   = any && free;

  always_comb begin
    q0_d = q0_q & ~w1c_i;
    q1_d = q1_q;
    q2_d = q2_q;
    if (set_o) begin
      q0_d.valid      = 1'b1;
      q0_d.desc_valid = 1'b0;
      q0_d.wq_valid   = 1'b0;
      q0_d.write      = 1'b0;
      q0_d.priv       = 1'b0;
      q0_d.info_valid = 1'b0;
      q0_d.error      = dev_code_i;
      q0_d.wq_index   = '0;
      q0_d.operation  = '0;
      q0_d.pasid      = '0;
      q1_d            = '0;
      q2_d            = '0;
      if (adi_valid_i || eng_valid_i) begin
        q0_d.desc_valid = err.desc_valid;
        q0_d.wq_valid   = 1'b1;
        q0_d.write      = err.rw;
        q0_d.priv       = err.tenant.priv;
        q0_d.info_valid = err.info_valid;
        q0_d.error      = err.code;
        q0_d.wq_index   = 16'(err.tenant.adi);
        q0_d.operation  = err.operation;
        q0_d.pasid      = err.tenant.pasid_valid ? err.tenant.pasid : '0;
        q1_d.info       = err.info;
        q2_d.address    = err.addr;
      end
    end
    if (any && (several || !free)) q0_d.overflow = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      q0_q <= Swerror0Reset;
      q1_q <= Swerror1Reset;
      q2_q <= Swerror2Reset;
    end else if (any || w1c_i != '0) begin
      q0_q <= q0_d;
      q1_q <= q1_d;
      q2_q <= q2_d;
    end
  end

  assign swerror_o = {Swerror3Reset, q2_q, q1_q, q0_q};

endmodule
