// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Where the interrupts of a guest arrive.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::host::{Driver, DriverError, PostedInterrupts};
use crate::iommu::interrupt_entry::cpu_message;
use crate::pcie::Msi;

type Vectors = RefCell<BTreeMap<Msi, Rc<Vector>>>;

/// The interrupt controller of one virtual machine. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct Apic {
    vectors: Rc<Vectors>,
    posted: Rc<OnceCell<PostedInterrupts>>,
}

/// One message of a guest: how often it came.
#[derive(Debug, Default)]
pub struct Vector {
    count: Cell<u64>,
    raised: Notify,
}

impl Apic {
    /// Delivers an interrupt.
    pub fn raise(&self, msi: Msi) {
        raise(&self.vectors, msi);
    }

    /// Where devices post interrupts of the machine's one virtual CPU.
    pub fn posted(&self, driver: &Driver) -> Result<PostedInterrupts, DriverError> {
        const CPU: u32 = 0;
        if let Some(posted) = self.posted.get() {
            return Ok(posted.clone());
        }
        // No handle to itself: the notification outlives the machine.
        let vectors = Rc::downgrade(&self.vectors);
        let posted = driver.post_interrupts(move |vector| {
            if let Some(vectors) = vectors.upgrade() {
                raise(&vectors, cpu_message(CPU, vector));
            }
        })?;
        Ok(self.posted.get_or_init(|| posted).clone())
    }

    /// The vector of a message.
    pub fn vector(&self, msi: Msi) -> Rc<Vector> {
        Rc::clone(self.vectors.borrow_mut().entry(msi).or_default())
    }
}

fn raise(vectors: &Vectors, msi: Msi) {
    let vector = Rc::clone(vectors.borrow_mut().entry(msi).or_default());
    vector.count.set(vector.count.get() + 1);
    vector.raised.notify_waiters();
}

impl Vector {
    /// Interrupts so far.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Waits until more than `seen` interrupts have come.
    pub async fn wait(&self, seen: u64) {
        while self.count.get() <= seen {
            // Nothing else runs between the look at the count and the first poll of this future.
            self.raised.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSI: Msi = Msi {
        address: 0xfee0_0000,
        data: 0x31,
    };

    #[test]
    fn interrupts_are_counted_for_each_message_apart() {
        let apic = Apic::default();

        apic.raise(MSI);
        apic.raise(MSI);

        assert_eq!(apic.vector(MSI).count(), 2);
        assert_eq!(apic.vector(Msi { data: 0x32, ..MSI }).count(), 0);
    }

    #[tokio::test]
    async fn wait_returns_at_once_if_the_interrupt_has_come() {
        let apic = Apic::default();
        apic.raise(MSI);

        apic.vector(MSI).wait(0).await;
    }
}
