// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The virtual BAR0: registers of a device with one queue and a fixed configuration.

use std::collections::BTreeMap;

use siov_firmware::{abi, regs};

use super::msix::{MsixTable, VECTORS};
use crate::dsa::field::{get, put, put32};
use crate::dsa::{CommandStatus, SoftwareError};
use crate::host::{Adi, Capabilities, WqConfig};
use crate::scenario::MAX_TRANSFER;

/// Offsets of the tables in the virtual BAR0. A driver finds them through OFFSETS; they are not
/// where the physical device has its tables.
const MSIXPERM: u32 = 0x400;
const GRPCFG: u32 = 0x600;
const WQCFG: u32 = 0x800;
pub const MSIX: u32 = 0x4000;
pub const PBA: u32 = 0x5000;

const MODE: u32 = WQCFG + regs::SIOV_WQCFG_MODE_OFFSET;
const THRESHOLD: u32 = WQCFG + regs::SIOV_WQCFG_THRESHOLD_OFFSET;
const WQ_STATUS: u32 = WQCFG + regs::SIOV_WQCFG_STATUS_OFFSET;

/// What a write of the guest asks the VDCM to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing further.
    None,
    /// Run a command.
    Command(u32),
    /// The MSI-X table changed: deliver or hold back accordingly.
    Interrupts,
}

/// State of the device or of its queue, as GENSTS and WQCFG tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Takes no work.
    #[default]
    Disabled = 0,
    /// Takes work.
    Enabled = 1,
    /// Device only: takes no work and no commands until Function Level Reset.
    Halted = 3,
}

/// GENSTS.reset_type: Function Level Reset ends Halt.
const RESET_BY_FLR: u32 = 1;

/// Registers that the guest reads and writes.
#[derive(Clone, Debug)]
pub struct Registers {
    /// Dwords that never change, by offset.
    constant: BTreeMap<u32, u32>,
    reset_mode: u32,
    genctrl: u32,
    intcause: u32,
    threshold: u32,
    mode: u32,
    permissions: [u32; VECTORS],
    /// State of the device.
    pub device: State,
    /// State of the queue.
    pub wq: State,
    /// The command status register.
    pub command_status: CommandStatus,
    error: SoftwareError,
    /// The virtual MSI-X table.
    pub msix: MsixTable,
}

impl Registers {
    /// Registers after reset, for the queue of an ADI.
    pub fn new(adi: &Adi) -> Self {
        Self::of(adi.driver().capabilities(), adi.wq(), adi.blocks_on_fault())
    }

    fn of(physical: &Capabilities, wq: &WqConfig, blocks_on_fault: bool) -> Self {
        let reset_mode = put32(regs::SIOV_WQCFG_MODE_DEDICATED_MASK, 1)
            | put32(
                regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK,
                blocks_on_fault.into(),
            )
            | put32(regs::SIOV_WQCFG_MODE_PRIO_MASK, wq.priority.into());
        Self {
            constant: constant(physical, wq),
            reset_mode,
            genctrl: 0,
            intcause: 0,
            threshold: 0,
            mode: reset_mode,
            permissions: [0; VECTORS],
            device: State::Disabled,
            wq: State::Disabled,
            command_status: CommandStatus(0),
            error: SoftwareError::default(),
            msix: MsixTable::default(),
        }
    }

    /// Reset Device: as `new`, but command status, software error and MSI-X table are kept.
    pub fn reset_device(&mut self) {
        self.reset_wq();
        self.device = State::Disabled;
        self.genctrl = 0;
        self.intcause = 0;
        self.permissions = [0; VECTORS];
    }

    /// Reset WQ.
    pub fn reset_wq(&mut self) {
        self.wq = State::Disabled;
        self.mode = self.reset_mode;
        self.threshold = 0;
    }

    /// Whether the queue is in dedicated mode.
    pub fn dedicated(&self) -> bool {
        self.mode & regs::SIOV_WQCFG_MODE_DEDICATED_MASK != 0
    }

    /// Whether the guest asks for a PASID or for privilege. It cannot have either.
    pub fn asks_for_pasid(&self) -> bool {
        const ASKS: u32 = regs::SIOV_WQCFG_MODE_PASID_EN_MASK | regs::SIOV_WQCFG_MODE_PRIV_MASK;
        self.mode & ASKS != 0
    }

    /// Something happened that vector 0 tells about.
    pub fn set_cause(&mut self, cause: u32) {
        self.intcause |= cause;
        self.msix.raise_misc();
    }

    /// Halt: no work and no commands until Function Level Reset.
    pub fn halt(&mut self, error: SoftwareError) {
        self.wq = State::Disabled;
        self.device = State::Halted;
        self.set_error(error);
        if self.genctrl & regs::SIOV_GENCTRL_HALT_INT_EN_MASK != 0 {
            self.set_cause(regs::SIOV_INTCAUSE_HALT_MASK);
        }
    }

