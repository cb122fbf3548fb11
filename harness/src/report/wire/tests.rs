// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::pcie::tlp::{Attributes, PasidPrefix, Routing};
use crate::pcie::{Bdf, Tag};

const DEVICE: Bdf = Bdf::new(1, 0, 0);
const ROOT: Bdf = Bdf::new(0, 0, 0);
const PASID: Pasid = Pasid::new(3).unwrap();

/// A listener, and TLPs for it.
#[derive(Default)]
struct Port {
    wire: Wire,
}

impl Port {
    fn pass(&mut self, direction: Direction, cycle: u64, tlp: &Tlp) {
        let mut words = Vec::new();
        tlp.encode(&mut words);
        let event = TlpEvent {
            direction,
            cycle: Cycle(cycle),
            words: &words,
        };
        self.wire.tlp(&event).unwrap();
    }

    fn read(&mut self, at: AddressType, tag: u16, address: u64) {
        let request = MemRequest {
            requester: DEVICE,
            tag: Tag::new(tag),
            address,
            length: 2,
            first_be: 0xf,
            last_be: 0xf,
            attr: Attributes::default(),
            at,
            no_write: false,
            pasid: None,
        };
        self.pass(Direction::FromDevice, 10, &Tlp::MemRead { request });
    }

    fn complete(&mut self, tag: u16, entry: Option<u64>) {
        let completion = Completion {
            completer: ROOT,
            status: match entry {
                Some(_) => CompletionStatus::Success,
                None => CompletionStatus::UnsupportedRequest,
            },
            byte_count: 8,
            requester: DEVICE,
            tag: Tag::new(tag),
            lower_address: 0,
            attr: Attributes::default(),
        };
        let data = entry.map(|entry| {
            let (high, low) = ((entry >> 32) as u32, entry as u32);
            vec![high.swap_bytes(), low.swap_bytes()]
        });
        let data = data.unwrap_or_default();
        self.pass(
            Direction::ToDevice,
            20,
            &Tlp::Completion { completion, data },
        );
    }

    fn message(&mut self, direction: Direction, cycle: u64, code: u8, header: [u32; 2], tag: u16) {
        let message = Message {
            requester: match direction {
                Direction::FromDevice => DEVICE,
                Direction::ToDevice => ROOT,
            },
            tag: Tag::new(tag),
            code,
            routing: match code {
                Message::PAGE_REQUEST => Routing::RootComplex,
                _ => Routing::Id,
            },
            header,
            attr: Attributes::default(),
            pasid: Some(PasidPrefix::new(PASID)).filter(|_| code == Message::PAGE_REQUEST),
        };
        let data = match code {
            Message::INVALIDATE_REQUEST => vec![0, 0],
            _ => vec![],
        };
        self.pass(direction, cycle, &Tlp::Message { message, data });
    }

    /// Asks for the page at 5000h, alone in its group.
    fn ask(&mut self, cycle: u64, index: u32) {
        let low = 0x5000 | index << 3 | 0b111;
        let code = Message::PAGE_REQUEST;
        self.message(Direction::FromDevice, cycle, code, [0, low], 0);
    }

    fn answer(&mut self, cycle: u64, index: u32, response: u32) {
        let high = 0x0100_0000 | response << 12 | index;
        let code = Message::PRG_RESPONSE;
        self.message(Direction::ToDevice, cycle, code, [high, 0], 0);
    }
}

#[test]
fn first_use_of_a_granted_page_is_a_miss_and_the_others_are_hits() {
    let mut port = Port::default();
    port.read(AddressType::TranslationRequest, 7, 0x1000);
    port.complete(7, Some(0x8_0003));

    for offset in [0, 8, 16] {
        port.read(AddressType::Translated, 1, 0x8_0000 + offset);
    }

    let translations = port.wire.counts().translations;
    assert_eq!((translations.requests, translations.granted), (1, 1));
    assert_eq!((translations.translated, translations.hits), (3, 2));
}

#[test]
fn large_page_is_asked_for_once() {
    let mut port = Port::default();
    port.read(AddressType::TranslationRequest, 7, 0x1000);
    port.complete(7, Some(0x20_0000 | 0xff << 12 | 1 << 11 | 3)); // 2 MiB

    port.read(AddressType::Translated, 1, 0x3f_f000);
    port.read(AddressType::Translated, 1, 0x20_0000);

    assert_eq!(port.wire.counts().translations.hits, 1);
}

#[test]
fn answers_to_translation_requests_are_told_apart() {
    let mut port = Port::default();
    for (tag, entry) in [(1, Some(0x8_0001)), (2, Some(0)), (3, None)] {
        port.read(AddressType::TranslationRequest, tag, 0x1000);
        port.complete(tag, entry);
    }
    port.read(AddressType::Untranslated, 4, 0x1000);
    port.complete(4, Some(0x8_0003)); // data of a read

    let t = port.wire.counts().translations;
    assert_eq!((t.granted, t.absent, t.failed), (1, 1, 1));
    assert_eq!(t.translated, 0);
}

#[test]
fn page_requests_are_counted_by_answer_and_pasid() {
    let mut port = Port::default();
    port.ask(100, 4);
    port.ask(110, 5);
    port.answer(300, 4, 0);
    port.answer(320, 5, 1);
    port.ask(400, 4);

    let counts = port.wire.counts();
    let all = counts.page_requests;
    assert_eq!((all.requests, all.most_outstanding), (3, 2));
    assert_eq!((all.success, all.invalid_request), (1, 1));
    assert_eq!((all.cycles.mean, all.cycles.max), (205, 210));
    assert_eq!(counts.page_requests_of[&PASID], all);
}

#[test]
fn stop_marker_is_no_page_request() {
    let mut port = Port::default();

    let code = Message::PAGE_REQUEST;
    port.message(Direction::FromDevice, 1, code, [0, 0b100], 0);

    let counts = port.wire.counts().page_requests;
    assert_eq!((counts.requests, counts.stop_markers), (0, 1));
}

#[test]
fn invalidation_is_completed_by_the_last_of_its_copies() {
    let mut port = Port::default();
    port.message(
        Direction::ToDevice,
        50,
        Message::INVALIDATE_REQUEST,
        [0x0100_0000, 0],
        6,
    );

    for (cycle, completed) in [(70, 0), (90, 1)] {
        let code = Message::INVALIDATE_COMPLETION;
        port.message(Direction::FromDevice, cycle, code, [2, 1 << 6], 0);
        assert_eq!(port.wire.counts().invalidations.completed, completed);
    }

    assert_eq!(port.wire.counts().invalidations.cycles.max, 40);
}

#[test]
fn nothing_from_before_a_reset_is_answered_after_it() {
    let mut port = Port::default();
    port.ask(100, 4);

    port.wire.reset();
    port.answer(300, 4, 0);

    assert_eq!(port.wire.counts().page_requests.success, 0);
}
