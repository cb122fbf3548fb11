// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What passes between the modules of atc/, and the formats of ATS and PRI (PCIe 10).
package siov_atc_pkg;

  import siov_pkg::*;

  parameter int unsigned NumWays    = 8;    // translations held for an ADI
  parameter int unsigned NumPrgs    = 32;   // page request groups outstanding, of one request each
  parameter int unsigned PrgsPerAdi = 4;    // at most, so that no ADI can take all groups,
  parameter int unsigned TrsPerAdi  = 16;   // or all Translation Requests
  parameter int unsigned NumWaiters = 4 * NumJobs;  // at least one for each job and operand
  parameter int unsigned MaxTries   = 64;   // page requests for one access

  parameter int unsigned WayW  = $clog2(NumWays);
  parameter int unsigned PrgW  = $clog2(NumPrgs);
  parameter int unsigned TriesW = $clog2(MaxTries);

  // ------------------------------------------------------------------------------------------
  // Translations

  typedef logic [51:0] page_t;  // address bits 63:12, and masks of them

  typedef enum logic [1:0] {
    Size4K,
    Size2M,
    Size1G
  } size_e;

  /// What a completion grants.
  typedef struct packed {
    size_e size;
    page_t page;   // translated; bits below `size` do not matter
    logic  r;
    logic  w;
    logic  u;      // use it untranslated
  } xlat_t;

  /// One way of a row. Without a PASID, `priv` and `pasid` are 0.
  typedef struct packed {
    logic        valid;
    logic        pasid_valid;
    logic        priv;
    logic [19:0] pasid;
    page_t       page;
    xlat_t       xlat;
  } way_t;

  typedef struct packed {
    logic [WayW-1:0]    next;  // to be replaced if all are valid
    way_t [NumWays-1:0] ways;
  } row_t;

  /// Answer kept for one operand of a job.
  typedef struct packed {
    page_t      asked;
    logic       fault;
    logic [7:0] status;
    page_t      page;
    logic       u;
  } held_t;

  /// Bits of a page number that lie within a page of this size.
  function automatic page_t size_mask(size_e size);
    unique case (size)
      Size4K:  return '0;
      Size2M:  return 52'h1ff;
      default: return 52'h3_ffff;
    endcase
  endfunction

  /// The same for an address with its S bit: the size is in the lowest 0 (PCIe 10.2.3.2).
  function automatic page_t range_mask(page_t page, logic s);
    return s ? page ^ (page + 1'b1) : '0;
  endfunction

  function automatic page_t join_page(page_t high, page_t low, page_t mask);
    return (high & ~mask) | (low & mask);
  endfunction

  // ------------------------------------------------------------------------------------------
  // Operations, one a clock, on the row of an ADI and on what is held for a job's operand

  typedef enum logic [2:0] {
    OpLookup,   // answer; on a miss it waits
    OpAsk,      // a waiter's turn: found by now, or to be asked for
    OpFill,     // the translation came: keep it, wake the waiter
    OpFault,    // there is none: wake the waiter
    OpRequeue,  // wait for a Translation Request once more
    OpBlock,    // wait for a page request
    OpSweep,    // invalidate
    OpClear     // empty the row
  } op_e;

  /// A lookup that waits.
  typedef struct packed {
    lookup_t           lk;
    logic [TriesW-1:0] tries;  // page requests so far
  } miss_t;

  typedef struct packed {
    op_e        op;
    miss_t      miss;    // in OpSweep and OpClear only the ADI
    xlat_t      xlat;    // OpFill
    logic [7:0] status;  // OpFault
  } op_t;

  // ------------------------------------------------------------------------------------------
  // Invalidation (PCIe 10.3)

  typedef struct packed {
    logic        pasid_valid;
    logic [19:0] pasid;
    logic        all_pasids;  // Global Invalidate
    page_t       page;
    page_t       mask;        // bits of `page` that do not matter
  } inv_t;

  /// Must a translation of this tenant go, if the address lies in the range? A request without
  /// PASID also ends all translations with one, at any address.
  function automatic logic inv_hits(inv_t inv, logic pasid_valid, logic [19:0] pasid,
                                    logic in_range);
    if (!inv.pasid_valid) return pasid_valid || in_range;
    return pasid_valid && (inv.all_pasids || inv.pasid == pasid) && in_range;
  endfunction

  // ------------------------------------------------------------------------------------------
  // TLPs

  parameter logic [7:0] MsgInvalidate         = 8'h01;
  parameter logic [7:0] MsgInvalidateComplete = 8'h02;
  parameter logic [7:0] MsgPageRequest        = 8'h04;
  parameter logic [7:0] MsgPrgResponse        = 8'h05;

  /// The 64-bit value in the payload of Translation Completions and Invalidate Requests, which is
  /// the one payload that has its highest byte first.
  function automatic logic [63:0] payload64(logic [63:0] data);
    return {data[7:0], data[15:8], data[23:16], data[31:24],
            data[39:32], data[47:40], data[55:48], data[63:56]};
  endfunction

  /// Translation Request for one translation.
  function automatic hdr_t tr_hdr(logic [15:0] rid, logic [9:0] tag, page_t page, logic no_write);
    logic        long_addr = page[51:20] != '0;
    logic [31:0] low = {page[19:0], 11'd0, no_write};
    tr_hdr[0] = {2'b00, long_addr, 5'b0_0000, tag[9], 3'b000, tag[8], 7'd0, 2'b01, 10'd2};
    tr_hdr[1] = {rid, tag[7:0], 8'hff};
    tr_hdr[2] = long_addr ? page[51:20] : low;
    tr_hdr[3] = long_addr ? low : '0;
  endfunction

  /// A group of one request: Last is set.
  function automatic hdr_t page_request_hdr(logic [15:0] rid, logic [PrgW-1:0] prg, page_t page,
                                            logic write);
    page_request_hdr[0] = {3'b001, 5'b1_0000, 24'd0};  // to the Root Complex
    page_request_hdr[1] = {rid, 8'd0, MsgPageRequest};
    page_request_hdr[2] = page[51:20];
    page_request_hdr[3] = {page[19:0], 9'(prg), 1'b1, write, !write};
  endfunction

  /// Stop Marker (PCIe 10.4.1.2): behind it there is no page request from before.
  function automatic hdr_t stop_marker_hdr(logic [15:0] rid);
    stop_marker_hdr    = page_request_hdr(rid, '0, '0, 1'b0);
    stop_marker_hdr[3] = 32'h0000_0004;  // marker type 0, L
  endfunction

  /// `copies`: how many of this completion are sent, 0 for 8.
  function automatic hdr_t inv_complete_hdr(logic [15:0] rid, logic [15:0] to, logic [2:0] tc,
                                            logic [2:0] copies, logic [31:0] itags);
    inv_complete_hdr[0] = {3'b001, 5'b1_0010, 1'b0, tc, 20'd0};  // by ID
    inv_complete_hdr[1] = {rid, 8'd0, MsgInvalidateComplete};
    inv_complete_hdr[2] = {to, 13'd0, copies};
    inv_complete_hdr[3] = itags;
  endfunction

  /// A TLP without payload.
  typedef struct packed {
    logic        prefix_valid;
    logic [31:0] prefix;
    hdr_t        hdr;
  } bare_tlp_t;

  function automatic tlp_beat_t bare_beat(bare_tlp_t tlp);
    bare_beat              = '0;
    bare_beat.sop          = 1'b1;
    bare_beat.eop          = 1'b1;
    bare_beat.prefix_valid = tlp.prefix_valid;
    bare_beat.prefix       = tlp.prefix;
    bare_beat.hdr          = tlp.hdr;
  endfunction

endpackage
