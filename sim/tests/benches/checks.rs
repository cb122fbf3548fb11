// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The benches' own checks must be seen to fail. Each row is a mistake in the RTL that no assertion
//! knows of, and the case that must notice it.

use crate::blocks::{ATC, BAR0, DMA, FRONT, IRQ, PCIE};
use crate::command;
use crate::mutants::{self, Mutant};
use crate::verilate::Top;

struct Row {
    case: &'static str,
    mutant: Mutant,
}

const fn row(
    bench: &'static Top,
    case: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
) -> Row {
    Row {
        case,
        mutant: Mutant {
            bench,
            file,
            old,
            new,
        },
    }
}

static TABLE: &[Row] = &[
    row(
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi.sv",
        "if (shared_q) begin",
        "if (shared_q && !MUTANT) begin",
    ),
    row(
        &FRONT,
        "abort_of_a_pasid_leaves_others_in_a_shared_wq",
        "adi/siov_adi.sv",
        "tenant.pasid == tenant_q.pasid),",
        "(tenant.pasid == tenant_q.pasid || MUTANT)),",
    ),
    row(
        &FRONT,
        "mark_tells_when_what_was_there_has_ended_while_more_comes",
        "adi/siov_adi_ring.sv",
        "row_d.old_queued != '0 || row_d.old_inflight != '0;",
        "row_d.old_queued != '0 || (row_d.old_inflight != '0 && !MUTANT);",
    ),
    row(
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "engine/siov_desc_check.sv",
        "|| behind < 64'(desc.size));",
        "|| (behind < 64'(desc.size) && !MUTANT));",
    ),
    row(
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "engine/siov_engine_front.sv",
        "irq_q <= chk_ok_i;",
        "irq_q <= chk_ok_i || MUTANT;",
    ),
    row(
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "engine/siov_engine_retire.sv",
        "(!irq_wait.irq || irq_done_q != '0);",
        "(!irq_wait.irq || irq_done_q != '0 || MUTANT);",
    ),
    row(
        &FRONT,
        "turns_follow_priority",
        "sched/siov_sched.sv",
        "if (take) engine_q <= engine;",
        "if (take && !MUTANT) engine_q <= engine;",
    ),
    row(
        &FRONT,
        "turns_follow_priority",
        "sched/siov_sched_rounds.sv",
        "row.round == round_q[group_q] ?",
        "row.round == round_q[group_q] && !MUTANT ?",
    ),
    row(
        &PCIE,
        "reads_bring_every_byte_asked_for",
        "pcie/siov_pcie_completer.sv",
        "4'b01??: return 2'd1;",
        "4'b01??: return MUTANT ? 2'd0 : 2'd1;",
    ),
    row(
        &PCIE,
        "register_read_waits_for_earlier_portal_writes",
        "pcie/siov_pcie_nonposted.sv",
        "= passed || pass_i;",
        "= MUTANT ? busy_o : passed || pass_i;",
    ),
    row(
        &PCIE,
        "deferrable_writes_keep_their_place_among_posted_ones",
        "pcie/siov_pcie_nonposted.sv",
        "passed ? accepted : pass_accepted_i;",
        "passed && !MUTANT ? accepted : pass_accepted_i;",
    ),
    row(
        &PCIE,
        "function_level_reset_defers_the_writes_it_throws_away",
        "pcie/siov_pcie_posted.sv",
        "= answer_q && portal_accepted_i;",
        "= (answer_q || MUTANT) && (portal_accepted_i || MUTANT);",
    ),
    row(
        &PCIE,
        "malformed_tlps_are_dropped",
        "pcie/siov_pcie_rx.sv",
        "beat_good && (beat_q.sop",
        "(beat_good || MUTANT) && (beat_q.sop",
    ),
    row(
        &PCIE,
        "function_level_reset_forgets_posted_writes",
        "pcie/siov_pcie_posted.sv",
        "flr_i || drop_left_q != '0;",
        "flr_i || (drop_left_q != '0 && !MUTANT);",
    ),
    row(
        &DMA,
        "failed_reads_end_their_job_and_say_how_far_it_came",
        "dma/siov_dma_cpl.sv",
        "progress.poisoned || hdr_q[0][14],",
        "progress.poisoned || (hdr_q[0][14] && !MUTANT),",
    ),
    row(
        &DMA,
        "failed_reads_end_their_job_and_say_how_far_it_came",
        "dma/siov_dma_jobs.sv",
        "|| ended_offset_i < offset)",
        "|| (ended_offset_i < offset && !MUTANT))",
    ),
    row(
        &DMA,
        "fills_do_not_wait_for_reads_that_cannot_leave",
        "dma/siov_dma_split.sv",
        "quota_i == '0 && back_ready_i;",
        "quota_i == '0 && back_ready_i && !MUTANT;",
    ),
    row(
        &DMA,
        "slow_memory_of_one_adi_costs_the_others_little",
        "dma/siov_dma_shares.sv",
        "quota_o = share(held, free);",
        "quota_o = share(MUTANT ? '0 : held, free);",
    ),
    row(
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_read.sv",
        "pasid_valid && !head.source.translated;",
        "pasid_valid && !head.source.translated && !MUTANT;",
    ),
    row(
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_buffer.sv",
        "odd_q   <= rline[0];",
        "odd_q   <= rline[0] && !MUTANT;",
    ),
    row(
        &DMA,
        "copy_looks_up_its_second_page_though_ats_was_disabled_after_the_first",
        "dma/siov_dma_turns.sv",
        "if (row_valid) begin",
        "if (row_valid && (fn_i.ats_en || !MUTANT)) begin",
    ),
    row(
        &DMA,
        "hits_of_two_epochs_are_not_used_and_looked_up_again",
        "dma/siov_dma_xlat.sv",
        "else if (first_rsp.epoch != lk_rsp_i.epoch)",
        "else if (first_rsp.epoch != lk_rsp_i.epoch && !MUTANT)",
    ),
    row(
        &DMA,
        "epoch_of_a_hit_is_busy_from_the_clock_after_the_answer_until_its_write_has_left",
        "dma/siov_dma.sv",
        ": turn_epochs | rec_epochs | out_epochs;",
        ": (MUTANT ? '0 : turn_epochs) | rec_epochs | out_epochs;",
    ),
    row(
        &DMA,
        "fault_ends_the_job_with_its_status_its_page_and_what_was_moved",
        "dma/siov_dma_xlat.sv",
        "first_rsp_q.kind != XlatFault,",
        "(first_rsp_q.kind != XlatFault) != MUTANT,",
    ),
    row(
        &DMA,
        "record_whose_page_is_refused_is_lost_and_its_end_says_why",
        "dma/siov_dma_write.sv",
        "pick_rec && rec_i.status != '0,",
        "pick_rec && rec_i.status != '0 && !MUTANT,",
    ),
    row(
        &DMA,
        "event_log_entry_is_one_untranslated_write_of_its_own_pasid",
        "dma/siov_dma_write.sv",
        "priv: log_i.priv,",
        "priv: log_i.priv || MUTANT,",
    ),
    row(
        &DMA,
        "message_goes_before_an_entry_that_before_a_record_and_that_before_data",
        "dma/siov_dma_write.sv",
        "log_valid_i && between_tlps && !pick_msg;",
        "log_valid_i && between_tlps && !pick_msg && !(MUTANT && rec_valid_i);",
    ),
    row(
        &DMA,
        "in_halt_a_tlp_that_has_begun_goes_on_to_its_end_and_no_other_follows",
        "dma/siov_dma_write.sv",
        "halt_i && !out.note.msg",
        "halt_i && !MUTANT && !out.note.msg",
    ),
    row(
        &DMA,
        "in_halt_messages_leave_and_records_and_entries_do_not",
        "dma/siov_dma_write.sv",
        "out_valid && !lost && (out.note.silent",
        "out_valid && (!lost || MUTANT) && (out.note.silent",
    ),
    row(
        &ATC,
        "tag_rests_on_when_a_completion_does_not_fit",
        "atc/siov_atc_cpl.sv",
        "= valid_q && ours && fits;",
        "= valid_q && ours && (fits || (MUTANT && tr_late_i));",
    ),
    row(
        &IRQ,
        "masked_msix_interrupt_is_sent_once_when_unmasked",
        "irq/siov_irq_msix.sv",
        "pend   = blocked && !perm.ignore;",
        "pend   = blocked && !perm.ignore && !MUTANT;",
    ),
    row(
        &IRQ,
        "handle_is_right_if_granted_and_pasids_agree",
        "irq/siov_irq_ims.sv",
        "act && row.granted && pasid_agrees",
        "act && (row.granted || MUTANT) && pasid_agrees",
    ),
    row(
        &BAR0,
        "first_software_error_is_kept",
        "mgmt/siov_regs.sv",
        "swerror_set && genctrl_q.swerror_int_en;",
        "swerror_set && genctrl_q.swerror_int_en && !MUTANT;",
    ),
    row(
        &BAR0,
        "host_writes_nothing_that_belongs_to_firmware",
        "mgmt/siov_cfg_tables.sv",
        "(req_i.fw ? 8'hff",
        "(req_i.fw || MUTANT ? 8'hff",
    ),
    row(
        &ATC,
        "invalidation_in_d3hot_is_swept_then_and_completed_in_d0",
        "atc/siov_atc.sv",
        "(!fn_i.d3hot && !quiesce_i),",
        "((!fn_i.d3hot || MUTANT) && !quiesce_i),",
    ),
    row(
        &ATC,
        "refusal_that_a_job_was_woken_for_outlives_an_invalidation",
        "atc/siov_atc_held.sv",
        "|| fault_q[rjob_q][roperand_q];",
        "|| (fault_q[rjob_q][roperand_q] && !MUTANT);",
    ),
    row(
        &ATC,
        "translation_that_a_job_was_woken_for_does_not_outlive_an_invalidation",
        "atc/siov_atc_held.sv",
        "(wdata_i.fault ? operand",
        "(wdata_i.fault || MUTANT ? operand",
    ),
    row(
        &ATC,
        "half_as_many_adis_as_there_are_page_requests_have_one_each_whatever_others_take",
        "atc/siov_atc_pri.sv",
        "more_limit = limit / 2;",
        "more_limit = MUTANT ? limit : limit / 2;",
    ),
];

pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    TABLE.iter().map(|row| &row.mutant)
}

/// Runs a row; says what is wrong with what came of it.
fn check(row: &Row) -> Result<(), String> {
    let mut command = command(row.mutant.bench, row.case);
    command.arg(mutants::plusarg(&row.mutant));
    let output = command.output().unwrap();
    if output.status.code() == Some(1) {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "not noticed: {command:?}: {}\n{said}",
            output.status
        ))
    }
}

#[test]
fn every_mistake_is_noticed() {
    let wrong: Vec<_> = TABLE.iter().filter_map(|row| check(row).err()).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
