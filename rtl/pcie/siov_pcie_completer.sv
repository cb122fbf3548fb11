// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Works through the non-posted requests in order, one DW at a time, and makes the completions.
///
/// Read completions are cut at 128-byte addresses, the endpoint's Read Completion Boundary, so they
/// never exceed Max_Payload_Size. A completion is offered when all of its data are there, so its
/// beats follow each other without a gap. An FLR starts when the completion of the config write
/// that asked for it has been accepted.
module siov_pcie_completer import siov_pkg::*, siov_pcie_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [15:0] rid_i,
  /// ID-based ordering allowed for completions.
  input  logic        ido_i,

  input  logic        target_valid_i,
  output logic        target_ready_o,
  input  target_t     target_i,
  /// Of OpDefer: adi/ has the descriptor.
  input  logic        accepted_i,

  // BAR0: reads, and posted writes elsewhere, take turns by request
  /// A write is being performed.
  input  logic        reg_active_i,
  /// No write may begin.
  output logic        reg_hold_o,
  output logic        reg_valid_o,
  output reg_req_t    reg_o,
  input  logic        reg_rsp_valid_i,
  input  logic [31:0] reg_rdata_i,

  /// Config space: done, and read data there, in the same clock.
  output logic        cfg_valid_o,
  output cfg_req_t    cfg_o,
  input  logic [31:0] cfg_rdata_i,
  /// The config write in this clock asks for an FLR.
  input  logic        cfg_flr_i,

  output logic        flr_o,
  input  logic        flr_done_i,

  output logic        tx_valid_o,
  input  logic        tx_ready_i,
  output tlp_beat_t   tx_o,

  output logic        busy_o
);

  typedef enum logic [1:0] {
    StIdle,
    StAccess,  // one DW of a BAR0 read
    StSend,
    StFlr
  } state_e;

  state_e            state_q;
  logic [17:2]       addr_q;   // of the DW being worked on
  logic [10:0]       left_q;   // DWs, with this one
  logic              first_q;  // first DW of the request
  logic [4:0]        fill_q;   // place of the DW in the completion
  logic [12:0]       bytes_q;  // Byte Count of this completion
  logic [6:0]        low_q;    // Lower Address of this completion
  logic              flr_q;
  logic              beat_q;   // of the completion being sent
  logic [31:0][31:0] data_q;

  // ------------------------------------------------------------------------------------------
  // The request, held at the queue's output until it is done

  hdr_t       hdr;
  target_op_e op;
  logic       is_read;

  assign hdr     = target_i.hdr;
  assign op      = target_i.op;
  assign is_read = op == OpRegRd || op == OpZeroRd;

  /// Bytes off at the start of a read (PCIe 2.3.1.1); none in a zero-length read.
  function automatic logic [1:0] skip_first(logic [3:0] be);
    unique casez (be)
      4'b??10: return 2'd1;
      4'b?100: return 2'd2;
      4'b1000: return 2'd3;
      default: return 2'd0;
    endcase
  endfunction

  function automatic logic [1:0] skip_last(logic [3:0] be);
    unique casez (be)
      4'b01??: return 2'd1;
      4'b001?: return 2'd2;
      4'b0001: return 2'd3;
      default: return 2'd0;
    endcase
  endfunction

  /// Byte Count of a request's first completion. A zero-length read counts 1, anything but a
  /// memory read or AtomicOp 4.
  function automatic logic [12:0] byte_count(hdr_t h);
    logic [3:0] last;
    last = hdr_len(h) == 11'd1 ? hdr_first_be(h) : hdr_last_be(h);
    unique case (hdr_type(h))
      TypeMem, TypeMemLk: begin
        if (last == '0) return 13'd1;
        return {hdr_len(h), 2'b00} - 13'(skip_first(hdr_first_be(h))) - 13'(skip_last(last));
      end
      TypeFetchAdd, TypeSwap: return {hdr_len(h), 2'b00};
      TypeCas:                return {1'b0, hdr_len(h), 1'b0};
      default:                return 13'd4;
    endcase
  endfunction

  function automatic logic [6:0] lower_address(hdr_t h);
    if (!(hdr_type(h) inside {TypeMem, TypeMemLk})) return '0;
    return {5'(hdr_addr(h)), skip_first(hdr_first_be(h))};
  endfunction

  // ------------------------------------------------------------------------------------------
  // One DW

  logic [3:0] be;
  logic       access, step, last_dw, last_of_cpl;

  assign be = first_q           ? hdr_first_be(hdr) :
              left_q == 11'd1   ? hdr_last_be(hdr)  : 4'b1111;

  assign access      = op == OpRegRd && be != '0;
  assign step        = state_q == StAccess && (!access || reg_rsp_valid_i);
  assign last_dw     = left_q == 11'd1;
  assign last_of_cpl = last_dw || addr_q[6:2] == '1;

  assign reg_hold_o  = state_q inside {StAccess, StFlr};
  assign reg_valid_o = state_q == StAccess && access && !reg_active_i;
  assign reg_o       = '{write: 1'b0, fw: 1'b0, addr: addr_q, be: be, wdata: '0};

  assign cfg_valid_o   = state_q == StIdle && target_valid_i && (op == OpCfgRd || op == OpCfgWr);
  assign cfg_o.write   = op == OpCfgWr;
  assign cfg_o.addr    = hdr[2][11:2];
  assign cfg_o.be      = hdr_first_be(hdr);
  assign cfg_o.wdata   = target_i.wdata;
  assign cfg_o.bus_dev = hdr[2][31:19];

  // ------------------------------------------------------------------------------------------
  // The completion

  logic [5:0] cpl_len;
  logic       has_data, sent;

  assign has_data = is_read || op == OpCfgRd;
  assign cpl_len  = 6'(fill_q) + 6'd1;

  always_comb begin
    tx_o = '0;
    if (tx_valid_o) begin
      tx_o.sop = !beat_q;
      tx_o.eop = !has_data || beat_q || cpl_len <= 6'd16;
      if (has_data) begin
        tx_o.dw_en = tx_o.eop && cpl_len[3:0] != '0 ? (16'd1 << cpl_len[3:0]) - 16'd1 : '1;
        tx_o.data  = beat_q ? data_q[31:16] : data_q[15:0];
      end

      tx_o.hdr[0][31:29] = has_data ? 3'b010 : 3'b000;
      tx_o.hdr[0][28:24] = hdr_type(hdr) == TypeMemLk ? TypeCplLk : TypeCpl;
      tx_o.hdr[0][23:19] = hdr[0][23:19];  // tag bits 9 and 8, TC
      tx_o.hdr[0][18]    = ido_i;
      tx_o.hdr[0][13:12] = hdr[0][13:12];  // RO, NS
      tx_o.hdr[0][9:0]   = has_data ? 10'(cpl_len) : '0;
      tx_o.hdr[1][31:16] = rid_i;
      unique case (op)
        OpUr:    tx_o.hdr[1][15:13] = CplUnsupported;
        OpCa:    tx_o.hdr[1][15:13] = CplAbort;
        OpRetry: tx_o.hdr[1][15:13] = CplRetry;
        OpDefer: tx_o.hdr[1][15:13] = accepted_i ? CplSuccess : CplRetry;
        default: tx_o.hdr[1][15:13] = CplSuccess;
      endcase
      tx_o.hdr[1][11:0]  = bytes_q[11:0];
      tx_o.hdr[2]        = {hdr[1][31:8], 1'b0, low_q};  // requester ID, tag bits 7:0
    end
  end

  assign tx_valid_o = state_q == StSend;
  assign sent       = tx_valid_o && tx_ready_i && tx_o.eop;

  // ------------------------------------------------------------------------------------------
  // Sequence. `left_q` is 0 once all DWs of a read are in completions.

  assign target_ready_o = sent && left_q == '0;
  assign flr_o          = state_q == StFlr && !reg_active_i;
  assign busy_o         = target_valid_i || state_q != StIdle;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      flr_q   <= 1'b0;
    end else begin
      unique case (state_q)
        StIdle: begin
          if (target_valid_i) begin
            state_q <= is_read ? StAccess : StSend;
            flr_q   <= cfg_valid_o && cfg_o.write && cfg_flr_i;
          end
        end
        StAccess: begin
          if (step && last_of_cpl) state_q <= StSend;
        end
        StSend: begin
          if (sent) state_q <= left_q != '0 ? StAccess : flr_q ? StFlr : StIdle;
        end
        StFlr: begin
          if (flr_done_i) state_q <= StIdle;
        end
        default: state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      StIdle: begin
        if (target_valid_i) begin
          addr_q  <= 16'(hdr_addr(hdr));
          left_q  <= is_read ? hdr_len(hdr) : '0;
          first_q <= 1'b1;
          fill_q  <= '0;
          bytes_q <= byte_count(hdr);
          low_q   <= lower_address(hdr);
          beat_q  <= 1'b0;
          if (cfg_valid_o) data_q[0] <= cfg_rdata_i;
        end
      end
      StAccess: begin
        if (step) begin
          addr_q  <= addr_q + 1'b1;
          left_q  <= left_q - 1'b1;
          first_q <= 1'b0;
          if (!last_of_cpl) fill_q <= fill_q + 1'b1;
          data_q[fill_q] <= access ? reg_rdata_i : '0;
        end
      end
      StSend: begin
        if (tx_ready_i) beat_q <= !tx_o.eop;
        if (sent) begin
          fill_q  <= '0;
          bytes_q <= bytes_q - (13'd128 - 13'(low_q));
          low_q   <= '0;
        end
      end
      default: ;
    endcase
  end

endmodule
