// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! From C++ to archives of objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Variant;
use super::cache::files_below;
use super::error::{BuildError, Result, at};

/// The C++ compiler: what CXX says, or g++.
#[derive(Debug)]
pub struct Cxx {
    program: String,
    version: String,
    /// Included before everything.
    console: PathBuf,
    /// Where Verilator's own headers are.
    verilator_include: PathBuf,
    jobs: usize,
}

impl Cxx {
    /// Looks for the compiler.
    pub fn new(console: PathBuf, verilator_include: PathBuf, jobs: usize) -> Result<Self> {
        let program = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
        let version = run(Command::new(&program).arg("--version"))?;
        Ok(Self {
            program,
            version,
            console,
            verilator_include,
            jobs: jobs.max(1),
        })
    }

    /// Name and version, for keys.
    pub fn id(&self) -> [&str; 2] {
        [&self.program, &self.version]
    }

    /// A command that links.
    pub fn link(&self) -> Command {
        Command::new(&self.program)
    }

    /// Compiles each file to an object in `dir`, on all jobs at once.
    pub fn compile(&self, files: &[(PathBuf, &str)], flags: &[String], dir: &Path) -> Result<()> {
        let next = AtomicUsize::new(0);
        let worker = || -> Result<()> {
            while let Some((file, level)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let name = file.file_stem().unwrap_or_default();
                let mut command = Command::new(&self.program);
                command
                    .arg(level)
                    .args(flags)
                    .arg("-include")
                    .arg(&self.console)
                    .arg("-isystem")
                    .arg(&self.verilator_include)
                    .arg("-c")
                    .arg(file)
                    .arg("-o")
                    .arg(dir.join(name).with_extension("o"));
                run(&mut command)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|w| match w.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// Makes `lib<name>.a` of the objects in `dir`, which go, as does the C++ they came from.
    pub fn archive(&self, dir: &Path, name: &str) -> Result<()> {
        let (objects, rest): (Vec<_>, Vec<_>) = files_below(dir)?
            .into_iter()
            .partition(|f| f.extension().is_some_and(|e| e == "o"));
        let archive = dir.join(format!("lib{name}.a"));
        run(Command::new("ar").arg("rcs").arg(archive).args(&objects))?;
        let headers = |f: &&PathBuf| f.extension().is_some_and(|e| e == "h");
        for file in objects.iter().chain(rest.iter().filter(|f| !headers(f))) {
            fs::remove_file(file).map_err(at(file))?;
        }
        Ok(())
    }
}

/// How hard g++ works on one of Verilator's files. `__Slow` code runs once, at start.
pub fn optimisation(file: &Path, variant: Variant) -> &'static str {
    let slow = file.to_str().is_some_and(|f| f.contains("__Slow"));
    if slow || variant != Variant::Fast {
        "-O1"
    } else {
        "-O2"
    }
}

/// Flags of every C++ file. The target is the plain architecture, so that a model behaves and
/// performs the same wherever it was built.
pub fn cxx_flags(variant: Variant) -> Vec<String> {
    let wave = i32::from(variant == Variant::Wave);
    let mut flags: Vec<String> = [
        "-std=gnu++17",
        "-fPIC",
        "-fvisibility=hidden",
        "-DVM_COVERAGE=0",
        "-DVM_SC=0",
        "-DVM_TRACE_VCD=0",
        "-DVL_PRINTF=siov_printf",
        "-DVL_USER_FINISH",
        "-DVL_USER_STOP",
        "-DVL_USER_FATAL",
        "-DVL_USER_WARN",
    ]
    .map(str::to_owned)
    .into();
    flags.extend([
        format!("-DVM_TRACE={wave}"),
        format!("-DVM_TRACE_FST={wave}"),
    ]);
    // In a process with the fast model, whose symbols have the same names.
    if variant != Variant::Fast {
        flags.push("-fno-gnu-unique".to_owned());
    }
    flags
}

/// Runs a command; gives all it printed.
pub fn run(command: &mut Command) -> Result<String> {
    // Cargo's make flags are for its own children.
    command.env_remove("MAKEFLAGS");
    let output = command.output().map_err(|source| BuildError::Missing {
        tool: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        let words: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|w| w.to_string_lossy())
            .collect();
        Err(BuildError::Failed {
            command: words.join(" "),
            output: said,
        })
    }
}
