// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The software error record, 32 bytes (DSA 9.2.15).

use siov_firmware::regs;

use super::Status;
use super::field::{get, put};

/// The four quadwords of the SWERROR register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftwareError(pub [u64; 4]);

impl SoftwareError {
    /// Whether the register holds a record.
    pub fn valid(&self) -> bool {
        self.0[0] & u64::from(regs::SIOV_SWERROR0_VALID_MASK) != 0
    }

    /// Whether a further error was dropped.
    pub fn overflow(&self) -> bool {
        self.0[0] & u64::from(regs::SIOV_SWERROR0_OVERFLOW_MASK) != 0
    }

    /// What happened.
    pub fn status(&self) -> Status {
        Status::from_code(get(self.0[0], regs::SIOV_SWERROR0_ERROR_MASK) as u8)
    }

    /// The queue it happened on, if it belongs to one.
    pub fn wq(&self) -> Option<u16> {
        let valid = self.0[0] & u64::from(regs::SIOV_SWERROR0_WQ_VALID_MASK) != 0;
        valid.then(|| get(self.0[0], regs::SIOV_SWERROR0_WQ_INDEX_MASK) as u16)
    }

    /// The record as the owner of queue 0 of a virtual device may see it: its own queue number, no
    /// host PASID.
    #[must_use]
    pub fn for_guest(&self) -> Self {
        let hidden = u64::from(regs::SIOV_SWERROR0_WQ_INDEX_MASK) | regs::SIOV_SWERROR0_PASID_MASK;
        let mut record = *self;
        record.0[0] &= !hidden;
        record
    }

    /// The valid and overflow bits, which are cleared by writing 1.
    pub fn clear_bits() -> u64 {
        put(regs::SIOV_SWERROR0_VALID_MASK, 1_u32) | put(regs::SIOV_SWERROR0_OVERFLOW_MASK, 1_u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_names_status_and_queue() {
        let error = SoftwareError([0x0000_0500_0003_1b0d, 0, 0, 0]);

        assert!(error.valid());
        assert!(!error.overflow());
        assert_eq!(error.status(), Status::COMPLETION_ADDRESS_MISALIGNED);
        assert_eq!(error.wq(), Some(3));
    }

    #[test]
    fn guest_sees_neither_the_physical_queue_nor_the_host_pasid() {
        let error = SoftwareError([0x0000_0500_0003_1b0d, 0, 0x1000, 0]);

        assert_eq!(
            error.for_guest(),
            SoftwareError([0x0000_0000_0000_1b0d, 0, 0x1000, 0])
        );
    }
}
