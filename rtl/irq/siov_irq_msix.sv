// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The MSI-X table with its pending bits, and MSIXPERM (DSA 9.2). Rows are read in the clock
/// of `look_i`; the command is carried out in the next one, that of `exec_i`.
///
/// A vector that may not be sent has its pending bit set instead: its mask, the function mask,
/// MSI-X off, bus mastering off. `scan_valid_o` says that a pending one may be sent now.
module siov_irq_msix import siov_pkg::*, siov_regs_pkg::*, siov_irq_pkg::*; (
  input  logic        clk_i,
  input  logic        rst_ni,
  /// Vectors that software sees.
  input  logic [15:0] entries_i,
  /// The function may send MSI-X messages.
  input  logic        enabled_i,

  /// Reset row `clear_row_i` of MSIXPERM, and of the table if `clear_table_i`; and all of the PBA.
  input  logic        clear_i,
  input  logic        clear_table_i,
  input  logic [5:0]  clear_row_i,

  input  logic        look_i,
  input  logic [5:0]  look_index_i,
  input  logic        exec_i,
  input  irq_cmd_t    cmd_i,
  input  reg_req_t    reg_i,
  /// There is room for a message. An OpIrq or OpScan comes only if there is.
  input  logic        room_i,

  output logic [31:0] rdata_o,
  output logic        ok_o,
  output logic        send_o,
  output dma_msg_t    msg_o,

  output logic        scan_valid_o,
  output logic [5:0]  scan_index_o
);

  localparam int unsigned IdxW = $clog2(MaxMsix);

  typedef struct packed {
    logic [31:0] data;
    logic [63:2] addr;
  } row_t;

  typedef struct packed {
    logic [19:0] pasid;
    logic        granted;
    logic        pasid_en;
    logic        ignore;
  } perm_t;

  row_t                row, row_d;
  perm_t               perm, perm_d;
  logic [MaxMsix-1:0]  mask_q, pending_q;
  logic [IdxW-1:0]     index;
  logic                blocked;

  assign index   = cmd_i.index[IdxW-1:0];
  assign blocked = !enabled_i || mask_q[index];

  // --- pending vectors --------------------------------------------------------------------------

  siov_first_one #(.Width(MaxMsix)) u_open (
    .bits_i  (enabled_i ? pending_q & ~mask_q : '0),
    .any_o   (scan_valid_o),
    .index_o (scan_index_o),
    .one_o   ()
  );

  // --- registers --------------------------------------------------------------------------------

  logic           in_perm, in_table, in_pba;
  msixperm_perm_t perm_reg, perm_new;
  logic [31:0]    old, merged;
  logic           write;

  assign in_perm  = reg_i.addr[17:9] == 9'(MsixpermOffset >> 9) && !reg_i.addr[2];
  assign in_table = reg_i.addr[17:10] == 8'(MsixOffset >> 10);
  assign in_pba   = reg_i.addr[17:3] == 15'(PbaOffset >> 3);

  assign perm_reg = '{pasid: perm.pasid, granted: perm.granted && reg_i.fw,
                      pasid_en: perm.pasid_en, ignore: perm.ignore, default: '0};

  always_comb begin
    old = '0;
    if (in_perm) old = perm_reg;
    if (in_table) begin
      unique case ({reg_i.addr[3:2], 2'b00})
        4'(MsixAddrLoOffset): old = {row.addr[31:2], 2'b00};
        4'(MsixAddrHiOffset): old = row.addr[63:32];
        4'(MsixDataOffset):   old = row.data;
        default:              old = {31'b0, mask_q[index]};
      endcase
    end
  end

  assign merged   = merge(old, reg_i.wdata, reg_i.be);
  assign perm_new = merged;

  // --- commands ---------------------------------------------------------------------------------

  logic act, row_we, perm_we, mask_we, pend, unpend;

  assign act = exec_i && !cmd_i.ims && cmd_i.index < entries_i;
  assign write = act && cmd_i.op == OpReg && reg_i.write;

  assign row_we  = write && in_table && !(&reg_i.addr[3:2]);
  assign perm_we = write && in_perm;
  assign mask_we = write && in_table && (&reg_i.addr[3:2]);

  always_comb begin
    row_d  = row;
    perm_d = perm;
    unique case ({reg_i.addr[3:2], 2'b00})
      4'(MsixAddrLoOffset): row_d.addr[31:2]  = merged[31:2];
      4'(MsixAddrHiOffset): row_d.addr[63:32] = merged;
      default:              row_d.data        = merged;
    endcase
    if (reg_i.fw) perm_d.granted = perm_new.granted;
    else begin
      perm_d.pasid    = perm_new.pasid;
      perm_d.pasid_en = perm_new.pasid_en;
      perm_d.ignore   = perm_new.ignore;
    end
  end

  always_comb begin
    send_o = 1'b0;
    pend   = 1'b0;
    unpend = 1'b0;
    if (act) begin
      unique case (cmd_i.op)
        OpEvent: begin
          send_o = !blocked && room_i;
          pend   = !send_o;
        end
        OpIrq: begin
          send_o = !blocked && !perm.ignore;
          pend   = blocked && !perm.ignore;
        end
        OpScan: begin
          send_o = !blocked;
          unpend = !blocked;
        end
        default: ;
      endcase
    end
  end

  assign msg_o   = '{addr: {row.addr, 2'b00}, data: row.data};
  assign ok_o    = act && perm.granted && pasid_agrees(perm.pasid_en, perm.pasid, cmd_i.tenant);
  assign rdata_o = in_pba ? (reg_i.addr[2] ? pending_q[63:32] : pending_q[31:0]) :
                   act ? old : '0;

  // --- state ------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (!rst_ni) mask_q <= '1;
    else if (mask_we) mask_q[index] <= merged[0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) pending_q <= '0;
    else if (pend) pending_q[index] <= 1'b1;
    else if (unpend) pending_q[index] <= 1'b0;
  end

  siov_ram_1r1w #(.Width($bits(row_t)), .Depth(MaxMsix)) u_table (
    .clk_i   (clk_i),
    .we_i    (row_we || (clear_i && clear_table_i)),
    .waddr_i (clear_i ? clear_row_i : index),
    .wdata_i (clear_i ? '0 : row_d),
    .re_i    (look_i),
    .raddr_i (look_index_i),
    .rdata_o (row)
  );

  siov_ram_1r1w #(.Width($bits(perm_t)), .Depth(MaxMsix)) u_perm (
    .clk_i   (clk_i),
    .we_i    (perm_we || clear_i),
    .waddr_i (clear_i ? clear_row_i : index),
    .wdata_i (clear_i ? '0 : perm_d),
    .re_i    (look_i),
    .raddr_i (look_index_i),
    .rdata_o (perm)
  );

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (send_o) begin
        NoMessageWhileMasked_A : assert (enabled_i && !mask_q[index])
          else $error("message of a masked vector");
      end
    end
  end

endmodule
