// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Abort and reset of who waits for pages that nobody brings, and Stop Markers (PCIe 10.4.1.2).

use siov::dsa::{Command, Descriptor, Status};
use siov::host::{Demand, Paged};
use siov::mem::PAGE_SIZE;
use siov::pcie::tlp::{Message, PasidPrefix};
use siov_firmware::abi;

use crate::bench::{Bench, DATA, Function, RECORD, Seen, Tenant};
use crate::page_faults::{
    ABSENT, ALLOCATION, blocking, code, fault_for_ever, marked, most_outstanding, provide,
};
use crate::reset::{LONG, requests_of};

/// Cycles in which a command ends that waits for nobody but the host's memory.
const SOON: u64 = 5_000;
/// Cycles in which all faults have become page requests.
const FAULTED: u64 = 3_000;

/// A PASID command as software writes it.
fn on_pasid(command: u32, tenant: &Tenant) -> u32 {
    command << 20 | tenant.adi.pasid().raw()
}

async fn abort_pasid(tenant: &Tenant) {
    let function = Function::of(tenant.adi.driver());
    let abort = on_pasid(abi::SIOV_CMD_ABORT_PASID, tenant);
    assert_eq!(function.command(abort).await, 0);
}

/// Answers every page request of the tenant with Invalid Request, after `delay` cycles.
fn refuse(tenant: &Tenant, delay: u64) {
    tenant.space.on_page_request(move |_, _| Paged {
        demand: Demand::Refuse,
        delay,
    });
}

fn markers(seen: &[Seen]) -> Vec<PasidPrefix> {
    seen.iter().filter_map(marked).collect()
}

/// The tenant waits for pages of sources, destinations and completion records, and nothing of that
/// may be heard of after `end`, which ends soon.
fn ends_in_silence(end: impl AsyncFnOnce(&Tenant)) {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&tenant, 2);
        for slot in 0..4 {
            let record = RECORD + 32 * slot;
            let to_absent = Descriptor::memory_move(DATA, ABSENT + slot * PAGE_SIZE, 64)
                .with_completion(record)
                .with_interrupt(tenant.handle);
            tenant.submit(&blocking(to_absent));
            let record = ABSENT + slot * PAGE_SIZE;
            let told_nowhere = Descriptor::fill(0x55, DATA, 64)
                .with_completion(record)
                .with_interrupt(tenant.handle);
            tenant.submit(&told_nowhere);
        }
        bench.host.sleep(FAULTED).await;
        let before = bench.host.now();

        end(&tenant).await;

        let took = bench.host.now() - before;
        assert!(took < SOON, "{took} cycles");
        bench.log.take();
        let contents = tenant.contents();
        bench.host.sleep(LONG).await;
        assert_eq!(requests_of(&bench, &tenant), 0);
        assert!(tenant.contents() == contents);
        assert_eq!(tenant.record(RECORD).status(), Status::NONE);
        assert_eq!(tenant.adi.vector().count().count, 0);
        assert!(!tenant.has_error());
    });
}

#[test]
fn reset_ends_without_the_response_to_a_page_request() {
    ends_in_silence(async |tenant| tenant.adi.reset().await.unwrap());
}

#[test]
fn abort_ends_without_the_response_to_a_page_request() {
    ends_in_silence(async |tenant| tenant.adi.abort().await.unwrap());
}

#[test]
fn abort_of_the_pasid_ends_without_the_response_to_a_page_request() {
    ends_in_silence(abort_pasid);
}

#[test]
fn abort_of_all_ends_without_the_response_to_a_page_request() {
    ends_in_silence(async |tenant| {
        let driver = tenant.adi.driver();
        driver.command(Command::AbortAll).await.unwrap();
    });
}

#[test]
fn reset_of_the_device_ends_without_the_response_to_a_page_request() {
    ends_in_silence(async |tenant| {
        // Polled: Reset Device forgets that command completions interrupt.
        let reset = Command::ResetDevice.word(false);
        let function = Function::of(tenant.adi.driver());
        assert_eq!(function.command(reset).await, 0);
    });
}

#[test]
fn late_response_has_no_effect_and_is_not_unexpected() {
    const LATE: u64 = 20_000;
    const UPRGI: u32 = 1 << 17;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        refuse(&tenant, LATE);
        for page in 0..3 {
            let fill = Descriptor::fill(0, ABSENT + page * PAGE_SIZE, 64);
            tenant.submit(&blocking(fill).with_completion(RECORD));
        }
        bench.host.sleep(FAULTED).await;
        tenant.adi.abort().await.unwrap();
        bench.log.take();
        let contents = tenant.contents();

        bench.host.sleep(LATE).await;

        let seen = bench.log.take();
        let responses = seen.iter().filter_map(code);
        let responses = responses.filter(|&code| code == Message::PRG_RESPONSE);
        assert_eq!(responses.count(), 3);
        assert!(tenant.contents() == contents);
        let function = Function::of(tenant.adi.driver());
        let pri = function.info.extended_capability(0x13).unwrap();
        assert_eq!(function.config(pri + 4).await & UPRGI, 0);
        let record = tenant.run(Descriptor::fill(0, DATA, 64)).await;
        assert_eq!(record.status(), Status::SUCCESS);
        assert!(!tenant.has_error());
    });
}

