// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Scenario files: which device, which host, which guests, and what they do.
//!
//! The types are the format (`siov schema` prints them as JSON Schema). `Scenario::load` returns
//! only scenarios that can run: syntax, field names and types are checked by serde, the rest by
//! `check`, and both name the place in the file.

mod check;
mod check_events;
mod event;
mod events;
mod fault;
mod finished;
mod host_settings;
mod hypervisor;
mod machine;
mod number;
mod poke;
mod profile;
mod promises;
mod run;
mod stage;
mod story;
mod story_paging;
mod tenant;
mod types;

use std::fs;
use std::path::{Path, PathBuf};

pub use check::MAX_TRANSFER;
pub use event::{EventSetting, HostDeed, SomePages, Stall};
pub use fault::FaultSetting;
pub use host_settings::{HostSettings, Split};
pub use number::Number;
pub use run::RunError;
pub use types::{
    CompletionMode, Device, Expect, FlagName, Operation, Paging, Poke, Profile, Scenario, Vdev, Vm,
    Workload,
};

/// Why a scenario cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file could not be read.
    #[error(
        "cannot read the scenario {path}: {source}\n  give the path of a scenario \
         file; examples are in tests/scenarios"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{file}: not valid JSON: {message}\n  fix the syntax there")]
    Syntax {
        /// The file.
        file: String,
        /// What and where.
        message: String,
    },
    /// A field has the wrong name, type or value.
    #[error("{file}: at {path}: {message}\n  `siov schema` prints every field and its values")]
    Field {
        /// The file.
        file: String,
        /// JSON path, such as `vms[0].vdevs[1].wq_size`.
        path: String,
        /// What is wrong and what was expected.
        message: String,
    },
}

impl Scenario {
    /// Read and check a scenario file.
    pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            path: path.to_owned(),
            source,
        })?;
        Scenario::parse(&path.display().to_string(), &text)
    }

    /// Check the text of a scenario; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let scenario: Scenario = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            match inner.classify() {
                serde_json::error::Category::Data => Scenario::field_error(file, path, inner),
                _ => ScenarioError::Syntax {
                    file: file.to_owned(),
                    message: inner.to_string(),
                },
            }
        })?;
        json.end().map_err(|error| ScenarioError::Syntax {
            file: file.to_owned(),
            message: error.to_string(),
        })?;
        check::check(&scenario).map_err(|problem| ScenarioError::Field {
            file: file.to_owned(),
            path: problem.path,
            message: problem.message,
        })?;
        Ok(scenario)
    }

    fn field_error(file: &str, path: String, error: serde_json::Error) -> ScenarioError {
        let path = if path == "." {
            "the top level".to_owned()
        } else {
            path
        };
        ScenarioError::Field {
            file: file.to_owned(),
            path,
            message: error.to_string(),
        }
    }

    /// The JSON Schema of scenario files.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Scenario)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod event_tests;

#[cfg(test)]
mod run_tests;
