// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Work queues, dedicated and shared: what can be commanded of either.

use std::rc::Rc;

use super::{Driver, DriverError, WqConfig};
use crate::dsa::{Command, PortalPage, portal_address};

/// A configured queue, with what its kind adds: [`Adi`](super::Adi) or
/// [`SharedWq`](super::SharedWq).
#[derive(Debug)]
pub struct Wq<Kind> {
    pub(super) driver: Rc<Driver>,
    pub(super) config: WqConfig,
    pub(super) kind: Kind,
}

impl<Kind> Wq<Kind> {
    /// The driver it comes from.
    pub fn driver(&self) -> &Rc<Driver> {
        &self.driver
    }

    /// How it is configured.
    pub fn wq(&self) -> &WqConfig {
        &self.config
    }

    /// Physical address of one of its portal pages.
    pub fn portal(&self, page: PortalPage) -> u64 {
        self.driver.portals + portal_address(self.config.index, page)
    }

    /// Lets the queue accept descriptors.
    pub async fn enable(&self) -> Result<(), DriverError> {
        self.run(Command::EnableWq(self.config.index)).await
    }

    /// Finishes the queue's descriptors and disables it.
    pub async fn disable(&self) -> Result<(), DriverError> {
        self.run(Command::DisableWq(self.config.index)).await
    }

    /// Waits until everything accepted so far has its effect, whosever it is: data, records,
    /// interrupts.
    pub async fn drain(&self) -> Result<(), DriverError> {
        self.run(Command::DrainWq(self.config.index)).await
    }

    /// Abandons the queue's descriptors, whosever they are.
    pub async fn abort(&self) -> Result<(), DriverError> {
        self.run(Command::AbortWq(self.config.index)).await
    }

    pub(super) async fn run(&self, command: Command) -> Result<(), DriverError> {
        self.driver.command(command).await.map(drop)
    }
}
