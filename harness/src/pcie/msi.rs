// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt messages: where device writes to FEEx_xxxxh end.

use std::collections::BTreeMap;
use std::fmt;

use super::host::Host;
use super::ids::Pasid;
use super::waits::{WaitFor, WaitId, Waits};
use crate::endpoint::Cycle;

/// An interrupt message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msi {
    /// FEEx_xxxxh.
    pub address: u64,
    /// The dword written.
    pub data: u32,
}

/// How often a message has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MsiCount {
    /// Messages since the vector was claimed.
    pub count: u64,
    /// When the last one came.
    pub last: Cycle,
}

/// An interrupt of the device that descriptors may ask for: one for each PASID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletionInterrupt {
    /// Physical address of the portal pages through which descriptors may name it: the first of
    /// those for its table.
    pub portal: u64,
    /// Its name in descriptors.
    pub handle: u16,
    /// Whose descriptors may ask for it.
    pub pasid: Pasid,
    /// What the device sends.
    pub message: Msi,
}

#[derive(Debug, Default)]
struct Claim {
    owners: usize,
    count: MsiCount,
    waiting: Vec<WaitId>,
}

/// What a CPU does by itself when a message comes.
type Notification = Box<dyn FnMut()>;

/// All messages that came.
#[derive(Default)]
pub(super) struct MsiSink {
    claims: BTreeMap<Msi, Claim>,
    notifications: BTreeMap<Msi, Notification>,
    /// Vectors of the CPUs handed out so far.
    pub vectors: u32,
    pub unclaimed: Vec<(Cycle, Msi)>,
}

impl fmt::Debug for MsiSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MsiSink")
            .field("claims", &self.claims)
            .field("unclaimed", &self.unclaimed)
            .finish_non_exhaustive()
    }
}

impl MsiSink {
    pub fn arrived(&mut self, cycle: Cycle, msi: Msi, waits: &mut Waits) {
        if let Some(notified) = self.notifications.get_mut(&msi) {
            notified();
            return waits.wake();
        }
        match self.claims.get_mut(&msi) {
            None => self.unclaimed.push((cycle, msi)),
            Some(claim) => {
                claim.count = MsiCount {
                    count: claim.count.count + 1,
                    last: cycle,
                };
                for id in claim.waiting.drain(..) {
                    waits.complete(id);
                }
            }
        }
    }

    pub fn notify(&mut self, msi: Msi, notified: impl FnMut() + 'static) {
        self.notifications.insert(msi, Box::new(notified));
    }

    pub fn claim(&mut self, msi: Msi) {
        self.claims.entry(msi).or_default().owners += 1;
    }

    fn release(&mut self, msi: Msi) {
        if let Some(claim) = self.claims.get_mut(&msi) {
            claim.owners -= 1;
            if claim.owners == 0 {
                self.claims.remove(&msi);
            }
        }
    }

    pub fn count(&self, msi: Msi) -> MsiCount {
        self.claims
            .get(&msi)
            .map(|claim| claim.count)
            .unwrap_or_default()
    }

    pub fn add_wait(&mut self, msi: Msi, id: WaitId) {
        if let Some(claim) = self.claims.get_mut(&msi) {
            claim.waiting.push(id);
        }
    }

    pub fn remove_wait(&mut self, msi: Msi, id: WaitId) {
        if let Some(claim) = self.claims.get_mut(&msi) {
            claim.waiting.retain(|&waiting| waiting != id);
        }
    }
}

/// Receives one message, from [`Host::on_msi`] until dropped.
#[derive(Debug)]
pub struct MsiVector {
    host: Host,
    msi: Msi,
}

impl MsiVector {
    pub(super) fn new(host: Host, msi: Msi) -> Self {
        host.rc().msis.claim(msi);
        Self { host, msi }
    }

    /// The message.
    pub fn msi(&self) -> Msi {
        self.msi
    }

    /// Messages so far.
    pub fn count(&self) -> MsiCount {
        self.host.rc().msis.count(self.msi)
    }

    /// Waits until more than `seen` messages have come. Give it the `count` of the last return
    /// value and no message is missed.
    pub async fn wait(&self, seen: u64) -> MsiCount {
        loop {
            let count = self.count();
            if count.count > seen {
                return count;
            }
            let wait = self.host.wait(WaitFor::Msi(self.msi));
            self.host.rc().msis.add_wait(self.msi, wait.id());
            wait.await;
        }
    }
}

impl Drop for MsiVector {
    fn drop(&mut self) {
        self.host.rc().msis.release(self.msi);
    }
}
