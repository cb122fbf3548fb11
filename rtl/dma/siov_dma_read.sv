// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Makes read requests: MRd with a tag made of the slot, exact byte enables, and the tenant's PASID
/// unless the address is translated. The request is offered the clock after it came; one a clock.
/// There is room for those of all slots: what cannot leave is in nobody's way.
module siov_dma_read import siov_pkg::*, siov_dma_pkg::*; (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  pcie_fn_t         fn_i,
  /// TLPs may start.
  input  logic             go_i,

  input  logic             valid_i,
  input  read_t            read_i,

  output logic             tx_valid_o,
  input  logic             tx_ready_i,
  output tlp_beat_t        tx_o,
  /// A TLP has been offered and not been taken.
  output logic             started_o,
  /// The request has left.
  output logic             sent_o,
  output logic [SlotW-1:0] sent_slot_o
);

  read_t head;
  logic  valid, gate_ready;

  siov_fifo #(.data_t(read_t), .Depth(NumSlots)) u_reads (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (valid_i),
    .ready_o (),
    .data_i  (read_i),
    .valid_o (valid),
    .ready_i (gate_ready),
    .data_o  (head),
    .count_o ()
  );

  siov_tlp_gate u_gate (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .go_i      (go_i),
    .valid_i   (valid),
    .ready_o   (gate_ready),
    .eop_i     (1'b1),
    .valid_o   (tx_valid_o),
    .ready_i   (tx_ready_i),
    .started_o (started_o)
  );

  attr_t attr;

  assign attr = '{
    write:      1'b0,
    tc:         head.source.tc,
    ido:        fn_i.ido_req,
    relaxed:    fn_i.relaxed,
    translated: head.source.translated,
    tag:        make_tag(fn_i, TagRead, head.slot)
  };

  always_comb begin
    tx_o = '0;
    if (valid) begin
      tx_o.sop          = 1'b1;
      tx_o.eop          = 1'b1;
      tx_o.prefix_valid = head.source.tenant.pasid_valid && !head.source.translated;
      tx_o.prefix       = tx_o.prefix_valid ? pasid_prefix(head.source.tenant) : '0;
      tx_o.hdr          = mem_hdr(attr, fn_i.rid, head.source.addr[63:2],
                                  span(head.source.addr[1:0], head.source.len));
    end
  end

  assign sent_o      = tx_valid_o && tx_ready_i;
  assign sent_slot_o = head.slot;

endmodule
