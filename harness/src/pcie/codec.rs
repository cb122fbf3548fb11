// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs to dwords and back.
//!
//! A TLP is a dword slice: one PASID prefix dword if its bits 31:24 are 91h, then 3 or 4 header
//! dwords with header byte 4n in bits 31:24 of dword n, then the payload, little-endian. Reserved
//! bits are written 0 and ignored when read, as PCIe 2.2 wants it of transmitters and receivers.

mod error;

pub use error::TlpError;

use super::ids::{Bdf, Pasid, Tag};
use super::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, Message,
    PasidPrefix, Routing, Tlp, TlpRef,
};

/// Most dwords a TLP can have: prefix, header, 4096 bytes of payload.
pub const MAX_DWORDS: usize = 1 + 4 + 1024;

const PASID_PREFIX: u32 = 0x91;

// Fmt in bits 7:5, Type in bits 4:0 (PCIe 2.2.1).
const FOUR_DW: u8 = 1 << 5;
const WITH_DATA: u8 = 1 << 6;
const PREFIX: u8 = 1 << 7;
const TYPE_MEM: u8 = 0b0_0000;
const TYPE_CFG0: u8 = 0b0_0100;
const TYPE_CFG1: u8 = 0b0_0101;
const TYPE_CPL: u8 = 0b0_1010;
const TYPE_DMWR: u8 = 0b1_1011;
const TYPE_MSG: u8 = 0b1_0000;

// Header dword 0.
const BIT_TH: u32 = 1 << 16;
const BIT_TD: u32 = 1 << 15;

fn length_field(dwords: usize) -> u32 {
    dwords as u32 & 0x3ff
}

/// Dwords that a Length field means.
fn length_of(dw0: u32) -> u16 {
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
    fn encode(&self, fmt_type: u8, out: &mut Vec<u32>) {
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
        out.push(self.address as u32 & !3);
    }

    fn decode(hdr: &[u32], pasid: Option<PasidPrefix>) -> Result<Self, TlpError> {
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

impl ConfigRequest {
    fn encode(&self, fmt: u8, out: &mut Vec<u32>) {
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

    fn decode(hdr: &[u32], fmt_type: u8) -> Result<Self, TlpError> {
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
    pub fn encode(&self, dwords: usize, out: &mut Vec<u32>) {
        let fmt = if dwords == 0 { 0 } else { WITH_DATA };
        out.push(dw0(
            fmt | TYPE_CPL,
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

    fn decode(hdr: &[u32]) -> Self {
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
    fn encode(&self, dwords: usize, out: &mut Vec<u32>) {
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

    fn decode(hdr: &[u32], fmt_type: u8, pasid: Option<PasidPrefix>) -> Result<Self, TlpError> {
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

impl<P: AsRef<[u32]>> Tlp<P> {
    /// Appends the TLP's dwords to `out`.
    pub fn encode(&self, out: &mut Vec<u32>) {
        match self {
            Self::MemRead { request } => request.encode(TYPE_MEM, out),
            Self::MemWrite { request, data } => {
                request.encode(WITH_DATA | TYPE_MEM, out);
                out.extend_from_slice(data.as_ref());
            }
            Self::DmWr { request, data } => {
                request.encode(WITH_DATA | TYPE_DMWR, out);
                out.extend_from_slice(data.as_ref());
            }
            Self::ConfigRead { request } => request.encode(0, out),
            Self::ConfigWrite { request, data } => {
                request.encode(WITH_DATA, out);
                out.push(*data);
            }
            Self::Completion { completion, data } => {
                completion.encode(data.as_ref().len(), out);
                out.extend_from_slice(data.as_ref());
            }
            Self::Message { message, data } => {
                message.encode(data.as_ref().len(), out);
                out.extend_from_slice(data.as_ref());
            }
        }
    }
}

impl<'a> TlpRef<'a> {
    /// Reads a TLP; its payload stays in `words`.
    pub fn decode(words: &'a [u32]) -> Result<Self, TlpError> {
        let (pasid, words) = split_prefix(words)?;
        let &[d0, ..] = words else {
            return Err(TlpError::Short {
                dwords: 0,
                needed: 3,
            });
        };
        let fmt_type = (d0 >> 24) as u8;
        let needed = if fmt_type & FOUR_DW != 0 { 4 } else { 3 };
        if words.len() < needed {
            return Err(TlpError::Short {
                dwords: words.len(),
                needed,
            });
        }
        let (hdr, data) = words.split_at(needed);
        for (bit, what) in [
            (BIT_TH, "a processing hint (TH)"),
            (BIT_TD, "a digest (TD)"),
        ] {
            if d0 & bit != 0 {
                return Err(TlpError::Unsupported { what });
            }
        }
        let length = match fmt_type & WITH_DATA {
            0 => 0,
            _ => usize::from(length_of(d0)),
        };
        if data.len() != length {
            return Err(TlpError::Length {
                length,
                payload: data.len(),
            });
        }
        const CFG_MASK: u8 = !(WITH_DATA | TYPE_CFG0 ^ TYPE_CFG1);
        let tlp = match fmt_type & !FOUR_DW {
            TYPE_MEM => Tlp::MemRead {
                request: MemRequest::decode(hdr, pasid)?,
            },
            t if t == WITH_DATA | TYPE_MEM => Tlp::MemWrite {
                request: MemRequest::decode(hdr, pasid)?,
                data,
            },
            t if t == WITH_DATA | TYPE_DMWR => Tlp::DmWr {
                request: MemRequest::decode(hdr, pasid)?,
                data,
            },
            _ if fmt_type & CFG_MASK == TYPE_CFG0 => {
                let request = ConfigRequest::decode(hdr, fmt_type)?;
                match data.first() {
                    None => Tlp::ConfigRead { request },
                    Some(&data) => Tlp::ConfigWrite { request, data },
                }
            }
            _ if fmt_type & !WITH_DATA == TYPE_CPL => Tlp::Completion {
                completion: Completion::decode(hdr),
                data,
            },
            _ if fmt_type & !(WITH_DATA | 7) == FOUR_DW | TYPE_MSG => Tlp::Message {
                message: Message::decode(hdr, fmt_type, pasid)?,
                data,
            },
            _ => return Err(TlpError::Type { fmt_type }),
        };
        if pasid.is_some()
            && matches!(
                tlp,
                Tlp::ConfigRead { .. } | Tlp::ConfigWrite { .. } | Tlp::Completion { .. }
            )
        {
            return Err(TlpError::UnexpectedPrefix { fmt_type });
        }
        Ok(tlp)
    }
}

/// Takes the PASID prefix off the front.
fn split_prefix(words: &[u32]) -> Result<(Option<PasidPrefix>, &[u32]), TlpError> {
    match words {
        &[prefix, ref rest @ ..] if prefix >> 24 & u32::from(PREFIX) != 0 => {
            if prefix >> 24 != PASID_PREFIX {
                return Err(TlpError::Prefix { prefix });
            }
            let pasid = PasidPrefix {
                pasid: Pasid::from_field(prefix),
                privileged: prefix >> 23 & 1 != 0,
                execute: prefix >> 22 & 1 != 0,
            };
            Ok((Some(pasid), rest))
        }
        words => Ok((None, words)),
    }
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
