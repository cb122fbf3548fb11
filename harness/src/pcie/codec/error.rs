// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What can be wrong with a TLP's dwords.

/// The dwords are not a TLP, or not one that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlpError {
    /// Fewer dwords than the header needs.
    #[error("{dwords} dwords are too few for a header of {needed}")]
    Short {
        /// Dwords there are, prefix not counted.
        dwords: usize,
        /// Dwords of the header.
        needed: usize,
    },
    /// A TLP prefix other than PASID.
    #[error("TLP prefix {prefix:#010x} is not a PASID prefix")]
    Prefix {
        /// The prefix.
        prefix: u32,
    },
    /// A PASID prefix in front of a TLP that must not have one.
    #[error("PASID prefix on a TLP of type {fmt_type:#04x}")]
    UnexpectedPrefix {
        /// Fmt and Type.
        fmt_type: u8,
    },
    /// Fmt and Type are reserved or of a request that is not supported (I/O, locked, atomic).
    #[error("type {fmt_type:#04x} (Fmt 7:5, Type 4:0) is reserved or not supported")]
    Type {
        /// Fmt and Type.
        fmt_type: u8,
    },
    /// A feature that is not supported.
    #[error("{what} is not supported")]
    Unsupported {
        /// Its name.
        what: &'static str,
    },
    /// Header and payload disagree.
    #[error("Length says {length} dwords of payload, there are {payload}")]
    Length {
        /// What the header says.
        length: usize,
        /// What there is.
        payload: usize,
    },
    /// Length other than 1 in a configuration request.
    #[error("configuration request with Length {length}")]
    ConfigLength {
        /// What the header says.
        length: u16,
    },
    /// Byte enables that PCIe 2.2.5 forbids.
    #[error("byte enables first {first:04b} last {last:04b} at {address:#x} for {length} dwords")]
    ByteEnables {
        /// First DW BE.
        first: u8,
        /// Last DW BE.
        last: u8,
        /// The address.
        address: u64,
        /// Dwords.
        length: u16,
    },
    /// A Translation Request that does not ask for whole quadwords (PCIe 10.2.2).
    #[error(
        "Translation Request of {length} dwords, byte enables first {first:04b} last {last:04b}"
    )]
    TranslationRequest {
        /// First DW BE.
        first: u8,
        /// Last DW BE.
        last: u8,
        /// Dwords.
        length: u16,
    },
    /// The request crosses a 4 KiB boundary.
    #[error("request for {length} dwords at {address:#x} crosses a 4 KiB boundary")]
    Crosses4K {
        /// The address.
        address: u64,
        /// Dwords.
        length: u16,
    },
    /// A 4-dword header for an address below 4 GiB.
    #[error("64-bit address {address:#x} is below 4 GiB")]
    LowAddress64 {
        /// The address.
        address: u64,
    },
    /// AT = 11b.
    #[error("reserved address type 11b")]
    AddressType,
    /// A message with a reserved routing.
    #[error("reserved message routing {routing:03b}")]
    Routing {
        /// Field rrr.
        routing: u8,
    },
}
