// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Bits of each kind of header (PCIe 2.2).

use super::TlpError;
use crate::pcie::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, Message,
    PasidPrefix, Routing,
};
use crate::pcie::{Bdf, Tag};

pub(super) const PASID_PREFIX: u32 = 0x91;

// Fmt in bits 7:5, Type in bits 4:0 (PCIe 2.2.1).
pub(super) const FOUR_DW: u8 = 1 << 5;
pub(super) const WITH_DATA: u8 = 1 << 6;
pub(super) const PREFIX: u8 = 1 << 7;
pub(super) const TYPE_MEM: u8 = 0b0_0000;
pub(super) const TYPE_MEM_LOCKED: u8 = 0b0_0001;
pub(super) const TYPE_CFG0: u8 = 0b0_0100;
pub(super) const TYPE_CFG1: u8 = 0b0_0101;
pub(super) const TYPE_CPL: u8 = 0b0_1010;
pub(super) const TYPE_CPL_LOCKED: u8 = 0b0_1011;
pub(super) const TYPE_DMWR: u8 = 0b1_1011;
pub(super) const TYPE_MSG: u8 = 0b1_0000;

fn length_field(dwords: usize) -> u32 {
    dwords as u32 & 0x3ff
}

/// Dwords that a Length field means.
pub(super) fn length_of(dw0: u32) -> u16 {
    match (dw0 & 0x3ff) as u16 {
        0 => 1024,
        n => n,
    }
}

fn dw0(fmt_type: u8, attr: Attributes, at: AddressType, tag: Tag, length: usize) -> u32 {
    let tag = u32::from(tag.raw());
    u32::from(fmt_type) << 24
        | (tag >> 9 & 1) << 23
        | u32::from(attr.tc & 7) << 20
        | (tag >> 8 & 1) << 19
        | u32::from(attr.ido) << 18
        | u32::from(attr.poisoned) << 14
        | u32::from(attr.relaxed) << 13
        | u32::from(attr.no_snoop) << 12
        | (at as u32) << 10
        | length_field(length)
}

fn attributes(dw0: u32) -> Attributes {
    Attributes {
        tc: (dw0 >> 20) as u8 & 7,
        ido: dw0 >> 18 & 1 != 0,
        poisoned: dw0 >> 14 & 1 != 0,
        relaxed: dw0 >> 13 & 1 != 0,
        no_snoop: dw0 >> 12 & 1 != 0,
    }
}

fn tag(dw0: u32, low: u32) -> Tag {
    Tag::new(((dw0 >> 23 & 1) << 9 | (dw0 >> 19 & 1) << 8 | low >> 8 & 0xff) as u16)
}

fn bdf(dw: u32) -> Bdf {
    Bdf::from_raw((dw >> 16) as u16)
}

fn push_prefix(pasid: Option<PasidPrefix>, out: &mut Vec<u32>) {
    if let Some(prefix) = pasid {
        out.push(
            PASID_PREFIX << 24
                | u32::from(prefix.privileged) << 23
                | u32::from(prefix.execute) << 22
                | prefix.pasid.raw(),
        );
    }
}

impl MemRequest {
    pub(super) fn encode(&self, fmt_type: u8, out: &mut Vec<u32>) {
        push_prefix(self.pasid, out);
        let high = (self.address >> 32) as u32;
        let four_dw = if high == 0 { 0 } else { FOUR_DW };
        out.push(dw0(
            fmt_type | four_dw,
            self.attr,
            self.at,
            self.tag,
            usize::from(self.length),
        ));
        out.push(
            u32::from(self.requester.raw()) << 16
                | u32::from(self.tag.raw() & 0xff) << 8
                | u32::from(self.last_be & 0xf) << 4
                | u32::from(self.first_be & 0xf),
        );
        if high != 0 {
            out.push(high);
        }
        out.push(self.address as u32 & !3 | u32::from(self.no_write));
    }

    pub(super) fn decode(hdr: &[u32], pasid: Option<PasidPrefix>) -> Result<Self, TlpError> {
        let (d0, d1) = (hdr[0], hdr[1]);
        let address = if hdr.len() == 4 {
            let address = u64::from(hdr[2]) << 32 | u64::from(hdr[3] & !3);
            if hdr[2] == 0 {
                return Err(TlpError::LowAddress64 { address });
            }
            address
        } else {
            u64::from(hdr[2] & !3)
        };
        let request = Self {
            requester: bdf(d1),
            tag: tag(d0, d1),
            address,
            length: length_of(d0),
            first_be: d1 as u8 & 0xf,
            last_be: d1 as u8 >> 4,
            attr: attributes(d0),
            at: match d0 >> 10 & 3 {
                0 => AddressType::Untranslated,
                1 => AddressType::TranslationRequest,
                2 => AddressType::Translated,
                _ => return Err(TlpError::AddressType),
            },
            no_write: d0 >> 10 & 3 == AddressType::TranslationRequest as u32
                && hdr[hdr.len() - 1] & 1 != 0,
            pasid,
        };
        request.check()?;
        Ok(request)
    }

    /// The rules of PCIe 2.2.5 and 2.2.7 that a receiver can check.
    fn check(&self) -> Result<(), TlpError> {
        let &Self {
            address,
            length,
            first_be: first,
            last_be: last,
            ..
        } = self;
        let legal = match length {
            1 => last == 0,
            2 if address.is_multiple_of(8) => first != 0 && last != 0,
            _ => first != 0 && last != 0 && self.is_contiguous(),
        };
        if !legal {
            return Err(TlpError::ByteEnables {
                first,
                last,
                address,
                length,
            });
        }
        if (address & 0xfff) + u64::from(length) * 4 > 0x1000 {
            return Err(TlpError::Crosses4K { address, length });
        }
        Ok(())
    }
}

