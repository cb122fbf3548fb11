// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Portals: what submits a descriptor and what does nothing (DSA 3.3, 5.3).

use siov::dsa::{Descriptor, PortalPage, Status, portal_address};
use siov::pcie::tlp::{CompletionStatus, MemRequest, Tlp};
use siov::pcie::{Bdf, Knobs, Tag};
use siov_sim::Straps;
use zerocopy::IntoBytes;

use crate::bench::{Bench, Function, RECORD, Tenant, wq};

/// Cycles in which anything that was going to happen has happened.
const LONG: u64 = 3_000;

fn nop() -> Descriptor {
    Descriptor::nop().with_completion(RECORD)
}

fn portal(tenant: &Tenant) -> u64 {
    tenant.adi.portal(PortalPage::UnlimitedIms)
}

/// Whether `act` on a running queue makes the device do anything but complete requests.
fn submits(act: impl AsyncFnOnce(&Bench, &Tenant)) -> bool {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        act(&bench, &tenant).await;
        bench.host.sleep(LONG).await;
        let function = Function::of(tenant.adi.driver());
        let error = function.software_error().await.valid();
        error || !bench.log.take_requests().is_empty()
    })
}

/// Completion status of a DMWr of `dwords` to `address`.
async fn deferrable_write(bench: &Bench, address: u64, dwords: u16) -> CompletionStatus {
    let request = MemRequest {
        requester: Bdf::new(0, 0, 0),
        tag: Tag::new(0xe5),
        address,
        length: dwords,
        first_be: 0xf,
        last_be: 0xf,
        attr: Default::default(),
        at: Default::default(),
        no_write: false,
        pasid: None,
    };
    let data = vec![0; dwords.into()];
    let mut words = Vec::new();
    Tlp::DmWr { request, data }.encode(&mut words);
    bench.log.take();
    bench.host.send_raw(&words);
    bench.host.sleep(100).await;
    let answers = bench.log.take_from_device();
    let [answer] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    match answer.tlp {
        Tlp::Completion { completion, .. } => completion.status,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn every_64_byte_slot_of_a_page_is_the_same_portal() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for slot in 0..64 {
            tenant.write(RECORD, &[0; 32]);

            let bytes = zerocopy::transmute!(nop());
            bench
                .host
                .write_portal(portal(&tenant) + 64 * slot, &bytes)
                .unwrap();

            assert_eq!(tenant.ended(RECORD).await.status(), Status::SUCCESS);
        }
    });
}

#[test]
fn all_four_pages_submit_to_a_dedicated_queue() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for page in [
            PortalPage::UnlimitedMsix,
            PortalPage::LimitedMsix,
            PortalPage::UnlimitedIms,
            PortalPage::LimitedIms,
        ] {
            tenant.write(RECORD, &[0; 32]);

            tenant.submit_to(page, &nop());

            let status = tenant.ended(RECORD).await.status();
            assert_eq!(status, Status::SUCCESS, "{page:?}");
        }
    });
}

#[test]
fn write_of_another_size_is_ignored() {
    for bytes in [4, 32, 60, 68, 128, 256] {
        let submitted = submits(async |bench, tenant| {
            let mut data = nop().as_bytes().to_vec();
            data.resize(bytes, 0);
            bench.host.write(portal(tenant), &data);
        });

        assert!(!submitted, "{bytes} bytes");
    }
}

#[test]
fn misaligned_write_is_ignored() {
    for offset in [4, 32, 60] {
        let submitted = submits(async |bench, tenant| {
            bench.host.write(portal(tenant) + offset, nop().as_bytes());
        });

        assert!(!submitted, "at {offset}");
    }
}

#[test]
fn write_that_leaves_bytes_out_is_ignored() {
    let submitted = submits(async |bench, tenant| {
        // The last byte is 0 anyway.
        bench.host.write(portal(tenant), &nop().as_bytes()[..63]);
    });

    assert!(!submitted);
}

#[test]
fn read_of_a_portal_does_nothing() {
    let submitted = submits(async |bench, tenant| {
        let mut data = [0xff; 64];
        bench.host.read(portal(tenant), &mut data).await.unwrap();
        assert_eq!(data, [0; 64]);
    });

    assert!(!submitted);
}

#[test]
fn write_to_a_disabled_queue_is_ignored() {
    let submitted = submits(async |bench, tenant| {
        tenant.adi.disable().await.unwrap();
        bench.log.take();
        tenant.submit(&nop());
    });

    assert!(!submitted);
}

#[test]
fn write_to_a_queue_that_was_never_configured_is_ignored() {
    let submitted = submits(async |bench, tenant| {
        let page = portal_address(1, PortalPage::UnlimitedIms);
        let function = Function::of(tenant.adi.driver());
        bench.host.write(function.bar2() + page, nop().as_bytes());
    });

    assert!(!submitted);
}

