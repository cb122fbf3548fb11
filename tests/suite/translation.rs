// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translation by the device itself: ATS (PCIe 10.2, 10.3).

use std::collections::BTreeSet;

use siov::dsa::{Descriptor, PortalPage, Status};
use siov::mem::PAGE_SIZE;
use siov::pcie::Knobs;
use siov::pcie::tlp::{AddressType, PasidPrefix};

use crate::bench::{Bench, DATA, Function, RECORD, pattern};

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;

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

        let mut dma = bench.log.take_dma();
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

        let asked = bench.log.take_translation_requests();
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

        assert_eq!(bench.log.take_translation_requests(), []);
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

        assert_eq!(bench.log.take_translation_requests(), []);
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
        let asked = bench.log.take_translation_requests();
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
        let pages: BTreeSet<_> = bench
            .log
            .take_translation_requests()
            .iter()
            .map(|r| r.address)
            .collect();
        assert_eq!(pages, BTreeSet::from([SOURCE, DATA, RECORD]));
    });
}
