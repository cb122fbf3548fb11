// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Descriptors, completion records and status codes as DSA lays them out, and what the modules of
/// the engine hand each other.
package siov_dsa_pkg;

  import siov_pkg::*;

  // ------------------------------------------------------------------------------------------
  // Descriptor (DSA 8.1)

  parameter logic [7:0] OpNop  = 8'h00;
  parameter logic [7:0] OpMove = 8'h03;
  parameter logic [7:0] OpFill = 8'h04;

  typedef struct packed {
    logic [4:0] op_23_19;      // meaning depends on the operation
    logic       fill_16;       // Fill: the pattern has 16 bytes
    logic [1:0] op_17_16;      // meaning depends on the operation
    logic       rsvd15;
    logic       cache_control2;
    logic       strict;
    logic       rec_tc;        // traffic class selectors: 0 TC-A, 1 TC-B
    logic       addr3_tc;
    logic       addr2_tc;
    logic       addr1_tc;
    logic       cache_control1;
    logic       check_result;
    logic       rsvd6;
    logic       cache_control3;
    logic       req_int;       // request completion interrupt (RCI)
    logic       req_rec;       // request completion record also on success (RCR)
    logic       rec_valid;     // completion record address valid (CRAV)
    logic       block_on_fault;
    logic       fence;
  } dsa_flags_t;  // 24 bits

  typedef struct packed {
    logic [127:0] bytes_63_48;
    logic [63:0]  pattern_hi;  // bytes 40-47
    logic [15:0]  bytes_39_38;
    logic [15:0]  int_handle;
    logic [31:0]  size;
    logic [63:0]  dst;
    logic [63:0]  src;         // Fill: pattern bytes 0..7
    logic [63:0]  rec_addr;
    logic [7:0]   operation;
    dsa_flags_t   flags;
    logic [31:0]  pasid;       // with Priv: adi/ makes the tenant of it
  } dsa_desc_t;  // 512 bits

  // ------------------------------------------------------------------------------------------
  // Completion (DSA 8.2)

  typedef enum logic [7:0] {
    StatusSuccess   = 8'h01,
    StatusPageFault = 8'h03,   // no block on fault
    StatusPageError = 8'h04,   // page request refused
    StatusOpcode    = 8'h10,
    StatusFlags     = 8'h11,
    StatusReserved  = 8'h12,
    StatusSize      = 8'h13,
    StatusOverlap   = 8'h16,
    StatusIntHandle = 8'h19,
    StatusRecFault  = 8'h1a,   // page fault on the completion record
    StatusRecAlign  = 8'h1b,
    StatusPriv      = 8'h1d,   // privileged, which config space does not allow
    StatusReadError = 8'h20,
    StatusXlatError = 8'h22,   // Translation Request or page request failed
    StatusAbandoned = 8'hff    // ended by abort or reset: told to nobody
  } dsa_status_e;

  typedef struct packed {
    logic [103:0] rsvd19;
    logic [23:0]  bad_flags;   // bytes 16-18
    logic [63:0]  fault_addr;
    logic [31:0]  bytes_done;
    logic [7:0]   rsvd3;
    logic [7:0]   fault_info;
    logic [7:0]   result;
    logic [7:0]   status;
  } dsa_record_t;  // 256 bits

  // ------------------------------------------------------------------------------------------
  // Between the modules of the engine

  /// What is kept of a descriptor while its job is under way: all that its end needs.
  typedef struct packed {
    tenant_t     tenant;
    logic        era;          // as in work_t
    logic [7:0]  operation;
    logic        rec_valid;    // 0 for a discarded descriptor
    logic        req_rec;
    logic [2:0]  rec_tc;
    logic [63:5] rec_addr;
    logic        irq;          // send a completion interrupt
    irq_id_t     irq_id;
  } job_row_t;

  /// How a job has ended.
  typedef struct packed {
    logic [JobW-1:0] id;
    dsa_status_e     status;
    logic [31:0]     info;     // StatusFlags: the bad flags; errors of the movement: bytes done
    logic            write;    // faults: of a write
    logic [63:12]    page;     // faults
  } job_result_t;

  /// A completed job on its way out: what is left to do.
  typedef struct packed {
    tenant_t         tenant;
    logic            era;
    logic [7:0]      operation;
    logic [63:5]     rec_addr;
    dsa_record_t     record;   // if it has one
    logic            irq;
    irq_id_t         irq_id;
  } job_end_t;

  /// Information with errors that keep a record or an interrupt from software (DSA 5.9).
  typedef struct packed {
    logic [2:0]  operand;      // 5: the completion record's address
    logic [8:0]  rsvd20;
    logic        first;        // in a batch
    logic        rec;          // software has to write the record in `sw_error_t`,
    logic        ims;
    logic        irq;          // and then to raise this interrupt
    logic [15:0] handle;
  } lost_info_t;

endpackage
