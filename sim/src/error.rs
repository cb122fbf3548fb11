// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use crate::BuildError;

/// Why a model could not be made, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The firmware image cannot be read.
    #[error("firmware {}: {source}", path.display())]
    Firmware {
        /// The $readmemh file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path cannot be handed to C++.
    #[error("path {path:?} contains a NUL character")]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// An RTL assertion fired, or the RTL called $fatal or $stop. The model stays where it is.
    #[error("the RTL stopped in cycle {cycle}: {message}")]
    Rtl {
        /// Clock cycles since reset.
        cycle: u64,
        /// What the RTL printed.
        message: String,
    },
    /// A host TLP that no beats can carry.
    #[error("host TLP of {dws} DWs: {problem}")]
    Tlp {
        /// Its length, prefix and header included.
        dws: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A model that is loaded at run time could not be built.
    #[error("building a model: {0}")]
    Build(#[from] BuildError),
    /// The RTL was edited after this program was built.
    #[error("this program was built from RTL {built}, the sources are now {found}: build it again")]
    Stale {
        /// [`BUILD_ID`](crate::BUILD_ID).
        built: &'static str,
        /// The same hash over the sources as they are.
        found: String,
    },
    /// A model could not be loaded.
    #[error("loading {}: {source}", path.display())]
    Load {
        /// The shared object.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
}
