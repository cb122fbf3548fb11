// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Applies faults to the TLPs that pass.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::matcher::{Counter, Traits};
use super::rewrite::rewrite;
use super::{Deed, Kind, Match};
use crate::endpoint::Cycle;
use crate::pcie::tlp::{AddressType, CompletionStatus, Tlp, TlpRef};
use crate::pcie::{Direction, Pasid, Tag};

const TAGS: usize = 1024;

/// Most cycles that `Deed::Reorder` takes: less than any Completion Timeout.
const MOST_OVERTAKEN: u64 = 2_000;

/// A fault to be put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which TLPs it hits.
    pub matches: Match,
    /// What it does to them.
    pub deed: Deed,
}

/// A TLP to be sent instead of, or beside, the one that was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// When it is ready.
    pub ready_at: Cycle,
    /// The TLP.
    pub words: Vec<u32>,
    /// It is as illegal as it was meant to be.
    pub deliberate: bool,
}

/// What becomes of a device TLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is handled, as it may have been changed.
    Pass,
    /// It never came.
    Lost,
    /// It is handled twice.
    Twice,
    /// The request is answered with this status.
    Refused(CompletionStatus),
}

/// A fault that was put in, and whose request it hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What was done.
    pub deed: Deed,
    /// To what.
    pub kind: Kind,
    /// PASID of the request, if it had one.
    pub pasid: Option<Pasid>,
    /// Address of the request, as it was on the wire; messages have none.
    pub address: Option<u64>,
}

/// How often which deed was done.
pub type Injected = BTreeMap<&'static str, u64>;

/// What is known of the device request with a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    traits: Option<Traits>,
    /// A fault has ended it: what the root complex still has for it is not sent.
    ended: bool,
    /// Cycles that its completions are late.
    delay: u64,
}

/// All faults of a run.
#[derive(Debug)]
pub struct Injector {
    faults: Vec<(Counter, Deed)>,
    asked: Box<[Asked; TAGS]>,
    random: ChaCha8Rng,
    /// A completion that comes after the next one of its tag.
    held: Option<(Outgoing, Tag)>,
    injected: Injected,
    hits: Vec<Hit>,
}

impl Injector {
    /// No faults yet; chance from `seed`.
    pub fn new(seed: u64) -> Self {
        const STREAM: u64 = 3 << 32; // apart from those of other users of the seed
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(STREAM);
        Self {
            faults: Vec::new(),
            asked: Box::new([Asked::default(); TAGS]),
            random,
            held: None,
            injected: Injected::new(),
            hits: Vec::new(),
        }
    }

    /// Adds a fault. Of several that match a TLP, the first added is done.
    pub fn add(&mut self, fault: Fault) {
        self.faults.push((Counter::new(fault.matches), fault.deed));
    }

    /// What was done so far.
    pub fn injected(&self) -> &Injected {
        &self.injected
    }

    /// What was done since this was last asked, in order.
    pub fn take_hits(&mut self) -> Vec<Hit> {
        std::mem::take(&mut self.hits)
    }

    fn deed(&mut self, tlp: &TlpRef<'_>, direction: Direction) -> Option<Deed> {
        let Self {
            faults,
            asked,
            random,
            ..
        } = self;
        let traits = Traits::of(tlp, direction, |tag| {
            asked[usize::from(tag.raw()) % TAGS].traits
        })?;
        let swaps = self.held.is_none() && has_more(tlp);
        let deed = faults.iter_mut().find_map(|(counter, deed)| {
            let possible = *deed != Deed::SwapPieces || swaps;
            let hit = possible && counter.hits(&traits, || random.next_u64());
            hit.then_some(*deed)
        })?;
        *self.injected.entry(deed.name()).or_default() += 1;
        self.hits.push(Hit {
            deed,
            kind: traits.kind,
            pasid: traits.pasid,
            address: traits.address,
        });
        Some(deed)
    }

