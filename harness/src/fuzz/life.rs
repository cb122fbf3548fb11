// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! One life of the device: from probe to a drain, or a reset while it works.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{try_join, try_join_all, try_join3};
use siov_firmware::regs;

use super::estate::Estate;
use super::owner::{all, doze, limited};
use super::tally::Tally;
use super::tenant::Tenant;
use super::world::World;
use super::{Dice, FuzzError, Translation, noise};
use crate::dsa::{Command, CommandStatus};
use crate::host::{Driver, DriverError, WqConfig};
use crate::pcie::Host;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// Everything is finished, then the device is disabled.
    Drain,
    /// Reset Device while there is work.
    ResetDevice,
    /// Function-level reset while there is work.
    FunctionLevelReset,
}

/// Which life, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Counted from 0.
    pub number: u64,
    /// TLPs of the host, counted from the first life on, after which it ends.
    pub until: u64,
    pub mode: Translation,
    /// Whether credits are withheld now and then.
    pub faults: bool,
    /// Whether it may end otherwise than by a drain, and tenants may.
    pub resets: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Obituary {
    pub noise: BTreeMap<&'static str, u64>,
    pub statuses: BTreeMap<u8, u64>,
}

/// Streams of random numbers that a life may use.
const STREAMS: u64 = 1_000;

/// Lives it.
pub async fn live(
    host: &Host,
    tally: &Tally,
    estates: &[Rc<Estate>],
    plan: Plan,
) -> Result<Obituary, FuzzError> {
    let stream = |n| Dice::new(plan.seed, (plan.number + 1) * STREAMS + n);
    let world = World::new(host, plan.mode, plan.resets);
    let driver = bring_up(&world, estates, &stream).await?;
    let tenants = world.tenants();
    let work = try_join_all(tenants.iter().map(|tenant| tenant.work(&world)));
    let listeners = try_join_all(tenants.iter().map(|tenant| tenant.listen(&world)));
    let manage = async {
        let owners = try_join_all(tenants.iter().map(|tenant| tenant.own(&world)));
        let conductor = conduct(&world, tally, stream(1), plan.until);
        let noise = noise::make(&driver, tally, stream(2), plan.faults, &world);
        let (_, (), noise) = try_join3(owners, conductor, noise).await?;
        die(&world, &driver, tally, draw_death(stream(3), plan.resets)).await?;
        Ok(noise)
    };
    let (_, noise) = tokio::select! {
        biased;
        ended = try_join(work, manage) => ended?,
        never = listeners => return never.map(|_| Obituary::default()),
    };
    examine(&world, &driver, tally).await?;
    let mut statuses = BTreeMap::new();
    for (status, count) in tenants.iter().flat_map(|tenant| tenant.statuses()) {
        *statuses.entry(status).or_default() += count;
    }
    Ok(Obituary { noise, statuses })
}

async fn bring_up(
    world: &Rc<World>,
    estates: &[Rc<Estate>],
    stream: &impl Fn(u64) -> Dice,
) -> Result<Rc<Driver>, FuzzError> {
    const ALLOCATION: u32 = 32;
    let host = &world.host;
    let driver = Driver::probe(host).await?;
    configure_function(&driver).await?;
    match world.mode {
        Translation::None => {}
        Translation::Ats => driver.enable_ats(None).await?,
        Translation::Pri => driver.enable_ats(Some(ALLOCATION)).await?,
    }
    let wqs: Vec<_> = (0..estates.len() as u16)
        .map(|index| WqConfig {
            index,
            size: 16,
            priority: 1 + index as u8,
            group: index as u8 % 2,
        })
        .collect();
    driver.configure(&wqs).await?;
    for (wq, estate) in wqs.iter().zip(estates) {
        let dice = stream(10 + u64::from(wq.index));
        let tenant = Tenant::new(&driver, *wq, estate, dice).await?;
        tenant.serve_page_requests(world);
        tenant.start(world).await?;
        world.add(tenant);
    }
    Ok(driver)
}

/// Short completion timeouts; no translation and no page requests from a life before.
async fn configure_function(driver: &Driver) -> Result<(), FuzzError> {
    const CAP_PCIE: u8 = 0x10;
    const DEVCTL2: u16 = 0x28;
    const EXT_CAP_ATS: u16 = 0x0f;
    const RANGE_A: u32 = 1; // 4,096 cycles
    let (host, info) = (driver.host(), driver.info());
    let cap = info.capability(CAP_PCIE);
    let devctl2 = cap.ok_or(DriverError::Missing("PCIe capability"))? + DEVCTL2;
    let value = host.config_read32(info.bdf, devctl2).await? & !0xf | RANGE_A;
    host.config_write(info.bdf, devctl2, value, 0b0011).await?;
    if let Some(cap) = info.extended_capability(EXT_CAP_ATS) {
        host.config_write(info.bdf, cap + 4, 0, 0b1100).await?;
    }
    reset_page_requests(driver).await
}

