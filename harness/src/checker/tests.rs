// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Each rule is broken by a lying peer, and the checker must say so.

use super::*;
use crate::endpoint::CreditLimit;
use crate::pcie::Pasid;
use crate::pcie::mock::Mock;
use crate::pcie::tlp::{Attributes, ConfigRequest, PasidPrefix, Routing};
use crate::pcie::{Host, Knobs, RunError};

const ROOT: Bdf = Bdf::new(0, 0, 0);
const DEVICE: Bdf = Bdf::new(1, 0, 0);
const PAGE: u64 = 0x12_3000;
const FAR: u64 = 0x40_0000_0000;
const PCIE_CAP: u16 = 0x40;
const PM_CAP: u16 = 0x90;
const ATS_CAP: u16 = 0x100;
const PASID_CAP: u16 = 0x110;
const PRI_CAP: u16 = 0x120;
const MESSAGE: Msi = Msi {
    address: 0xfee0_0000,
    data: 0x41,
};

type Checked = Result<(), Box<Violation>>;

/// A device's port with a checker on it.
struct Port {
    checker: Checker,
    memory: Memory,
    cycle: u64,
    tag: u16,
}

impl Port {
    /// A device out of reset, of which nothing is known.
    fn fresh() -> Self {
        let memory = Memory::new(1 << 20).unwrap();
        Self {
            checker: Checker::new(ROOT, Rcb::Bytes64, memory.clone()),
            memory,
            cycle: 0,
            tag: 0,
        }
    }

    /// A device that is enumerated, with all its features on: 128-byte payloads, reads of 512
    /// bytes, 8-bit tags, PASID, ATS, and four page requests.
    fn ready() -> Self {
        let mut port = Self::fresh();
        port.enumerate();
        port.write(0x04, 0x6);
        port.write(PASID_CAP + 4, 1 << 16);
        port.write(ATS_CAP + 4, 0x8000 << 16);
        port.write(PRI_CAP + 12, 4);
        port.write(PRI_CAP + 4, 1);
        port
    }

