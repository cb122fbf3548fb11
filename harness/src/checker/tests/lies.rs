// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Each rule is broken by a lying peer, and the checker must say so.

use super::super::*;
use super::port::*;
use crate::endpoint::CreditLimit;
use crate::pcie::tlp::{Attributes, ConfigRequest, PasidPrefix, Routing};

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
    (Rule::CompletionData, |port| {
        port.host(&deferrable_write(1))?;
        port.device(&with_data(answer(ROOT, Tag::new(1), 4, 0), 1))
    }),
    (Rule::CompletionUnasked, |port| {
        // Accepted twice.
        port.host(&deferrable_write(1))?;
        port.device(&no_data(answer(ROOT, Tag::new(1), 4, 0)))?;
        port.device(&no_data(answer(ROOT, Tag::new(1), 4, 0)))
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
