// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a translation allows and forbids: R, W, U, N, Global, Priv (PCIe 10.2.3).

use siov::dsa::{CompletionRecord, Descriptor, Flags, Status};
use siov::faults::{Deed, Fault, Kind, Match};
use siov::host::{Demand, Paged};
use siov::iommu::entry::{DomainId, Levels, PasidEntry};
use siov::iommu::paging::PageRights;
use siov::iommu::tables::FirstStage;
use siov::mem::{Hpa, PAGE_SIZE};
use siov::pcie::tlp::{AddressType, MemRequest, Message, PasidPrefix};
use siov_firmware::regs;

use crate::bench::{Bench, DATA, RECORD, Tenant, pattern};
use crate::own_tables::{OwnTables, PREFIX, Window};

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;

/// Bits of a Translation Completion's entry.
const R: u64 = 1 << 0;
const W: u64 = 1 << 1;
const U: u64 = 1 << 2;
const EXE: u64 = 1 << 3;
const PRIV: u64 = 1 << 4;
const GLOBAL: u64 = 1 << 5;
const AMA: u64 = 0b111 << 6;
const N: u64 = 1 << 10;

/// Flips bits in the entry that answers the tenant's next Translation Request; called again, in the
/// one after it.
fn flip(tenant: &Tenant, bits: u64) {
    let answers = Match::new(Kind::TranslationCompletion);
    tenant.host().inject(Fault {
        matches: answers.pasid(tenant.adi.pasid()).times(1),
        deed: Deed::FlipEntry(bits),
    });
}

/// A tenant whose completion record needs no translation any more.
async fn warm(bench: &Bench) -> Tenant {
    let [tenant] = bench.translated(None).await;
    tenant.run(Descriptor::nop()).await;
    bench.log.take();
    tenant
}

fn copy() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 4096)
}

fn fill() -> Descriptor {
    Descriptor::fill(0x5555_5555_5555_5555, DATA, 4096)
}

/// Where the page of `gpa` is read or written: address, address type and prefix without repetition.
fn uses(requests: &[MemRequest], page: u64) -> Vec<(AddressType, Option<PasidPrefix>)> {
    let of_page = requests.iter().filter(|r| r.address & !0xfff == page);
    let mut uses: Vec<_> = of_page.map(|r| (r.at, r.pasid)).collect();
    uses.dedup();
    uses
}

/// Runs a descriptor with bits flipped in the answer to its first Translation Request.
fn with_flipped(descriptor: Descriptor, bits: u64) -> CompletionRecord {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        flip(&tenant, bits);
        tenant.run(descriptor).await
    })
}

#[test]
fn page_that_may_not_be_written_is_03h_to_a_write() {
    let record = with_flipped(fill(), W);

    assert_eq!(record.status(), Status::PAGE_FAULT);
    assert!(record.fault_was_write());
    assert_eq!(record.fault_address.get(), DATA);
}

#[test]
fn page_that_may_not_be_read_is_03h_to_a_read() {
    let record = with_flipped(copy(), R);

    assert_eq!(record.status(), Status::PAGE_FAULT);
    assert!(!record.fault_was_write());
    assert_eq!(record.fault_address.get(), SOURCE);
}

#[test]
fn page_that_may_only_be_written_is_written_and_not_read() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        flip(&tenant, R);
        flip(&tenant, R);

        let written = tenant.run(fill()).await;
        let read = tenant.run(Descriptor::memory_move(DATA, SOURCE, 64)).await;

        assert_eq!(written.status(), Status::SUCCESS);
        assert_eq!(read.status(), Status::PAGE_FAULT);
        assert_eq!(read.fault_address.get(), DATA);
    });
}

#[test]
fn page_that_was_asked_for_to_read_is_asked_for_again_to_write() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        tenant.run(Descriptor::memory_move(DATA, SOURCE, 64)).await;
        bench.log.take();

        let record = tenant.run(fill()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        let asked = bench.log.take_translation_requests();
        let asked: Vec<_> = asked.iter().map(|r| (r.address, r.no_write)).collect();
        assert_eq!(asked, [(DATA, false)]);
    });
}

