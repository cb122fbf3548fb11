// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Assertions of irq/.

use super::{Row, mutant};
use crate::blocks::IRQ;

pub static TABLE: &[Row] = &[
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
];
