// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The `siov` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    siov::cli::main()
}
