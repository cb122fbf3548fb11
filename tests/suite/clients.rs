// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Those who submit to a shared queue: what its tests build on.

use std::rc::Rc;

use siov::dsa::{CompletionRecord, Descriptor, PortalPage, SoftwareError, Status};
use siov::host::{AddressSpace, Driver, SharedWq, Submitter};
use siov::mem::{Gpa, Hpa};
use siov::pcie::{Enqcmd, Host, Knobs, Pasid};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::bench::{Bench, DATA, Function, RECORD, wq};

pub const PORTAL: PortalPage = PortalPage::UnlimitedIms;
pub const LIMITED: PortalPage = PortalPage::LimitedIms;
pub const SOURCE: u64 = DATA + BYTES / 2;
pub const BYTES: u64 = 64 << 10;
/// Descriptors of one queue that are worked on at once.
pub const IN_FLIGHT: u64 = 72;
/// Cycles in which anything that was going to happen has happened.
pub const LONG: u64 = 3_000;

/// One who submits to a shared queue, with memory at `RECORD` and behind it that nobody else has.
pub struct Client {
    pub submitter: Submitter,
    pub handle: u16,
    pub host: Host,
    pub block: Hpa,
    pub _space: AddressSpace,
}

impl Client {
    pub async fn new(queue: &SharedWq) -> Self {
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

    pub fn pasid(&self) -> Pasid {
        self.submitter.pasid()
    }

    pub fn hpa(&self, gpa: u64) -> Hpa {
        self.block.offset(gpa - RECORD)
    }

    pub fn read(&self, gpa: u64, bytes: usize) -> Vec<u8> {
        let mut data = vec![0; bytes];
        self.host.memory().read(self.hpa(gpa), &mut data).unwrap();
        data
    }

    pub fn write(&self, gpa: u64, data: &[u8]) {
        self.host.memory().write(self.hpa(gpa), data).unwrap();
    }

    pub fn status(&self, record: u64) -> Status {
        let bytes = self.read(record, CompletionRecord::SIZE);
        CompletionRecord::from_bytes(&bytes).unwrap().status()
    }

    pub async fn submit(&self, page: PortalPage, descriptor: &Descriptor) -> Enqcmd {
        self.submitter.submit(page, descriptor).await.unwrap()
    }

    /// Submits until it is accepted, as software does.
    pub async fn insist(&self, descriptor: &Descriptor) {
        while self.submit(PORTAL, descriptor).await == Enqcmd::Retry {}
    }

    pub async fn ended(&self, record: u64) -> Status {
        while self.status(record) == Status::NONE {
            self.host.wait_for_write(self.hpa(record)).await;
        }
        self.status(record)
    }

    /// Runs a descriptor with its record at `RECORD`.
    pub async fn run(&self, descriptor: Descriptor) -> Status {
        self.write(RECORD, &[0; CompletionRecord::SIZE]);
        self.insist(&descriptor.with_completion(RECORD)).await;
        self.ended(RECORD).await
    }

    /// How many of the first `count` records have been written.
    pub fn records(&self, count: u64) -> u64 {
        let written = (0..count).filter(|i| self.status(record(*i)) != Status::NONE);
        written.count() as u64
    }
}

/// A device whose queue 0 is shared, and who submits to it.
pub struct Shared<const N: usize> {
    pub queue: SharedWq,
    pub clients: [Client; N],
    pub errors: UnboundedReceiver<SoftwareError>,
}

impl<const N: usize> Shared<N> {
    /// With so many entries, and a threshold of half of them.
    pub async fn new(bench: &Bench, entries: u16) -> Self {
        let driver = Driver::probe(&bench.host).await.unwrap();
        driver.configure(&[wq(0, entries)]).await.unwrap();
        Self::on(bench, &driver, entries).await
    }

    pub async fn on(bench: &Bench, driver: &Rc<Driver>, entries: u16) -> Self {
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

    pub fn function(&self) -> Function {
        Function::of(self.queue.driver())
    }
}

pub fn record(number: u64) -> u64 {
    RECORD + 32 * number
}

pub fn nop() -> Descriptor {
    Descriptor::nop().with_completion(RECORD)
}

/// A move whose record is the one of this number.
pub fn numbered(number: u64) -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 64).with_completion(record(number))
}

/// A host so slow that nothing ends while a queue is being filled.
pub fn slow() -> Bench {
    Bench::knobs(Knobs {
        latency: 30_000,
        ..Knobs::default()
    })
}

/// Submits numbered moves until one is refused; how many were accepted.
pub async fn fill(client: &Client) -> u64 {
    let mut accepted = 0;
    while client.submit(PORTAL, &numbered(accepted)).await == Enqcmd::Accepted {
        accepted += 1;
    }
    accepted
}

/// What `descriptor` becomes with this PASID and privilege, as a kernel may submit it (ENQCMDS).
pub fn with_identity(descriptor: Descriptor, pasid: Pasid, privileged: bool) -> [u8; 64] {
    let mut descriptor = descriptor;
    descriptor.pasid = (u32::from(privileged) << 31 | pasid.raw()).into();
    zerocopy::transmute!(descriptor)
}
