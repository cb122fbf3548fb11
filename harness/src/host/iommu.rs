// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The IOMMU's driver: registers, invalidation queue, page request queue, faults.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use super::DriverError;
use crate::iommu::descriptor::{Contexts, Descriptor, PasidEntries, Translations, WIDE, Wait};
use crate::iommu::{FaultRecord, PageRequest, regs};
use crate::mem::{Hpa, PAGE_SIZE};
use crate::pcie::{Host, Msi, MsiVector};

/// Commands of GCMD that a later command must repeat.
const LASTING: u32 = regs::TE | regs::QIE | regs::IRE | regs::CFI;
const QUEUE_BYTES: u64 = PAGE_SIZE;

/// Dwords that wait descriptors write to: more than there are descriptors in the queue.
const STATUS_SLOTS: u32 = (PAGE_SIZE / 4) as u32;
/// Cycles until a full queue is looked at again.
const FULL_QUEUE_POLL: u64 = 100;

/// Drives the IOMMU by registers and by what it reads from memory.
#[derive(Debug)]
pub(super) struct IommuDriver {
    host: Host,
    queue: Hpa,
    tail: Cell<u64>,
    /// Where wait descriptors write, each to the next dword.
    status: Hpa,
    waits: Cell<u32>,
    stop: Cell<Stop>,
    stopped: Notify,
    faults: RefCell<Vec<FaultRecord>>,
    /// A fault was lost because the records were full.
    faults_lost: Cell<bool>,
    /// Another driver has the IOMMU, or will have.
    retired: Cell<bool>,
}

/// The queue has stopped with an error, and all waits in it were abandoned.
#[derive(Clone, Copy, Debug, Default)]
struct Stop {
    /// How often so far.
    count: u64,
    /// IQE or ITE.
    status: u32,
    /// IQER.
    record: u64,
}

impl IommuDriver {
    /// Takes the IOMMU as it is: whoever had it before may have left all of it enabled. Enables the
    /// invalidation queue. Translation stays off until [`Self::enable_translation`].
    pub fn new(host: &Host) -> Result<Rc<Self>, DriverError> {
        let memory = host.memory();
        let driver = Self {
            host: host.clone(),
            queue: memory.alloc(QUEUE_BYTES, PAGE_SIZE)?,
            tail: Cell::new(0),
            status: memory.alloc_page()?,
            waits: Cell::new(0),
            stop: Cell::default(),
            stopped: Notify::new(),
            faults: RefCell::default(),
            faults_lost: Cell::new(false),
            retired: Cell::new(false),
        };
        for command in [regs::TE, regs::IRE, regs::CFI, regs::QIE] {
            driver.withdraw(command)?;
        }
        host.iommu_write32(regs::FSTS, regs::IQE | regs::ICE | regs::ITE);
        host.iommu_write64(regs::IQA, driver.queue.0 | regs::IQA_WIDE);
        host.iommu_write64(regs::IQT, 0);
        driver.command(regs::QIE)?;
        Ok(Rc::new(driver))
    }

    /// Translates by the root table from now on; forgets what any table before it has said.
    pub async fn enable_translation(&self, root: Hpa) -> Result<(), DriverError> {
        self.host
            .iommu_write64(regs::RTADDR, root.0 | regs::TTM_SCALABLE);
        self.command(regs::SRTP)?;
        self.invalidate(&[
            Descriptor::ContextCache(Contexts::All),
            Descriptor::PasidCache(PasidEntries::All),
            Descriptor::Iotlb(Translations::All),
        ])
        .await?;
        self.command(regs::TE)
    }

    /// Remaps interrupts by the table from now on; it has 2^(`order` + 1) entries.
    pub async fn enable_interrupt_remapping(
        &self,
        table: Hpa,
        order: u8,
    ) -> Result<(), DriverError> {
        self.host
            .iommu_write64(regs::IRTA, table.0 | u64::from(order));
        self.command(regs::SIRTP)?;
        self.invalidate(&[Descriptor::InterruptEntries(None)])
            .await?;
        self.command(regs::IRE)
    }

    /// Gives a command and checks that it was taken.
    fn command(&self, command: u32) -> Result<(), DriverError> {
        let lasting = self.host.iommu_read32(regs::GSTS) & LASTING;
        self.host.iommu_write32(regs::GCMD, lasting | command);
        match self.host.iommu_read32(regs::GSTS) & command {
            0 => Err(DriverError::Iommu { command }),
            _ => Ok(()),
        }
    }

