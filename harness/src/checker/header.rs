// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What can be said of a TLP without knowing any other: its header bits.

use super::rule::{Rule, Verdict, demand};
use crate::pcie::codec::TlpError;
use crate::pcie::tlp::{AddressType, Tlp, TlpRef};
use crate::pcie::{Bdf, Tag};

/// Reads a TLP, or says which rule its bits break.
pub(super) fn decode(words: &[u32]) -> Verdict<TlpRef<'_>> {
    let tlp = TlpRef::decode(words).map_err(rule_of)?;
    let prefixed = words[0] >> 29 == 0b100;
    let header = &words[usize::from(prefixed)..];
    if prefixed {
        demand(words[0] >> 20 & 3 == 0, Rule::HeaderReserved)?;
    }
    reserved(&tlp, header)?;
    let memory = matches!(
        tlp,
        Tlp::MemRead { .. } | Tlp::LockedRead { .. } | Tlp::MemWrite { .. } | Tlp::DmWr { .. }
    );
    demand(memory || header[0] >> 10 & 3 == 0, Rule::AddressType)?;
    Ok(tlp)
}

/// Bits that every TLP of this kind has 0.
fn reserved(tlp: &TlpRef<'_>, header: &[u32]) -> Verdict {
    const LN: u32 = 1 << 17;
    let zero = match tlp {
        Tlp::MemRead { request }
        | Tlp::LockedRead { request }
        | Tlp::MemWrite { request, .. }
        | Tlp::DmWr { request, .. } => {
            // In a Translation Request bit 0 is No Write (PCIe 10.2.2).
            let no_write = u32::from(request.at == AddressType::TranslationRequest);
            header[header_dwords(header) - 1] & 3 & !no_write
        }
        Tlp::ConfigRead { .. } | Tlp::ConfigWrite { .. } => header[2] & 0xf003,
        Tlp::Completion { .. } | Tlp::LockedCompletion { .. } => {
            (header[1] & 1 << 12) | (header[2] & 1 << 7)
        }
        Tlp::Message { .. } => 0,
    };
    demand(header[0] & LN == 0 && zero == 0, Rule::HeaderReserved)
}

/// Dwords of the header, prefix not counted.
pub(super) fn header_dwords(header: &[u32]) -> usize {
    3 + (header[0] >> 29 & 1) as usize
}

/// Requester and tag of dwords that may be anything.
pub(super) fn sender(words: &[u32]) -> Option<(Bdf, Tag)> {
    let header = &words[usize::from(*words.first()? >> 29 == 0b100)..];
    let (first, second) = (header.first()?, header.get(1)?);
    let tag = (first >> 23 & 1) << 9 | (first >> 19 & 1) << 8 | second >> 8 & 0xff;
    let requester = Bdf::from_raw((second >> 16) as u16);
    Some((requester, Tag::new(tag as u16)))
}

/// The status field of a completion, which a decoded one no longer has when it is reserved.
pub(super) fn raw_status(words: &[u32]) -> u32 {
    words[1] >> 13 & 7
}

fn rule_of(error: TlpError) -> Rule {
    match error {
        TlpError::Short { .. } => Rule::HeaderComplete,
        TlpError::Prefix { .. } => Rule::HeaderPrefix,
        TlpError::UnexpectedPrefix { .. } => Rule::PasidPlace,
        TlpError::Type { .. } => Rule::HeaderType,
        TlpError::Unsupported { .. } => Rule::HeaderReserved,
        TlpError::Length { .. } => Rule::PayloadLength,
        TlpError::ConfigLength { .. } => Rule::ConfigForm,
        TlpError::ByteEnables { .. } => Rule::ByteEnables,
        TlpError::TranslationRequest { .. } => Rule::AtsRequestForm,
        TlpError::Crosses4K { .. } => Rule::Crosses4K,
        TlpError::LowAddress64 { .. } => Rule::AddressFormat,
        TlpError::AddressType => Rule::AddressType,
        TlpError::Routing { .. } => Rule::MessageRouting,
    }
}
