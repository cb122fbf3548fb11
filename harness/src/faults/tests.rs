// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Each fault, put into scripted traffic.

use super::*;
use crate::mem::{Hpa, Memory};
use crate::pcie::mock::{Mock, Taken};
use crate::pcie::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, MemRequest, PasidPrefix, Tlp,
};
use crate::pcie::{Bdf, Host, Knobs, Pasid, Tag};

const DEVICE: Bdf = Bdf::new(1, 0, 0);
const BUFFER: u64 = 0x2000;

fn request(tag: u16, dwords: u16) -> MemRequest {
    MemRequest {
        requester: DEVICE,
        tag: Tag::new(tag),
        address: BUFFER,
        length: dwords,
        first_be: 0xf,
        last_be: if dwords == 1 { 0 } else { 0xf },
        attr: Attributes::default(),
        at: AddressType::Untranslated,
        no_write: false,
        pasid: None,
    }
}

/// Three reads of a device with tags 1, 2 and 3, of 256 bytes each, in cycles 10, 20 and 30.
fn run(faults: &[Fault]) -> (Host, Vec<(u64, Completion, Vec<u32>)>) {
    let device = [1, 2, 3].into_iter().fold(Mock::silent(), |device, tag| {
        let request = request(tag, 64);
        device.sends(u64::from(tag) * 10, &Tlp::MemRead { request })
    });
    let taken = device.taken();
    let host = host(device);
    for fault in faults {
        host.inject(fault.clone());
    }
    host.run(host.sleep(20_000)).unwrap();
    let completions = completions(&taken);
    (host, completions)
}

fn host(device: Mock) -> Host {
    let knobs = Knobs {
        checker: false, // the device was never enabled
        ..Knobs::default()
    };
    let host = Host::new(Box::new(device), Memory::new(1 << 20).unwrap(), knobs);
    host.memory().write(Hpa(BUFFER), &[0x5a; 4096]).unwrap();
    host
}

fn completions(taken: &Taken) -> Vec<(u64, Completion, Vec<u32>)> {
    let taken = taken.borrow();
    let completions = taken.iter().filter_map(|(cycle, tlp)| match tlp {
        Tlp::Completion { completion, data } => Some((cycle.0, *completion, data.clone())),
        _ => None,
    });
    completions.collect()
}

fn fault(matches: Match, deed: Deed) -> Fault {
    Fault { matches, deed }
}

fn on_tag_2(deed: Deed) -> Fault {
    fault(Match::new(Kind::ReadCompletion).tag(Tag::new(2)), deed)
}

fn tags(completions: &[(u64, Completion, Vec<u32>)]) -> Vec<u16> {
    completions.iter().map(|(_, c, _)| c.tag.raw()).collect()
}

fn of_tag_2(completions: &[(u64, Completion, Vec<u32>)]) -> Vec<&(u64, Completion, Vec<u32>)> {
    let of = completions.iter().filter(|(_, c, _)| c.tag.raw() == 2);
    of.collect()
}

#[test]
fn untouched_reads_are_completed_in_order() {
    let (host, completions) = run(&[]);

    assert_eq!(tags(&completions), [1, 1, 2, 2, 3, 3]);
    assert!(host.injected().is_empty());
}

#[test]
fn poison_sets_ep() {
    let (host, completions) = run(&[on_tag_2(Deed::Poison)]);

    let poisoned: Vec<_> = completions
        .iter()
        .map(|(_, c, _)| c.attr.poisoned)
        .collect();
    assert_eq!(poisoned, [false, false, true, true, false, false]);
    assert_eq!(host.injected().get("poison"), Some(&2));
}

#[test]
fn refusal_of_a_completion_ends_its_request() {
    for (deed, status) in [
        (
            Deed::UnsupportedRequest,
            CompletionStatus::UnsupportedRequest,
        ),
        (Deed::CompleterAbort, CompletionStatus::CompleterAbort),
    ] {
        let (_, completions) = run(&[on_tag_2(deed)]);

        let ended = of_tag_2(&completions);
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].1.status, status);
        assert_eq!(ended[0].1.byte_count, 256);
        assert!(ended[0].2.is_empty());
    }
}

