// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The virtual configuration space.

/// Bytes of a configuration space.
const SIZE: usize = 4096;

pub const COMMAND: u16 = 0x04;
const BAR0: u16 = 0x10;
const BAR2: u16 = 0x18;
const CAP_MSIX: u16 = 0x40;
const CAP_PCIE: u16 = 0x50;
const MSIX_CONTROL: u16 = CAP_MSIX;
pub const DEVICE_CONTROL: u16 = CAP_PCIE + 8;

const MEMORY_SPACE: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
const MSIX_FUNCTION_MASK: u32 = 1 << 30;
const MSIX_ENABLE: u32 = 1 << 31;
pub const INITIATE_FLR: u32 = 1 << 15;

/// What the space tells about the device.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub vendor_id: u16,
    pub device_id: u16,
    pub revision: u8,
    pub class: u32,
    pub bar0_size: u64,
    pub bar2_size: u64,
    pub msix_entries: u16,
    /// Offsets in BAR0.
    pub msix_table: u32,
    pub msix_pba: u32,
}

/// Registers with a mask of the bits that a guest may write. Nothing here has an effect by itself.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    words: Vec<u32>,
    writable: Vec<u32>,
}

impl ConfigSpace {
    /// The space of a device after reset.
    pub fn new(id: &Identity) -> Self {
        let mut space = Self {
            words: vec![0; SIZE / 4],
            writable: vec![0; SIZE / 4],
        };
        space.header(id);
        space.msix(id);
        space.pcie();
        space
    }

    fn header(&mut self, id: &Identity) {
        const CAPABILITY_LIST: u32 = 1 << 20;
        const PARITY_AND_SERR: u32 = 1 << 6 | 1 << 8;
        let ids = u32::from(id.device_id) << 16 | u32::from(id.vendor_id);
        self.set(0x00, ids, 0);
        self.set(
            COMMAND,
            CAPABILITY_LIST,
            MEMORY_SPACE | BUS_MASTER | PARITY_AND_SERR,
        );
        self.set(0x08, id.class << 8 | u32::from(id.revision), 0);
        self.set(0x0c, 0, 0xff); // cache line size
        self.bar(BAR0, id.bar0_size);
        self.bar(BAR2, id.bar2_size);
        self.set(0x2c, ids, 0);
        self.set(0x34, CAP_MSIX.into(), 0);
        self.set(0x3c, 0, 0xff); // interrupt line
    }

    /// A 64-bit prefetchable BAR; the bits that cannot be written are those that tell its size.
    fn bar(&mut self, offset: u16, size: u64) {
        const MEM64_PREFETCHABLE: u32 = 0xc;
        let mask = !(size - 1);
        self.set(offset, MEM64_PREFETCHABLE, mask as u32);
        self.set(offset + 4, 0, (mask >> 32) as u32);
    }

    fn msix(&mut self, id: &Identity) {
        const ID: u32 = 0x11;
        let size = u32::from(id.msix_entries - 1);
        let first = size << 16 | u32::from(CAP_PCIE) << 8 | ID;
        self.set(CAP_MSIX, first, MSIX_ENABLE | MSIX_FUNCTION_MASK);
        self.set(CAP_MSIX + 4, id.msix_table, 0); // BIR 0
        self.set(CAP_MSIX + 8, id.msix_pba, 0);
    }

    fn pcie(&mut self) {
        const ID: u32 = 0x10;
        const VERSION_2: u32 = 2 << 16;
        const RC_INTEGRATED: u32 = 9 << 20;
        const FLR: u32 = 1 << 28;
        const ROLE_BASED_ERRORS: u32 = 1 << 15;
        const CONTROL_RESET: u32 = 0x2810; // 512-byte reads, No Snoop, Relaxed Ordering
        const CONTROL_WRITABLE: u32 = 0x78ff;
        self.set(CAP_PCIE, RC_INTEGRATED | VERSION_2 | ID, 0);
        self.set(CAP_PCIE + 4, FLR | ROLE_BASED_ERRORS, 0);
        self.set(DEVICE_CONTROL, CONTROL_RESET, CONTROL_WRITABLE);
    }

