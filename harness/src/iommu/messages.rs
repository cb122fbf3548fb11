// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! ATS and page request messages (PCIe 10.3, 10.4), and the content of Translation Completions.

use super::descriptor::{DeviceInvalidation, GroupResponse, Pages};
use crate::pcie::tlp::{Attributes, Message, PasidPrefix, Routing};
use crate::pcie::{Bdf, Tag};

/// Quadword of a Translation Completion (PCIe 10.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TranslationEntry {
    pub pages: Pages,
    pub read: bool,
    pub write: bool,
    pub untranslated: bool,
    pub privileged: bool,
    /// N: translated requests are to be snooped.
    pub snoop: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self::one(0)
    }
}

impl TranslationEntry {
    pub fn raw(&self) -> u64 {
        self.pages.ats()
            | u64::from(self.snoop) << 10
            | u64::from(self.privileged) << 4
            | u64::from(self.untranslated) << 2
            | u64::from(self.write) << 1
            | u64::from(self.read)
    }
}

/// A message of `root` to the function `to`.
fn to_function(root: Bdf, to: Bdf, code: u8) -> Message {
    Message {
        requester: root,
        tag: Tag::default(),
        code,
        routing: Routing::Id,
        header: [u32::from(to.raw()) << 16, 0],
        attr: Attributes::default(),
        pasid: None,
    }
}

/// Invalidate Request, with its quadword of payload.
pub(super) fn invalidate_request(root: Bdf, itag: u8, what: &DeviceInvalidation) -> (Message, u64) {
    let message = Message {
        tag: Tag::new(itag.into()),
        pasid: what.pasid.map(PasidPrefix::new),
        ..to_function(root, what.source, Message::INVALIDATE_REQUEST)
    };
    (message, what.pages.ats() | u64::from(what.global))
}

/// PRG Response.
pub(super) fn group_response(root: Bdf, response: &GroupResponse) -> Message {
    let mut message = to_function(root, response.source, Message::PRG_RESPONSE);
    message.header[0] |= (response.code as u32) << 12 | u32::from(response.index & 0x1ff);
    message.pasid = response.pasid.map(PasidPrefix::new);
    message
}

/// What an Invalidate Completion says.
pub(crate) struct InvalidateCompletion {
    pub source: Bdf,
    /// Whose request it answers.
    pub to: Bdf,
    /// Copies of it that are sent, 1 to 8.
    pub copies: u8,
    /// One bit for each ITag.
    pub itags: u32,
}

impl InvalidateCompletion {
    pub fn new(message: &Message) -> Self {
        Self {
            source: message.requester,
            to: Bdf::from_raw((message.header[0] >> 16) as u16),
            copies: match message.header[0] as u8 & 7 {
                0 => 8,
                copies => copies,
            },
            itags: message.header[1],
        }
    }
}