    /// Takes a lasting command back, if it was given.
    fn withdraw(&self, command: u32) -> Result<(), DriverError> {
        let status = self.host.iommu_read32(regs::GSTS);
        if status & command == 0 {
            return Ok(());
        }
        let lasting = status & LASTING & !command;
        self.host.iommu_write32(regs::GCMD, lasting);
        match self.host.iommu_read32(regs::GSTS) & command {
            0 => Ok(()),
            _ => Err(DriverError::Iommu { command }),
        }
    }

    /// Turns all of it off, unless another driver has it: it is to use none of the tables any more.
    pub fn release(&self) {
        let queue = self.host.iommu_read64(regs::IQA) & !(PAGE_SIZE - 1);
        if queue == self.queue.0 {
            for command in [regs::TE, regs::IRE, regs::CFI, regs::QIE] {
                // If it does not obey, the next driver will notice.
                let _ = self.withdraw(command);
            }
        }
    }

    /// Queues nothing more; whoever waits for the queue is told so.
    pub fn retire(&self) {
        self.retired.set(true);
        self.stopped.notify_waiters();
    }

    /// Routes an event, named by its control register, to a message, and unmasks it.
    pub fn route_event(&self, control: u32, msi: Msi) -> MsiVector {
        let vector = self.host.on_msi(msi);
        let write = |offset, value| self.host.iommu_write32(control + offset, value);
        write(regs::EVENT_DATA, msi.data);
        write(regs::EVENT_ADDRESS, msi.address as u32);
        write(regs::EVENT_UPPER_ADDRESS, (msi.address >> 32) as u32);
        write(0, 0);
        vector
    }

