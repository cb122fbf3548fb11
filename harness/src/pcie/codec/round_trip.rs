// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Every TLP survives encoding and decoding.

use proptest::prelude::*;

use super::*;
use crate::pcie::tlp::{AddressType, Attributes, CompletionStatus, Routing};
use crate::pcie::{Bdf, Tag};

fn any_attr() -> impl Strategy<Value = Attributes> {
    (0..8u8, any::<[bool; 4]>()).prop_map(|(tc, [relaxed, no_snoop, ido, poisoned])| Attributes {
        tc,
        relaxed,
        no_snoop,
        ido,
        poisoned,
    })
}

fn any_bdf() -> impl Strategy<Value = Bdf> {
    any::<u16>().prop_map(Bdf::from_raw)
}

fn any_tag() -> impl Strategy<Value = Tag> {
    (0..1024u16).prop_map(Tag::new)
}

fn any_prefix() -> impl Strategy<Value = Option<PasidPrefix>> {
    proptest::option::of((any::<u32>(), any::<bool>(), any::<bool>()).prop_map(
        |(pasid, privileged, execute)| PasidPrefix {
            pasid: Pasid::from_field(pasid),
            privileged,
            execute,
        },
    ))
}

/// A request for a run of bytes inside a page.
fn any_request() -> impl Strategy<Value = MemRequest> {
    let at = prop_oneof![
        Just(AddressType::Untranslated),
        Just(AddressType::TranslationRequest),
        Just(AddressType::Translated)
    ];
    let range = (any::<u64>(), 0..4096u64, 1..=4096u64);
    (any_bdf(), any_tag(), range, any_attr(), at, any_prefix()).prop_map(
        |(requester, tag, (page, start, bytes), attr, at, pasid)| {
            let end = (start + bytes).min(4096);
            let length = (end.div_ceil(4) - start / 4) as u16;
            let first = (0xf << (start & 3)) & 0xf;
            let last = 0xf >> (end.next_multiple_of(4) - end);
            let (first_be, last_be) = if length == 1 {
                (first & last, 0)
            } else {
                (first, last)
            };
            let address = page & !0xfff | start & !3;
            let request = MemRequest {
                requester,
                tag,
                address,
                length,
                first_be,
                last_be,
                attr,
                at,
                no_write: false,
                pasid,
            };
            match at {
                AddressType::TranslationRequest => MemRequest {
                    address: address & !7,
                    length: 2,
                    first_be: 0xf,
                    last_be: 0xf,
                    no_write: start % 2 == 1,
                    ..request
                },
                _ => request,
            }
        },
    )
}

fn payload(length: u16) -> Vec<u32> {
    (0..u32::from(length))
        .map(|i| i.wrapping_mul(0x9e37_79b9))
        .collect()
}

fn any_config() -> impl Strategy<Value = ConfigRequest> {
    (
        any_bdf(),
        any_tag(),
        any_bdf(),
        0..1024u16,
        0..16u8,
        any::<bool>(),
        any_attr(),
    )
        .prop_map(
            |(requester, tag, target, dword, first_be, type1, attr)| ConfigRequest {
                requester,
                tag,
                target,
                register: dword * 4,
                first_be,
                type1,
                attr,
            },
        )
}

fn any_tlp() -> impl Strategy<Value = Tlp> {
    let status = prop_oneof![
        Just(CompletionStatus::Success),
        Just(CompletionStatus::UnsupportedRequest),
        Just(CompletionStatus::Retry),
        Just(CompletionStatus::CompleterAbort)
    ];
    let completion = (
        any_bdf(),
        status,
        1..=4096u16,
        any_bdf(),
        any_tag(),
        0..128u8,
        any_attr(),
    )
        .prop_map(
            |(completer, status, byte_count, requester, tag, lower_address, attr)| Completion {
                completer,
                status,
                byte_count,
                requester,
                tag,
                lower_address,
                attr,
            },
        );
    let routing = prop_oneof![
        Just(Routing::RootComplex),
        Just(Routing::Address),
        Just(Routing::Id),
        Just(Routing::Broadcast),
        Just(Routing::Local),
        Just(Routing::Gather)
    ];
    let completion = completion.boxed();
    let locked = completion.clone();
    let message = (
        any_bdf(),
        any::<u8>(),
        any::<u8>(),
        routing,
        any::<[u32; 2]>(),
        any_attr(),
        any_prefix(),
    )
        .prop_map(
            |(requester, tag, code, routing, header, attr, pasid)| Message {
                requester,
                tag: Tag::new(tag.into()),
                code,
                routing,
                header,
                attr,
                pasid,
            },
        );
    prop_oneof![
        any_request().prop_map(|request| Tlp::MemRead { request }),
        any_request().prop_map(|request| Tlp::LockedRead { request }),
        any_request().prop_map(|request| Tlp::MemWrite {
            request,
            data: payload(request.length)
        }),
        any_request().prop_map(|request| Tlp::DmWr {
            request,
            data: payload(request.length)
        }),
        any_config().prop_map(|request| Tlp::ConfigRead { request }),
        (any_config(), any::<u32>()).prop_map(|(request, data)| Tlp::ConfigWrite { request, data }),
        (completion, 0..=1024u16).prop_map(|(completion, n)| Tlp::Completion {
            completion,
            data: payload(n)
        }),
        (locked, 0..=1024u16).prop_map(|(completion, n)| Tlp::LockedCompletion {
            completion,
            data: payload(n)
        }),
        (message, 0..=1024u16).prop_map(|(message, n)| Tlp::Message {
            message,
            data: payload(n)
        }),
    ]
}

proptest! {
    #[test]
    fn every_tlp_survives_encoding(tlp in any_tlp()) {
        let words = {
            let mut words = Vec::new();
            tlp.encode(&mut words);
            words
        };
        let decoded = TlpRef::decode(&words).map(TlpRef::into_owned);
        prop_assert_eq!(decoded, Ok(tlp));
        prop_assert!(words.len() <= MAX_DWORDS);
    }

    #[test]
    fn any_dwords_are_decoded_or_refused_without_panic(
        words in proptest::collection::vec(any::<u32>(), 0..16)
    ) {
        let _ = TlpRef::decode(&words);
    }
}