    /// Takes a software error, if there is room for it.
    pub fn set_error(&mut self, error: SoftwareError) {
        if self.error.valid() {
            self.error.0[0] |= u64::from(regs::SIOV_SWERROR0_OVERFLOW_MASK);
            return;
        }
        self.error = error;
        if self.genctrl & regs::SIOV_GENCTRL_SWERROR_INT_EN_MASK != 0 {
            self.set_cause(regs::SIOV_INTCAUSE_SWERROR_MASK);
        }
    }

    /// The dword at `offset`, a multiple of 4. The PBA is not here.
    pub fn read32(&self, offset: u32) -> u32 {
        match offset {
            regs::SIOV_GENCTRL_OFFSET => self.genctrl,
            regs::SIOV_GENSTS_OFFSET => self.general_status(),
            regs::SIOV_INTCAUSE_OFFSET => self.intcause,
            regs::SIOV_CMDSTATUS_OFFSET => self.command_status.0,
            MODE => self.mode,
            THRESHOLD => self.threshold,
            WQ_STATUS => {
                put32(regs::SIOV_WQCFG_STATUS_MODE_SUPPORT_MASK, 1)
                    | put32(regs::SIOV_WQCFG_STATUS_STATE_MASK, self.wq as u32)
            }
            _ => self.read_array(offset),
        }
    }

    fn general_status(&self) -> u32 {
        let state = put32(regs::SIOV_GENSTS_STATE_MASK, self.device as u32);
        match self.device {
            State::Halted => state | put32(regs::SIOV_GENSTS_RESET_TYPE_MASK, RESET_BY_FLR),
            _ => state,
        }
    }

    fn read_array(&self, offset: u32) -> u32 {
        if let Some(word) = software_error_word(offset) {
            return half(self.error.0[word], offset);
        }
        if let Some(vector) = permission(offset) {
            return self.permissions[vector];
        }
        if let Some(offset) = msix(offset) {
            return self.msix.read32(offset);
        }
        self.constant.get(&offset).copied().unwrap_or(0)
    }

    /// Writes the bits of `mask` of the dword at `offset`, a multiple of 4, as far as the guest
    /// may.
    pub fn write32(&mut self, offset: u32, value: u32, mask: u32) -> Effect {
        const GENCTRL: u32 =
            regs::SIOV_GENCTRL_SWERROR_INT_EN_MASK | regs::SIOV_GENCTRL_HALT_INT_EN_MASK;
        const WQ_MODE: u32 = regs::SIOV_WQCFG_MODE_DEDICATED_MASK
            | regs::SIOV_WQCFG_MODE_PASID_MASK
            | regs::SIOV_WQCFG_MODE_PASID_EN_MASK
            | regs::SIOV_WQCFG_MODE_PRIV_MASK;
        const WHOLE: u32 = u32::MAX;
        match offset {
            regs::SIOV_CMD_OFFSET if mask == WHOLE => return Effect::Command(value),
            regs::SIOV_GENCTRL_OFFSET => merge(&mut self.genctrl, value, mask & GENCTRL),
            regs::SIOV_INTCAUSE_OFFSET => self.intcause &= !(value & mask),
            regs::SIOV_SWERROR0_OFFSET => {
                self.error.0[0] &= !(u64::from(value & mask) & SoftwareError::clear_bits());
            }
            MODE if self.wq == State::Disabled => merge(&mut self.mode, value, mask & WQ_MODE),
            THRESHOLD => {
                merge(
                    &mut self.threshold,
                    value,
                    mask & regs::SIOV_WQCFG_THRESHOLD_ENTRIES_MASK,
                );
            }
            _ => return self.write_array(offset, value, mask),
        }
        Effect::None
    }

    fn write_array(&mut self, offset: u32, value: u32, mask: u32) -> Effect {
        const PERMISSION: u32 = regs::SIOV_MSIXPERM_PERM_IGNORE_MASK
            | regs::SIOV_MSIXPERM_PERM_PASID_EN_MASK
            | regs::SIOV_MSIXPERM_PERM_PASID_MASK;
        if let Some(vector) = permission(offset) {
            merge(&mut self.permissions[vector], value, mask & PERMISSION);
        } else if let Some(offset) = msix(offset) {
            self.msix.write32(offset, value, mask);
            return Effect::Interrupts;
        }
        Effect::None
    }
}

fn merge(register: &mut u32, value: u32, mask: u32) {
    *register = *register & !mask | value & mask;
}

/// The half of a 64-bit register that is at `offset`.
fn half(value: u64, offset: u32) -> u32 {
    (value >> (8 * (offset & 4))) as u32
}

