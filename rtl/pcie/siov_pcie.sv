// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The PCIe room: takes TLPs apart, keeps config space, answers requests, sends TLPs.
///
/// Receive: one beat a clock. Config and BAR0 requests and all that ends in a completion go through
/// one in-order queue, so a read sees every earlier write. A portal write is offered only when the
/// BAR0 writes received before it have been performed. Completions go straight to dma/.
/// Transmit: three sources (completions, read requests, posted writes), each a stream of whole TLPs;
/// a class without credits never blocks another; a completion never passes a posted TLP that was
/// accepted before it. `*_tx_ready_o` high with valid means the beat has entered the ordered output
/// stream.
module siov_pcie import siov_pkg::*; (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  strap_t     strap_i,

  // TLP port
  input  logic       rx_valid_i,
  output logic       rx_ready_o,
  input  tlp_beat_t  rx_i,
  output logic       tx_valid_o,
  input  logic       tx_ready_i,
  output tlp_beat_t  tx_o,
  input  fc_limits_t tx_fc_i,

  // function state
  output pcie_fn_t   fn_o,
  /// FLR asked for: level, from the config write until `flr_done_i` (see siov_reset). No BAR0
  /// access is in flight or started meanwhile.
  output logic       flr_o,
  input  logic       flr_done_i,
  /// For Transactions Pending.
  input  logic       np_pending_i,

  // BAR0: one access at a time; the request holds until `reg_rsp_valid_i`, a pulse
  output logic       reg_valid_o,
  output reg_req_t   reg_o,
  input  logic       reg_rsp_valid_i,
  input  logic [31:0] reg_rdata_i,

  // BAR2
  output logic       portal_valid_o,
  input  logic       portal_ready_i,
  output portal_wr_t portal_o,

  /// Completion beats for dma/, never stalled. `cpl_o.hdr` is valid in every beat, not just at sop.
  output logic       cpl_valid_o,
  output tlp_beat_t  cpl_o,

  // from dma/
  input  logic       np_tx_valid_i,
  output logic       np_tx_ready_o,
  input  tlp_beat_t  np_tx_i,
  input  logic       p_tx_valid_i,
  output logic       p_tx_ready_o,
  input  tlp_beat_t  p_tx_i,

  output logic       busy_o
);

  // STUB: body follows

endmodule
