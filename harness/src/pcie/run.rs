// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Runs async tasks in simulated time.
//!
//! Tasks run on one thread. Tokio's clock is paused: a tokio sleep ends only when no task can go
//! on. The pump sleeps so, and then lets the device run until something that a task waits for has
//! happened. Tasks therefore take no simulated time, and nothing depends on the wall clock.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::codec::TlpError;
use super::host::Host;
use crate::checker::Violation;
use crate::endpoint::{Cycle, EndpointError};

/// Why a run ended before its main task did.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Every task waits and the device is silent.
    #[error(
        "deadlock: cycle {cycle}, no TLP for {silent} cycles; waiting for {}",
        names(waits)
    )]
    Deadlock {
        /// When it was noticed.
        cycle: Cycle,
        /// How long the port was silent.
        silent: u64,
        /// What tasks wait for.
        waits: Vec<String>,
    },
    /// The device sent something that is not a TLP.
    #[error("cycle {cycle}: malformed TLP from the device: {error}; dwords {words:08x?}")]
    Malformed {
        /// When.
        cycle: Cycle,
        /// What is wrong.
        error: TlpError,
        /// The TLP.
        words: Vec<u32>,
    },
    /// A TLP broke a rule.
    #[error(transparent)]
    Rule(#[from] Box<Violation>),
    /// The device failed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A listener could not keep what it heard.
    #[error("cannot write what was heard at the TLP port: {0}")]
    Listener(#[from] io::Error),
    /// The task runtime did not start.
    #[error("cannot start the task runtime: {0}")]
    Runtime(io::Error),
}

fn names(waits: &[String]) -> String {
    match waits {
        [] => "something that is not the device's".to_owned(),
        waits => waits.join(", "),
    }
}

impl Host {
    /// Runs `main`, and what it spawns with [`tokio::task::spawn_local`], until `main` is done. Time
    /// passes only while all tasks wait. Must not be called from inside a tokio runtime.
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, RunError> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(RunError::Runtime)?;
        LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                biased;
                output = main => Ok(output),
                error = self.pump() => Err(error),
            }
        })
    }

    /// Lets time pass whenever all tasks wait.
    async fn pump(&self) -> RunError {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if let Err(error) = self.rc().advance() {
                return error;
            }
        }
    }
}
