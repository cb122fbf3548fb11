// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A virtual device: an ADI and everything around it that a guest expects of a PCI function.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::command::software_error;
use super::config::{self, ConfigSpace, Identity, byte_mask};
use super::msix::{COMPLETION, VECTORS};
use super::pages::{self, BAR0_SIZE, BAR2_SIZE, Target};
use super::registers::{Effect, MSIX, PBA, Registers, State};
use super::traps::{TrapCounter, Traps};
use crate::dsa::{SoftwareError, Status};
use crate::guest::{Apic, BusError, PciFunction};
use crate::host::{Adi, DriverError, PostedInterrupts};

/// A virtual device of one dedicated queue.
#[derive(Debug)]
pub struct Vdev {
    adi: RefCell<Rc<Adi>>,
    /// Portal pages lead to the ADI.
    mapped: Cell<bool>,
    identity: Identity,
    config: RefCell<ConfigSpace>,
    pub(super) registers: RefCell<Registers>,
    apic: Apic,
    posted: PostedInterrupts,
    traps: TrapCounter,
}

impl Vdev {
    /// Composes a virtual device of `adi`, whose interrupts are posted to `apic`. Starts a task that
    /// passes on the ADI's software errors.
    pub fn new(
        adi: Adi,
        errors: UnboundedReceiver<SoftwareError>,
        apic: Apic,
    ) -> Result<Rc<Self>, DriverError> {
        let physical = adi.driver().info();
        let identity = Identity {
            vendor_id: physical.vendor_id,
            device_id: physical.device_id,
            revision: physical.revision,
            class: physical.class,
            bar0_size: BAR0_SIZE,
            bar2_size: BAR2_SIZE,
            msix_entries: VECTORS as u16,
            msix_table: MSIX,
            msix_pba: PBA,
        };
        let registers = Registers::new(&adi);
        let vdev = Rc::new(Self {
            posted: apic.posted(adi.driver())?,
            adi: RefCell::new(Rc::new(adi)),
            mapped: Cell::new(true),
            identity,
            config: RefCell::new(ConfigSpace::new(&identity)),
            registers: RefCell::new(registers),
            apic,
            traps: TrapCounter::default(),
        });
        tokio::task::spawn_local(pass_on_errors(Rc::clone(&vdev), errors));
        Ok(vdev)
    }

    /// The ADI under it.
    pub fn adi(&self) -> Rc<Adi> {
        Rc::clone(&self.adi.borrow())
    }

    /// The ADI is about to be lost: the guest's portal pages lead nowhere from now on.
    pub fn withdraw(&self) {
        self.mapped.set(false);
        self.set_fast_path(false);
    }

    /// Gives the guest another ADI in place of one that was lost. The guest finds its device
    /// halted; a Function Level Reset of it brings the portal pages back.
    pub async fn renew(
        self: &Rc<Self>,
        adi: Adi,
        errors: UnboundedReceiver<SoftwareError>,
    ) -> Result<(), DriverError> {
        self.adi.replace(Rc::new(adi));
        tokio::task::spawn_local(pass_on_errors(Rc::clone(self), errors));
        let error = software_error(Status::CONFIG_CHANGED);
        self.registers.borrow_mut().halt(error);
        self.update_interrupts().await
    }

    /// Traps so far.
    pub fn traps(&self) -> Traps {
        self.traps.get()
    }

    /// Whether descriptors run from now on, for the count of traps.
    pub fn set_fast_path(&self, fast_path: bool) {
        self.traps.set_fast_path(fast_path && self.mapped.get());
    }

    /// Whether the guest lets the device do DMA and interrupt.
    pub(super) fn bus_master(&self) -> bool {
        self.config.borrow().bus_master()
    }

    /// Routes the ADI's interrupt as the guest has programmed its vector, masks it if the guest has
    /// masked the vector in any way, and sends the emulated vector if it waits and may be sent.
    pub(super) async fn update_interrupts(&self) -> Result<(), DriverError> {
        let adi = self.adi();
        if !self.interrupt_masked() {
            let vector = self.registers.borrow().msix.message(COMPLETION).data as u8;
            adi.route_interrupt(&self.posted, vector).await?;
        }
        adi.mask_interrupt(self.interrupt_masked());
        let delivers = self.config.borrow().msix_delivers();
        let message = self.registers.borrow_mut().msix.take_misc(delivers);
        if let Some(msi) = message {
            self.apic.raise(msi);
        }
        Ok(())
    }

    fn interrupt_masked(&self) -> bool {
        !self.config.borrow().msix_delivers() || self.registers.borrow().msix.masked(COMPLETION)
    }

    /// Function Level Reset: the ADI loses its work, the rest is as new.
    async fn reset_function(&self) -> Result<(), DriverError> {
        let adi = self.adi();
        adi.reset().await?;
        self.registers.replace(Registers::new(&adi));
        self.mapped.set(true);
        self.config.replace(ConfigSpace::new(&self.identity));
        Ok(())
    }

    /// The guest has taken bus mastering from an enabled device: its work is abandoned.
    async fn halt(&self) -> Result<(), DriverError> {
        self.adi().reset().await?;
        let error = software_error(Status::CONFIG_CHANGED);
        self.registers.borrow_mut().halt(error);
        Ok(())
    }

    /// Where an access of the guest goes.
    fn resolve(&self, address: u64, bytes: usize) -> Target {
        match pages::resolve(&self.config.borrow(), &self.adi.borrow(), address, bytes) {
            Target::Direct(_) if !self.mapped.get() => Target::Nothing,
            target => target,
        }
    }

