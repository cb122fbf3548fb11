// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What passes between the modules of dma/, and how a memory request's header is built.
package siov_dma_pkg;

  import siov_pkg::*;

  parameter int unsigned PosW = $clog2(ChunkBytes);  // byte position in a read-buffer slot
  parameter int unsigned LenW = PosW + 1;            // bytes in a chunk, 1..ChunkBytes
  parameter int unsigned DwsW = PosW - 1;            // DWs in a chunk, 1..ChunkBytes/4

  typedef enum logic [1:0] {
    ChunkRead,
    ChunkFill,   // needs no read
    ChunkAbort   // stands for what is not moved of a failed job: nothing to read or write
  } chunk_kind_e;

  /// A job of which `offset` bytes have been handed to turns.
  typedef struct packed {
    dma_job_t    job;     // `src`, `dst` and `len`: what is left
    logic [31:0] offset;
    logic [12:0] used;    // bytes since the job was last at the end of the queue
  } progress_t;

  typedef enum logic [1:0] {
    AnswerHit,
    AnswerWait,   // until the job is woken, whatever else was found
    AnswerAgain,  // the two answers are not of one epoch
    AnswerFault
  } answer_kind_e;

  /// The address of an operand: as given, or translated.
  typedef struct packed {
    logic         translated;
    logic [63:12] page;      // if `translated`
  } place_t;

  /// What the look-ups of a turn, or of a record, have come to.
  typedef struct packed {
    answer_kind_e kind;
    logic         epoch;
    logic [1:0]   waits;     // AnswerWait: look-ups that wait, each for one wake
    place_t       first;
    place_t       last;
    logic         in_last;   // AnswerFault: it was the last that has no translation
    logic [7:0]   status;    // AnswerFault
  } answer_t;

  /// A record on its way out.
  typedef struct packed {
    dma_record_t rec;        // with the address to send
    logic        translated;
    logic        epoch;
    logic [7:0]  status;     // not 0: a fault, there is no write
  } rec_out_t;

  /// Why the rest of a job is not moved.
  typedef struct packed {
    logic [31:0]  offset;
    logic [7:0]   status;
    logic         write;
    logic [63:12] page;
  } job_fault_t;

  /// What the writer must know of a slot.
  typedef struct packed {
    logic [JobW-1:0] job;
    tenant_t         tenant;
    chunk_kind_e     kind;
    logic            strict;
    logic [2:0]      tc;
    logic            translated;  // `dst` is
    logic            epoch;
    logic [127:0]    pattern;
    logic [63:0]     dst;
    logic [LenW-1:0] len;
    logic [3:0]      skew;    // where in its first DW (read) or pattern (fill) the first byte lies
    logic [31:0]     offset;  // from the start of the job
  } chunk_t;

  /// What a chunk reads.
  typedef struct packed {
    tenant_t          tenant;
    logic [2:0]       tc;
    logic             translated;
    logic [63:0]      addr;
    logic [LenW-1:0]  len;
  } source_t;

  typedef struct packed {
    logic [SlotW-1:0] slot;
    source_t          source;
  } read_t;

  /// A slot whose chunk can be written, or has failed.
  typedef struct packed {
    logic             failed;
    logic [SlotW-1:0] slot;
  } ready_t;

  /// A byte range in the terms of a header.
  typedef struct packed {
    logic [DwsW-1:0] dws;
    logic [3:0]      last_be;
    logic [3:0]      first_be;
  } span_t;

  /// The DWs of one beat of a write. In the first, `addr` and `bytes` say what the TLP writes.
  typedef struct packed {
    logic [SlotW-1:0] slot;
    logic             first;
    logic             last;
    logic [63:2]      addr;
    span_t            bytes;
    logic [4:0]       dws;    // 1..16
    logic [PosW-1:0]  pos;    // of the beat's first byte in the slot (or pattern), modulo 512
    logic             ends;   // last beat of the chunk
    logic             failed; // no beat at all: the chunk failed
    chunk_t           chunk;  // `dst` and `len` mean nothing here
  } piece_t;

  function automatic span_t span(logic [1:0] lo, logic [LenW-1:0] len);
    logic [LenW:0] bytes = {1'b0, len} + (LenW + 1)'(lo);  // from the start of the first DW
    logic [3:0]    from_lo = 4'hf << lo;
    logic [3:0]    to_end = 4'hf >> (2'd0 - bytes[1:0]);
    span.dws = DwsW'((bytes + (LenW + 1)'(3)) >> 2);
    if (span.dws == DwsW'(1)) begin
      span.first_be = from_lo & to_end;
      span.last_be  = 4'h0;
    end else begin
      span.first_be = from_lo;
      span.last_be  = to_end;
    end
  endfunction

  /// What of a header does not follow from its address.
  typedef struct packed {
    logic       write;
    logic [2:0] tc;
    logic       ido;
    logic       relaxed;
    logic       translated;  // AT = 10b
    logic [9:0] tag;
  } attr_t;

  /// MRd or MWr, 3 DWs below 4 GiB and 4 DWs above (PCIe 2.2.7). No Snoop stays 0: a tenant expects
  /// its memory to be coherent.
  function automatic hdr_t mem_hdr(attr_t attr, logic [15:0] rid, logic [63:2] addr, span_t bytes);
    logic long_addr = addr[63:32] != '0;
    mem_hdr[0] = {1'b0, attr.write, long_addr, 5'b0, attr.tag[9], attr.tc, attr.tag[8], attr.ido,
                  4'b0, attr.relaxed, 1'b0, attr.translated, 1'b0, 10'(bytes.dws)};
    mem_hdr[1] = {rid, attr.tag[7:0], bytes.last_be, bytes.first_be};
    mem_hdr[2] = long_addr ? addr[63:32] : {addr[31:2], 2'b00};
    mem_hdr[3] = long_addr ? {addr[31:2], 2'b00} : '0;
  endfunction

endpackage