#[test]
fn refusal_of_a_request_answers_it() {
    let refused = Match::new(Kind::Read).nth(3);
    let (_, completions) = run(&[fault(refused, Deed::CompleterAbort)]);

    assert_eq!(tags(&completions), [1, 1, 2, 2, 3]);
    assert_eq!(completions[4].1.status, CompletionStatus::CompleterAbort);
}

#[test]
fn dropped_completion_does_not_come() {
    let (_, completions) = run(&[on_tag_2(Deed::Drop)]);

    assert_eq!(tags(&completions), [1, 1, 3, 3]);
}

#[test]
fn delay_holds_up_the_whole_request() {
    let first_of_2 = Match::new(Kind::ReadCompletion).tag(Tag::new(2)).nth(1);
    let (_, completions) = run(&[fault(first_of_2, Deed::Delay(5_000))]);

    assert_eq!(tags(&completions), [1, 1, 3, 3, 2, 2]);
    assert_eq!(completions[4].0, 20 + 300 + 5_000);
}

#[test]
fn duplicate_comes_twice() {
    let first_of_2 = Match::new(Kind::ReadCompletion).tag(Tag::new(2)).nth(1);
    let (_, completions) = run(&[fault(first_of_2, Deed::Duplicate(1_000))]);

    assert_eq!(tags(&completions), [1, 1, 2, 2, 3, 3, 2]);
    assert_eq!(completions[2].1, completions[6].1);
}

#[test]
fn corruption_flips_one_bit_of_the_payload() {
    let (_, completions) = run(&[on_tag_2(Deed::CorruptData)]);

    for (_, completion, data) in &completions {
        let flipped: u32 = data.iter().map(|d| (d ^ 0x5a5a_5a5a).count_ones()).sum();
        assert_eq!(flipped, u32::from(completion.tag.raw() == 2));
    }
}

#[test]
fn flipped_bits_of_an_entry_count_from_its_last_byte() {
    let completion = Completion {
        completer: Bdf::new(0, 0, 0),
        status: CompletionStatus::Success,
        byte_count: 8,
        requester: DEVICE,
        tag: Tag::new(1),
        lower_address: 0x38,
        attr: Attributes::default(),
    };
    let data = vec![0, 0];
    let mut words = Vec::new();
    Tlp::Completion { completion, data }.encode(&mut words);

    let legal = rewrite::rewrite(Deed::FlipEntry(0x0100_0000_0000_0002), &mut words, 0);

    assert!(legal);
    assert_eq!(words[3..], [0x01, 0x0200_0000]);
}

#[test]
fn corrupt_tag_names_no_request_at_all() {
    let (_, completions) = run(&[on_tag_2(Deed::CorruptTag)]);

    assert!(of_tag_2(&completions).is_empty());
    assert_eq!(completions.len(), 6);
}

/// Completions with tag 2, with `deed` done to the first of them.
fn corrupted(deed: Deed) -> (Completion, Completion) {
    let matches = Match::new(Kind::ReadCompletion).tag(Tag::new(2)).times(1);
    let (_, good) = run(&[]);
    let (_, bad) = run(&[Fault { matches, deed }]);
    (of_tag_2(&good)[0].1, of_tag_2(&bad)[0].1)
}

#[test]
fn corrupt_fields_are_each_alone_wrong() {
    let (good, bad) = corrupted(Deed::CorruptRequester);
    let requester = bad.requester;
    assert_ne!(requester, good.requester);
    assert_eq!(Completion { requester, ..good }, bad);

    let (good, bad) = corrupted(Deed::CorruptByteCount);
    let byte_count = bad.byte_count;
    assert_ne!(byte_count, good.byte_count);
    assert_eq!(Completion { byte_count, ..good }, bad);

    let (good, bad) = corrupted(Deed::CorruptLowerAddress);
    let lower_address = bad.lower_address;
    assert_ne!(lower_address, good.lower_address);
    assert_eq!(
        Completion {
            lower_address,
            ..good
        },
        bad
    );

    let (good, bad) = corrupted(Deed::CorruptAttributes);
    let attr = bad.attr;
    assert_ne!(attr.tc, good.attr.tc);
    assert_eq!(Completion { attr, ..good }, bad);
}