#[test]
fn refusal_to_write_is_not_kept() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        flip(&tenant, W);
        tenant.run(fill()).await;

        let again = tenant.run(fill()).await;

        assert_eq!(again.status(), Status::SUCCESS);
    });
}

#[test]
fn write_that_may_block_asks_for_the_page_to_write() {
    const READ_AND_WRITE: u32 = 0b11;
    const WRITE: u32 = 0b10;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(32).await;
        tenant.run(Descriptor::nop()).await;
        // Software has given the right by the time it answers.
        tenant.space.on_page_request(|_, _| Paged {
            demand: Demand::Map(Hpa(0)),
            delay: 0,
        });
        flip(&tenant, W);
        bench.log.take();

        let record = tenant.run(fill().with_flags(Flags::BLOCK_ON_FAULT)).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert_eq!(tenant.read(DATA, 4096), [0x55; 4096]);
        let asked = bench.log.take_messages(Message::PAGE_REQUEST);
        let [message] = &asked[..] else {
            panic!("{asked:?}");
        };
        assert_eq!(u64::from(message.header[1] & !0xfff), DATA);
        assert_eq!(message.header[1] & READ_AND_WRITE, WRITE);
    });
}

#[test]
fn page_that_is_granted_and_never_given_is_04h() {
    const TRIES: usize = 64;
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.blocking(32).await;
        tenant.run(Descriptor::nop()).await;
        tenant.space.on_page_request(|_, _| Paged {
            demand: Demand::Map(Hpa(0)),
            delay: 0,
        });
        bench.host.inject(Fault {
            matches: Match::new(Kind::TranslationCompletion),
            deed: Deed::FlipEntry(W),
        });
        bench.log.take();

        let record = tenant.run(fill().with_flags(Flags::BLOCK_ON_FAULT)).await;

        assert_eq!(record.status(), Status::PAGE_REQUEST_FAILED);
        let asked = bench.log.take_messages(Message::PAGE_REQUEST);
        assert_eq!(asked.len(), TRIES);
    });
}

/// Runs a descriptor twice, with the answer for its first page, at `page`, that it is to be used
/// untranslated: so it must be used, and nothing else. Gives what is then at the destination.
fn untranslated(descriptor: Descriptor, page: u64) -> Vec<u8> {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        tenant.write(SOURCE, &pattern(6, 4096));
        flip(&tenant, U);

        for _ in 0..2 {
            let record = tenant.run(descriptor).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }

        let requests = bench.log.take_dma();
        let prefix = Some(PasidPrefix::new(tenant.adi.pasid()));
        let asked_and_used = [
            (AddressType::TranslationRequest, prefix),
            (AddressType::Untranslated, prefix),
        ];
        assert_eq!(uses(&requests, page), asked_and_used);
        assert_eq!(uses(&requests, tenant.hpa(page).0), []);
        tenant.read(DATA, 4096)
    })
}

#[test]
fn source_to_be_used_untranslated_is_read_with_its_own_address_and_pasid() {
    assert!(untranslated(copy(), SOURCE) == pattern(6, 4096));
}

#[test]
fn destination_to_be_used_untranslated_is_written_with_its_own_address_and_pasid() {
    assert_eq!(untranslated(fill(), DATA), [0x55; 4096]);
}

#[test]
fn record_to_be_used_untranslated_is_written_with_its_own_address_and_pasid() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.translated(None).await;
        flip(&tenant, U);

        let record = tenant.run(Descriptor::nop()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        let requests = bench.log.take_dma();
        let prefix = Some(PasidPrefix::new(tenant.adi.pasid()));
        let written = (AddressType::Untranslated, prefix);
        assert_eq!(uses(&requests, RECORD).last(), Some(&written));
    });
}

