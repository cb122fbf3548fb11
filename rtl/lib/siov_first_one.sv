// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The lowest bit that is set, as an index and alone. Combinational.
module siov_first_one #(
  /// Number of bits, a power of two, at least 2.
  parameter int unsigned Width = 64,
  localparam int unsigned IdxW = $clog2(Width)
) (
  input  logic [Width-1:0] bits_i,
  output logic             any_o,
  /// 0 if none is set.
  output logic [IdxW-1:0]  index_o,
  output logic [Width-1:0] one_o
);

  typedef logic [IdxW-1:0][Width-1:0] masks_t;

  /// Row b: the positions whose index has bit b set.
  function automatic masks_t masks();
    for (int unsigned b = 0; b < IdxW; b++) begin
      for (int unsigned i = 0; i < Width; i++) masks[b][i] = i[b];
    end
  endfunction

  localparam masks_t Masks = masks();

  assign any_o = bits_i != '0;
  assign one_o = bits_i & (~bits_i + 1'b1);

  for (genvar b = 0; b < IdxW; b++) begin : gen_index
    assign index_o[b] = (one_o & Masks[b]) != '0;
  end

endmodule
