// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A lie for each thing that random traffic looks at: it must be found out, and named.

use siov_firmware::regs;

use super::liar::{BAR0, Liar, Lie, is_completion_interrupt, is_data, is_own_interrupt, is_record};
use super::*;
use crate::dsa::Status;
use crate::pcie::tlp::{CompletionStatus, Message, PasidPrefix, Tlp, TlpRef};
use crate::pcie::{Bdf, Pasid};

/// What is found out about a device that lies, without faults or resets that could excuse it.
fn found(lie: impl Lie + 'static) -> String {
    found_in(&quiet(7, Translation::None), lie)
}

/// The same, where the protocol checker would be the first to notice.
fn found_without_checker(lie: impl Lie + 'static) -> String {
    let options = Options {
        checker: false,
        ..quiet(7, Translation::None)
    };
    found_in(&options, lie)
}

fn found_in(options: &Options, lie: impl Lie + 'static) -> String {
    match run(Box::new(Liar::new(lie)), options, vec![], |_| ()) {
        Ok(outcome) => panic!("nothing was found: {outcome}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_says(found: &str, what: &str) {
    assert!(found.contains(what), "{found}");
}

/// Says something else in place of the 60th TLP of a kind, and of those that follow.
struct From60th<M, C> {
    matches: M,
    change: C,
    times: u64,
    seen: u64,
}

impl<M: Fn(&Tlp) -> bool, C: FnMut(Tlp) -> Vec<Tlp>> Lie for From60th<M, C> {
    fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
        if !(self.matches)(&tlp) {
            return vec![tlp];
        }
        self.seen += 1;
        match (60..60 + self.times).contains(&self.seen) {
            true => (self.change)(tlp),
            false => vec![tlp],
        }
    }
}

fn once<M: Fn(&Tlp) -> bool, C: FnMut(Tlp) -> Vec<Tlp>>(matches: M, change: C) -> From60th<M, C> {
    From60th {
        matches,
        change,
        times: 1,
        seen: 0,
    }
}

/// Says something else in answer to reads of a register, from some time on.
struct Register<C> {
    offset: u32,
    change: C,
    heard: u64,
}

impl<C: FnMut(&mut [u32])> Lie for Register<C> {
    fn says(&mut self, mut tlp: Tlp, register: Option<u64>) -> Vec<Tlp> {
        const BROUGHT_UP: u64 = 2_000;
        self.heard += 1;
        if let Tlp::Completion { data, .. } = &mut tlp
            && register == Some(self.offset.into())
            && self.heard > BROUGHT_UP
        {
            (self.change)(data);
        }
        vec![tlp]
    }
}

/// Keeps all TLPs of a kind back until so many others have passed.
struct Late<M> {
    matches: M,
    others: usize,
    kept: Vec<(usize, Tlp)>,
    passed: usize,
}

impl<M: Fn(&Tlp) -> bool> Lie for Late<M> {
    fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
        if (self.matches)(&tlp) {
            self.kept.push((self.passed + self.others, tlp));
            return vec![];
        }
        self.passed += 1;
        let passed = self.passed;
        let due = self.kept.extract_if(.., |(at, _)| *at <= passed);
        let mut said: Vec<_> = due.map(|(_, tlp)| tlp).collect();
        said.push(tlp);
        said
    }
}

fn late<M: Fn(&Tlp) -> bool>(matches: M, others: usize) -> Late<M> {
    Late {
        matches,
        others,
        kept: vec![],
        passed: 0,
    }
}

fn data_of(tlp: &mut Tlp) -> &mut Vec<u32> {
    match tlp {
        Tlp::MemWrite { data, .. } => data,
        _ => unreachable!(),
    }
}

#[test]
fn record_that_is_lost() {
    let found = found(once(is_record, |_| vec![]));

    // What is noticed first depends on whether the descriptor asked for an interrupt.
    let noticed = ["without its record", "before its record"];
    assert!(noticed.iter().any(|what| found.contains(what)), "{found}");
}

