// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The hypervisor: driver, virtual machines and virtual devices, and what it does to them while
//! guests work.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::RwLock;
use tokio::sync::mpsc::UnboundedReceiver;

use super::machine::VirtualMachine;
use super::run::RunError;
use super::stage::Stage;
use super::story::{Deed, Done};
use super::{HostDeed, Scenario, Stall};
use crate::dsa::SoftwareError;
use crate::guest::GuestMemory;
use crate::host::{Adi, Driver, WqConfig};
use crate::iommu::FaultRecord;
use crate::pcie::{CreditWindow, Host};
use crate::report::Wire;
use crate::vdcm::Vdev;

/// Random number streams, so that the data of one guest does not depend on what others do.
const MEMORY_STREAM: u64 = 1 << 32;

/// An ADI, and where its software errors go.
type Assigned = (Adi, UnboundedReceiver<SoftwareError>);

/// The host's software.
#[derive(Debug)]
pub struct Hypervisor<'a> {
    scenario: &'a Scenario,
    host: Host,
    wire: Wire,
    driver: RefCell<Rc<Driver>>,
    machines: Vec<VirtualMachine>,
    /// Of all machines, in the order of the scenario: number n has queue n.
    vdevs: Vec<Rc<Vdev>>,
    /// What drivers before the present one have left.
    faults: RefCell<Vec<FaultRecord>>,
    errors: RefCell<Vec<SoftwareError>>,
    faults_lost: Cell<bool>,
    resets: Cell<usize>,
    /// Held by whatever needs the device as it is; a reset waits for all of it.
    in_use: RwLock<()>,
}

impl<'a> Hypervisor<'a> {
    /// Brings up the device, makes the machines, and composes their virtual devices.
    pub async fn start(scenario: &'a Scenario, host: &Host, wire: Wire) -> Result<Self, RunError> {
        let driver = bring_up(scenario, host).await?;
        let mut machines = Vec::new();
        for (i, vm) in scenario.vms.iter().enumerate() {
            let mut random = ChaCha8Rng::seed_from_u64(scenario.host.seed);
            random.set_stream(MEMORY_STREAM + i as u64);
            let bytes = u64::from(vm.memory_kib) << 10;
            let memory = GuestMemory::new(host, bytes, &mut random)?;
            machines.push(VirtualMachine::new(&driver, vm, memory)?);
        }
        let mut vdevs = Vec::new();
        for (machine, assigned) in assign(scenario, &driver, &machines)? {
            let (adi, errors) = assigned;
            let apic = machine.machine().apic.clone();
            vdevs.push(Vdev::new(adi, errors, apic)?);
        }
        Ok(Self {
            scenario,
            host: host.clone(),
            wire,
            driver: RefCell::new(driver),
            machines,
            vdevs,
            faults: RefCell::default(),
            errors: RefCell::default(),
            faults_lost: Cell::new(false),
            resets: Cell::new(0),
            in_use: RwLock::new(()),
        })
    }

    /// The driver that has the device now.
    pub fn driver(&self) -> Rc<Driver> {
        Rc::clone(&self.driver.borrow())
    }

    /// All machines.
    pub fn machines(&self) -> &[VirtualMachine] {
        &self.machines
    }

    /// All virtual devices, in the order of the scenario.
    pub fn vdevs(&self) -> &[Rc<Vdev>] {
        &self.vdevs
    }

    /// Requests and interrupts that the IOMMU has blocked, oldest first; forgets them.
    pub fn take_faults(&self) -> Vec<FaultRecord> {
        let mut faults = self.faults.take();
        faults.extend(self.driver().take_faults());
        faults
    }

    /// Whether the IOMMU has blocked some that it had no room to record.
    pub fn faults_lost(&self) -> bool {
        self.faults_lost.get() || self.driver().faults_lost()
    }

    /// Software errors that belong to nobody; forgets them.
    pub fn take_unowned_errors(&self) -> Vec<SoftwareError> {
        let mut errors = self.errors.take();
        errors.extend(self.driver().take_unowned_errors());
        errors
    }

