// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Types and TLP header fields that only the PCIe room uses.
package siov_pcie_pkg;
  import siov_pkg::*;

  // ------------------------------------------------------------------------------------------
  // Header fields (PCIe 2.2). `hdr_t` holds header byte 4n in bits 31:24 of DW n.

  parameter logic [4:0] TypeMem      = 5'b0_0000;
  parameter logic [4:0] TypeMemLk    = 5'b0_0001;
  parameter logic [4:0] TypeIo       = 5'b0_0010;
  parameter logic [4:0] TypeCfg0     = 5'b0_0100;
  parameter logic [4:0] TypeCfg1     = 5'b0_0101;
  parameter logic [4:0] TypeCpl      = 5'b0_1010;
  parameter logic [4:0] TypeCplLk    = 5'b0_1011;
  parameter logic [4:0] TypeFetchAdd = 5'b0_1100;
  parameter logic [4:0] TypeSwap     = 5'b0_1101;
  parameter logic [4:0] TypeCas      = 5'b0_1110;
  parameter logic [4:0] TypeDmwr     = 5'b1_1011;
  parameter logic [4:0] TypeMsgToRoot = 5'b1_0000;

  parameter logic [2:0] CplSuccess     = 3'b000;
  parameter logic [2:0] CplUnsupported = 3'b001;
  parameter logic [2:0] CplRetry       = 3'b010;
  parameter logic [2:0] CplAbort       = 3'b100;

  function automatic logic hdr_4dw(hdr_t hdr);
    return hdr[0][29];
  endfunction

  function automatic logic hdr_has_data(hdr_t hdr);
    return hdr[0][30];
  endfunction

  function automatic logic [4:0] hdr_type(hdr_t hdr);
    return hdr[0][28:24];
  endfunction

  function automatic logic hdr_poisoned(hdr_t hdr);
    return hdr[0][14];
  endfunction

  /// Length in DWs, 1 to 1024.
  function automatic logic [10:0] hdr_len(hdr_t hdr);
    return {hdr[0][9:0] == '0, hdr[0][9:0]};
  endfunction

  /// Payload in DWs, 0 to 1024.
  function automatic logic [10:0] hdr_payload(hdr_t hdr);
    return hdr_has_data(hdr) ? hdr_len(hdr) : '0;
  endfunction

  function automatic logic [3:0] hdr_first_be(hdr_t hdr);
    return hdr[1][3:0];
  endfunction

  function automatic logic [3:0] hdr_last_be(hdr_t hdr);
    return hdr[1][7:4];
  endfunction

  function automatic logic [63:2] hdr_addr(hdr_t hdr);
    return hdr_4dw(hdr) ? {hdr[2], hdr[3][31:2]} : {32'd0, hdr[2][31:2]};
  endfunction

  /// The tag of a completion is one that dma/ or atc/ can have given.
  function automatic logic tag_in_use(pcie_fn_t fn, hdr_t hdr);
    tag_owner_t owner = tag_owner(fn, cpl_tag(hdr));
    return owner.kind != TagUnused;
  endfunction

  // ------------------------------------------------------------------------------------------
  // Where a received TLP goes, and what is wrong with it

  typedef enum logic [2:0] {
    DestNone,      // nowhere: ignored, or an error
    DestCpl,       // dma/ and atc/
    DestMsg,       // atc/
    DestPosted,    // the posted queue
    DestNonPosted  // the non-posted queue
  } rx_dest_e;

  typedef enum logic [1:0] {
    PostedReg,     // write of BAR0 registers
    PostedPortal,  // descriptor for adi/
    PostedMark,    // a non-posted request came here: see siov_pcie_posted
    PostedDefer    // the same, and it is a DMWr with a descriptor for adi/
  } posted_e;

  /// A posted write, or what keeps the place of a non-posted request, without its payload.
  typedef struct packed {
    posted_e         kind;
    logic [AdiW-1:0] adi;        // for adi/: WQ, and which of its portals
    logic            ims;
    logic            limited;
    logic [17:2]     addr;       // PostedReg: first DW in BAR0
    logic [10:0]     len;        // DWs
    logic [3:0]      first_be;
    logic [3:0]      last_be;
  } posted_t;

  typedef enum logic [2:0] {
    OpRegRd,
    OpZeroRd,      // a read that touches no register
    OpCfgRd,
    OpCfgWr,
    OpUr,          // completion with Unsupported Request
    OpCa,          // completion with Completer Abort
    OpRetry,       // completion with Request Retry Status
    OpDefer        // the same, unless adi/ has accepted the descriptor
  } target_op_e;

  typedef struct packed {
    target_op_e  op;
    hdr_t        hdr;
    logic [31:0] wdata;          // OpCfgWr
  } target_t;

  /// What is wrong with a TLP, or what a requester found wrong.
  typedef struct packed {
    logic malformed;
    logic unsupported;   // with `np`: the completion says so
    logic aborted;       // with `np`: the completion says so
    logic np;
    logic unexpected;    // completion that nobody waits for
    logic poisoned;      // of a request
    logic cpl_poisoned;
    logic cpl_ur;
    logic cpl_ca;
    logic timeout;       // completion timeout
  } err_t;

  /// An error for config space, in the clock in which `err` is not 0. At most one bit of those that
  /// AER counts.
  typedef struct packed {
    err_t        err;
    hdr_t        hdr;    // of its TLP; 0 if there is none
    logic [31:0] prefix; // 0 if there is none
  } err_event_t;

  /// Who finds errors, the one whose TLP came first in front.
  typedef enum int unsigned {
    ErrDma,
    ErrAtc,
    ErrDmaTimeout,
    ErrAtcTimeout,
    ErrRx
  } err_source_e;

  parameter int unsigned NumErrSources = 32'(ErrRx) + 1;

  /// All but the timeout, which may come in the same clock.
  function automatic err_event_t cpl_error(cpl_err_t e);
    cpl_error                  = '0;
    cpl_error.err.cpl_ur       = e.ur;
    cpl_error.err.cpl_ca       = e.ca;
    cpl_error.err.unexpected   = e.unexpected;
    cpl_error.err.cpl_poisoned = e.poisoned;
    cpl_error.hdr              = e.hdr;
  endfunction

  /// A timed out request left no TLP to log.
  function automatic err_event_t timeout_error(cpl_err_t e);
    timeout_error             = '0;
    timeout_error.err.timeout = e.cto;
  endfunction

  /// Bits of AER's Uncorrectable Error registers
  typedef enum logic [4:0] {
    UncPoisoned    = 5'd12,
    UncTimeout     = 5'd14,
    UncAborted     = 5'd15,
    UncUnexpected  = 5'd16,
    UncMalformed   = 5'd18,
    UncUnsupported = 5'd20
  } unc_e;

  function automatic unc_e unc_bit(err_t e);
    unique case (1'b1)
      e.malformed:                return UncMalformed;
      e.aborted:                  return UncAborted;
      e.unexpected:               return UncUnexpected;
      e.timeout:                  return UncTimeout;
      e.poisoned, e.cpl_poisoned: return UncPoisoned;
      default:                    return UncUnsupported;
    endcase
  endfunction

  /// Someone else can deal with it, or we can without losing more than one descriptor: no worse
  /// than correctable if its severity is non-fatal (PCIe 6.2.3.2.4). Poisoned writes are for
  /// registers and portals, which is never advisory.
  function automatic logic advisory(err_t e);
    return e.unexpected || e.cpl_poisoned || e.np;
  endfunction

  /// Error messages (PCIe 2.2.8.3), most urgent first.
  typedef struct packed {
    logic fatal;
    logic nonfatal;
    logic cor;
  } err_msg_t;

  // ------------------------------------------------------------------------------------------
  // Config space access, one DW

  typedef struct packed {
    logic        write;
    logic [11:2] addr;
    logic [3:0]  be;
    logic [31:0] wdata;
    logic [12:0] bus_dev;  // from the request, captured by a write
  } cfg_req_t;

  /// Byte enables as a bit mask.
  function automatic logic [31:0] be_mask(logic [3:0] be);
    return {{8{be[3]}}, {8{be[2]}}, {8{be[1]}}, {8{be[0]}}};
  endfunction

endpackage
