// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What goes wrong at the port on purpose, and how rarely.

use std::ops::Range;

use crate::faults::{Deed, Fault, Kind, Match};
use crate::iommu::interrupt_entry::remappable_message;
use crate::pcie::Host;

/// Longer than a completion timeout, shorter than the rest of its tag.
const TOO_LATE: [u32; 2] = [6_000, 30_000];

/// Whether the device must not notice.
pub fn is_legal(deed: Deed) -> bool {
    // A copy that follows at once finds its request done, and is dropped.
    matches!(deed, Deed::Reorder | Deed::Duplicate(_))
        || matches!(deed, Deed::Delay(cycles) if !TOO_LATE.contains(&cycles))
}

/// Messages of IMS entries: completion interrupts, but not the function's own.
fn completion_interrupts() -> Range<u64> {
    const ENTRIES: u16 = 1_000;
    remappable_message(1).address..remappable_message(ENTRIES).address
}

/// Puts faults into all that follows.
pub fn inject(host: &Host) {
    /// Far enough apart for the host driver's second try to be heard.
    const LOST: u64 = 100;
    let [late, very_late] = TOO_LATE.map(Deed::Delay);
    let reads = [
        (400, Deed::UnsupportedRequest),
        (400, Deed::CompleterAbort),
        (400, Deed::Poison),
        (600, Deed::Drop),
        (800, late),
        (800, very_late),
        (800, Deed::CorruptTag),
        (800, Deed::CorruptRequester),
        (800, Deed::CorruptByteCount),
        (800, Deed::CorruptLowerAddress),
        (800, Deed::CorruptAttributes),
        (400, Deed::SwapPieces),
        (200, Deed::Duplicate(0)),
        (20, Deed::Reorder),
    ];
    let translations = [
        (200, Deed::UnsupportedRequest),
        (200, Deed::CompleterAbort),
        (200, Deed::Poison),
        (400, Deed::Drop),
        (800, late),
        (800, Deed::CorruptTag),
        (800, Deed::CorruptRequester),
        (800, Deed::CorruptAttributes),
        (200, Deed::Duplicate(0)),
        (10, Deed::Reorder),
    ];
    // Codes: invalid request, one that is reserved, failure.
    let responses = [1, 5, 15].map(|code| (300, Deed::Response(code)));
    let of = |kind| move |(one_in, deed)| (Match::new(kind).one_in(one_in), deed);
    let interrupts = [(40, Deed::Drop), (40, Deed::Duplicate(0))].map(|(one_in, deed)| {
        let matches = Match::new(Kind::Interrupt).addresses(completion_interrupts());
        (matches.one_in(one_in), deed)
    });
    let invalidations = Match::new(Kind::InvalidateRequest);
    let faults = reads
        .map(of(Kind::ReadCompletion))
        .into_iter()
        .chain(translations.map(of(Kind::TranslationCompletion)))
        .chain(responses.map(of(Kind::PageResponse)))
        .chain([of(Kind::PageResponse)((100, Deed::Duplicate(0)))])
        .chain(interrupts)
        .chain([
            of(Kind::Read)((1_500, Deed::Drop)),
            of(Kind::TranslationRequest)((1_000, Deed::Drop)),
            (invalidations.clone().every(LOST), Deed::Drop),
            (invalidations.one_in(4), Deed::Delay(500)),
        ]);
    for (matches, deed) in faults {
        host.inject(Fault { matches, deed });
    }
}