    /// Does something to the guests' devices; says what has happened.
    pub async fn perform(&self, deed: &HostDeed, stage: &Stage) -> Result<Done, RunError> {
        let from = self.host.now();
        let deed = match deed {
            HostDeed::Flr => self.reset(stage).await?,
            HostDeed::MigratePages(which) => {
                let _in_use = self.in_use.read().await;
                let machine = self.machine(&which.vm);
                let mut pages = 0;
                if let Some(machine) = machine {
                    pages = machine.migrate(&self.driver(), which.pages).await?;
                }
                Deed::Migrated(pages)
            }
            HostDeed::ReclaimPages(which) => {
                let _in_use = self.in_use.read().await;
                let machine = self.machine(&which.vm);
                let mut pages = 0;
                if let Some(machine) = machine {
                    pages = machine.reclaim(&self.driver(), which.pages).await?;
                }
                Deed::Reclaimed(pages)
            }
            HostDeed::StallCredits(stall) => {
                let _in_use = self.in_use.read().await;
                self.stall(stall).await;
                Deed::Stalled
            }
        };
        Ok(Done {
            from,
            until: self.host.now(),
            deed,
        })
    }

    fn machine(&self, name: &str) -> Option<&VirtualMachine> {
        self.machines.iter().find(|vm| vm.config().name == name)
    }

    async fn stall(&self, stall: &Stall) {
        let set = |window| self.host.set_credit_window(stall.class, window);
        set(CreditWindow::Stalled);
        self.host.sleep(stall.cycles).await;
        set(CreditWindow::Infinite);
    }

    /// Function Level Reset, and everything set up again. Ends when all guests work again.
    async fn reset(&self, stage: &Stage) -> Result<Deed, RunError> {
        let _in_use = self.in_use.write().await;
        self.vdevs.iter().for_each(|vdev| vdev.withdraw());
        let lost = self.driver();
        lost.reset_function().await?;
        self.wire.reset();
        let quiet = self.host.now();
        self.faults_lost.set(self.faults_lost());
        self.faults.borrow_mut().extend(lost.take_faults());
        self.errors.borrow_mut().extend(lost.take_unowned_errors());

        let driver = bring_up(self.scenario, &self.host).await?;
        for machine in &self.machines {
            machine.renew(&driver)?;
        }
        let assigned = assign(self.scenario, &driver, &self.machines)?;
        self.driver.replace(driver);
        let ready = self.host.now();
        for (vdev, (_, (adi, errors))) in self.vdevs.iter().zip(assigned) {
            vdev.renew(adi, errors).await?;
        }
        self.resets.set(self.resets.get() + 1);
        stage.until_recovered(self.resets.get()).await;
        Ok(Deed::Reset { quiet, ready })
    }
}

/// Finds the device and configures it as the scenario says.
async fn bring_up(scenario: &Scenario, host: &Host) -> Result<Rc<Driver>, RunError> {
    let driver = Driver::probe(host).await?;
    if scenario.host.ats {
        driver.enable_ats(scenario.host.pri).await?;
    }
    driver.configure(&wq_configs(scenario)).await?;
    Ok(driver)
}

/// One queue for each virtual device, in the order of the scenario.
fn wq_configs(scenario: &Scenario) -> Vec<WqConfig> {
    let vdevs = scenario.vms.iter().flat_map(|vm| &vm.vdevs);
    (0..)
        .zip(vdevs)
        .map(|(index, vdev)| WqConfig {
            index,
            size: vdev.wq_size,
            priority: vdev.priority,
            group: vdev.group,
        })
        .collect()
}

/// An ADI for each virtual device, with the machine it belongs to.
fn assign<'m>(
    scenario: &Scenario,
    driver: &Rc<Driver>,
    machines: &'m [VirtualMachine],
) -> Result<Vec<(&'m VirtualMachine, Assigned)>, RunError> {
    let owners = machines
        .iter()
        .flat_map(|machine| machine.config().vdevs.iter().map(move |_| machine));
    owners
        .zip(wq_configs(scenario))
        .map(|(machine, wq)| Ok((machine, driver.assign(wq, &machine.space())?)))
        .collect()
}
