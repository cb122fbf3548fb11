// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Invalidation of the device's translations (PCIe 10.3).

use std::cell::Cell;
use std::rc::Rc;

use siov::dsa::{Descriptor, Flags, Status};
use siov::iommu::descriptor::Pages;
use siov::mem::{Gpa, Hpa, PAGE_SIZE};
use siov::pcie::tlp::{AddressType, Message, PasidPrefix, Routing, Tlp};
use siov::pcie::{Bdf, CreditClass, CreditWindow, Knobs, Tag};
use siov_firmware::regs;
use tokio::task::spawn_local;

use crate::bench::{Bench, DATA, Function, RECORD, Seen, Tenant, wq};
use crate::own_tables::PREFIX;

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;
const ROOT: Bdf = Bdf::new(0, 0, 0);
/// Of invalidations that come one by one.
const ITAG: u8 = 31;
/// Bit 0 of the payload, as the last dword has it: its highest byte comes first.
const GLOBAL_INVALIDATE: u32 = 1 << 24;
/// Cycles in which the device has answered.
const LONG: u64 = 1_000;

/// An Invalidate Request to the device, as the host's hardware sends it.
pub fn invalidate(pasid: Option<PasidPrefix>, pages: Pages, itag: u8) -> Vec<u32> {
    let message = Message {
        requester: ROOT,
        tag: Tag::new(itag.into()),
        code: Message::INVALIDATE_REQUEST,
        routing: Routing::Id,
        header: [u32::from(Bdf::new(1, 0, 0).raw()) << 16, 0],
        attr: Default::default(),
        pasid,
    };
    let payload = pages.ats();
    let data = vec![
        ((payload >> 32) as u32).swap_bytes(),
        (payload as u32).swap_bytes(),
    ];
    let mut words = Vec::new();
    Tlp::Message { message, data }.encode(&mut words);
    words
}

/// An Invalidate Completion.
fn is_completion(seen: &Seen) -> bool {
    matches!(&seen.tlp, Tlp::Message { message, .. }
        if message.code == Message::INVALIDATE_COMPLETION)
}

/// ITags completed since the log was last emptied, by completions of which no copies were sent.
fn completed(bench: &Bench) -> Vec<u8> {
    const ONE_COPY: u32 = 1;
    let to = u32::from(ROOT.raw()) << 16;
    let messages = bench.log.take_messages(Message::INVALIDATE_COMPLETION);
    let itags = messages.iter().flat_map(|message| {
        assert_eq!(message.header[0], to | ONE_COPY);
        let vector = message.header[1];
        (0..32).filter(move |itag| vector >> itag & 1 != 0)
    });
    itags.collect()
}

fn prefix(tenant: &Tenant) -> Option<PasidPrefix> {
    Some(PasidPrefix::new(tenant.adi.pasid()))
}

/// Invalidates pages of the tenant.
fn forget(tenant: &Tenant, pages: Pages, itag: u8) {
    let request = invalidate(prefix(tenant), pages, itag);
    tenant.host().send_raw(&request);
}

/// A page from `SOURCE` to `DATA`.
fn copy() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 4096)
}

/// Takes a page from the tenant, and waits until the device knows.
async fn unmap(tenant: &Tenant, gpa: u64) {
    let driver = tenant.adi.driver();
    let unmapped = driver.unmap(&tenant.space, Gpa(gpa), PAGE_SIZE).await;
    unmapped.unwrap();
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

        unmap(&tenant, gpa).await;

        bench.log.take();
        tenant.adi.drain().await.unwrap();
        let page = tenant.hpa(gpa);
        let record = tenant.run(copy()).await;
        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert_eq!(record.fault_address.get(), gpa);
        let mut requests = bench.log.take_dma();
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

        unmap(&first, SOURCE).await;

        second.run(copy()).await;
        first.run(Descriptor::fill(0, DATA, 64)).await;
        assert_eq!(bench.log.take_translation_requests(), []);
    });
}

/// Whether each of two tenants must ask again for a translation after everything was invalidated
/// for the PASID of the first, for all PASIDs, or without PASID.
fn forgotten(request: impl FnOnce(PasidPrefix) -> Vec<u32>) -> [bool; 2] {
    let bench = Bench::new();
    bench.run(async {
        let tenants: [Tenant; 2] = bench.translated(None).await;
        for tenant in &tenants {
            tenant.run(copy()).await;
        }

        let prefix = PasidPrefix::new(tenants[0].adi.pasid());
        bench.host.send_raw(&request(prefix));
        bench.host.sleep(LONG).await;

        assert_eq!(completed(&bench), [ITAG]);
        let mut forgotten = [false; 2];
        for (tenant, forgotten) in tenants.iter().zip(&mut forgotten) {
            tenant.run(copy()).await;
            *forgotten = !bench.log.take_translation_requests().is_empty();
        }
        forgotten
    })
}

