// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A device whose completions somebody changes or loses on their way.

use std::cell::RefCell;
use std::rc::Rc;

use siov::endpoint::{Cycle, Endpoint, EndpointError, Stop};
use siov::pcie::Knobs;
use siov::pcie::tlp::{Completion, CompletionStatus, Tlp, TlpRef};
use siov::rtl::RtlEndpoint;
use siov::scenario::Profile;
use siov_sim::Credits;

use crate::bench::{Bench, DATA};

pub const SOURCE: u64 = DATA + 16 * 4096;
/// Cycles in which anything that was still to come has come.
pub const LONG: u64 = 10_000;

/// What becomes of a completion on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// Goes to `Tamper::lost`.
    IsLost,
}

type Change = Box<dyn FnMut(&mut Completion) -> Fate>;

/// How completions are changed on their way.
#[derive(Default)]
pub struct Tamper {
    pub change: Option<Change>,
    pub lost: Vec<Vec<u32>>,
}

/// A device whose completions are changed on their way.
struct Tampered {
    device: RtlEndpoint,
    tamper: Rc<RefCell<Tamper>>,
}

impl Endpoint for Tampered {
    fn push(&mut self, ready_at: Cycle, words: &[u32]) -> Result<(), EndpointError> {
        let tamper = &mut *self.tamper.borrow_mut();
        if let Some(change) = &mut tamper.change
            && let Ok(Tlp::Completion { completion, data }) = TlpRef::decode(words)
        {
            let mut completion = completion;
            if change(&mut completion) == Fate::IsLost {
                tamper.lost.push(words.to_vec());
                return Ok(());
            }
            let data = match completion.status {
                CompletionStatus::Success => data,
                _ => &[],
            };
            let mut words = Vec::new();
            Tlp::Completion { completion, data }.encode(&mut words);
            return self.device.push(ready_at, &words);
        }
        self.device.push(ready_at, words)
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        self.device.run(max_cycles)
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        self.device.next_tlp()
    }

    fn now(&self) -> Cycle {
        self.device.now()
    }

    fn idle(&self) -> bool {
        self.device.idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.device.set_credits(credits);
    }
}

pub fn tampered_bench() -> (Bench, Rc<RefCell<Tamper>>) {
    let device = RtlEndpoint::new(Profile::Small.straps(), None).unwrap();
    let tamper = Rc::<RefCell<Tamper>>::default();
    let endpoint = Tampered {
        device,
        tamper: Rc::clone(&tamper),
    };
    (Bench::on(Box::new(endpoint), Knobs::default()), tamper)
}
