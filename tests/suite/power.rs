// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! D3hot with queues at work. Software is to quiesce the function first; of one that did not, all
//! that could leave waits for D0 (PCIe 5.3.1.4.1), and No_Soft_Reset says that nothing is lost.

use siov::dsa::{Descriptor, Status};
use siov::iommu::descriptor::Pages;
use siov::mem::PAGE_SIZE;
use siov::pcie::tlp::{Message, PasidPrefix};

use crate::bench::{Bench, DATA, Function, RECORD, Seen, Tenant, pattern};
use crate::invalidation::invalidate;
use crate::one_queue::state;
use crate::page_faults::code;

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;
const MOVES: u64 = 16;
const PM_CONTROL: u16 = 0x94;
const D0: u32 = 0;
const D3HOT: u32 = 3;
const ENABLED: u32 = 1;
/// Cycles in which what has begun has ended, and reads in flight are answered.
const SETTLED: u64 = 2_000;
const LONG: u64 = 20_000;

/// Moves a page to each of `MOVES` pages, and has the function in D3hot in the middle of it. Gives
/// what the device sends there.
async fn interrupted(bench: &Bench, tenant: &Tenant, after: u64) -> Vec<Seen> {
    let function = Function::of(tenant.adi.driver());
    tenant.write(SOURCE, &pattern(1, 4096));
    for slot in 0..MOVES {
        let copy = Descriptor::memory_move(SOURCE, DATA + slot * PAGE_SIZE, 4096);
        tenant.submit(&copy.with_completion(RECORD + 32 * slot));
    }
    bench.host.sleep(after).await;
    function.set_config(PM_CONTROL, D3HOT).await;
    bench.host.sleep(SETTLED).await;
    bench.log.take();
    bench.host.sleep(LONG).await;
    bench.log.take_from_device()
}

async fn all_succeed(tenant: &Tenant) {
    for slot in 0..MOVES {
        let record = tenant.ended(RECORD + 32 * slot).await;
        assert_eq!(record.status(), Status::SUCCESS);
        assert!(tenant.read(DATA + slot * PAGE_SIZE, 4096) == pattern(1, 4096));
    }
}

#[test]
fn queues_at_work_send_nothing_in_d3hot_and_go_on_in_d0() {
    for (translated, after) in [(false, 100), (false, 600), (true, 100), (true, 900)] {
        let bench = Bench::new();
        bench.run(async {
            let [tenant] = match translated {
                true => bench.translated(None).await,
                false => bench.tenants().await,
            };
            let function = Function::of(tenant.adi.driver());

            let sent = interrupted(&bench, &tenant, after).await;

            assert!(sent.is_empty(), "{translated} {after}: {sent:?}");
            let ended = (0..MOVES).filter(|slot| {
                let record = tenant.record(RECORD + 32 * slot);
                record.status() != Status::NONE
            });
            assert_ne!(ended.count() as u64, MOVES, "{translated} {after}");
            function.set_config(PM_CONTROL, D0).await;
            all_succeed(&tenant).await;
            assert_eq!(state(&function).await, ENABLED, "not in Halt");
        });
    }
}

/// The completion is a message, hence a request that the function starts.
#[test]
fn invalidation_in_d3hot_is_completed_in_d0() {
    const ITAG: u8 = 31;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        let function = Function::of(tenant.adi.driver());
        interrupted(&bench, &tenant, 900).await;
        let prefix = PasidPrefix::new(tenant.adi.pasid());
        let request = invalidate(Some(prefix), Pages::ALL, ITAG);

        bench.host.send_raw(&request);
        bench.host.sleep(LONG).await;
        let held = bench.log.take_from_device();
        function.set_config(PM_CONTROL, D0).await;
        all_succeed(&tenant).await;

        assert!(held.is_empty(), "{held:?}");
        let seen = bench.log.take_from_device();
        let completed = |seen: &Seen| code(seen) == Some(Message::INVALIDATE_COMPLETION);
        let completions = seen.iter().filter(|seen| completed(seen)).count();
        assert_eq!(completions, 1);
    });
}