    async fn read_register(&self, offset: u32) -> Result<u32, DriverError> {
        if offset != PBA {
            return Ok(self.registers.borrow().read32(offset));
        }
        let completion = self.adi().interrupt_pending().await?;
        let misc = self.registers.borrow().msix.misc_pending();
        Ok(u32::from(misc) | u32::from(completion) << COMPLETION)
    }

    async fn write_register(&self, offset: u32, value: u32, mask: u32) -> Result<(), DriverError> {
        let effect = self.registers.borrow_mut().write32(offset, value, mask);
        match effect {
            Effect::None => {}
            Effect::Command(word) => self.command(word).await?,
            Effect::Interrupts => self.update_interrupts().await?,
        }
        Ok(())
    }
}

impl PciFunction for Vdev {
    async fn config_read32(&self, offset: u16) -> Result<u32, BusError> {
        self.traps.count();
        Ok(self.config.borrow().read32(offset))
    }

    async fn config_write(
        &self,
        offset: u16,
        value: u32,
        byte_enables: u8,
    ) -> Result<(), BusError> {
        self.traps.count();
        let written = value & byte_mask(byte_enables);
        if offset == config::DEVICE_CONTROL && written & config::INITIATE_FLR != 0 {
            self.reset_function().await?;
            return Ok(());
        }
        self.config.borrow_mut().write(offset, value, byte_enables);
        if !self.bus_master() && self.registers.borrow().device == State::Enabled {
            self.halt().await?;
        }
        self.update_interrupts().await?;
        Ok(())
    }

    async fn load(&self, address: u64, data: &mut [u8]) -> Result<(), BusError> {
        let target = self.resolve(address, data.len());
        match target {
            Target::Direct(physical) => {
                let adi = self.adi();
                let host = adi.driver().host();
                host.read(physical, data).await.map_err(DriverError::from)?;
            }
            Target::Registers(offset) => {
                self.traps.count();
                let mut next = offset;
                for bytes in by_dword(offset, data) {
                    let word = self.read_register(next & !3).await?.to_le_bytes();
                    let first = (next & 3) as usize;
                    bytes.copy_from_slice(&word[first..first + bytes.len()]);
                    next += bytes.len() as u32;
                }
            }
            Target::Nothing => {
                self.traps.count();
                data.fill(0xff);
            }
        }
        Ok(())
    }

    async fn store(&self, address: u64, data: &[u8]) -> Result<(), BusError> {
        let target = self.resolve(address, data.len());
        match target {
            Target::Direct(physical) => self.adi().driver().host().write(physical, data),
            Target::Registers(offset) => {
                self.traps.count();
                for (offset, value, mask) in dwords(offset, data) {
                    self.write_register(offset, value, mask).await?;
                }
            }
            Target::Nothing => self.traps.count(),
        }
        Ok(())
    }

    async fn store64(&self, address: u64, data: &[u8; 64]) -> Result<(), BusError> {
        let target = self.resolve(address, data.len());
        match target {
            Target::Direct(physical) => {
                let adi = self.adi();
                let host = adi.driver().host();
                host.write_portal(physical, data)
                    .map_err(DriverError::from)?;
            }
            // No register takes 64 bytes.
            Target::Registers(_) | Target::Nothing => self.traps.count(),
        }
        Ok(())
    }
}

/// The bytes of an access at `offset`, cut where aligned dwords end.
fn by_dword(offset: u32, data: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let first = (offset.next_multiple_of(4) - offset) as usize;
    let (head, tail) = data.split_at_mut(first.min(data.len()));
    std::iter::once(head)
        .filter(|head| !head.is_empty())
        .chain(tail.chunks_mut(4))
}

/// A write cut into aligned dwords: offset, value, and mask of the bytes written.
fn dwords(offset: u32, data: &[u8]) -> impl Iterator<Item = (u32, u32, u32)> {
    let end = offset + data.len() as u32;
    (offset & !3..end).step_by(4).map(move |dword| {
        let mut value = [0; 4];
        let mut mask = [0; 4];
        for i in 0..4 {
            let byte = (dword + i as u32)
                .checked_sub(offset)
                .and_then(|b| data.get(b as usize));
            if let Some(&byte) = byte {
                value[i] = byte;
                mask[i] = 0xff;
            }
        }
        (dword, u32::from_le_bytes(value), u32::from_le_bytes(mask))
    })
}

/// Shows the ADI's software errors to the guest.
async fn pass_on_errors(vdev: Rc<Vdev>, mut errors: UnboundedReceiver<SoftwareError>) {
    while let Some(error) = errors.recv().await {
        vdev.registers.borrow_mut().set_error(error.for_guest());
        // What fails here fails for whoever uses the device next, and is reported there.
        let _ = vdev.update_interrupts().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unaligned_read_is_cut_where_dwords_end() {
        let mut data = [0; 9];

        let lengths: Vec<usize> = by_dword(6, &mut data).map(|bytes| bytes.len()).collect();

        assert_eq!(lengths, [2, 4, 3]);
    }

    #[test]
    fn unaligned_write_is_cut_into_dwords_with_masks() {
        let pieces: Vec<_> = dwords(6, &[0x11, 0x22, 0x33]).collect();

        assert_eq!(pieces, [(4, 0x2211_0000, 0xffff_0000), (8, 0x33, 0xff)]);
    }
}
