// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Contents of config space: what software reads where, and what it can write.
///
/// A DW is the OR of three parts: its constant bits (`cfg_const`), its writable bits (`RwRegs`),
/// and its write-1-to-clear status bits (siov_pcie_err). A DW in none of them reads 0.
package siov_pcie_cfg_pkg;
  import siov_pkg::*;

  // ------------------------------------------------------------------------------------------
  // Offsets

  parameter logic [11:0] CfgId        = 12'h000;
  parameter logic [11:0] CfgCommand   = 12'h004;
  parameter logic [11:0] CfgClass     = 12'h008;
  parameter logic [11:0] CfgCacheLine = 12'h00c;
  parameter logic [11:0] CfgBar0      = 12'h010;
  parameter logic [11:0] CfgBar0High  = 12'h014;
  parameter logic [11:0] CfgBar2      = 12'h018;
  parameter logic [11:0] CfgBar2High  = 12'h01c;
  parameter logic [11:0] CfgSubsystem = 12'h02c;
  parameter logic [11:0] CfgCapPtr    = 12'h034;

  parameter logic [11:0] CfgPcie      = 12'h040;
  parameter logic [11:0] CfgDevCap    = 12'h044;
  parameter logic [11:0] CfgDevCtl    = 12'h048;
  parameter logic [11:0] CfgDevCap2   = 12'h064;
  parameter logic [11:0] CfgDevCtl2   = 12'h068;
  parameter logic [11:0] CfgMsix      = 12'h080;
  parameter logic [11:0] CfgMsixTable = 12'h084;
  parameter logic [11:0] CfgMsixPba   = 12'h088;
  parameter logic [11:0] CfgPm        = 12'h090;
  parameter logic [11:0] CfgPmCtl     = 12'h094;

  parameter logic [11:0] CfgAer       = 12'h100;
  parameter logic [11:0] CfgUncStatus = 12'h104;
  parameter logic [11:0] CfgUncMask   = 12'h108;
  parameter logic [11:0] CfgUncSev    = 12'h10c;
  parameter logic [11:0] CfgCorStatus = 12'h110;
  parameter logic [11:0] CfgCorMask   = 12'h114;
  parameter logic [11:0] CfgAerCtl    = 12'h118;
  parameter logic [11:0] CfgHdrLog0   = 12'h11c;
  parameter logic [11:0] CfgHdrLog1   = 12'h120;
  parameter logic [11:0] CfgHdrLog2   = 12'h124;
  parameter logic [11:0] CfgHdrLog3   = 12'h128;
  parameter logic [11:0] CfgPrefixLog = 12'h138;
  parameter logic [11:0] CfgLtr       = 12'h150;
  parameter logic [11:0] CfgLtrMax    = 12'h154;
  parameter logic [11:0] CfgTph       = 12'h160;
  parameter logic [11:0] CfgTphCap    = 12'h164;
  parameter logic [11:0] CfgTphCtl    = 12'h168;
  parameter logic [11:0] CfgVc        = 12'h170;
  parameter logic [11:0] CfgVc0Ctl    = 12'h184;
  parameter logic [11:0] CfgAts       = 12'h220;
  parameter logic [11:0] CfgAtsCtl    = 12'h224;
  parameter logic [11:0] CfgPasid     = 12'h230;
  parameter logic [11:0] CfgPasidCtl  = 12'h234;
  parameter logic [11:0] CfgPri       = 12'h240;
  parameter logic [11:0] CfgPriCtl    = 12'h244;
  parameter logic [11:0] CfgPriCap    = 12'h248;
  parameter logic [11:0] CfgPriAlloc  = 12'h24c;
  parameter logic [11:0] CfgSiov      = 12'h260;
  parameter logic [11:0] CfgSiovHdr1  = 12'h264;
  parameter logic [11:0] CfgSiovHdr2  = 12'h268;
  parameter logic [11:0] CfgSiovPages = 12'h26c;
  parameter logic [11:0] CfgSiovPage  = 12'h270;
  parameter logic [11:0] CfgSiovCap   = 12'h274;

  // ------------------------------------------------------------------------------------------
  // Constant bits

  /// Prefetchable, 64 bits.
  localparam logic [31:0] BarType = 32'h0000_000c;

  function automatic logic [31:0] cap(logic [7:0] id, logic [7:0] next, logic [15:0] upper);
    return {upper, next, id};
  endfunction

  function automatic logic [31:0] ext_cap(logic [15:0] id, logic [3:0] version,
                                          logic [11:0] next);
    return {next, version, id};
  endfunction

  function automatic logic [31:0] cfg_const(logic [11:0] addr, strap_t strap);
    unique case (addr)
      CfgId:        return {strap.device_id, strap.vendor_id};
      CfgCommand:   return 32'h0010_0000;                  // capability list
      CfgClass:     return 32'h0880_0000;                  // system peripheral, other
      CfgBar0:      return BarType;
      CfgBar2:      return BarType;
      CfgSubsystem: return {16'h0000, strap.vendor_id};
      CfgCapPtr:    return 32'(CfgPcie);

      CfgPcie:      return cap(8'h10, 8'(CfgMsix), 16'h0092);  // version 2, RCiEP
      CfgDevCap:    return 32'h1000_8022;                  // FLR, RBER, 8-bit tags, MPS 512
      CfgDevCap2:   return 32'h1073_081f;                  // DMWr completer, one End-End prefix,
                                                           // 10-bit tags, LTR, completion timeout:
                                                           // all ranges, and disable
      CfgMsix:      return cap(8'h11, 8'(CfgPm), (strap.msix_entries - 16'd1) & 16'h07ff);
      CfgMsixTable: return 32'h0000_4000;                  // in BAR0
      CfgMsixPba:   return 32'h0000_5000;
      CfgPm:        return cap(8'h01, 8'h00, 16'h0003);    // version 3, D0 and D3hot only
      CfgPmCtl:     return 32'h0000_0008;                  // no soft reset

      CfgAer:       return ext_cap(16'h0001, 4'd2, CfgLtr);
      CfgLtr:       return ext_cap(16'h0018, 4'd1, CfgTph);
      CfgTph:       return ext_cap(16'h0017, 4'd1, CfgVc);
      CfgTphCap:    return 32'h0000_0001;                  // no steering tags
      CfgVc:        return ext_cap(16'h0002, 4'd1, CfgAts);
      CfgVc0Ctl:    return 32'h8000_00ff;                  // enabled, all traffic classes
      CfgAts:       return ext_cap(16'h000f, 4'd1, CfgPasid);
      CfgAtsCtl:    return 32'h0000_0060;                  // global invalidate, page aligned
      CfgPasid:     return ext_cap(16'h001b, 4'd1, CfgPri);
      CfgPasidCtl:  return 32'h0000_1404;                  // 20 bits, privileged mode
      CfgPri:       return ext_cap(16'h0013, 4'd1, CfgSiov);
      CfgPriCtl:    return 32'h8000_0000;                  // responses carry the PASID
      CfgPriCap:    return PriCapacity;

      // S-IOV DVSEC. 4 KiB is the only page size, so System Page Size has one legal value.
      CfgSiov:      return ext_cap(16'h0023, 4'd1, 12'h000);
      CfgSiovHdr1:  return 32'h0181_8086;
      CfgSiovHdr2:  return 32'h0000_0005;
      CfgSiovPages: return 32'h0000_0001;
      CfgSiovPage:  return 32'h0000_0001;
      CfgSiovCap:   return {31'd0, strap.ims_entries != '0};
      default:      return '0;
    endcase
  endfunction

  // ------------------------------------------------------------------------------------------
  // Writable bits

  typedef struct packed {
    logic [11:0] addr;
    logic [31:0] mask;
    logic [31:0] reset;
    logic [31:0] keep;   // through FLR
  } rw_reg_t;

  typedef enum int unsigned {
    RwCommand,
    RwCacheLine,
    RwBar0,
    RwBar0High,
    RwBar2,
    RwBar2High,
    RwDevCtl,
    RwDevCtl2,
    RwMsix,
    RwPmCtl,
    RwUncMask,
    RwUncSev,
    RwCorMask,
    RwLtrMax,
    RwTphCtl,
    RwAtsCtl,
    RwPasidCtl,
    RwPriCtl,
    RwPriAlloc
  } rw_reg_e;

  parameter int unsigned NumRwRegs = 32'(RwPriAlloc) + 1;

  /// Uncorrectable errors this function can find: poisoned, completion timeout, completer abort,
  /// unexpected completion, malformed, unsupported request; and internal error, which is masked.
  parameter logic [31:0] UncBits = 32'h0055_d000;

  // In the order of rw_reg_e. BAR2's lower bits further depend on its size.
  parameter rw_reg_t RwRegs [NumRwRegs] = '{
    //        address       mask           reset          keep
    '{CfgCommand,   32'h0000_0146, 32'h0000_0000, 32'h0000_0000},
    '{CfgCacheLine, 32'h0000_00ff, 32'h0000_0000, 32'h0000_0000},
    '{CfgBar0,      32'hfffc_0000, 32'h0000_0000, 32'h0000_0000},
    '{CfgBar0High,  32'hffff_ffff, 32'h0000_0000, 32'h0000_0000},
    '{CfgBar2,      32'hffff_0000, 32'h0000_0000, 32'h0000_0000},
    '{CfgBar2High,  32'hffff_ffff, 32'h0000_0000, 32'h0000_0000},
    '{CfgDevCtl,    32'h0000_79ff, 32'h0000_2910, 32'h0000_00e0},
    '{CfgDevCtl2,   32'h0000_171f, 32'h0000_0000, 32'h0000_0000},
    '{CfgMsix,      32'hc000_0000, 32'h0000_0000, 32'h0000_0000},
    '{CfgPmCtl,     32'h0000_0003, 32'h0000_0000, 32'h0000_0000},
    '{CfgUncMask,   UncBits,       32'h0040_0000, 32'hffff_ffff},
    '{CfgUncSev,    UncBits,       32'h0044_0000, 32'hffff_ffff},
    '{CfgCorMask,   32'h0000_2000, 32'h0000_2000, 32'hffff_ffff},
    '{CfgLtrMax,    32'h1fff_1fff, 32'h0000_0000, 32'h0000_0000},
    '{CfgTphCtl,    32'h0000_0100, 32'h0000_0000, 32'h0000_0000},
    '{CfgAtsCtl,    32'h801f_0000, 32'h0000_0000, 32'h0000_0000},
    '{CfgPasidCtl,  32'h0005_0000, 32'h0000_0000, 32'h0000_0000},
    '{CfgPriCtl,    32'h0000_0001, 32'h0000_0000, 32'h0000_0000},
    '{CfgPriAlloc,  32'hffff_ffff, 32'h0000_0000, 32'h0000_0000}
  };

endpackage
