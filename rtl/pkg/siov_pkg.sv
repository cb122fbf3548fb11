// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Sizes and types that more than one room of the device uses. Types of the TLP port are laid out
/// as docs/tlp-port.md says; all others are internal.
package siov_pkg;

  // ------------------------------------------------------------------------------------------
  // Maximum sizes. Straps give what software sees, up to these.

  parameter int unsigned MaxAdis       = 1024;  // work queues
  parameter int unsigned MaxWqEntries  = 4096;  // descriptors queued in the whole device
  parameter int unsigned MaxGroups     = 4;
  parameter int unsigned MaxEngines    = 4;
  parameter int unsigned MaxMsix       = 64;
  parameter int unsigned MaxIms        = 4096;

  parameter int unsigned AdiW   = $clog2(MaxAdis);
  parameter int unsigned EntW   = $clog2(MaxWqEntries);
  parameter int unsigned GrpW   = $clog2(MaxGroups);
  parameter int unsigned IntW   = $clog2(MaxIms);    // index into the IMS or the MSI-X table

  parameter int unsigned NumJobs    = 256;  // descriptors being worked on
  parameter int unsigned JobsPerAdi = 72;   // of one WQ at most, so that none can take all jobs
  parameter int unsigned NumReads   = 112;  // reads in flight: each has a tag and a read buffer
  parameter int unsigned NumSlots   = 128;  // chunks in flight: those, and 16 that read nothing
  parameter int unsigned NumTrs     = 32;   // Translation Requests in flight
  parameter int unsigned PriCapacity = 512;  // page requests outstanding: what config space says
  parameter int unsigned JobW  = $clog2(NumJobs);
  parameter int unsigned SlotW = $clog2(NumSlots);
  parameter int unsigned TrW   = $clog2(NumTrs);

  /// Largest chunk: one read request, one read-buffer slot. 512 bytes = 8 lines of 64.
  parameter int unsigned ChunkBytes = 512;
  parameter int unsigned LineW      = $clog2(ChunkBytes / 64);

  // ------------------------------------------------------------------------------------------
  // TLP port (docs/tlp-port.md)

  typedef logic [3:0][31:0]  hdr_t;    // [n] = header DW n, byte 4n in bits 31:24
  typedef logic [15:0][31:0] line_t;   // payload DWs, lowest address first, little-endian

  typedef struct packed {
    logic [12:0] rsvd;
    logic        prefix_valid;
    logic        eop;
    logic        sop;
    logic [15:0] dw_en;
    logic [31:0] prefix;
    hdr_t        hdr;
    line_t       data;
  } tlp_beat_t;  // 704 bits

  typedef struct packed {
    logic [2:0]  rsvd;
    logic        infinite;
    logic [11:0] hdr;    // TLPs
    logic [15:0] data;   // units of 16 bytes
  } fc_limit_t;

  typedef struct packed {
    fc_limit_t cpl;
    fc_limit_t np;
    fc_limit_t p;
  } fc_limits_t;  // 96 bits

  typedef struct packed {
    logic [15:0] rsvd;
    logic [7:0]  engines;
    logic [7:0]  groups;
    logic [15:0] ims_entries;
    logic [15:0] msix_entries;
    logic [15:0] wq_entries;
    logic [15:0] wqs;
    logic [15:0] device_id;
    logic [15:0] vendor_id;
  } strap_t;  // 128 bits

  // ------------------------------------------------------------------------------------------
  // Identity: who a request works for. Made in one place (adi/), carried everywhere.

  typedef struct packed {
    logic [AdiW-1:0] adi;
    logic            priv;
    logic            pasid_valid;
    logic [19:0]     pasid;
  } tenant_t;

  /// PASID TLP prefix (PCIe 2.2.10.2)
  function automatic logic [31:0] pasid_prefix(tenant_t tenant);
    return {8'h91, tenant.priv, 3'b000, tenant.pasid};
  endfunction

  /// Whose waits for pages are to end (abort and reset), named as the operands of commands do.
  typedef enum logic [1:0] {
    StopNone,
    StopWqs,     // operand as of Abort WQ (DSA 3.15)
    StopPasid,   // operand as of Abort PASID
    StopAll
  } stop_e;

  typedef struct packed {
    stop_e       what;
    logic [19:0] operand;
  } stop_t;

  function automatic logic is_stopped(stop_t stop, tenant_t tenant);
    unique case (stop.what)
      StopNone:  return 1'b0;
      StopWqs:   return tenant.adi[AdiW-1:4] == (AdiW - 4)'(stop.operand[19:16]) &&
                        stop.operand[5'(tenant.adi[3:0])];
      StopPasid: return tenant.pasid_valid && tenant.pasid == stop.operand;
      default:   return 1'b1;
    endcase
  endfunction

  /// Page requests that a stop has left without response, of one PASID.
  typedef struct packed {
    logic        valid;
    logic        pasid_valid;
    logic [19:0] pasid;
  } left_t;

  // ------------------------------------------------------------------------------------------
  // PCIe function state that other rooms need (made by pcie/siov_pcie_cfg)

  typedef struct packed {
    logic [15:0] rid;            // captured bus and device, function 0
    logic        mse;            // Memory Space Enable
    logic        bme;            // Bus Master Enable
    logic        ext_tag;        // tags 0..255, else 0..31
    logic        tag10;          // tags 256..1023, whatever `ext_tag` says
    logic        relaxed;        // Enable Relaxed Ordering
    logic        no_snoop;       // Enable No Snoop
    logic        ido_req;        // ID-based ordering: set it in requests,
    logic        ido_cpl;        // and in completions
    logic [3:0]  cto_value;      // completion timeout: value, as in Device Control 2,
    logic        cto_dis;        // and no timeout at all
    logic [2:0]  mps;            // payload of a write at most 128 << mps bytes
    logic [2:0]  mrrs;           // read request at most 128 << mrrs bytes
    logic        pasid_en;
    logic        pasid_priv_en;
    logic        ats_en;
    logic [4:0]  stu;            // smallest translation: 4096 << stu bytes
    logic        pri_en;
    logic [15:0] pri_alloc;      // page requests outstanding at most, as software says
    logic        pri_cfg;        // PRI Control's Enable; `pri_en` falls at a Response Failure, too
    logic        msix_en;
    logic        msix_fmask;     // function mask
    logic        d3hot;
  } pcie_fn_t;

  // ------------------------------------------------------------------------------------------
  // Tags. One function makes them and one takes them apart, for all who send non-posted requests.

  typedef enum logic [1:0] {
    TagRead,     // a read: slot of dma/
    TagTr,       // a Translation Request: entry of atc/
    TagUnused    // given to no request
  } tag_kind_e;

  typedef struct packed {
    tag_kind_e        kind;
    logic [SlotW-1:0] index;  // slot or entry
  } tag_owner_t;

  /// There are 16 tags of each kind only (`index` below 16).
  function automatic logic few_tags(pcie_fn_t fn);
    return !fn.ext_tag && !fn.tag10;
  endfunction

  function automatic logic [9:0] make_tag(pcie_fn_t fn, tag_kind_e kind, logic [SlotW-1:0] index);
    logic tr = kind == TagTr;
    if (fn.tag10)        return {2'b01, tr, index};
    else if (fn.ext_tag) return {2'b00, tr, index};
    else                 return {5'b0, tr, index[3:0]};
  endfunction

  function automatic tag_owner_t tag_owner(pcie_fn_t fn, logic [9:0] tag);
    logic long_tag = fn.tag10 || fn.ext_tag;
    tag_owner.index = long_tag ? tag[SlotW-1:0] : SlotW'(tag[3:0]);
    tag_owner.kind  = (long_tag ? tag[SlotW] : tag[4]) ? TagTr : TagRead;
    if (long_tag ? tag[9:8] != {1'b0, fn.tag10} : tag[9:5] != '0) tag_owner.kind = TagUnused;
    if (32'(tag_owner.index) >= (tag_owner.kind == TagTr ? NumTrs : NumReads)) begin
      tag_owner.kind = TagUnused;
    end
  endfunction

  /// Tag of a completion, from its header.
  function automatic logic [9:0] cpl_tag(hdr_t hdr);
    return {hdr[0][23], hdr[0][19], hdr[2][15:8]};
  endfunction

  /// Errors that a requester finds; pulses, to config space and AER. At most one of `ur`, `ca`,
  /// `unexpected` and `poisoned` in one clock.
  typedef struct packed {
    logic ur;          // completion with UR, or a reserved status
    logic ca;          // completion with CA
    logic cto;         // completion timeout
    logic unexpected;
    logic poisoned;
    hdr_t hdr;         // header of the completion, with `unexpected` and `poisoned`
  } cpl_err_t;

  // ------------------------------------------------------------------------------------------
  // Completion timeout. One clock is taken to be 1 ns, and time to run 2^CtoShift times as fast, so
  // that a simulation can wait for a timeout: of range A's 65 us it sees 4,096 clocks.

  parameter int unsigned CtoShift = 4;
  /// A timeout is CtoTicks to CtoTicks + 1 ticks long.
  parameter int unsigned CtoTicks = 16;

  /// Clocks in a tick, as a power of two: for each range of Device Control 2 a time within it.
  function automatic logic [5:0] cto_tick_log2(logic [3:0] value);
    logic [5:0] log2_ns;
    unique case (value)
      4'h1:    log2_ns = 6'd16;  // 65 us of 50..100 us
      4'h2:    log2_ns = 6'd22;  // 4.2 ms of 1..10 ms
      4'h5:    log2_ns = 6'd25;  // 34 ms of 16..55 ms
      4'h6:    log2_ns = 6'd27;  // 134 ms of 65..210 ms
      4'h9:    log2_ns = 6'd29;  // 0.54 s of 0.26..0.9 s
      4'ha:    log2_ns = 6'd31;  // 2.1 s of 1..3.5 s
      4'hd:    log2_ns = 6'd33;  // 8.6 s of 4..13 s
      4'he:    log2_ns = 6'd35;  // 34 s of 17..64 s
      default: log2_ns = 6'd24;  // 17 ms of 50 us..50 ms
    endcase
    return log2_ns - 6'(CtoShift) - 6'($clog2(CtoTicks));
  endfunction

  // ------------------------------------------------------------------------------------------
  // BAR0 registers, one DW at a time (pcie/, management core -> mgmt/ -> irq/)

  typedef struct packed {
    logic        write;
    logic        fw;             // from the management core: read-only fields may be written
    logic [17:2] addr;           // DW in BAR0
    logic [3:0]  be;
    logic [31:0] wdata;
  } reg_req_t;

  // ------------------------------------------------------------------------------------------
  // Work queues (pcie/ -> adi/ <-> sched/)

  typedef logic [511:0] desc_t;  // 64 bytes, byte 0 in bits 7:0

  /// A 64-byte write to a portal (DSA 3.3)
  typedef struct packed {
    logic [AdiW-1:0] adi;
    logic            deferrable; // DMWr: whoever sent it is told whether it was accepted
    logic            ims;        // pages 2 and 3
    logic            limited;    // pages 1 and 3
    desc_t           desc;
  } portal_wr_t;

  /// All that the device needs to know of a WQ at submission and dispatch. One RAM row, written
  /// by firmware only. What it comes from is locked while the WQ is enabled (DSA Table 9-7), so the
  /// row taken at Enable WQ stays true; the threshold, which is not, has a RAM of its own.
  typedef struct packed {
    logic            enabled;    // the portal accepts
    logic            discard;    // dispatch throws descriptors away (abort)
    logic            discard_pasid;  // it does so with those of `pasid`
    logic            dedicated;
    logic            bof_en;
    logic            pasid_valid;
    logic            priv;       // dedicated: of all descriptors
    logic [19:0]     pasid;      // dedicated: of all descriptors
    logic [2:0]      tc_a;
    logic [2:0]      tc_b;
    logic [4:0]      max_xfer;   // log2 bytes
    logic [63:0]     opcfg;      // bit n: operation n allowed
    logic [GrpW-1:0] group;
    logic [3:0]      prio;       // 1..15
    logic [EntW-1:0] base;       // first entry in the descriptor RAM
    logic [EntW:0]   size;
  } wq_ctl_t;

  /// A descriptor on its way to the engine (adi/ -> engine/)
  typedef struct packed {
    desc_t       desc;
    tenant_t     tenant;
    logic        ims;            // came through an IMS portal
    logic        era;            // comes back when it retires: see siov_adi_ring
    logic        discard;
    logic        bof_en;
    logic [2:0]  tc_a;
    logic [2:0]  tc_b;
    logic [4:0]  max_xfer;
    logic [63:0] opcfg;
  } work_t;

  // ------------------------------------------------------------------------------------------
  // Data movement (engine/ <-> dma/)

  typedef enum logic {
    JobCopy = 1'b0,
    JobFill = 1'b1
  } job_op_e;

  /// One descriptor's data movement; `len` is never 0.
  typedef struct packed {
    logic [JobW-1:0] id;
    tenant_t         tenant;
    job_op_e         op;
    logic            strict;     // strict ordering: RO stays 0
    logic            block;      // block on fault allowed
    logic [2:0]      tc_src;
    logic [2:0]      tc_dst;
    logic [63:0]     src;        // JobFill: pattern bytes 0..7
    logic [63:0]     pattern_hi; // JobFill: pattern bytes 8..15 (a copy of 0..7 if it is short)
    logic [63:0]     dst;
    logic [31:0]     len;        // bytes
  } dma_job_t;

  /// A job has ended: every write it caused has entered the posted stream, none will follow.
  typedef struct packed {
    logic [JobW-1:0] id;
    logic [7:0]      status;     // 0: all moved; else a DSA status (03h, 04h, 20h, 22h)
    logic            write;      // it was an access to the destination
    logic [31:0]     done;       // on error: bytes moved from the start without a gap
    logic [63:12]    page;       // on 03h, 04h and 22h: the page that has no translation
  } dma_done_t;

  /// One completion record: a single 32-byte aligned write. At most one of each job.
  typedef struct packed {
    logic [JobW-1:0] id;
    tenant_t         tenant;
    logic [2:0]      tc;
    logic [63:0]     addr;
    logic [255:0]    data;
  } dma_record_t;

  /// A record has ended. 0: its write has entered the posted stream; else there will be none.
  typedef struct packed {
    logic [JobW-1:0] id;
    logic [7:0]      status;     // as in dma_done_t
  } dma_rec_done_t;

  /// An event log entry: a single 64-byte aligned write, TC 0, never translated.
  typedef struct packed {
    logic         pasid_valid;
    logic         priv;
    logic [19:0]  pasid;
    logic [63:6]  addr;
    logic [511:0] data;
  } dma_log_t;

  /// An interrupt message: 1 DW, without PASID.
  typedef struct packed {
    logic [63:0] addr;
    logic [31:0] data;
  } dma_msg_t;

  // ------------------------------------------------------------------------------------------
  // Translation (dma/ <-> atc/), and the messages that concern it (pcie/ -> atc/)

  typedef enum logic [1:0] {
    OperandSrc,
    OperandDst,
    OperandRec
  } operand_e;

  typedef struct packed {
    logic [JobW-1:0] job;
    operand_e        operand;
    tenant_t         tenant;
    logic [63:12]    page;
    logic            write;
    logic [2:0]      tc;         // traffic class of a write
    logic            block;      // block on fault allowed
  } lookup_t;

  typedef enum logic [1:0] {
    XlatHit,
    XlatWait,                    // a wake of the job says when to ask again
    XlatFault
  } xlat_e;

  typedef struct packed {
    xlat_e           kind;
    logic [63:12]    page;       // XlatHit: translated page
    logic            untranslated;  // XlatHit: the page may be used untranslated only (U = 1)
    logic [7:0]      status;     // XlatFault: DSA status (03h, 04h, 22h), or StatusAbandoned
    logic            epoch;      // to which the answer belongs
  } lookup_rsp_t;

  /// A message, of one beat: Invalidate Request or PRG Response.
  typedef struct packed {
    logic [7:0]      code;
    logic            prefix_valid;
    logic [31:0]     prefix;
    hdr_t            hdr;
    logic [63:0]     data;       // payload DW 0 in 31:0, as on the port
  } rx_msg_t;

  // ------------------------------------------------------------------------------------------
  // Interrupts (engine/, mgmt/ -> irq/)

  typedef struct packed {
    logic        ims;            // IMS table, else MSI-X table
    logic [15:0] index;
  } irq_id_t;

  // ------------------------------------------------------------------------------------------
  // Software errors (engine/, adi/ -> mgmt/), DSA 9.2.15

  typedef struct packed {
    logic [7:0]  code;
    logic        desc_valid;     // operation, priv and PASID mean something
    logic        rw;             // 1 = write
    logic        info_valid;
    logic [31:0] info;           // as in the event log (DSA 5.9)
    logic [7:0]  operation;
    tenant_t     tenant;         // adi = WQ index
    logic [63:0] addr;
    logic        rec_valid;      // software has to write a completion record: `rec`
    logic [255:0] rec;
  } sw_error_t;

endpackage
