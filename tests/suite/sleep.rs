// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Rooms of the device whose clock stops while they have nothing to do: nobody outside can tell.

use std::cell::Cell;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::rc::Rc;

use siov::fuzz::{self, Options, Outcome, Translation};
use siov::pcie::{TlpEvent, TlpListener};
use siov::rtl::{self, RtlEndpoint};
use siov::scenario::Profile;
use siov_sim::{Model, Replacement};

/// Hash of all TLPs and their cycles.
#[derive(Clone, Debug, Default)]
struct Digest(Rc<Cell<u64>>);

impl TlpListener for Digest {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let mut hasher = DefaultHasher::new();
        (self.0.get(), event.cycle.0, event.words).hash(&mut hasher);
        self.0.set(hasher.finish());
        Ok(())
    }
}

/// The device with another clock gate: lines of it and what they become.
fn device(lines: &[(&str, &str)]) -> RtlEndpoint {
    const GATE: &str = "siov_clk_gate.sv";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rtl/lib");
    let mut text = fs::read_to_string(path.join(GATE)).unwrap();
    for (from, to) in lines {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    let name = GATE.to_owned();
    let config = rtl::config(Profile::Small.straps(), None);
    let model = Model::with_replacements(&config, &[Replacement { name, text }]).unwrap();
    RtlEndpoint::from(model)
}

/// Random traffic with faults, commands and resets: what came of it, and the digest.
fn play(device: RtlEndpoint, translation: Translation) -> (Option<Outcome>, u64) {
    let options = Options {
        tlps: 15_000,
        seed: 2,
        faults: true,
        resets: true,
        translation: Some(translation),
        checker: true,
    };
    let digest = Digest::default();
    let listeners: Vec<Box<dyn TlpListener>> = vec![Box::new(digest.clone())];
    let outcome = fuzz::run(Box::new(device), &options, listeners, |_| {});
    (outcome.ok(), digest.0.get())
}

fn sleeping() -> RtlEndpoint {
    RtlEndpoint::new(Profile::Small.straps(), None).unwrap()
}

#[test]
fn device_that_never_sleeps_sends_the_same_tlps_in_the_same_cycles() {
    for translation in [Translation::None, Translation::Ats, Translation::Pri] {
        let awake = device(&[("clk_o = clk_i && open", "clk_o = clk_i")]);

        let (outcome, digest) = play(sleeping(), translation);
        let (never_slept, its_digest) = play(awake, translation);

        assert_eq!(digest, its_digest, "{translation:?}");
        assert_eq!(outcome.unwrap().cycles, never_slept.unwrap().cycles);
    }
}

#[test]
fn device_that_wakes_a_clock_late_does_not() {
    let late = device(&[("open = need ||", "open = !rst_ni ||")]);

    let (_, digest) = play(sleeping(), Translation::None);
    let (_, its_digest) = play(late, Translation::None);

    assert_ne!(digest, its_digest);
}
