// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The Interrupt Message Storage (DSA 9.2). Rows are read in the clock of `look_i`; the command is
/// carried out in the next one, that of `exec_i`.
///
/// Clearing the mask of a pending entry sends its message. If there is no room for it just then the
/// entry stays pending, and a sweep over the table finds it later: a register write never waits for
/// a message to leave (PCIe 2.4.1).
module siov_irq_ims import siov_pkg::*, siov_regs_pkg::*, siov_irq_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  /// Entries that software sees.
  input  logic [15:0]     entries_i,

  /// Reset row `clear_row_i`.
  input  logic            clear_i,
  input  logic [IntW-1:0] clear_row_i,

  input  logic            look_i,
  input  logic [IntW-1:0] look_index_i,
  input  logic            exec_i,
  input  irq_cmd_t        cmd_i,
  input  reg_req_t        reg_i,
  /// There is room for a message. An OpIrq or OpSweep comes only if there is.
  input  logic            room_i,

  output logic [31:0]     rdata_o,
  output logic            ok_o,
  output logic            send_o,
  output dma_msg_t        msg_o,

  output logic            sweep_valid_o,
  output logic [IntW-1:0] sweep_index_o
);

  // Messages go to the interrupt range of the platform and nowhere else: the rest of the address is
  // not stored.
  localparam logic [63:20] AddrTop = 44'h000_0000_0fee;

  typedef struct packed {
    logic [19:0] pasid;
    logic        granted;
    logic        pasid_en;
    logic        ignore;
    logic        pending;
    logic        mask;
    logic [31:0] data;
    logic [19:2] addr;
  } row_t;

  localparam row_t RowReset = '{mask: ImsCtrlReset.mask, default: '0};

  row_t            row, row_d;
  ims_ctrl_t       ctrl, ctrl_new;
  logic [31:0]     old, merged;
  logic [IntW-1:0] index;
  logic            act, we, defer;

  assign index = cmd_i.index[IntW-1:0];
  assign act   = exec_i && cmd_i.ims && cmd_i.index < entries_i;

  assign ctrl = '{pasid: row.pasid, granted: row.granted && reg_i.fw, pasid_en: row.pasid_en,
                  ignore: row.ignore, pending: row.pending, mask: row.mask, default: '0};

  always_comb begin
    unique case ({reg_i.addr[3:2], 2'b00})
      4'(ImsAddrLoOffset): old = {AddrTop[31:20], row.addr, 2'b00};
      4'(ImsAddrHiOffset): old = AddrTop[63:32];
      4'(ImsDataOffset):   old = row.data;
      default:             old = ctrl;
    endcase
  end

  assign merged   = merge(old, reg_i.wdata, reg_i.be);
  assign ctrl_new = merged;

  always_comb begin
    row_d  = row;
    we     = 1'b0;
    send_o = 1'b0;
    defer  = 1'b0;
    if (act) begin
      unique case (cmd_i.op)
        OpReg: begin
          we = reg_i.write;
          unique case ({reg_i.addr[3:2], 2'b00})
            4'(ImsAddrLoOffset): if (merged[31:20] == AddrTop[31:20]) row_d.addr = merged[19:2];
            4'(ImsAddrHiOffset): ;
            4'(ImsDataOffset):   row_d.data = merged;
            default: begin
              if (reg_i.fw) row_d.granted = ctrl_new.granted;
              else begin
                row_d.pasid    = ctrl_new.pasid;
                row_d.pasid_en = ctrl_new.pasid_en;
                row_d.ignore   = ctrl_new.ignore;
                row_d.mask     = ctrl_new.mask;
              end
              send_o        = we && row.pending && !row_d.mask && room_i;
              defer         = we && row.pending && !row_d.mask && !room_i;
              row_d.pending = row.pending && !send_o;
            end
          endcase
        end
        OpIrq: begin
          send_o        = !row.ignore && !row.mask;
          we            = !row.ignore && row.mask;
          row_d.pending = 1'b1;
        end
        OpSweep: begin
          send_o        = row.pending && !row.mask;
          we            = send_o;
          row_d.pending = 1'b0;
        end
        default: ;
      endcase
    end
  end

  assign msg_o   = '{addr: {AddrTop, row.addr, 2'b00}, data: row.data};
  assign ok_o    = act && row.granted && pasid_agrees(row.pasid_en, row.pasid, cmd_i.tenant);
  assign rdata_o = act ? old : '0;

  siov_ram_1r1w #(.Width($bits(row_t)), .Depth(MaxIms)) u_table (
    .clk_i   (clk_i),
    .we_i    (we || clear_i),
    .waddr_i (clear_i ? clear_row_i : index),
    .wdata_i (clear_i ? RowReset : row_d),
    .re_i    (look_i),
    .raddr_i (look_index_i),
    .rdata_o (row)
  );

  // --- sweep ------------------------------------------------------------------------------------

  logic [IntW:0] left_q;  // entries to look at, from the top

  assign sweep_valid_o = left_q != '0;
  assign sweep_index_o = IntW'(left_q - 1'b1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) left_q <= '0;
    else if (defer) left_q <= (IntW + 1)'(entries_i);
    else if (act && cmd_i.op == OpSweep) left_q <= left_q - 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (send_o && cmd_i.op != OpReg) begin
        NoMessageWhileMasked_A : assert (!row.mask) else $error("message of a masked entry");
      end
    end
  end

endmodule
