// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How bytes move. Cuts jobs into chunks of one read request each, keeps up to NumSlots of them in
/// flight, takes their completions in any order, and sends the writes. Chunks of one job, and jobs,
/// end in any order. Records and messages leave in the order in which they came, behind all writes
/// of jobs reported done before.
module siov_dma import siov_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  pcie_fn_t    fn_i,
  /// Start no new TLP (before a reset); TLPs and reads in flight go on.
  input  logic        quiesce_i,
  /// Reads are in flight, or a TLP is half sent.
  output logic        np_pending_o,

  input  logic        job_valid_i,
  output logic        job_ready_o,
  input  dma_job_t    job_i,
  output logic        done_valid_o,
  input  logic        done_ready_i,
  output dma_done_t   done_o,

  input  logic        rec_valid_i,
  output logic        rec_ready_o,
  input  dma_record_t rec_i,
  output logic        rec_done_o,

  input  logic        msg_valid_i,
  output logic        msg_ready_o,
  input  dma_msg_t    msg_i,
  /// The message has entered the posted stream. In order of `msg_i`.
  output logic        msg_done_o,

  input  logic        cpl_valid_i,
  input  tlp_beat_t   cpl_i,

  output logic        np_tx_valid_o,
  input  logic        np_tx_ready_i,
  output tlp_beat_t   np_tx_o,
  output logic        p_tx_valid_o,
  input  logic        p_tx_ready_i,
  output tlp_beat_t   p_tx_o,

  output logic        busy_o
);

  // STUB: body follows

endmodule
