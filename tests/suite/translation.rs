// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translation by the device itself: ATS (PCIe 10.2, 10.3).

use std::collections::BTreeSet;

use siov::dsa::{Descriptor, PortalPage, Status};
use siov::mem::{Gpa, Hpa, PAGE_SIZE};
use siov::pcie::tlp::{AddressType, MemRequest, Message, PasidPrefix, Routing, Tlp};
use siov::pcie::{Bdf, Knobs, Tag};

use crate::bench::{Bench, DATA, Function, RECORD, Tenant, is_message, pattern};

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;

/// Requests of the device since the log was last emptied, but for interrupts.
fn requests(bench: &Bench) -> Vec<MemRequest> {
    let requests = bench.log.take_requests().into_iter();
    let requests = requests.map(|(request, _)| request);
    requests.filter(|request| !is_message(request)).collect()
}

/// Translation Requests since the log was last emptied.
fn asked(bench: &Bench) -> Vec<MemRequest> {
    let mut requests = requests(bench);
    requests.retain(|request| request.at == AddressType::TranslationRequest);
    requests
}

/// A page from `SOURCE` to `DATA`.
fn copy() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 4096)
}

#[test]
fn translated_moves_are_exact_and_carry_translated_addresses_without_pasid() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        let all = pattern(7, 20_000);
        tenant.write(SOURCE, &all);

        for (skip, offset, bytes) in [
            (0, 0, 4096),
            (3, 4093, 9_001),
            (4095, 1, 2),
            (61, 8190, 12_345),
        ] {
            let (src, dst) = (SOURCE + skip as u64, DATA + offset);
            let record = tenant
                .run(Descriptor::memory_move(src, dst, bytes as u32))
                .await;
            assert_eq!(record.status(), Status::SUCCESS);
            assert!(tenant.read(dst, bytes) == all[skip..skip + bytes]);
        }

        let mut dma = requests(&bench);
        dma.retain(|request| request.at != AddressType::TranslationRequest);
        assert!(dma.len() > 100);
        for request in dma {
            let carried = (request.at, request.pasid);
            assert_eq!(carried, (AddressType::Translated, None), "{request:?}");
        }
    });
}

#[test]
fn translation_requests_name_the_page_the_tenant_and_whether_it_writes() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;

        tenant
            .run(Descriptor::memory_move(SOURCE + 0x123, DATA + 0x456, 64))
            .await;

        let asked = asked(&bench);
        let pages: BTreeSet<_> = asked.iter().map(|r| (r.address, r.no_write)).collect();
        let expected = BTreeSet::from([(SOURCE, true), (DATA, false), (RECORD, false)]);
        assert_eq!((pages, asked.len()), (expected, 3));
        for request in asked {
            let prefix = PasidPrefix::new(tenant.adi.pasid());
            assert_eq!(request.pasid, Some(prefix));
            assert_eq!(request.length, 2);
            assert_eq!((request.first_be, request.last_be), (0xf, 0xf));
        }
    });
}

#[test]
fn translations_are_kept_and_used_again() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        bench.log.take();

        tenant.run(copy()).await;

        assert_eq!(asked(&bench), []);
    });
}

#[test]
fn tenants_cannot_evict_each_others_translations() {
    let bench = Bench::new();
    bench.run(async {
        let [victim, flooder] = bench.translated(None).await;
        victim.run(copy()).await;
        flooder
            .run(Descriptor::memory_move(SOURCE, DATA, 16 * 4096))
            .await;
        bench.log.take();

        victim.run(copy()).await;

        assert_eq!(asked(&bench), []);
    });
}

#[test]
fn move_of_4_kib_that_misses_costs_one_translation_round_trip() {
    const TRANSLATION: u64 = 2_000;
    const BESIDES: u64 = 40;
    let bench = Bench::knobs(Knobs {
        translation_latency: TRANSLATION,
        ..Knobs::default()
    });
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        // The record's page is known, as it is to any tenant but a new one.
        tenant.run(Descriptor::nop()).await;
        let mut cycles = [0; 2];
        for cycles in &mut cycles {
            let before = bench.host.now();
            tenant.run(copy()).await;
            *cycles = bench.host.now() - before;
        }

        let [missing, hitting] = cycles;

        let cost = missing - hitting;
        assert!(
            (TRANSLATION..TRANSLATION + BESIDES).contains(&cost),
            "{cost}"
        );
    });
}

/// Moves pages from `SOURCE` to `DATA` on and on, and unmaps the page at `gpa` after a while. Gives
/// the translated requests to its host page that came when it was already unmapped.
fn stale_requests(gpa: u64, delay: u64) -> usize {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        for slot in 1..16 {
            tenant.submit(&copy().with_completion(RECORD + 32 * slot));
        }
        bench.host.sleep(delay).await;

        let driver = tenant.adi.driver();
        driver
            .unmap(&tenant.space, Gpa(gpa), PAGE_SIZE)
            .await
            .unwrap();

        bench.log.take();
        tenant.adi.drain().await.unwrap();
        let page = tenant.hpa(gpa);
        let record = tenant.run(copy()).await;
        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert_eq!(record.fault_address.get(), gpa);
        let mut requests = requests(&bench);
        requests.retain(|r| r.at == AddressType::Translated && Hpa(r.address & !0xfff) == page);
        requests.len()
    })
}

#[test]
fn no_read_of_a_page_follows_its_invalidation() {
    for delay in (0..1200).step_by(101) {
        assert_eq!(stale_requests(SOURCE, delay), 0, "after {delay} cycles");
    }
}

