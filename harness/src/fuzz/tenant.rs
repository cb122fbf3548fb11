// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A tenant that submits descriptors at random and knows what may come of each.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::future::try_join_all;
use tokio::sync::{Mutex, Notify, mpsc};

use super::bells::Bells;
use super::estate::{BASE, Estate, PAGES, Place, SLOTS};
use super::gate::Gate;
use super::job::{End, Handles, Harm, Job};
use super::world::World;
use super::{Dice, FuzzError, Translation};
use crate::dsa::{CompletionRecord, SoftwareError, Status};
use crate::faults::Kind;
use crate::host::{AddressSpace, Adi, Demand, Driver, Paged, WqConfig};
use crate::mem::{Gpa, PAGE_SIZE};
use crate::pcie::{Host, Pasid};

/// When page requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    Soon,
    /// After what stops those who wait for them.
    Late,
    Never,
}

/// One tenant in one life of the device.
pub struct Tenant {
    pub(super) driver: Rc<Driver>,
    pub(super) wq: WqConfig,
    pub(super) estate: Rc<Estate>,
    pub(super) space: AddressSpace,
    pub(super) gate: Gate,
    pub(super) bells: Bells,
    pub(super) dice: RefCell<Dice>,
    /// What is submitted from now on may be thrown away.
    pub(super) losing: Cell<bool>,
    /// Its interrupt is masked.
    pub(super) masked: Cell<bool>,
    /// When page requests are answered that come now.
    pub(super) answers: Cell<Answers>,
    /// Pages that are not mapped at the moment.
    pub(super) absent: RefCell<BTreeSet<u64>>,
    /// Held while a slot has a descriptor under way.
    pub(super) slots: Vec<Mutex<()>>,
    /// Held while something is done to the whole of it.
    pub(super) turn: Mutex<()>,
    adi: RefCell<Rc<Adi>>,
    /// All that it has had.
    pasids: RefCell<Vec<Pasid>>,
    errors: RefCell<mpsc::UnboundedReceiver<SoftwareError>>,
    handle: Cell<u16>,
    jobs: RefCell<Vec<Option<Job>>>,
    /// Of each slot, how many it has submitted.
    submitted: RefCell<Vec<u64>>,
    /// Statuses that software errors may have.
    reports: RefCell<BTreeSet<u8>>,
    statuses: RefCell<BTreeMap<u8, u64>>,
    /// Jobs have ended without a record, or the ADI is another.
    changed: Notify,
}

impl Tenant {
    /// A tenant with a queue, and memory that nobody else can reach.
    pub async fn new(
        driver: &Rc<Driver>,
        wq: WqConfig,
        estate: &Rc<Estate>,
        dice: Dice,
    ) -> Result<Rc<Self>, FuzzError> {
        let mut space = driver.new_address_space()?;
        for (at, page) in estate.mappings() {
            space.map(at, page, PAGE_SIZE)?;
        }
        let (adi, errors) = driver.assign(wq, &space)?;
        Ok(Rc::new(Self {
            driver: Rc::clone(driver),
            wq,
            estate: Rc::clone(estate),
            space,
            gate: Gate::default(),
            bells: Bells::default(),
            dice: RefCell::new(dice),
            losing: Cell::new(false),
            masked: Cell::new(false),
            answers: Cell::new(Answers::Soon),
            absent: RefCell::default(),
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
            turn: Mutex::default(),
            pasids: RefCell::new(vec![adi.pasid()]),
            adi: RefCell::new(Rc::new(adi)),
            errors: RefCell::new(errors),
            handle: Cell::new(0),
            jobs: RefCell::new(vec![None; SLOTS as usize]),
            submitted: RefCell::new(vec![0; SLOTS as usize]),
            reports: RefCell::default(),
            statuses: RefCell::default(),
            changed: Notify::new(),
        }))
    }

    pub fn adi(&self) -> Rc<Adi> {
        Rc::clone(&self.adi.borrow())
    }

    /// Takes another ADI in place of the one that was revoked.
    pub fn replace_adi(&self) -> Result<(), FuzzError> {
        let (adi, errors) = self.driver.assign(self.wq, &self.space)?;
        self.pasids.borrow_mut().push(adi.pasid());
        self.adi.replace(Rc::new(adi));
        self.errors.replace(errors);
        Ok(())
    }

