// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Credits and back-pressure: a class that may not be sent waits and holds up no other; nothing is
//! lost (PCIe 2.4, 2.6).

use std::cell::RefCell;
use std::rc::Rc;

use siov::dsa::{Descriptor, Status};
use siov::endpoint::{Cycle, Endpoint, EndpointError, Stop};
use siov::pcie::Knobs;
use siov::pcie::tlp::{Tlp, TlpRef};
use siov::scenario::Profile;
use siov_firmware::regs;
use siov_sim::{CreditLimit, Credits, Model, StopOn};
use tokio::task::spawn_local;

use crate::bench::{Bench, DATA, Function, RECORD, pattern};

const SOURCE: u64 = DATA + 16 * 4096;
/// Cycles in which a TLP that may be sent has been sent.
const LONG: u64 = 3_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Posted,
    NonPosted,
    Completion,
}

/// The device and its flow control, which the test sets.
struct Port {
    model: Model,
    /// Headers and data credits that the device has used, by class.
    used: [(u16, u16); 3],
}

impl Port {
    /// Lets the device send so many TLPs more of `class`, and any number of others.
    fn limit(&mut self, class: Class, headers: u16) {
        let limit = |of: Class| match of == class {
            false => CreditLimit::Infinite,
            true => {
                let (used, data) = self.used[of as usize];
                CreditLimit::Total {
                    headers: used.wrapping_add(headers),
                    data: data.wrapping_add(1000),
                }
            }
        };
        let credits = Credits {
            posted: limit(Class::Posted),
            non_posted: limit(Class::NonPosted),
            completions: limit(Class::Completion),
        };
        self.model.set_credits(&credits);
    }

    fn unlimit(&mut self) {
        self.model.set_credits(&Credits {
            posted: CreditLimit::Infinite,
            non_posted: CreditLimit::Infinite,
            completions: CreditLimit::Infinite,
        });
    }
}

struct Shared {
    port: Rc<RefCell<Port>>,
    /// The TLP that was handed out last.
    tlp: Vec<u32>,
}

impl Endpoint for Shared {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        let model = &mut self.port.borrow_mut().model;
        model.push(ready_at.0, tlp).unwrap();
        Ok(())
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        let on_tlp = StopOn {
            tlp: true,
            ..StopOn::default()
        };
        let stop = self.port.borrow_mut().model.run(max_cycles, on_tlp);
        Ok(match stop.unwrap() {
            siov_sim::Stop::Tlp => Stop::Tlp,
            _ => Stop::Cycles,
        })
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let port = &mut *self.port.borrow_mut();
        let tlp = port.model.next_tlp()?;
        self.tlp = tlp.dws.to_vec();
        let (class, dwords) = match TlpRef::decode(&self.tlp).unwrap() {
            Tlp::MemWrite { data, .. } => (Class::Posted, data.len()),
            Tlp::Completion { data, .. } => (Class::Completion, data.len()),
            _ => (Class::NonPosted, 0),
        };
        let (headers, data) = &mut port.used[class as usize];
        *headers = headers.wrapping_add(1);
        *data = data.wrapping_add(dwords.div_ceil(4) as u16);
        Some((Cycle(tlp.eop), &self.tlp))
    }

    fn now(&self) -> Cycle {
        Cycle(self.port.borrow().model.cycle())
    }

    fn idle(&self) -> bool {
        self.port.borrow().model.is_idle()
    }

    /// The test grants credits itself.
    fn set_credits(&mut self, _: &Credits) {}
}

fn bench() -> (Bench, Rc<RefCell<Port>>) {
    let config = siov::rtl::config(Profile::Small.straps(), None);
    let port = Rc::new(RefCell::new(Port {
        model: Model::new(&config).unwrap(),
        used: Default::default(),
    }));
    let endpoint = Shared {
        port: Rc::clone(&port),
        tlp: Vec::new(),
    };
    (Bench::on(Box::new(endpoint), Knobs::default()), port)
}

fn one_move() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(RECORD)
}

