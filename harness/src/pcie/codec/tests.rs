// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Bits of each TLP, and what is refused.

use super::*;
use crate::pcie::tlp::{AddressType, Attributes, CompletionStatus, Routing};
use crate::pcie::{Bdf, Tag};

fn encoded(tlp: &Tlp) -> Vec<u32> {
    let mut words = Vec::new();
    tlp.encode(&mut words);
    words
}

fn request() -> MemRequest {
    MemRequest {
        requester: Bdf::new(0x12, 0x03, 0x4),
        tag: Tag::new(0x56),
        address: 0x1234_5678,
        length: 1,
        first_be: 0xf,
        last_be: 0,
        attr: Attributes::default(),
        at: AddressType::Untranslated,
        no_write: false,
        pasid: None,
    }
}

#[test]
fn memory_read_below_4_gib_has_three_dwords() {
    let read = Tlp::MemRead { request: request() };
    assert_eq!(encoded(&read), [0x0000_0001, 0x121c_560f, 0x1234_5678]);
}

#[test]
fn locked_read_and_its_completions_have_types_of_their_own() {
    const READ: u32 = 0x0000_0000;
    const LOCKED: u32 = 0x0100_0000;
    const COMPLETION: u32 = 0x0a00_0000;
    let completion = Completion {
        completer: Bdf::new(1, 0, 0),
        status: CompletionStatus::UnsupportedRequest,
        byte_count: 4,
        requester: request().requester,
        tag: request().tag,
        lower_address: 0x78,
        attr: Attributes::default(),
    };
    let data = |n: usize| vec![0; n];
    let request = request();
    for (plain, locked) in [
        (Tlp::MemRead { request }, Tlp::LockedRead { request }),
        (
            Tlp::Completion {
                completion,
                data: data(0),
            },
            Tlp::LockedCompletion {
                completion,
                data: data(0),
            },
        ),
        (
            Tlp::Completion {
                completion,
                data: data(1),
            },
            Tlp::LockedCompletion {
                completion,
                data: data(1),
            },
        ),
    ] {
        let (plain, locked) = (encoded(&plain), encoded(&locked));

        assert_eq!(locked[0], plain[0] | LOCKED);
        assert_eq!(locked[1..], plain[1..]);
        assert!([READ, COMPLETION].contains(&(plain[0] & 0x3f00_0000)));
    }
}

#[test]
fn memory_read_above_4_gib_has_four_dwords_high_half_first() {
    let request = MemRequest {
        address: 0xab_1234_5678,
        ..request()
    };
    let read = Tlp::MemRead { request };
    assert_eq!(
        encoded(&read),
        [0x2000_0001, 0x121c_560f, 0xab, 0x1234_5678]
    );
}

#[test]
fn memory_write_carries_its_payload_and_last_byte_enables() {
    let request = MemRequest {
        length: 2,
        last_be: 0x3,
        ..request()
    };
    let write = Tlp::MemWrite {
        request,
        data: vec![0x0403_0201, 0x0605],
    };
    assert_eq!(
        encoded(&write),
        [0x4000_0002, 0x121c_563f, 0x1234_5678, 0x0403_0201, 0x0605]
    );
}

#[test]
fn length_1024_is_encoded_as_0() {
    let request = MemRequest {
        address: 0x1000,
        length: 1024,
        first_be: 0xf,
        last_be: 0xf,
        ..request()
    };
    assert_eq!(encoded(&Tlp::MemRead { request })[0], 0x0000_0000);
}

#[test]
fn attributes_tag_and_address_type_have_their_bits_in_dword_0() {
    let bit = |change: fn(&mut MemRequest)| {
        let mut request = request();
        change(&mut request);
        encoded(&Tlp::MemRead { request })[0] ^ 1
    };
    assert_eq!(bit(|r| r.tag = Tag::new(0x256)), 1 << 23);
    assert_eq!(bit(|r| r.attr.tc = 7), 7 << 20);
    assert_eq!(bit(|r| r.tag = Tag::new(0x156)), 1 << 19);
    assert_eq!(bit(|r| r.attr.ido = true), 1 << 18);
    assert_eq!(bit(|r| r.attr.poisoned = true), 1 << 14);
    assert_eq!(bit(|r| r.attr.relaxed = true), 1 << 13);
    assert_eq!(bit(|r| r.attr.no_snoop = true), 1 << 12);
    assert_eq!(bit(|r| r.at = AddressType::TranslationRequest), 1 << 10);
    assert_eq!(bit(|r| r.at = AddressType::Translated), 2 << 10);
}

