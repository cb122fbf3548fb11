// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! MSI-X vector 0: command completion, software errors, halt.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use siov_firmware::regs;
use tokio::sync::{Mutex, Notify, mpsc};

use super::{Driver, DriverError};
use crate::dsa::SoftwareError;
use crate::pcie::MsiVector;

/// What vector 0 is about, and who wants to know.
#[derive(Debug, Default)]
pub(super) struct Misc {
    command: Notify,
    /// Held while an interrupt is being served.
    pub service: Mutex<()>,
    owners: RefCell<BTreeMap<u16, mpsc::UnboundedSender<SoftwareError>>>,
    unowned: RefCell<Vec<SoftwareError>>,
    halted: Cell<bool>,
}

impl Misc {
    /// Waits for the next command completion interrupt.
    pub async fn command_done(&self) {
        self.command.notified().await;
    }

    /// Wakes whoever waits for a command.
    pub fn wake(&self) {
        self.command.notify_one();
    }

    fn report(&self, error: SoftwareError) {
        let owners = self.owners.borrow();
        let owner = error.wq().and_then(|wq| owners.get(&wq));
        if owner.is_none_or(|owner| owner.send(error).is_err()) {
            self.unowned.borrow_mut().push(error);
        }
    }
}

impl Driver {
    /// Programs MSI-X vector 0, enables MSI-X and the interrupts behind the vector, and serves it
    /// from now on.
    pub(super) async fn start_misc_interrupt(self: &Rc<Self>) -> Result<(), DriverError> {
        let vector = self.program_msix()?;
        self.enable_msix().await?;
        let enables = regs::SIOV_GENCTRL_SWERROR_INT_EN_MASK | regs::SIOV_GENCTRL_HALT_INT_EN_MASK;
        self.registers.write32(regs::SIOV_GENCTRL_OFFSET, enables);
        let driver = Rc::clone(self);
        let task = tokio::task::spawn_local(async move {
            // An access that fails here fails for whoever waits for a command too, and is
            // reported there.
            let _ = driver.serve_misc(vector).await;
            driver.misc.wake();
        });
        self.tasks.borrow_mut().push(task.abort_handle());
        Ok(())
    }

    async fn serve_misc(&self, vector: MsiVector) -> Result<(), DriverError> {
        let mut seen = 0;
        loop {
            seen = vector.wait(seen).await.count;
            let _busy = self.misc.service.lock().await;
            let cause = self.registers.read32(regs::SIOV_INTCAUSE_OFFSET).await?;
            self.registers.write32(regs::SIOV_INTCAUSE_OFFSET, cause);
            if cause & regs::SIOV_INTCAUSE_HALT_MASK != 0 {
                self.misc.halted.set(true);
            }
            if cause & regs::SIOV_INTCAUSE_SWERROR_MASK != 0 {
                self.take_software_error().await?;
            }
            if cause & regs::SIOV_INTCAUSE_COMMAND_MASK != 0 {
                self.misc.wake();
            }
        }
    }

    /// Reads SWERROR, frees it for the next error, and passes the record to the queue's owner.
    async fn take_software_error(&self) -> Result<(), DriverError> {
        let mut error = SoftwareError::default();
        let offsets = [
            regs::SIOV_SWERROR0_OFFSET,
            regs::SIOV_SWERROR1_OFFSET,
            regs::SIOV_SWERROR2_OFFSET,
            regs::SIOV_SWERROR3_OFFSET,
        ];
        for (word, offset) in error.0.iter_mut().zip(offsets) {
            *word = self.registers.read64(offset).await?;
        }
        let clear = error.0[0] & SoftwareError::clear_bits();
        self.registers.write64(regs::SIOV_SWERROR0_OFFSET, clear);
        if error.valid() {
            self.misc.report(error);
        }
        Ok(())
    }

    /// Software errors of queue `wq` go to the receiver from now on.
    pub(super) fn own_errors(&self, wq: u16) -> mpsc::UnboundedReceiver<SoftwareError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.misc.owners.borrow_mut().insert(wq, sender);
        receiver
    }

    /// Software errors that belong to nobody, oldest first; forgets them.
    pub fn take_unowned_errors(&self) -> Vec<SoftwareError> {
        self.misc.unowned.take()
    }

    /// Whether the device has reported that it halted.
    pub fn halted(&self) -> bool {
        self.misc.halted.get()
    }
}
