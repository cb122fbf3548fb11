// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Command words (DSA 3.15).

use std::fmt;

use siov_firmware::{abi, regs};

use super::field::{get, put32};
use crate::pcie::Pasid;

/// Which table an interrupt handle indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptTable {
    /// The MSI-X table, for descriptors that come through MSI-X portals.
    Msix,
    /// Interrupt Message Storage, for descriptors that come through IMS portals.
    Ims,
}

/// A command for the CMD register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Check the configuration and accept work.
    EnableDevice,
    /// Refuse new work, finish the rest, disable.
    DisableDevice,
    /// Wait for all descriptors submitted before.
    DrainAll,
    /// Abandon all descriptors.
    AbortAll,
    /// Abandon all descriptors and forget the configuration.
    ResetDevice,
    /// Enable one queue.
    EnableWq(u16),
    /// Finish a queue's descriptors and disable it.
    DisableWq(u16),
    /// Wait for a queue's descriptors.
    DrainWq(u16),
    /// Abandon a queue's descriptors.
    AbortWq(u16),
    /// Abandon a queue's descriptors, disable it, forget its configuration except the size.
    ResetWq(u16),
    /// Wait for the descriptors of a PASID.
    DrainPasid(Pasid),
    /// Abandon the descriptors of a PASID.
    AbortPasid(Pasid),
    /// Ask for the handle of an interrupt table entry.
    RequestInterruptHandle(InterruptTable, u16),
    /// Give a handle back.
    ReleaseInterruptHandle(InterruptTable, u16),
}

impl Command {
    /// The command code, bits 24:20 of the word.
    pub fn code(self) -> u32 {
        match self {
            Command::EnableDevice => abi::SIOV_CMD_ENABLE_DEVICE,
            Command::DisableDevice => abi::SIOV_CMD_DISABLE_DEVICE,
            Command::DrainAll => abi::SIOV_CMD_DRAIN_ALL,
            Command::AbortAll => abi::SIOV_CMD_ABORT_ALL,
            Command::ResetDevice => abi::SIOV_CMD_RESET_DEVICE,
            Command::EnableWq(_) => abi::SIOV_CMD_ENABLE_WQ,
            Command::DisableWq(_) => abi::SIOV_CMD_DISABLE_WQ,
            Command::DrainWq(_) => abi::SIOV_CMD_DRAIN_WQ,
            Command::AbortWq(_) => abi::SIOV_CMD_ABORT_WQ,
            Command::ResetWq(_) => abi::SIOV_CMD_RESET_WQ,
            Command::DrainPasid(_) => abi::SIOV_CMD_DRAIN_PASID,
            Command::AbortPasid(_) => abi::SIOV_CMD_ABORT_PASID,
            Command::RequestInterruptHandle(..) => abi::SIOV_CMD_REQUEST_INT_HANDLE,
            Command::ReleaseInterruptHandle(..) => abi::SIOV_CMD_RELEASE_INT_HANDLE,
        }
    }

    fn operand(self) -> u32 {
        match self {
            Command::EnableDevice
            | Command::DisableDevice
            | Command::DrainAll
            | Command::AbortAll
            | Command::ResetDevice => 0,
            Command::EnableWq(wq) => u32::from(wq),
            Command::DisableWq(wq)
            | Command::DrainWq(wq)
            | Command::AbortWq(wq)
            | Command::ResetWq(wq) => wq_bitmap(wq),
            Command::DrainPasid(pasid) | Command::AbortPasid(pasid) => pasid.raw(),
            Command::RequestInterruptHandle(table, index)
            | Command::ReleaseInterruptHandle(table, index) => {
                let ims = u32::from(table == InterruptTable::Ims);
                ims << 16 | u32::from(index)
            }
        }
    }

    /// The word for the CMD register; `interrupt` asks for one at completion.
    pub fn word(self, interrupt: bool) -> u32 {
        put32(regs::SIOV_CMD_INT_REQ_MASK, interrupt.into())
            | put32(regs::SIOV_CMD_COMMAND_MASK, self.code())
            | put32(regs::SIOV_CMD_OPERAND_MASK, self.operand())
    }

