// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! From SystemVerilog to a library: Verilator, then the C++ compiler (cxx.rs), each result kept under
//! a key made of all that went into it (cache.rs). Used by build.rs for the fast models, by the crate itself for the model with
//! waves, which is built when somebody first asks for it, and by the tests for the block benches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

mod cache;
mod cxx;
mod error;

use cache::{Cache, Key, files_below};
use cxx::{Cxx, cxx_flags, optimisation, run};
use error::at;
pub use error::{BuildError, Result};

/// A module that becomes a model, and the C++ that drives it.
#[derive(Debug)]
pub struct Top {
    /// Module name; the class is `V<name>`.
    pub name: &'static str,
    /// File that holds the module, from the repository's root.
    pub file: &'static str,
    /// Folders that hold its modules. Folders named `bench` below them do not count.
    pub rooms: &'static [&'static str],
    /// C++ that drives it, from the repository's root; compiled against the model's header.
    pub shim: &'static str,
}

/// The device.
pub const ENDPOINT: Top = Top {
    name: "siov_endpoint",
    file: "rtl/siov_endpoint.sv",
    rooms: &["rtl"],
    shim: "sim/cpp/endpoint.cpp",
};

/// A device that sends back every beat, for the tests of the shim.
pub const LOOPBACK: Top = Top {
    name: "siov_loopback",
    file: "sim/tests/loopback/siov_loopback.sv",
    rooms: &[],
    shim: "sim/cpp/endpoint.cpp",
};

/// The management core alone, for its instruction tests.
pub const RV32: Top = Top {
    name: "siov_rv32_bench",
    file: "rtl/mgmt/bench/siov_rv32_bench.sv",
    rooms: &["rtl/lib", "rtl/mgmt"],
    shim: "sim/cpp/rv32_shim.cpp",
};

/// A file that Verilator reads in place of the repository's of the same name.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Name of the file, without folders.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Which of a model's builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// No waves: tests and benches.
    Fast,
    /// Writes an FST file. Quicker to compile than `Fast`, slower to run, same cycles.
    Wave,
    /// For tests that need another model than the device as it is: quick to compile.
    Bench,
}

const OLDEST_VERILATOR: (u32, u32) = (5, 6);
/// Knows the tools and the cache.
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    cache: Cache,
    cxx: Cxx,
    verilator: String,
    verilator_include: PathBuf,
    warnings: Mutex<Vec<String>>,
}

impl Builder {
    /// Looks for the tools. `root` is the repository, `cache` the folder that keeps results.
    pub fn new(root: &Path, cache: &Path, jobs: usize) -> Result<Self> {
        let verilator = run(Command::new("verilator").arg("--version"))?;
        check_verilator(&verilator)?;
        let share = run(Command::new("verilator").args(["--getenv", "VERILATOR_ROOT"]))?;
        let verilator_include = Path::new(share.trim()).join("include");
        let console = root.join("sim/cpp/console.h");
        Ok(Self {
            root: root.to_owned(),
            cache: Cache(cache.to_owned()),
            cxx: Cxx::new(console, verilator_include.clone(), jobs)?,
            verilator,
            verilator_include,
            warnings: Mutex::default(),
        })
    }

