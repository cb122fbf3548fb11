// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// Block bench of dma/: siov_dma with its structs taken apart for C++. Beats keep the layout of
/// docs/tlp-port.md.
module siov_dma_bench import siov_pkg::*; (
  input  logic         clk_i,
  input  logic         rst_ni,

  // function state
  input  logic [15:0]  rid_i,
  input  logic         bme_i,
  input  logic         ext_tag_i,
  input  logic         relaxed_i,
  input  logic [2:0]   mps_i,
  input  logic [2:0]   mrrs_i,
  input  logic         ats_en_i,
  input  logic         quiesce_i,
  input  logic         halt_i,
  output logic         np_pending_o,

  input  logic         job_valid_i,
  output logic         job_ready_o,
  input  logic [7:0]   job_id_i,
  input  logic         job_pasid_valid_i,
  input  logic         job_priv_i,
  input  logic [19:0]  job_pasid_i,
  input  logic [9:0]   job_adi_i,
  input  logic         job_fill_i,
  input  logic         job_strict_i,
  input  logic         job_block_i,
  input  logic [2:0]   job_tc_src_i,
  input  logic [2:0]   job_tc_dst_i,
  input  logic [63:0]  job_src_i,
  input  logic [63:0]  job_pattern_hi_i,
  input  logic [63:0]  job_dst_i,
  input  logic [31:0]  job_len_i,

  output logic         done_valid_o,
  input  logic         done_ready_i,
  output logic [7:0]   done_id_o,
  output logic [7:0]   done_status_o,
  output logic         done_write_o,
  output logic [31:0]  done_done_o,
  output logic [51:0]  done_page_o,

  input  logic         rec_valid_i,
  output logic         rec_ready_o,
  input  logic [7:0]   rec_id_i,
  input  logic         rec_pasid_valid_i,
  input  logic         rec_priv_i,
  input  logic [19:0]  rec_pasid_i,
  input  logic [2:0]   rec_tc_i,
  input  logic [63:0]  rec_addr_i,
  input  logic [255:0] rec_data_i,
  output logic         rec_done_o,
  output logic [7:0]   rec_done_id_o,
  output logic [7:0]   rec_done_status_o,

  input  logic         log_valid_i,
  output logic         log_ready_o,
  input  logic         log_pasid_valid_i,
  input  logic         log_priv_i,
  input  logic [19:0]  log_pasid_i,
  input  logic [57:0]  log_line_i,
  input  logic [511:0] log_data_i,
  output logic         log_done_o,

  input  logic         msg_valid_i,
  output logic         msg_ready_o,
  input  logic [63:0]  msg_addr_i,
  input  logic [31:0]  msg_data_i,
  output logic         msg_done_o,

  output logic         lk_valid_o,
  input  logic         lk_ready_i,
  output logic [7:0]   lk_job_o,
  output logic [1:0]   lk_operand_o,
  output logic [31:0]  lk_prefix_o,
  output logic [51:0]  lk_page_o,
  output logic [2:0]   lk_tc_o,
  output logic         lk_write_o,
  output logic         lk_block_o,
  input  logic         lk_rsp_valid_i,
  input  logic [1:0]   lk_rsp_kind_i,
  input  logic [51:0]  lk_rsp_page_i,
  input  logic         lk_rsp_untranslated_i,
  input  logic [7:0]   lk_rsp_status_i,
  input  logic         lk_rsp_epoch_i,
  input  logic         wake_valid_i,
  input  logic [7:0]   wake_job_i,
  input  logic [1:0]   wake_operand_i,
  output logic         forget_valid_o,
  output logic [7:0]   forget_job_o,
  output logic [1:0]   epoch_busy_o,
  input  logic         epoch_i,

  input  logic         cpl_valid_i,
  input  tlp_beat_t    cpl_i,
  output logic         np_tx_valid_o,
  input  logic         np_tx_ready_i,
  output tlp_beat_t    np_tx_o,
  output logic         p_tx_valid_o,
  input  logic         p_tx_ready_i,
  output tlp_beat_t    p_tx_o,

  output logic         busy_o
);

  pcie_fn_t    fn;
  dma_job_t    job;
  dma_done_t   done;
  dma_record_t rec;
  dma_log_t    entry;
  dma_msg_t    msg;
  lookup_t     lk;
  lookup_rsp_t lk_rsp;
  dma_rec_done_t rec_done;

  always_comb begin
    fn          = '0;
    fn.rid      = rid_i;
    fn.bme      = bme_i;
    fn.ext_tag  = ext_tag_i;
    fn.relaxed  = relaxed_i;
    fn.no_snoop = 1'b1;
    fn.mps      = mps_i;
    fn.mrrs     = mrrs_i;
    fn.pasid_en = 1'b1;
    fn.ats_en   = ats_en_i;
  end

  assign job = '{
    id:         job_id_i,
    tenant:     '{adi: job_adi_i, priv: job_priv_i, pasid_valid: job_pasid_valid_i,
                  pasid: job_pasid_i},
    op:         job_fill_i ? JobFill : JobCopy,
    strict:     job_strict_i,
    block:      job_block_i,
    tc_src:     job_tc_src_i,
    tc_dst:     job_tc_dst_i,
    src:        job_src_i,
    pattern_hi: job_pattern_hi_i,
    dst:        job_dst_i,
    len:        job_len_i
  };

  assign rec = '{
    id:     rec_id_i,
    tenant: '{adi: '0, priv: rec_priv_i, pasid_valid: rec_pasid_valid_i, pasid: rec_pasid_i},
    tc:     rec_tc_i,
    addr:   rec_addr_i,
    data:   rec_data_i
  };

  assign entry = '{
    pasid_valid: log_pasid_valid_i,
    priv:        log_priv_i,
    pasid:       log_pasid_i,
    addr:        log_line_i,
    data:        log_data_i
  };

  assign msg = '{addr: msg_addr_i, data: msg_data_i};

  assign lk_job_o     = lk.job;
  assign lk_operand_o = lk.operand;
  assign lk_prefix_o  = lk.tenant.pasid_valid ? pasid_prefix(lk.tenant) : '0;
  assign lk_page_o    = lk.page;
  assign lk_tc_o      = lk.tc;
  assign lk_write_o   = lk.write;
  assign lk_block_o   = lk.block;

  assign lk_rsp = '{
    kind:         xlat_e'(lk_rsp_kind_i),
    page:         lk_rsp_page_i,
    untranslated: lk_rsp_untranslated_i,
    status:       lk_rsp_status_i,
    epoch:        lk_rsp_epoch_i
  };

  assign rec_done_id_o     = rec_done.id;
  assign rec_done_status_o = rec_done.status;

  assign done_id_o     = done.id;
  assign done_status_o = done.status;
  assign done_write_o  = done.write;
  assign done_page_o   = done.page;
  assign done_done_o   = done.done;

  siov_dma u_dma (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .fn_i             (fn),
    .quiesce_i        (quiesce_i),
    .halt_i           (halt_i),
    .np_pending_o     (np_pending_o),
    .job_valid_i      (job_valid_i),
    .job_ready_o      (job_ready_o),
    .job_i            (job),
    .done_valid_o     (done_valid_o),
    .done_ready_i     (done_ready_i),
    .done_o           (done),
    .rec_valid_i      (rec_valid_i),
    .rec_ready_o      (rec_ready_o),
    .rec_i            (rec),
    .rec_done_valid_o (rec_done_o),
    .rec_done_o       (rec_done),
    .log_valid_i      (log_valid_i),
    .log_ready_o      (log_ready_o),
    .log_i            (entry),
    .log_done_o       (log_done_o),
    .msg_valid_i      (msg_valid_i),
    .msg_ready_o      (msg_ready_o),
    .msg_i            (msg),
    .msg_done_o       (msg_done_o),
    .lk_valid_o       (lk_valid_o),
    .lk_ready_i       (lk_ready_i),
    .lk_o             (lk),
    .lk_rsp_valid_i   (lk_rsp_valid_i),
    .lk_rsp_i         (lk_rsp),
    .wake_valid_i     (wake_valid_i),
    .wake_job_i       (wake_job_i),
    .wake_operand_i   (operand_e'(wake_operand_i)),
    .forget_valid_o   (forget_valid_o),
    .forget_job_o     (forget_job_o),
    .epoch_busy_o     (epoch_busy_o),
    .epoch_i          (epoch_i),
    .cpl_valid_i      (cpl_valid_i),
    .cpl_i            (cpl_i),
    .err_o            (),
    .np_tx_valid_o    (np_tx_valid_o),
    .np_tx_ready_i    (np_tx_ready_i),
    .np_tx_o          (np_tx_o),
    .p_tx_valid_o     (p_tx_valid_o),
    .p_tx_ready_i     (p_tx_ready_i),
    .p_tx_o           (p_tx_o),
    .busy_o           (busy_o)
  );

endmodule
