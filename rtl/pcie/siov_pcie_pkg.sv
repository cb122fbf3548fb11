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

  // ------------------------------------------------------------------------------------------
  // Where a received TLP goes, and what is wrong with it

  typedef enum logic [1:0] {
    DestNone,     // nowhere: ignored, or an error
    DestCpl,      // dma/
    DestPortal,   // adi/
    DestTarget    // the target queue
  } rx_dest_e;

  typedef enum logic [2:0] {
    OpRegRd,
    OpRegWr,
    OpZeroRd,     // a read that touches no register
    OpCfgRd,
    OpCfgWr,
    OpUr,         // completion with Unsupported Request
    OpRetry       // completion with Request Retry Status
  } target_op_e;

  typedef struct packed {
    target_op_e op;
    hdr_t       hdr;
  } target_t;

  /// Events for the error registers, each a pulse.
  typedef struct packed {
    logic malformed;
    logic unexpected;   // completion nobody waits for
    logic unsupported;  // with `np`: advisory, as the completion tells the requester
    logic np;
    logic poisoned;
    logic cpl_poisoned;
    logic cpl_ur;
    logic cpl_ca;
  } rx_err_t;

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