#[test]
fn without_posted_credits_reads_go_on_and_writes_wait() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &pattern(2, 4096));
        port.borrow_mut().limit(Class::Posted, 0);

        tenant.submit(&one_move());
        bench.host.sleep(LONG).await;

        let requests = bench.log.take_requests();
        assert_eq!(requests.len(), 8);
        assert!(requests.iter().all(|(_, data)| data.is_empty()));
        port.borrow_mut().unlimit();
        assert_eq!(tenant.ended(RECORD).await.status(), Status::SUCCESS);
        assert_eq!(tenant.read(DATA, 4096), pattern(2, 4096));
    });
}

#[test]
fn without_non_posted_credits_records_go_on_and_reads_wait() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        port.borrow_mut().limit(Class::NonPosted, 0);
        tenant.submit(&one_move().with_completion(RECORD + 32));

        let nop = tenant.run(Descriptor::nop()).await;

        assert_eq!(nop.status(), Status::SUCCESS);
        let requests = bench.log.take_requests();
        assert!(requests.iter().all(|(_, data)| !data.is_empty()));
        port.borrow_mut().unlimit();
        let moved = tenant.ended(RECORD + 32).await;
        assert_eq!(moved.status(), Status::SUCCESS);
    });
}

/// Cycles that 160 fills of 4 KiB take, 16 at a time, beside tenants with `moves` moves each that
/// may not read. Gives them credits in the end, and looks what becomes of them.
fn beside_moves_without_credits(moves: u64) -> u64 {
    const MOVED: u64 = SOURCE + 16 * 4096;
    let (bench, port) = bench();
    bench.run(async {
        let [filling, moving @ ..] = bench.tenants::<4>().await;
        port.borrow_mut().limit(Class::NonPosted, 0);
        for tenant in &moving {
            tenant.write(SOURCE, &pattern(6, 4096));
            for slot in 0..moves {
                let copy = Descriptor::memory_move(SOURCE, MOVED + 4096 * slot, 4096);
                tenant.submit(&copy.with_completion(RECORD + 32 * slot));
            }
        }
        bench.host.sleep(LONG).await;

        let start = bench.host.now();
        for _ in 0..10 {
            for slot in 0..16 {
                let record = RECORD + 32 * slot;
                filling.write(record, &[0; 32]);
                let fill = Descriptor::fill(slot, DATA, 4096);
                filling.submit(&fill.with_completion(record));
            }
            for slot in 0..16 {
                let record = filling.ended(RECORD + 32 * slot).await;
                assert_eq!(record.status(), Status::SUCCESS);
            }
        }
        let cycles = bench.host.now() - start;

        port.borrow_mut().unlimit();
        for (tenant, slot) in moving.iter().flat_map(|t| (0..moves).map(move |s| (t, s))) {
            let record = tenant.ended(RECORD + 32 * slot).await;
            assert_eq!(record.status(), Status::SUCCESS);
            assert!(tenant.read(MOVED + 4096 * slot, 4096) == pattern(6, 4096));
        }
        cycles
    })
}

#[test]
fn reads_that_never_get_credits_cost_fills_at_most_5_percent() {
    let alone = beside_moves_without_credits(0);
    let beside = beside_moves_without_credits(16);

    assert!(
        beside * 100 <= alone * 105,
        "{beside} cycles instead of {alone}"
    );
}

#[test]
fn reads_in_flight_end_while_writes_have_no_credits() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &pattern(7, 4096));
        port.borrow_mut().limit(Class::Posted, 0);
        for slot in 0..16 {
            let copy = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
            tenant.submit(&copy.with_completion(RECORD + 32 * slot));
        }
        let fill = Descriptor::fill(0x55, SOURCE + 4096, 4096);
        tenant.submit(&fill.with_completion(RECORD + 32 * 16));
        bench.host.sleep(100 * LONG).await;

        port.borrow_mut().unlimit();
        for slot in 0..17 {
            let record = tenant.ended(RECORD + 32 * slot).await;
            assert_eq!(record.status(), Status::SUCCESS, "{slot}");
        }
        for slot in 0..16 {
            assert!(tenant.read(DATA + 4096 * slot, 4096) == pattern(7, 4096));
        }
    });
}

#[test]
fn without_completion_credits_dma_goes_on_and_register_reads_wait() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        port.borrow_mut().limit(Class::Completion, 0);
        let read = spawn_local(async move { function.read32(0).await });

        let record = tenant.run(one_move()).await;
        bench.host.sleep(LONG).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert!(!read.is_finished());
        port.borrow_mut().unlimit();
        assert_eq!(read.await.unwrap(), 0x200);
    });
}

