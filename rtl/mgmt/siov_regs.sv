// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The registers of BAR0 that are not tables: capabilities, control and status, command mailbox,
/// INTCAUSE; with those of the errors from siov_errors. An access takes two clocks. Where there is no register, reads give 0 and
/// writes do nothing.
module siov_regs
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  strap_t      strap_i,
  input  pcie_fn_t    fn_i,

  input  logic        valid_i,
  input  reg_req_t    req_i,
  output logic        rsp_valid_o,
  output logic [31:0] rdata_o,

  /// What Reset Device does to these registers (DSA Table 9-3), but for GENSTS.
  input  logic        clear_i,

  /// Mailbox: a command waits (CMDSTATUS.active); `done_valid_i` ends it.
  output logic        cmd_active_o,
  output cmd_t        cmd_o,
  input  logic        done_valid_i,
  input  logic [7:0]  done_error_i,
  input  logic [15:0] done_result_i,

  /// The device has gone to Halt; until it is acknowledged, firmware cannot write GENSTS.
  output logic        halt_o,
  input  logic        halt_ack_i,

  input  logic        adi_error_valid_i,
  output logic        adi_error_ready_o,
  input  sw_error_t   adi_error_i,
  input  logic        eng_error_valid_i,
  output logic        eng_error_ready_o,
  input  sw_error_t   eng_error_i,

  // event log
  output logic        evl_valid_o,
  input  logic        evl_ready_i,
  output dma_log_t    evl_o,
  input  logic        evl_done_i,
  output logic        log_busy_o,

  /// An event for MSI-X entry 0, held until taken. Causes that come meanwhile share it: INTCAUSE
  /// names them all.
  output logic        evt_valid_o,
  input  logic        evt_ready_i,

  output logic        disabled_o,  ///< GENSTS says Disabled
  output logic        halted_o,    ///< GENSTS says Halt
  output logic        user_int_en_o,
  output logic        log_on_o      ///< software errors of descriptors go to the event log
);

  localparam logic [1:0] StateDisabled = 2'd0;
  localparam logic [1:0] StateHalt     = 2'd3;
  localparam logic [1:0] ResetTypeFlr  = 2'd1;

  function automatic logic [31:0] byte_mask(logic [3:0] be);
    return {{8{be[3]}}, {8{be[2]}}, {8{be[1]}}, {8{be[0]}}};
  endfunction

  // ------------------------------------------------------------------------------------------
  // Capabilities

  gencap_t gencap;
  wqcap_t  wqcap;
  grpcap_t grpcap;
  engcap_t engcap;

  always_comb begin
    gencap            = GencapReset;
    gencap.ims_size   = 6'(strap_i.ims_entries >> 8);
    wqcap             = WqcapReset;
    wqcap.total_size  = strap_i.wq_entries;
    wqcap.num_wqs     = strap_i.wqs > 16'd255 ? 8'd255 : strap_i.wqs[7:0];
    grpcap            = GrpcapReset;
    grpcap.num_groups = strap_i.groups;
    engcap            = EngcapReset;
    engcap.num_engines = strap_i.engines;
  end

  // ------------------------------------------------------------------------------------------
  // Access

  logic [17:0] addr;
  logic        access, write;
  logic [31:0] be_mask;

  assign addr    = {req_i.addr, 2'b0};
  assign access  = valid_i && !rsp_valid_o;
  assign write   = access && req_i.write;
  assign be_mask = byte_mask(req_i.be);

  gencfg_t    gencfg_q;
  genctrl_t   genctrl_q;
  gensts_t    gensts_q;
  intcause_t  intcause_q, intcause_w1c, intcause_set;
  cmd_t       cmd_q;
  cmdstatus_t cmdstatus_q;
  cmdparam_t  cmdparam_q;

  logic [31:0] rdata, error_rdata;

  // Not a unique case: that one is checked each clock, read or not.
  always_comb begin
    rdata = '0;
    if (access && !req_i.write) begin
      case (32'(addr))
        VersionOffset:      rdata = VersionReset;
        GencapOffset:       rdata = gencap[31:0];
        GencapOffset + 4:   rdata = gencap[63:32];
        WqcapOffset:        rdata = wqcap[31:0];
        WqcapOffset + 4:    rdata = wqcap[63:32];
        GrpcapOffset:       rdata = grpcap[31:0];
        GrpcapOffset + 4:   rdata = grpcap[63:32];
        EngcapOffset:       rdata = engcap[31:0];
        EngcapOffset + 4:   rdata = engcap[63:32];
        Opcap0Offset:       rdata = Opcap0Reset[31:0];
        Opcap0Offset + 4:   rdata = Opcap0Reset[63:32];
        Opcap1Offset:       rdata = Opcap1Reset[31:0];
        Opcap1Offset + 4:   rdata = Opcap1Reset[63:32];
        Opcap2Offset:       rdata = Opcap2Reset[31:0];
        Opcap2Offset + 4:   rdata = Opcap2Reset[63:32];
        Opcap3Offset:       rdata = Opcap3Reset[31:0];
        Opcap3Offset + 4:   rdata = Opcap3Reset[63:32];
        Offsets0Offset:     rdata = Offsets0Reset[31:0];
        Offsets0Offset + 4: rdata = Offsets0Reset[63:32];
        Offsets1Offset:     rdata = Offsets1Reset[31:0];
        Offsets1Offset + 4: rdata = Offsets1Reset[63:32];
        GencfgOffset:       rdata = gencfg_q;
        GenctrlOffset:      rdata = genctrl_q;
        GenstsOffset:       rdata = gensts_q;
        IntcauseOffset:     rdata = intcause_q;
        CmdstatusOffset:    rdata = cmdstatus_q;
        CmdcapOffset:       rdata = CmdcapReset[31:0];
        CmdcapOffset + 4:   rdata = CmdcapReset[63:32];
        CmdparamOffset:     rdata = cmdparam_q[31:0];
        CmdparamOffset + 4: rdata = cmdparam_q[63:32];
        default:            rdata = error_rdata;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    rsp_valid_o <= rst_ni && access;
    if (access) rdata_o <= rdata;
  end

  function automatic logic [31:0] merged(logic [31:0] old, logic [31:0] mask, logic [31:0] wdata);
    return (old & ~mask) | (wdata & mask);
  endfunction

  // ------------------------------------------------------------------------------------------
  // Control registers, and Halt: the configuration of the function must not change under a device
  // that is not Disabled (DSA Table 9-2). What ends Halt is FLR: Linux gives no command to a device
  // in Halt, so it could not end one that asks for Reset Device.

  logic [3:0] fn_bits, fn_bits_q;
  logic       halt_q, goes_to_halt;

  assign fn_bits      = {fn_i.bme, fn_i.pasid_en, fn_i.ats_en, fn_i.pri_cfg};
  assign goes_to_halt = fn_bits != fn_bits_q && !(gensts_q.state inside {StateDisabled, StateHalt});
  assign halt_o       = halt_q;

  always_ff @(posedge clk_i) begin
    fn_bits_q <= fn_bits;
    if (!rst_ni) begin
      gencfg_q   <= GencfgReset;
      genctrl_q  <= GenctrlReset;
      gensts_q   <= GenstsReset;
      cmdparam_q <= CmdparamReset;
      halt_q     <= 1'b0;
    end else begin
      if (write) begin
        unique case (32'(addr))
          GencfgOffset:
            if (disabled_o) gencfg_q <= merged(gencfg_q, be_mask & 32'(GencfgRwMask), req_i.wdata);
          GenctrlOffset:
            genctrl_q <= merged(genctrl_q, be_mask & 32'(GenctrlRwMask), req_i.wdata);
          GenstsOffset:
            if (req_i.fw && !halt_q) gensts_q <= merged(gensts_q, be_mask, req_i.wdata);
          CmdparamOffset:
            cmdparam_q[31:0] <= merged(cmdparam_q[31:0], be_mask, req_i.wdata);
          CmdparamOffset + 4:
            cmdparam_q[63:32] <= merged(cmdparam_q[63:32], be_mask, req_i.wdata);
          default: ;
        endcase
      end
      if (clear_i) begin
        gencfg_q   <= GencfgReset;
        genctrl_q  <= GenctrlReset;
        cmdparam_q <= CmdparamReset;
      end
      if (halt_ack_i) halt_q <= 1'b0;
      if (goes_to_halt) begin
        gensts_q            <= GenstsReset;
        gensts_q.state      <= StateHalt;
        gensts_q.reset_type <= ResetTypeFlr;
        halt_q              <= 1'b1;
      end
    end
  end

  assign disabled_o    = gensts_q.state == StateDisabled;
  assign halted_o      = gensts_q.state == StateHalt;
  assign user_int_en_o = gencfg_q.user_int_en;
  assign log_on_o      = gencfg_q.evl_en && !disabled_o && !halted_o;

  // ------------------------------------------------------------------------------------------
  // Command mailbox

  logic cmd_write, cmd_refused;

  assign cmd_write   = write && 32'(addr) == CmdOffset && req_i.be != '0;
  assign cmd_refused = cmd_write && cmdstatus_q.active;

  assign cmd_active_o = cmdstatus_q.active;
  assign cmd_o        = cmd_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cmd_q       <= CmdReset;
      cmdstatus_q <= CmdstatusReset;
    end else begin
      if (cmd_write && !cmdstatus_q.active) begin
        cmd_q              <= merged(cmd_q, be_mask, req_i.wdata);
        cmdstatus_q.active <= req_i.be[3];
      end
      if (done_valid_i) begin
        cmdstatus_q        <= CmdstatusReset;
        cmdstatus_q.error  <= done_error_i;
        cmdstatus_q.result <= done_result_i;
      end
    end
  end

  // ------------------------------------------------------------------------------------------
  // Errors and their interrupts

  logic swerror_set, log_int;

  siov_errors u_errors (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .write_i          (write),
    .fw_i             (req_i.fw),
    .addr_i           (addr),
    .mask_i           (be_mask),
    .wdata_i          (req_i.wdata),
    .read_i           (access && !req_i.write),
    .rdata_o          (error_rdata),
    .disabled_i       (disabled_o),
    .clear_i          (clear_i),
    .log_on_i         (log_on_o),
    .log_int_en_i     (genctrl_q.evl_int_en),
    .config_changed_i (goes_to_halt),
    .cmd_refused_i    (cmd_refused),
    .adi_valid_i      (adi_error_valid_i),
    .adi_ready_o      (adi_error_ready_o),
    .adi_i            (adi_error_i),
    .eng_valid_i      (eng_error_valid_i),
    .eng_ready_o      (eng_error_ready_o),
    .eng_i            (eng_error_i),
    .swerror_set_o    (swerror_set),
    .log_int_o        (log_int),
    .evl_valid_o      (evl_valid_o),
    .evl_ready_i      (evl_ready_i),
    .evl_o            (evl_o),
    .evl_done_i       (evl_done_i),
    .log_busy_o       (log_busy_o)
  );

  assign intcause_w1c = write && 32'(addr) == IntcauseOffset ?
      req_i.wdata & be_mask & 32'(IntcauseW1cMask) : '0;

  always_comb begin
    intcause_set         = '0;
    intcause_set.swerror = swerror_set && genctrl_q.swerror_int_en;
    intcause_set.command = done_valid_i && cmd_q.int_req;
    intcause_set.halt    = goes_to_halt && genctrl_q.halt_int_en;
    intcause_set.evl     = log_int;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      intcause_q  <= IntcauseReset;
      evt_valid_o <= 1'b0;
    end else begin
      if (clear_i) intcause_q <= intcause_set;
      else         intcause_q <= (intcause_q & ~intcause_w1c) | intcause_set;
      if (intcause_set != '0) evt_valid_o <= 1'b1;
      else if (evt_ready_i)   evt_valid_o <= 1'b0;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Assertions

  // Firmware ends a command once, and only one that was begun.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (done_valid_i) begin
        DoneNeedsCommand_A : assert (cmdstatus_q.active)
          else $error("a command was ended that was not active");
      end
    end
  end

  // What the registers say of the device is what the device has.
  if (32'(GrpcapReset.read_buffers) != NumReads ||
      WqcfgCount != MaxAdis || GrpcfgCount != MaxGroups || MsixCount != MaxMsix ||
      ImsCount != MaxIms) begin : gen_bad_sizes
    $fatal(1, "siov_regs: siov.rdl and siov_pkg disagree (%m)");
  end

endmodule