#[test]
fn no_write_to_a_page_follows_its_invalidation() {
    for delay in (0..1200).step_by(101) {
        assert_eq!(stale_requests(DATA, delay), 0, "after {delay} cycles");
    }
}

#[test]
fn invalidation_of_a_page_leaves_other_pages_and_tenants_alone() {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = bench.translated(None).await;
        first.run(copy()).await;
        second.run(copy()).await;
        bench.log.take();

        let driver = first.adi.driver();
        let unmapped = driver.unmap(&first.space, Gpa(SOURCE), PAGE_SIZE).await;

        unmapped.unwrap();
        second.run(copy()).await;
        first.run(Descriptor::fill(0, DATA, 64)).await;
        assert_eq!(asked(&bench), []);
    });
}

/// An Invalidate Request to the device, as the host's hardware sends it, with ITag 31.
fn invalidate_all(pasid: Option<PasidPrefix>, global: bool) -> Vec<u32> {
    const EVERYTHING: u64 = 0x7fff_ffff_ffff_f800; // 2^64 bytes from 0
    let payload = EVERYTHING | u64::from(global);
    let message = Message {
        requester: Bdf::new(0, 0, 0),
        tag: Tag::new(31),
        code: Message::INVALIDATE_REQUEST,
        routing: Routing::Id,
        header: [u32::from(Bdf::new(1, 0, 0).raw()) << 16, 0],
        attr: Default::default(),
        pasid,
    };
    let data = vec![
        ((payload >> 32) as u32).swap_bytes(),
        (payload as u32).swap_bytes(),
    ];
    let mut words = Vec::new();
    Tlp::Message { message, data }.encode(&mut words);
    words
}

/// Whether each of two tenants must ask again for a translation after an invalidation.
fn forgotten(request: impl FnOnce(&Tenant) -> Vec<u32>) -> [bool; 2] {
    let bench = Bench::new();
    bench.run(async {
        let tenants: [Tenant; 2] = bench.translated(None).await;
        for tenant in &tenants {
            tenant.run(copy()).await;
        }

        bench.host.send_raw(&request(&tenants[0]));
        bench.host.sleep(1_000).await;

        let answers = bench.log.take_from_device();
        let answered = answers.iter().any(|seen| {
            matches!(&seen.tlp, Tlp::Message { message, .. }
                if message.code == Message::INVALIDATE_COMPLETION
                    && message.header[1] == 1 << 31)
        });
        assert!(answered, "{answers:?}");
        let mut forgotten = [false; 2];
        for (tenant, forgotten) in tenants.iter().zip(&mut forgotten) {
            tenant.run(copy()).await;
            *forgotten = !asked(&bench).is_empty();
        }
        forgotten
    })
}

#[test]
fn invalidation_of_a_pasid_is_for_it_alone() {
    let forgotten =
        forgotten(|tenant| invalidate_all(Some(PasidPrefix::new(tenant.adi.pasid())), false));

    assert_eq!(forgotten, [true, false]);
}

#[test]
fn global_invalidation_is_for_every_pasid() {
    let forgotten =
        forgotten(|tenant| invalidate_all(Some(PasidPrefix::new(tenant.adi.pasid())), true));

    assert_eq!(forgotten, [true, true]);
}

#[test]
fn invalidation_without_pasid_is_for_every_pasid() {
    let forgotten = forgotten(|_| invalidate_all(None, false));

    assert_eq!(forgotten, [true, true]);
}

#[test]
fn next_owner_of_an_adi_finds_no_translation_of_the_former() {
    let bench = Bench::new();
    bench.run(async {
        let [old, other] = bench.translated(None).await;
        old.run(copy()).await;
        old.adi.revoke().await.unwrap();
        let driver = old.adi.driver();
        let (adi, _errors) = driver.assign(*old.adi.wq(), &other.space).unwrap();
        adi.enable().await.unwrap();
        bench.log.take();

        other.write(RECORD, &[0; 32]);
        let bytes = zerocopy::transmute!(copy().with_completion(RECORD));
        let portal = adi.portal(PortalPage::UnlimitedIms);
        bench.host.write_portal(portal, &bytes).unwrap();
        let record = other.ended(RECORD).await;

        assert_eq!(record.status(), Status::SUCCESS);
        let asked = asked(&bench);
        let pages: BTreeSet<_> = asked.iter().map(|request| request.address).collect();
        assert_eq!(pages, BTreeSet::from([SOURCE, DATA, RECORD]));
        let prefix = Some(PasidPrefix::new(adi.pasid()));
        assert!(asked.iter().all(|request| request.pasid == prefix));
    });
}

#[test]
fn flr_empties_the_cache() {
    const DEVCTL: u16 = 0x48;
    const INITIATE_FLR: u32 = 1 << 15;
    const PASID_ENABLE: (u16, u32) = (0x234, 1 << 16);
    const ATS_ENABLE: (u16, u32) = (0x224, 1 << 31);
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        let function = Function::of(tenant.adi.driver());
        let devctl = function.config(DEVCTL).await;
        function.set_config(DEVCTL, devctl | INITIATE_FLR).await;
        bench.host.sleep(10_000).await;

        let function = bench.function().await;
        for (register, enable) in [PASID_ENABLE, ATS_ENABLE] {
            function.set_config(register, enable).await;
        }
        let pasid = 1 << 28 | tenant.adi.pasid().raw() << 8;
        assert_eq!(function.start_wq0(pasid).await, 0);
        bench.log.take();
        let record = tenant.run(copy()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        let pages: BTreeSet<_> = asked(&bench).iter().map(|r| r.address).collect();
        assert_eq!(pages, BTreeSet::from([SOURCE, DATA, RECORD]));
    });
}
