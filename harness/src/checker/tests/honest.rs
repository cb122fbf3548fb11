// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What breaks no rule, or stops to do so.

use super::super::*;
use super::port::*;
use crate::dsa::Flags;

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
    let mut port = Port::ringing();
    port.submit(ringing());
    port.enqcmd(ringing(), CompletionStatus::Success).unwrap();
    for _ in 0..2 {
        port.device(&record()).unwrap();
    }

    assert_eq!(port.device(&interrupt()), Ok(()));
    assert_eq!(port.device(&interrupt()), Ok(()));
}

#[test]
fn interrupt_after_a_translated_record_breaks_no_rule() {
    let mut port = Port::ringing();
    port.submit(ringing());
    port.record_translated(0x5000 | READ_WRITE).unwrap();
    let record = MemRequest {
        length: 8,
        last_be: 0xf,
        ..translated(0x5fe0)
    };
    port.device(&write_as(record)).unwrap();

    assert_eq!(port.device(&interrupt()), Ok(()));
}

#[test]
fn interrupt_of_a_descriptor_that_owes_no_record_may_come_at_once() {
    let unaligned = ringing().with_completion(RECORD + 1);
    let on_error_only = {
        let mut descriptor = ringing();
        descriptor.set_flags(Flags::CRAV | Flags::RCI);
        descriptor
    };
    let mut privileged = ringing();
    privileged.pasid = (1 << 31 | PASID).into();
    for descriptor in [unaligned, on_error_only, privileged] {
        let mut port = Port::ringing();
        port.enqcmd(descriptor, CompletionStatus::Success).unwrap();

        assert_eq!(port.device(&interrupt()), Ok(()), "{descriptor:?}");
    }
}

#[test]
fn interrupt_may_come_alone_if_the_device_may_not_write_the_record() {
    let refused: [fn(&mut Port) -> Checked; 3] = [
        |port| {
            port.submit(ringing());
            port.record_translated(READ_ONLY)
        },
        |port| {
            port.record_translated(READ_ONLY)?;
            port.submit(ringing());
            Ok(())
        },
        // The answer was lost.
        |port| {
            port.submit(ringing());
            port.device(&Tlp::MemRead {
                request: MemRequest {
                    pasid: prefix(PASID),
                    ..translation_request(2)
                },
            })?;
            port.checker.lose(Tag::new(2));
            Ok(())
        },
    ];
    for (number, refuse) in refused.iter().enumerate() {
        let mut port = Port::ringing();
        refuse(&mut port).unwrap();

        assert_eq!(port.device(&interrupt()), Ok(()), "{number}");
    }
}

#[test]
fn interrupt_after_the_record_of_a_descriptor_offered_twice_breaks_no_rule() {
    let mut port = Port::ringing();
    port.enqcmd(ringing(), CompletionStatus::Retry).unwrap();
    port.enqcmd(ringing(), CompletionStatus::Success).unwrap();
    port.device(&record()).unwrap();

    assert_eq!(port.device(&interrupt()), Ok(()));
}

#[test]
fn interrupt_that_nobody_may_ask_for_any_more_is_not_judged() {
    let mut port = Port::ringing();
    port.submit(ringing());
    port.write(PCIE_CAP + 8, 0xa910);
    port.read(PCIE_CAP, 0x0092_9010);
    port.write(0x04, 0x6);

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
fn deferrable_write_may_be_retried_and_then_accepted() {
    let mut port = Port::ready();
    let retry = Completion {
        status: CompletionStatus::Retry,
        ..answer(ROOT, Tag::new(1), 4, 0)
    };
    let mut honest = || -> Checked {
        port.host(&deferrable_write(1))?;
        port.device(&no_data(retry))?;
        port.cycle += 1;
        port.host(&deferrable_write(1))?;
        port.device(&no_data(answer(ROOT, Tag::new(1), 4, 0)))
    };

    assert_eq!(honest(), Ok(()));
}

#[test]
fn write_begun_before_function_level_reset_may_still_come() {
    let mut port = Port::ready();
    port.write(PCIE_CAP + 8, 0xa910);

    let written = port.device(&write(PAGE, 1));

    assert!(written.is_ok());
}

#[test]
fn locked_read_may_be_refused_in_a_locked_completion() {
    let mut port = Port::ready();
    port.host(&locked_read(1)).unwrap();

    let refused = port.device(&locked(1, CompletionStatus::UnsupportedRequest));

    assert_eq!(refused, Ok(()));
}

#[test]
fn descriptor_refused_after_a_reset_takes_nothing_from_the_next_owner() {
    let mut port = Port::ringing();
    let mut no_record = ringing();
    no_record.set_flags(Flags::RCI);
    port.host(&offer(no_record)).unwrap();
    port.write(PCIE_CAP + 8, 0xa910);
    port.read(PCIE_CAP, 0x0092_9010);
    port.write(0x04, 0x6);
    port.ring();
    port.submit(no_record);
    port.device(&offered(CompletionStatus::Retry)).unwrap();

    assert_eq!(port.device(&interrupt()), Ok(()));
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
fn itag_is_free_again_when_its_invalidation_has_timed_out() {
    let mut port = Port::ready();
    port.invalidate().unwrap();
    port.cycle += knobs().invalidation_timeout;

    assert_eq!(port.invalidate(), Ok(()));
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
fn host_may_answer_page_requests_that_the_device_has_given_up() {
    const FAILURE: u32 = 0xf << 12;
    let mut port = Port::ready();
    for index in 0..2 {
        port.device(&bare(page_request(index << 3 | LAST_READ)))
            .unwrap();
    }
    port.host(&response(FAILURE)).unwrap();

    assert_eq!(port.host(&response(1)), Ok(()));
}

/// The invalidation of `PAGE` by somebody else than the IOMMU.
fn invalidation_of_a_stranger() -> Vec<u32> {
    let Tlp::Message { message, data } = invalidation() else {
        unreachable!()
    };
    let message = Message {
        requester: STRANGER,
        ..message
    };
    words(&Tlp::Message { message, data })
}

const STRANGER: Bdf = Bdf::new(0, 9, 0);

/// The device's completion of the stranger's ITag 0.
fn invalidated_for_stranger() -> Tlp {
    let Tlp::Message { mut message, data } = invalidated(1) else {
        unreachable!()
    };
    message.header[0] = u32::from(STRANGER.raw()) << 16 | 1;
    Tlp::Message { message, data }
}

fn note(port: &mut Port, words: &[u32]) {
    let event = TlpEvent {
        direction: Direction::ToDevice,
        cycle: Cycle(port.cycle),
        words,
    };
    port.checker.check(&event, true).unwrap();
}

#[test]
fn agents_may_use_the_same_itag() {
    let mut port = Port::ready();
    note(&mut port, &invalidation_of_a_stranger());

    let mut honest = || -> Checked {
        port.invalidate()?;
        port.device(&invalidated_for_stranger())?;
        port.device(&invalidated(1))
    };

    assert_eq!(honest(), Ok(()));
}

#[test]
fn another_agent_is_answered_once_for_each_of_its_requests() {
    let mut port = Port::ready();
    note(&mut port, &invalidation_of_a_stranger());
    note(&mut port, &invalidation_of_a_stranger());
    port.device(&invalidated_for_stranger()).unwrap();
    port.device(&invalidated_for_stranger()).unwrap();

    let third = port.device(&invalidated_for_stranger());

    assert_eq!(third.unwrap_err().rule, Rule::InvalidateCompletion);
}
