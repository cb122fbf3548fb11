// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Time in clock cycles, at the TLP port. Cycles are exact and repeat, so figures are asserted as
//! they are, below the limits that they must keep: a change of the design shows as a change here.

use std::cell::RefCell;
use std::rc::Rc;

use siov::dsa::{Descriptor, Status};
use siov::endpoint::{Cycle, Endpoint, EndpointError, Stop};
use siov::host::{Driver, WqConfig};
use siov::pcie::Knobs;
use siov::scenario::Profile;
use siov_sim::{Credits, Model, StopOn, Straps};
use tokio::task::LocalSet;

use crate::bench::{BASE, Bench, DATA, RECORD, Tenant, wq};

/// Cycles in which TLPs crossed the port, in order.
#[derive(Debug, Default)]
struct Times {
    /// Last beat of each host TLP.
    taken: Vec<u64>,
    /// First beat of each device TLP.
    sent: Vec<u64>,
}

/// The device, with a clock at its port.
struct Timed {
    model: Model,
    times: Rc<RefCell<Times>>,
    /// The TLP that was handed out last.
    tlp: Vec<u32>,
}

impl Timed {
    fn new(straps: Straps) -> (Self, Rc<RefCell<Times>>) {
        let mut model = Model::new(&siov::rtl::config(straps, None)).unwrap();
        model.log_sent(true);
        let times = Rc::<RefCell<Times>>::default();
        let timed = Self {
            model,
            times: Rc::clone(&times),
            tlp: Vec::new(),
        };
        (timed, times)
    }
}

impl Endpoint for Timed {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        self.model.push(ready_at.0, tlp).unwrap();
        Ok(())
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        let on_tlp = StopOn {
            tlp: true,
            ..StopOn::default()
        };
        let stop = self.model.run(max_cycles, on_tlp).unwrap();
        while let Some(sent) = self.model.next_sent() {
            self.times.borrow_mut().taken.push(sent.eop);
        }
        Ok(match stop {
            siov_sim::Stop::Tlp => Stop::Tlp,
            _ => Stop::Cycles,
        })
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let tlp = self.model.next_tlp()?;
        self.tlp = tlp.dws.to_vec();
        let (sop, eop) = (tlp.sop, tlp.eop);
        self.times.borrow_mut().sent.push(sop);
        Some((Cycle(eop), &self.tlp))
    }

    fn now(&self) -> Cycle {
        Cycle(self.model.cycle())
    }

    fn idle(&self) -> bool {
        self.model.is_idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.model.set_credits(credits);
    }
}

/// Cycles from the portal write of `descriptor` to the first TLP that it makes the device send, on
/// an idle device with these queues, from the last of them.
fn to_first_tlp(profile: Profile, wqs: u16, descriptor: Descriptor) -> u64 {
    let (endpoint, times) = Timed::new(profile.straps());
    let bench = Bench::on(Box::new(endpoint), Knobs::default());
    bench.run(async {
        let tenant = last_of(&bench, wqs).await;
        bench.host.sleep(1000).await;
        times.take();

        tenant.submit(&descriptor.with_completion(RECORD));
        tenant.ended(RECORD).await;
    });
    let times = times.borrow();
    times.sent[0] - times.taken[0]
}

/// A device with `wqs` queues, the last of which has a tenant.
async fn last_of(bench: &Bench, wqs: u16) -> Tenant {
    let wqs: Vec<WqConfig> = (0..wqs).map(|index| wq(index, 16)).collect();
    let driver = Driver::probe(&bench.host).await.unwrap();
    driver.configure(&wqs).await.unwrap();
    Tenant::new(&driver, *wqs.last().unwrap()).await
}

fn copy() -> Descriptor {
    Descriptor::memory_move(DATA + 4096, DATA, 64)
}

#[test]
fn portal_write_to_first_read_takes_at_most_24_cycles() {
    const LIMIT: u64 = 24;
    const FIGURE: u64 = 13;

    let cycles = to_first_tlp(Profile::Small, 1, copy());

    assert!(cycles <= LIMIT, "{cycles} cycles");
    assert_eq!(cycles, FIGURE);
}

#[test]
fn portal_write_to_first_read_takes_as_long_on_the_last_of_255_queues() {
    let first_of_one = to_first_tlp(Profile::Scale, 1, copy());
    let last_of_many = to_first_tlp(Profile::Scale, 255, copy());

    assert_eq!(last_of_many, first_of_one);
}

#[test]
fn portal_write_to_first_fill_data() {
    const FIGURE: u64 = 17;

    let cycles = to_first_tlp(Profile::Small, 1, Descriptor::fill(0, DATA, 64));

    assert_eq!(cycles, FIGURE);
}

#[test]
fn portal_write_to_the_record_of_a_nop() {
    const FIGURE: u64 = 13;

    let cycles = to_first_tlp(Profile::Small, 1, Descriptor::nop());

    assert_eq!(cycles, FIGURE);
}

/// A stream of moves.
struct Stream {
    profile: Profile,
    adis: u16,
    /// Outstanding moves of each ADI.
    depth: u64,
    /// Bytes of a move.
    bytes: u32,
    /// Moves of each ADI.
    count: u64,
    /// The device translates; each ADI has its memory in a page of 2 MiB.
    translated: bool,
}

