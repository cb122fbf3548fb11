// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Operation status codes (DSA 3.13).

use std::fmt;

/// The status code of a completion record or of the software error register. Open: a device may
/// write any value, so that every value has a representation, and the known ones have names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u8);

macro_rules! statuses {
    ($($(#[$doc:meta])* $id:ident = $code:literal, $name:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $id: Status = Status($code);)*

            /// Every code that has a name, in ascending order.
            pub const KNOWN: &'static [Status] = &[$(Status::$id),*];

            /// The name used in scenario files and reports, if the code is a known one.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Status::$id => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// Not written yet. Hardware never writes it.
    NONE = 0x00, "none";
    /// Done.
    SUCCESS = 0x01, "success";
    /// Done, and the result is not the one asked for.
    SUCCESS_FALSE_PREDICATE = 0x02, "success_false_predicate";
    /// A page fault ended the operation early.
    PAGE_FAULT = 0x03, "page_fault";
    /// A page request was answered with an error.
    PAGE_REQUEST_FAILED = 0x04, "page_request_failed";
    /// Operation code unknown, or not allowed on this queue.
    BAD_OPCODE = 0x10, "bad_opcode";
    /// A flag that is reserved, unsupported, or missing.
    INVALID_FLAGS = 0x11, "invalid_flags";
    /// A reserved field is not zero.
    NONZERO_RESERVED = 0x12, "nonzero_reserved";
    /// Transfer size zero, or above the queue's limit.
    BAD_TRANSFER_SIZE = 0x13, "bad_transfer_size";
    /// Buffers overlap where they must not.
    OVERLAPPING_BUFFERS = 0x16, "overlapping_buffers";
    /// Interrupt handle out of range, not allocated, or of another PASID.
    BAD_INTERRUPT_HANDLE = 0x19, "bad_interrupt_handle";
    /// The completion record's address does not translate.
    COMPLETION_ADDRESS_FAULT = 0x1a, "completion_address_fault";
    /// The completion record's address is not a multiple of 32.
    COMPLETION_ADDRESS_MISALIGNED = 0x1b, "completion_address_misaligned";
    /// An address, size or stride is misaligned.
    MISALIGNED = 0x1c, "misaligned";
    /// The traffic class is mapped to no virtual channel.
    TRAFFIC_CLASS = 0x1e, "traffic_class";
    /// A read ended with Unsupported Request, Completer Abort, poison, or no answer.
    READ_ERROR = 0x20, "read_error";
    /// A write ended with an error the device could see.
    WRITE_ERROR = 0x21, "write_error";
    /// The translation service answered with an error.
    TRANSLATION_ERROR = 0x22, "translation_error";
    /// PASID, ATS or PRI enable, or Bus Master Enable, was changed while the device was enabled.
    CONFIG_CHANGED = 0x51, "config_changed";
    /// A command was written while another was active.
    COMMAND_OVERRUN = 0x52, "command_overrun";
    /// A descriptor came to a full dedicated queue and was dropped.
    QUEUE_OVERFLOW = 0x53, "queue_overflow";
}

impl Status {
    /// The status in byte 0 of a completion record; bit 7 says read or write, bit 6 is unused.
    pub fn from_record(byte: u8) -> Status {
        Status(byte & 0x3f)
    }

    /// The status with code `code`.
    pub fn from_code(code: u8) -> Status {
        Status(code)
    }

    /// The code.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The known status of that name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::KNOWN
            .iter()
            .copied()
            .find(|s| s.name() == Some(name))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#04x})", self.0),
            None => write!(f, "unknown status {:#04x}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_status_is_found_by_its_name() {
        for &status in Status::KNOWN {
            assert_eq!(status.name().and_then(Status::from_name), Some(status));
        }
    }

    #[test]
    fn read_write_bit_of_a_record_is_not_part_of_the_status() {
        assert_eq!(Status::from_record(0x83), Status::PAGE_FAULT);
    }

    #[test]
    fn unknown_status_prints_its_code() {
        assert_eq!(Status::from_code(0x3e).to_string(), "unknown status 0x3e");
    }
}
