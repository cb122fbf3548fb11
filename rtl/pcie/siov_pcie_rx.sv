// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Receive side: takes a beat a clock, decides where its TLP goes, and checks the payload against
/// Length.
///
/// A beat waits in one register (`beat_q`) until its destination takes it; the register keeps the
/// header of `sop` for the later beats. Completions and messages never wait, posted writes only
/// until earlier ones are done. Non-posted requests may wait for the host to take completions: it
/// must look at `np_ready_o` of siov_pcie_nonposted before it sends one.
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

  /// To atc/, one clock after reception.
  output logic         msg_valid_o,
  output rx_msg_t      msg_o,

  /// Posted writes. Their payload goes ahead, with the last line comes either `posted_valid_o` or
  /// `line_drop_o`, which takes back their lines. With every non-posted request comes a mark, with
  /// the line of a descriptor if it is a DMWr for adi/.
  output logic         line_valid_o,
  input  logic         line_ready_i,
  output line_t        line_o,
  output logic         line_drop_o,
  output logic         posted_valid_o,
  input  logic         posted_ready_i,
  output posted_t      posted_o,

  output logic         target_valid_o,
  input  logic         target_ready_i,
  output target_t      target_o,

  /// A pulse for each TLP with something wrong.
  output err_event_t   err_o,

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

  typedef struct packed {
    rx_dest_e   dest;
    posted_t    posted;
    target_op_e op;
    err_t       err;
  } route_t;

  route_t sop_route, route, route_q;

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
    .dest_o         (sop_route.dest),
    .posted_o       (sop_route.posted),
    .op_o           (sop_route.op),
    .err_o          (sop_route.err)
  );

  assign route = beat_q.sop ? sop_route : route_q;

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
      left_q  <= (left >= 11'd16) ? left - 11'd16 : '0;
      good_q  <= good;
      route_q <= route;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Routing

  logic to_cpl, to_msg, to_posted, to_target, to_line;

  assign to_cpl    = valid_q && good && route.dest == DestCpl;
  assign to_msg    = valid_q && good && route.dest == DestMsg;
  assign to_posted = valid_q && good && route.dest == DestPosted;
  assign to_target = valid_q && good && route.dest == DestNonPosted;
  assign to_line   = to_posted || (to_target && route.op == OpDefer);

  always_comb begin
    take = valid_q;
    if (to_posted) take = line_ready_i && posted_ready_i;
    if (to_target) take = target_ready_i && posted_ready_i && (line_ready_i || !to_line);
  end

  assign cpl_valid_o    = to_cpl;
  assign cpl_o          = beat_q;

  assign msg_valid_o    = to_msg;
  assign msg_o          = '{code: beat_q.hdr[1][7:0], prefix_valid: beat_q.prefix_valid,
                            prefix: beat_q.prefix, hdr: beat_q.hdr, data: beat_q.data[1:0]};

  assign line_valid_o   = take && to_line;
  assign line_o         = beat_q.data;
  assign line_drop_o    = take && beat_q.eop && !good;
  assign posted_valid_o = take && beat_q.eop && (to_posted || to_target);
  assign posted_o       = route.posted;
  assign target_valid_o = take && beat_q.eop && to_target;
  assign target_o       = '{op: route.op, hdr: beat_q.hdr, wdata: beat_q.data[0]};

  always_comb begin
    err_o = '0;
    if (take && beat_q.eop) begin
      err_o.err = route.err;
      if (!good) begin
        err_o.err           = '0;
        err_o.err.malformed = 1'b1;
      end
      if (err_o.err != '0) begin
        err_o.hdr    = beat_q.hdr;
        err_o.prefix = beat_q.prefix_valid ? beat_q.prefix : '0;
      end
    end
  end

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


  logic        refused_q, sop_q;
  hdr_t        hdr_q;
  logic [15:0] dw_en_q;

  always_ff @(posedge clk_i) begin
    refused_q <= rst_ni && rx_valid_i && !rx_ready_o;
    if (rx_valid_i && !rx_ready_o) {hdr_q, dw_en_q, sop_q} <= {rx_i.hdr, rx_i.dw_en, rx_i.sop};
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && rx_valid_i) begin
      RxSopAfterEop_A: assert (rx_i.sop == !in_tlp_q)
        else $error("rx: a TLP must start with sop, right after the eop of the one before");
      RxDwEnRun_A: assert ((rx_i.dw_en & (rx_i.dw_en + 16'd1)) == '0)
        else $error("rx: dw_en must be a run from bit 0");
      RxFullUntilEop_A: assert (rx_i.eop || rx_i.dw_en == '1)
        else $error("rx: only the last beat of a TLP may carry less than 16 DWs");
    end
    if (rst_ni && refused_q) begin
      RxStable_A: assert (rx_valid_i && {rx_i.hdr, rx_i.dw_en, rx_i.sop} ==
                                        {hdr_q, dw_en_q, sop_q})
        else $error("rx: a beat once offered must stay until it is taken");
    end
  end

endmodule
