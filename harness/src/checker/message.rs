// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Messages: who may send which, how, and with what (PCIe 2.2.8).

use super::config::Limits;
use super::rule::{Rule, Verdict, demand};
use crate::pcie::Direction;
use crate::pcie::tlp::{Message, Routing};

pub(super) const INVALIDATE_REQUEST: u8 = 0x01;
pub(super) const INVALIDATE_COMPLETION: u8 = 0x02;
pub(super) const PAGE_REQUEST: u8 = 0x04;
pub(super) const PRG_RESPONSE: u8 = 0x05;
const ERR_COR: u8 = 0x30;
const ERR_NONFATAL: u8 = 0x31;
const ERR_FATAL: u8 = 0x33;
const VENDOR_0: u8 = 0x7e;
const VENDOR_1: u8 = 0x7f;

/// What a message code demands.
struct Form {
    routing: Routing,
    from_device: bool,
    dwords: usize,
    any_tc: bool,
}

fn form(code: u8) -> Option<Form> {
    let form = |routing, from_device| Form {
        routing,
        from_device,
        dwords: 0,
        any_tc: false,
    };
    Some(match code {
        INVALIDATE_REQUEST => Form {
            dwords: 2,
            any_tc: true,
            ..form(Routing::Id, false)
        },
        INVALIDATE_COMPLETION => Form {
            any_tc: true,
            ..form(Routing::Id, true)
        },
        PAGE_REQUEST | 0x18 | ERR_COR | ERR_NONFATAL | ERR_FATAL => {
            form(Routing::RootComplex, true)
        }
        PRG_RESPONSE => form(Routing::Id, false),
        0x00 | 0x19 => form(Routing::Broadcast, false),
        0x10 | 0x20..=0x27 | 0x52 => form(Routing::Local, true),
        0x12 | 0x14 => form(Routing::Local, false),
        0x1b => form(Routing::Gather, true),
        0x50 => Form {
            dwords: 1,
            ..form(Routing::Local, false)
        },
        _ => return None,
    })
}

/// The rules that need no other TLP.
pub(super) fn check(
    message: &Message,
    data: &[u32],
    direction: Direction,
    limits: &Limits,
) -> Verdict {
    let code = message.code;
    let with_pasid = [INVALIDATE_REQUEST, PAGE_REQUEST, PRG_RESPONSE];
    demand(
        message.pasid.is_none() || with_pasid.contains(&code),
        Rule::PasidPlace,
    )?;
    if [VENDOR_0, VENDOR_1].contains(&code) {
        return Ok(());
    }
    let form = form(code).ok_or(Rule::MessageCode)?;
    let from_device = direction == Direction::FromDevice;
    demand(form.from_device == from_device, Rule::MessageCode)?;
    demand(message.routing == form.routing, Rule::MessageRouting)?;
    demand(message.attr.tc == 0 || form.any_tc, Rule::MessageTc)?;
    demand(data.len() == form.dwords, Rule::MessageData)?;
    let enabled = match code {
        ERR_COR => limits.correctable,
        ERR_NONFATAL => limits.non_fatal,
        ERR_FATAL => limits.fatal,
        _ => true,
    };
    demand(enabled, Rule::ErrorMessage)
}