#[test]
fn pasid_prefix_comes_first_with_privilege_and_execute_above_the_pasid() {
    let pasid = Pasid::from_field(0xa_bcde);
    let prefix = |privileged, execute| {
        let pasid = Some(PasidPrefix {
            pasid,
            privileged,
            execute,
        });
        encoded(&Tlp::MemRead {
            request: MemRequest { pasid, ..request() },
        })[0]
    };
    assert_eq!(prefix(false, false), 0x910a_bcde);
    assert_eq!(prefix(true, false), 0x918a_bcde);
    assert_eq!(prefix(false, true), 0x914a_bcde);
}

#[test]
fn dmwr_has_type_11011() {
    let request = MemRequest {
        length: 1,
        ..request()
    };
    assert_eq!(
        encoded(&Tlp::DmWr {
            request,
            data: vec![7]
        })[0],
        0x5b00_0001
    );
}

#[test]
fn config_requests_address_a_function_and_a_register() {
    let request = ConfigRequest {
        requester: Bdf::new(0, 0, 0),
        tag: Tag::new(9),
        target: Bdf::new(0x01, 0x02, 0x3),
        register: 0xabc,
        first_be: 0x3,
        type1: false,
        attr: Attributes::default(),
    };
    let read = Tlp::ConfigRead { request };
    let write = Tlp::ConfigWrite {
        request,
        data: 0xdead,
    };
    let type1 = Tlp::ConfigRead {
        request: ConfigRequest {
            type1: true,
            ..request
        },
    };
    assert_eq!(encoded(&read), [0x0400_0001, 0x0000_0903, 0x0113_0abc]);
    assert_eq!(
        encoded(&write),
        [0x4400_0001, 0x0000_0903, 0x0113_0abc, 0xdead]
    );
    assert_eq!(encoded(&type1)[0], 0x0500_0001);
}

#[test]
fn completions_carry_status_byte_count_and_lower_address() {
    let completion = Completion {
        completer: Bdf::new(1, 0, 0),
        status: CompletionStatus::Success,
        byte_count: 4096,
        requester: Bdf::new(0, 1, 0),
        tag: Tag::new(0x3a5),
        lower_address: 0x7c,
        attr: Attributes::default(),
    };
    let data = Tlp::Completion {
        completion,
        data: vec![1],
    };
    assert_eq!(encoded(&data), [0x4a88_0001, 0x0100_0000, 0x0008_a57c, 1]);
    for (status, bits) in [
        (CompletionStatus::UnsupportedRequest, 0x2004),
        (CompletionStatus::Retry, 0x4004),
        (CompletionStatus::CompleterAbort, 0x8004),
    ] {
        let completion = Completion {
            status,
            byte_count: 4,
            ..completion
        };
        let words = encoded(&Tlp::Completion {
            completion,
            data: vec![],
        });
        assert_eq!(words, [0x0a88_0000, 0x0100_0000 | bits, 0x0008_a57c]);
    }
}

#[test]
fn messages_have_four_dwords_and_their_routing_in_the_type() {
    let message = Message {
        requester: Bdf::new(1, 0, 0),
        tag: Tag::new(0),
        code: 0x30,
        routing: Routing::RootComplex,
        header: [0, 0],
        attr: Attributes::default(),
        pasid: None,
    };
    let invalidate = Message {
        code: 1,
        routing: Routing::Id,
        header: [2 << 16, 3],
        ..message
    };
    assert_eq!(
        encoded(&Tlp::Message {
            message,
            data: vec![]
        }),
        [0x3000_0000, 0x0100_0030, 0, 0]
    );
    assert_eq!(
        encoded(&Tlp::Message {
            message: invalidate,
            data: vec![4, 5]
        }),
        [0x7200_0002, 0x0100_0001, 2 << 16, 3, 4, 5]
    );
}

#[test]
fn byte_count_and_first_byte_follow_the_byte_enables() {
    // PCIe table 2-39 for one dword, and for two.
    for (length, first_be, last_be, count, offset) in [
        (1, 0b0000, 0, 1, 0),
        (1, 0b1111, 0, 4, 0),
        (1, 0b1001, 0, 4, 0),
        (1, 0b0110, 0, 2, 1),
        (1, 0b1100, 0, 2, 2),
        (1, 0b1000, 0, 1, 3),
        (2, 0b1111, 0b1111, 8, 0),
        (2, 0b1110, 0b0111, 6, 1),
        (2, 0b1000, 0b0001, 2, 3),
    ] {
        let request = MemRequest {
            length,
            first_be,
            last_be,
            ..request()
        };
        assert_eq!(request.byte_count(), count, "{first_be:04b} {last_be:04b}");
        assert_eq!(request.first_byte() - request.address, offset);
    }
}

/// Decodes `words` of which one was changed.
fn changed(tlp: &Tlp, index: usize, change: impl Fn(u32) -> u32) -> Result<Tlp, TlpError> {
    let mut words = encoded(tlp);
    words[index] = change(words[index]);
    TlpRef::decode(&words).map(TlpRef::into_owned)
}

