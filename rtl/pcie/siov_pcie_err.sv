// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Error status of config space: the write-1-to-clear bits of Status, Device Status and AER, and
/// the logs; and which error messages are to be sent (PCIe 6.2.5). Every error of every source
/// counts in its clock, the first source's is logged. An error in the clock of the write that
/// clears its bit wins.
module siov_pcie_err
  import siov_pkg::*, siov_pcie_pkg::*, siov_pcie_cfg_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  /// AER is sticky; the other bits are cleared.
  input  logic        flr_i,
  input  logic        d3hot_i,

  // Command and Device Control
  input  logic        parity_en_i,
  input  logic        serr_en_i,
  input  err_msg_t    report_en_i,
  input  logic        report_ur_i,
  // AER
  input  logic [31:0] mask_i,
  input  logic [31:0] severity_i,
  input  logic        advisory_mask_i,

  input  err_event_t  event_i [NumErrSources],
  /// Messages to send: pulses. The last one is for timeouts found in D3hot.
  output err_msg_t [NumErrSources:0] msg_o,

  /// Config access: DW, bits that are written 1, and what the bits here read.
  input  logic [11:0] addr_i,
  input  logic [31:0] clear_i,
  input  logic        read_i,
  output logic [31:0] rdata_o
);

  localparam int unsigned CorAdvisory = 13;
  localparam int unsigned SourceW     = $clog2(NumErrSources);

  // ------------------------------------------------------------------------------------------
  // Each source's error

  typedef struct packed {
    logic     counted;   // by AER: not just a completion status
    unc_e     unc;
    logic     advisory;
    logic     fatal;
    logic     recorded;  // in Uncorrectable Error Status
    logic     masked;
    err_msg_t msg;
  } verdict_t;

  verdict_t verdict [NumErrSources];

  for (genvar s = 0; s < NumErrSources; s++) begin : gen_source
    err_t     e;
    verdict_t v;
    logic     silent;

    assign e = event_i[s].err;

    always_comb begin
      v      = '0;
      silent = e.unsupported && !report_ur_i;
      if (e != '0) begin
        v.counted  = e.malformed || e.unsupported || e.aborted || e.unexpected || e.poisoned ||
                     e.cpl_poisoned || e.timeout;
        v.unc      = unc_bit(e);
        v.fatal    = severity_i[v.unc];
        v.advisory = !v.fatal && advisory(e);
        v.recorded = v.counted && !(v.advisory && advisory_mask_i);
        v.masked   = mask_i[v.unc];

        if (v.recorded && v.advisory) begin
          v.msg.cor = report_en_i.cor && !silent;
        end else if (v.recorded && !v.masked) begin
          v.msg.nonfatal = !v.fatal && (serr_en_i || (report_en_i.nonfatal && !silent));
          v.msg.fatal    =  v.fatal && (serr_en_i || (report_en_i.fatal    && !silent));
        end
      end
    end

    assign verdict[s] = v;
  end

  // ------------------------------------------------------------------------------------------
  // What all of them set

  logic [15:0]        status_set;  // Status, 06h
  logic [3:0]         dev_set;     // Device Status: correctable, non-fatal, fatal, UR
  logic [31:0]        unc_set;
  logic               advisory_set, log_set;
  unc_e               log_bit;
  logic [SourceW-1:0] log_source;

  always_comb begin
    {status_set, dev_set, unc_set, advisory_set, log_set} = '0;
    log_bit    = UncUnsupported;
    log_source = '0;
    for (int unsigned s = 0; s < NumErrSources; s++) begin
      if (event_i[s].err != '0) begin
        status_set[8]  |= event_i[s].err.cpl_poisoned && parity_en_i;  // Master Data Parity Error
        status_set[11] |= event_i[s].err.aborted;                      // Signaled Target Abort
        status_set[12] |= event_i[s].err.cpl_ca;                       // Received Target Abort
        status_set[13] |= event_i[s].err.cpl_ur;                       // Received Master Abort
        status_set[14] |= serr_en_i && (verdict[s].msg.nonfatal || verdict[s].msg.fatal);
        status_set[15] |= event_i[s].err.poisoned || event_i[s].err.cpl_poisoned;
      end
      if (verdict[s].counted) begin
        dev_set[0]   |= verdict[s].advisory;
        dev_set[1]   |= !verdict[s].advisory && !verdict[s].fatal;
        dev_set[2]   |= verdict[s].fatal;
        dev_set[3]   |= event_i[s].err.unsupported;
        advisory_set |= verdict[s].advisory;
        if (verdict[s].recorded) unc_set[verdict[s].unc] = 1'b1;
        if (verdict[s].recorded && !verdict[s].masked && !log_set) begin
          log_set    = 1'b1;
          log_bit    = verdict[s].unc;
          log_source = SourceW'(s);
        end
      end
    end
  end

  // ------------------------------------------------------------------------------------------
  // Messages. D3hot holds back that of an error that no received TLP caused (PCIe 5.3.1.4).

  err_msg_t late_q, late_set;

  always_comb begin
    for (int unsigned s = 0; s < NumErrSources; s++) msg_o[s] = verdict[s].msg;
    msg_o[NumErrSources] = d3hot_i ? '0 : late_q;
    late_set = '0;
    if (d3hot_i) begin
      late_set = msg_o[ErrDmaTimeout] | msg_o[ErrAtcTimeout];
      msg_o[ErrDmaTimeout] = '0;
      msg_o[ErrAtcTimeout] = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flr_i) late_q <= '0;
    else late_q <= d3hot_i ? late_q | late_set : '0;
  end

  // ------------------------------------------------------------------------------------------
  // Bits: set by errors, cleared by writing 1

  logic [15:0] status_q, clear_status;
  logic [3:0]  dev_q, clear_dev;
  logic [31:0] unc_q, unc_kept;
  logic        advisory_q, clear_advisory;

  assign clear_status   = addr_i == CfgCommand ? clear_i[31:16] : '0;
  assign clear_dev      = addr_i == CfgDevCtl  ? clear_i[19:16] : '0;
  assign clear_advisory = addr_i == CfgCorStatus && clear_i[CorAdvisory];
  assign unc_kept       = addr_i == CfgUncStatus ? unc_q & ~clear_i : unc_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      status_q   <= '0;
      dev_q      <= '0;
      unc_q      <= '0;
      advisory_q <= 1'b0;
    end else begin
      status_q   <= flr_i ? '0 : (status_q & ~clear_status) | status_set;
      dev_q      <= flr_i ? '0 : (dev_q & ~clear_dev) | dev_set;
      unc_q      <= unc_kept | unc_set;
      advisory_q <= (advisory_q && !clear_advisory) || advisory_set;
    end
  end

  // ------------------------------------------------------------------------------------------
  // The first error, until software clears its bit. Multiple Header Recording is not supported.

  unc_e        first_q;         // First Error Pointer
  logic        first_valid_q;
  hdr_t        log_q;
  logic [31:0] prefix_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q       <= UncPoisoned;
      first_valid_q <= 1'b0;
      log_q         <= '0;
      prefix_q      <= '0;
    end else if (log_set && !(first_valid_q && unc_kept[first_q])) begin
      first_q       <= log_bit;
      first_valid_q <= 1'b1;
      log_q         <= event_i[log_source].hdr;
      prefix_q      <= event_i[log_source].prefix;
    end else if (!unc_kept[first_q]) begin
      first_valid_q <= 1'b0;
    end
  end

  always_comb begin
    rdata_o = '0;
    if (read_i) begin
      unique case (addr_i)
        CfgCommand:   rdata_o = {status_q, 16'd0};
        CfgDevCtl:    rdata_o = {12'd0, dev_q, 16'd0};
        CfgUncStatus: rdata_o = unc_q;
        CfgCorStatus: rdata_o = 32'(advisory_q) << CorAdvisory;
        CfgAerCtl:    rdata_o = first_valid_q ? {20'd0, prefix_q != '0, 6'd0, first_q} : '0;
        CfgHdrLog0:   rdata_o = log_q[0];
        CfgHdrLog1:   rdata_o = log_q[1];
        CfgHdrLog2:   rdata_o = log_q[2];
        CfgHdrLog3:   rdata_o = log_q[3];
        CfgPrefixLog: rdata_o = prefix_q;
        default: ;
      endcase
    end
  end

endmodule
