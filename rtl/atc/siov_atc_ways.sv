// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What an operation finds in a row and does to it. Combinational.
///
/// Translations of one row never overlap for the same PASID and mode: a new one replaces those that
/// it overlaps, else takes a free way, else the ways in turn.
module siov_atc_ways import siov_pkg::*, siov_atc_pkg::*; (
  /// The outputs mean something (and are worked out) only while this is high.
  input  logic    valid_i,
  input  op_e     op_i,
  input  row_t    row_i,
  input  lookup_t lk_i,
  input  xlat_t   fill_i,
  input  inv_t    inv_i,

  /// OpLookup, OpAsk: there is a translation that allows the access.
  output logic    hit_o,
  output page_t   page_o,
  output logic    untranslated_o,

  /// The row changes.
  output logic    we_o,
  output row_t    row_o
);

  page_t              key, key_mask;
  way_t               fresh;
  logic [NumWays-1:0] overlap, same, usable, drop, valid;
  logic [WayW-1:0]    place;

  always_comb begin
    {key, key_mask}                = '0;
    fresh                          = '0;
    {overlap, same, usable, drop, valid} = '0;
    place          = '0;
    hit_o          = 1'b0;
    page_o         = '0;
    untranslated_o = 1'b0;
    we_o           = 1'b0;
    row_o          = '0;

    if (valid_i) begin
      key      = op_i == OpSweep ? inv_i.page : lk_i.page;
      key_mask = op_i == OpSweep ? inv_i.mask : op_i == OpFill ? size_mask(fill_i.size) : '0;
      fresh    = '{
        valid:       1'b1,
        pasid_valid: lk_i.tenant.pasid_valid,
        priv:        lk_i.tenant.pasid_valid && lk_i.tenant.priv,
        pasid:       lk_i.tenant.pasid_valid ? lk_i.tenant.pasid : '0,
        page:        lk_i.page,
        xlat:        fill_i
      };

      for (int unsigned w = 0; w < NumWays; w++) begin
        overlap[w] = ((row_i.ways[w].page ^ key) &
                      ~(size_mask(row_i.ways[w].xlat.size) | key_mask)) == '0;
        same[w] = row_i.ways[w].pasid_valid == fresh.pasid_valid &&
                  row_i.ways[w].priv == fresh.priv && row_i.ways[w].pasid == fresh.pasid;
        valid[w] = row_i.ways[w].valid;
        usable[w] = valid[w] && overlap[w] && same[w] &&
                    (lk_i.write ? row_i.ways[w].xlat.w : row_i.ways[w].xlat.r);
        if (usable[w]) begin
          page_o = join_page(row_i.ways[w].xlat.page, lk_i.page,
                             size_mask(row_i.ways[w].xlat.size));
          untranslated_o = row_i.ways[w].xlat.u;
        end
        unique case (op_i)
          OpFill:  drop[w] = valid[w] && overlap[w] && same[w];
          OpSweep: drop[w] = valid[w] && inv_hits(inv_i, row_i.ways[w].pasid_valid,
                                                  row_i.ways[w].pasid, overlap[w]);
          default: drop[w] = 1'b0;
        endcase
      end
      hit_o = usable != '0;

      place = row_i.next;
      for (int unsigned w = 0; w < NumWays; w++) begin
        if (!valid[w] || drop[w]) place = WayW'(w);
      end

      if (op_i == OpFill || op_i == OpSweep) begin
        we_o  = op_i == OpFill || drop != '0;
        row_o = row_i;
        for (int unsigned w = 0; w < NumWays; w++) begin
          if (drop[w]) row_o.ways[w].valid = 1'b0;
        end
        if (op_i == OpFill) begin
          if (&valid && drop == '0) row_o.next = row_i.next + 1'b1;
          row_o.ways[place] = fresh;
        end
      end else begin
        we_o = op_i == OpClear;  // with an empty row
      end
    end
  end

endmodule
