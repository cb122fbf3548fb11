// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Decides from its header where a received TLP goes. Combinational.
///
/// Whether the payload agrees with Length is not seen here but beat by beat in siov_pcie_rx.
module siov_pcie_decode import siov_pkg::*, siov_pcie_pkg::*; (
  input  strap_t       strap_i,
  input  pcie_fn_t     fn_i,
  input  logic [63:18] bar0_i,
  input  logic [63:16] bar2_i,
  /// Address bits above BAR2's size, of those that can differ between sizes.
  input  logic [23:16] bar2_mask_i,

  /// The outputs mean something (and are worked out) only while this is high.
  input  logic         valid_i,
  input  hdr_t         hdr_i,
  input  logic         prefix_valid_i,
  input  logic [31:24] prefix_type_i,

  output rx_dest_e     dest_o,
  /// Of DestPosted
  output posted_t      posted_o,
  /// Of DestNonPosted
  output target_op_e   op_o,
  output err_t         err_o
);

  localparam logic [7:0] PasidPrefix = 8'h91;
  localparam logic [5:0] DummyPortal = 6'h0f;  // page of BAR0 (DSA 9.1)

  // Messages (PCIe 2.2.8, 10.3, 10.4)
  localparam logic [7:0] MsgUnlock        = 8'h00;
  localparam logic [7:0] MsgInvalidate    = 8'h01;
  localparam logic [7:0] MsgPageResponse  = 8'h05;
  localparam logic [7:0] MsgPmeTurnOff    = 8'h19;
  localparam logic [7:0] MsgSlotPower     = 8'h50;
  localparam logic [7:0] MsgVendorType1   = 8'h7f;

  localparam logic [2:0] RouteById      = 3'b010;
  localparam logic [2:0] RouteBroadcast = 3'b011;
  localparam logic [2:0] RouteLocal     = 3'b100;

  /// Of the messages known here: routing, payload and traffic class are as they must be.
  function automatic logic msg_legal(hdr_t hdr);
    logic [2:0]  route   = hdr[0][26:24];
    logic        tc0     = hdr[0][22:20] == '0;
    logic [10:0] payload = hdr_payload(hdr);
    unique case (hdr[1][7:0])
      MsgUnlock, MsgPmeTurnOff: return route == RouteBroadcast && payload == 11'd0 && tc0;
      MsgInvalidate:            return route == RouteById      && payload == 11'd2;
      MsgPageResponse:          return route == RouteById      && payload == 11'd0 && tc0;
      MsgSlotPower:             return route == RouteLocal     && payload == 11'd1 && tc0;
      default:                  return 1'b1;
    endcase
  endfunction

  /// PCIe 2.2.5: holes only in a single DW or an aligned QW, no empty first or last DW in the rest.
  function automatic logic be_legal(logic [10:0] len, logic addr2, logic [3:0] first,
                                    logic [3:0] last);
    if (len == 11'd1) return last == '0;
    if (len == 11'd2 && !addr2) return first != '0 && last != '0;
    return (first inside {4'b1111, 4'b1110, 4'b1100, 4'b1000}) &&
           (last inside {4'b1111, 4'b0111, 4'b0011, 4'b0001});
  endfunction

  /// Registers are accessed by bytes, aligned words and DWs (DSA 9.1).
  function automatic logic be_aligned(logic [3:0] be);
    return be inside {4'b0000, 4'b0001, 4'b0010, 4'b0100, 4'b1000, 4'b0011, 4'b1100, 4'b1111};
  endfunction

  logic [10:0] len;
  logic [63:2] addr;
  logic        data, dw4;
  logic        is_mem, is_lock, is_dmwr, is_atomic, is_io, is_cfg0, is_cfg1, is_msg, is_cpl,
               is_cpl_lk;
  logic        malformed, poisoned, bar0_hit, bar2_hit, portal_hit, line_access, reg_access,
               portal_there, mem_ok;
  logic [AdiW-1:0] adi;
  logic [1:0]      page;
  logic [7:0]      code;

  always_comb begin
    dest_o   = DestNone;
    posted_o = '0;
    op_o     = OpUr;
    err_o    = '0;
    {len, addr, data, dw4, adi, page, code} = '0;
    {is_mem, is_lock, is_dmwr, is_atomic, is_io, is_cfg0, is_cfg1, is_msg, is_cpl, is_cpl_lk} = '0;
    {malformed, poisoned, bar0_hit, bar2_hit, portal_hit, line_access, reg_access} = '0;
    {portal_there, mem_ok} = '0;

    if (valid_i) begin
      len      = hdr_len(hdr_i);
      addr     = hdr_addr(hdr_i);
      data     = hdr_has_data(hdr_i);
      dw4      = hdr_4dw(hdr_i);
      code     = hdr_i[1][7:0];
      poisoned = hdr_poisoned(hdr_i) && data;

      if (!hdr_i[0][31]) begin
        unique case (hdr_type(hdr_i)) inside
          TypeMem:                          is_mem    = 1'b1;
          TypeMemLk:                        is_lock   = !data;
          TypeIo:                           is_io     = !dw4;
          TypeCfg0:                         is_cfg0   = !dw4;
          TypeCfg1:                         is_cfg1   = !dw4;
          TypeCpl:                          is_cpl    = !dw4;
          TypeCplLk:                        is_cpl_lk = !dw4;
          TypeFetchAdd, TypeSwap, TypeCas:  is_atomic = data;
          TypeDmwr:                         is_dmwr   = data;
          [5'b1_0000:5'b1_0111]:            is_msg    = dw4;
          default: ;
        endcase
      end

      // Malformed. The port has no place for a digest, so TD cannot be true.
      malformed = hdr_i[0][15];
      if (!(is_mem || is_lock || is_dmwr || is_atomic || is_io || is_cfg0 || is_cfg1 || is_msg ||
            is_cpl || is_cpl_lk)) begin
        malformed = 1'b1;
      end
      if (is_mem || is_lock || is_dmwr) begin
        malformed |= !be_legal(len, addr[2], hdr_first_be(hdr_i), hdr_last_be(hdr_i));
        malformed |= 12'(addr[11:2]) + 12'(len) > 12'd1024;  // crosses 4 KiB
      end
      if (is_io || is_cfg0 || is_cfg1) begin
        malformed |= len != 11'd1 || hdr_last_be(hdr_i) != '0;
        malformed |= hdr_i[0][22:20] != '0;                  // TC
      end
      if (is_msg) malformed |= !msg_legal(hdr_i);
      if (data) malformed |= 14'(len) > (14'd32 << fn_i.mps);
      if (prefix_valid_i) begin
        malformed |= prefix_type_i != PasidPrefix;
        malformed |= !(is_mem || is_lock || is_dmwr || is_atomic || is_msg);
      end

      // Address. Only untranslated requests without PASID are for us.
      mem_ok      = fn_i.mse && !fn_i.d3hot && !prefix_valid_i && hdr_i[0][11:10] == 2'b00;
      bar0_hit    = mem_ok && addr[63:18] == bar0_i;
      bar2_hit    = mem_ok && addr[63:24] == bar2_i[63:24] &&
                    ((addr[23:16] ^ bar2_i[23:16]) & bar2_mask_i) == '0;
      adi         = {addr[23:16] & ~bar2_mask_i, addr[15:14]};
      page        = addr[13:12];
      portal_hit  = bar2_hit || (bar0_hit && addr[17:12] == DummyPortal);
      portal_there = bar2_hit && 16'(adi) < strap_i.wqs &&
                     !(page[1] && strap_i.ims_entries == '0);
      line_access = len == 11'd16 && addr[5:2] == '0 && hdr_first_be(hdr_i) == '1 &&
                    hdr_last_be(hdr_i) == '1;
      reg_access  = be_aligned(hdr_first_be(hdr_i)) && be_aligned(hdr_last_be(hdr_i));

      posted_o = '{kind: PostedReg, adi: adi, ims: page[1], limited: page[0], addr: addr[17:2],
                   len: len, first_be: hdr_first_be(hdr_i), last_be: hdr_last_be(hdr_i)};

      // Of several errors in one TLP the first counts: Malformed, then Unsupported Request,
      // Completer Abort and Unexpected Completion, then Poisoned (PCIe 6.2.3.2.3).
      if (malformed) begin
        err_o.malformed = 1'b1;
      end else if (is_cpl && hdr_i[2][31:16] == fn_i.rid && tag_in_use(fn_i, hdr_i)) begin
        dest_o = DestCpl;
      end else if (is_cpl || is_cpl_lk) begin
        err_o.unexpected = 1'b1;
      end else if (is_msg) begin
        unique case (code)
          MsgUnlock, MsgPmeTurnOff, MsgVendorType1: ;
          MsgSlotPower: err_o.poisoned = poisoned;
          // An Invalidate Request must be answered with ATS disabled, too (PCIe 10.3).
          MsgInvalidate, MsgPageResponse: begin
            if (hdr_i[2][31:16] != fn_i.rid) begin
              err_o.unsupported = 1'b1;
            end else if (poisoned) begin
              err_o.poisoned = 1'b1;
            end else begin
              dest_o = DestMsg;
            end
          end
          default: err_o.unsupported = 1'b1;
        endcase
      end else if (is_mem && data) begin
        if (!bar0_hit && !bar2_hit) begin
          err_o.unsupported = 1'b1;
        end else if (!portal_hit && !reg_access) begin
          err_o.aborted = 1'b1;
        end else if (poisoned) begin
          err_o.poisoned = 1'b1;
        end else if (!portal_hit) begin
          dest_o = DestPosted;
        end else if (portal_there && line_access) begin
          // All other writes to portals are ignored (DSA 3.3).
          dest_o        = DestPosted;
          posted_o.kind = PostedPortal;
        end
      end else begin
        // Non-posted: always ends in a completion.
        dest_o        = DestNonPosted;
        posted_o.kind = PostedMark;
        if (is_mem && portal_hit) begin
          op_o = OpZeroRd;
        end else if (is_mem && bar0_hit && reg_access) begin
          op_o = OpRegRd;
        end else if (is_mem && bar0_hit) begin
          op_o          = OpCa;
          err_o.aborted = 1'b1;
        end else if (is_dmwr && portal_hit && line_access) begin
          // Who is no shared WQ defers for ever (DSA 3.3). No descriptor has another size.
          op_o = portal_there ? OpDefer : OpRetry;
        end else if (is_cfg0 && hdr_i[2][18:16] == '0) begin
          op_o = data ? OpCfgWr : OpCfgRd;
        end else begin
          err_o.unsupported = 1'b1;
        end
        err_o.np = err_o.unsupported || err_o.aborted;
        // Poisoned data are not used, and the completion says Unsupported Request (PCIe 2.7.2.2).
        if (poisoned && !err_o.unsupported) begin
          op_o           = OpUr;
          err_o.poisoned = 1'b1;
        end
        if (op_o == OpDefer) posted_o.kind = PostedDefer;
      end
    end
  end

endmodule
