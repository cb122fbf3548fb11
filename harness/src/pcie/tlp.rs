// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Transaction layer packets as typed values (PCIe 2.2). Bits are in [`super::codec`].

use serde::Serialize;

use super::ids::{Bdf, Pasid, Tag};

/// One TLP. `P` holds the payload: a borrowed slice on its way through the root complex,
/// a `Vec` where it is kept.
///
/// Payload dwords are little-endian: the byte at the lowest address in bits 7:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tlp<P = Vec<u32>> {
    /// Memory read; with `at` = translation request, an ATS Translation Request.
    MemRead {
        /// Header.
        request: MemRequest,
    },
    /// Locked memory read (MRdLk): for legacy endpoints, which this is none of.
    LockedRead {
        /// Header.
        request: MemRequest,
    },
    /// Posted memory write.
    MemWrite {
        /// Header.
        request: MemRequest,
        /// `request.length` dwords.
        data: P,
    },
    /// Deferrable memory write: non-posted, completed without data.
    DmWr {
        /// Header.
        request: MemRequest,
        /// `request.length` dwords.
        data: P,
    },
    /// Configuration read.
    ConfigRead {
        /// Header.
        request: ConfigRequest,
    },
    /// Configuration write.
    ConfigWrite {
        /// Header.
        request: ConfigRequest,
        /// The dword; byte 0 of the register in bits 7:0.
        data: u32,
    },
    /// Completion, with data unless `data` is empty.
    Completion {
        /// Header.
        completion: Completion,
        /// Up to 1024 dwords.
        data: P,
    },
    /// Completion of a locked read (CplLk), with data (CplDLk) unless `data` is empty.
    LockedCompletion {
        /// Header.
        completion: Completion,
        /// Up to 1024 dwords.
        data: P,
    },
    /// Message, with data unless `data` is empty.
    Message {
        /// Header.
        message: Message,
        /// Up to 1024 dwords.
        data: P,
    },
}

/// A TLP whose payload stays in the dwords it was decoded from.
pub type TlpRef<'a> = Tlp<&'a [u32]>;

/// Header fields that every TLP has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Traffic class, 0..=7.
    pub tc: u8,
    /// Relaxed Ordering (RO).
    pub relaxed: bool,
    /// No Snoop (NS).
    pub no_snoop: bool,
    /// ID-based Ordering (IDO).
    pub ido: bool,
    /// The payload is poisoned (EP).
    pub poisoned: bool,
}

/// The AT field of a memory request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressType {
    /// 00b: the IOMMU is to translate.
    #[default]
    Untranslated,
    /// 01b: an ATS Translation Request.
    TranslationRequest,
    /// 10b: already translated through ATS.
    Translated,
}

/// PASID TLP prefix (PCIe 6.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasidPrefix {
    /// The address space.
    pub pasid: Pasid,
    /// Privileged Mode Requested.
    pub privileged: bool,
    /// Execute Requested.
    pub execute: bool,
}

impl PasidPrefix {
    /// The plain prefix: user mode, no execution.
    pub const fn new(pasid: Pasid) -> Self {
        Self {
            pasid,
            privileged: false,
            execute: false,
        }
    }
}

/// Header of a memory request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemRequest {
    /// Who asks.
    pub requester: Bdf,
    /// Meaningless in posted writes.
    pub tag: Tag,
    /// Byte address, a multiple of 4.
    pub address: u64,
    /// Dwords, 1..=1024.
    pub length: u16,
    /// Byte enables of the first dword, bit `i` for byte `i`.
    pub first_be: u8,
    /// Byte enables of the last dword, 0 if `length` is 1.
    pub last_be: u8,
    /// Traffic class, ordering, poison.
    pub attr: Attributes,
    /// Address type.
    pub at: AddressType,
    /// No Write (NW): a Translation Request for reading only. Others have no such bit.
    pub no_write: bool,
    /// PASID TLP prefix, if there is one.
    pub pasid: Option<PasidPrefix>,
}

impl MemRequest {
    /// Bytes from the first to the last enabled one, 1 for a zero-length read: the Byte Count of
    /// the request's first completion (PCIe 2.3.1.1).
    pub const fn byte_count(&self) -> u32 {
        let dwords = self.length as u32 * 4;
        match (self.length, self.first_be) {
            (1, 0) => 1,
            (1, be) => 8 - be.leading_zeros() - be.trailing_zeros(),
            (_, be) => dwords - be.trailing_zeros() - (self.last_be.leading_zeros() - 4),
        }
    }

