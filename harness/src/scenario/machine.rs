// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! A virtual machine as its hypervisor sees it: which of its pages devices reach, and when.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::run::RunError;
use super::{Paging, Vm};
use crate::guest::{Apic, Clock, GuestMemory, Layout, Machine};
use crate::host::{AddressSpace, Demand, Driver, DriverError, Paged};
use crate::mem::{Gpa, Hpa, PAGE_SIZE};

/// Cycles until a device is told to ask again for a page that is being moved, at least.
const MOVE_DELAY: u64 = 200;

/// A virtual machine.
#[derive(Debug)]
pub struct VirtualMachine {
    config: Vm,
    machine: Machine,
    pages: Rc<Pages>,
    space: RefCell<AddressSpace>,
    /// The next page to take away.
    next: Cell<u64>,
}

/// What its pager knows.
#[derive(Debug)]
struct Pages {
    memory: Rc<GuestMemory>,
    delay: u64,
    /// Those that are being moved.
    moving: RefCell<BTreeSet<Gpa>>,
}

impl Pages {
    /// What becomes of a page that a device asks for.
    fn demanded(&self, page: Gpa) -> Paged {
        let demand = match self.memory.host_page(page) {
            Some(_) if self.moving.borrow().contains(&page) => {
                return Paged {
                    demand: Demand::AskAgain,
                    delay: self.delay.max(MOVE_DELAY),
                };
            }
            Some(to) => Demand::Map(to),
            None => Demand::Refuse,
        };
        Paged {
            demand,
            delay: self.delay,
        }
    }
}

impl VirtualMachine {
    /// A machine with this memory.
    pub fn new(driver: &Driver, config: &Vm, memory: GuestMemory) -> Result<Self, DriverError> {
        let memory = Rc::new(memory);
        let pages = Rc::new(Pages {
            memory: Rc::clone(&memory),
            delay: config.paging_delay,
            moving: RefCell::default(),
        });
        Ok(Self {
            space: RefCell::new(address_space(driver, config, &pages)?),
            config: config.clone(),
            machine: Machine {
                clock: Clock::new(driver.host()),
                memory,
                apic: Apic::default(),
            },
            pages,
            next: Cell::new(0),
        })
    }

    /// What the scenario says of it.
    pub fn config(&self) -> &Vm {
        &self.config
    }

    /// What its guest sees.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Its address space.
    pub fn space(&self) -> AddressSpace {
        self.space.borrow().clone()
    }

    /// Another address space, of another driver, in place of one that was lost.
    pub fn renew(&self, driver: &Driver) -> Result<(), DriverError> {
        let space = address_space(driver, &self.config, &self.pages)?;
        self.space.replace(space);
        Ok(())
    }

    /// The next pages that its drivers use, as ranges; fewer if so many do not follow each other.
    fn take_range(&self, pages: u32) -> (Gpa, u64) {
        let used = Layout::memory_needed(&self.config) / PAGE_SIZE;
        let first = self.next.get() % used;
        let count = u64::from(pages).min(used - first);
        self.next.set(first + count);
        (Gpa(first * PAGE_SIZE), count * PAGE_SIZE)
    }

    /// Takes pages from devices until they ask for them; says how many.
    pub async fn reclaim(&self, driver: &Driver, pages: u32) -> Result<u64, RunError> {
        let (from, bytes) = self.take_range(pages);
        driver.unmap(&self.space(), from, bytes).await?;
        Ok(bytes / PAGE_SIZE)
    }

    /// Moves pages to other places in host memory; says how many.
    pub async fn migrate(&self, driver: &Driver, pages: u32) -> Result<u64, RunError> {
        let (from, bytes) = self.take_range(pages);
        let all: Vec<Gpa> = (from.0..from.0 + bytes)
            .step_by(PAGE_SIZE as usize)
            .map(Gpa)
            .collect();
        self.pages.moving.borrow_mut().extend(&all);
        let mut space = self.space();
        driver.unmap(&space, from, bytes).await?;
        for page in &all {
            let to: Hpa = self.machine.memory.move_page(*page)?;
            space.map(*page, to, PAGE_SIZE)?;
            self.pages.moving.borrow_mut().remove(page);
        }
        Ok(bytes / PAGE_SIZE)
    }
}

/// An address space with the pages that devices find from the start, and an answer to requests for
/// the others.
fn address_space(
    driver: &Driver,
    config: &Vm,
    pages: &Rc<Pages>,
) -> Result<AddressSpace, DriverError> {
    let mut space = driver.new_address_space()?;
    match config.paging {
        Paging::Pinned => pages.memory.map(&mut space, Gpa(0), pages.memory.size())?,
        Paging::OnDemand => {
            let pages = Rc::clone(pages);
            space.on_page_request(move |page, _| pages.demanded(page));
        }
        Paging::Refused => {
            for vdev in 0..config.vdevs.len() {
                let (from, bytes) = Layout::of_vdev(config, vdev).records();
                pages.memory.map(&mut space, Gpa(from), bytes)?;
            }
            let delay = pages.delay;
            let demand = Demand::Refuse;
            space.on_page_request(move |_, _| Paged { demand, delay });
        }
    }
    Ok(space)
}
