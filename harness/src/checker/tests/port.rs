// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A device's port with a checker on it, and TLPs to send through it.

use super::super::*;
use crate::dsa::Descriptor;
use crate::pcie::Pasid;
use crate::pcie::tlp::{Attributes, ConfigRequest, PasidPrefix, Routing};

pub const ROOT: Bdf = Bdf::new(0, 0, 0);
pub const DEVICE: Bdf = Bdf::new(1, 0, 0);
pub const PAGE: u64 = 0x12_3000;
pub const FAR: u64 = 0x40_0000_0000;
pub const PCIE_CAP: u16 = 0x40;
pub const PM_CAP: u16 = 0x90;
pub const ATS_CAP: u16 = 0x100;
pub const PASID_CAP: u16 = 0x110;
pub const PRI_CAP: u16 = 0x120;
pub const MESSAGE: Msi = Msi {
    address: 0xfee0_0000,
    data: 0x41,
};

pub const PORTAL: u64 = FAR + 0x2000;
pub const HANDLE: u16 = 9;
pub const PASID: u32 = 5;
/// Where records go: the last of a page.
pub const RECORD: u64 = PAGE + 0xfe0;

pub fn knobs() -> Knobs {
    Knobs {
        invalidation_timeout: 1_000,
        ..Knobs::default()
    }
}

pub type Checked = Result<(), Box<Violation>>;

/// A device's port with a checker on it.
pub struct Port {
    pub checker: Checker,
    pub cycle: u64,
    tag: u16,
}

impl Port {
    /// A device out of reset, of which nothing is known.
    pub fn fresh() -> Self {
        Self {
            checker: Checker::new(&knobs()),
            cycle: 0,
            tag: 0,
        }
    }

    /// A device that is enumerated, with all its features on: 128-byte payloads, reads of 512
    /// bytes, 8-bit tags, PASID, ATS, and four page requests.
    pub fn ready() -> Self {
        let mut port = Self::fresh();
        port.enumerate();
        port.write(0x04, 0x6);
        port.write(PASID_CAP + 4, 1 << 16);
        port.write(ATS_CAP + 4, 0x8000 << 16);
        port.write(PRI_CAP + 12, 4);
        port.write(PRI_CAP + 4, 1);
        port
    }

    pub fn enumerate(&mut self) {
        for (register, value) in [
            (0x34, PCIE_CAP.into()),
            (PCIE_CAP, 0x0092_9010),
            (PCIE_CAP + 8, 0x2910),
            (PM_CAP, 0x0003_0001),
            (ATS_CAP, 0x1101_000f),
            (PASID_CAP, 0x1201_001b),
            (PRI_CAP, 0x0001_0013),
        ] {
            self.read(register, value);
        }
    }

    pub fn see(&mut self, direction: Direction, words: &[u32]) -> Checked {
        self.cycle += 10;
        let event = TlpEvent {
            direction,
            cycle: Cycle(self.cycle),
            words,
        };
        self.checker.check(&event, false)
    }

    pub fn host(&mut self, tlp: &Tlp) -> Checked {
        self.see(Direction::ToDevice, &words(tlp))
    }

    pub fn device(&mut self, tlp: &Tlp) -> Checked {
        self.see(Direction::FromDevice, &words(tlp))
    }

    pub fn config(&mut self, register: u16) -> ConfigRequest {
        self.tag = (self.tag + 1) % 32;
        ConfigRequest {
            requester: ROOT,
            tag: Tag::new(self.tag),
            target: DEVICE,
            register,
            first_be: 0xf,
            type1: false,
            attr: Attributes::default(),
        }
    }

    pub fn read(&mut self, register: u16, value: u32) {
        let request = self.config(register);
        self.host(&Tlp::ConfigRead { request }).unwrap();
        let completion = answer(ROOT, request.tag, 4, 0);
        self.device(&Tlp::Completion {
            completion,
            data: vec![value],
        })
        .unwrap();
    }

    pub fn write(&mut self, register: u16, data: u32) {
        let request = self.config(register);
        self.host(&Tlp::ConfigWrite { request, data }).unwrap();
        self.device(&no_data(answer(ROOT, request.tag, 4, 0)))
            .unwrap();
    }

