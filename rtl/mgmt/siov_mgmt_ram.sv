// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Tightly coupled memory of the management core: one port, byte enables on writes, read data one
/// cycle after the request and held until the next one.
///
/// In simulation it starts with the words of the file that `+firmware=PATH` names ($readmemh
/// format), else empty. A reset does not change it.
module siov_mgmt_ram #(
  parameter int unsigned Words = 8192,
  localparam int unsigned AddrW = $clog2(Words)
) (
  input  logic             clk_i,
  input  logic             req_i,
  input  logic             write_i,
  input  logic [AddrW-1:0] addr_i,
  input  logic [3:0]       be_i,
  input  logic [31:0]      wdata_i,
  output logic [31:0]      rdata_o
);

  logic [31:0] mem [Words];

  // Not always_ff, which would forbid the initial values.
  always @(posedge clk_i) begin
    if (req_i) begin
      if (write_i) begin
        for (int i = 0; i < 4; i++) begin
          if (be_i[i]) mem[addr_i][8*i +: 8] <= wdata_i[8*i +: 8];
        end
      end else begin
        rdata_o <= mem[addr_i];
      end
    end
  end

`ifndef SYNTHESIS
  string path;
  initial if ($value$plusargs("firmware=%s", path)) $readmemh(path, mem);
`endif

endmodule
