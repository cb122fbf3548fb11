// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Output files and standard output.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::error::CliError;

/// A new file, to be written in large pieces.
pub fn create(path: &Path) -> Result<BufWriter<File>, CliError> {
    match File::create(path) {
        Ok(file) => Ok(BufWriter::with_capacity(1 << 16, file)),
        Err(source) => Err(CliError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Makes sure that a file can be written, for somebody who cannot say so clearly.
pub fn check(path: Option<&Path>) -> Result<(), CliError> {
    path.map(create).transpose().map(drop)
}

/// Prints text and a line end. A reader that has gone away is no error.
pub fn print(text: &str) -> Result<(), CliError> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Output(error))
        }
        _ => Ok(()),
    }
}
