// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What can go wrong in a guest.

use super::{BusError, GuestMemoryError};
use crate::dsa::{Command, CommandStatus};

/// The guest driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The machine under it failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Its memory does not hold what it must.
    #[error(transparent)]
    Memory(#[from] GuestMemoryError),
    /// The device is not one that this driver drives.
    #[error("probe: {0}")]
    Probe(&'static str),
    /// The device refused a command.
    #[error("command {command:?} failed: {status:?}")]
    Command {
        /// What was asked.
        command: Command,
        /// The answer.
        status: CommandStatus,
    },
}
