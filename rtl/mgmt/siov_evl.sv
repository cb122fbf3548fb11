// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The event log: its registers, and its entries on their way to memory (DSA 5.9, 9.2.16, 9.2.17).
///
/// One entry at a time. When its write has entered the posted stream Tail moves on and the interrupt
/// is raised, so neither can be seen before the entry. While the log is full errors are dropped
/// (GENCAP.evl_overflow): a tenant that software does not hear of must not hold up others.
module siov_evl
  import siov_pkg::*;
  import siov_regs_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  // one DW of the registers; `mask_i` has the bits of the bytes that are written
  input  logic        write_i,
  input  logic        fw_i,         ///< by the firmware
  input  logic [17:0] addr_i,
  input  logic [31:0] mask_i,
  input  logic [31:0] wdata_i,
  output evlcfg0_t    cfg0_o,
  output evlcfg1_t    cfg1_o,
  output evlstatus_t  status_o,

  input  logic        disabled_i,   ///< the device is: EVLCFG is writable
  input  logic        clear_i,      ///< Reset Device
  input  logic        int_en_i,     ///< GENCTRL.evl_int_en

  // an error for the log; taken while no entry is on its way
  input  logic        valid_i,
  output logic        ready_o,
  input  logic        wq_valid_i,   ///< it is an error of a WQ
  input  sw_error_t   error_i,
  output logic        dropped_o,    ///< pulse: the log was full
  output logic        int_o,        ///< pulse: interrupt

  // the entry's write; done when it has entered the posted stream
  output logic        evl_valid_o,
  input  logic        evl_ready_i,
  output dma_log_t    evl_o,
  input  logic        evl_done_i
);

  /// 64 bytes. DSA has 8 bits for the WQ's index; its bits 11:8 are where DSA has reserved ones.
  typedef struct packed {
    logic [255:0] rec;          // bytes 32-63: a completion record that software has to write
    logic [63:0]  rsvd24;
    logic [63:0]  address;
    logic [31:0]  info;
    logic [15:0]  rsvd10;
    logic [15:0]  batch_index;
    logic [3:0]   wq_index_high;
    logic [19:0]  pasid;
    logic [7:0]   operation;
    logic [7:0]   batch_id;
    logic [7:0]   wq_index;
    logic [7:0]   error;
    logic         info_valid;
    logic         priv;
    logic         write;
    logic         batch;
    logic         wq_valid;
    logic         desc_valid;
    logic [1:0]   rsvd0;
  } entry_t;

  typedef enum logic [1:0] {
    StIdle,
    StSend,   // the entry is offered to dma/
    StSent    // it is on its way
  } state_e;

  state_e     state_q;
  evlcfg0_t   cfg0_q;
  evlcfg1_t   cfg1_q;
  evlstatus_t status_q;
  dma_log_t   entry_q;

  assign cfg0_o   = cfg0_q;
  assign cfg1_o   = cfg1_q;
  assign status_o = status_q;

  // ------------------------------------------------------------------------------------------
  // Configuration

  function automatic logic [31:0] merged(logic [31:0] old, logic [31:0] mask, logic [31:0] wdata);
    return (old & ~mask) | (wdata & mask);
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      cfg0_q <= Evlcfg0Reset;
      cfg1_q <= Evlcfg1Reset;
    end else if (write_i && disabled_i) begin
      unique case (32'(addr_i))
        Evlcfg0Offset:
          cfg0_q[31:0]  <= merged(cfg0_q[31:0], mask_i & Evlcfg0RwMask[31:0], wdata_i);
        Evlcfg0Offset + 4:
          cfg0_q[63:32] <= merged(cfg0_q[63:32], mask_i & Evlcfg0RwMask[63:32], wdata_i);
        Evlcfg1Offset:
          cfg1_q[31:0]  <= merged(cfg1_q[31:0], mask_i & Evlcfg1RwMask[31:0], wdata_i);
        Evlcfg1Offset + 4:
          cfg1_q[63:32] <= merged(cfg1_q[63:32], mask_i & Evlcfg1RwMask[63:32], wdata_i);
        default: ;
      endcase
    end
  end

  // ------------------------------------------------------------------------------------------
  // Status. The firmware writes Tail, too, and what it writes Pending with is its value.

  logic        write_low, write_high, written, pending;
  logic [15:0] next_tail;

  assign write_low  = write_i && 32'(addr_i) == EvlstatusOffset;
  assign write_high = write_i && 32'(addr_i) == EvlstatusOffset + 4;
  assign written    = state_q == StSent && evl_done_i;
  assign pending    = status_q.int_pending &&
                      !(write_high && |(mask_i & wdata_i & EvlstatusW1cMask[63:32]));
  assign int_o      = written && int_en_i && !pending;

  always_comb begin
    next_tail = status_q.tail + 1'b1;
    if (next_tail == cfg1_q.size) next_tail = '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      status_q <= EvlstatusReset;
    end else begin
      status_q.int_pending <= pending || int_o;
      if (write_low) begin
        status_q[31:0] <= merged(status_q[31:0], mask_i & EvlstatusRwMask[31:0], wdata_i);
      end
      if (written) begin
        status_q.tail <= next_tail;
      end else if (write_high && fw_i) begin
        status_q[63:32] <= merged(status_q[63:32], mask_i, wdata_i);
      end
    end
  end

  // ------------------------------------------------------------------------------------------
  // Entries

  logic   full, take;
  entry_t entry;

  assign full      = next_tail == status_q.head;
  assign ready_o   = state_q == StIdle;
  assign take      = valid_i && ready_o && !full;
  assign dropped_o = valid_i && ready_o && full;

  always_comb begin
    entry = '0;
    if (take) begin
      entry.desc_valid    = error_i.desc_valid;
      entry.wq_valid      = wq_valid_i;
      entry.write         = error_i.rw;
      entry.priv          = error_i.tenant.priv;
      entry.info_valid    = error_i.info_valid;
      entry.error         = error_i.code;
      entry.operation     = error_i.operation;
      entry.pasid         = error_i.tenant.pasid_valid ? error_i.tenant.pasid : '0;
      entry.info          = error_i.info;
      entry.address       = error_i.addr;
      entry.rec           = error_i.rec_valid ? error_i.rec : '0;
      {entry.wq_index_high, entry.wq_index} = 12'(error_i.tenant.adi);
    end
  end

  assign evl_valid_o = state_q == StSend;
  assign evl_o       = entry_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:  if (take) state_q <= StSend;
        StSend:  if (evl_ready_i) state_q <= StSent;
        default: if (evl_done_i) state_q <= StIdle;
      endcase
    end
    if (take) begin
      entry_q <= '{
        pasid_valid: cfg0_q.pasid_en,
        priv:        cfg0_q.priv,
        pasid:       cfg1_q.pasid,
        addr:        {cfg0_q.base, 6'b0} + 58'(status_q.tail),
        data:        entry
      };
    end
  end

  // ------------------------------------------------------------------------------------------
  // Assertions

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (evl_done_i) begin
        DoneWasSent_A : assert (state_q == StSent)
          else $error("an event log entry was written that was not sent");
      end
    end
  end

endmodule
