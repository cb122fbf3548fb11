// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Commands of the device: one at a time, with an interrupt at the end.

use siov_firmware::regs;

use super::registers::Registers;
use super::{Driver, DriverError};
use crate::dsa::{Command, CommandStatus};

impl Driver {
    /// Runs a command and returns its result, for example a handle. Other callers wait.
    pub async fn command(&self, command: Command) -> Result<u16, DriverError> {
        let _turn = self.command_turn.lock().await;
        self.alive()?;
        self.registers
            .write32(regs::SIOV_CMD_OFFSET, command.word(true));
        loop {
            self.misc.command_done().await;
            self.alive()?;
            if let Some(status) = finished(&self.registers).await? {
                return result(command, status);
            }
        }
    }
}

/// Runs a command before there are interrupts.
pub(super) async fn run_polled(registers: &Registers, command: Command) -> Result<(), DriverError> {
    registers.write32(regs::SIOV_CMD_OFFSET, command.word(false));
    loop {
        if let Some(status) = finished(registers).await? {
            return result(command, status).map(drop);
        }
    }
}

async fn finished(registers: &Registers) -> Result<Option<CommandStatus>, DriverError> {
    let status = CommandStatus(registers.read32(regs::SIOV_CMDSTATUS_OFFSET).await?);
    Ok((!status.active()).then_some(status))
}

fn result(command: Command, status: CommandStatus) -> Result<u16, DriverError> {
    match status.error() {
        0 => Ok(status.result()),
        _ => Err(DriverError::Command { command, status }),
    }
}
