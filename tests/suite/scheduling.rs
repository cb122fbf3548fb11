// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Who is next: priorities are shares within a group (DSA 3.3, 3.4).

use siov::dsa::Descriptor;
use siov::host::WqConfig;
use siov::scenario::Profile;

use crate::bench::{BASE, Bench, DATA, RECORD};

const SOURCE: u64 = BASE + 32 * 4096;

fn wq(index: u16, priority: u8, group: u8) -> WqConfig {
    WqConfig {
        index,
        size: 64,
        priority,
        group,
    }
}

/// Loads 64 moves into each queue at once, and gives the queue of each in the order in which the
/// device began them.
fn order(wqs: &[WqConfig]) -> Vec<usize> {
    const COUNT: u64 = 64;
    let bench = Bench::profile(Profile::Small);
    bench.run(async {
        let tenants = bench.tenants_on(wqs).await;
        for _ in 0..COUNT {
            for tenant in &tenants {
                tenant.submit(&Descriptor::memory_move(SOURCE, DATA, 64));
            }
        }
        for tenant in &tenants {
            tenant.adi.drain().await.unwrap();
        }
        let reads = bench.log.take_requests().into_iter();
        reads
            .filter(|(_, data)| data.is_empty())
            .map(|(read, _)| {
                let pasid = read.pasid.unwrap().pasid;
                let owner = tenants.iter().position(|t| t.adi.pasid() == pasid);
                owner.unwrap()
            })
            .collect()
    })
}

/// How often queue 1 was served between the serves number `from` and `to` of queue 0.
fn between(order: &[usize], from: usize, to: usize) -> usize {
    let at = |n: usize| order.iter().enumerate().filter(|(_, wq)| **wq == 0).nth(n);
    let (start, end) = (at(from).unwrap().0, at(to).unwrap().0);
    order[start..end].iter().filter(|wq| **wq == 1).count()
}

#[test]
fn equal_priorities_take_turns() {
    let order = order(&[wq(0, 5, 0), wq(1, 5, 0)]);

    assert_eq!(between(&order, 10, 60), 50, "{order:?}");
}

#[test]
fn priorities_are_shares() {
    for (high, low) in [(15, 1), (10, 5), (3, 1)] {
        let order = order(&[wq(0, high, 0), wq(1, low, 0)]);

        // Two rounds of the higher one, after the first, which began before all was loaded.
        let high = usize::from(high);
        let served = between(&order, high, 3 * high);
        assert_eq!(served, 2 * usize::from(low), "{high} to {low}: {order:?}");
    }
}

#[test]
fn lowest_priority_does_not_starve() {
    let order = order(&[wq(0, 15, 0), wq(1, 1, 0)]);

    let first = order.iter().position(|wq| *wq == 1).unwrap();
    assert!(first <= 32, "{order:?}");
    assert_eq!(order.len(), 128);
}

#[test]
fn groups_share_the_engines_whatever_their_priorities() {
    // Engines are dealt in turn: two for each group.
    let order = order(&[wq(0, 15, 0), wq(1, 1, 1)]);

    assert_eq!(between(&order, 10, 60), 50, "{order:?}");
}

#[test]
fn idle_queues_cost_no_time() {
    let cycles = |queues: u16| {
        let bench = Bench::profile(Profile::Small);
        bench.run(async {
            let small = |index| WqConfig {
                size: 16,
                ..wq(index, 1, 0)
            };
            let wqs: Vec<_> = (0..queues).map(small).collect();
            let tenants = bench.tenants_on(&wqs).await;
            let start = bench.host.now();
            for slot in 0..16 {
                let nop = Descriptor::nop().with_completion(RECORD + 32 * slot);
                tenants[0].submit(&nop);
            }
            tenants[0].ended(RECORD + 32 * 15).await;
            bench.host.now() - start
        })
    };

    assert_eq!(cycles(16), cycles(1));
}

#[test]
fn queue_that_comes_later_is_served_in_the_running_round() {
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants_on(&[wq(0, 15, 0), wq(1, 1, 0)]).await;
        let [busy, late] = tenants.as_slice() else {
            unreachable!();
        };
        for _ in 0..64 {
            busy.submit(&Descriptor::memory_move(SOURCE, DATA, 64));
        }
        late.submit(&Descriptor::nop().with_completion(RECORD));

        let start = bench.host.now();
        late.ended(RECORD).await;

        // Long before the 64 moves with their host latency of 300 are done.
        assert!(bench.host.now() - start < 300);
    });
}