impl MemRequest {
    /// What PCIe 10.2.2 asks of a read that is a Translation Request.
    pub(super) fn check_translation(&self) -> Result<(), TlpError> {
        let (first, last, length) = (self.first_be, self.last_be, self.length);
        let whole = length.is_multiple_of(2) && first == 0xf && last == 0xf;
        match self.at {
            AddressType::TranslationRequest if !whole => Err(TlpError::TranslationRequest {
                first,
                last,
                length,
            }),
            _ => Ok(()),
        }
    }
}

impl ConfigRequest {
    pub(super) fn encode(&self, fmt: u8, out: &mut Vec<u32>) {
        let fmt_type = fmt | if self.type1 { TYPE_CFG1 } else { TYPE_CFG0 };
        out.push(dw0(
            fmt_type,
            self.attr,
            AddressType::Untranslated,
            self.tag,
            1,
        ));
        out.push(
            u32::from(self.requester.raw()) << 16
                | u32::from(self.tag.raw() & 0xff) << 8
                | u32::from(self.first_be & 0xf),
        );
        out.push(u32::from(self.target.raw()) << 16 | u32::from(self.register & 0xffc));
    }

    pub(super) fn decode(hdr: &[u32], fmt_type: u8) -> Result<Self, TlpError> {
        let (d0, d1, d2) = (hdr[0], hdr[1], hdr[2]);
        let length = length_of(d0);
        if length != 1 {
            return Err(TlpError::ConfigLength { length });
        }
        let (first, last) = (d1 as u8 & 0xf, d1 as u8 >> 4);
        if last != 0 {
            let address = u64::from(d2 & 0xffc);
            return Err(TlpError::ByteEnables {
                first,
                last,
                address,
                length,
            });
        }
        Ok(Self {
            requester: bdf(d1),
            tag: tag(d0, d1),
            target: bdf(d2),
            register: d2 as u16 & 0xffc,
            first_be: first,
            type1: fmt_type & 0x1f == TYPE_CFG1,
            attr: attributes(d0),
        })
    }
}

impl Completion {
    /// Appends the header of a completion with `dwords` of payload, which the caller appends.
    pub(in crate::pcie) fn encode(&self, dwords: usize, out: &mut Vec<u32>) {
        self.encode_as(TYPE_CPL, dwords, out);
    }

    /// The same, of either type.
    pub(super) fn encode_as(&self, kind: u8, dwords: usize, out: &mut Vec<u32>) {
        let fmt = if dwords == 0 { 0 } else { WITH_DATA };
        out.push(dw0(
            fmt | kind,
            self.attr,
            AddressType::Untranslated,
            self.tag,
            dwords,
        ));
        let status = match self.status {
            CompletionStatus::Success => 0b000,
            CompletionStatus::UnsupportedRequest => 0b001,
            CompletionStatus::Retry => 0b010,
            CompletionStatus::CompleterAbort => 0b100,
        };
        out.push(
            u32::from(self.completer.raw()) << 16
                | status << 13
                | u32::from(self.byte_count & 0xfff),
        );
        out.push(
            u32::from(self.requester.raw()) << 16
                | u32::from(self.tag.raw() & 0xff) << 8
                | u32::from(self.lower_address & 0x7f),
        );
    }

    pub(super) fn decode(hdr: &[u32]) -> Self {
        let (d0, d1, d2) = (hdr[0], hdr[1], hdr[2]);
        Self {
            completer: bdf(d1),
            status: match d1 >> 13 & 7 {
                0b000 => CompletionStatus::Success,
                0b010 => CompletionStatus::Retry,
                0b100 => CompletionStatus::CompleterAbort,
                _ => CompletionStatus::UnsupportedRequest,
            },
            byte_count: match d1 as u16 & 0xfff {
                0 => 4096,
                n => n,
            },
            requester: bdf(d2),
            tag: tag(d0, d2),
            lower_address: d2 as u8 & 0x7f,
            attr: attributes(d0),
        }
    }
}

impl Message {
    pub(super) fn encode(&self, dwords: usize, out: &mut Vec<u32>) {
        push_prefix(self.pasid, out);
        let fmt = FOUR_DW | if dwords == 0 { 0 } else { WITH_DATA };
        let fmt_type = fmt | TYPE_MSG | self.routing as u8;
        let tag = Tag::new(self.tag.raw() & 0xff);
        out.push(dw0(
            fmt_type,
            self.attr,
            AddressType::Untranslated,
            tag,
            dwords,
        ));
        out.push(
            u32::from(self.requester.raw()) << 16
                | u32::from(tag.raw()) << 8
                | u32::from(self.code),
        );
        out.extend(self.header);
    }

    pub(super) fn decode(
        hdr: &[u32],
        fmt_type: u8,
        pasid: Option<PasidPrefix>,
    ) -> Result<Self, TlpError> {
        let routing = match fmt_type & 7 {
            0 => Routing::RootComplex,
            1 => Routing::Address,
            2 => Routing::Id,
            3 => Routing::Broadcast,
            4 => Routing::Local,
            5 => Routing::Gather,
            routing => return Err(TlpError::Routing { routing }),
        };
        Ok(Self {
            requester: bdf(hdr[1]),
            tag: Tag::new((hdr[1] >> 8 & 0xff) as u16),
            code: hdr[1] as u8,
            routing,
            header: [hdr[2], hdr[3]],
            attr: attributes(hdr[0]),
            pasid,
        })
    }
}
