// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Queues and groups: who shares the engines, and how.

use siov_firmware::regs;

use super::{Driver, DriverError};
use crate::dsa::Command;
use crate::dsa::field::put32;
use crate::pcie::Pasid;
use crate::scenario::MAX_TRANSFER;

/// One queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WqConfig {
    /// Which queue.
    pub index: u16,
    /// Entries.
    pub size: u16,
    /// 1, lowest, to 15.
    pub priority: u8,
    /// The group it belongs to.
    pub group: u8,
}

/// For whom a queue works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WqOwner {
    /// It is dedicated to one.
    Pasid(Pasid),
    /// It is shared: for those whom the descriptors name.
    Submitters,
}

impl Driver {
    /// Configures the queues and enables the device. Engines are dealt in turn to the groups that
    /// have queues.
    pub async fn configure(&self, wqs: &[WqConfig]) -> Result<(), DriverError> {
        self.check(wqs)?;
        // PASID-tagged work of a guest may ask for interrupts although it is unprivileged.
        self.registers
            .write32(regs::SIOV_GENCFG_OFFSET, regs::SIOV_GENCFG_USER_INT_EN_MASK);
        for wq in wqs {
            let entry = self.wqcfg(wq.index);
            self.registers
                .write32(entry + regs::SIOV_WQCFG_SIZE_OFFSET, wq.size.into());
        }
        self.configure_groups(wqs);
        self.command(Command::EnableDevice).await?;
        Ok(())
    }

    fn check(&self, wqs: &[WqConfig]) -> Result<(), DriverError> {
        let check = |what, wanted: u32, available: u32| match wanted < available {
            true => Ok(()),
            false => Err(DriverError::OutOfRange {
                what,
                wanted,
                available,
            }),
        };
        for wq in wqs {
            check("queue", wq.index.into(), self.capabilities.wqs())?;
            check("group", wq.group.into(), self.capabilities.groups())?;
        }
        Ok(())
    }

    fn configure_groups(&self, wqs: &[WqConfig]) {
        let mut used: Vec<u8> = wqs.iter().map(|wq| wq.group).collect();
        used.sort_unstable();
        used.dedup();
        for group in 0..self.capabilities.groups() {
            let mut bitmap = [0_u64; regs::SIOV_GRPCFG_WQS_COUNT as usize];
            for wq in wqs.iter().filter(|wq| u32::from(wq.group) == group) {
                bitmap[usize::from(wq.index) / 64] |= 1 << (wq.index % 64);
            }
            let engines = (0..self.capabilities.engines())
                .filter(|&engine| owner(engine, &used).is_some_and(|g| u32::from(g) == group))
                .fold(0_u64, |engines, engine| engines | 1 << engine);

            let entry = self.tables.grpcfg + group * regs::SIOV_GRPCFG_STRIDE;
            let mut offset = entry + regs::SIOV_GRPCFG_WQS_OFFSET;
            for word in bitmap {
                self.registers.write64(offset, word);
                offset += regs::SIOV_GRPCFG_WQS_STRIDE;
            }
            self.registers
                .write64(entry + regs::SIOV_GRPCFG_ENGINES_OFFSET, engines);
        }
    }

    /// Writes what Enable WQ needs to know of a queue, whose descriptors may wait for pages if
    /// `blocks`. The queue must be disabled.
    pub(super) fn program_wq(&self, wq: &WqConfig, owner: WqOwner, blocks: bool) {
        const MAX_BATCH_LOG2: u32 = 5; // what Linux uses
        let owned = match owner {
            WqOwner::Pasid(pasid) => {
                put32(regs::SIOV_WQCFG_MODE_DEDICATED_MASK, 1)
                    | put32(regs::SIOV_WQCFG_MODE_PASID_MASK, pasid.raw())
            }
            WqOwner::Submitters => 0,
        };
        let mode = owned
            | put32(regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK, blocks.into())
            | put32(regs::SIOV_WQCFG_MODE_PRIO_MASK, wq.priority.into())
            | put32(regs::SIOV_WQCFG_MODE_PASID_EN_MASK, 1);
        let limits = put32(regs::SIOV_WQCFG_LIMITS_MAX_XFER_MASK, MAX_TRANSFER.ilog2())
            | put32(regs::SIOV_WQCFG_LIMITS_MAX_BATCH_MASK, MAX_BATCH_LOG2);
        let entry = self.wqcfg(wq.index);
        self.registers
            .write32(entry + regs::SIOV_WQCFG_MODE_OFFSET, mode);
        self.registers
            .write32(entry + regs::SIOV_WQCFG_LIMITS_OFFSET, limits);
    }

    /// Offset of a queue's configuration.
    pub(super) fn wqcfg(&self, wq: u16) -> u32 {
        self.tables.wqcfg + u32::from(wq) * self.capabilities.wqcfg_stride()
    }
}

/// The group that engine number `engine` works for.
fn owner(engine: u32, used: &[u8]) -> Option<u8> {
    used.get((engine as usize).checked_rem(used.len())?)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_dealt_in_turn_to_used_groups() {
        let owners: Vec<_> = (0..4).map(|engine| owner(engine, &[1, 3])).collect();

        assert_eq!(owners, [Some(1), Some(3), Some(1), Some(3)]);
    }

    #[test]
    fn engines_have_no_owner_without_groups() {
        assert_eq!(owner(0, &[]), None);
    }
}