#[test]
fn next_owner_of_the_queue_gets_its_own_pages() {
    let bench = Bench::new();
    bench.run(async {
        let [former] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&former, 8);
        bench.host.sleep(FAULTED).await;
        former.adi.revoke().await.unwrap();

        let next = Tenant::new(former.adi.driver(), *former.adi.wq()).await;
        next.allow_blocking().await;
        provide(&next, 0);
        for page in 0..8 {
            let fill = Descriptor::fill(0, ABSENT + page * PAGE_SIZE, 64);
            let record = next.run(blocking(fill)).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }

        assert_ne!(next.adi.pasid(), former.adi.pasid());
        assert!(!next.has_error() && !former.has_error());
    });
}

#[test]
fn page_requests_of_others_are_not_given_up() {
    let bench = Bench::new();
    bench.run(async {
        let [reset, other] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&reset, 8);
        provide(&other, 2 * FAULTED);
        for slot in 0..4 {
            let fill = Descriptor::fill(0, ABSENT + slot * PAGE_SIZE, 64);
            other.submit(&blocking(fill).with_completion(RECORD + 32 * slot));
        }
        bench.host.sleep(FAULTED).await;

        reset.adi.reset().await.unwrap();

        assert_eq!(other.record(RECORD).status(), Status::NONE);
        for slot in 0..4 {
            let record = other.ended(RECORD + 32 * slot).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }
    });
}

#[test]
fn tenant_that_is_reset_for_ever_keeps_page_requests_to_others() {
    let bench = Bench::new();
    bench.run(async {
        let [hostile, other] = bench.blocking(ALLOCATION).await;
        for _ in 0..10 {
            fault_for_ever(&hostile, 8);
            bench.host.sleep(FAULTED).await;
            hostile.adi.abort().await.unwrap();
        }
        assert_eq!(most_outstanding(&bench.log.take()), 4);

        provide(&other, 0);
        let record = other.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}

#[test]
fn many_tenants_that_fault_for_ever_leave_page_requests_to_others() {
    const HOSTILE: usize = 10;
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.blocking::<{ HOSTILE + 1 }>(ALLOCATION).await;
        let (other, hostile) = tenants.split_last().unwrap();
        for tenant in hostile {
            fault_for_ever(tenant, 8);
        }
        bench.host.sleep(4 * FAULTED).await;

        provide(other, 0);
        let record = other.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert!(most_outstanding(&bench.log.take()) < ALLOCATION as usize);
    });
}

#[test]
fn command_for_a_pasid_sends_a_stop_marker_behind_its_page_requests() {
    for command in [abi::SIOV_CMD_DRAIN_PASID, abi::SIOV_CMD_ABORT_PASID] {
        let bench = Bench::new();
        bench.run(async {
            let [tenant] = bench.blocking(ALLOCATION).await;
            refuse(&tenant, FAULTED);
            for page in 0..4 {
                let fill = Descriptor::fill(0, ABSENT + page * PAGE_SIZE, 64);
                tenant.submit(&blocking(fill).with_completion(RECORD));
            }

            let function = Function::of(tenant.adi.driver());
            assert_eq!(function.command(on_pasid(command, &tenant)).await, 0);

            let mut seen = bench.log.take_from_device();
            seen.retain(|seen| code(seen) == Some(Message::PAGE_REQUEST));
            let prefix = PasidPrefix::new(tenant.adi.pasid());
            assert_eq!(markers(&seen), [prefix], "command {command}");
            assert_eq!(seen.last().and_then(marked), Some(prefix));
            bench.host.sleep(LONG).await;
            let later = bench.log.take_from_device();
            assert!(
                later
                    .iter()
                    .filter_map(code)
                    .all(|c| c != Message::PAGE_REQUEST)
            );
        });
    }
}

#[test]
fn reset_sends_a_stop_marker_if_it_leaves_page_requests() {
    let bench = Bench::new();
    bench.run(async {
        let [waits, idle] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&waits, 4);
        bench.host.sleep(FAULTED).await;

        idle.adi.reset().await.unwrap();
        assert_eq!(markers(&bench.log.take()), []);
        waits.adi.reset().await.unwrap();

        let prefix = PasidPrefix::new(waits.adi.pasid());
        assert_eq!(markers(&bench.log.take()), [prefix]);
    });
}

#[test]
fn page_requests_go_on_after_a_stop_marker() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&tenant, 2);
        bench.host.sleep(FAULTED).await;
        abort_pasid(&tenant).await;

        provide(&tenant, 0);
        let record = tenant.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}