    /// Address of the first enabled byte; of the dword if no byte is enabled.
    pub const fn first_byte(&self) -> u64 {
        match self.first_be {
            0 => self.address,
            be => self.address + be.trailing_zeros() as u64,
        }
    }

    /// Whether the request moves nothing: one dword, no byte enabled.
    pub const fn is_zero_length(&self) -> bool {
        self.length == 1 && self.first_be == 0
    }

    /// Whether the enabled bytes have no gap between them.
    pub const fn is_contiguous(&self) -> bool {
        let first = self.first_be >> (self.first_be.trailing_zeros() & 7);
        if self.length == 1 {
            first & (first + 1) == 0
        } else {
            self.first_be >> 3 == 1
                && first & (first + 1) == 0
                && self.last_be & (self.last_be + 1) == 0
        }
    }
}

/// Header of a configuration request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigRequest {
    /// Who asks.
    pub requester: Bdf,
    /// Transaction tag.
    pub tag: Tag,
    /// The function asked.
    pub target: Bdf,
    /// Byte offset of the register, a multiple of 4 below 4096.
    pub register: u16,
    /// Byte enables.
    pub first_be: u8,
    /// Type 1: for a bridge to pass on; an endpoint answers it UR.
    pub type1: bool,
    /// Only `poisoned` may be set.
    pub attr: Attributes,
}

/// The status of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionStatus {
    /// 000b SC.
    Success,
    /// 001b UR, and every reserved value.
    UnsupportedRequest,
    /// 010b RRS: ask again later.
    Retry,
    /// 100b CA.
    CompleterAbort,
}

/// Header of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Who answers.
    pub completer: Bdf,
    /// Outcome.
    pub status: CompletionStatus,
    /// Bytes still to come including this completion's, 1..=4096.
    pub byte_count: u16,
    /// Who asked.
    pub requester: Bdf,
    /// The request's tag.
    pub tag: Tag,
    /// Address bits 6:0 of this completion's first byte.
    pub lower_address: u8,
    /// Traffic class and ordering of the request.
    pub attr: Attributes,
}

/// Where a message goes (field rrr of its type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// 000b: to the root complex.
    RootComplex,
    /// 001b: by address.
    Address,
    /// 010b: by ID.
    Id,
    /// 011b: from the root complex to everybody.
    Broadcast,
    /// 100b: to the other end of the link.
    Local,
    /// 101b: gathered on the way to the root complex.
    Gather,
}

/// Header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sends.
    pub requester: Bdf,
    /// Bits 7:0 only.
    pub tag: Tag,
    /// Message code, PCIe 2.2.8.
    pub code: u8,
    /// Where to.
    pub routing: Routing,
    /// Header dwords 2 and 3, whose meaning depends on `code`.
    pub header: [u32; 2],
    /// Traffic class and ordering.
    pub attr: Attributes,
    /// PASID TLP prefix, if there is one.
    pub pasid: Option<PasidPrefix>,
}

impl Message {
    /// ATS: the function is to forget translations (PCIe 10.3.1).
    pub const INVALIDATE_REQUEST: u8 = 0x01;
    /// ATS: it has forgotten them (PCIe 10.3.2).
    pub const INVALIDATE_COMPLETION: u8 = 0x02;
    /// The function asks for a page (PCIe 10.4.1).
    pub const PAGE_REQUEST: u8 = 0x04;
    /// What became of a page request group (PCIe 10.4.2).
    pub const PRG_RESPONSE: u8 = 0x05;
}

impl TlpRef<'_> {
    /// A copy that owns its payload.
    pub fn into_owned(self) -> Tlp {
        match self {
            Tlp::MemRead { request } => Tlp::MemRead { request },
            Tlp::LockedRead { request } => Tlp::LockedRead { request },
            Tlp::MemWrite { request, data } => Tlp::MemWrite {
                request,
                data: data.to_vec(),
            },
            Tlp::DmWr { request, data } => Tlp::DmWr {
                request,
                data: data.to_vec(),
            },
            Tlp::ConfigRead { request } => Tlp::ConfigRead { request },
            Tlp::ConfigWrite { request, data } => Tlp::ConfigWrite { request, data },
            Tlp::Completion { completion, data } => Tlp::Completion {
                completion,
                data: data.to_vec(),
            },
            Tlp::LockedCompletion { completion, data } => Tlp::LockedCompletion {
                completion,
                data: data.to_vec(),
            },
            Tlp::Message { message, data } => Tlp::Message {
                message,
                data: data.to_vec(),
            },
        }
    }
}
