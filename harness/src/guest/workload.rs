// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Workloads: descriptors of one kind, submitted, awaited and checked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::effects;
use super::{Driver, GuestError, GuestMemory, PciFunction};
use crate::dsa::{Command, CompletionRecord, Descriptor, Flags, Status};
use crate::endpoint::Cycle;
use crate::mem::Gpa;
use crate::scenario::{CompletionMode, Operation, Workload};

/// How a descriptor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status, or `Status::NONE` if the guest heard nothing.
    pub status: Status,
    /// How the guest heard of it.
    pub via: Via,
    /// When it was submitted.
    pub submitted: Cycle,
    /// When the guest knew that it had ended.
    pub completed: Cycle,
    /// Bytes it moved.
    pub bytes: u64,
    /// Whether its completion interrupt must have come.
    pub interrupts: bool,
}

/// How a guest hears of the end of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By the completion record.
    Record,
    /// By the software error register.
    SoftwareError,
    /// Not at all.
    Nothing,
}

/// Tells somebody that a descriptor has ended.
pub type Progress<'a> = &'a dyn Fn();

impl<F: PciFunction> Driver<F> {
    /// Does all of the work that is left.
    pub async fn run(&self, work: &Work<'_>, progress: Progress<'_>) -> Result<(), GuestError> {
        let run = Run {
            driver: self,
            work,
            workload: work.workload,
            progress,
        };
        let slots = work.workload.depth.min(work.workload.count);
        try_join_all((0..slots).map(|slot| run.slot(slot))).await?;
        Ok(())
    }
}

/// A workload, and how far it has come; it outlives a driver whose device is lost.
#[derive(Debug)]
pub struct Work<'a> {
    workload: &'a Workload,
    /// Random bytes; each descriptor uses those from another place on.
    data: Vec<u8>,
    submitted: Cell<u32>,
    /// What each slot waits for.
    outstanding: RefCell<BTreeMap<u32, Descriptor>>,
    outcomes: RefCell<Vec<Outcome>>,
}

impl<'a> Work<'a> {
    /// Nothing done yet; `seed` determines the data.
    pub fn new(workload: &'a Workload, seed: u64) -> Self {
        Self {
            workload,
            data: random_bytes(seed, workload.size as usize + DIFFERENT),
            submitted: Cell::new(0),
            outstanding: RefCell::default(),
            outcomes: RefCell::new(Vec::with_capacity(workload.count as usize)),
        }
    }

    /// Completion interrupts that must have come for the descriptors that have ended.
    pub fn interrupts(&self) -> u64 {
        let outcomes = self.outcomes.borrow();
        outcomes.iter().filter(|o| o.interrupts).count() as u64
    }

    /// The device is lost, and with it the descriptors that have not ended; says how many.
    pub fn lose(&self, memory: &GuestMemory) -> Result<u64, GuestError> {
        let lost = self.outstanding.take();
        for descriptor in lost.values() {
            effects::lost(memory, descriptor)?;
        }
        Ok(lost.len() as u64)
    }

    /// How each descriptor ended, in order of completion.
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes.into_inner()
    }

    /// Number of the next descriptor to submit, if there is one.
    fn next(&self) -> Option<u32> {
        let number = self.submitted.get();
        (number < self.workload.count).then(|| {
            self.submitted.set(number + 1);
            number
        })
    }

    /// The data of a descriptor.
    fn data(&self, number: u32) -> &[u8] {
        const STEP: usize = 67; // odd, so that it comes around after all of DIFFERENT
        let start = number as usize * STEP % DIFFERENT;
        &self.data[start..start + self.workload.size as usize]
    }

    fn pattern(&self, number: u32) -> u64 {
        let bytes = self.data(number).iter().chain(&self.data);
        bytes
            .take(8)
            .fold(0, |pattern, &byte| pattern << 8 | u64::from(byte))
    }
}

/// So many descriptors in a row have different data.
const DIFFERENT: usize = 4096;

fn random_bytes(seed: u64, bytes: usize) -> Vec<u8> {
    let mut data = vec![0; bytes];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut data);
    data
}

struct Run<'a, F> {
    driver: &'a Driver<F>,
    work: &'a Work<'a>,
    workload: &'a Workload,
    progress: Progress<'a>,
}

