// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Rules of single requests.

use super::config::Limits;
use super::rule::{Rule, Verdict, demand};
use crate::pcie::Tag;
use crate::pcie::tlp::{AddressType, Attributes, ConfigRequest, MemRequest, PasidPrefix};

/// Attributes that must be enabled.
pub(super) fn attributes(attr: &Attributes, limits: &Limits) -> Verdict {
    demand(limits.relaxed || !attr.relaxed, Rule::Relaxed)?;
    demand(limits.no_snoop || !attr.no_snoop, Rule::NoSnoop)?;
    demand(limits.id_ordering || !attr.ido, Rule::IdOrdering)
}

/// A PASID prefix, where it is allowed.
pub(super) fn prefix(prefix: &PasidPrefix, limits: &Limits) -> Verdict {
    demand(limits.pasid, Rule::PasidEnable)?;
    demand(
        (limits.privileged || !prefix.privileged) && (limits.execute || !prefix.execute),
        Rule::PasidModes,
    )
}

/// The PASID of a memory request.
pub(super) fn pasid(request: &MemRequest, limits: &Limits) -> Verdict {
    let Some(found) = &request.pasid else {
        return Ok(());
    };
    prefix(found, limits)?;
    let translated = request.at == AddressType::Translated;
    demand(limits.translated_with_pasid || !translated, Rule::AtsPasid)
}

/// Tags by what is enabled (PCIe 2.2.6.2).
pub(super) fn tag_range(tag: Tag, limits: &Limits) -> Verdict {
    let tag = tag.raw();
    let legal = match tag {
        0..32 => true,
        32..256 => limits.tags_8,
        _ => limits.tags_10,
    };
    demand(legal, Rule::TagRange)
}

/// A Translation Request with NW in the address is still a request for whole pages.
pub(super) fn translation_form(request: &MemRequest, boundary: u64) -> Verdict {
    let length = request.length;
    let whole = request.first_be == 0xf && request.last_be == 0xf;
    let aligned = request.address & 0xffc == 0;
    let short = u64::from(length) * 4 <= boundary;
    demand(
        whole && aligned && short && length.is_multiple_of(2) && !request.attr.no_snoop,
        Rule::AtsRequestForm,
    )
}

/// Only devices translate.
pub(super) fn not_translated(request: &MemRequest) -> Verdict {
    demand(request.at == AddressType::Untranslated, Rule::AddressType)?;
    demand(request.pasid.is_none(), Rule::PasidPlace)
}

/// What is fixed in configuration requests.
pub(super) fn config_form(request: &ConfigRequest) -> Verdict {
    demand(request.attr == Attributes::default(), Rule::ConfigForm)
}
