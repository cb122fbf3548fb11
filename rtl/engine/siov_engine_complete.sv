// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// How a job's end is told: as a completion record, as a software error, or, for a
/// success nobody asked to hear of, not at all. One result a clock; its row arrives in the next.
///
///   | record address       | success           | error                            |
///   |----------------------|-------------------|----------------------------------|
///   | valid                | record if asked   | record; 19h, 22h: and SW error   |
///   | valid but misaligned | -                 | software error                   |
///   | valid, but no right  | -                 | software error 1dh               |
///   | to be privileged     |                   |                                  |
///   | not valid            | nothing           | software error                   |
///
/// What has been abandoned ends with none of these, and without an interrupt (DSA 3.15).
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

  /// Told. `end_rec_o`: by a record, taken in this clock; such an end does not wait.
  output logic            end_valid_o,
  input  logic            end_ready_i,
  output logic            end_rec_o,
  output logic [JobW-1:0] end_id_o,
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
      result.status = done_i.status == '0 ? StatusSuccess : dsa_status_e'(done_i.status);
      result.info   = done_i.done;
      result.write  = done_i.write;
      result.page   = done_i.page;
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

  logic failed, faulted, moved, abandoned, rec, report, error_room;
  assign abandoned = result_q.status == StatusAbandoned;
  assign failed    = result_q.status != StatusSuccess && !abandoned;
  assign faulted   = result_q.status inside {StatusPageFault, StatusPageError};
  assign moved     = faulted || result_q.status inside {StatusReadError, StatusXlatError};
  assign rec       = row_i.rec_valid && (row_i.req_rec || failed) && !abandoned &&
                     !(result_q.status inside {StatusRecAlign, StatusPriv});
  assign report    = failed && (!rec || result_q.status inside {StatusIntHandle, StatusXlatError});
  assign told      = (!report || error_room) && (rec ? rec_ready_i : end_ready_i);

  // ------------------------------------------------------------------------------------------
  // Completion record

  dsa_record_t record;

  always_comb begin
    record        = '0;
    record.status = result_q.status;
    if (result_q.status == StatusFlags) record.bad_flags = result_q.info[23:0];
    if (moved) record.bytes_done = result_q.info;
    if (faulted) begin
      record.status[7]  = result_q.write;
      record.fault_addr = {result_q.page, 12'd0};
    end
  end

  assign rec_valid_o = valid_q && rec && (!report || error_room);
  assign rec_o = '{
    id:     result_q.id,
    tenant: row_i.tenant,
    tc:     row_i.rec_tc,
    addr:   {row_i.rec_addr, 5'd0},
    data:   record
  };

  // ------------------------------------------------------------------------------------------
  // Software error: none is lost, as each may have to go to the event log.

  sw_error_t sw_error;

  always_comb begin
    sw_error            = '0;
    if (valid_q && report) begin
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
        sw_error.info       = lost_info_t'{irq: 1'b1, ims: row_i.irq_id.ims,
                                           handle: row_i.irq_id.index, default: '0};
      end
      if (faulted) begin
        sw_error.rw   = result_q.write;
        sw_error.addr = {result_q.page, 12'd0};
      end
    end
  end

  siov_fifo #(
    .data_t (sw_error_t),
    .Depth  (2)
  ) u_errors (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (valid_q && told && report),
    .ready_o (error_room),
    .data_i  (sw_error),
    .valid_o (error_valid_o),
    .ready_i (error_ready_i),
    .data_o  (error_o),
    .count_o ()
  );

  assign end_valid_o = valid_q && (!report || error_room) && (!rec || rec_ready_i);
  assign end_rec_o   = rec;
  assign end_id_o    = result_q.id;
  assign end_o = '{
    tenant:    row_i.tenant,
    era:       row_i.era,
    operation: row_i.operation,
    rec_addr:  row_i.rec_addr,
    record:    record,
    irq:       row_i.irq && !abandoned,
    irq_id:    row_i.irq_id
  };

endmodule
