// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs to dwords and back.
//!
//! A TLP is a dword slice: one PASID prefix dword if its bits 31:24 are 91h, then 3 or 4 header
//! dwords with header byte 4n in bits 31:24 of dword n, then the payload, little-endian. Reserved
//! bits are written 0 and ignored when read, as PCIe 2.2 wants it of transmitters and receivers.

mod error;
mod header;

pub use error::TlpError;

use super::ids::Pasid;
use super::tlp::{Completion, ConfigRequest, MemRequest, Message, PasidPrefix, Tlp, TlpRef};
use header::{
    FOUR_DW, PASID_PREFIX, PREFIX, TYPE_CFG0, TYPE_CFG1, TYPE_CPL, TYPE_CPL_LOCKED, TYPE_DMWR,
    TYPE_MEM, TYPE_MEM_LOCKED, TYPE_MSG, WITH_DATA, length_of,
};

/// Most dwords a TLP can have: prefix, header, 4096 bytes of payload.
pub const MAX_DWORDS: usize = 1 + 4 + 1024;

// Header dword 0.
const BIT_TH: u32 = 1 << 16;
const BIT_TD: u32 = 1 << 15;

impl<P: AsRef<[u32]>> Tlp<P> {
    /// Appends the TLP's dwords to `out`.
    pub fn encode(&self, out: &mut Vec<u32>) {
        match self {
            Self::MemRead { request } => request.encode(TYPE_MEM, out),
            Self::LockedRead { request } => request.encode(TYPE_MEM_LOCKED, out),
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
            Self::LockedCompletion { completion, data } => {
                completion.encode_as(TYPE_CPL_LOCKED, data.as_ref().len(), out);
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
            TYPE_MEM => {
                let request = MemRequest::decode(hdr, pasid)?;
                request.check_translation()?;
                Tlp::MemRead { request }
            }
            TYPE_MEM_LOCKED => Tlp::LockedRead {
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
            _ if fmt_type & !WITH_DATA == TYPE_CPL_LOCKED => Tlp::LockedCompletion {
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
                Tlp::ConfigRead { .. }
                    | Tlp::ConfigWrite { .. }
                    | Tlp::Completion { .. }
                    | Tlp::LockedCompletion { .. }
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
