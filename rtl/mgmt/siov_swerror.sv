// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// SWERROR: the record of the first software error since software cleared the last (DSA 9.2.15).
///
/// An error is always taken. If a record is there, Overflow is set and the error is dropped. A clear
/// and an error in one clock: the error is recorded.
module siov_swerror
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,

  input  logic              valid_i,
  /// The error is one of a WQ; if not it has a code and nothing else.
  input  logic              wq_valid_i,
  input  sw_error_t         error_i,

  /// Bits of the first quadword to which software writes 1.
  input  swerror0_t         w1c_i,
  output logic [255:0]      swerror_o,
  /// Valid goes from 0 to 1.
  output logic              set_o
);

  localparam logic [7:0] ErrIntHandle = 8'h19;  // interrupt handle not valid
  localparam logic [7:0] ErrRecFault  = 8'h1a;  // page fault on the completion record

  swerror0_t q0_q, q0_d;
  swerror1_t q1_q, q1_d;
  swerror2_t q2_q, q2_d;

  assign set_o = valid_i && (!q0_q.valid || w1c_i.valid);

  always_comb begin
    q0_d = q0_q & ~w1c_i;
    q1_d = q1_q;
    q2_d = q2_q;
    if (set_o) begin
      q0_d            = Swerror0Reset;
      q0_d.valid      = 1'b1;
      q0_d.overflow   = q0_q.overflow && !w1c_i.overflow;
      q0_d.desc_valid = error_i.desc_valid;
      q0_d.wq_valid   = wq_valid_i;
      q0_d.write      = error_i.rw;
      q0_d.priv       = error_i.tenant.priv;
      q0_d.info_valid = error_i.info_valid;
      q0_d.error      = error_i.code;
      q0_d.wq_index   = 16'(error_i.tenant.adi);
      q0_d.operation  = error_i.operation;
      q0_d.pasid      = error_i.tenant.pasid_valid ? error_i.tenant.pasid : '0;
      q1_d            = '0;
      q1_d.info       = error_i.info;
      q2_d.address    = error_i.addr;
      // The rest of their information is for the event log only.
      if (error_i.code inside {ErrIntHandle, ErrRecFault}) q1_d.info[31:16] = '0;
    end else if (valid_i) begin
      q0_d.overflow = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      q0_q <= Swerror0Reset;
      q1_q <= Swerror1Reset;
      q2_q <= Swerror2Reset;
    end else if (valid_i || w1c_i != '0) begin
      q0_q <= q0_d;
      q1_q <= q1_d;
      q2_q <= q2_d;
    end
  end

  assign swerror_o = {Swerror3Reset, q2_q, q1_q, q0_q};

endmodule