    fn enumerate(&mut self) {
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

    fn see(&mut self, direction: Direction, words: &[u32]) -> Checked {
        self.cycle += 10;
        let event = TlpEvent {
            direction,
            cycle: Cycle(self.cycle),
            words,
        };
        self.checker.check(&event, false)
    }

    fn host(&mut self, tlp: &Tlp) -> Checked {
        self.see(Direction::ToDevice, &words(tlp))
    }

    fn device(&mut self, tlp: &Tlp) -> Checked {
        self.see(Direction::FromDevice, &words(tlp))
    }

    fn config(&mut self, register: u16) -> ConfigRequest {
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

    fn read(&mut self, register: u16, value: u32) {
        let request = self.config(register);
        self.host(&Tlp::ConfigRead { request }).unwrap();
        let completion = answer(ROOT, request.tag, 4, 0);
        self.device(&Tlp::Completion {
            completion,
            data: vec![value],
        })
        .unwrap();
    }

    fn write(&mut self, register: u16, data: u32) {
        let request = self.config(register);
        self.host(&Tlp::ConfigWrite { request, data }).unwrap();
        self.device(&no_data(answer(ROOT, request.tag, 4, 0)))
            .unwrap();
    }

    /// A device read of `dwords` at `PAGE`, with tag 1.
    fn asked(&mut self, dwords: u16) {
        self.device(&read(1, PAGE, dwords)).unwrap();
    }

    /// A Translation Request of the device with tag 2, answered with `entry`.
    fn translated(&mut self, entry: u64) -> Checked {
        self.device(&translation(2)).unwrap();
        self.host(&Tlp::Completion {
            completion: from_root(2, 8, 56),
            data: quadword(entry),
        })
    }

    /// An invalidation of the page at `PAGE`.
    fn invalidate(&mut self) -> Checked {
        self.host(&invalidation())
    }
}

fn words(tlp: &Tlp) -> Vec<u32> {
    let mut words = Vec::new();
    tlp.encode(&mut words);
    words
}

fn request(tag: u16, address: u64, dwords: u16) -> MemRequest {
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

fn read(tag: u16, address: u64, dwords: u16) -> Tlp {
    Tlp::MemRead {
        request: request(tag, address, dwords),
    }
}

fn write(address: u64, dwords: u16) -> Tlp {
    write_as(request(0, address, dwords))
}

fn write_as(request: MemRequest) -> Tlp {
    Tlp::MemWrite {
        data: vec![0; request.length.into()],
        request,
    }
}

fn by_host(request: MemRequest) -> MemRequest {
    MemRequest {
        requester: ROOT,
        ..request
    }
}

fn translation_request(tag: u16) -> MemRequest {
    MemRequest {
        at: AddressType::TranslationRequest,
        ..request(tag, PAGE, 2)
    }
}

fn translation(tag: u16) -> Tlp {
    Tlp::MemRead {
        request: translation_request(tag),
    }
}

fn translated(address: u64) -> MemRequest {
    MemRequest {
        at: AddressType::Translated,
        ..request(3, address, 1)
    }
}

/// A completion by the device.
fn answer(requester: Bdf, tag: Tag, byte_count: u16, lower_address: u8) -> Completion {
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
fn from_root(tag: u16, byte_count: u16, lower_address: u8) -> Completion {
    Completion {
        completer: ROOT,
        ..answer(DEVICE, Tag::new(tag), byte_count, lower_address)
    }
}

fn no_data(completion: Completion) -> Tlp {
    Tlp::Completion {
        completion,
        data: vec![],
    }
}

fn with_data(completion: Completion, dwords: usize) -> Tlp {
    Tlp::Completion {
        completion,
        data: vec![0; dwords],
    }
}

fn message(requester: Bdf, code: u8, routing: Routing, header: [u32; 2]) -> Message {
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

fn bare(message: Message) -> Tlp {
    Tlp::Message {
        message,
        data: vec![],
    }
}

fn page_request(low: u32) -> Message {
    message(DEVICE, 0x04, Routing::RootComplex, [0, low])
}

fn response(index: u32) -> Tlp {
    let to = u32::from(DEVICE.raw()) << 16;
    bare(message(ROOT, 0x05, Routing::Id, [to | index, 0]))
}

fn invalidation() -> Tlp {
    let to = u32::from(DEVICE.raw()) << 16;
    Tlp::Message {
        message: message(ROOT, 0x01, Routing::Id, [to, 0]),
        data: quadword(PAGE),
    }
}

fn invalidated(vector: u32) -> Tlp {
    let to = u32::from(ROOT.raw()) << 16;
    bare(message(DEVICE, 0x02, Routing::Id, [to | 1, vector]))
}

fn interrupt() -> Tlp {
    Tlp::MemWrite {
        request: request(0, MESSAGE.address, 1),
        data: vec![MESSAGE.data],
    }
}

fn quadword(value: u64) -> Vec<u32> {
    vec![
        ((value >> 32) as u32).swap_bytes(),
        (value as u32).swap_bytes(),
    ]
}

fn prefix(pasid: u32) -> Option<PasidPrefix> {
    Some(PasidPrefix::new(Pasid::new(pasid).unwrap()))
}

const TC1: Attributes = Attributes {
    tc: 1,
    relaxed: false,
    no_snoop: false,
    ido: false,
    poisoned: false,
};
const RELAXED: Attributes = Attributes {
    tc: 0,
    relaxed: true,
    ..TC1
};
const READ_WRITE: u64 = 3;
const READ_ONLY: u64 = 1;
/// Page request: last of its group, for reading.
const LAST_READ: u32 = 0b101;

/// What a lying peer does; the rule must be broken at its end.
type Lie = fn(&mut Port) -> Checked;

/// How a lying peer breaks each rule. What goes before the lie must be let pass.
const LIES: &[(Rule, Lie)] = &[
    (Rule::HeaderComplete, |port| {
        port.see(Direction::FromDevice, &[0, 0x0100_000f])
    }),
    (Rule::HeaderType, |port| {
        // An I/O read.
        port.see(Direction::FromDevice, &[0x0200_0001, 0x0100_000f, 0])
    }),
    (Rule::HeaderType, |port| {
        let request = port.config(0);
        port.device(&Tlp::ConfigRead { request })
    }),
    (Rule::HeaderPrefix, |port| {
        let mut words = words(&write(PAGE, 1));
        words.insert(0, 0x9000_0000);
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::HeaderReserved, |port| {
        let mut words = words(&write(PAGE, 1));
        words[0] |= 1 << 17;
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::HeaderReserved, |port| {
        let mut words = words(&write(PAGE, 1));
        words[2] |= 1;
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::PayloadLength, |port| {
        let mut words = words(&write(PAGE, 2));
        words.pop();
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::MaxPayload, |port| port.device(&write(PAGE, 33))),
    (Rule::MaxPayload, |port| {
        port.host(&write_as(by_host(request(0, FAR, 33))))
    }),
    (Rule::MaxRead, |port| port.device(&read(1, PAGE, 129))),
    (Rule::Crosses4K, |port| port.device(&write(PAGE + 0xffc, 2))),
    (Rule::AddressFormat, |port| {
        let mut words = words(&write(FAR, 1));
        words[2] = 0;
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::ByteEnables, |port| {
        port.device(&write_as(MemRequest {
            last_be: 0xf,
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::AddressType, |port| {
        let mut words = words(&write(PAGE, 1));
        words[0] |= 3 << 10;
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::AddressType, |port| {
        let mut words = words(&bare(page_request(LAST_READ)));
        words[0] |= 2 << 10;
        port.see(Direction::FromDevice, &words)
    }),
    (Rule::ConfigForm, |port| {
        let request = ConfigRequest {
            attr: TC1,
            ..port.config(0)
        };
        port.host(&Tlp::ConfigRead { request })
    }),
    (Rule::Relaxed, |port| {
        port.write(PCIE_CAP + 8, 0x2900);
        port.device(&write_as(MemRequest {
            attr: Attributes {
                relaxed: true,
                ..Attributes::default()
            },
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::NoSnoop, |port| {
        port.write(PCIE_CAP + 8, 0x2110);
        port.device(&write_as(MemRequest {
            attr: Attributes {
                no_snoop: true,
                ..Attributes::default()
            },
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::IdOrdering, |port| {
        port.device(&write_as(MemRequest {
            attr: Attributes {
                ido: true,
                ..Attributes::default()
            },
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::BusMaster, |port| {
        port.write(0x04, 0x2);
        port.device(&write(PAGE, 1))
    }),
    (Rule::BusMaster, |port| {
        port.write(0x04, 0x2);
        port.device(&bare(page_request(LAST_READ)))
    }),
    // A posted write that a completion has passed: the write of Command was completed before it.
    (Rule::BusMaster, |port| {
        let request = port.config(0x04);
        port.host(&Tlp::ConfigWrite { request, data: 2 })?;
        port.device(&write(PAGE, 1))?;
        port.device(&no_data(answer(ROOT, request.tag, 4, 0)))?;
        port.device(&write(PAGE, 1))
    }),
    (Rule::RequesterId, |port| {
        port.device(&write_as(by_host(request(0, PAGE, 1))))
    }),
    (Rule::TagUnique, |port| {
        port.asked(4);
        port.device(&read(1, PAGE, 4))
    }),
    (Rule::TagRange, |port| port.device(&read(0x100, PAGE, 1))),
    (Rule::TagRange, |port| {
        port.write(PCIE_CAP + 8, 0x2810);
        port.device(&read(0x20, PAGE, 1))
    }),
    (Rule::CompletionUnasked, |port| {
        port.host(&with_data(from_root(9, 4, 0), 1))
    }),
    (Rule::CompletionUnasked, |port| {
        port.device(&with_data(answer(ROOT, Tag::new(77), 4, 0), 1))
    }),
    (Rule::CompletionUnasked, |port| {
        let stranger = Bdf::new(0, 9, 0);
        port.device(&with_data(answer(stranger, Tag::new(0), 4, 0), 1))
    }),
    (Rule::CompleterId, |port| {
        port.asked(1);
        let completion = Completion {
            completer: DEVICE,
            ..from_root(1, 4, 0)
        };
        port.host(&with_data(completion, 1))
    }),
    (Rule::CompletionAttributes, |port| {
        port.asked(1);
        let completion = Completion {
            attr: TC1,
            ..from_root(1, 4, 0)
        };
        port.host(&with_data(completion, 1))
    }),
    (Rule::CompletionStatus, |port| {
        port.asked(1);
        let completion = Completion {
            status: CompletionStatus::Retry,
            ..from_root(1, 4, 0)
        };
        port.host(&no_data(completion))
    }),
    (Rule::CompletionStatus, |port| {
        port.asked(1);
        let mut words = words(&no_data(from_root(1, 4, 0)));
        words[1] |= 7 << 13;
        port.see(Direction::ToDevice, &words)
    }),
    (Rule::CompletionData, |port| {
        port.asked(1);
        port.host(&no_data(from_root(1, 4, 0)))
    }),
    (Rule::CompletionByteCount, |port| {
        port.asked(4);
        port.host(&with_data(from_root(1, 20, 0), 4))
    }),
    (Rule::CompletionOrder, |port| {
        port.asked(32);
        port.host(&with_data(from_root(1, 64, 64), 16))
    }),
    (Rule::CompletionLowerAddress, |port| {
        port.asked(4);
        port.host(&with_data(from_root(1, 16, 4), 4))
    }),
    (Rule::CompletionBoundary, |port| {
        port.asked(32);
        port.host(&with_data(from_root(1, 128, 0), 8))
    }),
    (Rule::CompletionTooLong, |port| {
        port.asked(4);
        port.host(&with_data(from_root(1, 16, 0), 5))
    }),
    (Rule::Credits, |port| {
        port.checker.grant(Credits {
            posted: CreditLimit::Total {
                headers: 1,
                data: 100,
            },
            non_posted: CreditLimit::Infinite,
            completions: CreditLimit::Infinite,
        });
        port.device(&write(PAGE, 1))?;
        port.device(&write(PAGE, 1))
    }),
    (Rule::Credits, |port| {
        port.checker.grant(Credits {
            posted: CreditLimit::Total {
                headers: 9,
                data: 1,
            },
            non_posted: CreditLimit::Infinite,
            completions: CreditLimit::Infinite,
        });
        port.device(&write(PAGE, 5))
    }),
    (Rule::PasidEnable, |port| {
        port.write(PASID_CAP + 4, 0);
        port.device(&write_as(MemRequest {
            pasid: prefix(5),
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::PasidPlace, |port| {
        port.asked(1);
        let mut words = words(&with_data(from_root(1, 4, 0), 1));
        words.insert(0, 0x9100_0005);
        port.see(Direction::ToDevice, &words)
    }),
    (Rule::PasidPlace, |port| {
        let message = Message {
            pasid: prefix(5),
            ..message(DEVICE, 0x30, Routing::RootComplex, [0, 0])
        };
        port.device(&bare(message))
    }),
    (Rule::PasidModes, |port| {
        let pasid = prefix(5).map(|prefix| PasidPrefix {
            privileged: true,
            ..prefix
        });
        port.device(&write_as(MemRequest {
            pasid,
            ..request(0, PAGE, 1)
        }))
    }),
    (Rule::PasidOnInterrupt, |port| {
        port.checker.claimed(MESSAGE);
        port.device(&Tlp::MemWrite {
            request: MemRequest {
                pasid: prefix(5),
                ..request(0, MESSAGE.address, 1)
            },
            data: vec![MESSAGE.data],
        })
    }),
    (Rule::InterruptForm, |port| {
        port.device(&write(MESSAGE.address, 2))
    }),
    (Rule::RecordFirst, |port| {
        let record = port.memory.alloc_page().unwrap();
        port.checker.expect_record(MESSAGE, record);
        port.device(&interrupt())
    }),
    (Rule::MessageCode, |port| {
        port.device(&bare(message(DEVICE, 0x77, Routing::Local, [0, 0])))
    }),
    // A response is the host's to send.
    (Rule::MessageCode, |port| {
        port.device(&bare(message(DEVICE, 0x05, Routing::Id, [0, 0])))
    }),
    (Rule::MessageRouting, |port| {
        port.device(&bare(Message {
            routing: Routing::Local,
            ..page_request(LAST_READ)
        }))
    }),
    (Rule::MessageTc, |port| {
        port.device(&bare(Message {
            attr: TC1,
            ..page_request(LAST_READ)
        }))
    }),
    (Rule::MessageData, |port| {
        port.device(&Tlp::Message {
            message: page_request(LAST_READ),
            data: vec![0],
        })
    }),
    (Rule::ErrorMessage, |port| {
        port.device(&bare(message(DEVICE, 0x31, Routing::RootComplex, [0, 0])))
    }),
    (Rule::AtsEnable, |port| {
        port.write(ATS_CAP + 4, 0);
        port.device(&translation(2))
    }),
    (Rule::AtsRequestForm, |port| {
        port.device(&Tlp::MemRead {
            request: MemRequest {
                address: PAGE + 0x40,
                ..translation_request(2)
            },
        })
    }),
    (Rule::AtsCompletion, |port| {
        port.device(&translation(2))?;
        port.host(&with_data(from_root(2, 16, 48), 4))
    }),
    // Never translated at all.
    (Rule::AtsStale, |port| {
        port.device(&write_as(translated(0x5000)))
    }),
    // Not to be used: U is set.
    (Rule::AtsStale, |port| {
        port.translated(0x5000 | READ_WRITE | 4)?;
        port.device(&write_as(translated(0x5000)))
    }),
    // Good until the invalidation is completed.
    (Rule::AtsStale, |port| {
        port.translated(0x5000 | READ_WRITE)?;
        port.device(&write_as(translated(0x5000)))?;
        port.invalidate()?;
        port.device(&write_as(translated(0x5ffc)))?;
        port.device(&invalidated(1))?;
        port.device(&write_as(translated(0x5000)))
    }),
    (Rule::AtsRights, |port| {
        port.translated(0x5000 | READ_ONLY)?;
        port.device(&write_as(translated(0x5000)))
    }),
    (Rule::AtsPasid, |port| {
        port.translated(0x5000 | READ_WRITE)?;
        port.device(&write_as(MemRequest {
            pasid: prefix(5),
            ..translated(0x5000)
        }))
    }),
    (Rule::InvalidateTag, |port| {
        port.invalidate()?;
        port.invalidate()
    }),
    (Rule::InvalidateCompletion, |port| {
        port.invalidate()?;
        port.device(&invalidated(2))
    }),
    (Rule::PriEnable, |port| {
        port.write(PRI_CAP + 4, 0);
        port.device(&bare(page_request(LAST_READ)))
    }),
    (Rule::PriAllocation, |port| {
        for index in 0..4 {
            port.device(&bare(page_request(index << 3 | LAST_READ)))?;
        }
        port.device(&bare(page_request(4 << 3 | LAST_READ)))
    }),
    (Rule::PriIndex, |port| {
        port.device(&bare(page_request(LAST_READ)))?;
        port.device(&bare(page_request(LAST_READ)))
    }),
    (Rule::PriStopMarker, |port| {
        port.device(&bare(page_request(0b100)))
    }),
    // Marker type 1.
    (Rule::PriStopMarker, |port| {
        port.device(&bare(Message {
            pasid: prefix(5),
            ..page_request(1 << 3 | 0b100)
        }))
    }),
    (Rule::PriStopMarker, |port| {
        port.device(&bare(Message {
            pasid: prefix(5),
            ..page_request(0x1000 | 0b100)
        }))
    }),
    (Rule::PriStopMarker, |port| {
        port.device(&bare(Message {
            pasid: prefix(5),
            attr: RELAXED,
            ..page_request(0b100)
        }))
    }),
    (Rule::PriResponse, |port| port.host(&response(7))),
];

#[test]
fn every_lie_is_found_under_its_rule() {
    for (number, (rule, lie)) in LIES.iter().enumerate() {
        let mut port = Port::ready();

        let found = lie(&mut port).err().map(|violation| violation.rule);

        assert_eq!(found, Some(*rule), "lie {number}");
    }
}

#[test]
fn every_rule_has_a_lie() {
    let missing: Vec<_> = Rule::ALL
        .iter()
        .filter(|rule| LIES.iter().all(|(broken, _)| broken != *rule))
        .map(|rule| rule.id())
        .collect();

    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn identifiers_are_unique_and_citations_there() {
    let mut ids: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    ids.sort_unstable();
    ids.dedup();

    assert_eq!(ids.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| !rule.citation().is_empty()));
}

#[test]
fn honest_traffic_breaks_no_rule() {
    let mut port = Port::ready();
    let mut honest = || -> Checked {
        port.asked(32);
        port.host(&with_data(from_root(1, 128, 0), 16))?;
        port.host(&with_data(from_root(1, 64, 64), 16))?;
        port.asked(1);
        port.translated(0x20_0000 | 0x1f_f000 & !(1 << 20) | 1 << 11 | READ_WRITE)?;
        port.invalidate()?;
        port.device(&invalidated(1))?;
        port.invalidate()?;
        port.device(&bare(page_request(LAST_READ)))?;
        port.host(&response(0))?;
        port.cycle += 1000;
        port.device(&bare(page_request(LAST_READ)))?;
        let marker = Message {
            pasid: prefix(5),
            ..page_request(0b100)
        };
        port.device(&bare(marker))
    };

    assert_eq!(honest(), Ok(()));
}

#[test]
fn interrupt_after_its_record_breaks_no_rule() {
    let mut port = Port::ready();
    let record = port.memory.alloc_page().unwrap();
    port.checker.expect_record(MESSAGE, record);
    port.memory.write_u32(record, 1).unwrap();

    assert_eq!(port.device(&interrupt()), Ok(()));
}

#[test]
fn large_page_is_granted_whole() {
    let mut port = Port::ready();
    let two_mib = 0x60_0000 | 0xf_f000 | 1 << 11 | READ_WRITE;
    port.translated(two_mib).unwrap();

    assert_eq!(port.device(&write_as(translated(0x7f_fffc))), Ok(()));
    let beyond = port.device(&write_as(translated(0x80_0000)));
    assert_eq!(beyond.unwrap_err().rule, Rule::AtsStale);
}

#[test]
fn right_once_given_is_not_taken_by_an_answer_without_it() {
    let mut port = Port::ready();
    port.translated(0x5000 | READ_WRITE).unwrap();
    port.translated(0x5000 | READ_ONLY).unwrap();

    port.device(&write_as(translated(0x5000))).unwrap();
}

#[test]
fn tag_is_not_free_before_its_completion_comes() {
    let mut port = Port::ready();
    port.asked(1);
    let completion = words(&with_data(from_root(1, 4, 0), 1));
    let later = TlpEvent {
        direction: Direction::ToDevice,
        cycle: Cycle(port.cycle + 300),
        words: &completion,
    };
    port.checker.check(&later, false).unwrap();

    let reused = port.device(&read(1, PAGE, 1));

    assert_eq!(reused.unwrap_err().rule, Rule::TagUnique);
}

#[test]
fn function_level_reset_takes_what_was_enabled() {
    let mut port = Port::ready();
    port.asked(4);
    port.write(PCIE_CAP + 8, 0xa910);
    port.read(PCIE_CAP, 0x0092_9010);

    let written = port.device(&write(PAGE, 1));

    assert_eq!(written.unwrap_err().rule, Rule::BusMaster);
}

#[test]
fn write_begun_before_function_level_reset_may_still_come() {
    let mut port = Port::ready();
    port.write(PCIE_CAP + 8, 0xa910);

    let written = port.device(&write(PAGE, 1));

    assert!(written.is_ok());
}

#[test]
fn translation_is_good_until_a_reset_function_answers_again() {
    let mut port = Port::ready();
    port.translated(0x5000 | READ_WRITE).unwrap();
    port.write(PCIE_CAP + 8, 0xa910);

    let begun = port.device(&write_as(translated(0x5000)));
    port.read(PCIE_CAP, 0x0092_9010);
    port.write(0x04, 0x6);
    port.write(ATS_CAP + 4, 1 << 31);
    let after = port.device(&write_as(translated(0x5000)));

    assert_eq!(begun, Ok(()));
    assert_eq!(after.unwrap_err().rule, Rule::AtsStale);
}

#[test]
fn deliberate_tlp_is_not_judged() {
    let mut port = Port::ready();
    let wrong = words(&with_data(from_root(9, 4, 0), 1));
    let event = TlpEvent {
        direction: Direction::ToDevice,
        cycle: Cycle(5),
        words: &wrong,
    };

    assert_eq!(port.checker.check(&event, true), Ok(()));
}

#[test]
fn run_stops_with_rule_citation_and_tlp() {
    let device = Mock::silent().sends(10, &write(PAGE, 1));
    let memory = Memory::new(1 << 20).unwrap();
    let host = Host::new(Box::new(device), memory, Knobs::default());

    let error = host.run(host.sleep(100)).unwrap_err();

    assert!(matches!(&error, RunError::Rule(violation) if violation.rule == Rule::BusMaster));
    let text = error.to_string();
    assert!(
        text.starts_with("cycle 10: the device broke rule `bus-master`"),
        "{text}"
    );
    assert!(text.contains("PCIe 7.5.1.1.3"), "{text}");
    assert!(text.contains(r#""tlp":"mem_write""#), "{text}");
}

#[test]
fn switched_off_checker_judges_nothing() {
    let device = Mock::silent().sends(10, &write(PAGE, 1));
    let memory = Memory::new(1 << 20).unwrap();
    let knobs = Knobs {
        checker: false,
        ..Knobs::default()
    };
    let host = Host::new(Box::new(device), memory, knobs);

    assert!(host.run(host.sleep(100)).is_ok());
}
