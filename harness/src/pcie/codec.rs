// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs to dwords and back.
//!
//! A TLP is a dword slice: one PASID prefix dword if its bits 31:24 are 91h, then 3 or 4 header
//! dwords with header byte 4n in bits 31:24 of dword n, then the payload, little-endian.

/// The dwords are not a TLP, or one that nobody here understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlpError {
    /// Fewer dwords than the header needs.
    #[error("{dwords} dwords are too few for a header")]
    Short {
        /// Dwords there are.
        dwords: usize,
    },
}