    /// Queues descriptors and waits until all are done. When a device does not complete an
    /// invalidation in time, all who wait begin again: most of them are not to blame. Some time that
    /// is an error.
    pub async fn invalidate(&self, descriptors: &[Descriptor]) -> Result<(), DriverError> {
        const TRIES: u32 = 4;
        let mut tries = 1;
        loop {
            match self.try_invalidate(descriptors).await {
                Err(DriverError::Invalidation { status, .. })
                    if status == regs::ITE && tries < TRIES =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_invalidate(&self, descriptors: &[Descriptor]) -> Result<(), DriverError> {
        let stops = self.stop.get().count;
        self.queue(descriptors).await?;
        let number = self.waits.get().wrapping_add(1);
        self.waits.set(number);
        let status = self.status.offset(u64::from(number % STATUS_SLOTS) * 4);
        let wait = Descriptor::Wait(Wait {
            status: Some((status, number)),
            ..Wait::default()
        });
        self.queue(&[wait]).await?;
        while self.host.memory().read_u32(status)? != number {
            self.check(stops)?;
            tokio::select! {
                biased;
                () = self.host.wait_for_write(status) => {}
                () = self.stopped.notified() => {}
            }
        }
        Ok(())
    }

    /// Queues descriptors, as soon as there is room, and lets the IOMMU have them.
    pub async fn queue(&self, descriptors: &[Descriptor]) -> Result<(), DriverError> {
        self.usable()?;
        for descriptor in descriptors {
            while (self.tail.get() + WIDE) % QUEUE_BYTES == self.host.iommu_read64(regs::IQH) {
                self.usable()?;
                self.host.sleep(FULL_QUEUE_POLL).await;
            }
            let words = descriptor.encode().map(u64::to_le);
            let at = self.queue.offset(self.tail.get());
            self.host.memory().write(at, bytemuck::cast_slice(&words))?;
            self.tail.set((self.tail.get() + WIDE) % QUEUE_BYTES);
            self.host.iommu_write64(regs::IQT, self.tail.get());
        }
        self.notice_stop();
        self.usable()
    }

    /// An error if the queue takes nothing any more. A device's failure does not last.
    fn usable(&self) -> Result<(), DriverError> {
        let Stop {
            count,
            status,
            record,
        } = self.stop.get();
        match (self.retired.get(), count > 0 && status & regs::IQE != 0) {
            (true, _) => Err(DriverError::Retired),
            (false, true) => Err(DriverError::Invalidation { status, record }),
            (false, false) => Ok(()),
        }
    }

    /// An error if the queue has stopped since it had done so `stops` times.
    fn check(&self, stops: u64) -> Result<(), DriverError> {
        if self.retired.get() {
            return Err(DriverError::Retired);
        }
        let Stop {
            count,
            status,
            record,
        } = self.stop.get();
        match count == stops {
            true => Ok(()),
            false => Err(DriverError::Invalidation { status, record }),
        }
    }

    /// Tells all who wait if the queue has stopped. After a device's failure it goes on; after a
    /// descriptor that the IOMMU does not take it stays as it is.
    fn notice_stop(&self) {
        let status = self.host.iommu_read32(regs::FSTS) & (regs::IQE | regs::ITE);
        if status == 0 {
            return;
        }
        self.stop.set(Stop {
            count: self.stop.get().count + 1,
            status,
            record: self.host.iommu_read64(regs::IQER),
        });
        self.host.iommu_write32(regs::FSTS, status & regs::ITE);
        self.stopped.notify_waiters();
    }

    /// Enables the page request queue.
    pub fn enable_page_requests(&self) -> Result<PageRequestQueue, DriverError> {
        let queue = self.host.memory().alloc(QUEUE_BYTES, PAGE_SIZE)?;
        self.host.iommu_write64(regs::PQH, 0);
        self.host.iommu_write64(regs::PQT, 0);
        self.host.iommu_write64(regs::PQA, queue.0);
        // What is set keeps the event from being raised.
        self.host.iommu_write32(regs::PRS, regs::PPR | regs::PRO);
        Ok(PageRequestQueue {
            host: self.host.clone(),
            queue,
        })
    }

    /// How often the invalidation queue has stopped, for a device's failure or another.
    pub fn stops(&self) -> u64 {
        self.stop.get().count
    }

    /// Takes fault records whenever the fault event comes.
    pub async fn serve_faults(self: Rc<Self>, vector: MsiVector) {
        let mut seen = 0;
        loop {
            seen = vector.wait(seen).await.count;
            self.take_records();
        }
    }

    /// Takes what the fault recording registers hold, and notices other errors.
    fn take_records(&self) {
        self.notice_stop();
        let status = self.host.iommu_read32(regs::FSTS);
        if status & regs::PPF != 0 {
            let first = status >> regs::FRI_SHIFT & 0xff;
            let records = regs::FAULT_RECORDS as u32;
            for i in 0..records {
                let at = regs::FRCD + (first + i) % records * 16;
                let raw = [at, at + 8].map(|offset| self.host.iommu_read64(offset));
                if raw[1] & regs::FRCD_F == 0 {
                    break;
                }
                self.faults.borrow_mut().extend(FaultRecord::from_raw(raw));
                self.host
                    .iommu_write32(at + 12, (regs::FRCD_F >> 32) as u32);
            }
        }
        if status & regs::PFO != 0 {
            self.faults_lost.set(true);
            self.host.iommu_write32(regs::FSTS, regs::PFO);
        }
        // Nobody needs to know of a completion that nobody waits for, but its status must not
        // keep the next event from coming.
        self.host.iommu_write32(regs::FSTS, status & regs::ICE);
    }

    /// Faults so far, oldest first; forgets them.
    pub fn take_faults(&self) -> Vec<FaultRecord> {
        self.take_records();
        self.faults.take()
    }

    /// Whether a fault was not recorded because software did not keep up.
    pub fn faults_lost(&self) -> bool {
        self.faults_lost.get()
    }
}

impl Drop for IommuDriver {
    fn drop(&mut self) {
        self.release();
        let memory = self.host.memory();
        memory.free(self.queue, QUEUE_BYTES);
        memory.free(self.status, PAGE_SIZE);
    }
}

/// Page requests that software has not taken.
#[derive(Debug)]
pub(super) struct PageRequestQueue {
    host: Host,
    queue: Hpa,
}

impl PageRequestQueue {
    /// The oldest.
    pub fn take(&self) -> Result<Option<PageRequest>, DriverError> {
        // Cleared before the queue is looked at: what comes later raises the event again.
        self.host.iommu_write32(regs::PRS, regs::PPR);
        let head = self.host.iommu_read64(regs::PQH);
        if head == self.host.iommu_read64(regs::PQT) {
            // All are taken: after an overflow, the queue is open again.
            self.host.iommu_write32(regs::PRS, regs::PRO);
            return Ok(None);
        }
        let mut words = [0_u64; 4];
        self.host.memory().read(
            self.queue.offset(head),
            bytemuck::cast_slice_mut(&mut words),
        )?;
        self.host
            .iommu_write64(regs::PQH, (head + WIDE) % QUEUE_BYTES);
        Ok(Some(PageRequest::from_raw(words.map(u64::from_le))))
    }
}

impl Drop for PageRequestQueue {
    fn drop(&mut self) {
        self.host.memory().free(self.queue, QUEUE_BYTES);
    }
}