    /// Verilator's warnings so far. They do not stop a build, because a newer Verilator has new
    /// ones; `make lint` is stricter.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().map(|w| w.clone()).unwrap_or_default()
    }

    /// Folder with `lib<top>_shim.a` and `libV<top>.a`, to be linked in this order.
    pub fn archives(&self, top: &Top) -> Result<[PathBuf; 2]> {
        let model = self.model(top, Variant::Fast, &[])?;
        let shim = self.shim(top, Variant::Fast, &model)?;
        Ok([shim, model])
    }

    /// A program: a block's bench, whose shim has a `main`.
    pub fn bench(&self, top: &Top, replacements: &[Replacement]) -> Result<PathBuf> {
        let variant = Variant::Bench;
        let runtime = self.runtime(variant)?;
        let model = self.model(top, variant, replacements)?;
        let shim = self.shim(top, variant, &model)?;
        let mut key = self.key();
        for part in [&runtime, &model, &shim] {
            key.text(&part.display().to_string());
        }
        let dir = self
            .cache
            .folder(&format!("{}-program", top.name), &key.hex(), |dir| {
                let mut link = self.cxx.link();
                link.arg("-o")
                    .arg(dir.join(top.name))
                    .arg(shim.join(format!("lib{}_shim.a", top.name)))
                    .arg(model.join(format!("libV{}.a", top.name)))
                    .arg(runtime.join("libsiov_runtime.a"))
                    .arg("-pthread");
                run(&mut link).map(drop)
            })?;
        Ok(dir.join(top.name))
    }

    /// Folder with `libsiov_runtime.a`: what all models of one variant share.
    pub fn runtime(&self, variant: Variant) -> Result<PathBuf> {
        let mut files = vec![self.cpp().join("console.cpp")];
        let verilated: &[&str] = match variant {
            Variant::Fast | Variant::Bench => &["verilated.cpp", "verilated_threads.cpp"],
            Variant::Wave => &[
                "verilated.cpp",
                "verilated_threads.cpp",
                "verilated_fst_c.cpp",
            ],
        };
        files.extend(verilated.iter().map(|f| self.verilator_include.join(f)));
        let flags = cxx_flags(variant);
        let mut key = self.key();
        key.tree(&self.root, Path::new("sim/cpp/console.cpp"))?;
        key.tree(&self.root, Path::new("sim/cpp/console.h"))?;
        self.cache
            .folder(&format!("runtime-{variant:?}"), &key.hex(), |dir| {
                let files: Vec<_> = files.iter().map(|f| (f.clone(), "-O2")).collect();
                self.cxx.compile(&files, &flags, dir)?;
                self.cxx.archive(dir, "siov_runtime")
            })
    }

    /// A shared object that holds all of one model.
    pub fn library(
        &self,
        top: &Top,
        variant: Variant,
        replacements: &[Replacement],
    ) -> Result<PathBuf> {
        let runtime = self.runtime(variant)?;
        let model = self.model(top, variant, replacements)?;
        let shim = self.shim(top, variant, &model)?;
        let mut key = self.key();
        for part in [&runtime, &model, &shim] {
            key.text(&part.display().to_string());
        }
        let name = format!("lib{}_{variant:?}.so", top.name);
        let dir = self
            .cache
            .folder(&format!("{}-so", top.name), &key.hex(), |dir| {
                let mut link = self.cxx.link();
                // The fast model has symbols of the same names in the same process.
                link.args(["-shared", "-Wl,-Bsymbolic", "-o"])
                    .arg(dir.join(&name));
                link.arg("-Wl,--whole-archive")
                    .arg(shim.join(format!("lib{}_shim.a", top.name)))
                    .arg("-Wl,--no-whole-archive")
                    .arg(model.join(format!("libV{}.a", top.name)))
                    .arg(runtime.join("libsiov_runtime.a"))
                    .args(["-lz", "-pthread"]);
                run(&mut link).map(drop)
            })?;
        Ok(dir.join(name))
    }

    /// Names everything that decides what a model does: its RTL and the C++ around it.
    pub fn source_id(root: &Path, top: &Top) -> Result<String> {
        let mut key = Key::default();
        key.rtl(root, top)?;
        key.tree(root, Path::new("sim/cpp"))?;
        Ok(key.hex())
    }

    fn cpp(&self) -> PathBuf {
        self.root.join("sim/cpp")
    }

    /// The tools and, as these files' text, how they are called.
    fn key(&self) -> Key {
        let mut key = Key::default();
        key.text(include_str!("verilate.rs"));
        key.text(include_str!("cxx.rs"));
        key.text(&self.verilator);
        for part in self.cxx.id() {
            key.text(part);
        }
        key
    }

    fn model(&self, top: &Top, variant: Variant, replacements: &[Replacement]) -> Result<PathBuf> {
        let class = format!("V{}", top.name);
        let verilator = verilator_flags(top, variant);
        let cxx = cxx_flags(variant);
        let mut key = self.key();
        key.rtl(&self.root, top)?;
        for Replacement { name, text } in replacements {
            key.text(name);
            key.text(text);
        }
        self.cache
            .folder(&format!("{}-{variant:?}", top.name), &key.hex(), |dir| {
                let mut command = Command::new("verilator");
                command
                    .current_dir(&self.root)
                    .args(&verilator)
                    .arg("--Mdir")
                    .arg(dir);
                for Replacement { name, text } in replacements {
                    let file = dir.join(name);
                    fs::write(&file, text).map_err(at(&file))?;
                    command.arg(file);
                }
                let said = run(&mut command)?;
                if let Ok(mut warnings) = self.warnings.lock() {
                    warnings.extend(
                        said.lines()
                            .filter(|l| l.starts_with('%'))
                            .map(str::to_owned),
                    );
                }
                let files: Vec<_> = files_below(dir)?
                    .into_iter()
                    .filter(|f| f.extension().is_some_and(|e| e == "cpp"))
                    .map(|f| (f.clone(), optimisation(&f, variant)))
                    .collect();
                self.cxx.compile(&files, &cxx, dir)?;
                self.cxx.archive(dir, &class)
            })
    }

    fn shim(&self, top: &Top, variant: Variant, model: &Path) -> Result<PathBuf> {
        let level = match variant {
            Variant::Fast | Variant::Wave => "-O2",
            Variant::Bench => "-O1",
        };
        let mut flags = cxx_flags(variant);
        flags.extend([
            "-I".to_owned(),
            self.cpp().display().to_string(),
            "-Wall".to_owned(),
            "-Wextra".to_owned(),
            "-isystem".to_owned(),
            model.display().to_string(),
            format!("-DSIOV_TOP=V{}", top.name),
            format!("-DSIOV_TOP_HEADER=\"V{}.h\"", top.name),
            format!("-DSIOV_API={}_api", top.name),
        ]);
        let mut key = self.key();
        key.tree(&self.root, Path::new("sim/cpp"))?;
        if let Some(folder) = Path::new(top.shim).parent() {
            key.tree(&self.root, folder)?;
        }
        key.text(&model.display().to_string());
        self.cache.folder(
            &format!("{}_shim-{variant:?}", top.name),
            &key.hex(),
            |dir| {
                self.cxx
                    .compile(&[(self.root.join(top.shim), level)], &flags, dir)?;
                self.cxx.archive(dir, &format!("{}_shim", top.name))
            },
        )
    }
}