/// Says a record again when a few more TLPs have passed.
#[derive(Default)]
struct Again {
    records: u64,
    kept: Option<(u64, Tlp)>,
}

impl Lie for Again {
    fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
        const LATER: u64 = 1;
        if is_record(&tlp) {
            self.records += 1;
            if self.records == 60 {
                self.kept = Some((LATER, tlp.clone()));
                return vec![tlp];
            }
        }
        let mut said = vec![tlp];
        if let Some((left, _)) = &mut self.kept {
            *left -= 1;
            if *left == 0 {
                said.extend(self.kept.take().map(|(_, tlp)| tlp));
            }
        }
        said
    }
}

#[test]
fn record_that_comes_twice() {
    let found = found(Again::default());

    assert_says(&found, "a second record");
}

#[test]
fn record_with_an_error_that_did_not_happen() {
    let found = found(once(is_record, |mut tlp| {
        data_of(&mut tlp)[0] = Status::READ_ERROR.code().into();
        vec![tlp]
    }));

    assert_says(&found, "it ended with read_error");
}

#[test]
fn error_that_is_kept_secret() {
    struct Secret;
    impl Lie for Secret {
        fn says(&mut self, mut tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
            if is_record(&tlp) && data_of(&mut tlp)[0] == u32::from(Status::READ_ERROR.code()) {
                data_of(&mut tlp)[0] = Status::SUCCESS.code().into();
            }
            vec![tlp]
        }
    }

    let found = found_in(&everything(8, Translation::None), Secret);

    assert_says(&found, "it ended with success");
}

#[test]
fn data_that_is_wrong() {
    let found = found(once(is_data, |mut tlp| {
        data_of(&mut tlp)[1] ^= 1 << 9;
        vec![tlp]
    }));

    assert_says(&found, "wrong data");
}

#[test]
fn data_that_goes_to_a_neighbour_too() {
    // A single one may hit what its neighbour is about to write over.
    let mut lie = once(is_data, |tlp: Tlp| {
        let mut copy = tlp.clone();
        if let Tlp::MemWrite { request, .. } = &mut copy {
            let pasid = request.pasid.map_or(0, |prefix| prefix.pasid.raw());
            let other = Pasid::new(pasid % 6 + 1).unwrap();
            request.pasid = Some(PasidPrefix::new(other));
        }
        vec![tlp, copy]
    });
    lie.times = 20;

    let found = found(lie);

    assert_says(&found, "nobody has changed it");
}

#[test]
fn write_to_an_address_that_nobody_has_named() {
    let found = found(once(is_data, |tlp| {
        let mut copy = tlp.clone();
        if let Tlp::MemWrite { request, .. } = &mut copy {
            request.address = 0x5000;
        }
        vec![tlp, copy]
    }));

    assert_says(&found, "nobody has asked for what was blocked");
}

#[test]
fn interrupt_of_an_entry_that_nobody_has() {
    let found = found(once(is_completion_interrupt, |tlp| {
        let mut copy = tlp.clone();
        if let Tlp::MemWrite { request, .. } = &mut copy {
            request.address |= 0x7f << 5;
        }
        vec![tlp, copy]
    }));

    assert_says(&found, "nobody has asked for what was blocked");
}

#[test]
fn interrupt_that_is_lost() {
    let found = found(once(is_completion_interrupt, |_| vec![]));

    assert_says(&found, "completion interrupts came");
}

#[test]
fn interrupt_that_comes_twice() {
    let twice = once(is_completion_interrupt, |tlp| vec![tlp.clone(), tlp]);

    let found = found_without_checker(twice);

    assert_says(
        &found,
        "a completion interrupt came that nobody has asked for",
    );
}

#[test]
fn interrupt_before_its_record() {
    let found = found_without_checker(late(is_record, 10));

    assert_says(&found, "before its record");
}

