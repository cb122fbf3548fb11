// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Not a device: sends every beat back, so that the tests of the shim see what it put on the
/// port. A beat comes out at the earliest one cycle after it went in. A header of DEADDEADh makes
/// the assertion fire. `+firmware=` is read as the device does. It takes non-posted TLPs while it
/// has non-posted credits.
module siov_loopback import siov_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  strap_t     strap_i,

  input  logic       rx_valid_i,
  output logic       rx_ready_o,
  input  tlp_beat_t  rx_i,
  output logic       rx_np_ready_o,

  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,
  input  fc_limits_t tx_fc_i,

  output logic       idle_o
);

  logic       full_q;
  tlp_beat_t  beat_q;
  logic       credit;

  // A posted credit is enough to show that the limits arrive.
  assign credit     = tx_fc_i.p.infinite || tx_fc_i.p.hdr != '0;
  assign tx_valid_o = full_q && credit;
  assign tx_o       = beat_q;
  assign rx_ready_o = !full_q || (tx_ready_i && credit);

  always_ff @(posedge clk_i) rx_np_ready_o <= tx_fc_i.np.infinite || tx_fc_i.np.hdr != '0;

  assign idle_o     = !full_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q <= 1'b0;
    end else if (rx_ready_o) begin
      full_q <= rx_valid_i;
      if (rx_valid_i) beat_q <= rx_i;
    end
  end

  logic [31:0] ram [4];
  string       firmware;
  initial if ($value$plusargs("firmware=%s", firmware)) $readmemh(firmware, ram);

  logic unused;
  assign unused = ^{strap_i, ram[0], ram[1], ram[2], ram[3], tx_fc_i};

  NoPoison_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
    rx_valid_i |-> rx_i.hdr[0] != 32'hdead_dead)
    else $error("header that the loopback does not take");

endmodule
