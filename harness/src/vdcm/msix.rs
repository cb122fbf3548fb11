// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The virtual MSI-X table.

use siov_firmware::regs;

use crate::pcie::Msi;

/// Vectors of a virtual device: 0 for errors and commands, 1 for completions of its queue.
pub const VECTORS: usize = 2;
/// The vector that the VDCM raises itself.
pub const MISC: usize = 0;
/// The vector behind which there is an IMS entry.
pub const COMPLETION: usize = 1;

/// One entry, as the guest wrote it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    words: [u32; 4],
}

const ADDR_LO: usize = (regs::SIOV_MSIX_ADDR_LO_OFFSET / 4) as usize;
const ADDR_HI: usize = (regs::SIOV_MSIX_ADDR_HI_OFFSET / 4) as usize;
const DATA: usize = (regs::SIOV_MSIX_DATA_OFFSET / 4) as usize;
const CONTROL: usize = (regs::SIOV_MSIX_CTRL_OFFSET / 4) as usize;

/// The table, and the pending bit of the emulated vector.
#[derive(Clone, Debug)]
pub struct MsixTable {
    entries: [Entry; VECTORS],
    misc_pending: bool,
}

impl Default for MsixTable {
    /// All entries masked, as after reset.
    fn default() -> Self {
        let mut words = [0; 4];
        words[CONTROL] = regs::SIOV_MSIX_CTRL_RESET;
        Self {
            entries: [Entry { words }; VECTORS],
            misc_pending: false,
        }
    }
}

impl MsixTable {
    /// Bytes of the table.
    pub const SIZE: u32 = VECTORS as u32 * regs::SIOV_MSIX_STRIDE;

    /// The dword at `offset` from the start of the table.
    pub fn read32(&self, offset: u32) -> u32 {
        self.entries
            .get((offset / regs::SIOV_MSIX_STRIDE) as usize)
            .map_or(0, |entry| {
                entry.words[(offset % regs::SIOV_MSIX_STRIDE / 4) as usize]
            })
    }

    /// Writes the bits of `mask` of the dword at `offset`.
    pub fn write32(&mut self, offset: u32, value: u32, mask: u32) {
        const WRITABLE: [u32; 4] = {
            let mut words = [u32::MAX; 4];
            words[ADDR_LO] = regs::SIOV_MSIX_ADDR_LO_ADDR_MASK;
            words[CONTROL] = regs::SIOV_MSIX_CTRL_MASK_MASK;
            words
        };
        let word = (offset % regs::SIOV_MSIX_STRIDE / 4) as usize;
        if let Some(entry) = self
            .entries
            .get_mut((offset / regs::SIOV_MSIX_STRIDE) as usize)
        {
            let mask = mask & WRITABLE[word];
            entry.words[word] = entry.words[word] & !mask | value & mask;
        }
    }

    /// Whether an entry's mask bit is set.
    pub fn masked(&self, vector: usize) -> bool {
        self.entries[vector].words[CONTROL] & regs::SIOV_MSIX_CTRL_MASK_MASK != 0
    }

    /// The message of an entry.
    pub fn message(&self, vector: usize) -> Msi {
        let words = &self.entries[vector].words;
        Msi {
            address: u64::from(words[ADDR_HI]) << 32 | u64::from(words[ADDR_LO]),
            data: words[DATA],
        }
    }

    /// The emulated vector has something to say.
    pub fn raise_misc(&mut self) {
        self.misc_pending = true;
    }

    /// Whether the emulated vector waits.
    pub fn misc_pending(&self) -> bool {
        self.misc_pending
    }

    /// The message of the emulated vector if it is to be sent now; it is not pending afterwards.
    pub fn take_misc(&mut self, delivers: bool) -> Option<Msi> {
        let send = self.misc_pending && delivers && !self.masked(MISC);
        send.then(|| {
            self.misc_pending = false;
            self.message(MISC)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> MsixTable {
        let mut table = MsixTable::default();
        table.write32(0, 0xfee0_1003, u32::MAX);
        table.write32(8, 0x41, u32::MAX);
        table
    }

    #[test]
    fn entries_are_masked_after_reset() {
        let table = MsixTable::default();

        assert!(table.masked(MISC) && table.masked(COMPLETION));
    }

    #[test]
    fn message_is_what_the_guest_wrote_without_the_low_address_bits() {
        assert_eq!(
            table().message(MISC),
            Msi {
                address: 0xfee0_1000,
                data: 0x41
            }
        );
    }

    #[test]
    fn masked_vector_stays_pending_and_is_sent_once_after_unmasking() {
        let mut table = table();
        table.raise_misc();
        assert_eq!(table.take_misc(true), None);

        table.write32(12, 0, u32::MAX);

        assert!(table.take_misc(true).is_some());
        assert_eq!(table.take_misc(true), None);
    }

    #[test]
    fn vector_waits_while_msix_does_not_deliver() {
        let mut table = table();
        table.write32(12, 0, u32::MAX);
        table.raise_misc();

        assert_eq!(table.take_misc(false), None);
        assert!(table.misc_pending());
    }
}
