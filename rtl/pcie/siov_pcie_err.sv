// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Error status of config space: the write-1-to-clear bits of Status, Device Status and AER, and
/// the header log (PCIe 6.2). An error in the clock of the write that clears its bit wins.
///
/// Errors are recorded; error messages are not sent.
module siov_pcie_err
  import siov_pkg::*, siov_pcie_pkg::*, siov_pcie_cfg_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  /// AER is sticky; the other bits are cleared.
  input  logic        flr_i,

  /// Command: Parity Error Response
  input  logic        parity_en_i,
  input  logic [31:0] mask_i,
  input  logic [31:0] severity_i,

  input  rx_err_t     err_i,
  input  hdr_t        hdr_i,

  /// Config access: DW, bits that are written 1, and what the bits here read.
  input  logic [11:0] addr_i,
  input  logic [31:0] clear_i,
  output logic [31:0] rdata_o
);

  typedef enum logic [4:0] {
    UncPoisoned    = 5'd12,
    UncUnexpected  = 5'd16,
    UncMalformed   = 5'd18,
    UncUnsupported = 5'd20
  } unc_e;

  logic [15:0] status_q, status_set;  // Status, 06h
  logic [3:0]  dev_q, dev_set;        // Device Status: correctable, non-fatal, fatal, UR
  logic [31:0] unc_q, unc_set;
  logic        advisory_q, advisory_set;
  unc_e        first_q, unc_new;      // First Error Pointer
  hdr_t        log_q;

  logic        found, advisory, fatal;

  always_comb begin
    {status_set, dev_set, unc_set, advisory_set, found, advisory, fatal} = '0;
    unc_new = UncUnsupported;
    if (err_i != '0) begin
      // A request that ends in an error completion, and an unexpected completion, are advisory:
      // its requester reports it (PCIe 6.2.3.2.4).
      found    = err_i.malformed || err_i.unexpected || err_i.unsupported || err_i.poisoned ||
                 err_i.cpl_poisoned;
      advisory = err_i.unexpected || (err_i.unsupported && err_i.np);
      unique case (1'b1)
        err_i.malformed:                         unc_new = UncMalformed;
        err_i.unexpected:                        unc_new = UncUnexpected;
        err_i.poisoned, err_i.cpl_poisoned:      unc_new = UncPoisoned;
        default:                                 unc_new = UncUnsupported;
      endcase
      fatal    = severity_i[unc_new];
      unc_set  = 32'(found) << unc_new;
      advisory_set = found && advisory && !fatal;

      dev_set[0] = advisory_set;
      dev_set[1] = found && !advisory && !fatal;
      dev_set[2] = found && fatal;
      dev_set[3] = err_i.unsupported;

      status_set[8]  = err_i.cpl_poisoned && parity_en_i;  // Master Data Parity Error
      status_set[12] = err_i.cpl_ca;                       // Received Target Abort
      status_set[13] = err_i.cpl_ur;                       // Received Master Abort
      status_set[15] = err_i.poisoned || err_i.cpl_poisoned;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Bits: set by errors, cleared by writing 1

  logic [15:0] clear_status;
  logic [3:0]  clear_dev;
  logic [31:0] clear_unc;
  logic        clear_advisory;

  assign clear_status   = addr_i == CfgCommand   ? clear_i[31:16] : '0;
  assign clear_dev      = addr_i == CfgDevCtl    ? clear_i[19:16] : '0;
  assign clear_unc      = addr_i == CfgUncStatus ? clear_i        : '0;
  assign clear_advisory = addr_i == CfgCorStatus && clear_i[13];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      status_q   <= '0;
      dev_q      <= '0;
      unc_q      <= '0;
      advisory_q <= 1'b0;
    end else begin
      status_q   <= flr_i ? '0 : (status_q & ~clear_status) | status_set;
      dev_q      <= flr_i ? '0 : (dev_q & ~clear_dev) | dev_set;
      unc_q      <= (unc_q & ~clear_unc) | unc_set;
      advisory_q <= (advisory_q && !clear_advisory) || advisory_set;
    end
  end

  // The header of the first error, until software clears the bit it points at.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= UncPoisoned;
      log_q   <= '0;
    end else if (found && !mask_i[unc_new] && !unc_q[first_q]) begin
      first_q <= unc_new;
      log_q   <= hdr_i;
    end
  end

  always_comb begin
    unique case (addr_i)
      CfgCommand:   rdata_o = {status_q, 16'd0};
      CfgDevCtl:    rdata_o = {12'd0, dev_q, 16'd0};
      CfgUncStatus: rdata_o = unc_q;
      CfgCorStatus: rdata_o = {18'd0, advisory_q, 13'd0};
      CfgAerCtl:    rdata_o = {27'd0, unc_q[first_q] ? first_q : 5'd0};
      CfgHdrLog0:   rdata_o = log_q[0];
      CfgHdrLog1:   rdata_o = log_q[1];
      CfgHdrLog2:   rdata_o = log_q[2];
      CfgHdrLog3:   rdata_o = log_q[3];
      default:      rdata_o = '0;
    endcase
  end

endmodule