#[test]
fn match_by_address_hits_completions_of_requests_there() {
    let hits = |addresses| {
        let matches = Match::new(Kind::ReadCompletion).addresses(addresses);
        let deed = Deed::Poison;
        run(&[Fault { matches, deed }]).0.take_hits()
    };

    assert_eq!(hits(BUFFER + 4..BUFFER + 8), []);
    let hit = Hit {
        deed: Deed::Poison,
        kind: Kind::ReadCompletion,
        pasid: None,
        address: Some(BUFFER),
    };
    assert_eq!(hits(BUFFER..BUFFER + 4), [hit; 6]);
}

#[test]
fn hits_are_told_once() {
    let (host, _) = run(&[on_tag_2(Deed::Drop)]);

    assert!(!host.take_hits().is_empty());
    assert!(host.take_hits().is_empty());
}

#[test]
fn reordered_request_keeps_the_order_of_its_own_completions() {
    let (_, completions) = run(&[on_tag_2(Deed::Reorder).clone()]);

    let counts: Vec<_> = of_tag_2(&completions)
        .iter()
        .map(|(_, c, _)| c.byte_count)
        .collect();
    assert_eq!(counts, [256, 128]);
}

#[test]
fn swapped_pieces_come_in_the_wrong_order() {
    let (_, completions) = run(&[on_tag_2(Deed::SwapPieces)]);

    let counts: Vec<_> = of_tag_2(&completions)
        .iter()
        .map(|(_, c, _)| c.byte_count)
        .collect();
    assert_eq!(counts, [128, 256]);
}

#[test]
fn match_counts_what_it_skips_and_what_it_hits() {
    let matches = Match::new(Kind::Read).after(1).every(2).times(1);
    let (host, completions) = run(&[fault(matches, Deed::Drop)]);

    assert_eq!(tags(&completions), [1, 1, 3, 3]);
    assert_eq!(host.injected().get("drop"), Some(&1));
}

#[test]
fn match_by_pasid_finds_the_completions_of_its_requests() {
    let with_pasid = MemRequest {
        pasid: Some(PasidPrefix::new(Pasid::new(7).unwrap())),
        ..request(5, 1)
    };
    let device = Mock::silent()
        .sends(
            10,
            &Tlp::MemRead {
                request: with_pasid,
            },
        )
        .sends(
            20,
            &Tlp::MemRead {
                request: request(6, 1),
            },
        );
    let taken = device.taken();
    let host = host(device);
    let pasid_7 = Match::new(Kind::ReadCompletion).pasid(Pasid::new(7).unwrap());
    host.inject(fault(pasid_7, Deed::Drop));

    host.run(host.sleep(1_000)).unwrap();

    assert_eq!(tags(&completions(&taken)), [6]);
}

#[test]
fn lost_interrupt_is_not_seen() {
    let interrupt = |tag| Tlp::MemWrite {
        request: MemRequest {
            address: 0xfee0_0000,
            ..request(tag, 1)
        },
        data: vec![0x41],
    };
    let device = Mock::silent()
        .sends(10, &interrupt(0))
        .sends(20, &interrupt(0));
    let host = host(device);
    host.inject(fault(Match::new(Kind::Interrupt).nth(1), Deed::Drop));

    host.run(host.sleep(100)).unwrap();

    assert_eq!(host.take_unclaimed_msis().len(), 1);
}

#[test]
fn chance_comes_from_the_seed() {
    let rare = fault(Match::new(Kind::ReadCompletion).one_in(2), Deed::Poison);
    let poisoned = || {
        let (_, completions) = run(std::slice::from_ref(&rare));
        let poisoned = completions.iter().map(|(_, c, _)| c.attr.poisoned);
        poisoned.collect::<Vec<_>>()
    };

    assert_eq!(poisoned(), poisoned());
}