fn verilator_flags(top: &Top, variant: Variant) -> Vec<String> {
    let class = format!("V{}", top.name);
    let mut flags: Vec<String> = [
        "--cc",
        "--assert",
        "-O3",
        "--x-assign",
        "fast",
        "--x-initial",
        "fast",
        "-Wno-fatal",
        "--output-split",
        "40000",
        "--output-split-cfuncs",
        "20000",
        "--top-module",
        top.name,
        "--prefix",
        &class,
        "rtl/lint.vlt",
        "-F",
        "rtl/siov.f",
        top.file,
    ]
    .map(str::to_owned)
    .into();
    if variant == Variant::Wave {
        // Wide enough for a whole beat; RAMs stay out.
        flags.extend(
            [
                "--trace-fst",
                "--trace-structs",
                "--trace-max-width",
                "1024",
            ]
            .map(str::to_owned),
        );
    }
    flags
}

/// Looks at what `verilator --version` says, "Verilator 5.006 2023-01-22 ...".
pub fn check_verilator(said: &str) -> Result<()> {
    let number = said.split_whitespace().nth(1).unwrap_or_default();
    let version = number
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    if version.is_some_and(|v| v >= OLDEST_VERILATOR) {
        Ok(())
    } else {
        Err(BuildError::TooOld {
            found: said.trim().to_owned(),
        })
    }
}