#[test]
fn write_to_the_dummy_portal_is_ignored() {
    const DUMMY_PORTAL: u64 = 0xf000;
    let submitted = submits(async |bench, tenant| {
        let function = Function::of(tenant.adi.driver());
        let address = function.bar0() + DUMMY_PORTAL;
        bench.host.write(address, nop().as_bytes());
    });

    assert!(!submitted);
}

/// Five queues leave room for three more in BAR2.
fn with_holes() -> Bench {
    let straps = Straps {
        wqs: 5,
        ..Straps::default()
    };
    Bench::with(straps, Knobs::default())
}

#[test]
fn write_to_the_portal_of_a_queue_that_does_not_exist_is_ignored() {
    let bench = with_holes();
    bench.run(async {
        let tenants = bench.tenants_on(&[wq(0, 16)]).await;
        let function = Function::of(tenants[0].adi.driver());
        let page = portal_address(5, PortalPage::UnlimitedIms);

        bench.host.write(function.bar2() + page, nop().as_bytes());
        bench.host.sleep(LONG).await;

        assert!(bench.log.take_requests().is_empty());
    });
}

#[test]
fn deferrable_write_to_a_dedicated_queue_is_to_be_retried() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;

        let status = deferrable_write(&bench, portal(&tenant), 16).await;

        assert_eq!(status, CompletionStatus::Retry);
    });
}

#[test]
fn deferrable_write_to_a_queue_that_does_not_exist_is_to_be_retried() {
    let bench = with_holes();
    bench.run(async {
        let function = bench.function().await;
        let page = portal_address(5, PortalPage::UnlimitedIms);

        let status = deferrable_write(&bench, function.bar2() + page, 16).await;

        assert_eq!(status, CompletionStatus::Retry);
    });
}

#[test]
fn deferrable_write_to_the_dummy_portal_is_to_be_retried() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let status = deferrable_write(&bench, function.bar0() + 0xf000, 16).await;

        assert_eq!(status, CompletionStatus::Retry);
    });
}

#[test]
fn deferrable_write_to_an_ims_page_without_ims_is_to_be_retried() {
    let straps = Straps {
        ims_entries: 0,
        ..Straps::default()
    };
    let bench = Bench::with(straps, Knobs::default());
    bench.run(async {
        let function = bench.function().await;
        let page = portal_address(0, PortalPage::UnlimitedIms);

        let status = deferrable_write(&bench, function.bar2() + page, 16).await;

        assert_eq!(status, CompletionStatus::Retry);
    });
}

#[test]
fn deferrable_write_of_another_form_is_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for (offset, dwords) in [(0, 8), (0, 32), (4, 16), (32, 8)] {
            let address = portal(&tenant) + offset;

            let status = deferrable_write(&bench, address, dwords).await;

            assert_eq!(status, CompletionStatus::UnsupportedRequest, "{dwords}");
        }
    });
}

#[test]
fn deferrable_write_to_registers_is_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let status = deferrable_write(&bench, function.bar0(), 16).await;

        assert_eq!(status, CompletionStatus::UnsupportedRequest);
    });
}

#[test]
fn descriptor_to_a_full_queue_is_dropped_and_reported() {
    const SENT: u64 = 32;
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants_on(&[wq(3, 1)]).await;
        let [tenant] = tenants.as_slice() else {
            unreachable!();
        };

        for i in 0..SENT {
            tenant.submit(&Descriptor::nop().with_completion(RECORD + 32 * i));
        }

        let error = tenant.next_error().await;
        assert_eq!(error.status(), Status::QUEUE_OVERFLOW);
        assert_eq!(error.wq(), Some(3));
        tenant.adi.drain().await.unwrap();
        let written = (0..SENT).filter(|i| tenant.record(RECORD + 32 * i).status() != Status::NONE);
        let written: Vec<_> = written.collect();
        assert_eq!(written[0], 0);
        assert!(written.len() < SENT as usize, "{written:?}");
    });
}

#[test]
fn second_software_error_sets_overflow_and_is_dropped() {
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants_on(&[wq(0, 1)]).await;
        let function = Function::of(tenants[0].adi.driver());

        // All at once, so that the driver cannot clear SWERROR in between.
        for _ in 0..32 {
            tenants[0].submit(&nop());
        }

        let error = tenants[0].next_error().await;
        assert!(error.overflow());
        assert!(!function.software_error().await.valid());
    });
}

#[test]
fn queue_takes_as_many_descriptors_as_it_has_entries() {
    const ENTRIES: u64 = 128;
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants_on(&[wq(0, ENTRIES as u16)]).await;

        for i in 0..ENTRIES {
            tenants[0].submit(&Descriptor::nop().with_completion(RECORD + 32 * i));
        }

        for i in 0..ENTRIES {
            let record = tenants[0].ended(RECORD + 32 * i).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }
    });
}
