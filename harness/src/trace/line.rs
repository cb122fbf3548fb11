// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One TLP as a flat JSON object. Fields that a TLP does not have are left out.

use serde::Serialize;

use crate::endpoint::Cycle;
use crate::pcie::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, Message,
    PasidPrefix, Routing, Tlp, TlpRef,
};
use crate::pcie::{Bdf, Direction, Tag, TlpEvent};

/// A line of the trace. Numbers that people read in hexadecimal are strings.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    cycle: Cycle,
    dir: Option<Direction>,
    tlp: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwords: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_be: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_be: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<AddressType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pasid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CompletionStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_count: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<Routing>,
    #[serde(skip_serializing_if = "zero")]
    tc: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    /// All dwords.
    hex: String,
}

fn zero(value: &u8) -> bool {
    *value == 0
}

impl Line {
    pub fn new(event: &TlpEvent<'_>) -> Self {
        let mut line = match TlpRef::decode(event.words) {
            Ok(tlp) => Self::of_tlp(&tlp),
            Err(error) => Self {
                tlp: "malformed",
                error: Some(error.to_string()),
                ..Self::default()
            },
        };
        line.cycle = event.cycle;
        line.dir = Some(event.direction);
        let dwords: Vec<_> = event
            .words
            .iter()
            .map(|dword| format!("{dword:08x}"))
            .collect();
        line.hex = dwords.join(" ");
        line
    }

    fn of_tlp(tlp: &TlpRef<'_>) -> Self {
        match tlp {
            Tlp::MemRead { request } => Self::of_memory("mem_read", request),
            Tlp::LockedRead { request } => Self::of_memory("locked_read", request),
            Tlp::MemWrite { request, .. } => Self::of_memory("mem_write", request),
            Tlp::DmWr { request, .. } => Self::of_memory("dmwr", request),
            Tlp::ConfigRead { request } => Self::of_config("config_read", request),
            Tlp::ConfigWrite { request, .. } => Self::of_config("config_write", request),
            Tlp::Completion { completion, data } => {
                Self::of_completion("completion", completion, data)
            }
            Tlp::LockedCompletion { completion, data } => {
                Self::of_completion("locked_completion", completion, data)
            }
            Tlp::Message { message, data } => Self::of_message(message, data),
        }
    }

    fn named(tlp: &'static str, requester: Bdf, tag: Option<Tag>, attr: &Attributes) -> Self {
        let flags = [
            (attr.relaxed, "relaxed"),
            (attr.no_snoop, "no_snoop"),
            (attr.ido, "ido"),
            (attr.poisoned, "poisoned"),
        ];
        Self {
            tlp,
            requester: Some(requester.to_string()),
            tag: tag.map(Tag::raw),
            tc: attr.tc,
            flags: flags
                .iter()
                .filter(|flag| flag.0)
                .map(|flag| flag.1)
                .collect(),
            ..Self::default()
        }
    }

    fn with_pasid(mut self, prefix: Option<PasidPrefix>) -> Self {
        if let Some(prefix) = prefix {
            self.pasid = Some(prefix.pasid.to_string());
            self.flags.extend(prefix.privileged.then_some("privileged"));
            self.flags.extend(prefix.execute.then_some("execute"));
        }
        self
    }

    fn of_memory(name: &'static str, request: &MemRequest) -> Self {
        // The tag of a posted write means nothing.
        let tag = (name != "mem_write").then_some(request.tag);
        let translated = request.at != AddressType::Untranslated;
        Self {
            address: Some(format!("{:#x}", request.address)),
            dwords: Some(request.length),
            first_be: Some(format!("{:04b}", request.first_be)),
            last_be: Some(format!("{:04b}", request.last_be)),
            at: translated.then_some(request.at),
            ..Self::named(name, request.requester, tag, &request.attr)
        }
        .with_pasid(request.pasid)
    }

    fn of_config(name: &'static str, request: &ConfigRequest) -> Self {
        Self {
            target: Some(request.target.to_string()),
            address: Some(format!("{:#x}", request.register)),
            first_be: Some(format!("{:04b}", request.first_be)),
            ..Self::named(name, request.requester, Some(request.tag), &request.attr)
        }
    }

    fn of_completion(name: &'static str, completion: &Completion, data: &[u32]) -> Self {
        let (requester, tag) = (completion.requester, Some(completion.tag));
        Self {
            completer: Some(completion.completer.to_string()),
            dwords: Some(data.len() as u16),
            status: Some(completion.status),
            byte_count: Some(completion.byte_count),
            lower_address: Some(format!("{:#x}", completion.lower_address)),
            ..Self::named(name, requester, tag, &completion.attr)
        }
    }

    fn of_message(message: &Message, data: &[u32]) -> Self {
        Self {
            dwords: Some(data.len() as u16),
            code: Some(format!("{:#04x}", message.code)),
            routing: Some(message.routing),
            ..Self::named(
                "message",
                message.requester,
                Some(message.tag),
                &message.attr,
            )
        }
        .with_pasid(message.pasid)
    }
}
