// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a tenant's owner does to it while it works: drains, aborts, resets, takes pages away.

use std::future::Future;
use std::rc::Rc;

use futures_util::future::join;
use siov_firmware::regs;

use super::estate::{Place, SLOTS};
use super::tenant::{Answers, Tenant};
use super::world::World;
use super::{FuzzError, Translation};
use crate::dsa::Command;
use crate::host::{Adi, DriverError};
use crate::mem::{Gpa, PAGE_SIZE};
use crate::pcie::Host;

/// Longest that anything may take.
const LIMIT: u64 = 500_000;

/// What may happen to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Drain,
    DrainPasid,
    Abort,
    AbortPasid,
    Reset,
    Disable,
    Revoke,
    Mask,
    Evict,
    Migrate,
}

/// Most often what disturbs least.
const ACTS: &[Act] = &[
    Act::Drain,
    Act::Drain,
    Act::DrainPasid,
    Act::Abort,
    Act::AbortPasid,
    Act::Reset,
    Act::Disable,
    Act::Revoke,
    Act::Mask,
    Act::Mask,
    Act::Evict,
    Act::Evict,
    Act::Evict,
    Act::Evict,
    Act::Evict,
    Act::Evict,
    Act::Migrate,
    Act::Migrate,
    Act::Migrate,
    Act::Migrate,
];

