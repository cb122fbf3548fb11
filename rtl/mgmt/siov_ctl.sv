// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The control block: what the management core has beside BAR0 (rtl/regs/siov_ctl.rdl). Accesses are
/// whole words and end in the clock they are offered, but for those that start something: they end
/// when it is done.
module siov_ctl
  import siov_pkg::*;
  import siov_regs_pkg::*;
  import siov_ctl_regs_pkg::*;
(
  input  logic            clk_i,
  input  logic            rst_ni,
  input  strap_t          strap_i,
  input  pcie_fn_t        fn_i,
  /// No access ends while this is high.
  input  logic            hold_i,

  // from the core, held until `ack_o`
  input  logic            req_i,
  input  logic            write_i,
  input  logic [7:2]      addr_i,
  input  logic [31:0]     wdata_i,
  output logic            ack_o,
  output logic [31:0]     rdata_o,
  output logic            irq_o,

  // siov_regs
  input  logic            cmd_active_i,
  input  cmd_t            cmd_i,
  output logic            done_valid_o,
  output logic [7:0]      done_error_o,
  output logic [15:0]     done_result_o,
  input  logic            halt_i,
  output logic            halt_ack_o,

  input  logic            log_busy_i,

  /// Everything that Reset Device clears: a pulse, given when no BAR0 access is under way
  /// (`quiet_o` asks for that). `clearing_i` is high from the next clock, or the one after, until
  /// done.
  output logic            quiet_o,
  input  logic            mmio_busy_i,
  output logic            clear_o,
  input  logic            clearing_i,

  // queues: as in siov_adi
  output logic            ctl_we_o,
  output logic [AdiW-1:0] ctl_adi_o,
  output wq_ctl_t         ctl_o,
  /// With `ctl_we_o`: the WQ is being enabled.
  output logic            drop_o,
  output logic            stat_valid_o,
  output logic            stat_mark_o,
  output logic [AdiW-1:0] stat_adi_o,
  input  logic            stat_rsp_valid_i,
  input  logic [EntW:0]   stat_occupancy_i,
  input  logic [15:0]     stat_inflight_i,
  input  logic            stat_older_i,
  input  logic [15:0]     inflight_i,

  // page requests: as in siov_atc
  output stop_t           stop_o,
  input  left_t           left_i,
  output logic            left_next_o,
  output logic            marker_valid_o,
  output logic [19:0]     marker_pasid_o,
  input  logic            stop_busy_i,

  output logic [MaxEngines-1:0]           engine_en_o,
  output logic [MaxEngines-1:0][GrpW-1:0] engine_group_o
);

  typedef enum logic [2:0] {
    StIdle,
    StStat,      // waiting for siov_adi's answer
    StQuiet,     // waiting for the last BAR0 access before Clear
    StClearing,  // Clear has been given; `clearing_i` may not be high yet
    StClear      // waiting until `clearing_i` is low
  } state_e;

  state_e state_q;

  ctl_row_flags_t               flags_q;
  ctl_row_pasid_t               pasid_q;
  logic [63:0]                  opcfg_q;
  ctl_row_entries_t             entries_q;
  ctl_wq_status_t               status_q;
  ctl_engine_t [MaxEngines-1:0] engine_q;
  ctl_stop_t                    stop_q;

  // ------------------------------------------------------------------------------------------
  // Reads

  ctl_events_t       events;
  ctl_pcie_t         pcie;
  ctl_strap_queues_t queues;
  ctl_strap_ints_t   ints;
  ctl_strap_groups_t groups;
  ctl_pri_t          pri;
  ctl_evl_t          evl;
  ctl_left_t         left;
  ctl_marker_t       marker;

  always_comb begin
    events         = '0;
    events.command = cmd_active_i;
    events.halt    = halt_i;
    pcie           = '0;
    pcie.bme       = fn_i.bme;
    pcie.pasid_en  = fn_i.pasid_en;
    pcie.priv_en   = fn_i.pasid_priv_en;
    pcie.ats_en    = fn_i.ats_en;
    pcie.pri_en    = fn_i.pri_cfg;
    pri            = '0;
    pri.alloc      = fn_i.pri_alloc;
    pri.capacity   = 16'(PriCapacity);
    evl            = '0;
    evl.busy       = log_busy_i;
    queues         = '0;
    queues.wqs     = strap_i.wqs;
    queues.entries = strap_i.wq_entries;
    ints           = '0;
    ints.msix      = strap_i.msix_entries;
    ints.ims       = strap_i.ims_entries;
    groups         = '0;
    groups.groups  = strap_i.groups;
    groups.engines = strap_i.engines;
    left             = '0;
    left.valid       = left_i.valid;
    left.pasid_valid = left_i.pasid_valid;
    left.pasid       = left_i.pasid;
    marker           = '0;
    marker.busy      = stop_busy_i;
  end

  assign irq_o = events != '0;

  logic [31:0] offset;
  assign offset = {24'b0, addr_i, 2'b0};

  always_comb begin
    rdata_o = '0;
    if (req_i && !write_i) begin
      unique case (offset)
        CtlEventsOffset:      rdata_o = events;
        CtlCommandOffset:     rdata_o = cmd_i;
        CtlPcieOffset:        rdata_o = pcie;
        CtlStrapQueuesOffset: rdata_o = queues;
        CtlStrapIntsOffset:   rdata_o = ints;
        CtlStrapGroupsOffset: rdata_o = groups;
        CtlPriOffset:         rdata_o = pri;
        CtlEvlOffset:         rdata_o = evl;
        CtlWqStatusOffset:    rdata_o = status_q;
        CtlInflightOffset:    rdata_o = {16'b0, inflight_i};
        CtlLeftOffset:        rdata_o = left;
        CtlMarkerOffset:      rdata_o = marker;
        default:              rdata_o = '0;
      endcase
    end
  end

  // ------------------------------------------------------------------------------------------
  // Writes

  logic write, start_stat, start_clear;

  assign write       = req_i && write_i && state_q == StIdle && !hold_i;
  assign start_stat  = write && offset == CtlWqSelectOffset;
  assign start_clear = write && offset == CtlClearOffset;

  always_comb begin
    unique case (state_q)
      StIdle:  ack_o = req_i && !hold_i && !start_stat && !start_clear;
      StStat:  ack_o = stat_rsp_valid_i;
      StClear: ack_o = !clearing_i;
      default: ack_o = 1'b0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:     state_q <= start_stat ? StStat : start_clear ? StQuiet : StIdle;
        StStat:     if (stat_rsp_valid_i) state_q <= StIdle;
        StQuiet:    if (!mmio_busy_i) state_q <= StClearing;
        StClearing: state_q <= StClear;
        default:    if (!clearing_i) state_q <= StIdle;
      endcase
    end
  end

  ctl_done_t done;
  assign done          = wdata_i;
  assign done_valid_o  = write && offset == CtlDoneOffset;
  assign done_error_o  = done.error;
  assign done_result_o = done.result;
  assign halt_ack_o    = write && offset == CtlEventsOffset && wdata_i[1];
  assign quiet_o       = state_q inside {StQuiet, StClearing, StClear};
  assign clear_o       = state_q == StQuiet && !mmio_busy_i;
  assign stat_valid_o  = start_stat;
  assign stat_mark_o   = wdata_i[31];
  assign stat_adi_o    = wdata_i[AdiW-1:0];
  assign ctl_we_o      = write && offset == CtlRowCommitOffset;
  assign ctl_adi_o     = wdata_i[AdiW-1:0];
  assign drop_o        = ctl_we_o && flags_q.enabled && !flags_q.discard &&
                         !flags_q.discard_pasid;
  assign left_next_o    = write && offset == CtlLeftOffset;
  assign marker_valid_o = write && offset == CtlMarkerOffset;
  assign marker_pasid_o = wdata_i[19:0];
  assign stop_o         = '{what: stop_e'(stop_q.what), operand: stop_q.operand};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      engine_q <= '0;
      stop_q   <= '0;
    end else if (write) begin
      unique case (offset)
        CtlRowFlagsOffset:     flags_q        <= wdata_i;
        CtlRowPasidOffset:     pasid_q        <= wdata_i;
        CtlRowOpcfgOffset:     opcfg_q[31:0]  <= wdata_i;
        CtlRowOpcfgOffset + 4: opcfg_q[63:32] <= wdata_i;
        CtlRowEntriesOffset:   entries_q      <= wdata_i;
        CtlStopOffset:         stop_q         <= wdata_i;
        default: ;
      endcase
      for (int unsigned i = 0; i < MaxEngines; i++) begin
        if (offset == CtlEngineOffset + CtlEngineStride * i) engine_q[i] <= wdata_i;
      end
    end
    if (stat_rsp_valid_i) begin
      status_q <= '{queued: 15'(stat_occupancy_i), older: stat_older_i,
                    inflight: stat_inflight_i};
    end
  end

  always_comb begin
    ctl_o             = '0;
    ctl_o.enabled     = flags_q.enabled;
    ctl_o.discard     = flags_q.discard;
    ctl_o.discard_pasid = flags_q.discard_pasid;
    ctl_o.dedicated   = flags_q.dedicated;
    ctl_o.bof_en      = flags_q.bof_en;
    ctl_o.pasid_valid = flags_q.pasid_valid;
    ctl_o.priv        = flags_q.priv;
    ctl_o.pasid       = pasid_q.pasid;
    ctl_o.tc_a        = flags_q.tc_a;
    ctl_o.tc_b        = flags_q.tc_b;
    ctl_o.max_xfer    = flags_q.max_xfer;
    ctl_o.opcfg       = opcfg_q;
    ctl_o.group       = flags_q.group[GrpW-1:0];
    ctl_o.prio        = flags_q.prio;
    ctl_o.base        = entries_q.base[EntW-1:0];
    ctl_o.size        = entries_q.size[EntW:0];
  end

  for (genvar i = 0; i < MaxEngines; i++) begin : gen_engine
    assign engine_en_o[i]    = engine_q[i].en;
    assign engine_group_o[i] = engine_q[i].group[GrpW-1:0];
  end

endmodule