impl Stream {
    /// Cycles a move takes in the steady state: the middle half of all.
    fn cycles_each(&self) -> f64 {
        let knobs = Knobs {
            translation_latency: 500,
            ..Knobs::default()
        };
        let bench = Bench::with(self.profile.straps(), knobs);
        let ended = bench.run(async {
            let tenants = self.tenants(&bench).await;
            let ended = Rc::new(RefCell::new(Vec::new()));
            let local = LocalSet::new();
            for tenant in tenants.into_iter().map(Rc::new) {
                for slot in 0..self.depth {
                    let work = self.work(Rc::clone(&tenant), slot, Rc::clone(&ended));
                    local.spawn_local(work);
                }
            }
            local.await;
            ended.take()
        });
        let (from, to) = (ended.len() / 4, ended.len() * 3 / 4);
        (ended[to] - ended[from]) as f64 / (to - from) as f64
    }

    async fn tenants(&self, bench: &Bench) -> Vec<Tenant> {
        let wqs: Vec<_> = (0..self.adis).map(|i| wq(i, self.depth as u16)).collect();
        if !self.translated {
            return bench.tenants_on(&wqs).await;
        }
        let driver = Driver::probe(&bench.host).await.unwrap();
        driver.enable_ats(None).await.unwrap();
        driver.configure(&wqs).await.unwrap();
        let mut tenants = Vec::new();
        for wq in wqs {
            tenants.push(Tenant::on_large_page(&driver, wq).await);
        }
        tenants
    }

    /// One slot of the queue: the next move as soon as the last has ended.
    fn work(
        &self,
        tenant: Rc<Tenant>,
        slot: u64,
        ended: Rc<RefCell<Vec<Cycle>>>,
    ) -> impl Future<Output = ()> + 'static {
        const SOURCE: u64 = BASE + 32 * 4096;
        let offset = slot * 4096 % (16 * 4096);
        let record = RECORD + 32 * slot;
        let descriptor = Descriptor::memory_move(SOURCE + offset, DATA + offset, self.bytes)
            .with_completion(record);
        let rounds = self.count / self.depth;
        async move {
            for _ in 0..rounds {
                let record = tenant.run_as_is(&descriptor).await;
                assert_eq!(record.status(), Status::SUCCESS);
                ended.borrow_mut().push(tenant.host().now());
            }
        }
    }
}

#[test]
fn moves_of_4_kib_take_at_most_90_cycles_each() {
    const LIMIT: f64 = 90.0;
    // As many beats as the device must send: 8 reads, 64 of data, a record.
    const FIGURE: f64 = 73.0;

    let cycles = Stream {
        profile: Profile::Small,
        adis: 1,
        depth: 16,
        bytes: 4096,
        count: 320,
        translated: false,
    }
    .cycles_each();

    assert!(cycles <= LIMIT, "{cycles} cycles");
    assert_eq!(cycles, FIGURE);
}

#[test]
fn moves_of_64_bytes_from_one_adi_take_at_most_12_cycles_each() {
    const LIMIT: f64 = 12.0;
    const FIGURE: f64 = 5.0;

    let cycles = Stream {
        profile: Profile::Small,
        adis: 1,
        depth: 128,
        bytes: 64,
        count: 128 * 16,
        translated: false,
    }
    .cycles_each();

    assert!(cycles <= LIMIT, "{cycles} cycles");
    assert_eq!(cycles.round(), FIGURE);
}

#[test]
fn moves_of_64_bytes_from_16_adis_take_at_most_8_cycles_each() {
    const LIMIT: f64 = 8.0;
    const FIGURE: f64 = 3.0;

    let cycles = Stream {
        profile: Profile::Small,
        adis: 16,
        depth: 16,
        bytes: 64,
        count: 16 * 16,
        translated: false,
    }
    .cycles_each();

    assert!(cycles <= LIMIT, "{cycles} cycles");
    assert_eq!(cycles.round(), FIGURE);
}

#[test]
fn moves_of_64_bytes_cost_as_much_from_128_adis_as_from_16() {
    let stream = |adis| Stream {
        profile: Profile::Scale,
        adis,
        depth: 256 / u64::from(adis),
        bytes: 64,
        count: 4096 / u64::from(adis),
        translated: false,
    };

    let few = stream(16).cycles_each();
    let many = stream(128).cycles_each();

    assert!(many <= few * 1.02, "{many} cycles instead of {few}");
}

/// Cycles of moves with translation for each without, in the steady state.
fn cost_of_translation(adis: u16, bytes: u32) -> f64 {
    let [with, without] = [true, false].map(|translated| {
        let depth = 128 / u64::from(adis);
        Stream {
            profile: Profile::Small,
            adis,
            depth,
            bytes,
            count: depth * 16,
            translated,
        }
        .cycles_each()
    });
    with / without
}

#[test]
fn translations_at_hand_cost_at_most_2_percent() {
    for (adis, bytes) in [(8, 4096), (1, 64), (16, 64)] {
        let cost = cost_of_translation(adis, bytes);

        assert!(cost <= 1.02, "{adis} ADIs, {bytes} bytes: {cost}");
    }
}

#[test]
fn adis_on_large_pages_of_their_own_reach_90_percent_of_the_ceiling() {
    const CEILING: f64 = 73.0;

    let cycles = Stream {
        profile: Profile::Small,
        adis: 16,
        depth: 8,
        bytes: 4096,
        count: 64,
        translated: true,
    }
    .cycles_each();

    assert!(cycles * 0.9 <= CEILING, "{cycles} cycles");
}
