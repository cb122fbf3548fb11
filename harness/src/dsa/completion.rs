// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The completion record, 32 bytes (DSA 8.2).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Status;

/// What the device writes to memory when a descriptor is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CompletionRecord {
    status: u8,
    /// Meaning depends on the operation.
    pub result: u8,
    /// Which operand faulted.
    pub fault_info: u8,
    reserved: u8,
    /// Bytes done before an error; 0 after success.
    pub bytes_completed: U32,
    /// Faulting address.
    pub fault_address: U64,
    /// Meaning depends on status and operation. Status 0x11: the offending flag bits.
    pub specific: [u8; 16],
}

impl CompletionRecord {
    /// Size and alignment in bytes.
    pub const SIZE: usize = size_of::<CompletionRecord>();

    /// The record in the first 32 bytes of `bytes`; `None` if there are fewer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read_from_prefix(bytes).ok().map(|(record, _)| record)
    }

    /// The status code; `Status::NONE` while the device has not written the record.
    pub fn status(&self) -> Status {
        Status::from_record(self.status)
    }

    /// Whether the faulting access was a write.
    pub fn fault_was_write(&self) -> bool {
        self.status & 0x80 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_fields_are_at_their_bytes() {
        let mut bytes = [0; CompletionRecord::SIZE];
        bytes[0] = 0x83;
        bytes[4..8].copy_from_slice(&0x1234_u32.to_le_bytes());
        bytes[8..16].copy_from_slice(&0xdead_b000_u64.to_le_bytes());

        let record = CompletionRecord::from_bytes(&bytes).unwrap();

        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert!(record.fault_was_write());
        assert_eq!(record.bytes_completed.get(), 0x1234);
        assert_eq!(record.fault_address.get(), 0xdead_b000);
    }

    #[test]
    fn short_buffer_holds_no_record() {
        assert_eq!(CompletionRecord::from_bytes(&[1; 31]), None);
    }
}