/// An error if it does not end in time.
pub async fn limited<T>(
    host: &Host,
    what: &str,
    act: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, FuzzError> {
    let since = host.now();
    tokio::select! {
        biased;
        result = act => Ok(result?),
        () = host.sleep(LIMIT) => Err(FuzzError::Wrong(format!(
            "{what}, begun in cycle {since}, has not ended after {LIMIT} cycles"
        ))),
    }
}

impl Tenant {
    /// Makes the ADI work: block on fault if pages may be asked for, enabled, with an interrupt.
    pub async fn start(&self, world: &World) -> Result<(), FuzzError> {
        let adi = self.adi();
        if world.mode == Translation::Pri {
            self.allow_blocking().await?;
        }
        adi.enable().await?;
        adi.mask_interrupt(false);
        self.set_handle(adi.request_interrupt_handle().await?);
        Ok(())
    }

    async fn allow_blocking(&self) -> Result<(), FuzzError> {
        let bar0 = self.driver.info().bar(0);
        let bar0 = bar0.ok_or(DriverError::Missing("BAR0"))?.address;
        let wqcfg = regs::SIOV_WQCFG_OFFSET + u32::from(self.wq.index) * regs::SIOV_WQCFG_STRIDE;
        let mode = bar0 + u64::from(wqcfg + regs::SIOV_WQCFG_MODE_OFFSET);
        let value = self.host().read32(mode).await?;
        self.host()
            .write32(mode, value | regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK);
        Ok(())
    }

    /// Does something to the tenant now and then.
    pub async fn own(&self, world: &World) -> Result<(), FuzzError> {
        const PAUSE: u64 = 4_000;
        while !world.ending.get() {
            let pause = self.dice().below(PAUSE);
            self.host().sleep(1 + pause).await;
            let act = ACTS[self.dice().below(ACTS.len() as u64) as usize];
            let _turn = self.turn.lock().await;
            if world.ending.get() {
                break;
            }
            self.act(world, act).await?;
        }
        Ok(())
    }

    async fn act(&self, world: &World, act: Act) -> Result<(), FuzzError> {
        let adi = self.adi();
        let index = self.wq.index;
        let command = |command| async move { self.driver.command(command).await.map(drop) };
        match act {
            Act::Abort | Act::AbortPasid | Act::Reset | Act::Revoke if !world.resets => Ok(()),
            Act::Drain => {
                self.drain(world, act, command(Command::DrainWq(index)))
                    .await
            }
            Act::DrainPasid => {
                let pasid = adi.pasid();
                self.drain(world, act, command(Command::DrainPasid(pasid)))
                    .await
            }
            Act::Abort => self.lossy(world, act, adi.abort(), false).await,
            Act::AbortPasid => {
                let abort = command(Command::AbortPasid(adi.pasid()));
                self.lossy(world, act, abort, false).await
            }
            Act::Disable => self.disable(world, &adi).await,
            Act::Reset => self.lossy(world, act, adi.reset(), true).await,
            Act::Revoke => self.lossy(world, act, adi.revoke(), true).await,
            Act::Mask => self.mask(world, &adi).await,
            Act::Evict if world.mode == Translation::None => Ok(()),
            Act::Evict => self.evict_some(world).await,
            Act::Migrate => self.migrate().await,
        }
    }

    /// Does something while work goes on, and lets it end with the tenant submitting no more.
    async fn under_load(
        &self,
        act: Act,
        command: impl Future<Output = Result<(), DriverError>>,
    ) -> Result<(), FuzzError> {
        let what = format!("queue {}: {act:?}", self.wq.index);
        let host = self.host();
        let longer = self.dice().below(1_000);
        let close = async {
            host.sleep(longer).await;
            self.gate.close();
        };
        let (done, ()) = join(limited(host, &what, command), close).await;
        done
    }

    /// Drains, and holds the tenant to it.
    async fn drain(
        &self,
        world: &World,
        act: Act,
        command: impl Future<Output = Result<(), DriverError>>,
    ) -> Result<(), FuzzError> {
        let before = self.under_way();
        self.under_load(act, command).await?;
        self.must_have_ended(world, &before)?;
        self.quiet(world).await?;
        self.gate.open();
        Ok(())
    }

    /// Waits until nothing is under way, and looks whether all is as it must be. The gate stays
    /// closed.
    pub async fn quiet(&self, world: &World) -> Result<(), FuzzError> {
        self.gate.close();
        let adi = self.adi();
        let what = format!("queue {}: drain", self.wq.index);
        limited(self.host(), &what, adi.drain()).await?;
        self.settle(world)?;
        match self.masked.get() {
            true => Ok(()),
            false => self.check_interrupts(),
        }
    }

    /// Does something that may throw work away. `restart`: nothing of the queue is left.
    async fn lossy(
        &self,
        world: &World,
        act: Act,
        command: impl Future<Output = Result<(), DriverError>>,
        restart: bool,
    ) -> Result<(), FuzzError> {
        let starved = match world.mode == Translation::Pri && self.dice().one_in(2) {
            true => Some(self.starve(world, act).await?),
            false => None,
        };
        self.lose();
        self.under_load(act, command).await?;
        self.losing.set(false);
        if restart {
            self.settle(world)?;
            if act == Act::Revoke {
                self.replace_adi()?;
            }
            self.start(world).await?;
        }
        self.answers.set(Answers::Soon);
        if let Some(page) = starved {
            self.restore(page)?;
        }
        if !restart {
            self.quiet(world).await?;
        }
        self.gate.open();
        Ok(())
    }

    /// Takes a page away that descriptors use, and leaves page requests open: what comes next must
    /// end without their answers, which come late or not at all. The latter only for an owner who
    /// goes, as each counts against who has made it, and rarely, as it counts against all.
    async fn starve(&self, world: &World, act: Act) -> Result<u64, FuzzError> {
        const MOST_ABANDONED: u64 = 3;
        const LONGEST: u64 = 2_000;
        let abandon = act == Act::Revoke && world.abandoned.get() < MOST_ABANDONED;
        if abandon {
            world.abandoned.set(world.abandoned.get() + 1);
        }
        self.answers.set(match abandon {
            true => Answers::Never,
            false => Answers::Late,
        });
        let (page, cycles) = {
            let mut dice = self.dice();
            let place = Place(dice.below(SLOTS));
            (place.page(dice.long()), dice.below(LONGEST))
        };
        if !self.absent.borrow().contains(&page) {
            self.evict(page);
            self.unmap(page).await?;
        }
        self.host().sleep(cycles).await;
        Ok(page)
    }

    /// Work that was submitted before is finished, the rest may be refused.
    async fn disable(&self, world: &World, adi: &Adi) -> Result<(), FuzzError> {
        let before = self.under_way();
        self.losing.set(true);
        self.under_load(Act::Disable, adi.disable()).await?;
        self.losing.set(false);
        self.must_have_ended(world, &before)?;
        self.settle(world)?;
        self.check_interrupts()?;
        adi.enable().await?;
        self.gate.open();
        Ok(())
    }

    /// Masks the interrupt for some time: one message is pending then, however many were asked for.
    async fn mask(&self, world: &World, adi: &Adi) -> Result<(), FuzzError> {
        const LONGEST: u64 = 3_000;
        self.quiet(world).await?;
        adi.mask_interrupt(true);
        self.masked.set(true);
        let count = adi.vector().count().count;
        self.gate.open();
        let cycles = self.dice().below(LONGEST);
        self.host().sleep(cycles).await;
        self.quiet(world).await?;

        let pending = adi.interrupt_pending().await?;
        let (least, most) = self.bells.merge();
        if !(least..=most).contains(&u64::from(pending)) {
            return Err(self.wrong(format!(
                "masked interrupt: pending is {pending}, {least} to {most} were asked for"
            )));
        }
        if adi.vector().count().count != count {
            return Err(self.wrong("an interrupt came although it is masked"));
        }
        self.masked.set(false);
        adi.mask_interrupt(false);
        self.quiet(world).await?;
        self.gate.open();
        Ok(())
    }

    /// Takes a page away while descriptors use it, and gives it back after some time, unless the
    /// device has asked for it by then.
    async fn evict_some(&self, world: &World) -> Result<(), FuzzError> {
        const LONGEST: u64 = 2_000;
        let (place, n, cycles) = {
            let mut dice = self.dice();
            (Place(dice.below(SLOTS)), dice.long(), dice.below(LONGEST))
        };
        // Without page requests a record that has no page is lost, so that is rarer.
        let page = match world.mode == Translation::Pri || n.is_multiple_of(8) {
            true => place.page(n / 8),
            false => place.page(1 + n / 8 % 4),
        };
        if self.absent.borrow().contains(&page) {
            return Ok(());
        }
        self.evict(page);
        self.unmap(page).await?;
        self.host().sleep(cycles).await;
        self.restore(page)
    }

    async fn unmap(&self, page: u64) -> Result<(), FuzzError> {
        let what = format!("queue {}: invalidation of {page:#x}", self.wq.index);
        let unmap = self.driver.unmap(&self.space, Gpa(page), PAGE_SIZE);
        limited(self.host(), &what, unmap).await
    }

    /// Moves a page that no descriptor uses to other host memory.
    async fn migrate(&self) -> Result<(), FuzzError> {
        const TRIES: u64 = 20;
        for attempt in 0..TRIES {
            let slot = (self.dice().below(SLOTS) + attempt) % SLOTS;
            if let Ok(_busy) = self.slots[slot as usize].try_lock() {
                let page = Place(slot).page(self.dice().long());
                if self.absent.borrow().contains(&page) {
                    return Ok(());
                }
                self.absent.borrow_mut().insert(page);
                self.unmap(page).await?;
                self.estate.relocate(page)?;
                return self.restore(page);
            }
            self.host().sleep(20).await;
        }
        Ok(())
    }
}

/// Drains or aborts all queues at once.
pub async fn all(world: &World, command: Command, loses: bool) -> Result<(), FuzzError> {
    let tenants = world.tenants();
    let mut turns = Vec::new();
    for tenant in &tenants {
        turns.push(tenant.turn.lock().await);
    }
    let before: Vec<_> = tenants.iter().map(|tenant| tenant.under_way()).collect();
    if loses {
        tenants.iter().for_each(|tenant| tenant.lose());
    }
    let driver = Rc::clone(&tenants[0].driver);
    let close = async {
        world.host.sleep(500).await;
        tenants.iter().for_each(|tenant| tenant.gate.close());
    };
    let what = format!("{command:?}");
    let command = limited(&world.host, &what, driver.command(command));
    let (done, ()) = join(command, close).await;
    done?;
    for (tenant, before) in tenants.iter().zip(&before) {
        tenant.losing.set(false);
        tenant.must_have_ended(world, before)?;
    }
    for tenant in &tenants {
        tenant.quiet(world).await?;
        tenant.gate.open();
    }
    Ok(())
}

/// Puts the function into D3hot while it works, and back: nothing may be lost of what it has
/// accepted. Meanwhile nobody touches it.
pub async fn doze(world: &World, cycles: u64) -> Result<(), FuzzError> {
    let tenants = world.tenants();
    let mut turns = Vec::new();
    for tenant in &tenants {
        turns.push(tenant.turn.lock().await);
    }
    tenants.iter().for_each(|tenant| tenant.gate.close());
    world.asleep.set(true);
    let asleep = limited(
        &world.host,
        "going to D3hot",
        tenants[0].driver.sleep_in_d3hot(),
    );
    let asleep = asleep.await?;
    world.attribute();
    for tenant in &tenants {
        tenant.bells.hold(tenant.adi().vector().count().count);
    }
    world.host.sleep(cycles).await;
    limited(&world.host, "return to D0", asleep.wake()).await?;
    world.asleep.set(false);
    tenants.iter().for_each(|tenant| tenant.gate.open());
    Ok(())
}