#[test]
fn device_sends_exactly_as_many_tlps_as_it_has_header_credits() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for credits in [1, 3, 5] {
            port.borrow_mut().limit(Class::NonPosted, credits);
            tenant.write(RECORD, &[0; 32]);
            tenant.submit(&one_move());
            bench.host.sleep(LONG).await;

            let requests = bench.log.take_requests();
            let reads = requests.iter().filter(|(_, data)| data.is_empty());
            assert_eq!(reads.count(), usize::from(credits));

            port.borrow_mut().unlimit();
            tenant.ended(RECORD).await;
            bench.log.take();
        }
    });
}

#[test]
fn posted_writes_to_the_device_are_taken_while_it_may_send_nothing() {
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        port.borrow_mut().limit(Class::Posted, 0);
        for slot in 0..16 {
            tenant.submit(&one_move().with_completion(RECORD + 32 * slot));
        }
        // More portal writes than there is room for: dropped, not blocked (PCIe 2.4.1).
        for _ in 0..100 {
            tenant.submit(&one_move());
        }
        bench.host.sleep(LONG).await;

        assert_eq!(port.borrow().model.pending(), 0);

        port.borrow_mut().unlimit();
        for slot in 0..16 {
            tenant.ended(RECORD + 32 * slot).await;
        }
    });
}

/// Reads that the host has sent beyond what the device can hold wait on the host's side, and let
/// everything else pass (docs/tlp-port.md).
#[test]
fn host_that_takes_no_completions_gets_its_moves_done_and_its_writes_taken() {
    const READS: usize = 200;
    const SCRATCH: u32 = regs::SIOV_CMDPARAM_OFFSET;
    let (bench, port) = bench();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &pattern(6, 4096));
        let function = Function::of(tenant.adi.driver());
        port.borrow_mut().limit(Class::Completion, 0);
        let reads: Vec<_> = (0..READS)
            .map(|n| {
                let function = function.clone();
                spawn_local(async move {
                    match n % 2 {
                        0 => function.read32(0).await,
                        _ => function.config(0).await,
                    }
                })
            })
            .collect();
        bench.host.sleep(LONG).await;
        let waiting = port.borrow().model.pending();
        assert!(waiting > READS / 2, "{waiting}");

        for slot in 0..16 {
            tenant.submit(&one_move().with_completion(RECORD + 32 * slot));
            function.write32(SCRATCH, slot as u32);
        }

        for slot in 0..16 {
            let record = tenant.ended(RECORD + 32 * slot).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }
        assert_eq!(tenant.read(DATA, 4096), pattern(6, 4096));
        assert_eq!(port.borrow().model.pending(), waiting);
        assert!(reads.iter().all(|read| !read.is_finished()));

        port.borrow_mut().unlimit();
        for (n, read) in reads.into_iter().enumerate() {
            let expected = if n % 2 == 0 { 0x200 } else { 0x510b_1234 };
            assert_eq!(read.await.unwrap(), expected);
        }
        assert_eq!(function.read32(SCRATCH).await, 15);
    });
}

#[test]
fn host_that_takes_a_beat_now_and_then_loses_nothing() {
    for pattern_of_ready in [0x1, 0x8000_0100_0000_8001, 0x5555_5555_5555_5555] {
        let (bench, port) = bench();
        bench.run(async {
            let [tenant] = bench.tenants().await;
            tenant.write(SOURCE, &pattern(4, 16 * 4096));
            port.borrow_mut().model.set_tx_ready(0, pattern_of_ready);

            for slot in 0..8 {
                let descriptor =
                    Descriptor::memory_move(SOURCE + 4096 * slot + 7, DATA + 4096 * slot, 3000);
                tenant.submit(&descriptor.with_completion(RECORD + 32 * slot));
            }

            for slot in 0..8 {
                let record = tenant.ended(RECORD + 32 * slot).await;
                assert_eq!(record.status(), Status::SUCCESS);
                let expected = tenant.read(SOURCE + 4096 * slot + 7, 3000);
                assert!(tenant.read(DATA + 4096 * slot, 3000) == expected);
            }
        });
    }
}