    /// The command a word asks for. `None` if the code is not one of ours, or a bitmap names no
    /// queue or more than one.
    pub fn from_word(word: u32) -> Option<Command> {
        let operand = get(word, regs::SIOV_CMD_OPERAND_MASK) as u32;
        let index = (operand & 0xffff) as u16;
        let table = if operand >> 16 & 1 == 1 {
            InterruptTable::Ims
        } else {
            InterruptTable::Msix
        };
        let command = match get(word, regs::SIOV_CMD_COMMAND_MASK) as u32 {
            abi::SIOV_CMD_ENABLE_DEVICE => Command::EnableDevice,
            abi::SIOV_CMD_DISABLE_DEVICE => Command::DisableDevice,
            abi::SIOV_CMD_DRAIN_ALL => Command::DrainAll,
            abi::SIOV_CMD_ABORT_ALL => Command::AbortAll,
            abi::SIOV_CMD_RESET_DEVICE => Command::ResetDevice,
            abi::SIOV_CMD_ENABLE_WQ => Command::EnableWq(index),
            abi::SIOV_CMD_DISABLE_WQ => Command::DisableWq(wq_of_bitmap(operand)?),
            abi::SIOV_CMD_DRAIN_WQ => Command::DrainWq(wq_of_bitmap(operand)?),
            abi::SIOV_CMD_ABORT_WQ => Command::AbortWq(wq_of_bitmap(operand)?),
            abi::SIOV_CMD_RESET_WQ => Command::ResetWq(wq_of_bitmap(operand)?),
            abi::SIOV_CMD_DRAIN_PASID => Command::DrainPasid(Pasid::new(operand)?),
            abi::SIOV_CMD_ABORT_PASID => Command::AbortPasid(Pasid::new(operand)?),
            abi::SIOV_CMD_REQUEST_INT_HANDLE => Command::RequestInterruptHandle(table, index),
            abi::SIOV_CMD_RELEASE_INT_HANDLE => Command::ReleaseInterruptHandle(table, index),
            _ => return None,
        };
        Some(command)
    }
}

/// Bits 19:16 choose a group of 16 queues, bits 15:0 queues in it.
fn wq_bitmap(wq: u16) -> u32 {
    u32::from(wq >> 4) << 16 | 1 << (wq & 0xf)
}

fn wq_of_bitmap(operand: u32) -> Option<u16> {
    let bits = operand & 0xffff;
    (bits.count_ones() == 1).then(|| (operand >> 16 << 4 | bits.trailing_zeros()) as u16)
}

/// The CMDSTATUS register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommandStatus(pub u32);

impl CommandStatus {
    /// A finished command's status; `error` is one of `abi::SIOV_ERR_*`.
    pub fn done(error: u32, result: u16) -> Self {
        Self(
            put32(regs::SIOV_CMDSTATUS_RESULT_MASK, result.into())
                | put32(regs::SIOV_CMDSTATUS_ERROR_MASK, error),
        )
    }

    /// A running command's status.
    pub const RUNNING: CommandStatus = CommandStatus(regs::SIOV_CMDSTATUS_ACTIVE_MASK);

    /// Whether the command still runs; the other fields mean nothing until it ends.
    pub fn active(self) -> bool {
        self.0 & regs::SIOV_CMDSTATUS_ACTIVE_MASK != 0
    }

    /// 0 or the error code.
    pub fn error(self) -> u8 {
        get(self.0, regs::SIOV_CMDSTATUS_ERROR_MASK) as u8
    }

    /// Result of the command, such as a handle.
    pub fn result(self) -> u16 {
        get(self.0, regs::SIOV_CMDSTATUS_RESULT_MASK) as u16
    }