#[test]
fn page_to_be_used_untranslated_without_rights_is_03h() {
    let record = with_flipped(fill(), U | R | W);

    assert_eq!(record.status(), Status::PAGE_FAULT);
}

#[test]
fn translated_requests_are_snooped_whatever_the_other_bits_say() {
    let bench = Bench::new();
    bench.run(async {
        let tenant = warm(&bench).await;
        flip(&tenant, N | EXE);
        flip(&tenant, N | AMA);

        let record = tenant.run(copy()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        let requests = bench.log.take_dma();
        assert!(requests.iter().all(|request| !request.attr.no_snoop));
        assert!(requests.iter().any(|r| r.at == AddressType::Translated));
    });
}

#[test]
fn global_translation_is_used_by_its_own_tenant_only() {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = bench.translated::<2>(None).await;
        flip(&first, GLOBAL);
        flip(&first, GLOBAL);
        first.run(copy()).await;
        second.write(SOURCE, &pattern(4, 4096));
        bench.log.take();

        second.run(copy()).await;

        assert!(second.read(DATA, 4096) == pattern(4, 4096));
        assert_eq!(bench.log.take_translation_requests().len(), 3);
    });
}

#[test]
fn rights_of_privileged_mode_are_no_rights_of_a_user() {
    let record = with_flipped(fill(), PRIV);

    assert_eq!(record.status(), Status::PAGE_FAULT);
}

/// Runs a move of a privileged queue through first-stage tables in which the destination is
/// read-only and no page is a user's. Gives its record and all DMA.
fn privileged(entry: fn(PasidEntry) -> PasidEntry) -> (CompletionRecord, Vec<MemRequest>) {
    const SUPERVISOR: PageRights = PageRights {
        user: false,
        ..PageRights::READ_WRITE
    };
    let bench = Bench::new();
    let memory = bench.host.memory();
    let mut tables = FirstStage::new(memory.clone(), Levels::Four).unwrap();
    let hpa = memory.alloc(Window::BYTES, PAGE_SIZE).unwrap();
    let window = Window { iova: DATA, hpa };
    for (page, write) in [(0, true), (1, false), (2, true)] {
        let offset = page * PAGE_SIZE;
        let rights = PageRights {
            write,
            ..SUPERVISOR
        };
        let (iova, hpa) = (window.iova + offset, hpa.0 + offset);
        tables.map(iova, hpa, PAGE_SIZE, rights).unwrap();
    }
    let plain = PasidEntry::first_stage(Hpa(tables.root()), Levels::Four, DomainId(7));
    bench.run(async {
        let own = OwnTables::new(&bench, entry(plain), true).await;
        own.start(regs::SIOV_WQCFG_MODE_PRIV_MASK).await;
        memory.write(window.source(), &pattern(3, 4096)).unwrap();
        bench.log.take();

        let record = window.run_copy(&own).await;

        let moved = window.result(&own) == pattern(3, 4096);
        assert_eq!(moved, record.status() == Status::SUCCESS);
        (record, bench.log.take_dma())
    })
}

#[test]
fn privileged_queue_translates_in_privileged_mode() {
    let (record, requests) = privileged(|entry| entry.with_supervisor(false));

    assert_eq!(record.status(), Status::SUCCESS);
    let prefix = PasidPrefix {
        privileged: true,
        ..PREFIX
    };
    for request in requests {
        let expected = match request.at {
            AddressType::TranslationRequest => Some(prefix),
            _ => None,
        };
        assert_eq!(request.pasid, expected, "{request:?}");
    }
}

#[test]
fn write_protection_of_supervisors_holds_for_a_privileged_queue() {
    let (record, _) = privileged(|entry| entry.with_supervisor(true));

    assert_eq!(record.status(), Status::PAGE_FAULT);
    assert!(record.fault_was_write());
    assert_eq!(record.fault_address.get(), DATA + PAGE_SIZE);
}
