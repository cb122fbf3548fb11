// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of the management core: siov_rv32 with enough around it to run any RV32IM program.
///
/// | address            |                                                                         |
/// |--------------------|-------------------------------------------------------------------------|
/// | 0x0000_0000, 4 MiB | memory                                                                  |
/// | 0x1000_0000        | timer: a store of n raises the interrupt n cycles later, 0 takes it     |
/// |                    | back; a load gives the cycles left                                      |
/// | 0x8000_0000, 4 MiB | memory                                                                  |
/// | the rest           | access fault                                                            |
///
/// A store of anything but 0 to the word at `tohost_addr_i` ends the run: `done_o` goes high one
/// cycle later and stays, with the value on `tohost_o`. The host port works while in reset.
module siov_rv32_bench (
  input  logic        clk_i,
  input  logic        rst_ni,

  // set-up, constant out of reset
  input  logic [31:2] entry_i,        ///< first PC
  input  logic [31:2] tohost_addr_i,
  input  logic [3:0]  wait_i,         ///< cycles each access takes beyond 1

  // host port: memory from outside
  input  logic        host_we_i,
  input  logic [20:0] host_index_i,   ///< word: those of the first memory, then the second's
  input  logic [31:0] host_wdata_i,
  output logic [31:0] host_rdata_o,   ///< combinational

  output logic        done_o,
  output logic [31:0] tohost_o,
  output logic        retire_o,
  output logic        stuck_o         ///< asleep, and no interrupt to come
);

  localparam logic [31:2] TimerAddr = 30'(32'h1000_0000 >> 2);

  logic        req, fetch, write, sleep, ack_q, irq_q;
  logic [31:2] addr;
  logic [3:0]  be;
  logic [31:0] wdata;

  // The access under way: answered `wait_i` cycles after the next.
  logic        pending_q, err_q;
  logic [3:0]  wait_q;
  logic [31:0] rdata_q;

  siov_rv32 u_core (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .boot_addr_i (entry_i),
    .irq_i       (irq_q),
    .sleep_o     (sleep),
    .retire_o    (retire_o),
    .trap_o      (),
    .mem_req_o   (req),
    .mem_fetch_o (fetch),
    .mem_write_o (write),
    .mem_addr_o  (addr),
    .mem_be_o    (be),
    .mem_wdata_o (wdata),
    .mem_ack_i   (ack_q),
    .mem_err_i   (err_q),
    .mem_rdata_i (rdata_q)
  );

  // Both memories in one array.
  logic [31:0] mem [2 << 20];
  logic [20:0] index;
  assign index        = {addr[31], addr[21:2]};
  assign host_rdata_o = mem[host_index_i];

  logic to_mem, to_timer;
  assign to_mem   = addr[30:22] == '0;
  assign to_timer = addr == TimerAddr && !fetch;

  logic [31:0] tohost;  // the bytes of a store that are really written
  assign tohost = wdata & {{8{be[3]}}, {8{be[2]}}, {8{be[1]}}, {8{be[0]}}};

  logic [31:0] timer_q;
  assign stuck_o = sleep && timer_q == '0 && !irq_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      if (host_we_i) mem[host_index_i] <= host_wdata_i;
      ack_q     <= 1'b0;
      pending_q <= 1'b0;
      done_o    <= 1'b0;
      tohost_o  <= '0;
      timer_q   <= '0;
      irq_q     <= 1'b0;
    end else begin
      ack_q <= (req && wait_i == '0) || (pending_q && wait_q == 4'd1);
      if (req) begin
        pending_q <= wait_i != '0;
        wait_q    <= wait_i;
      end else if (pending_q) begin
        pending_q <= wait_q != 4'd1;
        wait_q    <= wait_q - 4'd1;
      end

      if (timer_q != '0) begin
        timer_q <= timer_q - 32'd1;
        if (timer_q == 32'd1) irq_q <= 1'b1;
      end

      if (req) begin
        err_q <= !to_mem && !to_timer;
        if (to_timer && write) begin
          timer_q <= wdata;
          irq_q   <= 1'b0;
        end else if (to_timer) begin
          rdata_q <= timer_q;
        end
        if (to_mem && write) begin
          for (int i = 0; i < 4; i++) begin
            if (be[i]) mem[index][8*i +: 8] <= wdata[8*i +: 8];
          end
          if (addr == tohost_addr_i && tohost != '0 && !done_o) begin
            done_o   <= 1'b1;
            tohost_o <= tohost;
          end
        end else if (to_mem) begin
          rdata_q <= mem[index];
        end
      end
    end
  end

endmodule
