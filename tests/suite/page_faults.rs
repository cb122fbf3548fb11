// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Pages that are not there: partial completion, and page requests (DSA 5.3, PCIe 10.4).

use siov::dsa::{Descriptor, Flags, Status};
use siov::host::{Demand, Paged};
use siov::mem::PAGE_SIZE;
use siov::pcie::Direction;
use siov::pcie::tlp::{Message, PasidPrefix, Tlp};

use crate::bench::{BASE, BYTES, Bench, DATA, Function, RECORD, Seen, Tenant, pattern};

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;
/// First page that is not mapped.
pub const ABSENT: u64 = BASE + BYTES;
/// Page requests that may be outstanding.
pub const ALLOCATION: u32 = 32;

pub fn blocking(descriptor: Descriptor) -> Descriptor {
    descriptor.with_flags(Flags::BLOCK_ON_FAULT)
}

/// Answers the tenant's page requests like this, as fast as software can.
fn answer(tenant: &Tenant, demand: Demand) {
    tenant
        .space
        .on_page_request(move |_, _| Paged { demand, delay: 0 });
}

/// Answers with a new page each time, after `delay` cycles.
pub fn provide(tenant: &Tenant, delay: u64) {
    let memory = tenant.host().memory().clone();
    tenant.space.on_page_request(move |_, _| Paged {
        demand: Demand::Map(memory.alloc_page().unwrap()),
        delay,
    });
}

pub fn code(seen: &Seen) -> Option<u8> {
    match &seen.tlp {
        Tlp::Message { message, .. } => Some(message.code),
        _ => None,
    }
}

/// The PASID of each page request since the log was last emptied.
fn page_requests(bench: &Bench) -> Vec<Option<PasidPrefix>> {
    let seen = bench.log.take().into_iter();
    seen.filter_map(|seen| match seen.tlp {
        Tlp::Message { message, .. } if message.code == Message::PAGE_REQUEST => {
            Some(message.pasid)
        }
        _ => None,
    })
    .collect()
}

/// The PASID, if this is a Stop Marker of the device.
pub fn marked(seen: &Seen) -> Option<PasidPrefix> {
    match &seen.tlp {
        Tlp::Message { message, .. }
            if message.code == Message::PAGE_REQUEST && message.header == [0, 0b100] =>
        {
            message.pasid
        }
        _ => None,
    }
}

/// The most page requests that were outstanding at once.
pub fn most_outstanding(seen: &[Seen]) -> usize {
    let (mut now, mut most) = (0, 0);
    for seen in seen {
        match (seen.direction, code(seen)) {
            _ if marked(seen).is_some() => {}
            (Direction::FromDevice, Some(Message::PAGE_REQUEST)) => now += 1,
            (Direction::ToDevice, Some(Message::PRG_RESPONSE)) => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[test]
fn source_that_faults_says_where_and_everything_before_it_is_moved() {
    const BEFORE: usize = 2 * 4096 + 100;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        let source = ABSENT - BEFORE as u64;
        tenant.write(source, &pattern(1, BEFORE));

        let record = tenant
            .run(Descriptor::memory_move(source, DATA, 3 * 4096))
            .await;

        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert!(!record.fault_was_write());
        assert_eq!(record.fault_address.get(), ABSENT);
        assert_eq!(record.bytes_completed.get(), BEFORE as u32);
        assert!(tenant.read(DATA, BEFORE) == pattern(1, BEFORE));
    });
}

#[test]
fn destination_that_faults_says_so() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;

        let record = tenant.run(Descriptor::fill(0, ABSENT - 512, 4096)).await;

        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert!(record.fault_was_write());
        assert_eq!(record.fault_address.get(), ABSENT);
        assert_eq!(record.bytes_completed.get(), 512);
    });
}

#[test]
fn record_that_faults_is_a_software_error() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;

        let error = tenant
            .run_into_error(&Descriptor::nop().with_completion(ABSENT + 64))
            .await;

        assert_eq!(error.status(), Status::COMPLETION_ADDRESS_FAULT);
        assert_eq!(error.0[2], ABSENT + 64);
    });
}

#[test]
fn descriptor_that_does_not_block_asks_for_no_page() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;

        let record = tenant.run(Descriptor::fill(0, ABSENT, 64)).await;

        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert_eq!(page_requests(&bench), []);
    });
}

#[test]
fn fault_that_blocks_ends_when_the_page_is_there() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        let page = bench.host.memory().alloc_page().unwrap();
        bench.host.memory().write(page, &pattern(3, 4096)).unwrap();
        answer(&tenant, Demand::Map(page));

        let record = tenant
            .run(blocking(Descriptor::memory_move(ABSENT, DATA, 4096)))
            .await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert_eq!(record.bytes_completed.get(), 0);
        assert!(tenant.read(DATA, 4096) == pattern(3, 4096));
        let prefix = PasidPrefix::new(tenant.adi.pasid());
        assert_eq!(page_requests(&bench), [Some(prefix)]);
    });
}

