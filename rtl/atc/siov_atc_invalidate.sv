// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Invalidation. Requests are swept one by one through all rows. Answers given before the end of a
/// sweep belong to the old epoch; when dma/ has nothing of it in use any more, the completions
/// leave, one for all requests swept in that epoch. The next sweeps go on meanwhile.
///
/// After a reset, when ATS is enabled and when PASID is enabled or disabled, all rows are cleared
/// before the first lookup.
module siov_atc_invalidate import siov_pkg::*, siov_atc_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  strap_t          strap_i,
  input  pcie_fn_t        fn_i,
  /// TLPs may start.
  input  logic            go_i,

  input  logic            req_valid_i,
  input  rx_msg_t         req_i,

  /// Lookups must wait.
  output logic            clearing_o,
  /// A lookup would be accepted now.
  input  logic            lk_ready_i,
  /// Answers to Translation Requests made until now must not be used for this range.
  output logic            mark_o,
  output inv_t            inv_o,
  output logic            op_valid_o,
  input  logic            op_ready_i,
  output op_t             op_o,

  /// Epoch of lookups accepted now.
  output logic            epoch_o,
  input  logic [1:0]      epoch_busy_i,
  /// The device is in Halt: nothing begins any more, and dma/ says of both epochs at once whether
  /// something of them is still in use.
  input  logic            halt_i,
  /// A new epoch begins: what is held for jobs may be of the old one.
  output logic            forget_o,

  /// Traffic classes that carried translated writes since ATS was enabled.
  input  logic [7:0]      tcs_i,
  output logic            tx_valid_o,
  input  logic            tx_ready_i,
  output bare_tlp_t       tx_o,
  output logic            busy_o
);

  typedef struct packed {
    logic [15:0] from;
    logic [4:0]  itag;
    logic        pasid_valid;
    logic [19:0] pasid;
    logic [63:0] range;
  } req_t;

  // --- requests: as many as there are ITags; a host that sends more loses them ------------------

  req_t req, head;
  logic head_valid, head_taken;

  assign req = '{
    from:        req_i.hdr[1][31:16],
    itag:        req_i.hdr[1][12:8],
    pasid_valid: req_i.prefix_valid,
    pasid:       req_i.prefix[19:0],
    range:       payload64(req_i.data)
  };

  siov_fifo #(.data_t(req_t), .Depth(32)) u_requests (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (req_valid_i),
    .ready_o (),
    .data_i  (req),
    .valid_o (head_valid),
    .ready_i (head_taken),
    .data_o  (head),
    .count_o ()
  );

  // --- sweep ------------------------------------------------------------------------------------

  typedef enum logic [1:0] {
    SweepIdle,
    SweepMark,
    SweepRows,
    SweepEnd    // the last row is written
  } sweep_e;

  sweep_e          sweep_q;
  logic            dirty_q;     // rows must be cleared before use
  logic            clearing_q;  // that, not a request
  logic            pasid_en_q;
  logic            start_clear, start_sweep, just_complete, swept;
  logic [AdiW-1:0] row_q;
  inv_t            inv_q;
  logic [15:0]     from_q;
  logic [4:0]      itag_q;

  // Completed together: swept, not yet of an old epoch.
  logic [31:0] swept_q;
  logic [15:0] swept_from_q;

  assign start_clear = sweep_q == SweepIdle && dirty_q && fn_i.ats_en;
  assign start_sweep = sweep_q == SweepIdle && !start_clear && head_valid &&
                       (swept_q == '0 || swept_from_q == head.from);
  assign head_taken  = start_sweep;
  // With PASID disabled there is nothing that a request with a PASID could mean (PCIe 10.3.1).
  assign just_complete = inv_q.pasid_valid && !fn_i.pasid_en;
  assign swept         = sweep_q == SweepEnd && !clearing_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sweep_q    <= SweepIdle;
      dirty_q    <= 1'b1;
      clearing_q <= 1'b0;
      pasid_en_q <= 1'b0;
    end else begin
      pasid_en_q <= fn_i.pasid_en;
      if (!fn_i.ats_en || pasid_en_q != fn_i.pasid_en) dirty_q <= 1'b1;
      else if (start_clear) dirty_q <= 1'b0;

      unique case (sweep_q)
        SweepIdle: begin
          clearing_q <= start_clear;
          if (start_clear || start_sweep) sweep_q <= SweepMark;
        end
        SweepMark: sweep_q <= !clearing_q && just_complete ? SweepEnd : SweepRows;
        SweepRows: if (op_ready_i && 16'(row_q) == strap_i.wqs - 16'd1) sweep_q <= SweepEnd;
        default:   sweep_q <= SweepIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_sweep) begin
      from_q <= head.from;
      itag_q <= head.itag;
    end
    if (start_clear) begin
      inv_q <= '{mask: '1, default: '0};
    end else if (start_sweep) begin
      inv_q <= '{
        pasid_valid: head.pasid_valid,
        pasid:       head.pasid,
        all_pasids:  head.range[0],
        page:        head.range[63:12],
        mask:        range_mask(head.range[63:12], head.range[11])
      };
    end
    if (sweep_q == SweepMark) row_q <= '0;
    else if (op_valid_o && op_ready_i) row_q <= row_q + 1'b1;
  end

  assign clearing_o = fn_i.ats_en && (dirty_q || (clearing_q && sweep_q != SweepIdle));
  assign mark_o     = sweep_q == SweepMark && (clearing_q || !just_complete);
  assign inv_o      = inv_q;
  assign op_valid_o = sweep_q == SweepRows;

  always_comb begin
    op_o                    = '{op: OpSweep, xlat: '{size: Size4K, default: '0}, status: '0,
                                miss: '{lk: '{operand: OperandSrc, default: '0}, tries: '0}};
    op_o.miss.lk.tenant.adi = row_q;
    if (clearing_q) op_o.op = OpClear;
  end

  // --- epochs -----------------------------------------------------------------------------------

  typedef enum logic [1:0] {
    DrainIdle,
    DrainSettle,  // answers of the old epoch are on their way to dma/
    DrainUse,     // dma/ uses them
    DrainSend
  } drain_e;

  // Counted while lookups are accepted, so that two lookups that follow each other are never two
  // epochs apart.
  localparam int unsigned SettleClocks = 4;

  drain_e      drain_q;
  logic        flip, epoch_q, sent;
  logic [1:0]  settle_q;
  logic [31:0] itags_q;
  logic [15:0] to_q;

  assign flip = drain_q == DrainIdle && swept_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      drain_q <= DrainIdle;
      epoch_q <= 1'b0;
      swept_q <= '0;
    end else begin
      if (flip) begin
        epoch_q <= !epoch_q;
        swept_q <= '0;
      end
      if (swept) swept_q <= (flip ? '0 : swept_q) | (32'd1 << itag_q);

      unique case (drain_q)
        DrainIdle:   if (flip) drain_q <= DrainSettle;
        DrainSettle: if (settle_q == '0) drain_q <= DrainUse;
        DrainUse:    if (!epoch_busy_i[!epoch_q]) drain_q <= DrainSend;
        default:     if (sent) drain_q <= DrainIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (swept) swept_from_q <= from_q;
    if (flip) begin
      settle_q <= 2'(SettleClocks - 1);
      itags_q  <= swept_q;
      to_q     <= swept_from_q;
    end else if (lk_ready_i && settle_q != '0) begin
      settle_q <= settle_q - 1'b1;
    end
  end

  assign epoch_o  = epoch_q;
  assign forget_o = flip || (clearing_q && sweep_q == SweepEnd);

  // --- completions: one in each traffic class, behind the writes that were sent in it -----------

  logic [7:0] tcs_q, tc_one;  // still to be sent
  logic [2:0] tc, copies_q;
  logic [7:0] used;
  logic       gate_ready;

  assign used = tcs_i == '0 ? 8'd1 : tcs_i;

  siov_first_one #(.Width(8)) u_tc (
    .bits_i  (tcs_q),
    .any_o   (),
    .index_o (tc),
    .one_o   (tc_one)
  );

  always_ff @(posedge clk_i) begin
    if (drain_q == DrainUse) begin
      tcs_q    <= used;
      copies_q <= 3'($countones(used));  // 8 is sent as 0
    end else if (gate_ready) begin
      tcs_q    <= tcs_q & ~tc_one;
    end
  end

  siov_tlp_gate u_gate (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .go_i      (go_i),
    .valid_i   (drain_q == DrainSend),
    .ready_o   (gate_ready),
    .eop_i     (1'b1),
    .valid_o   (tx_valid_o),
    .ready_i   (tx_ready_i),
    .started_o ()
  );

  assign sent = gate_ready && tcs_q == tc_one;
  assign tx_o = '{
    prefix_valid: 1'b0,
    prefix:       '0,
    hdr:          inv_complete_hdr(fn_i.rid, to_q, tc, copies_q, itags_q)
  };

  assign busy_o = head_valid || sweep_q != SweepIdle || swept_q != '0 || drain_q != DrainIdle;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (flip && !halt_i) begin
        OldEpochIsDrained_A : assert (!epoch_busy_i[!epoch_q])
          else $error("epoch begins while its last use goes on");
      end
    end
  end

endmodule