fn software_error_word(offset: u32) -> Option<usize> {
    let relative = offset.checked_sub(regs::SIOV_SWERROR0_OFFSET)?;
    (relative < 32).then_some(relative as usize / 8)
}

fn permission(offset: u32) -> Option<usize> {
    let relative = offset.checked_sub(MSIXPERM)?;
    let vector = (relative / regs::SIOV_MSIXPERM_STRIDE) as usize;
    (vector < VECTORS && relative % regs::SIOV_MSIXPERM_STRIDE == 0).then_some(vector)
}

fn msix(offset: u32) -> Option<u32> {
    let relative = offset.checked_sub(MSIX)?;
    (relative < MsixTable::SIZE).then_some(relative)
}

/// Registers that tell what the device is: one queue in one group with one engine, configured and
/// not configurable, without IMS, event log, shared mode and commands on PASIDs.
fn constant(physical: &Capabilities, wq: &WqConfig) -> BTreeMap<u32, u32> {
    const UNIT: u32 = 0x100;
    let gencap_hidden = put(regs::SIOV_GENCAP_CONFIG_EN_MASK, u64::MAX)
        | put(regs::SIOV_GENCAP_IMS_SIZE_MASK, u64::MAX)
        | put(regs::SIOV_GENCAP_EVL_MASK, u64::MAX)
        | put(regs::SIOV_GENCAP_EVL_OVERFLOW_MASK, u64::MAX);
    let commands_hidden = 1 << abi::SIOV_CMD_DRAIN_PASID | 1 << abi::SIOV_CMD_ABORT_PASID;
    let wqcap_own =
        put(regs::SIOV_WQCAP_TOTAL_SIZE_MASK, wq.size) | put(regs::SIOV_WQCAP_NUM_WQS_MASK, 1_u32);
    let wqcap_hidden = put(regs::SIOV_WQCAP_TOTAL_SIZE_MASK, u64::MAX)
        | put(regs::SIOV_WQCAP_NUM_WQS_MASK, u64::MAX)
        | put(regs::SIOV_WQCAP_SHARED_MODE_MASK, u64::MAX);
    let read_buffers = get(physical.grpcap, regs::SIOV_GRPCAP_READ_BUFFERS_MASK);
    let offsets = put(regs::SIOV_OFFSETS0_GRPCFG_MASK, GRPCFG / UNIT)
        | put(regs::SIOV_OFFSETS0_WQCFG_MASK, WQCFG / UNIT)
        | put(regs::SIOV_OFFSETS0_MSIXPERM_MASK, MSIXPERM / UNIT);
    let limits = put32(regs::SIOV_WQCFG_LIMITS_MAX_XFER_MASK, MAX_TRANSFER.ilog2());

    let mut wide = vec![
        (regs::SIOV_VERSION_OFFSET, physical.version.into()),
        (regs::SIOV_GENCAP_OFFSET, physical.gencap & !gencap_hidden),
        (
            regs::SIOV_WQCAP_OFFSET,
            physical.wqcap & !wqcap_hidden | wqcap_own,
        ),
        (
            regs::SIOV_GRPCAP_OFFSET,
            put(regs::SIOV_GRPCAP_NUM_GROUPS_MASK, 1_u32)
                | put(regs::SIOV_GRPCAP_READ_BUFFERS_MASK, read_buffers),
        ),
        (
            regs::SIOV_ENGCAP_OFFSET,
            put(regs::SIOV_ENGCAP_NUM_ENGINES_MASK, 1_u32),
        ),
        (regs::SIOV_OFFSETS0_OFFSET, offsets),
        (
            regs::SIOV_CMDCAP_OFFSET,
            (physical.commands & !commands_hidden).into(),
        ),
        (GRPCFG + regs::SIOV_GRPCFG_WQS_OFFSET, 1),
        (GRPCFG + regs::SIOV_GRPCFG_ENGINES_OFFSET, 1),
        (WQCFG + regs::SIOV_WQCFG_SIZE_OFFSET, wq.size.into()),
    ];
    for (i, ops) in (0..).zip(physical.opcap) {
        wide.push((regs::SIOV_OPCAP0_OFFSET + 8 * i, ops));
        wide.push((WQCFG + regs::SIOV_WQCFG_OPCFG_OFFSET + 8 * i, ops));
    }
    let mut words: BTreeMap<u32, u32> = wide
        .into_iter()
        .flat_map(|(offset, value)| [(offset, value as u32), (offset + 4, (value >> 32) as u32)])
        .collect();
    words.insert(regs::SIOV_GENCFG_OFFSET, regs::SIOV_GENCFG_USER_INT_EN_MASK);
    words.insert(WQCFG + regs::SIOV_WQCFG_LIMITS_OFFSET, limits);
    words
}

#[cfg(test)]
mod tests;
