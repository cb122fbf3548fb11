// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Takes Translation Completions: a beat a clock, never stalled. Each is held against the request
/// that has its tag; one that does not fit is unexpected and is dropped. What follows from it is
/// done in the clock after it came.
module siov_atc_cpl import siov_pkg::*, siov_atc_pkg::*; (
  input  logic           clk_i,
  input  logic           rst_ni,
  input  pcie_fn_t       fn_i,
  input  logic           cpl_valid_i,
  input  tlp_beat_t      cpl_i,
  /// This is a Translation Completion, expected or not.
  output logic           take_o,

  // the request with this tag, in the same clock
  output logic [TrW-1:0] tr_o,
  input  logic           tr_sent_i,   // it waits for a completion
  input  logic           tr_late_i,   // it did
  input  logic           tr_stale_i,  // its page has been invalidated since
  input  logic           tr_small_i,  // something of the tenant's has been
  input  miss_t          tr_i,

  /// The request, if it was waiting, ends with this operation.
  output logic           op_valid_o,
  output op_t            op_o,
  /// The tag is free.
  output logic           ended_o,
  /// All but `cto`.
  output cpl_err_t       err_o
);

  localparam logic [2:0] Success = 3'b000;
  localparam logic [2:0] Abort   = 3'b100;

  logic           valid_q;
  hdr_t           hdr_q;
  logic [63:0]    data_q;
  logic [TrW-1:0] tr_q;
  tag_owner_t     owner;

  assign owner  = tag_owner(fn_i, cpl_tag(cpl_i.hdr));
  assign take_o = cpl_valid_i && cpl_i.sop && owner.kind == TagTr;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= take_o;
  end

  always_ff @(posedge clk_i) begin
    if (take_o) begin
      tr_q   <= TrW'(owner.index);
      hdr_q  <= cpl_i.hdr;
      data_q <= {cpl_i.data[1], cpl_i.data[0]};
    end
  end

  // --- is it expected ---------------------------------------------------------------------------

  logic [2:0] status;
  logic       ours, fits, known, ends, poisoned;

  assign tr_o     = tr_q;
  assign status   = hdr_q[1][15:13];
  assign poisoned = hdr_q[0][14];

  // Requester ID, traffic class and attributes are those of the request.
  assign ours     = hdr_q[2][31:16] == fn_i.rid && hdr_q[0][22:20] == '0 && !hdr_q[0][18] &&
                    hdr_q[0][13:12] == '0;
  assign fits    = status != Success ||
                   (hdr_q[0][30] && hdr_q[0][9:0] == 10'd2 && hdr_q[1][11:0] == 12'd8);
  // What does not fit is nobody's answer: the tag of a late request rests on, as the answer may
  // still come and be taken for that of the next request.
  assign known   = valid_q && ours && fits;
  assign ends    = known && tr_sent_i;

  assign ended_o = known && (tr_sent_i || tr_late_i);

  always_comb begin
    err_o            = '0;
    err_o.hdr        = hdr_q;
    err_o.unexpected = valid_q && !ends;
    if (ends) begin
      err_o.poisoned = status == Success && poisoned;
      err_o.ca       = status == Abort;
      err_o.ur       = status != Success && status != Abort;
    end
  end

  // --- what it grants ---------------------------------------------------------------------------

  logic [63:0] entry;
  page_t       mask, page;
  logic        granted, too_small;
  size_e       size;

  always_comb begin
    {entry, mask, page} = '0;
    {granted, too_small} = '0;
    size = Size4K;
    if (ends) begin
      entry     = payload64(data_q);
      mask      = range_mask(entry[63:12], entry[11]);
      page      = join_page(entry[63:12], tr_i.lk.page, mask);
      // An answer without rights is of no size: VT-d clears S with them.
      too_small = fn_i.stu != '0 && !mask[6'(fn_i.stu) - 6'd1] && entry[1:0] != '0;
      // Rights of the other mode say nothing about this one.
      granted   = (tr_i.lk.write ? entry[1] : entry[0]) &&
                  entry[4] == (tr_i.lk.tenant.pasid_valid && tr_i.lk.tenant.priv);
      if (mask[17]) size = Size1G;
      else if (mask[8]) size = Size2M;
      // Of a larger page another part may have been invalidated.
      if (tr_small_i) size = Size4K;
    end
  end

  always_comb begin
    op_valid_o  = ends;
    op_o.miss   = tr_i;
    op_o.status = siov_dsa_pkg::StatusXlatError;
    op_o.xlat   = '{size: size, page: page, r: entry[0], w: entry[1], u: entry[2]};
    op_o.op     = OpFault;
    if (tr_stale_i) begin
      op_o.op = OpRequeue;
    end else if (status == Success && !poisoned && !too_small) begin
      if (granted) begin
        op_o.op = OpFill;
      end else if (tr_i.lk.block) begin
        op_o.op = OpBlock;
      end else begin
        op_o.status = siov_dsa_pkg::StatusPageFault;
      end
    end
  end

endmodule
