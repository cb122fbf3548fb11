// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Where guests and host wait for each other.

use std::cell::Cell;

use tokio::sync::Notify;

/// How far a run has come.
#[derive(Debug, Default)]
pub struct Stage {
    tenants: usize,
    ready: Cell<usize>,
    done: Cell<usize>,
    over: Cell<bool>,
    /// Descriptors that have ended.
    ended: Cell<u64>,
    /// Guests that have their device back after the resets so far, each counted once for each.
    recovered: Cell<usize>,
    changed: Notify,
}

impl Stage {
    /// For so many guests.
    pub fn new(tenants: usize) -> Self {
        Self {
            tenants,
            ..Self::default()
        }
    }

    fn add(&self, count: &Cell<usize>) {
        count.set(count.get() + 1);
        self.changed.notify_waiters();
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        while !reached() {
            // Nothing else runs between the look and the first poll of this future.
            self.changed.notified().await;
        }
    }

    /// A guest is set up; waits for the others.
    pub async fn ready(&self) {
        self.add(&self.ready);
        self.begun().await;
    }

    /// Waits until all guests are set up.
    pub async fn begun(&self) {
        self.until(|| self.ready.get() >= self.tenants).await;
    }

    /// A guest has done its work. Its device may still be reset.
    pub fn done(&self) {
        self.add(&self.done);
    }

    /// Whether all guests have done their work.
    pub fn all_done(&self) -> bool {
        self.done.get() >= self.tenants
    }

    /// Waits for that.
    pub async fn until_all_done(&self) {
        self.until(|| self.all_done()).await;
    }

    /// Nothing happens any more: guests may remove their devices.
    pub fn end(&self) {
        self.over.set(true);
        self.changed.notify_waiters();
    }

    /// Waits for that.
    pub async fn until_over(&self) {
        self.until(|| self.over.get()).await;
    }

    /// A descriptor has ended.
    pub fn descriptor_ended(&self) {
        self.ended.set(self.ended.get() + 1);
        self.changed.notify_waiters();
    }

    /// Waits until so many have, or the guests are done.
    pub async fn until_ended(&self, descriptors: u64) {
        self.until(|| self.ended.get() >= descriptors || self.all_done())
            .await;
    }

    /// A guest has its device back after a reset.
    pub fn recovered(&self) {
        self.add(&self.recovered);
    }

    /// Waits until all guests have, after `resets` of them.
    pub async fn until_recovered(&self, resets: usize) {
        self.until(|| self.recovered.get() >= resets * self.tenants)
            .await;
    }
}
