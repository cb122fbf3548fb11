// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Assertions of dma/.

use super::{Row, mutant, violation};
use crate::blocks::DMA;

pub static TABLE: &[Row] = &[
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
];
