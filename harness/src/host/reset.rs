// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Function Level Reset of the physical function: all that was handed out is lost.

use super::probe::CAP_PCIE;
use super::{Driver, DriverError};

impl Driver {
    /// Resets the function, whatever it is doing (PCIe 6.6.2), and retires the driver: commands,
    /// ADIs and address spaces of it end with [`DriverError::Retired`]. When this returns, the
    /// device is quiet, and another driver may be probed.
    ///
    /// No invalidation may be pending at the device, as it would never be completed.
    pub async fn reset_function(&self) -> Result<(), DriverError> {
        const DEVICE_CONTROL: u16 = 8;
        const INITIATE: u32 = 1 << 15;
        let cap = self.info.capability(CAP_PCIE);
        let cap = cap.ok_or(DriverError::Missing("PCI Express capability"))?;
        let (host, bdf) = (&self.host, self.info.bdf);
        let control = host.config_read32(bdf, cap + DEVICE_CONTROL).await?;
        // From here on the device gets no more answers to page requests: they may be of a life
        // that is over.
        self.iommu.retire();
        host.config_write(bdf, cap + DEVICE_CONTROL, control | INITIATE, 0b0011)
            .await?;
        // Answered when the reset is over.
        host.config_read32(bdf, cap + DEVICE_CONTROL).await?;
        self.retired.set(true);
        self.tasks.take().iter().for_each(|task| task.abort());
        self.misc.wake();
        Ok(())
    }

    /// An error if the function was reset since it was probed.
    pub(super) fn alive(&self) -> Result<(), DriverError> {
        match self.retired.get() {
            true => Err(DriverError::Retired),
            false => Ok(()),
        }
    }
}
