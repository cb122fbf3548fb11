// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How a job's end is told: as a completion record, as a software error, or, for a
/// success nobody asked to hear of, not at all. One result a clock; its row arrives in the next.
///
///   | record address       | success           | error                            |
///   |----------------------|-------------------|----------------------------------|
///   | valid                | record if asked   | record; handle: and SW error     |
///   | valid but misaligned | -                 | software error                   |
///   | not valid            | nothing           | software error                   |
module siov_engine_complete import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,

  // Ends of jobs; dma/ goes first
  input  logic            done_valid_i,
  output logic            done_ready_o,
  input  dma_done_t       done_i,
  input  logic            result_valid_i,
  output logic            result_ready_o,
  input  job_result_t     result_i,

  output logic            read_o,
  output logic [JobW-1:0] read_id_o,
  input  job_row_t        row_i,

  output logic            rec_valid_o,
  input  logic            rec_ready_i,
  output dma_record_t     rec_o,

  output logic            error_valid_o,
  input  logic            error_ready_i,
  output sw_error_t       error_o,

  /// Told; in the order of `rec_o`. Never stalled.
  output logic            end_valid_o,
  output job_end_t        end_o
);

  logic        valid_q, told, accept;
  job_result_t result, result_q;

  assign accept         = !valid_q || told;
  assign done_ready_o   = accept;
  assign result_ready_o = accept && !done_valid_i;

  always_comb begin
    result = result_i;
    if (done_valid_i) begin
      result.id     = done_i.id;
      result.status = done_i.status != '0 ? StatusReadError : StatusSuccess;
      result.info   = done_i.status != '0 ? done_i.done : '0;
    end
  end

  assign read_o    = accept && (done_valid_i || result_valid_i);
  assign read_id_o = result.id;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (accept) valid_q <= read_o;
    if (read_o) result_q <= result;
  end

  // ------------------------------------------------------------------------------------------
  // The table above

  logic failed, rec, report;
  assign failed = result_q.status != StatusSuccess;
  assign rec    = row_i.rec_valid && (row_i.req_rec || failed) &&
                  result_q.status != StatusRecAlign;
  assign report = failed && (!rec || result_q.status == StatusIntHandle);
  assign told   = !rec || rec_ready_i;

  // ------------------------------------------------------------------------------------------
  // Completion record

  dsa_record_t record;

  always_comb begin
    record        = '0;
    record.status = result_q.status;
    if (result_q.status == StatusFlags) record.bad_flags = result_q.info[23:0];
    if (result_q.status == StatusReadError) record.bytes_done = result_q.info;
  end

  assign rec_valid_o = valid_q && rec;
  assign rec_o = '{
    id:     result_q.id,
    tenant: row_i.tenant,
    tc:     row_i.rec_tc,
    addr:   {row_i.rec_addr, 5'd0},
    data:   record
  };

  // ------------------------------------------------------------------------------------------
  // Software error. Two waiting reports are enough: SWERROR keeps the first and tells of the second
  // only that it was (DSA 9.2.15), so a third says nothing new.

  sw_error_t sw_error;

  always_comb begin
    sw_error            = '0;
    sw_error.code       = result_q.status;
    sw_error.desc_valid = 1'b1;
    sw_error.operation  = row_i.operation;
    sw_error.tenant     = row_i.tenant;
    if (result_q.status == StatusFlags) begin
      sw_error.info_valid = 1'b1;
      sw_error.info       = result_q.info;
    end
    if (result_q.status == StatusIntHandle) begin
      sw_error.info_valid = 1'b1;
      sw_error.info       = 32'(row_i.irq_id.index);
    end
  end

  siov_fifo #(
    .data_t (sw_error_t),
    .Depth  (2)
  ) u_errors (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (valid_q && told && report),
    .ready_o (),
    .data_i  (sw_error),
    .valid_o (error_valid_o),
    .ready_i (error_ready_i),
    .data_o  (error_o),
    .count_o ()
  );

  assign end_valid_o = valid_q && told;
  assign end_o = '{
    id:     result_q.id,
    adi:    row_i.tenant.adi,
    rec:    rec,
    irq:    row_i.irq,
    irq_id: row_i.irq_id
  };

endmodule