#[test]
fn interrupt_before_its_record_is_seen_on_the_wire() {
    let found = found(late(is_record, 10));

    assert_says(&found, "`record-first`");
}

#[test]
fn mask_that_does_not_hold() {
    struct Deaf;
    impl Lie for Deaf {
        fn hears(&mut self, tlp: &TlpRef<'_>) -> bool {
            let Tlp::MemWrite { request, data } = tlp else {
                return true;
            };
            let ims = BAR0 + u64::from(regs::SIOV_IMS_OFFSET);
            let control = (ims..ims + 0x1000).contains(&request.address)
                && request.address % u64::from(regs::SIOV_IMS_STRIDE)
                    == u64::from(regs::SIOV_IMS_CTRL_OFFSET);
            !(control && data[0] & regs::SIOV_IMS_CTRL_MASK_MASK != 0)
        }
    }

    let found = found(Deaf);

    assert_says(&found, "masked interrupt: pending is false");
}

#[test]
fn drain_that_is_over_too_early() {
    let found = found(late(
        |tlp| is_record(tlp) || is_completion_interrupt(tlp),
        400,
    ));

    assert_says(&found, "drained, but without its record");
}

#[test]
fn command_that_does_not_end() {
    /// Tells nothing of itself from some time on.
    struct Mute(u64);
    impl Lie for Mute {
        fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
            let own = is_own_interrupt(&tlp);
            self.0 += u64::from(own);
            match own && self.0 > 60 {
                true => vec![],
                false => vec![tlp],
            }
        }
    }

    let found = found(Mute(0));

    assert_says(&found, "has not ended after");
}

#[test]
fn software_error_that_nobody_has_caused() {
    let found = found(Register {
        offset: regs::SIOV_SWERROR0_OFFSET,
        change: |data: &mut [u32]| {
            data[0] = data[0] & !0xff00 | u32::from(Status::WRITE_ERROR.code()) << 8;
        },
        heard: 0,
    });

    assert_says(&found, "nobody has caused");
}

#[test]
fn software_error_of_a_queue_that_nobody_has() {
    let found = found(Register {
        offset: regs::SIOV_SWERROR0_OFFSET,
        change: |data: &mut [u32]| data[0] |= 0x80 << 16,
        heard: 0,
    });

    assert_says(&found, "belongs to nobody");
}

#[test]
fn halt() {
    let found = found(Register {
        offset: regs::SIOV_INTCAUSE_OFFSET,
        change: |data: &mut [u32]| data[0] |= regs::SIOV_INTCAUSE_HALT_MASK,
        heard: 0,
    });

    assert_says(&found, "the device has halted");
}

/// An answer to the noise that has a status other than success.
fn is_refusal(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::Completion { completion, .. }
        if completion.requester != Bdf::default()
            && completion.status == CompletionStatus::UnsupportedRequest)
}

#[test]
fn answer_with_another_status() {
    let found = found(once(is_refusal, |mut tlp| {
        if let Tlp::Completion { completion, .. } = &mut tlp {
            completion.status = CompletionStatus::CompleterAbort;
        }
        vec![tlp]
    }));

    assert_says(&found, "was answered CompleterAbort, expected");
}

#[test]
fn answer_that_is_missing() {
    let found = found(once(is_refusal, |_| vec![]));

    assert_says(&found, "no answer");
}

fn is_page_request(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::Message { message, .. } if message.code == Message::PAGE_REQUEST)
}

fn is_invalidate_completion(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::Message { message, .. } if message.code == Message::INVALIDATE_COMPLETION)
}

#[test]
fn group_index_that_is_used_twice_before_its_response() {
    let lie = once(is_page_request, |tlp| vec![tlp.clone(), tlp]);

    let found = found_in(&quiet(7, Translation::Pri), lie);

    assert_says(&found, "`pri-index`");
}

