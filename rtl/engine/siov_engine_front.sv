// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// A descriptor's way in: check it, have its interrupt handle looked up, then give it a job and
/// either hand its data movement to dma/ or, if there is none, end the job at once. One descriptor
/// at a time; it stays at `work_i` until it has been handed on. 2 clocks for a descriptor without
/// an interrupt, plus the time of the look-up for one with.
module siov_engine_front import siov_pkg::*; import siov_dsa_pkg::*; (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            user_int_en_i,
  input  logic            priv_en_i,

  input  logic            work_valid_i,
  output logic            work_ready_o,
  input  work_t           work_i,

  // A free job; taken with the row that its end will need
  input  logic            job_free_i,
  input  logic [JobW-1:0] job_id_i,
  output logic            job_take_o,
  output job_row_t        job_row_o,

  // Interrupt handle check: the answer comes in a later clock
  output logic            chk_valid_o,
  input  logic            chk_ready_i,
  output irq_id_t         chk_id_o,
  output tenant_t         chk_tenant_o,
  input  logic            chk_rsp_valid_i,
  input  logic            chk_ok_i,

  output logic            job_valid_o,
  input  logic            job_ready_i,
  output dma_job_t        job_o,

  /// The end of a job that moves nothing. `job_take_o` is in the same clock.
  output logic            result_valid_o,
  input  logic            result_ready_i,
  output job_result_t     result_o
);

  typedef enum logic [1:0] {
    StCheck,
    StLookup,
    StIssue
  } state_e;

  state_e state_q, state_d;

  dsa_desc_t desc;
  assign desc = work_i.desc;

  dsa_status_e check_status, status_q;
  logic [23:0] check_bad_flags, bad_flags_q;
  logic        check_req_int;
  logic        irq_q;   // an interrupt is wanted and its handle is right
  logic        checking;

  assign checking = work_valid_i && state_q == StCheck;

  siov_desc_check u_check (
    .valid_i       (checking),
    .desc_i        (work_i.desc),
    .user_int_i    (user_int_en_i),
    .priv_en_i     (priv_en_i),
    .pasid_valid_i (work_i.tenant.pasid_valid),
    .priv_i        (work_i.tenant.priv),
    .bof_en_i      (work_i.bof_en),
    .max_xfer_i    (work_i.max_xfer),
    .opcfg_i       (work_i.opcfg),
    .status_o      (check_status),
    .bad_flags_o   (check_bad_flags),
    .req_int_o     (check_req_int)
  );

  // Looked up even if the check fails: an error is announced by an interrupt too, and a handle that
  // is not the tenant's must not be used for that either.
  assign chk_valid_o  = checking && check_req_int && !work_i.discard;
  assign chk_id_o     = '{ims: work_i.ims, index: desc.int_handle};
  assign chk_tenant_o = work_i.tenant;

  logic issued;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      StCheck: begin
        if (chk_valid_o) state_d = chk_ready_i ? StLookup : StCheck;
        else if (checking) state_d = StIssue;
      end
      StLookup: if (chk_rsp_valid_i) state_d = StIssue;
      StIssue:  if (issued) state_d = StCheck;
      default:  state_d = StCheck;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) state_q <= StCheck;
    else state_q <= state_d;
    if (checking) begin
      status_q    <= check_status;
      bad_flags_q <= check_bad_flags;
      irq_q       <= 1'b0;
    end
    if (chk_rsp_valid_i) begin
      irq_q <= chk_ok_i;
      if (!chk_ok_i && status_q == StatusSuccess) status_q <= StatusIntHandle;
    end
  end

  // ------------------------------------------------------------------------------------------
  // Issue

  logic ready, moves;
  assign ready = state_q == StIssue && job_free_i;
  assign moves = status_q == StatusSuccess && desc.operation != OpNop && !work_i.discard;

  assign job_valid_o    = ready && moves;
  assign result_valid_o = ready && !moves;
  assign issued         = ready && (moves ? job_ready_i : result_ready_i);
  assign work_ready_o   = issued;
  assign job_take_o     = issued;

  function automatic logic [2:0] tc(logic selector);
    return selector ? work_i.tc_b : work_i.tc_a;
  endfunction

  always_comb begin
    job_o = '0;
    if (job_valid_o) begin
      job_o = '{
        id:         job_id_i,
        tenant:     work_i.tenant,
        op:         desc.operation == OpFill ? JobFill : JobCopy,
        strict:     desc.flags.strict,
        block:      desc.flags.block_on_fault,
        tc_src:     tc(desc.flags.addr1_tc),
        tc_dst:     tc(desc.flags.addr2_tc),
        src:        desc.src,
        pattern_hi: desc.flags.fill_16 ? desc.pattern_hi : desc.src,
        dst:        desc.dst,
        len:        desc.size
      };
    end
  end

  // A discarded descriptor ends as if nothing had been asked of it.
  assign job_row_o = '{
    tenant:    work_i.tenant,
    era:       work_i.era,
    operation: desc.operation,
    rec_valid: desc.flags.rec_valid && !work_i.discard,
    req_rec:   desc.flags.req_rec,
    rec_tc:    tc(desc.flags.rec_tc),
    rec_addr:  desc.rec_addr[63:5],
    irq:       irq_q,
    irq_id:    chk_id_o
  };

  assign result_o = '{
    id:     job_id_i,
    status: work_i.discard ? StatusSuccess : status_q,
    info:   status_q == StatusFlags ? 32'(bad_flags_q) : '0,
    write:  1'b0,
    page:   '0
  };

  // The PASID and the reserved bytes concern the check only.
  logic unused_desc;
  assign unused_desc = ^{desc.bytes_63_48, desc.bytes_39_38, desc.pasid};

  // ------------------------------------------------------------------------------------------

  // For the assertion only.
  logic stalled_q;

  always_ff @(posedge clk_i) begin
    stalled_q <= rst_ni && work_valid_i && !work_ready_o;
    if (rst_ni) begin
      if (stalled_q) begin
        WorkStable_A : assert (work_valid_i) else $error("descriptor withdrawn");
      end
      if (chk_rsp_valid_i) begin
        LookupAnswered_A : assert (state_q == StLookup)
          else $error("answer to an interrupt handle check that was not asked");
      end
    end
  end

endmodule
