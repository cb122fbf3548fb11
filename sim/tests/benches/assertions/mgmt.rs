// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Assertions of mgmt/.

use super::{Row, mutant, violation};
use crate::blocks::{BAR0, MGMT};

pub static TABLE: &[Row] = &[
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
];
