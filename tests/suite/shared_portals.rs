// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a shared queue accepts, and when it says Retry (DSA 3.3, 5.3).

use siov::dsa::{PortalPage, Status};
use siov::host::Driver;
use siov::pcie::tlp::{CompletionStatus, Tlp};
use siov::pcie::{CreditClass, CreditWindow, Enqcmd};
use siov_firmware::{abi, regs};
use tokio::task::spawn_local;

use crate::bench::{Bench, RECORD, Tenant, wq};
use crate::clients::{
    IN_FLIGHT, LIMITED, LONG, PORTAL, Shared, fill, nop, numbered, slow, with_identity,
};

#[test]
fn deferrable_write_to_a_shared_queue_is_accepted_exactly_once() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;

        let answer = client.submit(PORTAL, &nop()).await;
        bench.host.sleep(LONG).await;

        assert_eq!(answer, Enqcmd::Accepted);
        let seen = bench.log.take_from_device();
        let seen: Vec<_> = seen.into_iter().map(|seen| seen.tlp).collect();
        let [
            Tlp::Completion { completion, data },
            Tlp::MemWrite { request, .. },
        ] = seen.as_slice()
        else {
            panic!("{seen:?}");
        };
        assert_eq!(completion.status, CompletionStatus::Success);
        assert!(data.is_empty());
        assert_eq!(request.address, RECORD);
    });
}

#[test]
fn full_shared_queue_retries_and_loses_nothing_that_it_accepted() {
    const ENTRIES: u16 = 8;
    let bench = slow();
    bench.run(async {
        let mut shared = Shared::<1>::new(&bench, ENTRIES).await;
        let [client] = &shared.clients;

        let accepted = fill(client).await;
        assert_eq!(client.submit(LIMITED, &nop()).await, Enqcmd::Retry);
        client.insist(&numbered(accepted)).await;
        shared.queue.drain().await.unwrap();

        assert_eq!(accepted, IN_FLIGHT + u64::from(ENTRIES));
        assert_eq!(client.records(accepted + 1), accepted + 1);
        assert_eq!(client.records(accepted + 2), accepted + 1);
        assert!(
            shared.errors.try_recv().is_err(),
            "a full queue is no error"
        );
    });
}

#[test]
fn limited_portal_accepts_up_to_the_threshold() {
    const ENTRIES: u16 = 8;
    let bench = slow();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, ENTRIES).await;
        let [client] = &shared.clients;

        let mut limited = 0;
        while client.submit(LIMITED, &numbered(limited)).await == Enqcmd::Accepted {
            limited += 1;
        }
        let unlimited = fill(client).await;

        let half = u64::from(ENTRIES / 2);
        assert_eq!((limited, unlimited), (IN_FLIGHT + half, half));
    });
}

#[test]
fn threshold_holds_from_its_write_on_while_the_queue_is_enabled() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;
        for (threshold, expected) in [
            (0, Enqcmd::Retry),
            (1, Enqcmd::Accepted),
            (0, Enqcmd::Retry),
            (0xffff, Enqcmd::Accepted),
        ] {
            shared.queue.drain().await.unwrap();

            shared.queue.set_threshold(threshold);

            assert_eq!(client.submit(LIMITED, &nop()).await, expected);
        }
        shared.queue.set_threshold(0);
        assert_eq!(client.submit(PORTAL, &nop()).await, Enqcmd::Accepted);
    });
}

#[test]
fn all_four_pages_submit_to_a_shared_queue() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;
        for page in [
            PortalPage::UnlimitedMsix,
            PortalPage::LimitedMsix,
            PortalPage::UnlimitedIms,
            PortalPage::LimitedIms,
        ] {
            client.write(RECORD, &[0; 32]);

            let answer = client.submit(page, &nop()).await;

            assert_eq!(answer, Enqcmd::Accepted, "{page:?}");
            assert_eq!(client.ended(RECORD).await, Status::SUCCESS, "{page:?}");
        }
    });
}

#[test]
fn posted_write_to_a_shared_queue_is_ignored() {
    let bench = Bench::new();
    bench.run(async {
        let mut shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;
        let bytes = with_identity(nop(), client.pasid(), false);

        let portal = client.submitter.portal(PORTAL);
        bench.host.write_portal(portal, &bytes).unwrap();
        bench.host.sleep(LONG).await;

        assert!(bench.log.take_from_device().is_empty());
        assert!(shared.errors.try_recv().is_err());
    });
}

#[test]
fn disabled_shared_queue_retries() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;

        shared.queue.disable().await.unwrap();

        assert_eq!(client.submit(PORTAL, &nop()).await, Enqcmd::Retry);
        shared.queue.enable().await.unwrap();
        assert_eq!(client.submit(PORTAL, &nop()).await, Enqcmd::Accepted);
    });
}

#[test]
fn deferrable_write_without_completion_credits_holds_up_no_posted_write() {
    let bench = Bench::new();
    bench.run(async {
        let driver = Driver::probe(&bench.host).await.unwrap();
        driver.configure(&[wq(0, 16), wq(1, 16)]).await.unwrap();
        let tenant = Tenant::new(&driver, wq(1, 16)).await;
        let shared = Shared::<1>::on(&bench, &driver, 16).await;
        let [client] = shared.clients;
        let host = &bench.host;
        host.set_credit_window(CreditClass::Completion, CreditWindow::Stalled);
        let deferred = spawn_local(async move {
            // One completion still comes.
            let first = client.submit(PORTAL, &nop()).await;
            (first, client.submit(PORTAL, &nop()).await)
        });
        host.sleep(LONG).await;
        assert!(!deferred.is_finished());

        tenant.submit(&nop());

        assert_eq!(tenant.ended(RECORD).await.status(), Status::SUCCESS);
        assert!(!deferred.is_finished());
        host.set_credit_window(CreditClass::Completion, CreditWindow::Infinite);
        let answers = deferred.await.unwrap();
        assert_eq!(answers, (Enqcmd::Accepted, Enqcmd::Accepted));
    });
}

#[test]
fn capabilities_offer_both_modes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        let wqcap = function.read64(regs::SIOV_WQCAP_OFFSET).await;

        assert_ne!(wqcap & regs::SIOV_WQCAP_SHARED_MODE_MASK, 0);
        assert_ne!(wqcap & regs::SIOV_WQCAP_DEDICATED_MODE_MASK, 0);
    });
}

#[test]
fn enable_of_a_shared_queue_without_pasid_enable_of_the_function_is_26h() {
    const SHARED: u32 = 0x1000_0010; // PASID enable, priority 1
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let wqcfg = regs::SIOV_WQCFG_OFFSET;
        function.start_wq0(0).await;
        function.command(abi::SIOV_CMD_DISABLE_WQ << 20 | 1).await;
        function.write32(wqcfg + regs::SIOV_WQCFG_MODE_OFFSET, SHARED);

        let status = function.command(abi::SIOV_CMD_ENABLE_WQ << 20).await;

        assert_eq!(status, abi::SIOV_ERR_WQ_PASID);
    });
}