/// Disables page requests, and lets the device forget those that nobody has answered (PCIe
/// 10.5.2.1).
async fn reset_page_requests(driver: &Driver) -> Result<(), FuzzError> {
    const EXT_CAP_PRI: u16 = 0x13;
    const CONTROL: u16 = 4;
    const RESET: u32 = 1 << 1;
    let (host, info) = (driver.host(), driver.info());
    if let Some(cap) = info.extended_capability(EXT_CAP_PRI) {
        host.config_write(info.bdf, cap + CONTROL, RESET, 0b0011)
            .await?;
    }
    Ok(())
}

/// Says when the end is near, and until then drains or aborts all queues now and then, or lets the
/// function sleep.
async fn conduct(
    world: &World,
    tally: &Tally,
    mut dice: Dice,
    until: u64,
) -> Result<(), FuzzError> {
    const LOOK: u64 = 500;
    const LONGEST_DOZE: u64 = 3_000;
    while tally.host_tlps() < until {
        world.host.sleep(LOOK).await;
        if !dice.one_in(60) {
            continue;
        }
        match dice.below(3) {
            0 if world.resets => all(world, Command::AbortAll, true).await?,
            1 => doze(world, 1 + dice.below(LONGEST_DOZE)).await?,
            _ => all(world, Command::DrainAll, false).await?,
        }
    }
    world.ending.set(true);
    Ok(())
}

fn draw_death(mut dice: Dice, resets: bool) -> Death {
    match dice.below(4) {
        0 if resets => Death::ResetDevice,
        1 | 2 if resets => Death::FunctionLevelReset,
        _ => Death::Drain,
    }
}

/// Ends the life while tenants still work.
async fn die(world: &World, driver: &Driver, tally: &Tally, death: Death) -> Result<(), FuzzError> {
    /// Until the noise is. Page requests are open as they come.
    const ANSWERED: u64 = 5_000;
    const LONG: u64 = 50_000;
    let (host, tenants) = (&world.host, world.tenants());
    host.sleep(ANSWERED).await;
    let since = host.now();
    while tally.invalidating() > 0 && host.now() - since < LONG {
        host.sleep(ANSWERED).await;
    }
    match death {
        Death::Drain => {
            for tenant in &tenants {
                tenant.quiet(world).await?;
            }
            let disable = driver.command(Command::DisableDevice);
            limited(host, "Disable Device", disable).await?;
        }
        Death::ResetDevice => {
            tenants.iter().for_each(|tenant| tenant.lose());
            limited(host, "Reset Device", reset_device(driver)).await?;
        }
        Death::FunctionLevelReset => {
            tenants.iter().for_each(|tenant| tenant.lose());
            limited(host, "FLR", driver.reset_function()).await?;
        }
    }
    for tenant in &tenants {
        tenant.gate.end();
        tenant.settle(world)?;
        tenant.start_counting();
    }
    Ok(())
}

/// Polled, as it forgets that the end of a command interrupts.
async fn reset_device(driver: &Driver) -> Result<(), DriverError> {
    let bar0 = driver.info().bar(0);
    let bar0 = bar0.ok_or(DriverError::Missing("BAR0"))?.address;
    let at = |offset| bar0 + u64::from(offset);
    let command = Command::ResetDevice;
    let host = driver.host();
    host.write32(at(regs::SIOV_CMD_OFFSET), command.word(false));
    loop {
        let status = CommandStatus(host.read32(at(regs::SIOV_CMDSTATUS_OFFSET)).await?);
        match (status.active(), status.error()) {
            (true, _) => {}
            (false, 0) => return Ok(()),
            _ => return Err(DriverError::Command { command, status }),
        }
    }
}

/// Waits until the device has nothing to do, and looks whether nothing is left.
async fn examine(world: &World, driver: &Driver, tally: &Tally) -> Result<(), FuzzError> {
    const SOME_TIME: u64 = 3_000;
    /// More than a tag rests that timed out: 16 timeouts.
    const LONG: u64 = 75_000;
    let host = &world.host;
    if world.abandoned.get() > 0 {
        reset_page_requests(driver).await?;
    }
    let since = host.now();
    host.sleep(SOME_TIME).await;
    while !host.device_idle() && host.now() - since < LONG {
        host.sleep(SOME_TIME).await;
    }
    let wrong = |message: String| Err(FuzzError::Wrong(message));
    if !host.device_idle() {
        return wrong(format!(
            "the device is not idle after {LONG} cycles without work"
        ));
    }
    if driver.halted() {
        return wrong("the device has halted".to_owned());
    }
    for fault in driver.take_faults() {
        let explained = fault.pasid.is_some_and(|pasid| {
            let mut tenants = world.tenants().into_iter();
            tenants.any(|tenant| tenant.may_have_asked(pasid, fault.address.0, world.mode))
        });
        if !explained {
            return wrong(format!("nobody has asked for what was blocked: {fault}"));
        }
    }
    world.attribute();
    let (stops, lost) = (driver.invalidation_stops(), world.lost_invalidations.get());
    if stops > lost {
        return wrong(format!(
            "invalidations were not completed in time {stops} times, but {lost} were lost"
        ));
    }
    if let Some(error) = driver.take_unowned_errors().first() {
        return wrong(format!("software error {error:x?} belongs to nobody"));
    }
    if let Some(text) = tally.unanswered() {
        return wrong(text);
    }
    for tenant in world.tenants() {
        tenant.settle(world)?;
        tenant.check_interrupts()?;
    }
    Ok(())
}