    /// What the error code means.
    pub fn reason(self) -> &'static str {
        match u32::from(self.error()) {
            abi::SIOV_ERR_NONE => "done",
            abi::SIOV_ERR_COMMAND => "command not supported",
            abi::SIOV_ERR_WQ_INDEX => "no such queue",
            abi::SIOV_ERR_HARDWARE => "hardware error",
            abi::SIOV_ERR_RESERVED => "reserved field not zero",
            abi::SIOV_ERR_HALT => "device is halted",
            abi::SIOV_ERR_NOT_DISABLED => "device is not disabled",
            abi::SIOV_ERR_BME => "Bus Master Enable is 0",
            abi::SIOV_ERR_TOTAL_SIZE => "queue sizes add up to more than the device has",
            abi::SIOV_ERR_GROUP => "a group has queues without engines or engines without queues",
            abi::SIOV_ERR_GROUP_WQ => "a queue is in no group, in two, or has size 0",
            abi::SIOV_ERR_GROUP_ENGINE => "an engine is in two groups or does not exist",
            abi::SIOV_ERR_NOT_ENABLED => "device is not enabled",
            abi::SIOV_ERR_WQ_NOT_DISABLED => "queue is not disabled",
            abi::SIOV_ERR_WQ_SIZE => "queue size is 0",
            abi::SIOV_ERR_WQ_PRIORITY => "queue priority is 0",
            abi::SIOV_ERR_WQ_MODE => "queue mode not supported",
            abi::SIOV_ERR_WQ_BOF => "block on fault not supported",
            abi::SIOV_ERR_WQ_PASID => "PASID enable of the queue does not fit the function's",
            abi::SIOV_ERR_WQ_BATCH => "largest batch is 0 or above the device's limit",
            abi::SIOV_ERR_WQ_XFER => "largest transfer above the device's limit",
            abi::SIOV_ERR_WQ_PRIV => "privileged mode is not enabled",
            abi::SIOV_ERR_WQ_ATS => "ATS disable not supported",
            abi::SIOV_ERR_WQ_OPCFG => "allows operations that the device does not have",
            abi::SIOV_ERR_WQ_PRS => "PRS disable not supported",
            abi::SIOV_ERR_DEV_NOT_ENABLED => "device is not enabled",
            abi::SIOV_ERR_WQ_NOT_ENABLED => "queue is not enabled",
            abi::SIOV_ERR_INT_INDEX => "no such interrupt table entry",
            _ => "unknown error",
        }
    }
}

impl fmt::Debug for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = if self.active() { ", active" } else { "" };
        write!(
            f,
            "{:#04x} ({}), result {:#x}{active}",
            self.error(),
            self.reason(),
            self.result()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_words_are_those_drivers_write() {
        let handle = Command::RequestInterruptHandle(InterruptTable::Msix, 2);
        assert_eq!(Command::EnableDevice.word(true), 0x8010_0000);
        assert_eq!(Command::ResetDevice.word(false), 0x0050_0000);
        assert_eq!(Command::EnableWq(3).word(true), 0x8060_0003);
        assert_eq!(Command::DisableWq(3).word(true), 0x8070_0008);
        assert_eq!(Command::DrainWq(3).word(true), 0x8080_0008);
        assert_eq!(Command::DisableWq(21).word(false), 0x0071_0020);
        assert_eq!(handle.word(true), 0x80d0_0002);
        let pasid = Pasid::from_field(5);
        assert_eq!(Command::DrainPasid(pasid).word(true), 0x80b0_0005);
    }

    #[test]
    fn word_of_a_command_reads_back_as_the_command() {
        for command in [
            Command::EnableDevice,
            Command::EnableWq(9),
            Command::ResetWq(33),
            Command::DrainPasid(Pasid::MAX),
            Command::AbortPasid(Pasid::MAX),
            Command::ReleaseInterruptHandle(InterruptTable::Ims, 300),
        ] {
            assert_eq!(Command::from_word(command.word(true)), Some(command));
        }
    }

    #[test]
    fn bitmap_of_two_queues_is_not_one_command() {
        assert_eq!(Command::from_word(0x0070_0003), None);
    }

    #[test]
    fn command_status_fields_are_apart() {
        let status = CommandStatus(0x8001_2341);
        assert!(status.active());
        assert_eq!(status.error(), 0x41);
        assert_eq!(status.result(), 0x0123);
    }
}