impl<F: PciFunction> Run<'_, F> {
    /// Keeps one descriptor outstanding until all are submitted.
    async fn slot(&self, slot: u32) -> Result<(), GuestError> {
        while let Some(number) = self.work.next() {
            let descriptor = self.prepare(slot, number)?;
            let submitted = self.driver.machine.clock.now();
            self.work.outstanding.borrow_mut().insert(slot, descriptor);
            self.driver.submit(number, &descriptor).await?;
            let outcome = match self.workload.poke {
                None => self.wait(slot, &descriptor, submitted).await?,
                Some(_) => self.drain(slot, &descriptor, submitted).await?,
            };
            self.work.outstanding.borrow_mut().remove(&slot);
            self.work.outcomes.borrow_mut().push(outcome);
            (self.progress)();
        }
        Ok(())
    }

    /// Clears the record, writes new source data, and builds the descriptor.
    fn prepare(&self, slot: u32, number: u32) -> Result<Descriptor, GuestError> {
        let (workload, layout) = (self.workload, self.driver.layout);
        let memory = &self.driver.machine.memory;
        let record = layout.record(slot);
        memory.write(Gpa(record), &[0; CompletionRecord::SIZE])?;
        let destination = layout.destination(workload, slot);
        let descriptor = match workload.op {
            Operation::Nop => Descriptor::nop(),
            Operation::MemoryMove => {
                let source = layout.source(workload, slot);
                memory.write(Gpa(source), self.work.data(number))?;
                Descriptor::memory_move(source, destination, workload.size)
            }
            Operation::Fill => {
                Descriptor::fill(self.work.pattern(number), destination, workload.size)
            }
        };
        let mut descriptor = descriptor.with_completion(record);
        if workload.completion == CompletionMode::Interrupt {
            descriptor = descriptor.with_interrupt(self.driver.handle);
        }
        if self.driver.blocks_on_fault && workload.op != Operation::Nop {
            descriptor = descriptor.with_flags(Flags::BLOCK_ON_FAULT);
        }
        for flag in &workload.flags {
            descriptor = descriptor.with_flags(flag.bits());
        }
        if let Some(poke) = &workload.poke {
            poke.apply(&mut descriptor);
        }
        Ok(descriptor)
    }

    /// Waits for the record, as the workload says.
    async fn wait(
        &self,
        slot: u32,
        descriptor: &Descriptor,
        submitted: Cycle,
    ) -> Result<Outcome, GuestError> {
        let address = Gpa(self.driver.layout.record(slot));
        let completion = &self.driver.completion;
        loop {
            let seen = completion.count();
            let record = self.record(address)?;
            if record.status() != Status::NONE {
                return self.ended(descriptor, record, submitted);
            }
            match self.workload.completion {
                CompletionMode::Poll => {
                    self.driver.machine.memory.wait_for_write(address).await?;
                }
                CompletionMode::Interrupt => completion.wait(seen).await,
            }
        }
    }

    /// Waits for a descriptor that may end without a record: drains the queue, then looks.
    async fn drain(
        &self,
        slot: u32,
        descriptor: &Descriptor,
        submitted: Cycle,
    ) -> Result<Outcome, GuestError> {
        self.driver.command(Command::DrainWq(0)).await?;
        let error = self.driver.take_software_error().await?;
        let record = self.record(Gpa(self.driver.layout.record(slot)))?;
        if record.status() != Status::NONE {
            return self.ended(descriptor, record, submitted);
        }
        if error.is_none() {
            effects::unknown(&self.driver.machine.memory, descriptor)?;
        }
        Ok(Outcome {
            status: error.unwrap_or(Status::NONE),
            via: if error.is_some() {
                Via::SoftwareError
            } else {
                Via::Nothing
            },
            submitted,
            completed: self.driver.machine.clock.now(),
            bytes: 0,
            interrupts: false,
        })
    }

    fn record(&self, address: Gpa) -> Result<CompletionRecord, GuestError> {
        let mut bytes = [0; CompletionRecord::SIZE];
        self.driver.machine.memory.read(address, &mut bytes)?;
        Ok(zerocopy::transmute!(bytes))
    }

    /// Enters what the descriptor was to change into the expected memory, and checks the
    /// destination.
    fn ended(
        &self,
        descriptor: &Descriptor,
        record: CompletionRecord,
        submitted: Cycle,
    ) -> Result<Outcome, GuestError> {
        let completed = self.driver.machine.clock.now();
        let status = record.status();
        let asked = descriptor.flags().contains(Flags::RCI);
        Ok(Outcome {
            status,
            via: Via::Record,
            submitted,
            completed,
            bytes: effects::apply(&self.driver.machine.memory, descriptor, &record)?,
            interrupts: asked && status != Status::BAD_INTERRUPT_HANDLE,
        })
    }
}
