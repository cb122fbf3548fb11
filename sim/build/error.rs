// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Why a model could not be built.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program is not installed.
    #[error("{tool} was not found ({source}): run `make setup`")]
    Missing {
        /// What was called.
        tool: String,
        /// What the system said.
        source: io::Error,
    },
    /// Verilator is older than the RTL needs.
    #[error("{found:?} is too old, at least Verilator 5.006 is needed: run `make setup`")]
    TooOld {
        /// What `verilator --version` printed.
        found: String,
    },
    /// A program ended with an error.
    #[error("`{command}` failed:\n{output}")]
    Failed {
        /// The whole command, to repeat it from the repository's root.
        command: String,
        /// What it printed.
        output: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Result of this module.
pub type Result<T> = std::result::Result<T, BuildError>;

/// For `map_err`: says which file it was.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> BuildError + '_ {
    |source| BuildError::Io {
        path: path.to_owned(),
        source,
    }
}