    /// Whether a request of this PASID for this address is one of its jobs'.
    pub fn may_have_asked(&self, pasid: Pasid, address: u64, mode: Translation) -> bool {
        let unmapped = Place::is_void(address) || mode != Translation::None;
        self.pasids.borrow().contains(&pasid) && Place::of(address).is_some() && unmapped
    }

    pub fn pasid(&self) -> Pasid {
        self.adi.borrow().pasid()
    }

    pub fn handle(&self) -> u16 {
        self.handle.get()
    }

    pub fn set_handle(&self, handle: u16) {
        self.handle.set(handle);
        self.start_counting();
        self.changed.notify_waiters();
    }

    /// Interrupts so far do not count.
    pub fn start_counting(&self) {
        self.bells.restart(self.adi().vector().count().count);
    }

    pub fn statuses(&self) -> BTreeMap<u8, u64> {
        self.statuses.borrow().clone()
    }

    pub(super) fn host(&self) -> &Host {
        self.driver.host()
    }

    pub(super) fn dice(&self) -> RefMut<'_, Dice> {
        self.dice.borrow_mut()
    }

    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> FuzzError {
        let cycle = self.host().now();
        FuzzError::Wrong(format!("cycle {cycle}, queue {}: {what}", self.wq.index))
    }

    // ---------------------------------------------------------------------------------------
    // Submission

    /// Submits descriptors and judges them until the gate is closed for good.
    pub async fn work(&self, world: &World) -> Result<(), FuzzError> {
        try_join_all((0..SLOTS as usize).map(|slot| self.slot(world, slot))).await?;
        Ok(())
    }

    /// Keeps one descriptor under way.
    async fn slot(&self, world: &World, slot: usize) -> Result<(), FuzzError> {
        while self.gate.pass().await {
            {
                let _busy = self.slots[slot].lock().await;
                if self.gate.is_open() {
                    self.submit(world, slot)?;
                    self.ended(world, slot).await?;
                }
            }
            let pause = self.dice().below(64);
            self.host().sleep(1 + pause).await;
        }
        Ok(())
    }

    fn submit(&self, world: &World, slot: usize) -> Result<(), FuzzError> {
        // What comes of earlier faults is nothing of the new job's.
        world.attribute();
        let place = Place(slot as u64);
        let handles = Handles {
            own: self.handle(),
            foreign: world.handle_of_another(self),
        };
        let mut dice = self.dice();
        let mut job = Job::draw(&mut dice, place, &self.estate, handles, world.mode)?;
        let (portal, line) = (job.portal, 64 * dice.below(64));
        drop(dice);
        if self.record(slot)?.is_some() {
            return Err(self.wrong(format!("slot {slot}: a second record")));
        }
        job.harm.lost = self.losing.get();
        for &page in self.absent.borrow().iter() {
            evict(&mut job, page);
        }
        let bytes = zerocopy::transmute!(job.descriptor);
        self.jobs.borrow_mut()[slot] = Some(job);
        self.submitted.borrow_mut()[slot] += 1;
        let portal = self.adi().portal(portal) + line;
        self.host().write_portal(portal, &bytes)?;
        Ok(())
    }

    /// Waits until the slot's job has ended.
    async fn ended(&self, world: &World, slot: usize) -> Result<(), FuzzError> {
        let record = Place(slot as u64).record();
        while self.jobs.borrow()[slot].is_some() {
            if let Some(record) = self.record(slot)? {
                return self.finish(world, slot, Some(record));
            }
            tokio::select! {
                biased;
                () = self.host().wait_for_write(self.estate.hpa(record)) => {}
                () = self.changed.notified() => {}
            }
        }
        Ok(())
    }

    fn record(&self, slot: usize) -> Result<Option<CompletionRecord>, FuzzError> {
        let address = Place(slot as u64).record();
        let bytes = self.estate.read(address, CompletionRecord::SIZE)?;
        let record = CompletionRecord::from_bytes(&bytes);
        Ok(record.filter(|record| record.status() != Status::NONE))
    }

    /// For the next job. A second record of this one would be seen.
    fn clear_record(&self, place: Place) -> Result<(), FuzzError> {
        Ok(self
            .estate
            .write(place.record(), &[0; CompletionRecord::SIZE])?)
    }

    // ---------------------------------------------------------------------------------------
    // Judgement

    /// The slot's job has ended, with this record or without one.
    fn finish(
        &self,
        world: &World,
        slot: usize,
        record: Option<CompletionRecord>,
    ) -> Result<(), FuzzError> {
        world.attribute();
        let Some(mut job) = self.jobs.borrow_mut()[slot].take() else {
            return Ok(());
        };
        self.complete_harm(world, &mut job.harm);
        let end = match &record {
            Some(record) => {
                job.judge(record)
                    .map_err(|wrong| self.wrong(format!("{wrong}: {job}")))?;
                End::Status(record.status())
            }
            None => job
                .silent_end()
                .ok_or_else(|| self.wrong(format!("it has ended without its record: {job}")))?,
        };
        job.effect(&self.estate, end, record.as_ref())
            .map_err(|error| self.wrong(error))?;
        self.clear_record(job.place)?;
        let status = match end {
            End::Status(status) => status,
            End::Silent => Status::SUCCESS,
            End::Lost => Status::NONE,
        };
        *self.statuses.borrow_mut().entry(status.code()).or_default() += 1;
        let unsure = job.harm.lost || job.harm.record;
        match job.rings {
            true if record.is_none() && unsure => self.bells.unsure(),
            true => self.bells.due(),
            false => {}
        }
        let reports = Status::KNOWN
            .iter()
            .filter(|status| job.may_report(**status));
        self.reports
            .borrow_mut()
            .extend(reports.map(|status| status.code()));
        Ok(())
    }

    /// What follows from the state of the function.
    fn complete_harm(&self, world: &World, harm: &mut Harm) {
        harm.no_requests |= world.no_requests.get();
        let asks = world.mode == Translation::Pri && !harm.no_requests;
        harm.record |= harm.record_evicted && !asks;
    }

    /// Everything submitted has ended: judges what is still open, and looks whether all is as it
    /// must be.
    pub fn settle(&self, world: &World) -> Result<(), FuzzError> {
        for slot in 0..SLOTS as usize {
            if self.jobs.borrow()[slot].is_some() {
                let record = self.record(slot)?;
                self.finish(world, slot, record)?;
            }
        }
        self.changed.notify_waiters();
        self.check_errors()?;
        self.estate.verify()
    }

    /// Whether interrupts came as they were asked for. Nothing may be under way.
    pub fn check_interrupts(&self) -> Result<(), FuzzError> {
        let count = self.adi().vector().count().count;
        self.bells.check(count).map_err(|wrong| self.wrong(wrong))
    }

    /// Whether software errors tell of what its descriptors have done.
    fn check_errors(&self) -> Result<(), FuzzError> {
        let errors = &mut *self.errors.borrow_mut();
        while let Ok(error) = errors.try_recv() {
            if !self.reports.borrow().contains(&error.status().code()) {
                return Err(self.wrong(format!("nobody has caused {error:x?}")));
            }
        }
        Ok(())
    }

    /// What is under way: the slot, and how many it had submitted by then.
    pub fn under_way(&self) -> Vec<(usize, u64)> {
        let submitted = self.submitted.borrow();
        let jobs = self.jobs.borrow();
        (0..jobs.len())
            .filter(|&slot| jobs[slot].is_some())
            .map(|slot| (slot, submitted[slot]))
            .collect()
    }

    /// What was under way at some time must have ended.
    pub fn must_have_ended(&self, world: &World, jobs: &[(usize, u64)]) -> Result<(), FuzzError> {
        world.attribute();
        for &(slot, number) in jobs {
            let record = self.record(slot)?;
            if self.submitted.borrow()[slot] != number || record.is_some() {
                continue;
            }
            if let Some(job) = &self.jobs.borrow()[slot] {
                let mut job = job.clone();
                self.complete_harm(world, &mut job.harm);
                if job.silent_end().is_none() {
                    return Err(self.wrong(format!("drained, but without its record: {job}")));
                }
            }
        }
        Ok(())
    }

    /// Sees to it that no interrupt comes before its record, or that nobody has asked for.
    pub async fn listen(&self, world: &World) -> Result<(), FuzzError> {
        let (mut adi, mut seen) = (self.adi(), 0);
        loop {
            tokio::select! {
                biased;
                count = adi.vector().wait(seen) => seen = count.count,
                () = self.changed.notified() => {
                    if !Rc::ptr_eq(&adi, &self.adi()) {
                        (adi, seen) = (self.adi(), 0);
                    }
                    continue;
                }
            }
            world.attribute();
            let mut under_way = 0;
            for (slot, job) in self.jobs.borrow().iter().enumerate() {
                if let Some(job) = job {
                    let mut job = job.clone();
                    self.complete_harm(world, &mut job.harm);
                    let ended = self.record(slot)?.is_some();
                    under_way += u64::from(job.may_ring(ended));
                }
            }
            if !self.bells.may_be(seen, under_way) {
                return Err(self.wrong(
                    "a completion interrupt came that nobody has asked for, or before its record",
                ));
            }
        }
    }

    // ---------------------------------------------------------------------------------------
    // What gets in the way

    /// What is under way, and what is submitted until `losing` is false again, may be thrown away.
    pub fn lose(&self) {
        self.losing.set(true);
        self.harm_all(|job| job.harm.lost = true);
    }

    pub fn harm_all(&self, harm: impl FnMut(&mut Job)) {
        self.jobs.borrow_mut().iter_mut().flatten().for_each(harm);
    }

    /// A request for this address was not answered as it should.
    pub fn harm(&self, kind: Kind, address: u64) {
        let Some(place) = Place::of(address) else {
            return;
        };
        if let Some(job) = &mut self.jobs.borrow_mut()[place.0 as usize] {
            match kind {
                Kind::Read | Kind::ReadCompletion => job.harm.read = true,
                _ if place.is_record_page(address) => job.harm.record = true,
                _ => job.harm.translation = true,
            }
        }
    }

    /// A page is not mapped from now on.
    pub fn evict(&self, page: u64) {
        self.absent.borrow_mut().insert(page);
        let Some(place) = Place::of(page) else {
            return;
        };
        if let Some(job) = &mut self.jobs.borrow_mut()[place.0 as usize] {
            evict(job, page);
        }
    }

    /// Maps a page that is not mapped.
    pub fn restore(&self, page: u64) -> Result<(), FuzzError> {
        if self.absent.borrow_mut().remove(&page) {
            let mut space = self.space.clone();
            space.map(Gpa(page), self.estate.hpa(page), PAGE_SIZE)?;
        }
        Ok(())
    }

    /// Answers page requests: mostly with the page, now and then with a refusal.
    pub fn serve_page_requests(self: &Rc<Self>, world: &Rc<World>) {
        let (tenant, world) = (Rc::downgrade(self), Rc::downgrade(world));
        self.space.on_page_request(move |page, _| {
            let (Some(tenant), Some(world)) = (tenant.upgrade(), world.upgrade()) else {
                return Paged {
                    demand: Demand::Refuse,
                    delay: 0,
                };
            };
            tenant.page(&world, page.0)
        });
    }

    fn page(&self, world: &World, page: u64) -> Paged {
        const LONGEST: u64 = 3_000;
        const LATE: u64 = 50_000;
        const NEVER: u64 = 1 << 40;
        let mut dice = self.dice();
        let delay = match self.answers.get() {
            Answers::Soon => dice.below(LONGEST),
            Answers::Late => LONGEST + dice.below(LATE),
            Answers::Never => NEVER,
        };
        let ours = (BASE..BASE + PAGES * PAGE_SIZE).contains(&page);
        let demand = match dice.below(800) {
            _ if !ours => Demand::Refuse,
            0 => {
                world.no_requests.set(true);
                Demand::Fail
            }
            1..40 => Demand::Refuse,
            _ => {
                self.absent.borrow_mut().remove(&page);
                Demand::Map(self.estate.hpa(page))
            }
        };
        if demand == Demand::Refuse {
            self.refuse(page);
        }
        Paged { demand, delay }
    }

    /// A page request for this page was refused.
    fn refuse(&self, page: u64) {
        let Some(place) = Place::of(page) else {
            return;
        };
        if let Some(job) = &mut self.jobs.borrow_mut()[place.0 as usize] {
            match place.is_record_page(page) {
                true => job.harm.record = true,
                false => job.harm.refused = true,
            }
        }
    }
}

fn evict(job: &mut Job, page: u64) {
    if Place::of(page).map(|place| place.0) == Some(job.place.0) {
        match job.place.is_record_page(page) {
            true => job.harm.record_evicted = true,
            false => job.harm.evicted = true,
        }
    }
}
