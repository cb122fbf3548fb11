// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The RTL as an endpoint.

use std::path::{Path, PathBuf};

use siov_sim::{Config, Credits, Model, StopOn, Straps};

use crate::endpoint::{Cycle, Endpoint, EndpointError, Stop};

/// The device, compiled from RTL.
#[derive(Debug)]
pub struct RtlEndpoint {
    model: Model,
}

impl RtlEndpoint {
    /// A device fresh from reset, with the firmware of this build; writes waves to `wave` if
    /// given.
    pub fn new(straps: Straps, wave: Option<&Path>) -> Result<Self, siov_sim::Error> {
        let model = Model::new(&config(straps, wave))?;
        Ok(Self { model })
    }
}

impl From<Model> for RtlEndpoint {
    fn from(model: Model) -> Self {
        Self { model }
    }
}

/// What a model with the firmware of this build starts from.
pub fn config(straps: Straps, wave: Option<&Path>) -> Config {
    Config {
        straps,
        firmware: PathBuf::from(siov_firmware::IMAGE),
        wave: wave.map(Path::to_owned),
    }
}

impl Endpoint for RtlEndpoint {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        let cycle = self.now();
        self.model
            .push(ready_at.0, tlp)
            .map(drop)
            .map_err(|error| stopped(cycle, &error))
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        const ON_TLP: StopOn = StopOn {
            tlp: true,
            sent: false,
            idle: false,
        };
        match self.model.run(max_cycles, ON_TLP) {
            Ok(siov_sim::Stop::Tlp) => Ok(Stop::Tlp),
            Ok(_) => Ok(Stop::Cycles),
            Err(error) => Err(stopped(self.now(), &error)),
        }
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        self.model.next_tlp().map(|tlp| (Cycle(tlp.eop), tlp.dws))
    }

    fn now(&self) -> Cycle {
        Cycle(self.model.cycle())
    }

    fn idle(&self) -> bool {
        self.model.is_idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.model.set_credits(credits);
    }
}

fn stopped(cycle: Cycle, error: &siov_sim::Error) -> EndpointError {
    EndpointError::Stopped {
        cycle,
        reason: error.to_string(),
    }
}
