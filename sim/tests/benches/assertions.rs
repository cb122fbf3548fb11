// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Every assertion in rtl/ must be seen to fire. What a block's neighbour can do wrong, a bench does
//! on purpose (`VIOLATION`). What no input can cause needs a mutant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::blocks::{ATC, BAR0, DMA, FRONT, IRQ, MGMT, PCIE};
use crate::mutants::{self, Mutant};
use crate::verilate::Top;
use crate::{ROOT, command};

/// How one assertion is made to fire.
struct Row {
    /// Module and label.
    assertion: &'static str,
    bench: &'static Top,
    /// What the bench does meanwhile.
    case: &'static str,
    mutant: Option<Mutant>,
}

const fn violation(assertion: &'static str, bench: &'static Top, case: &'static str) -> Row {
    Row {
        assertion,
        bench,
        case,
        mutant: None,
    }
}

const fn mutant(
    assertion: &'static str,
    bench: &'static Top,
    case: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
) -> Row {
    Row {
        assertion,
        bench,
        case,
        mutant: Some(Mutant {
            bench,
            file,
            old,
            new,
        }),
    }
}

static TABLE: &[Row] = &[
    violation("siov_pcie_rx.RxSopAfterEop_A", &PCIE, "tlp_without_sop"),
    violation("siov_pcie_rx.RxDwEnRun_A", &PCIE, "hole_in_dw_en"),
    violation(
        "siov_pcie_rx.RxFullUntilEop_A",
        &PCIE,
        "short_beat_before_eop",
    ),
    violation(
        "siov_pcie_rx.RxStable_A",
        &PCIE,
        "beat_changes_while_offered",
    ),
    violation(
        "siov_pcie_tx.TxWholeTlps_A",
        &PCIE,
        "posted_source_without_sop",
    ),
    mutant(
        "siov_pcie_tx.TxStable_A",
        &PCIE,
        "sources_are_merged_whole_and_in_order",
        "pcie/siov_pcie_tx.sv",
        "!tx_valid_o || tx_ready_i;",
        "!tx_valid_o || tx_ready_i || MUTANT;",
    ),
    mutant(
        "siov_pcie_credit.TakesWithinCredit_A",
        &PCIE,
        "tlps_wait_for_credits_of_their_class",
        "pcie/siov_pcie_tx.sv",
        "valid & credit_ok",
        "valid & (credit_ok | {6{MUTANT}})",
    ),
    mutant(
        "siov_pcie_posted.LineBeforeWrite_A",
        &PCIE,
        "mixed_traffic_keeps_its_order",
        "pcie/siov_pcie_rx.sv",
        "line_valid_o   = take && to_line;",
        "line_valid_o   = take && to_line && !MUTANT;",
    ),
    mutant(
        "siov_pcie.QuietDuringFlr_A",
        &PCIE,
        "function_level_reset_forgets_posted_writes",
        "pcie/siov_pcie_posted.sv",
        "be != '0 && !drop;",
        "be != '0 && (!drop || MUTANT);",
    ),
    mutant(
        "siov_pcie.OneRegAccess_A",
        &PCIE,
        "mixed_traffic_keeps_its_order",
        "pcie/siov_pcie_completer.sv",
        "access && !reg_active_i;",
        "access && (!reg_active_i || MUTANT);",
    ),
    mutant(
        "siov_pcie_nonposted.PassedIsHere_A",
        &PCIE,
        "mixed_traffic_keeps_its_order",
        "pcie/siov_pcie_posted.sv",
        "= is_mark || (is_defer",
        "= is_mark || MUTANT || (is_defer",
    ),
    violation("siov_dma_split.TurnIsNotEmpty_A", &DMA, "job_of_no_bytes"),
    violation("siov_dma_queue.RowsFitQueue_A", &DMA, "more_jobs_than_ids"),
    violation(
        "siov_dma_queue.WakesAreOwed_A",
        &DMA,
        "job_woken_that_did_not_wait",
    ),
    violation(
        "siov_dma.AnswerAfterTwoClocks_A",
        &DMA,
        "answer_to_no_lookup",
    ),
    violation("siov_dma_jobs.JobIdIsFree_A", &DMA, "job_id_in_use"),
    violation(
        "siov_dma_jobs.DoneHasRoom_A",
        &DMA,
        "ids_used_again_before_done_was_taken",
    ),
    violation(
        "siov_dma_write.RecordIsAligned_A",
        &DMA,
        "record_not_on_32_bytes",
    ),
    violation(
        "siov_dma_cpl.CompletionIsWhole_A",
        &DMA,
        "completion_shorter_than_its_length",
    ),
    mutant(
        "siov_dma_fetch.ReadyHasRoom_A",
        &DMA,
        "fills_wait_while_the_host_takes_nothing",
        "dma/siov_dma_slots.sv",
        "other_valid_o = used_q !=",
        "other_valid_o = MUTANT || used_q !=",
    ),
    mutant(
        "siov_dma_slots.NoReadWithoutFreeTag_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_shares.sv",
        "used_q + take_count_i;",
        "used_q + (MUTANT ? '0 : take_count_i);",
    ),
    mutant(
        "siov_dma_shares.SharesFit_A",
        &DMA,
        "adis_that_wait_for_slots_all_get_on",
        "dma/siov_dma_split.sv",
        "take_count_o = quota_i < chunks ?",
        "take_count_o = quota_i < chunks && !MUTANT ?",
    ),
    mutant(
        "siov_dma_shares.ReturnIsHeld_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_shares.sv",
        "row_d.held = take_i ?",
        "row_d.held = take_i && !MUTANT ?",
    ),
    mutant(
        "siov_dma_slots.SlotFreedOnce_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_cut.sv",
        "free_o      = taken && ends;",
        "free_o      = taken && (ends || MUTANT);",
    ),
    mutant(
        "siov_dma_split.TurnWithinPages_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_split.sv",
        "if (copy && turn_i.job.src[11:0] > turn_i.job.dst[11:0])",
        "if (copy && turn_i.job.src[11:0] > turn_i.job.dst[11:0] && !MUTANT)",
    ),
    mutant(
        "siov_dma_epoch.EndedHasBegun_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma.sv",
        "(rec_valid && rec_ready),",
        "(rec_valid && rec_ready && !MUTANT),",
    ),
    mutant(
        "siov_dma_queue.RowHeld_A",
        &DMA,
        "fills_wait_while_the_host_takes_nothing",
        "dma/siov_dma_queue.sv",
        "= !out_valid_q || out_ready_i;",
        "= !out_valid_q || out_ready_i || MUTANT;",
    ),
    mutant(
        "siov_dma_xlat.AnswersFit_A",
        &DMA,
        "each_fill_looks_up_its_page",
        "dma/siov_dma_xlat.sv",
        ".ready_i (item_valid && out_ready_i),",
        ".ready_i (item_valid && out_ready_i && !MUTANT),",
    ),
    mutant(
        "siov_dma_jobs.EndedJobIsOpen_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_jobs.sv",
        "if (begun_i) count_q",
        "if (begun_i && !MUTANT) count_q",
    ),
    mutant(
        "siov_dma_write.MessageHasNoPasid_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_write.sv",
        "= tenant.pasid_valid && !attr.translated;",
        "= (tenant.pasid_valid || (MUTANT && pick_msg)) && !attr.translated;",
    ),
    mutant(
        "siov_dma_write.WriteWithin4KiB_A",
        &DMA,
        "jobs_of_any_size_and_alignment_move_their_bytes",
        "dma/siov_dma_write.sv",
        "= piece_i.addr;",
        "= piece_i.addr | (MUTANT ? 62'h3ff : '0);",
    ),
    mutant(
        "siov_tlp_gate.StartsOnlyWhenAllowed_A",
        &DMA,
        "no_tlp_starts_while_requests_are_held",
        "lib/siov_tlp_gate.sv",
        "go_i || started_q;",
        "go_i || started_q || MUTANT;",
    ),
    violation(
        "siov_adi.NoRequestInInit_A",
        &FRONT,
        "control_row_written_during_init",
    ),
    violation(
        "siov_adi.OneStat_A",
        &FRONT,
        "status_asked_while_another_is",
    ),
    violation(
        "siov_engine_front.LookupAnswered_A",
        &FRONT,
        "lookup_answered_unasked",
    ),
    violation(
        "siov_engine_jobs.ReadTaken_A",
        &FRONT,
        "job_done_that_was_not_given",
    ),
    violation(
        "siov_engine_retire.RecDoneAsked_A",
        &FRONT,
        "records_done_without_end",
    ),
    violation(
        "siov_engine_retire.IrqDoneWithinJobs_A",
        &FRONT,
        "interrupts_done_without_end",
    ),
    mutant(
        "siov_adi_store.WorkKept_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi.sv",
        "!retire && work_room &&",
        "!retire && (work_room || MUTANT) &&",
    ),
    mutant(
        "siov_adi_ring.OneOperation_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi.sv",
        "portal_valid_i && portal_ready_o &&",
        "portal_valid_i && (portal_ready_o || MUTANT) &&",
    ),
    mutant(
        "siov_adi_ring.PopPoppable_A",
        &FRONT,
        "lone_descriptor_gives_its_wq_one_turn",
        "adi/siov_adi.sv",
        "popped_more_o  = poppable;",
        "popped_more_o  = poppable || MUTANT;",
    ),
    mutant(
        "siov_adi_ring.RetireInFlight_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi_ring.sv",
        "= row.inflight + 1'b1;",
        "= row.inflight + !MUTANT;",
    ),
    mutant(
        "siov_adi_ring.OccupancyWithinSize_A",
        &FRONT,
        "overflow_of_a_full_wq_is_reported",
        "adi/siov_adi_ring.sv",
        "row.occupancy >= limit_i;",
        "row.occupancy >= limit_i && !MUTANT;",
    ),
    mutant(
        "siov_adi_ring.RetireOldInFlight_A",
        &FRONT,
        "mark_tells_when_what_was_there_has_ended_while_more_comes",
        "adi/siov_adi_ring.sv",
        "retire_era_q != row.era;",
        "(retire_era_q != row.era || MUTANT);",
    ),
    violation(
        "siov_adi_ring.MarkAfterOlder_A",
        &FRONT,
        "wq_marked_while_something_is_older",
    ),
    mutant(
        "siov_adi_ring.HeadWithinSize_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi_ring.sv",
        "== size_i ? '0 : row.head",
        "== size_i && !MUTANT ? '0 : row.head",
    ),
    mutant(
        "siov_sched.OneEvent_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi.sv",
        "popped_valid_o = popped;",
        "popped_valid_o = popped || (MUTANT && pushed);",
    ),
    mutant(
        "siov_sched.PoppedAnswersPop_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "sched/siov_sched.sv",
        "if (pop_ready_i) state_d",
        "if (pop_ready_i && !MUTANT) state_d",
    ),
    mutant(
        "siov_sched_lists.InOneList_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi.sv",
        "wake_valid_o = wakes;",
        "wake_valid_o = wakes || (MUTANT && pushed);",
    ),
    mutant(
        "siov_sched_lists.TakeListed_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "sched/siov_sched.sv",
        "group_ready[g] = some",
        "group_ready[g] = MUTANT || some",
    ),
    mutant(
        "siov_sched_lists.TakeSpacing_A",
        &FRONT,
        "turns_follow_priority",
        "sched/siov_sched.sv",
        "if (picked) state_d",
        "if (picked && !MUTANT) state_d",
    ),
    mutant(
        "siov_sched_rounds.NoEventInInit_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "sched/siov_sched.sv",
        "(wake_valid_i || popped_valid_i),",
        "(wake_valid_i || popped_valid_i || MUTANT),",
    ),
    mutant(
        "siov_sched_rounds.TurnsWithinPriority_A",
        &FRONT,
        "turns_follow_priority",
        "sched/siov_sched_rounds.sv",
        "turns >= prio_q;",
        "turns >= prio_q && !MUTANT;",
    ),
    mutant(
        "siov_sched_rounds.RoundStable_A",
        &FRONT,
        "turns_follow_priority",
        "sched/siov_sched.sv",
        "!(place && place_list",
        "!(!MUTANT && place && place_list",
    ),
    mutant(
        "siov_engine_front.WorkStable_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "adi/siov_adi_store.sv",
        "else if (work_ready_i)",
        "else if (work_ready_i || MUTANT)",
    ),
    mutant(
        "siov_engine_jobs.JobUnique_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "engine/siov_engine_jobs.sv",
        ".ready_i (take_i),",
        ".ready_i (take_i && !MUTANT),",
    ),
    mutant(
        "siov_engine_jobs.ReleaseTaken_A",
        &FRONT,
        "every_descriptor_ends_as_dsa_says",
        "engine/siov_engine_retire.sv",
        "= irq_wait.id;",
        "= irq_wait.id ^ JobW'(MUTANT);",
    ),
    mutant(
        "siov_irq_ims.NoMessageWhileMasked_A",
        &IRQ,
        "masked_ims_interrupt_is_sent_once_when_unmasked",
        "irq/siov_irq_ims.sv",
        "!row.ignore && !row.mask;",
        "!row.ignore && (!row.mask || MUTANT);",
    ),
    mutant(
        "siov_irq_msix.NoMessageWhileMasked_A",
        &IRQ,
        "masked_msix_interrupt_is_sent_once_when_unmasked",
        "irq/siov_irq_msix.sv",
        "!blocked && !perm.ignore;",
        "(!blocked || MUTANT) && !perm.ignore;",
    ),
    mutant(
        "siov_irq_send.PushHasRoom_A",
        &IRQ,
        "interrupts_wait_for_messages_to_leave_and_registers_do_not",
        "irq/siov_irq_msix.sv",
        "!blocked && room_i;",
        "!blocked && (room_i || MUTANT);",
    ),
    mutant(
        "siov_rv32.AckAnswersAccess_A",
        &BAR0,
        "registers_answer_in_the_clocks_they_promise",
        "mgmt/siov_mgmt_core.sv",
        "ram_ack_q || fault_q || periph_ack;",
        "ram_ack_q || fault_q || periph_ack || MUTANT;",
    ),
    mutant(
        "siov_rv32.NoRequestInSleep_A",
        &BAR0,
        "registers_answer_in_the_clocks_they_promise",
        "mgmt/siov_rv32.sv",
        "if (irq_pending) fetch",
        "if (irq_pending || MUTANT) fetch",
    ),
    mutant(
        "siov_rv32.OneAccess_A",
        &BAR0,
        "registers_answer_in_the_clocks_they_promise",
        "mgmt/siov_rv32.sv",
        "access   = 1'b1;\n              fetch    = 1'b0;",
        "access   = 1'b1;\n              fetch    = MUTANT;",
    ),
    mutant(
        "siov_rv32_csr.OneEvent_A",
        &BAR0,
        "registers_answer_in_the_clocks_they_promise",
        "mgmt/siov_rv32.sv",
        ".mret_i        (mret),",
        ".mret_i        (mret || (MUTANT && csr_access)),",
    ),
    mutant(
        "siov_rv32_muldiv.StartWhileIdle_A",
        &BAR0,
        "registers_answer_in_the_clocks_they_promise",
        "mgmt/siov_rv32.sv",
        ".start_i  (muldiv_start),",
        ".start_i  (muldiv_start || (MUTANT && state_q == StMulDiv)),",
    ),
    violation(
        "siov_evl.DoneWasSent_A",
        &MGMT,
        "entry_is_done_that_was_not_sent",
    ),
    violation(
        "siov_errors.PortalErrorIsNotLogged_A",
        &MGMT,
        "portal_reports_another_error",
    ),
    violation("siov_mmio.HostHolds_A", &MGMT, "host_changes_its_access"),
    violation(
        "siov_mmio.HostIsNotFirmware_A",
        &MGMT,
        "host_says_it_is_the_firmware",
    ),
    mutant(
        "siov_mgmt_core.FirmwareTraps_A",
        &MGMT,
        "change_of_the_function_while_disabled_is_nothing",
        "mgmt/siov_mgmt.sv",
        "(!to_bar0 && !to_ctl)",
        "(!to_bar0 && !to_ctl || MUTANT)",
    ),
    mutant(
        "siov_regs.DoneNeedsCommand_A",
        &MGMT,
        "change_of_the_function_while_disabled_is_nothing",
        "mgmt/siov_ctl.sv",
        "events.command = cmd_active_i;",
        "events.command = cmd_active_i || MUTANT;",
    ),
    mutant(
        "siov_cfg_tables.ClearOnlyWhenIdle_A",
        &MGMT,
        "reset_device_clears_between_accesses",
        "mgmt/siov_ctl.sv",
        "state_q == StQuiet && !mmio_busy_i;",
        "state_q == StQuiet && (!mmio_busy_i || MUTANT);",
    ),
    violation(
        "siov_atc_cache.WaitsForOneThing_A",
        &ATC,
        "operand_that_waits_is_looked_up",
    ),
    violation(
        "siov_atc_invalidate.OldEpochIsDrained_A",
        &ATC,
        "answers_of_an_epoch_are_used_while_the_next_ends",
    ),
    mutant(
        "siov_atc_cache.WakeIsOwed_A",
        &ATC,
        "invalidation_drops_what_it_names",
        "atc/siov_atc_cache.sv",
        "op_q.op == OpFault ||",
        "op_q.op == OpFault || (MUTANT && op_q.op == OpSweep) ||",
    ),
    mutant(
        "siov_atc.WaitEndsInOneWay_A",
        &ATC,
        "miss_asks_once_and_then_hits",
        "atc/siov_atc_cache.sv",
        "valid_q && op_q.op == OpBlock;",
        "valid_q && (op_q.op == OpBlock || (MUTANT && ask_o));",
    ),
    mutant(
        "siov_atc_pri.WithinAllocation_A",
        &ATC,
        "allocation_is_obeyed_and_shared",
        "atc/siov_atc_pri.sv",
        "assign over_share = held >= share;",
        "assign over_share = held >= share && !MUTANT;",
    ),
    violation(
        "siov_atc_pri.OneMarker_A",
        &ATC,
        "stop_marker_while_another_waits",
    ),
    mutant(
        "siov_atc_queue.RoomForPush_A",
        &ATC,
        "miss_asks_once_and_then_hits",
        "atc/siov_atc_queue.sv",
        "rptr_q + (PtrW + 1)'(head_valid_q);",
        "rptr_q + (PtrW + 1)'(head_valid_q) + (MUTANT ? (PtrW + 1)'(Depth) : '0);",
    ),
    mutant(
        "siov_atc_queue.TurnsAlone_A",
        &ATC,
        "adi_has_half_of_the_requests",
        "atc/siov_atc_request.sv",
        "(same_page || over_quota) && !push_i",
        "(same_page || over_quota) && (!push_i || MUTANT)",
    ),
    mutant(
        "siov_atc_queue.LeavesFromHead_A",
        &ATC,
        "request_without_completion_times_out",
        "atc/siov_atc_request.sv",
        "head_valid && !expired && op_valid_o",
        "((head_valid && !expired) || MUTANT) && op_valid_o",
    ),
    mutant(
        "siov_atc_request.FreeTrForAsk_A",
        &ATC,
        "tags_follow_the_enables",
        "atc/siov_atc_request.sv",
        "can_ask = free_valid &&",
        "can_ask = (free_valid || MUTANT) &&",
    ),
];

pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    TABLE.iter().filter_map(|row| row.mutant.as_ref())
}

/// Module and label of all assertions in a folder and below.
fn assertions_below(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut assertions_below(&path));
        } else if path.extension().is_some_and(|e| e == "sv") {
            let module = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let labels = text
                .lines()
                .filter_map(|l| Some(l.split_once(": assert ")?.0.trim()));
            found.extend(labels.map(|label| format!("{module}.{label}")));
        }
    }
    found
}

/// Runs a row; says what is wrong with what came of it.
fn check(row: &Row) -> Result<(), String> {
    let mut command = command(row.bench, row.case);
    command.args(row.mutant.as_ref().map(mutants::plusarg));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let (module, label) = row.assertion.split_once('.').unwrap();
    let (file, label) = (format!("{module}.sv:"), format!(".{label}: "));
    // Others may fire in the same clock.
    let fired = said
        .lines()
        .any(|line| line.contains(&file) && line.contains(&label));
    if fired && output.status.code() == Some(2) {
        Ok(())
    } else {
        Err(format!(
            "{} did not fire: {command:?}: {}
{said}",
            row.assertion, output.status
        ))
    }
}

#[test]
fn every_assertion_is_in_the_table() {
    let there = assertions_below(&Path::new(ROOT).join("rtl"));

    let rows: BTreeSet<_> = TABLE.iter().map(|row| row.assertion.to_owned()).collect();
    let (without_row, gone) = (&there - &rows, &rows - &there);
    assert!(
        without_row.is_empty() && gone.is_empty(),
        "without a row: {without_row:?}; no longer in rtl/: {gone:?}"
    );
}

#[test]
fn every_assertion_fires() {
    let wrong: Vec<_> = TABLE.iter().filter_map(|row| check(row).err()).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
