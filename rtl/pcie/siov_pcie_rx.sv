// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Receive side: takes a beat a clock, decides where its TLP goes, and checks the payload against
/// Length.
///
/// A beat waits in one register (`beat_q`) until its destination takes it; the register keeps the
/// header of `sop` for the later beats. Completions are never held up by their own destination.
module siov_pcie_rx import siov_pkg::*, siov_pcie_pkg::*; (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  strap_t       strap_i,
  input  pcie_fn_t     fn_i,
  input  logic [63:18] bar0_i,
  input  logic [63:16] bar2_i,
  input  logic [23:16] bar2_mask_i,

  input  logic         rx_valid_i,
  output logic         rx_ready_o,
  input  tlp_beat_t    rx_i,

  /// To dma/, one clock after reception. The header is valid in every beat.
  output logic         cpl_valid_o,
  output tlp_beat_t    cpl_o,

  output logic         portal_valid_o,
  input  logic         portal_ready_i,
  output portal_wr_t   portal_o,

  /// Payload of register and config writes. At the end of the TLP comes either its
  /// `target_valid_o`, with the last line, or `line_drop_o`, which takes back its lines.
  output logic         line_valid_o,
  input  logic         line_ready_i,
  output line_t        line_o,
  output logic         line_drop_o,
  output logic         target_valid_o,
  input  logic         target_ready_i,
  output target_t      target_o,

  /// A pulse for each thing found, with `err_hdr_o`.
  output rx_err_t      err_o,
  output hdr_t         err_hdr_o,

  output logic         busy_o
);

  logic        valid_q;
  tlp_beat_t   beat_q;
  logic        take;

  assign rx_ready_o = !valid_q || take;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
    end else if (rx_ready_o) begin
      valid_q <= rx_valid_i;
    end
    if (rx_ready_o && rx_valid_i) begin
      beat_q <= rx_i;
      if (!rx_i.sop) begin
        beat_q.hdr          <= beat_q.hdr;
        beat_q.prefix       <= beat_q.prefix;
        beat_q.prefix_valid <= beat_q.prefix_valid;
      end
    end
  end

  // ------------------------------------------------------------------------------------------
  // Destination: decided at sop, kept for the TLP, as config space may change meanwhile.

  rx_dest_e   sop_dest, dest, dest_q;
  target_op_e sop_op, op, op_q;
  rx_err_t    sop_err, err, err_q;

  logic [AdiW-1:0] adi;
  logic [1:0]      page;

  siov_pcie_decode u_decode (
    .strap_i        (strap_i),
    .fn_i           (fn_i),
    .bar0_i         (bar0_i),
    .bar2_i         (bar2_i),
    .bar2_mask_i    (bar2_mask_i),
    .valid_i        (valid_q && beat_q.sop),
    .hdr_i          (beat_q.hdr),
    .prefix_valid_i (beat_q.prefix_valid),
    .prefix_type_i  (beat_q.prefix[31:24]),
    .dest_o         (sop_dest),
    .op_o           (sop_op),
    .err_o          (sop_err),
    .adi_o          (adi),
    .page_o         (page)
  );

  assign dest = beat_q.sop ? sop_dest : dest_q;
  assign op   = beat_q.sop ? sop_op   : op_q;
  assign err  = beat_q.sop ? sop_err  : err_q;

  // ------------------------------------------------------------------------------------------
  // Payload against Length: every beat must be full until what is left fits in one.

  logic [10:0] left, left_q;
  logic        beat_good, good, good_q;

  assign left      = beat_q.sop ? hdr_payload(beat_q.hdr) : left_q;
  assign beat_good = (left >= 11'd16) ? (beat_q.dw_en == '1 && beat_q.eop == (left == 11'd16))
                                      : (beat_q.dw_en == (16'd1 << left[3:0]) - 16'd1 &&
                                         beat_q.eop);
  assign good      = beat_good && (beat_q.sop || good_q);

  always_ff @(posedge clk_i) begin
    if (take) begin
      left_q <= (left >= 11'd16) ? left - 11'd16 : '0;
      good_q <= good;
      dest_q <= dest;
      op_q   <= op;
      err_q  <= err;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Routing

  logic to_target, has_line;

  assign to_target = valid_q && dest == DestTarget && good;
  assign has_line  = to_target && (op == OpRegWr || op == OpCfgWr);

  always_comb begin
    unique case (dest)
      DestPortal: take = valid_q && portal_ready_i;
      DestTarget: take = valid_q && (target_ready_i || !to_target) && (line_ready_i || !has_line);
      default:    take = valid_q;
    endcase
  end

  assign cpl_valid_o    = valid_q && dest == DestCpl && good;
  assign cpl_o          = beat_q;

  assign portal_valid_o = valid_q && dest == DestPortal && good;
  assign portal_o       = '{adi: adi, ims: page[1], limited: page[0], desc: beat_q.data};

  assign line_valid_o   = take && has_line;
  assign line_o         = beat_q.data;
  assign line_drop_o    = take && beat_q.eop && !good;
  assign target_valid_o = take && to_target && beat_q.eop;
  assign target_o       = '{op: op, hdr: beat_q.hdr};

  always_comb begin
    err_o = '0;
    if (take && beat_q.eop) begin
      err_o = err;
      if (!good) begin
        err_o           = '0;
        err_o.malformed = 1'b1;
      end
    end
  end

  assign err_hdr_o = beat_q.hdr;

  // From the first beat of a TLP to the last.
  logic in_tlp_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_tlp_q <= 1'b0;
    end else if (rx_valid_i && rx_ready_o) begin
      in_tlp_q <= !rx_i.eop;
    end
  end

  assign busy_o = valid_q || in_tlp_q;

  // ------------------------------------------------------------------------------------------
  // The port's contract (docs/tlp-port.md)

  RxSopAfterEop_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rx_valid_i |-> rx_i.sop == !in_tlp_q)
    else $error("rx: a TLP must start with sop, right after the eop of the one before");

  RxDwEnRun_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rx_valid_i |-> (rx_i.dw_en & (rx_i.dw_en + 16'd1)) == '0)
    else $error("rx: dw_en must be a run from bit 0");

  RxFullUntilEop_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rx_valid_i && !rx_i.eop |-> rx_i.dw_en == '1)
    else $error("rx: only the last beat of a TLP may carry less than 16 DWs");

  RxStable_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rx_valid_i && !rx_ready_o |=> rx_valid_i && $stable({rx_i.hdr, rx_i.dw_en, rx_i.sop}))
    else $error("rx: a beat once offered must stay until it is taken");

endmodule