#[test]
fn page_request_that_outlives_a_function_level_reset() {
    /// Says its last page request again some answers after it was reset.
    #[derive(Default)]
    struct Undead {
        last: Option<Tlp>,
        answers: Option<u32>,
    }
    impl Lie for Undead {
        fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
            if is_page_request(&tlp) {
                self.last = Some(tlp.clone());
            }
            let mut said = vec![tlp];
            if let Some(answers) = &mut self.answers
                && matches!(said[0], Tlp::Completion { .. })
            {
                *answers += 1;
                if *answers == 4 {
                    said.extend(self.last.take());
                }
            }
            said
        }

        fn hears(&mut self, tlp: &TlpRef<'_>) -> bool {
            const DEVICE_CONTROL: u16 = 0x48;
            const INITIATE: u32 = 1 << 15;
            if let Tlp::ConfigWrite { request, data } = tlp
                && request.register == DEVICE_CONTROL
                && data & INITIATE != 0
            {
                self.answers = Some(0);
            }
            true
        }
    }
    // Several lives: not each ends so.
    let options = Options {
        tlps: 120_000,
        resets: true,
        ..quiet(7, Translation::Pri)
    };

    let found = found_in(&options, Undead::default());

    assert_says(&found, "the device broke rule");
}

#[test]
fn invalidation_that_is_not_completed() {
    let to_iommu = |tlp: &Tlp| is_invalidate_completion(tlp) && !answers_a_stranger(tlp);

    let found = found_in(&quiet(7, Translation::Ats), once(to_iommu, |_| vec![]));

    assert_says(&found, "not completed in time 1 times, but 0 were lost");
}

/// Whether it answers another agent than the IOMMU.
fn answers_a_stranger(tlp: &Tlp) -> bool {
    matches!(tlp, Tlp::Message { message, .. }
        if is_invalidate_completion(tlp) && message.header[0] >> 16 != 0)
}

#[test]
fn invalidation_of_another_agent_that_is_not_completed() {
    let mut lie = once(answers_a_stranger, |_| vec![]);
    // The ITag may be used again meanwhile, and be completed then.
    lie.times = 1_000;

    assert_says(&found(lie), "no completion");
}

#[test]
fn invalidation_of_another_agent_that_is_completed_too_often() {
    let mut lie = once(answers_a_stranger, |tlp| {
        vec![tlp.clone(), tlp.clone(), tlp]
    });
    lie.times = 10;

    assert_says(&found(lie), "`invalidate-completion`");
}

/// Forgets the first TLP of a kind that follows each change of power state.
struct Forgetful<M> {
    matches: M,
    changed: bool,
}

fn changes_power(tlp: &TlpRef<'_>) -> bool {
    const POWER_CONTROL: u16 = 0x94;
    matches!(tlp, Tlp::ConfigWrite { request, .. } if request.register == POWER_CONTROL)
}

impl<M: Fn(&Tlp) -> bool> Lie for Forgetful<M> {
    fn says(&mut self, tlp: Tlp, _: Option<u64>) -> Vec<Tlp> {
        match self.changed && (self.matches)(&tlp) {
            true => {
                self.changed = false;
                vec![]
            }
            false => vec![tlp],
        }
    }

    fn hears(&mut self, tlp: &TlpRef<'_>) -> bool {
        self.changed |= changes_power(tlp);
        true
    }
}

fn forgets(matches: impl Fn(&Tlp) -> bool + 'static) -> String {
    found(Forgetful {
        matches,
        changed: false,
    })
}

#[test]
fn data_that_is_lost_in_d3hot() {
    assert_says(&forgets(is_data), "wrong data");
}

#[test]
fn interrupt_that_is_lost_in_d3hot() {
    assert_says(
        &forgets(is_completion_interrupt),
        "completion interrupts came",
    );
}

#[test]
fn device_that_never_rests() {
    struct Restless;
    impl Lie for Restless {
        fn rests(&self) -> bool {
            false
        }
    }

    assert_says(&found(Restless), "not idle");
}
