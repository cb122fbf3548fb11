// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a fault does to the TLP it hits.

use serde::{Deserialize, Serialize};

/// A deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Sets EP: the payload is poisoned.
    Poison,
    /// A completion, or the answer to a device request, becomes Unsupported Request.
    UnsupportedRequest,
    /// A completion, or the answer to a device request, becomes Completer Abort.
    CompleterAbort,
    /// It never arrives.
    Drop,
    /// It comes so many cycles later; a completion with all others of its request.
    Delay(u32),
    /// It comes again so many cycles later.
    Duplicate(u32),
    /// One bit of the payload flips.
    CorruptData,
    /// The tag is one that nobody uses.
    CorruptTag,
    /// A completion names another function as its requester.
    CorruptRequester,
    /// Byte Count of a completion is wrong.
    CorruptByteCount,
    /// Lower Address of a completion is wrong.
    CorruptLowerAddress,
    /// The traffic class is another.
    CorruptAttributes,
    /// Completions of other requests overtake those of this one, as PCIe allows.
    Reorder,
    /// The next completion of the same request overtakes this one, as PCIe forbids.
    SwapPieces,
    /// A page request group response has this code.
    Response(u8),
    /// These bits of a Translation Completion's entry flip.
    FlipEntry(u64),
}

impl Deed {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poison => "poison",
            Self::UnsupportedRequest => "unsupported_request",
            Self::CompleterAbort => "completer_abort",
            Self::Drop => "drop",
            Self::Delay(_) => "delay",
            Self::Duplicate(_) => "duplicate",
            Self::CorruptData => "corrupt_data",
            Self::CorruptTag => "corrupt_tag",
            Self::CorruptRequester => "corrupt_requester",
            Self::CorruptByteCount => "corrupt_byte_count",
            Self::CorruptLowerAddress => "corrupt_lower_address",
            Self::CorruptAttributes => "corrupt_attributes",
            Self::Reorder => "reorder",
            Self::SwapPieces => "swap_pieces",
            Self::Response(_) => "response",
            Self::FlipEntry(_) => "flip_entry",
        }
    }
}
