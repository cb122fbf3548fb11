// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The WQCFG and GRPCFG tables: one RAM of DWs, and the rules of who may write what when (DSA Table
/// 9-7). A field that may not be written now keeps its value; firmware may write everything.
/// Entries beyond the number of WQs read 0 and ignore writes.
///
/// An access takes three clocks: the state of the WQ, the old value, the new value. `rdata_o` is
/// valid with `rsp_valid_o`.
module siov_cfg_tables
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,

  input  logic        valid_i,
  input  reg_req_t    req_i,
  output logic        rsp_valid_o,
  output logic [31:0] rdata_o,

  /// The device is Disabled.
  input  logic        disabled_i,

  /// Each new value of a WQ's threshold, for adi/: as it may change at any time, it cannot be in
  /// the row that firmware makes.
  output logic        thr_we_o,
  output logic [AdiW-1:0] thr_adi_o,
  output logic [15:0] thr_o,

  /// Reset values into all entries: a pulse, while no access is under way. `clearing_o` is high from
  /// the next clock until done. After reset this happens by itself.
  input  logic        clear_i,
  output logic        clearing_o
);

  // A row is a DW; 16 of them an entry, of either table. GRPCFG comes behind the last WQ.
  localparam int unsigned NumEntries = MaxAdis + MaxGroups;
  localparam int unsigned EntryW     = $clog2(NumEntries);

  typedef struct packed {
    logic [EntryW-1:0] entry;
    logic [3:0]        dw;
  } row_t;

  localparam row_t FirstGroup = '{entry: EntryW'(MaxAdis), dw: '0};

  typedef enum logic [1:0] {
    StClear,   // writing reset values, a row a clock
    StIdle,    // reading the state of the WQ
    StState,   // reading the old value
    StData     // answering, writing the new value
  } state_e;

  state_e state_q;
  row_t   clear_q;       // row that is being cleared
  logic   wq_disabled_q;

  // ------------------------------------------------------------------------------------------
  // Where the access goes

  logic [17:0] addr;
  logic        is_group, exists;
  row_t        row, state_row;

  assign addr     = {req_i.addr, 2'b0};
  assign is_group = 32'(addr) < WqcfgOffset;

  always_comb begin
    row.dw    = addr[5:2];
    row.entry = is_group ? EntryW'(MaxAdis) + EntryW'(addr[6 +: GrpW])
                         : EntryW'(addr[6 +: AdiW]);
    exists    = is_group || 16'(row.entry) < strap_i.wqs;
    state_row = '{entry: row.entry, dw: 4'(WqcfgStatusOffset / 4)};
  end

  // ------------------------------------------------------------------------------------------
  // Who may write what

  function automatic logic [31:0] group_mask(logic [3:0] dw);
    unique case (32'(dw) * 4) inside
      [GrpcfgWqsOffset : GrpcfgEnginesOffset + 7]: return '1;
      GrpcfgFlagsOffset:     return GrpcfgFlagsRwMask[31:0];
      GrpcfgFlagsOffset + 4: return GrpcfgFlagsRwMask[63:32];
      default:               return '0;
    endcase
  endfunction

  logic [31:0] host_mask, mask, old;

  always_comb begin
    host_mask = '0;
    if (is_group) begin
      if (disabled_i) host_mask = group_mask(row.dw);
    end else begin
      unique case (32'(row.dw) * 4) inside
        WqcfgSizeOffset:      if (disabled_i) host_mask = WqcfgSizeRwMask;
        WqcfgThresholdOffset: host_mask = WqcfgThresholdRwMask;
        WqcfgModeOffset:      if (wq_disabled_q) host_mask = WqcfgModeRwMask;
        WqcfgLimitsOffset:    if (wq_disabled_q) host_mask = WqcfgLimitsRwMask;
        [WqcfgOpcfgOffset : 63]: if (wq_disabled_q) host_mask = WqcfgOpcfgRwMask;
        default: ;
      endcase
    end
  end

  for (genvar i = 0; i < 4; i++) begin : gen_mask
    assign mask[8*i +: 8] = req_i.be[i] ? (req_i.fw ? 8'hff : host_mask[8*i +: 8]) : 8'h00;
  end

  // ------------------------------------------------------------------------------------------
  // Reset values

  function automatic logic [31:0] reset_value(row_t r);
    if (r.entry < FirstGroup.entry) begin
      if (32'(r.dw) * 4 == WqcfgOpcfgOffset)     return Opcap0Reset[31:0];
      if (32'(r.dw) * 4 == WqcfgOpcfgOffset + 4) return Opcap0Reset[63:32];
    end else begin
      if (32'(r.dw) * 4 == GrpcfgFlagsOffset)     return GrpcfgFlagsReset[31:0];
      if (32'(r.dw) * 4 == GrpcfgFlagsOffset + 4) return GrpcfgFlagsReset[63:32];
    end
    return '0;
  endfunction

  row_t clear_next;
  logic last_wq, last;

  always_comb begin
    clear_next = row_t'($bits(row_t)'(clear_q) + 1'b1);
    last_wq    = clear_q.dw == '1 && 16'(clear_q.entry) + 1'b1 == strap_i.wqs;
    last       = clear_q.dw == '1 && clear_q.entry == EntryW'(NumEntries - 1);
    if (last_wq) clear_next = FirstGroup;
  end

  // ------------------------------------------------------------------------------------------

  logic        we, re;
  row_t        waddr;
  logic [31:0] wdata;

  always_comb begin
    re    = (state_q == StIdle && valid_i) || state_q == StState;
    we    = 1'b0;
    waddr = row;
    wdata = '0;
    if (state_q == StClear) begin
      we    = 1'b1;
      waddr = clear_q;
      wdata = reset_value(clear_q);
    end else if (state_q == StData) begin
      we    = req_i.write && exists;
      wdata = (old & ~mask) | (req_i.wdata & mask);
    end
  end

  siov_ram_1r1w #(.Width(32), .Depth(NumEntries * 16)) u_ram (
    .clk_i   (clk_i),
    .we_i    (we),
    .waddr_i (waddr),
    .wdata_i (wdata),
    .re_i    (re),
    .raddr_i (state_q == StIdle ? state_row : row),
    .rdata_o (old)
  );

  assign thr_we_o  = we && waddr.entry < FirstGroup.entry &&
                     32'(waddr.dw) * 4 == WqcfgThresholdOffset;
  assign thr_adi_o = waddr.entry[AdiW-1:0];
  assign thr_o     = wdata[15:0];

  wqcfg_status_t status;
  assign status = old;  // in StState

  assign rsp_valid_o = state_q == StData;
  assign rdata_o     = exists ? old : '0;
  assign clearing_o  = state_q == StClear;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StClear;
      clear_q <= '0;
    end else begin
      unique case (state_q)
        StClear: begin
          clear_q <= clear_next;
          if (last) state_q <= StIdle;
        end
        StIdle: begin
          if (clear_i) begin
            state_q <= StClear;
            clear_q <= '0;
          end else if (valid_i) begin
            state_q <= StState;
          end
        end
        StState: begin
          wq_disabled_q <= status.state == '0;
          state_q       <= StData;
        end
        default: state_q <= StIdle;
      endcase
    end
  end

  // ------------------------------------------------------------------------------------------
  // Assertions

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (clear_i) begin
        ClearOnlyWhenIdle_A : assert (state_q == StIdle && !valid_i)
          else $error("tables cleared during an access");
      end
    end
  end

endmodule
