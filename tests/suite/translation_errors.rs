// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translation Requests without a usable answer: the work ends with 22h, nobody else's does, and
//! nothing of it is kept (PCIe 10.2.3.1, DSA 3.13).

use siov::dsa::{Descriptor, Status};
use siov::faults::{Deed, Fault, Kind, Match};
use siov::mem::PAGE_SIZE;

use crate::bench::aer::{COMPLETION_TIMEOUT, POISONED, UNCORRECTABLE, UNEXPECTED_COMPLETION};
use crate::bench::{Bench, DATA, Function, RECORD, Tenant, pattern};

const SOURCE: u64 = DATA + 16 * PAGE_SIZE;
/// Status register: Received Target Abort, Received Master Abort.
const TARGET_ABORT: u32 = 1 << 28;
const MASTER_ABORT: u32 = 1 << 29;

fn copy() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 4096)
}

/// What errors the function has noted: of the Status register both aborts, and AER's uncorrectable
/// ones.
async fn noted(function: &Function) -> (u32, u32) {
    const COMMAND_AND_STATUS: u16 = 4;
    let status = function.config(COMMAND_AND_STATUS).await;
    let aborts = status & (TARGET_ABORT | MASTER_ABORT);
    (aborts, function.config(UNCORRECTABLE).await)
}

/// Two tenants with the shortest Completion Timeout (4,096 cycles), whose records need no
/// translation any more. The first one's next Translation Completion suffers `deed`.
async fn with_deed(bench: &Bench, deed: Deed) -> [Tenant; 2] {
    const DEVCTL2: u16 = 0x68;
    const SHORTEST: u32 = 1;
    let tenants = bench.translated::<2>(None).await;
    let function = Function::of(tenants[0].adi.driver());
    function.unmask_advisory_errors().await;
    let control = function.config(DEVCTL2).await;
    let control = control & !0xf | SHORTEST;
    function.set_config(DEVCTL2, control).await;
    for tenant in &tenants {
        tenant.write(SOURCE, &pattern(5, 4096));
        tenant.run(Descriptor::nop()).await;
    }
    let answers = Match::new(Kind::TranslationCompletion);
    bench.host.inject(Fault {
        matches: answers.pasid(tenants[0].adi.pasid()).nth(1),
        deed,
    });
    tenants
}

/// Both tenants move a page, and the first one's translation suffers `deed`. Gives what errors the
/// function has noted.
fn fails_alone(deed: Deed) -> (u32, u32) {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = with_deed(&bench, deed).await;
        for tenant in [&first, &second] {
            tenant.write(RECORD, &[0; 32]);
            tenant.submit(&copy().with_completion(RECORD));
        }

        let failed = first.ended(RECORD).await;
        let other = second.ended(RECORD).await;

        assert_eq!(failed.status(), Status::TRANSLATION_ERROR);
        assert_eq!(first.next_error().await.status(), Status::TRANSLATION_ERROR);
        assert_eq!(other.status(), Status::SUCCESS);
        assert!(second.read(DATA, 4096) == pattern(5, 4096));
        assert!(!second.has_error());
        let noted = noted(&Function::of(first.adi.driver())).await;
        // Nothing of it is left.
        assert_eq!(first.run(copy()).await.status(), Status::SUCCESS);
        assert!(first.read(DATA, 4096) == pattern(5, 4096));
        noted
    })
}

#[test]
fn translation_request_that_is_unsupported_is_22h() {
    assert_eq!(fails_alone(Deed::UnsupportedRequest), (MASTER_ABORT, 0));
}

#[test]
fn translation_request_that_is_aborted_is_22h() {
    assert_eq!(fails_alone(Deed::CompleterAbort), (TARGET_ABORT, 0));
}

#[test]
fn poisoned_translation_is_22h() {
    assert_eq!(fails_alone(Deed::Poison), (0, POISONED));
}

#[test]
fn translation_request_that_is_never_answered_is_22h() {
    assert_eq!(fails_alone(Deed::Drop), (0, COMPLETION_TIMEOUT));
}

#[test]
fn translation_that_comes_too_late_is_reported_and_does_no_harm() {
    const LATE: u32 = 10_000;
    let bench = Bench::new();
    bench.run(async {
        let [tenant, _] = with_deed(&bench, Deed::Delay(LATE)).await;
        let function = Function::of(tenant.adi.driver());
        let failed = tenant.run(copy()).await;
        assert_eq!(failed.status(), Status::TRANSLATION_ERROR);
        function.set_config(UNCORRECTABLE, COMPLETION_TIMEOUT).await;

        for _ in 0..2 {
            let record = tenant.run(copy()).await;
            assert_eq!(record.status(), Status::SUCCESS);
            bench.host.sleep(LATE.into()).await;
        }

        assert!(tenant.read(DATA, 4096) == pattern(5, 4096));
        assert_eq!(noted(&function).await, (0, UNEXPECTED_COMPLETION));
    });
}

#[test]
fn translation_that_comes_twice_is_reported_and_does_no_harm() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant, _] = with_deed(&bench, Deed::Duplicate(500)).await;

        let record = tenant.run(copy()).await;
        bench.host.sleep(1_000).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert!(tenant.read(DATA, 4096) == pattern(5, 4096));
        let function = Function::of(tenant.adi.driver());
        assert_eq!(noted(&function).await, (0, UNEXPECTED_COMPLETION));
    });
}
