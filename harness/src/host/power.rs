// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! D3hot: the function sleeps, and goes on where it was.

use tokio::sync::MutexGuard;

use super::{Driver, DriverError};

const CAP_PM: u8 = 0x01;
const CONTROL: u16 = 4;
const STATE: u32 = 3;
const D3HOT: u32 = 3;
const NO_SOFT_RESET: u32 = 1 << 3;

/// A function in D3hot. Until [`Asleep::wake`] its registers and portals may not be touched: reads
/// fail, and writes are lost (PCIe 5.3.1.4).
#[derive(Debug)]
pub struct Asleep<'a> {
    driver: &'a Driver,
    /// The driver answers no interrupt of the function, as it would read registers.
    _silence: MutexGuard<'a, ()>,
}

impl Driver {
    /// Puts the function into D3hot, whatever it is doing.
    pub async fn sleep_in_d3hot(&self) -> Result<Asleep<'_>, DriverError> {
        let silence = self.misc.service.lock().await;
        let asleep = Asleep {
            driver: self,
            _silence: silence,
        };
        asleep.enter(D3HOT).await?;
        Ok(asleep)
    }
}

impl Asleep<'_> {
    /// Puts the function back into D0.
    pub async fn wake(self) -> Result<(), DriverError> {
        self.enter(0).await
    }

    async fn enter(&self, state: u32) -> Result<(), DriverError> {
        let (host, info) = (&self.driver.host, &self.driver.info);
        let cap = info.capability(CAP_PM);
        let control = cap.ok_or(DriverError::Missing("Power Management capability"))? + CONTROL;
        let value = host.config_read32(info.bdf, control).await?;
        if value & NO_SOFT_RESET == 0 {
            // It would come back as if it had been reset.
            return Err(DriverError::Missing("No_Soft_Reset"));
        }
        let value = value & !STATE | state;
        Ok(host.config_write(info.bdf, control, value, 0b0011).await?)
    }
}
