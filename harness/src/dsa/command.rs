// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Command words (DSA 3.15).

use std::fmt;

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
    /// Ask for the handle of an interrupt table entry.
    RequestInterruptHandle(InterruptTable, u16),
    /// Give a handle back.
    ReleaseInterruptHandle(InterruptTable, u16),
}

impl Command {
    const INTERRUPT: u32 = 1 << 31;

    /// The command code, bits 24:20 of the word.
    pub fn code(self) -> u32 {
        match self {
            Command::EnableDevice => 1,
            Command::DisableDevice => 2,
            Command::DrainAll => 3,
            Command::AbortAll => 4,
            Command::ResetDevice => 5,
            Command::EnableWq(_) => 6,
            Command::DisableWq(_) => 7,
            Command::DrainWq(_) => 8,
            Command::AbortWq(_) => 9,
            Command::ResetWq(_) => 10,
            Command::RequestInterruptHandle(..) => 13,
            Command::ReleaseInterruptHandle(..) => 14,
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
            Command::RequestInterruptHandle(table, index)
            | Command::ReleaseInterruptHandle(table, index) => {
                let ims = u32::from(table == InterruptTable::Ims);
                ims << 16 | u32::from(index)
            }
        }
    }

    /// The word for the CMD register; `interrupt` asks for one at completion.
    pub fn word(self, interrupt: bool) -> u32 {
        let interrupt = if interrupt { Self::INTERRUPT } else { 0 };
        interrupt | self.code() << 20 | self.operand()
    }

    /// The command a word asks for, and whether it asks for an interrupt. `None` if the code is
    /// not one of ours, or a bitmap names no queue or more than one.
    pub fn from_word(word: u32) -> Option<(Command, bool)> {
        let operand = word & 0xf_ffff;
        let index = (operand & 0xffff) as u16;
        let table = if operand >> 16 & 1 == 1 {
            InterruptTable::Ims
        } else {
            InterruptTable::Msix
        };
        let command = match word >> 20 & 0x1f {
            1 => Command::EnableDevice,
            2 => Command::DisableDevice,
            3 => Command::DrainAll,
            4 => Command::AbortAll,
            5 => Command::ResetDevice,
            6 => Command::EnableWq(index),
            7 => Command::DisableWq(wq_of_bitmap(operand)?),
            8 => Command::DrainWq(wq_of_bitmap(operand)?),
            9 => Command::AbortWq(wq_of_bitmap(operand)?),
            10 => Command::ResetWq(wq_of_bitmap(operand)?),
            13 => Command::RequestInterruptHandle(table, index),
            14 => Command::ReleaseInterruptHandle(table, index),
            _ => return None,
        };
        Some((command, word & Self::INTERRUPT != 0))
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
    /// A finished command's status.
    pub fn done(error: u8, result: u16) -> Self {
        Self(u32::from(result) << 8 | u32::from(error))
    }

    /// Whether the command still runs; the other fields mean nothing until it ends.
    pub fn active(self) -> bool {
        self.0 >> 31 == 1
    }

    /// 0 or the error code.
    pub fn error(self) -> u8 {
        self.0 as u8
    }

    /// Result of the command, such as a handle.
    pub fn result(self) -> u16 {
        (self.0 >> 8) as u16
    }

    /// What the error code means.
    pub fn reason(self) -> &'static str {
        match self.error() {
            0x00 => "done",
            0x01 => "command not supported",
            0x02 => "no such queue",
            0x03 => "hardware error",
            0x04 => "reserved field not zero",
            0x05 => "device is halted",
            0x10 => "device is not disabled",
            0x11 => "configuration error",
            0x12 => "Bus Master Enable is 0",
            0x13 => "page request allocation out of range",
            0x14 => "queue sizes add up to more than the device has",
            0x15 => "a group has queues without engines or engines without queues",
            0x16 => "a queue is in no group, in two, or has size 0",
            0x17 => "an engine is in two groups or does not exist",
            0x18 => "read buffer or bandwidth limits out of range",
            0x19 => "event log out of range",
            0x1b => "PASID in use but not enabled in configuration space",
            0x20 => "device is not enabled",
            0x21 => "queue is not disabled",
            0x22 => "queue size is 0",
            0x23 => "queue priority is 0",
            0x24 => "queue mode not supported",
            0x25 => "block on fault not possible",
            0x26 => "PASID enable of the queue does not fit the function's",
            0x27 => "largest batch above the device's limit",
            0x28 => "largest transfer above the device's limit",
            0x2a => "privileged mode is not enabled",
            0x2d => "allowed operations the device does not have",
            0x31 => "device is not enabled",
            0x32 => "queue is not enabled",
            0x41 => "no such interrupt table entry",
            0x42 => "no interrupt handle left",
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
    }

    #[test]
    fn word_of_a_command_reads_back_as_the_command() {
        for command in [
            Command::EnableDevice,
            Command::EnableWq(9),
            Command::ResetWq(33),
            Command::ReleaseInterruptHandle(InterruptTable::Ims, 300),
        ] {
            assert_eq!(
                Command::from_word(command.word(true)),
                Some((command, true))
            );
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