#[test]
fn invalidation_of_a_pasid_is_for_it_alone() {
    let forgotten = forgotten(|prefix| invalidate(Some(prefix), Pages::ALL, ITAG));

    assert_eq!(forgotten, [true, false]);
}

#[test]
fn global_invalidation_is_for_every_pasid() {
    let forgotten = forgotten(|prefix| {
        let mut words = invalidate(Some(prefix), Pages::ALL, ITAG);
        *words.last_mut().unwrap() |= GLOBAL_INVALIDATE;
        words
    });

    assert_eq!(forgotten, [true, true]);
}

#[test]
fn invalidation_without_pasid_is_for_every_pasid_and_address() {
    for pages in [Pages::ALL, Pages::one(1 << 40)] {
        let forgotten = forgotten(|_| invalidate(None, pages, ITAG));

        assert_eq!(forgotten, [true, true], "{pages:?}");
    }
}

#[test]
fn invalidation_reaches_to_the_end_of_its_block_and_no_further() {
    /// An address that all blocks are aligned to.
    const START: u64 = 1 << 46;
    const ORDERS: [u8; 11] = [0, 1, 2, 3, 8, 9, 10, 17, 18, 19, 33];
    let last = |order: u8| START + (PAGE_SIZE << order) - PAGE_SIZE;
    let bench = Bench::new();
    bench.run(async {
        let [mut tenant] = bench.translated(None).await;
        let mut pages: Vec<_> = ORDERS
            .map(|order| [last(order), last(order) + PAGE_SIZE])
            .concat();
        pages.sort_unstable();
        pages.dedup();
        for gpa in pages {
            let page = bench.host.memory().alloc_page().unwrap();
            tenant.space.map(Gpa(gpa), page, PAGE_SIZE).unwrap();
        }
        for order in ORDERS {
            let edge = [last(order), last(order) + PAGE_SIZE];
            for gpa in edge {
                tenant.run(Descriptor::fill(0, gpa, 64)).await;
            }
            let block = Pages {
                address: START,
                order,
            };

            forget(&tenant, block, ITAG);
            bench.host.sleep(LONG).await;

            assert_eq!(completed(&bench), [ITAG]);
            let mut forgotten = [false; 2];
            for (gpa, forgotten) in edge.into_iter().zip(&mut forgotten) {
                tenant.run(Descriptor::fill(0, gpa, 64)).await;
                *forgotten = !bench.log.take_translation_requests().is_empty();
            }
            assert_eq!(forgotten, [true, false], "2^{order} pages");
        }
    });
}

#[test]
fn invalidations_that_come_together_are_each_completed_once() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        for slot in 1..16 {
            tenant.submit(&copy().with_completion(RECORD + 32 * slot));
        }

        for itag in 0..32 {
            let pages = Pages::one(SOURCE + u64::from(itag) * PAGE_SIZE);
            forget(&tenant, pages, itag);
        }
        tenant.adi.drain().await.unwrap();
        bench.host.sleep(LONG).await;

        let mut itags = completed(&bench);
        itags.sort_unstable();
        assert_eq!(itags, (0..32).collect::<Vec<_>>());
    });
}

#[test]
fn completion_has_a_copy_in_each_traffic_class_that_carried_translated_writes() {
    const TC_B: u8 = 1;
    const DESTINATION_IN_TC_B: Flags = Flags::from_bits_retain(1 << 10);
    let bench = Bench::new();
    bench.run(async {
        let driver = bench.ats_driver(None).await;
        let flags = regs::SIOV_GRPCFG_OFFSET + regs::SIOV_GRPCFG_FLAGS_OFFSET;
        let tc_b = u32::from(TC_B) << regs::SIOV_GRPCFG_FLAGS_TC_B_SHIFT;
        Function::of(&driver).write32(flags, tc_b);
        let tenant = bench.tenants_of(&driver, &[wq(0, 16)]).await.remove(0);
        tenant.run(copy().with_flags(DESTINATION_IN_TC_B)).await;
        bench.log.take();

        forget(&tenant, Pages::one(DATA), ITAG);
        bench.host.sleep(LONG).await;

        let completions = bench.log.take_messages(Message::INVALIDATE_COMPLETION);
        let mut copies: Vec<_> = completions
            .iter()
            .map(|m| (m.attr.tc, m.header[0] & 7, m.header[1]))
            .collect();
        copies.sort_unstable();
        assert_eq!(copies, [(0, 2, 1 << ITAG), (TC_B, 2, 1 << ITAG)]);
    });
}

#[test]
fn completion_leaves_behind_writes_that_had_to_wait() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        let set = |window| bench.host.set_credit_window(CreditClass::Posted, window);
        set(CreditWindow::Stalled);
        tenant.submit(&copy());
        bench.host.sleep(LONG).await;
        bench.log.take();

        forget(&tenant, Pages::one(DATA), ITAG);
        bench.host.sleep(LONG).await;
        assert!(!bench.log.take_from_device().iter().any(is_completion));
        set(CreditWindow::Infinite);
        bench.host.sleep(LONG).await;

        let sent = bench.log.take_from_device();
        let page = tenant.hpa(DATA);
        let is_write = |seen: &Seen| {
            matches!(&seen.tlp, Tlp::MemWrite { request, .. }
                if Hpa(request.address & !0xfff) == page)
        };
        let last_write = sent.iter().rposition(is_write).unwrap();
        let completion = sent.iter().position(is_completion).unwrap();
        assert!(last_write < completion);
    });
}

