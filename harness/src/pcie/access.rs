// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What can go wrong when the host reads or writes the device.

use std::fmt;

use super::ids::Bdf;
use crate::endpoint::Cycle;

/// A host access that waits for its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read of a config register.
    ConfigRead {
        /// The function.
        bdf: Bdf,
        /// Byte offset of the register.
        offset: u16,
    },
    /// Write of a config register.
    ConfigWrite {
        /// The function.
        bdf: Bdf,
        /// Byte offset of the register.
        offset: u16,
    },
    /// Read of device memory.
    MemRead {
        /// First byte.
        address: u64,
        /// How many.
        bytes: u32,
    },
    /// Deferrable write of 64 bytes.
    Enqcmd {
        /// First byte.
        address: u64,
    },
}

/// What the device made of a deferrable write: ENQCMD says so in the zero flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Enqcmd {
    /// It has taken it.
    Accepted,
    /// It has not, and may take it later.
    Retry,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigRead { bdf, offset } => write!(f, "config read of {bdf} at {offset:#x}"),
            Self::ConfigWrite { bdf, offset } => write!(f, "config write to {bdf} at {offset:#x}"),
            Self::MemRead { address, bytes } => write!(f, "read of {bytes} bytes at {address:#x}"),
            Self::Enqcmd { address } => write!(f, "deferrable write to {address:#x}"),
        }
    }
}

/// A host access to the device failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The device answered Unsupported Request.
    #[error("{what}: unsupported request (UR)")]
    UnsupportedRequest {
        /// The access.
        what: Access,
    },
    /// The device answered Completer Abort.
    #[error("{what}: completer abort (CA)")]
    CompleterAbort {
        /// The access.
        what: Access,
    },
    /// The device answered Request Retry Status.
    #[error("{what}: request retry status (RRS)")]
    Retry {
        /// The access.
        what: Access,
    },
    /// The data came back poisoned.
    #[error("{what}: poisoned data")]
    Poisoned {
        /// The access.
        what: Access,
    },
    /// The completion does not fit the request.
    #[error("{what}: bad completion: {reason}")]
    BadCompletion {
        /// The access.
        what: Access,
        /// How.
        reason: &'static str,
    },
    /// No completion came in time.
    #[error("{what}: no completion from cycle {since} on for {cycles} cycles")]
    Timeout {
        /// The access.
        what: Access,
        /// When the request was sent.
        since: Cycle,
        /// How long it waited.
        cycles: u64,
    },
    /// A portal write that is not 64-byte aligned.
    #[error("portal write to {address:#x}: not 64-byte aligned")]
    UnalignedPortal {
        /// The address.
        address: u64,
    },
}