    /// A device read of `dwords` at `PAGE`, with tag 1.
    pub fn asked(&mut self, dwords: u16) {
        self.device(&read(1, PAGE, dwords)).unwrap();
    }

    /// A Translation Request of the device with tag 2, answered with `entry`.
    pub fn translated(&mut self, entry: u64) -> Checked {
        self.device(&translation(2)).unwrap();
        self.host(&Tlp::Completion {
            completion: from_root(2, 8, 56),
            data: quadword(entry),
        })
    }

    /// The same, and `MESSAGE` is the interrupt of PASID 5 at `PORTAL`.
    pub fn ringing() -> Self {
        let mut port = Self::ready();
        port.ring();
        port
    }

    pub fn ring(&mut self) {
        self.checker.expect_records(CompletionInterrupt {
            portal: PORTAL,
            handle: HANDLE,
            pasid: Pasid::new(PASID).unwrap(),
            message: MESSAGE,
        });
    }

    /// A descriptor through the portal.
    pub fn submit(&mut self, descriptor: Descriptor) {
        self.submit_at(PORTAL, descriptor);
    }

    pub fn submit_at(&mut self, portal: u64, descriptor: Descriptor) {
        self.host(&Tlp::MemWrite {
            request: by_host(request(0, portal, 16)),
            data: descriptor_words(descriptor),
        })
        .unwrap();
    }

    /// A descriptor to a shared queue, and the answer.
    pub fn enqcmd(&mut self, descriptor: Descriptor, status: CompletionStatus) -> Checked {
        self.host(&offer(descriptor))?;
        self.device(&offered(status))
    }

    /// The device asks where the page of the records is, and learns it.
    pub fn record_translated(&mut self, entry: u64) -> Checked {
        let asked = MemRequest {
            pasid: prefix(PASID),
            ..translation_request(2)
        };
        self.device(&Tlp::MemRead { request: asked })?;
        self.host(&Tlp::Completion {
            completion: from_root(2, 8, 56),
            data: quadword(entry),
        })
    }

    /// An invalidation of the page at `PAGE`.
    pub fn invalidate(&mut self) -> Checked {
        self.host(&invalidation())
    }
}

pub fn words(tlp: &Tlp) -> Vec<u32> {
    let mut words = Vec::new();
    tlp.encode(&mut words);
    words
}

pub fn request(tag: u16, address: u64, dwords: u16) -> MemRequest {
    MemRequest {
        requester: DEVICE,
        tag: Tag::new(tag),
        address,
        length: dwords,
        first_be: 0xf,
        last_be: if dwords == 1 { 0 } else { 0xf },
        attr: Attributes::default(),
        at: AddressType::Untranslated,
        no_write: false,
        pasid: None,
    }
}

pub fn read(tag: u16, address: u64, dwords: u16) -> Tlp {
    Tlp::MemRead {
        request: request(tag, address, dwords),
    }
}

pub fn write(address: u64, dwords: u16) -> Tlp {
    write_as(request(0, address, dwords))
}

pub fn write_as(request: MemRequest) -> Tlp {
    Tlp::MemWrite {
        data: vec![0; request.length.into()],
        request,
    }
}

pub fn by_host(request: MemRequest) -> MemRequest {
    MemRequest {
        requester: ROOT,
        ..request
    }
}

pub fn translation_request(tag: u16) -> MemRequest {
    MemRequest {
        at: AddressType::TranslationRequest,
        ..request(tag, PAGE, 2)
    }
}

pub fn translation(tag: u16) -> Tlp {
    Tlp::MemRead {
        request: translation_request(tag),
    }
}

pub fn translated(address: u64) -> MemRequest {
    MemRequest {
        at: AddressType::Translated,
        ..request(3, address, 1)
    }
}

pub fn locked_read(tag: u16) -> Tlp {
    Tlp::LockedRead {
        request: by_host(request(tag, FAR, 1)),
    }
}

/// A descriptor for a shared queue.
pub fn deferrable_write(tag: u16) -> Tlp {
    Tlp::DmWr {
        request: by_host(request(tag, FAR, 16)),
        data: vec![0; 16],
    }
}

/// A completion by the device.
pub fn answer(requester: Bdf, tag: Tag, byte_count: u16, lower_address: u8) -> Completion {
    Completion {
        completer: DEVICE,
        status: CompletionStatus::Success,
        byte_count,
        requester,
        tag,
        lower_address,
        attr: Attributes::default(),
    }
}

