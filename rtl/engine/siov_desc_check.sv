// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Is this descriptor right (DSA 5.4, 5.5)? Combinational. Supports NOP, Memory Move and Fill; of
/// several errors the first in the list below is reported. The interrupt handle is looked up in
/// irq/, elsewhere.
module siov_desc_check
  import siov_pkg::*;
  import siov_dsa_pkg::*;
  import siov_regs_pkg::GencapReset;
(
  /// Nothing is computed while low; the outputs then mean nothing.
  input  logic        valid_i,
  input  desc_t       desc_i,
  input  logic        user_int_i,   ///< may raise an interrupt without privilege (GENCFG)
  input  logic        priv_en_i,    ///< requests may be privileged (config space)
  input  logic        pasid_valid_i,
  input  logic        priv_i,
  input  logic        bof_en_i,
  input  logic [4:0]  max_xfer_i,
  input  logic [63:0] opcfg_i,

  /// StatusSuccess: nothing was found.
  output dsa_status_e status_o,
  output logic [23:0] bad_flags_o,
  /// A completion interrupt is asked for and allowed, whatever else is wrong.
  output logic        req_int_o
);

  dsa_desc_t  desc;
  dsa_flags_t flags, bad;
  assign desc  = desc_i;
  assign flags = desc.flags;

  logic is_move, is_fill, moves_data;
  assign is_move    = desc.operation == OpMove;
  assign is_fill    = desc.operation == OpFill;
  assign moves_data = is_move || is_fill;

  logic op_ok, priv_ok, int_ok;
  assign op_ok   = (desc.operation == OpNop || moves_data) && opcfg_i[desc.operation[5:0]];
  assign priv_ok = !priv_i || !pasid_valid_i || priv_en_i;
  assign int_ok  = user_int_i || !pasid_valid_i || (priv_i && priv_en_i);

  // Set: the flag is reserved or not supported here.
  always_comb begin
    bad = flags;
    if (moves_data && bof_en_i)                                bad.block_on_fault = 1'b0;
    bad.rec_valid = 1'b0;
    if (flags.rec_valid)                                       bad.req_rec        = 1'b0;
    if (int_ok)                                                bad.req_int        = 1'b0;
    if (moves_data && GencapReset.cache_control)               bad.cache_control1 = 1'b0;
    if (is_move)                                               bad.addr1_tc       = 1'b0;
    if (moves_data)                                            bad.addr2_tc       = 1'b0;
    if (flags.rec_valid)                                       bad.rec_tc         = 1'b0;
    if (moves_data)                                            bad.strict         = 1'b0;
    if (moves_data && GencapReset.dest_readback)               bad.cache_control2 = 1'b0;
    if (is_fill && GencapReset.fill_16)                        bad.fill_16        = 1'b0;
  end

  logic rsvd;

  always_comb begin
    rsvd = 1'b0;
    if (valid_i) begin
      rsvd = {desc.bytes_63_48, desc.bytes_39_38} != '0 ||
             (!(is_fill && flags.fill_16) && desc.pattern_hi != '0) ||
             (!moves_data && {desc.size, desc.dst, desc.src} != '0) ||
             (!flags.rec_valid && desc.rec_addr != '0) ||
             (!flags.req_int && desc.int_handle != '0);
    end
  end

  logic size_bad, overlap;
  assign size_bad = moves_data && (desc.size == '0 || 33'(desc.size) > 33'd1 << max_xfer_i);

  // Addresses wrap around, so the distance either way says it all.
  always_comb begin
    logic [63:0] ahead, behind;
    ahead   = desc.dst - desc.src;
    behind  = desc.src - desc.dst;
    overlap = is_move && !GencapReset.overlap &&
              (ahead < 64'(desc.size) || behind < 64'(desc.size));
  end

  always_comb begin
    // First: with another status, a record would be written with a privilege that nobody has.
    if      (!priv_ok)                                    status_o = StatusPriv;
    else if (flags.rec_valid && desc.rec_addr[4:0] != '0) status_o = StatusRecAlign;
    else if (!op_ok)                                      status_o = StatusOpcode;
    else if (bad != '0)                                   status_o = StatusFlags;
    else if (rsvd)                                        status_o = StatusReserved;
    else if (size_bad)                                    status_o = StatusSize;
    else if (overlap)                                     status_o = StatusOverlap;
    else                                                  status_o = StatusSuccess;
  end

  assign bad_flags_o = bad;
  assign req_int_o   = flags.req_int && int_ok;

  logic unused_pasid;
  assign unused_pasid = ^desc.pasid;

endmodule
