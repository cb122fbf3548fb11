// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Assertions of atc/.

use super::{Row, mutant, violation};
use crate::blocks::ATC;

pub static TABLE: &[Row] = &[
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
        "over_share = outstanding >= limit ||",
        "over_share = (outstanding >= limit && !MUTANT) ||",
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
