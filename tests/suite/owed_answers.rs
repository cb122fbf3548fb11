// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a function that translates nothing, or has halted, still owes: answers to invalidations
//! (PCIe 10.3), and to come to rest.

use siov::dsa::Descriptor;
use siov::pcie::tlp::{Message, Tlp};

use crate::bench::{Bench, DATA, Function, RECORD};
use crate::requester::{Errors, MEMORY_SPACE};
use crate::tampered::{LONG, SOURCE};
use crate::watched::{COMMAND, DEVCTL};

/// An Invalidate Request for all addresses, as the host's hardware sends it.
fn invalidate_everything(itag: u32, prefix: Option<u32>) -> Vec<u32> {
    const EVERYTHING: [u32; 2] = [0xffff_ff7f, 0x00f8_ffff]; // 2^64 bytes from 0
    const TO_THE_FUNCTION: u32 = 0x0100_0000;
    let mut words = Vec::from_iter(prefix);
    words.extend([0x7200_0002, itag << 8 | 0x01, TO_THE_FUNCTION, 0]);
    words.extend(EVERYTHING);
    words
}

/// The ITags of each Invalidate Completion that has come; forgets everything.
fn invalidated(bench: &Bench) -> Vec<u32> {
    let seen = bench.log.take_from_device().into_iter();
    seen.filter_map(|seen| match seen.tlp {
        Tlp::Message { message, .. } if message.code == Message::INVALIDATE_COMPLETION => {
            Some(message.header[1])
        }
        _ => None,
    })
    .collect()
}

/// PCIe 10.3 has a function accept Invalidate Requests with ATS disabled, too: there is nothing to
/// invalidate, and the host waits for an answer.
#[test]
fn invalidation_while_ats_is_disabled_is_completed() {
    const PASID: u32 = 0x9100_0005;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.unmask_advisory_errors().await;
        for (itag, prefix) in [(4, None), (31, Some(PASID))] {
            bench.host.send_raw(&invalidate_everything(itag, prefix));
            bench.host.sleep(LONG).await;

            assert_eq!(invalidated(&bench), [1 << itag]);
        }
        assert_eq!(Errors::of(&function).await, Errors::noted(0));
    });
}

/// Starts 8 moves with translations, and clears Bus Master Enable after `delay` cycles, which puts
/// the device into Halt.
async fn halted_under_load(bench: &Bench, delay: u64) -> Function {
    let [tenant] = bench.translated(None).await;
    for slot in 0..8 {
        let copy = Descriptor::memory_move(SOURCE, DATA + 4096 * slot, 4096);
        tenant.submit(&copy.with_completion(RECORD + 32 * slot));
    }
    bench.host.sleep(delay).await;
    let function = Function::of(tenant.adi.driver());
    function.set_config(COMMAND, MEMORY_SPACE).await;
    function
}

/// Translated requests that were made and have not left are thrown away in Halt. Held back until
/// Bus Master is enabled again, they would hold back the answer as well.
#[test]
fn invalidation_in_halt_is_completed_without_bus_master() {
    for delay in (0..1_500).step_by(75) {
        let bench = Bench::new();
        bench.run(async {
            halted_under_load(&bench, delay).await;
            bench.log.take();

            bench.host.send_raw(&invalidate_everything(7, None));
            bench.host.sleep(LONG).await;

            assert_eq!(invalidated(&bench), [1 << 7], "after {delay} cycles");
        });
    }
}

#[test]
fn device_halted_under_load_is_idle_again_after_flr() {
    const INITIATE_FLR: u32 = 1 << 15;
    for delay in (0..1_500).step_by(300) {
        let bench = Bench::new();
        bench.run(async {
            let function = halted_under_load(&bench, delay).await;
            bench.host.sleep(LONG).await;

            function.set_config(DEVCTL, INITIATE_FLR).await;
            bench.host.sleep(LONG).await;

            assert!(bench.host.device_idle(), "after {delay} cycles");
        });
    }
}