/// A completion by the root complex.
pub fn from_root(tag: u16, byte_count: u16, lower_address: u8) -> Completion {
    Completion {
        completer: ROOT,
        ..answer(DEVICE, Tag::new(tag), byte_count, lower_address)
    }
}

pub fn no_data(completion: Completion) -> Tlp {
    Tlp::Completion {
        completion,
        data: vec![],
    }
}

/// The device's answer to a locked read.
pub fn locked(tag: u16, status: CompletionStatus) -> Tlp {
    Tlp::LockedCompletion {
        completion: Completion {
            status,
            ..answer(ROOT, Tag::new(tag), 4, 0)
        },
        data: vec![],
    }
}

pub fn with_data(completion: Completion, dwords: usize) -> Tlp {
    Tlp::Completion {
        completion,
        data: vec![0; dwords],
    }
}

pub fn message(requester: Bdf, code: u8, routing: Routing, header: [u32; 2]) -> Message {
    Message {
        requester,
        tag: Tag::new(0),
        code,
        routing,
        header,
        attr: Attributes::default(),
        pasid: None,
    }
}

pub fn bare(message: Message) -> Tlp {
    Tlp::Message {
        message,
        data: vec![],
    }
}

pub fn page_request(low: u32) -> Message {
    message(DEVICE, 0x04, Routing::RootComplex, [0, low])
}

pub fn response(index: u32) -> Tlp {
    let to = u32::from(DEVICE.raw()) << 16;
    bare(message(ROOT, 0x05, Routing::Id, [to | index, 0]))
}

pub fn invalidation() -> Tlp {
    let to = u32::from(DEVICE.raw()) << 16;
    Tlp::Message {
        message: message(ROOT, 0x01, Routing::Id, [to, 0]),
        data: quadword(PAGE),
    }
}

pub fn invalidated(vector: u32) -> Tlp {
    let to = u32::from(ROOT.raw()) << 16;
    bare(message(DEVICE, 0x02, Routing::Id, [to | 1, vector]))
}

pub fn interrupt() -> Tlp {
    Tlp::MemWrite {
        request: request(0, MESSAGE.address, 1),
        data: vec![MESSAGE.data],
    }
}

const OFFER: u16 = 31;

/// A descriptor on its way to a shared queue.
pub fn offer(descriptor: Descriptor) -> Tlp {
    Tlp::DmWr {
        request: by_host(request(OFFER, PORTAL, 16)),
        data: descriptor_words(descriptor),
    }
}

/// The answer to it.
pub fn offered(status: CompletionStatus) -> Tlp {
    let answer = answer(ROOT, Tag::new(OFFER), 4, 0);
    no_data(Completion { status, ..answer })
}

/// A descriptor that writes a record to `RECORD` and then rings.
pub fn ringing() -> Descriptor {
    let mut descriptor = Descriptor::nop()
        .with_completion(RECORD)
        .with_interrupt(HANDLE);
    descriptor.pasid = PASID.into();
    descriptor
}

fn descriptor_words(descriptor: Descriptor) -> Vec<u32> {
    let words: [u32; 16] = zerocopy::transmute!(descriptor);
    words.to_vec()
}

/// A record of PASID 5.
pub fn record() -> Tlp {
    write_as(MemRequest {
        pasid: prefix(PASID),
        ..request(0, RECORD, 8)
    })
}

pub fn quadword(value: u64) -> Vec<u32> {
    vec![
        ((value >> 32) as u32).swap_bytes(),
        (value as u32).swap_bytes(),
    ]
}

pub fn prefix(pasid: u32) -> Option<PasidPrefix> {
    Some(PasidPrefix::new(Pasid::new(pasid).unwrap()))
}

pub const TC1: Attributes = Attributes {
    tc: 1,
    relaxed: false,
    no_snoop: false,
    ido: false,
    poisoned: false,
};
pub const RELAXED: Attributes = Attributes {
    tc: 0,
    relaxed: true,
    ..TC1
};
pub const READ_WRITE: u64 = 3;
pub const READ_ONLY: u64 = 1;
/// Page request: last of its group, for reading.
pub const LAST_READ: u32 = 0b101;