#[test]
fn record_waits_for_its_page_whatever_the_descriptor_says() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        let page = bench.host.memory().alloc_page().unwrap();
        answer(&tenant, Demand::Map(page));

        tenant.submit(&Descriptor::nop().with_completion(ABSENT));
        tenant.adi.drain().await.unwrap();

        let status = bench.host.memory().read_u32(page).unwrap() & 0xff;
        assert_eq!(status, u32::from(Status::SUCCESS.code()));
    });
}

#[test]
fn page_that_may_not_be_had_is_04h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        answer(&tenant, Demand::Refuse);

        let record = tenant
            .run(blocking(Descriptor::fill(0, ABSENT - 64, 4096)))
            .await;

        assert_eq!(record.status(), Status::PAGE_REQUEST_FAILED);
        assert_eq!(record.fault_address.get(), ABSENT);
        assert_eq!(record.bytes_completed.get(), 64);
    });
}

#[test]
fn response_failure_is_22h_and_ends_page_requests() {
    const RESPONSE_FAILURE: u32 = 1 << 16;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(ALLOCATION).await;
        answer(&tenant, Demand::Fail);

        let failed = tenant.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;
        let next = tenant.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(failed.status(), Status::TRANSLATION_ERROR);
        assert_eq!(next.status(), Status::PAGE_FAULT);
        let function = Function::of(tenant.adi.driver());
        let pri = function.info.extended_capability(0x13).unwrap();
        let status = function.config(pri + 4).await;
        assert_eq!(status & RESPONSE_FAILURE, RESPONSE_FAILURE);
    });
}

#[test]
fn no_more_page_requests_are_outstanding_than_allocated() {
    const TENANTS: usize = 3;
    const FAULTS: u64 = 6;
    const FEW: u32 = 2;
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.blocking::<TENANTS>(FEW).await;
        for tenant in &tenants {
            provide(tenant, 1_000);
            for fault in 0..FAULTS {
                let fill = Descriptor::fill(0, ABSENT + fault * PAGE_SIZE, 64);
                tenant.submit(&blocking(fill).with_completion(RECORD + 32 * fault));
            }
        }
        for tenant in &tenants {
            tenant.adi.drain().await.unwrap();
        }

        assert_eq!(most_outstanding(&bench.log.take()), FEW as usize);
        for (tenant, fault) in tenants
            .iter()
            .flat_map(|t| (0..FAULTS).map(move |f| (t, f)))
        {
            let record = tenant.record(RECORD + 32 * fault);
            assert_eq!(record.status(), Status::SUCCESS);
        }
    });
}

/// Leaves the tenant with faults on as many pages that nobody will ever answer.
pub fn fault_for_ever(tenant: &Tenant, faults: u64) {
    const NEVER: u64 = 1 << 40;
    tenant.space.on_page_request(|_, _| Paged {
        demand: Demand::Refuse,
        delay: NEVER,
    });
    for fault in 0..faults {
        tenant.submit(&blocking(Descriptor::fill(
            0,
            ABSENT + fault * PAGE_SIZE,
            64,
        )));
    }
}

#[test]
fn tenant_has_4_page_requests_outstanding_at_most() {
    let bench = Bench::new();
    bench.run(async {
        let [greedy, other] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&greedy, 16);
        bench.host.sleep(5_000).await;
        assert_eq!(most_outstanding(&bench.log.take()), 4);

        provide(&other, 0);
        let record = other.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}

#[test]
fn tenant_gets_its_page_however_long_all_15_others_wait_for_theirs() {
    let bench = Bench::new();
    bench.run(async {
        let [late, hogs @ ..] = bench.blocking::<16>(ALLOCATION).await;
        for hog in &hogs {
            fault_for_ever(hog, 8);
            bench.host.sleep(2_000).await;
        }
        provide(&late, 0);

        let record = late.run(blocking(Descriptor::fill(0, ABSENT, 64))).await;

        assert_eq!(record.status(), Status::SUCCESS);
    });
}

/// Moves 4 KiB 16 times at once.
pub async fn move_16_times(tenant: &Tenant) {
    for slot in 0..16 {
        let record = RECORD + 32 * slot;
        tenant.write(record, &[0; 32]);
        let copy = Descriptor::memory_move(SOURCE, DATA, 4096);
        tenant.submit(&copy.with_completion(record));
    }
    for slot in 0..16 {
        let record = tenant.ended(RECORD + 32 * slot).await;
        assert_eq!(record.status(), Status::SUCCESS);
    }
}

/// Cycles that 160 moves of 4 KiB take, 16 at a time, beside a tenant with that many faults that
/// are never answered.
fn beside_faults(faults: u64) -> u64 {
    let bench = Bench::new();
    bench.run(async {
        let [faulting, working] = bench.blocking(ALLOCATION).await;
        fault_for_ever(&faulting, faults);
        bench.host.sleep(5_000).await;
        let start = bench.host.now();
        for _ in 0..10 {
            move_16_times(&working).await;
        }
        bench.host.now() - start
    })
}

#[test]
fn tenant_that_faults_for_ever_costs_others_at_most_5_percent() {
    let alone = beside_faults(0);
    let beside = beside_faults(16);

    assert!(
        beside * 100 <= alone * 105,
        "{beside} cycles instead of {alone}"
    );
}
