// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One seed, one run: the same TLPs in the same cycles, also from a record.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use siov::dsa::Descriptor;
use siov::pcie::{Direction, Knobs};
use siov::rtl;
use siov::scenario::Profile;
use siov::trace::{JsonlTrace, RecordHeader, RecordReader, RecordWriter};
use siov_sim::{Model, StopOn};

use crate::bench::{BASE, Bench, DATA, RECORD, pattern};

/// A file in memory. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a run leaves behind.
struct Run {
    trace: Vec<u8>,
    record: Vec<u8>,
    idle: bool,
    cycles: u64,
}

/// Two tenants with moves in flight, on a host that answers in random time and order.
fn run(seed: u64) -> Run {
    const SOURCE: u64 = BASE + 32 * 4096;
    let bench = Bench::knobs(Knobs {
        seed,
        jitter: 400,
        split_completions: true,
        ..Knobs::default()
    });
    let header = RecordHeader {
        build: siov_sim::BUILD_ID.to_owned(),
        straps: Profile::Small.straps().words(),
        seed,
    };
    let (trace, record) = (Buffer::default(), Buffer::default());
    let writer = RecordWriter::new(record.clone(), &header).unwrap();
    bench.host.add_listener(Box::new(writer));
    bench
        .host
        .add_listener(Box::new(JsonlTrace::new(trace.clone())));
    bench.run(async {
        let tenants = bench.tenants::<2>().await;
        for tenant in &tenants {
            tenant.write(SOURCE, &pattern(1, 8 * 4096));
            for slot in 0..8 {
                let descriptor = Descriptor::memory_move(SOURCE + 4096 * slot, DATA, 3000)
                    .with_completion(RECORD + 32 * slot)
                    .with_interrupt(tenant.handle);
                tenant.submit(&descriptor);
            }
        }
        for tenant in &tenants {
            tenant.adi.drain().await.unwrap();
        }
        bench.host.sleep(1000).await;
    });
    bench.host.finish_listeners().unwrap();
    Run {
        trace: trace.take(),
        record: record.take(),
        idle: bench.host.device_idle(),
        cycles: bench.host.now().0,
    }
}

#[test]
fn runs_with_one_seed_give_byte_identical_traces_and_records() {
    let (first, second) = (run(7), run(7));

    assert!(first.trace.len() > 10_000);
    assert!(first.trace == second.trace);
    assert!(first.record == second.record);
    assert_eq!(first.cycles, second.cycles);
}

#[test]
fn runs_with_different_seeds_differ() {
    assert!(run(7).trace != run(8).trace);
}

#[test]
fn device_is_idle_at_the_end() {
    assert!(run(7).idle);
}

#[test]
fn device_is_not_idle_while_reads_are_in_flight() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        assert!(bench.host.device_idle());

        tenant.submit(&Descriptor::memory_move(DATA + 4096, DATA, 64));

        assert!(!bench.host.device_idle(), "the portal write is on its way");
        bench.host.sleep(100).await;
        assert!(!bench.host.device_idle(), "the host has not answered");
        bench.host.sleep(1000).await;
        assert!(bench.host.device_idle());
    });
}

#[test]
fn replay_of_a_record_gives_the_same_device_tlps_in_the_same_cycles() {
    let recorded = run(7);
    let mut reader = RecordReader::new(recorded.record.as_slice()).unwrap();
    let config = rtl::config(Profile::Small.straps(), None);
    let mut model = Model::new(&config).unwrap();
    let mut expected = Vec::new();
    while let Some(event) = reader.next_tlp().unwrap() {
        match event.direction {
            Direction::ToDevice => {
                model.push(event.cycle.0, event.words).unwrap();
            }
            Direction::FromDevice => expected.push((event.cycle.0, event.words.to_vec())),
        }
    }

    model.run(recorded.cycles, StopOn::default()).unwrap();

    let mut replayed = Vec::new();
    while let Some(tlp) = model.next_tlp() {
        replayed.push((tlp.eop, tlp.dws.to_vec()));
    }
    assert!(expected.len() > 100);
    assert!(replayed == expected);
}