    /// A host TLP is to be sent: calls `send` for each that is sent in its place.
    pub fn to_device(
        &mut self,
        ready_at: Cycle,
        words: &[u32],
        mut send: impl FnMut(&Outgoing),
        mut lost: impl FnMut(Tag),
    ) {
        let mut outgoing = Outgoing {
            ready_at,
            words: words.to_vec(),
            deliberate: false,
        };
        let Ok(tlp) = TlpRef::decode(words) else {
            return send(&outgoing);
        };
        let completes = match &tlp {
            Tlp::Completion { completion, .. } => Some(completion.tag),
            _ => None,
        };
        if let Some(tag) = completes
            && self.asked[usize::from(tag.raw()) % TAGS].ended
        {
            return;
        }
        let hit = self.deed(&tlp, Direction::ToDevice);
        if let Some(tag) = completes {
            let asked = &mut self.asked[usize::from(tag.raw()) % TAGS];
            match hit {
                Some(Deed::Delay(cycles)) => asked.delay = asked.delay.max(cycles.into()),
                Some(Deed::Reorder) => {
                    let delay = 1 + self.random.next_u64() % MOST_OVERTAKEN;
                    asked.delay = asked.delay.max(delay);
                }
                Some(Deed::UnsupportedRequest | Deed::CompleterAbort) => asked.ended = true,
                Some(Deed::Drop | Deed::CorruptTag) => lost(tag),
                _ => {}
            }
            // All completions of one request keep their order. A late one may find that the device
            // has given up.
            outgoing.ready_at += asked.delay;
            outgoing.deliberate = asked.delay > MOST_OVERTAKEN;
        }
        let mut arrives = true;
        match hit {
            None => {}
            Some(Deed::Drop) => arrives = false,
            Some(Deed::Delay(cycles)) if completes.is_none() => {
                outgoing.ready_at += u64::from(cycles);
            }
            Some(Deed::Duplicate(cycles)) => {
                send(&outgoing);
                outgoing.ready_at += u64::from(cycles);
                outgoing.deliberate = true;
            }
            Some(Deed::SwapPieces) => {
                lost(completes.unwrap_or_default());
                outgoing.deliberate = true;
                self.held = Some((outgoing, completes.unwrap_or_default()));
                return;
            }
            Some(deed) => {
                let random = self.random.next_u64();
                outgoing.deliberate |= !rewrite(deed, &mut outgoing.words, random);
            }
        }
        if arrives {
            send(&outgoing);
        }
        if let Some((mut held, _)) = self.held.take_if(|(_, tag)| completes == Some(*tag)) {
            held.ready_at = outgoing.ready_at + 1;
            send(&held);
        }
    }

    /// A device TLP has come; may change it.
    pub fn from_device(&mut self, words: &mut Vec<u32>) -> Received {
        let Ok(tlp) = TlpRef::decode(words) else {
            return Received::Pass;
        };
        if let Tlp::MemRead { request } = &tlp {
            let kind = match request.at {
                AddressType::TranslationRequest => Kind::TranslationCompletion,
                _ => Kind::ReadCompletion,
            };
            let traits = Traits {
                kind,
                tag: Some(request.tag),
                pasid: request.pasid.map(|prefix| prefix.pasid),
                address: Some(request.address),
            };
            self.asked[usize::from(request.tag.raw()) % TAGS] = Asked {
                traits: Some(traits),
                ended: false,
                delay: 0,
            };
        }
        let request = matches!(tlp, Tlp::MemRead { .. });
        let Some(deed) = self.deed(&tlp, Direction::FromDevice) else {
            return Received::Pass;
        };
        match deed {
            Deed::Drop => Received::Lost,
            Deed::Duplicate(_) => Received::Twice,
            Deed::UnsupportedRequest if request => {
                Received::Refused(CompletionStatus::UnsupportedRequest)
            }
            Deed::CompleterAbort if request => Received::Refused(CompletionStatus::CompleterAbort),
            Deed::Poison | Deed::CorruptData => {
                let random = self.random.next_u64();
                rewrite(deed, words, random);
                Received::Pass
            }
            // What is left makes no sense on this way.
            _ => Received::Pass,
        }
    }
}

/// Whether a completion is not the last of its request.
fn has_more(tlp: &TlpRef<'_>) -> bool {
    match tlp {
        Tlp::Completion { completion, data } if !data.is_empty() => {
            let skipped = usize::from(completion.lower_address & 3);
            usize::from(completion.byte_count) > data.len() * 4 - skipped.min(data.len() * 4)
        }
        _ => false,
    }
}
