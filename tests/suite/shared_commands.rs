// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Drain and Abort of a shared queue, or of one PASID in it, while others work (DSA 5.2).

use siov::dsa::Descriptor;
use tokio::task::spawn_local;

use crate::bench::{Bench, DATA, RECORD};
use crate::clients::{Client, IN_FLIGHT, LONG, SOURCE, Shared, numbered, slow};

#[test]
fn abort_of_a_pasid_leaves_the_work_of_others() {
    let bench = slow();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 64).await;
        let [aborted, other] = &shared.clients;
        let in_flight = IN_FLIGHT / 2;
        for number in 0..in_flight + 16 {
            aborted.insist(&numbered(number)).await;
            other.insist(&numbered(number)).await;
        }

        aborted.submitter.abort().await.unwrap();
        other.submitter.drain().await.unwrap();

        assert_eq!(other.records(in_flight + 16), in_flight + 16);
        assert_eq!(aborted.records(in_flight + 16), in_flight);
    });
}

#[test]
fn abort_of_a_shared_queue_abandons_everybodys_work() {
    let bench = slow();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 64).await;
        for number in 0..IN_FLIGHT / 2 + 16 {
            for client in &shared.clients {
                client.insist(&numbered(number)).await;
            }
        }

        shared.queue.abort().await.unwrap();
        bench.log.take();
        bench.host.sleep(LONG).await;

        assert!(bench.log.take_from_device().is_empty());
        for client in &shared.clients {
            assert_eq!(client.records(IN_FLIGHT), IN_FLIGHT / 2);
        }
    });
}

/// What the first submitter waits for while the second keeps the queue full, and is served.
fn ends_under_a_flood(act: impl AsyncFnOnce(&Client)) {
    let bench = Bench::new();
    bench.run(async {
        let shared = Shared::<2>::new(&bench, 16).await;
        let [client, flooder] = shared.clients;
        flooder.write(RECORD, &[0; 32]);
        let flood = spawn_local(async move {
            loop {
                let copy = Descriptor::memory_move(SOURCE, DATA, 4096);
                flooder.insist(&copy).await;
            }
        });
        bench.host.sleep(LONG).await;
        for number in 0..8 {
            client.insist(&numbered(number)).await;
        }

        act(&client).await;

        assert!(!flood.is_finished());
        flood.abort();
    });
}

#[test]
fn drain_of_a_pasid_ends_while_others_keep_submitting() {
    ends_under_a_flood(async |client| {
        client.submitter.drain().await.unwrap();

        assert_eq!(client.records(8), 8);
    });
}

#[test]
fn abort_of_a_pasid_ends_while_others_keep_submitting() {
    ends_under_a_flood(async |client| {
        client.submitter.abort().await.unwrap();
        let records = client.records(8);

        client.host.sleep(LONG).await;

        assert_eq!(client.records(8), records);
    });
}
