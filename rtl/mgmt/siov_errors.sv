// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Software errors (DSA 5.8, 5.9): where each of them goes, SWERROR or event log, and these two. One
/// error a clock.
///
///   | code    |                                          | goes to                            |
///   |---------|------------------------------------------|------------------------------------|
///   | 51h     | configuration of the function changed    | SWERROR                            |
///   | 54h     | event log full                           | SWERROR                            |
///   | 53h     | dedicated WQ full                        | SWERROR                            |
///   | 52h     | CMD written while a command is active    | event log if it is on, or SWERROR  |
///   | others  | of a descriptor                          | event log if it is on, or SWERROR  |
///
/// The order of the table is that of precedence, so that what waits for the event log holds up
/// nothing that does not go there.
module siov_errors
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  // one DW of the registers; `mask_i` has the bits of the bytes that are written
  input  logic        write_i,
  input  logic        fw_i,
  input  logic [17:0] addr_i,
  input  logic [31:0] mask_i,
  input  logic [31:0] wdata_i,
  input  logic        read_i,
  output logic [31:0] rdata_o,       ///< at `addr_i`; 0 where there is none of these registers

  input  logic        disabled_i,    ///< the device is
  input  logic        clear_i,       ///< Reset Device
  input  logic        log_on_i,
  input  logic        log_int_en_i,  ///< GENCTRL.evl_int_en

  /// Errors of the device itself, pulses. A second 52h while the first waits says nothing new.
  input  logic        config_changed_i,
  input  logic        cmd_refused_i,
  input  logic        adi_valid_i,
  output logic        adi_ready_o,
  input  sw_error_t   adi_i,
  input  logic        eng_valid_i,
  output logic        eng_ready_o,
  input  sw_error_t   eng_i,

  output logic        swerror_set_o, ///< pulse: SWERROR.valid goes from 0 to 1
  output logic        log_int_o,     ///< pulse: event log interrupt

  output logic        evl_valid_o,
  input  logic        evl_ready_i,
  output dma_log_t    evl_o,
  input  logic        evl_done_i,
  /// An entry is on its way, or an error waits.
  output logic        log_busy_o
);

  localparam logic [7:0] ErrPciConfig = 8'h51;
  localparam logic [7:0] ErrCmdActive = 8'h52;
  localparam logic [7:0] ErrLogFull   = 8'h54;

  // ------------------------------------------------------------------------------------------
  // Which is next, and where it goes

  logic      changed_q, full_q, refused_q;  // an error of the device waits
  logic      own, logged, take;
  logic      to_swerror, to_log, log_ready, log_dropped;
  sw_error_t error;

  assign own    = changed_q || full_q;  // never logged
  assign logged = log_on_i && !own && !adi_valid_i;
  assign take   = !logged || log_ready;

  assign adi_ready_o = !own;
  assign eng_ready_o = !own && !adi_valid_i && !refused_q && take;

  always_comb begin
    error = '0;
    if (changed_q)        error.code = ErrPciConfig;
    else if (full_q)      error.code = ErrLogFull;
    else if (adi_valid_i) error      = adi_i;
    else if (refused_q)   error.code = ErrCmdActive;
    else if (eng_valid_i) error      = eng_i;
  end

  assign to_swerror = !logged && (own || adi_valid_i || refused_q || eng_valid_i);
  assign to_log     = logged && (refused_q || eng_valid_i);

  logic of_wq;
  assign of_wq = !own && (adi_valid_i || !refused_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      changed_q <= 1'b0;
      full_q    <= 1'b0;
      refused_q <= 1'b0;
    end else begin
      changed_q <= config_changed_i;
      full_q    <= log_dropped || (full_q && changed_q);
      refused_q <= cmd_refused_i || (refused_q && (own || adi_valid_i || !take));
    end
  end

  // ------------------------------------------------------------------------------------------

  logic [255:0] swerror;
  swerror0_t    swerror_w1c;
  evlcfg0_t     evlcfg0;
  evlcfg1_t     evlcfg1;
  evlstatus_t   evlstatus;

  assign swerror_w1c = write_i && 32'(addr_i) == Swerror0Offset ?
      {32'b0, wdata_i & mask_i & Swerror0W1cMask[31:0]} : '0;

  siov_swerror u_swerror (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .valid_i    (to_swerror),
    .wq_valid_i (of_wq),
    .error_i    (error),
    .w1c_i      (swerror_w1c),
    .swerror_o  (swerror),
    .set_o      (swerror_set_o)
  );

  siov_evl u_evl (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .write_i     (write_i),
    .fw_i        (fw_i),
    .addr_i      (addr_i),
    .mask_i      (mask_i),
    .wdata_i     (wdata_i),
    .cfg0_o      (evlcfg0),
    .cfg1_o      (evlcfg1),
    .status_o    (evlstatus),
    .disabled_i  (disabled_i),
    .clear_i     (clear_i),
    .int_en_i    (log_int_en_i),
    .valid_i     (to_log),
    .ready_o     (log_ready),
    .wq_valid_i  (of_wq),
    .error_i     (error),
    .dropped_o   (log_dropped),
    .int_o       (log_int_o),
    .evl_valid_o (evl_valid_o),
    .evl_ready_i (evl_ready_i),
    .evl_o       (evl_o),
    .evl_done_i  (evl_done_i)
  );

  assign log_busy_o = !log_ready || (log_on_i && (refused_q || eng_valid_i));

  always_comb begin
    rdata_o = '0;
    if (read_i) begin
      unique case (32'(addr_i))
        Swerror0Offset:      rdata_o = swerror[0 +: 32];
        Swerror0Offset + 4:  rdata_o = swerror[32 +: 32];
        Swerror1Offset:      rdata_o = swerror[64 +: 32];
        Swerror1Offset + 4:  rdata_o = swerror[96 +: 32];
        Swerror2Offset:      rdata_o = swerror[128 +: 32];
        Swerror2Offset + 4:  rdata_o = swerror[160 +: 32];
        Swerror3Offset:      rdata_o = swerror[192 +: 32];
        Swerror3Offset + 4:  rdata_o = swerror[224 +: 32];
        Evlcfg0Offset:       rdata_o = evlcfg0[31:0];
        Evlcfg0Offset + 4:   rdata_o = evlcfg0[63:32];
        Evlcfg1Offset:       rdata_o = evlcfg1[31:0];
        Evlcfg1Offset + 4:   rdata_o = evlcfg1[63:32];
        EvlstatusOffset:     rdata_o = evlstatus[31:0];
        EvlstatusOffset + 4: rdata_o = evlstatus[63:32];
        default: ;
      endcase
    end
  end

  // ------------------------------------------------------------------------------------------
  // Assertions

  always_ff @(posedge clk_i) begin
    if (rst_ni && adi_valid_i) begin
      PortalErrorIsNotLogged_A: assert (adi_i.code == 8'h53)
        else $error("portals report %h, which is not said to bypass the event log", adi_i.code);
    end
  end

endmodule