    fn set(&mut self, offset: u16, value: u32, writable: u32) {
        let index = usize::from(offset) / 4;
        self.words[index] = value;
        self.writable[index] = writable;
    }

    /// A register; `offset` is a multiple of 4.
    pub fn read32(&self, offset: u16) -> u32 {
        self.words
            .get(usize::from(offset) / 4)
            .copied()
            .unwrap_or(u32::MAX)
    }

    /// Writes the enabled bytes, as far as they are writable.
    pub fn write(&mut self, offset: u16, value: u32, byte_enables: u8) {
        let index = usize::from(offset) / 4;
        if index < self.words.len() {
            let mask = self.writable[index] & byte_mask(byte_enables);
            self.words[index] = self.words[index] & !mask | value & mask;
        }
    }

    fn is_set(&self, offset: u16, bit: u32) -> bool {
        self.read32(offset) & bit != 0
    }

    /// Whether the BARs decode.
    pub fn memory_enabled(&self) -> bool {
        self.is_set(COMMAND, MEMORY_SPACE)
    }

    /// Whether the device may do DMA and send interrupts.
    pub fn bus_master(&self) -> bool {
        self.is_set(COMMAND, BUS_MASTER)
    }

    /// Whether MSI-X messages of unmasked entries are sent.
    pub fn msix_delivers(&self) -> bool {
        self.bus_master()
            && self.is_set(MSIX_CONTROL, MSIX_ENABLE)
            && !self.is_set(MSIX_CONTROL, MSIX_FUNCTION_MASK)
    }

    /// Where BAR `index`, 0 or 2, is.
    pub fn bar_address(&self, index: u8) -> u64 {
        let offset = BAR0 + 4 * u16::from(index);
        u64::from(self.read32(offset + 4)) << 32 | u64::from(self.read32(offset) & !0xf)
    }
}

/// The bits of the enabled bytes.
pub fn byte_mask(byte_enables: u8) -> u32 {
    (0..4)
        .filter(|byte| byte_enables >> byte & 1 == 1)
        .fold(0, |mask, byte| mask | 0xff << (8 * byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> ConfigSpace {
        ConfigSpace::new(&Identity {
            vendor_id: 0x8086,
            device_id: 0x0b25,
            revision: 0,
            class: 0x08_8000,
            bar0_size: 0x1_0000,
            bar2_size: 0x4000,
            msix_entries: 2,
            msix_table: 0x4000,
            msix_pba: 0x5000,
        })
    }

    #[test]
    fn bar_reads_its_size_after_writing_ones() {
        let mut space = space();

        space.write(BAR2, u32::MAX, 0xf);
        space.write(BAR2 + 4, u32::MAX, 0xf);

        assert_eq!(space.read32(BAR2), 0xffff_c00c);
        assert_eq!(space.read32(BAR2 + 4), u32::MAX);
    }

    #[test]
    fn capability_list_is_msix_then_pcie() {
        let space = space();

        assert_eq!(space.read32(0x34), 0x40);
        assert_eq!(space.read32(0x40), 0x0001_5011);
        assert_eq!(space.read32(0x50) & 0xffff, 0x0010);
    }

    #[test]
    fn identity_is_read_only() {
        let mut space = space();

        space.write(0x00, 0, 0xf);

        assert_eq!(space.read32(0x00), 0x0b25_8086);
    }

    #[test]
    fn bytes_that_are_not_enabled_stay() {
        let mut space = space();

        space.write(COMMAND, 0x0106, 0b0001);

        assert_eq!(space.read32(COMMAND) & 0xffff, 0x0006);
    }

    #[test]
    fn msix_delivers_only_with_bus_master_and_without_function_mask() {
        let mut space = space();
        space.write(MSIX_CONTROL, MSIX_ENABLE, 0xf);
        assert!(!space.msix_delivers());

        space.write(COMMAND, BUS_MASTER, 0xf);
        assert!(space.msix_delivers());

        space.write(MSIX_CONTROL, MSIX_ENABLE | MSIX_FUNCTION_MASK, 0xf);
        assert!(!space.msix_delivers());
    }

    #[test]
    fn register_beyond_the_space_reads_ones() {
        assert_eq!(space().read32(0xfffc), u32::MAX);
    }
}
