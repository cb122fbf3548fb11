// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Whether a tenant may submit.

use std::cell::Cell;

use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
    /// For good.
    Over,
}

/// Stops all slots of a tenant at once.
#[derive(Debug, Default)]
pub struct Gate {
    state: Cell<State>,
    changed: Notify,
}

impl Gate {
    pub fn open(&self) {
        self.set(State::Open);
    }

    pub fn close(&self) {
        self.set(State::Closed);
    }

    pub fn end(&self) {
        self.set(State::Over);
    }

    fn set(&self, state: State) {
        self.state.set(state);
        self.changed.notify_waiters();
    }

    pub fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    /// Waits until it is open; false if that will not be any more.
    pub async fn pass(&self) -> bool {
        loop {
            match self.state.get() {
                State::Open => return true,
                State::Over => return false,
                State::Closed => self.changed.notified().await,
            }
        }
    }
}