#[test]
fn completion_waits_for_the_answers_of_reads_of_the_page() {
    const LATENCY: u64 = 6_000;
    let bench = Bench::knobs(Knobs {
        latency: LATENCY,
        ..Knobs::default()
    });
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        tenant.submit(&copy());
        bench.host.sleep(LONG).await;
        bench.log.take();

        forget(&tenant, Pages::one(SOURCE), ITAG);
        bench.host.sleep(LATENCY - 2 * LONG).await;

        assert!(completed(&bench).is_empty());
        bench.host.sleep(2 * LONG).await;
        assert_eq!(completed(&bench), [ITAG]);
    });
}

#[test]
fn answer_on_its_way_while_its_page_is_unmapped_is_not_used() {
    const LATENCY: u64 = 5_000;
    let bench = Bench::knobs(Knobs {
        translation_latency: LATENCY,
        ..Knobs::default()
    });
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(Descriptor::nop()).await;
        tenant.write(RECORD, &[0; 32]);
        tenant.submit(&copy().with_completion(RECORD));
        bench.host.sleep(LONG).await;
        assert_eq!(bench.log.take_translation_requests().len(), 2 + 1);

        unmap(&tenant, SOURCE).await;

        let record = tenant.ended(RECORD).await;
        assert_eq!(record.status(), Status::PAGE_FAULT);
        assert_eq!(record.fault_address.get(), SOURCE);
        let requests = bench.log.take_dma();
        assert!(
            requests.iter().all(|r| r.at != AddressType::Translated
                || Hpa(r.address & !0xfff) != tenant.hpa(SOURCE))
        );
    });
}

#[test]
fn halted_device_answers_although_it_is_no_bus_master() {
    const COMMAND: u16 = 4;
    const MEMORY_ONLY: u32 = 2;
    const HALT: u32 = 3;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        tenant.run(copy()).await;
        let function = Function::of(tenant.adi.driver());
        function.set_config(COMMAND, MEMORY_ONLY).await;
        let gensts = function.read32(regs::SIOV_GENSTS_OFFSET).await;
        assert_eq!(gensts & regs::SIOV_GENSTS_STATE_MASK, HALT);
        bench.log.take();

        forget(&tenant, Pages::ALL, ITAG);
        bench.host.sleep(LONG).await;

        assert_eq!(completed(&bench), [ITAG]);
    });
}

#[test]
fn invalidation_of_a_pasid_is_completed_while_pasid_is_disabled() {
    const ATS_CONTROL: u16 = 0x224;
    const ATS_ENABLE: u32 = 1 << 31;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.set_config(ATS_CONTROL, ATS_ENABLE).await;

        let request = invalidate(Some(PREFIX), Pages::ALL, ITAG);
        bench.host.send_raw(&request);
        bench.host.sleep(LONG).await;

        assert_eq!(completed(&bench), [ITAG]);
    });
}

/// Cycles that 160 moves of 4 KiB take, 16 at a time, while so many tasks of the host invalidate
/// pages of another tenant one after the other; and how many invalidations that were.
fn beside_storm(tasks: u64) -> (u64, u64) {
    let bench = Bench::new();
    bench.run(async {
        let [working, other] = bench.translated::<2>(None).await;
        let other = Rc::new(other);
        let over = Rc::new(Cell::new(false));
        for task in 0..tasks {
            let (other, over) = (Rc::clone(&other), Rc::clone(&over));
            spawn_local(async move {
                let page = DATA + task * PAGE_SIZE;
                while !over.get() {
                    unmap(&other, page).await;
                }
            });
        }
        let invalidations = || bench.host.iommu_counts().device_invalidations;
        let (start, before) = (bench.host.now(), invalidations());
        for _ in 0..10 {
            for slot in 0..16 {
                let record = RECORD + 32 * slot;
                working.write(record, &[0; 32]);
                working.submit(&copy().with_completion(record));
            }
            for slot in 0..16 {
                let record = working.ended(RECORD + 32 * slot).await;
                assert_eq!(record.status(), Status::SUCCESS);
            }
        }
        over.set(true);
        (bench.host.now() - start, invalidations() - before)
    })
}

#[test]
fn storm_of_invalidations_does_not_stop_others() {
    let (alone, none) = beside_storm(0);
    let (beside, many) = beside_storm(16);

    assert_eq!(none, 0);
    assert!(many > 160, "{many} are fewer than moves");
    assert!(
        beside * 100 <= alone * 110,
        "{beside} cycles instead of {alone}"
    );
}
