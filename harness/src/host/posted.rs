// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Posted interrupts: how the interrupts of ADIs reach a virtual CPU without any software.

use super::{Driver, DriverError};
use crate::iommu::posted::PostedDescriptor;
use crate::mem::Hpa;

/// The posted-interrupt descriptor of one virtual CPU.
#[derive(Clone, Debug)]
pub struct PostedInterrupts {
    descriptor: PostedDescriptor,
}

impl PostedInterrupts {
    pub(super) fn descriptor(&self) -> Hpa {
        self.descriptor.address()
    }

    /// Lets interrupts collect in the descriptor without a notification, as while the virtual CPU
    /// does not run, or has them notified again.
    pub fn suppress(&self, suppress: bool) -> Result<(), DriverError> {
        self.descriptor.suppress(suppress)?;
        Ok(())
    }
}

impl Driver {
    /// A descriptor for a virtual CPU, with a notification vector of its own on a physical one.
    /// `deliver` is called with each vector that the physical CPU finds posted; it is part of the
    /// hardware, and must not use the root complex.
    pub fn post_interrupts(
        &self,
        mut deliver: impl FnMut(u8) + 'static,
    ) -> Result<PostedInterrupts, DriverError> {
        let memory = self.host.memory();
        let descriptor = PostedDescriptor::at(memory, memory.alloc_page()?);
        let (cpu, vector) = self.interrupts.borrow().cpu_vector()?;
        descriptor.set_notification(cpu, vector, false)?;
        let posted = descriptor.clone();
        self.host.on_notification(
            crate::iommu::interrupt_entry::cpu_message(cpu, vector),
            move || {
                // The descriptor is in memory: it was written above.
                for (i, word) in posted.take().into_iter().flatten().enumerate() {
                    for bit in (0..64).filter(|bit| word >> bit & 1 != 0) {
                        deliver((i * 64 + bit) as u8);
                    }
                }
            },
        );
        Ok(PostedInterrupts { descriptor })
    }
}