#[test]
fn what_is_not_a_tlp_is_refused() {
    let read = Tlp::MemRead { request: request() };
    let write = Tlp::MemWrite {
        request: request(),
        data: vec![0],
    };
    assert_eq!(
        TlpRef::decode(&[]),
        Err(TlpError::Short {
            dwords: 0,
            needed: 3
        })
    );
    assert_eq!(
        TlpRef::decode(&[1, 2]),
        Err(TlpError::Short {
            dwords: 2,
            needed: 3
        })
    );
    assert_eq!(
        TlpRef::decode(&[0x2000_0001, 2, 3]),
        Err(TlpError::Short {
            dwords: 3,
            needed: 4
        })
    );
    assert_eq!(
        TlpRef::decode(&[0x9000_0000, 1, 2, 3]),
        Err(TlpError::Prefix {
            prefix: 0x9000_0000
        })
    );
    assert_eq!(
        changed(&write, 0, |dw| dw + 1),
        Err(TlpError::Length {
            length: 2,
            payload: 1
        })
    );
    // Atomic FetchAdd, I/O read, locked write, reserved Fmt.
    for fmt_type in [0x4c, 0x02, 0x41, 0x60] {
        let fails = changed(if fmt_type & 0x40 == 0 { &read } else { &write }, 0, |dw| {
            dw & 0xff_ffff | fmt_type << 24
        });
        assert!(fails.is_err(), "{fmt_type:#x}: {fails:?}");
    }
    assert_eq!(
        changed(&read, 0, |dw| dw | 1 << 15),
        Err(TlpError::Unsupported {
            what: "a digest (TD)"
        })
    );
    assert_eq!(
        changed(&read, 0, |dw| dw | 1 << 16),
        Err(TlpError::Unsupported {
            what: "a processing hint (TH)"
        })
    );
    assert_eq!(
        changed(&read, 0, |dw| dw | 3 << 10),
        Err(TlpError::AddressType)
    );
}

#[test]
fn requests_that_break_the_rules_are_refused() {
    let decode = |request: MemRequest| {
        let words = encoded(&Tlp::MemRead { request });
        TlpRef::decode(&words).map(|_| ())
    };
    let bad_enables = |length, first_be, last_be| {
        let request = MemRequest {
            length,
            first_be,
            last_be,
            ..request()
        };
        matches!(decode(request), Err(TlpError::ByteEnables { .. }))
    };
    assert!(bad_enables(1, 0xf, 1));
    assert!(bad_enables(2, 0, 0xf));
    assert!(bad_enables(2, 0xf, 0));
    assert!(bad_enables(3, 0b1010, 0xf));
    assert!(bad_enables(3, 0xf, 0b0101));
    // A gap is legal in two dwords that share a quadword.
    assert!(!bad_enables(2, 0b0101, 0b1001));
    let crossing = MemRequest {
        address: 0xffc,
        length: 2,
        last_be: 0xf,
        ..request()
    };
    assert_eq!(
        decode(crossing),
        Err(TlpError::Crosses4K {
            address: 0xffc,
            length: 2
        })
    );
    let low = [0x2000_0001, 0xf, 0, 0x1000];
    assert_eq!(
        TlpRef::decode(&low),
        Err(TlpError::LowAddress64 { address: 0x1000 })
    );
}

#[test]
fn pasid_prefix_on_a_completion_is_refused() {
    let words = [0x9100_0001, 0x0a00_0000, 0x0100_0004, 0];
    assert_eq!(
        TlpRef::decode(&words),
        Err(TlpError::UnexpectedPrefix { fmt_type: 0x0a })
    );
}

/// A Translation Request for one page.
fn translation_request() -> MemRequest {
    MemRequest {
        at: AddressType::TranslationRequest,
        length: 2,
        first_be: 0xf,
        last_be: 0xf,
        ..request()
    }
}

#[test]
fn no_write_is_bit_0_of_the_last_header_dword_of_a_translation_request() {
    let request = MemRequest {
        no_write: true,
        ..translation_request()
    };
    let words = encoded(&Tlp::MemRead { request });
    assert_eq!(words.last().map(|word| word & 3), Some(1));
    assert_eq!(TlpRef::decode(&words), Ok(Tlp::MemRead { request }));
}

#[test]
fn translation_request_for_half_a_quadword_is_refused() {
    for request in [
        MemRequest {
            length: 3,
            ..translation_request()
        },
        MemRequest {
            last_be: 0x7,
            ..translation_request()
        },
    ] {
        let words = encoded(&Tlp::MemRead { request });
        assert!(matches!(
            TlpRef::decode(&words),
            Err(TlpError::TranslationRequest { .. })
        ));
    }
}
