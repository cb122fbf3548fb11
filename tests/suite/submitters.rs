// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Submitters of one shared queue are strangers: memory, privilege, errors and interrupts are each
//! one's own (DSA 3.3, 5.4).

use siov::dsa::{Descriptor, Opcode, SoftwareError, Status};
use siov::host::Driver;
use siov::pcie::Enqcmd;

use crate::bench::{Bench, DATA, RECORD, is_message, pattern, wq};
use crate::clients::{Client, LONG, PORTAL, SOURCE, Shared, nop, record, with_identity};

/// Both copy from and to the same addresses, over and over, which are different memory.
async fn copy_without_meeting(first: &Client, second: &Client) {
    for (client, seed) in [(first, 3), (second, 4)] {
        client.write(SOURCE, &pattern(seed, 4096));
    }
    for round in 0..20 {
        let copy = Descriptor::memory_move(SOURCE, DATA, 4096).with_completion(record(round));
        first.insist(&copy).await;
        second.insist(&copy).await;
    }
    for round in 0..20 {
        assert_eq!(first.ended(record(round)).await, Status::SUCCESS);
        assert_eq!(second.ended(record(round)).await, Status::SUCCESS);
    }
    assert!(first.read(DATA, 4096) == pattern(3, 4096));
    assert!(second.read(DATA, 4096) == pattern(4, 4096));
}

#[test]
fn submitters_of_one_queue_reach_their_own_memory() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 16).await;
        let [first, second] = &shared.clients;

        copy_without_meeting(first, second).await;

        let requests = bench.log.take_requests();
        let with = |pasid| {
            let mine = requests
                .iter()
                .filter(|(r, _)| r.pasid.map(|p| p.pasid) == Some(pasid));
            mine.count()
        };
        assert_eq!(with(first.pasid()), requests.len() / 2);
        assert_eq!(with(second.pasid()), requests.len() / 2);
    });
}

#[test]
fn submitters_of_one_queue_do_not_use_each_others_translations() {
    let bench = Bench::new();
    bench.run(async {
        let driver = Driver::probe(&bench.host).await.unwrap();
        driver.enable_ats(None).await.unwrap();
        driver.configure(&[wq(0, 16)]).await.unwrap();
        let shared = Shared::<2>::on(&bench, &driver, 16).await;
        let [first, second] = &shared.clients;

        copy_without_meeting(first, second).await;
    });
}

/// Runs a NOP that claims privilege; the state of its record, the software error, and the requests.
fn claim_privilege(enabled: bool) -> (Status, Option<SoftwareError>, Vec<bool>) {
    const PASID_CONTROL: u16 = 0x234;
    const PRIVILEGED_MODE: u32 = 1 << 18;
    let bench = Bench::new();
    bench.run(async {
        let mut shared = Shared::<1>::new(&bench, 16).await;
        let function = shared.function();
        if enabled {
            let control = function.config(PASID_CONTROL).await;
            function
                .set_config(PASID_CONTROL, control | PRIVILEGED_MODE)
                .await;
        }
        let [client] = &shared.clients;
        let bytes = with_identity(nop(), client.pasid(), true);
        bench.log.take();

        let portal = client.submitter.portal(PORTAL);
        let answer = bench.host.enqcmd(portal, &bytes).await.unwrap();
        bench.host.sleep(LONG).await;

        assert_eq!(answer, Enqcmd::Accepted);
        let requests = bench.log.take_requests().into_iter();
        let prefixes = requests.filter_map(|(request, _)| request.pasid);
        let privileged = prefixes.map(|prefix| prefix.privileged).collect();
        let error = shared.errors.try_recv().ok();
        (client.status(RECORD), error, privileged)
    })
}

#[test]
fn privilege_without_privileged_mode_is_1dh_and_touches_nothing() {
    let (status, error, requests) = claim_privilege(false);

    assert_eq!(status, Status::NONE);
    assert_eq!(error.unwrap().status().code(), 0x1d);
    assert_eq!(requests, [] as [bool; 0]);
}

#[test]
fn privilege_with_privileged_mode_is_on_the_requests() {
    // What the IOMMU makes of it is its own affair: here it lets no privileged request in.
    let (_, error, requests) = claim_privilege(true);

    assert!(error.is_none());
    assert_eq!(requests, [true]);
}

#[test]
fn software_error_names_the_pasid_of_its_submitter() {
    let bench = Bench::new();
    bench.run(async {
        let mut shared = Shared::<2>::new(&bench, 16).await;
        for client in &shared.clients {
            client.insist(&Descriptor::new(Opcode(0x3f))).await;

            let error = shared.errors.recv().await.unwrap();

            assert_eq!(error.status(), Status::BAD_OPCODE);
            assert_eq!(error.0[0] >> 40 & 0xf_ffff, u64::from(client.pasid().raw()));
        }
    });
}

#[test]
fn handle_of_another_submitter_is_19h_and_nobody_is_interrupted() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 16).await;
        let [thief, owner] = &shared.clients;

        let stolen = thief.run(Descriptor::nop().with_interrupt(owner.handle));
        assert_eq!(stolen.await, Status::BAD_INTERRUPT_HANDLE);
        bench.host.sleep(LONG).await;
        assert_eq!(owner.submitter.vector().count().count, 0);

        let own = owner.run(Descriptor::nop().with_interrupt(owner.handle));
        assert_eq!(own.await, Status::SUCCESS);
        owner.submitter.vector().wait(0).await;
    });
}

#[test]
fn revoked_submitter_leaves_the_queue_to_the_others() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 16).await;
        let [revoked, other] = &shared.clients;

        revoked.submitter.revoke().await.unwrap();

        assert_eq!(other.run(Descriptor::nop()).await, Status::SUCCESS);
    });
}

#[test]
fn messages_of_submitters_have_no_pasid() {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<1>::new(&bench, 16).await;
        let [client] = &shared.clients;

        client
            .run(Descriptor::nop().with_interrupt(client.handle))
            .await;
        client.submitter.vector().wait(0).await;

        let requests = bench.log.take_requests();
        let mut messages = requests.iter().filter(|(request, _)| is_message(request));
        assert!(messages.all(|(request, _)| request.pasid.is_none()));
    });
}
