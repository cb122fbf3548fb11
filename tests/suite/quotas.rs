// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What one tenant may hold of what all need.

use siov::dsa::Descriptor;
use siov::faults::{Deed, Fault, Kind, Match};

use crate::bench::{Bench, DATA, Function, RECORD, Tenant};
use crate::page_faults::move_16_times;

const SOURCE: u64 = DATA + 16 * 4096;
/// So slow that what its tenant moves is next to nothing.
const SLOW: u32 = 30_000;

/// The tenant's reads are answered late, and none times out.
async fn slow_down(bench: &Bench, tenant: &Tenant) {
    const DEVCTL2: u16 = 0x68;
    const NO_TIMEOUT: u32 = 1 << 4;
    let function = Function::of(tenant.adi.driver());
    let control = function.config(DEVCTL2).await;
    function.set_config(DEVCTL2, control | NO_TIMEOUT).await;
    bench.host.inject(Fault {
        matches: Match::new(Kind::ReadCompletion).pasid(tenant.adi.pasid()),
        deed: Deed::Delay(SLOW),
    });
}

/// Cycles that 160 moves of 4 KiB take, 16 at a time, beside as many of 64 KiB of a tenant with slow
/// memory.
fn beside_slow_memory(moves: u64) -> u64 {
    let bench = Bench::new();
    bench.run(async {
        let [slow, working] = bench.tenants().await;
        slow_down(&bench, &slow).await;
        for slot in 0..moves {
            let copy = Descriptor::memory_move(SOURCE, SOURCE + 16 * 4096, 16 * 4096);
            slow.submit(&copy.with_completion(RECORD + 32 * slot));
        }
        bench.host.sleep(SLOW.into()).await;

        let mut start = bench.host.now();
        for round in 0..20 {
            // From when on the slow tenant holds no more than its share.
            if round == 10 {
                start = bench.host.now();
            }
            move_16_times(&working).await;
        }
        bench.host.now() - start
    })
}

#[test]
fn tenant_with_slow_memory_costs_others_at_most_5_percent() {
    let alone = beside_slow_memory(0);
    let beside = beside_slow_memory(16);

    assert!(
        beside * 100 <= alone * 105,
        "{beside} cycles instead of {alone}"
    );
}
