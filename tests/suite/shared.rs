// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Shared queues: many submit to one by deferrable writes, each under its own PASID (DSA 3.3, 5.3).

use std::rc::Rc;

use siov::dsa::{CompletionRecord, Descriptor, Opcode, PortalPage, SoftwareError, Status};
use siov::host::{AddressSpace, Driver, SharedWq, Submitter};
use siov::mem::{Gpa, Hpa};
use siov::pcie::tlp::{CompletionStatus, Tlp};
use siov::pcie::{CreditClass, CreditWindow, Enqcmd, Host, Knobs, Pasid};
use siov_firmware::{abi, regs};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use crate::bench::{Bench, DATA, Function, RECORD, Tenant, is_message, pattern, wq};

const PORTAL: PortalPage = PortalPage::UnlimitedIms;
const LIMITED: PortalPage = PortalPage::LimitedIms;
const SOURCE: u64 = DATA + BYTES / 2;
const BYTES: u64 = 64 << 10;
/// Descriptors of one queue that are worked on at once.
const IN_FLIGHT: u64 = 72;
/// Cycles in which anything that was going to happen has happened.
const LONG: u64 = 3_000;

/// One who submits to a shared queue, with memory at `RECORD` and behind it that nobody else has.
struct Client {
    submitter: Submitter,
    handle: u16,
    host: Host,
    block: Hpa,
    _space: AddressSpace,
}

impl Client {
    async fn new(queue: &SharedWq) -> Self {
        let driver = queue.driver();
        let host = driver.host().clone();
        let block = host.memory().alloc(BYTES, 0x1000).unwrap();
        let mut space = driver.new_address_space().unwrap();
        space.map(Gpa(RECORD), block, BYTES).unwrap();
        let submitter = queue.admit(&space).unwrap();
        submitter.mask_interrupt(false);
        Self {
            handle: submitter.request_interrupt_handle().await.unwrap(),
            submitter,
            host,
            block,
            _space: space,
        }
    }

    fn pasid(&self) -> Pasid {
        self.submitter.pasid()
    }

    fn hpa(&self, gpa: u64) -> Hpa {
        self.block.offset(gpa - RECORD)
    }

    fn read(&self, gpa: u64, bytes: usize) -> Vec<u8> {
        let mut data = vec![0; bytes];
        self.host.memory().read(self.hpa(gpa), &mut data).unwrap();
        data
    }

    fn write(&self, gpa: u64, data: &[u8]) {
        self.host.memory().write(self.hpa(gpa), data).unwrap();
    }

    fn status(&self, record: u64) -> Status {
        let bytes = self.read(record, CompletionRecord::SIZE);
        CompletionRecord::from_bytes(&bytes).unwrap().status()
    }

    async fn submit(&self, page: PortalPage, descriptor: &Descriptor) -> Enqcmd {
        self.submitter.submit(page, descriptor).await.unwrap()
    }

    /// Submits until it is accepted, as software does.
    async fn insist(&self, descriptor: &Descriptor) {
        while self.submit(PORTAL, descriptor).await == Enqcmd::Retry {}
    }

    async fn ended(&self, record: u64) -> Status {
        while self.status(record) == Status::NONE {
            self.host.wait_for_write(self.hpa(record)).await;
        }
        self.status(record)
    }

    /// Runs a descriptor with its record at `RECORD`.
    async fn run(&self, descriptor: Descriptor) -> Status {
        self.write(RECORD, &[0; CompletionRecord::SIZE]);
        self.insist(&descriptor.with_completion(RECORD)).await;
        self.ended(RECORD).await
    }

    /// How many of the first `count` records have been written.
    fn records(&self, count: u64) -> u64 {
        let written = (0..count).filter(|i| self.status(record(*i)) != Status::NONE);
        written.count() as u64
    }
}

/// A device whose queue 0 is shared, and who submits to it.
struct Shared<const N: usize> {
    queue: SharedWq,
    clients: [Client; N],
    errors: UnboundedReceiver<SoftwareError>,
}

impl<const N: usize> Shared<N> {
    /// With so many entries, and a threshold of half of them.
    async fn new(bench: &Bench, entries: u16) -> Self {
        let driver = Driver::probe(&bench.host).await.unwrap();
        driver.configure(&[wq(0, entries)]).await.unwrap();
        Self::on(bench, &driver, entries).await
    }

    async fn on(bench: &Bench, driver: &Rc<Driver>, entries: u16) -> Self {
        let (queue, errors) = driver.share(wq(0, entries), entries / 2);
        queue.enable().await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..N {
            clients.push(Client::new(&queue).await);
        }
        bench.log.take();
        Self {
            queue,
            clients: clients.try_into().ok().unwrap(),
            errors,
        }
    }

    fn function(&self) -> Function {
        Function::of(self.queue.driver())
    }
}

fn record(number: u64) -> u64 {
    RECORD + 32 * number
}

fn nop() -> Descriptor {
    Descriptor::nop().with_completion(RECORD)
}

/// A move whose record is the one of this number.
fn numbered(number: u64) -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 64).with_completion(record(number))
}

/// A host so slow that nothing ends while a queue is being filled.
fn slow() -> Bench {
    Bench::knobs(Knobs {
        latency: 30_000,
        ..Knobs::default()
    })
}

/// Submits numbered moves until one is refused; how many were accepted.
async fn fill(client: &Client) -> u64 {
    let mut accepted = 0;
    while client.submit(PORTAL, &numbered(accepted)).await == Enqcmd::Accepted {
        accepted += 1;
    }
    accepted
}

/// What `descriptor` becomes with this PASID and privilege, as a kernel may submit it (ENQCMDS).
fn with_identity(descriptor: Descriptor, pasid: Pasid, privileged: bool) -> [u8; 64] {
    let mut descriptor = descriptor;
    descriptor.pasid = (u32::from(privileged) << 31 | pasid.raw()).into();
    zerocopy::transmute!(descriptor)
}

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
