// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Commands of a virtual device: checked against its state, and carried out on the ADI.

use siov_firmware::{abi, regs};

use super::msix::COMPLETION;
use super::registers::State;
use super::vdev::Vdev;
use crate::dsa::field::put;
use crate::dsa::{Command, CommandStatus, InterruptTable, SoftwareError, Status};
use crate::host::DriverError;

/// Why a command is refused: one of `abi::SIOV_ERR_*`.
type Refusal = u32;

impl Vdev {
    /// Runs what the guest wrote to CMD.
    pub(super) async fn command(&self, word: u32) -> Result<(), DriverError> {
        if self.registers.borrow().command_status.active() {
            let error = software_error(Status::COMMAND_OVERRUN);
            self.registers.borrow_mut().set_error(error);
            self.update_interrupts().await?;
            return Ok(());
        }
        self.registers.borrow_mut().command_status = CommandStatus::RUNNING;
        let status = match Command::from_word(word) {
            Some(command) => match self.check(command) {
                Ok(()) => self.execute(command).await?,
                Err(refusal) => CommandStatus::done(refusal, 0),
            },
            None => CommandStatus::done(abi::SIOV_ERR_COMMAND, 0),
        };
        self.registers.borrow_mut().command_status = status;
        if word & regs::SIOV_CMD_INT_REQ_MASK != 0 {
            self.registers
                .borrow_mut()
                .set_cause(regs::SIOV_INTCAUSE_COMMAND_MASK);
            self.update_interrupts().await?;
        }
        Ok(())
    }

    /// What a guest may ask for in the state its device is in.
    fn check(&self, command: Command) -> Result<(), Refusal> {
        let registers = self.registers.borrow();
        let refuse_if = |wrong: bool, refusal: Refusal| if wrong { Err(refusal) } else { Ok(()) };
        refuse_if(registers.device == State::Halted, abi::SIOV_ERR_HALT)?;
        match command {
            Command::EnableDevice => {
                refuse_if(
                    registers.device != State::Disabled,
                    abi::SIOV_ERR_NOT_DISABLED,
                )?;
                refuse_if(!self.bus_master(), abi::SIOV_ERR_BME)
            }
            Command::DisableDevice => refuse_if(
                registers.device != State::Enabled,
                abi::SIOV_ERR_DEV_NOT_ENABLED,
            ),
            Command::DrainAll | Command::AbortAll | Command::ResetDevice => Ok(()),
            Command::EnableWq(wq) => {
                refuse_if(wq != 0, abi::SIOV_ERR_WQ_INDEX)?;
                refuse_if(
                    registers.device != State::Enabled,
                    abi::SIOV_ERR_NOT_ENABLED,
                )?;
                refuse_if(
                    registers.wq != State::Disabled,
                    abi::SIOV_ERR_WQ_NOT_DISABLED,
                )?;
                refuse_if(!registers.dedicated(), abi::SIOV_ERR_WQ_MODE)?;
                refuse_if(registers.asks_for_pasid(), abi::SIOV_ERR_WQ_PASID)
            }
            Command::DisableWq(wq) | Command::DrainWq(wq) | Command::AbortWq(wq) => {
                refuse_if(wq != 0, abi::SIOV_ERR_WQ_INDEX)?;
                refuse_if(registers.wq != State::Enabled, abi::SIOV_ERR_WQ_NOT_ENABLED)
            }
            Command::ResetWq(wq) => refuse_if(wq != 0, abi::SIOV_ERR_WQ_INDEX),
            // The PASID is the host's affair.
            Command::DrainPasid(_) | Command::AbortPasid(_) => Err(abi::SIOV_ERR_COMMAND),
            Command::RequestInterruptHandle(table, index)
            | Command::ReleaseInterruptHandle(table, index) => {
                let known = table == InterruptTable::Msix && usize::from(index) == COMPLETION;
                refuse_if(!known, abi::SIOV_ERR_INT_INDEX)
            }
        }
    }

    /// Carries out a command that passed the checks. What the physical device refuses, the guest
    /// hears as its own command's error.
    async fn execute(&self, command: Command) -> Result<CommandStatus, DriverError> {
        match self.execute_on_adi(command).await {
            Ok(result) => Ok(CommandStatus::done(abi::SIOV_ERR_NONE, result)),
            Err(DriverError::Command { status, .. }) => {
                Ok(CommandStatus::done(status.error().into(), 0))
            }
            Err(other) => Err(other),
        }
    }

    async fn execute_on_adi(&self, command: Command) -> Result<u16, DriverError> {
        let enabled = self.registers.borrow().wq == State::Enabled;
        let adi = self.adi();
        match command {
            Command::DrainPasid(_) | Command::AbortPasid(_) => {}
            Command::EnableDevice => self.registers.borrow_mut().device = State::Enabled,
            Command::DisableDevice => {
                if enabled {
                    adi.disable().await?;
                }
                let mut registers = self.registers.borrow_mut();
                registers.wq = State::Disabled;
                registers.device = State::Disabled;
            }
            Command::DrainAll if !enabled => {}
            Command::AbortAll if !enabled => {}
            Command::DrainAll | Command::DrainWq(_) => adi.drain().await?,
            Command::AbortAll | Command::AbortWq(_) => adi.abort().await?,
            Command::ResetDevice => {
                adi.reset().await?;
                self.registers.borrow_mut().reset_device();
                self.update_interrupts().await?;
            }
            Command::EnableWq(_) => {
                adi.enable().await?;
                self.registers.borrow_mut().wq = State::Enabled;
            }
            Command::DisableWq(_) => {
                adi.disable().await?;
                self.registers.borrow_mut().wq = State::Disabled;
            }
            Command::ResetWq(_) => {
                adi.reset().await?;
                self.registers.borrow_mut().reset_wq();
                self.update_interrupts().await?;
            }
            Command::RequestInterruptHandle(..) => {
                return adi.request_interrupt_handle().await;
            }
            Command::ReleaseInterruptHandle(..) => adi.release_interrupt_handle().await?,
        }
        Ok(0)
    }
}

/// A software error record that belongs to no descriptor.
pub(super) fn software_error(status: Status) -> SoftwareError {
    let valid = put(regs::SIOV_SWERROR0_VALID_MASK, 1_u32);
    let code = put(regs::SIOV_SWERROR0_ERROR_MASK, status.code());
    SoftwareError([valid | code, 0, 0, 0])
}
