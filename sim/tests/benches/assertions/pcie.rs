// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Assertions of pcie/.

use super::{Row, mutant, violation};
use crate::blocks::PCIE;

pub static TABLE: &[Row] = &[
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
];
