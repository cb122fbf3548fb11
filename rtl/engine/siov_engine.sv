// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What is done. Takes a descriptor, checks it (DSA 5.4), hands its data movement to dma/, and at
/// the end writes the completion record, raises the interrupt and retires it. Up to NumJobs
/// descriptors at once; they may end in any order. Accepts a new 64-byte move every 7 clocks or
/// faster.
module siov_engine import siov_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  pcie_fn_t        fn_i,
  /// GENCFG bit 12
  input  logic            user_int_en_i,

  input  logic            work_valid_i,
  output logic            work_ready_o,
  input  work_t           work_i,

  output logic            job_valid_o,
  input  logic            job_ready_i,
  output dma_job_t        job_o,
  input  logic            done_valid_i,
  output logic            done_ready_o,
  input  dma_done_t       done_i,

  output logic            rec_valid_o,
  input  logic            rec_ready_i,
  output dma_record_t     rec_o,
  /// The record's write has entered the posted stream. In order of `rec_o`, never stalled.
  input  logic            rec_done_i,

  // Interrupt handle check: request, answer in order
  output logic            chk_valid_o,
  input  logic            chk_ready_i,
  output irq_id_t         chk_id_o,
  output tenant_t         chk_tenant_o,
  input  logic            chk_rsp_valid_i,
  input  logic            chk_ok_i,

  // Completion interrupt: request; `irq_done_i` in order when it has been sent, held or dropped
  output logic            irq_valid_o,
  input  logic            irq_ready_i,
  output irq_id_t         irq_id_o,
  input  logic            irq_done_i,

  output logic            retire_valid_o,
  output logic [AdiW-1:0] retire_adi_o,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  output logic            busy_o
);

  // STUB: body follows

endmodule
