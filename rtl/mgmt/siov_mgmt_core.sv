// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The management core with its memory: what the rest of mgmt/ sees of it.
///
/// | address                     |                                          |
/// |-----------------------------|------------------------------------------|
/// | 0x0000_0000 .. RamBytes - 1 | memory for code and data; reset PC is 0  |
/// | 0x1000_0000 and above       | peripheral port, loads and stores only   |
/// | the rest                    | access fault                             |
///
/// Peripheral port: `periph_req_o` stays high, with everything beside it stable, up to and including
/// the cycle in which `periph_ack_i` is high; that may be its first. `periph_rdata_i` and
/// `periph_err_i` (access fault) count in that cycle. The next request starts later than the cycle
/// after. `periph_ack_i` means nothing while `periph_req_o` is low.
module siov_mgmt_core #(
  parameter int unsigned RamBytes = 32 * 1024  ///< a power of two
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        irq_i,         ///< level; ends WFI, and traps if the firmware enabled that
  output logic        sleep_o,       ///< in WFI: no state changes until irq_i

  output logic        periph_req_o,
  output logic        periph_write_o,
  output logic [31:0] periph_addr_o,  ///< multiple of 4
  output logic [3:0]  periph_be_o,    ///< of a write; a read returns the whole word
  output logic [31:0] periph_wdata_o,
  input  logic        periph_ack_i,
  input  logic [31:0] periph_rdata_i,
  input  logic        periph_err_i
);

  localparam int unsigned RamW = $clog2(RamBytes);

  logic        req, fetch, write, ack, err;
  logic [31:2] addr;
  logic [3:0]  be;
  logic [31:0] wdata, rdata;
  logic        unused_retire, trap;

  siov_rv32 u_core (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .boot_addr_i ('0),
    .irq_i       (irq_i),
    .sleep_o     (sleep_o),
    .retire_o    (unused_retire),
    .trap_o      (trap),
    .mem_req_o   (req),
    .mem_fetch_o (fetch),
    .mem_write_o (write),
    .mem_addr_o  (addr),
    .mem_be_o    (be),
    .mem_wdata_o (wdata),
    .mem_ack_i   (ack),
    .mem_err_i   (err),
    .mem_rdata_i (rdata)
  );

  logic to_ram, to_periph;
  assign to_ram    = addr[31:RamW] == '0;
  assign to_periph = addr[31:28] != '0 && !fetch;

  logic [31:0] ram_rdata;

  siov_mgmt_ram #(.Words(RamBytes / 4)) u_ram (
    .clk_i   (clk_i),
    .req_i   (req && to_ram),
    .write_i (write),
    .addr_i  (addr[RamW-1:2]),
    .be_i    (be),
    .wdata_i (wdata),
    .rdata_o (ram_rdata)
  );

  logic ram_ack_q, fault_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ram_ack_q    <= 1'b0;
      fault_q      <= 1'b0;
      periph_req_o <= 1'b0;
    end else begin
      ram_ack_q <= req && to_ram;
      fault_q   <= req && !to_ram && !to_periph;
      if (req && to_periph) begin
        periph_req_o   <= 1'b1;
        periph_write_o <= write;
        periph_addr_o  <= {addr, 2'b0};
        periph_be_o    <= be;
        periph_wdata_o <= wdata;
      end else if (periph_ack_i) begin
        periph_req_o <= 1'b0;
      end
    end
  end

  logic periph_ack;
  assign periph_ack = periph_req_o && periph_ack_i;

  assign ack   = ram_ack_q || fault_q || periph_ack;
  assign err   = fault_q || (periph_ack && periph_err_i);
  assign rdata = periph_req_o ? periph_rdata_i : ram_rdata;

  // ------------------------------------------------------------------------------------------
  // Assertions

  // The firmware enables no interrupts and returns from no trap: one is a defect of it, after which
  // the command under way stays active and everything else looks well.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      FirmwareTraps_A : assert (!trap) else $error("the firmware has trapped");
    end
  end

endmodule
