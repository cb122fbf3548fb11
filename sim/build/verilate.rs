// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! From SystemVerilog to a library: Verilator, then g++, each result kept under a key made of all
//! that went into it. Used by build.rs for the fast models, by the crate itself for the model with
//! waves, which is built when somebody first asks for it, and by the tests for the block benches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

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
    /// For a block bench: quick to compile.
    Bench,
}

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

const OLDEST_VERILATOR: (u32, u32) = (5, 6);
const SOURCES: [&str; 7] = ["sv", "svh", "v", "f", "vlt", "cpp", "h"];
const CACHE_GENERATIONS: usize = 4;

/// Knows the tools and the cache.
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    cache: PathBuf,
    jobs: usize,
    verilator: String,
    verilator_include: PathBuf,
    cxx: String,
    cxx_version: String,
    warnings: Mutex<Vec<String>>,
}

impl Builder {
    /// Looks for the tools. `root` is the repository, `cache` the folder that keeps results.
    pub fn new(root: &Path, cache: &Path, jobs: usize) -> Result<Self> {
        let cxx = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
        let verilator = run(Command::new("verilator").arg("--version"))?;
        check_verilator(&verilator)?;
        let share = run(Command::new("verilator").args(["--getenv", "VERILATOR_ROOT"]))?;
        let cxx_version = run(Command::new(&cxx).arg("--version"))?;
        Ok(Self {
            root: root.to_owned(),
            cache: cache.to_owned(),
            jobs: jobs.max(1),
            verilator,
            verilator_include: Path::new(share.trim()).join("include"),
            cxx,
            cxx_version,
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
        let dir = self.cached(&format!("{}-program", top.name), &key.hex(), |dir| {
            let mut link = Command::new(&self.cxx);
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
        self.cached(&format!("runtime-{variant:?}"), &key.hex(), |dir| {
            let files: Vec<_> = files.iter().map(|f| (f.clone(), "-O2")).collect();
            self.compile(&files, &flags, dir)?;
            self.archive(dir, "siov_runtime")
        })
    }

    /// A shared object that holds all of one model with waves.
    pub fn wave_library(&self, top: &Top) -> Result<PathBuf> {
        let variant = Variant::Wave;
        let runtime = self.runtime(variant)?;
        let model = self.model(top, variant, &[])?;
        let shim = self.shim(top, variant, &model)?;
        let mut key = self.key();
        for part in [&runtime, &model, &shim] {
            key.text(&part.display().to_string());
        }
        let name = format!("lib{}_wave.so", top.name);
        let dir = self.cached(&format!("{}-so", top.name), &key.hex(), |dir| {
            let mut link = Command::new(&self.cxx);
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

    /// The tools and, as this file's text, how they are called.
    fn key(&self) -> Key {
        let mut key = Key::default();
        key.text(include_str!("verilate.rs"));
        for part in [&self.verilator, &self.cxx, &self.cxx_version] {
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
        self.cached(&format!("{}-{variant:?}", top.name), &key.hex(), |dir| {
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
            self.compile(&files, &cxx, dir)?;
            self.archive(dir, &class)
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
        self.cached(
            &format!("{}_shim-{variant:?}", top.name),
            &key.hex(),
            |dir| {
                self.compile(&[(self.root.join(top.shim), level)], &flags, dir)?;
                self.archive(dir, &format!("{}_shim", top.name))
            },
        )
    }

    /// The folder `<name>-<key>`, made by `make` if it is not there. Made elsewhere and moved into
    /// place, so that a build that was interrupted, or is done twice at once, does no harm.
    fn cached(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let done = self.cache.join(format!("{name}-{key}"));
        if done.is_dir() {
            return Ok(done);
        }
        let work = self
            .cache
            .join(format!("tmp-{}-{name}", std::process::id()));
        fs::create_dir_all(&work).map_err(at(&work))?;
        let made = make(&work);
        if made.is_ok() && fs::rename(&work, &done).is_ok() {
            self.prune(name, &done)?;
        } else {
            fs::remove_dir_all(&work).map_err(at(&work))?;
        }
        made.map(|()| done)
    }

    /// Removes all but the last few results of one name.
    fn prune(&self, name: &str, keep: &Path) -> Result<()> {
        let mut old: Vec<_> = fs::read_dir(&self.cache)
            .map_err(at(&self.cache))?
            .filter_map(|e| e.ok())
            .filter(|e| {
                let file = e.file_name();
                file.to_str()
                    .and_then(|f| f.rsplit_once('-'))
                    .is_some_and(|(n, _)| n == name)
            })
            .filter(|e| e.path() != keep)
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        old.sort();
        let surplus = (old.len() + 1).saturating_sub(CACHE_GENERATIONS);
        for (_, dir) in &old[..surplus] {
            fs::remove_dir_all(dir).map_err(at(dir))?;
        }
        Ok(())
    }

    /// Compiles each file to an object in `dir`, on all jobs at once.
    fn compile(&self, files: &[(PathBuf, &str)], flags: &[String], dir: &Path) -> Result<()> {
        let next = AtomicUsize::new(0);
        let worker = || -> Result<()> {
            while let Some((file, level)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let name = file.file_stem().unwrap_or_default();
                let mut command = Command::new(&self.cxx);
                command
                    .arg(level)
                    .args(flags)
                    .arg("-include")
                    .arg(self.cpp().join("console.h"))
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
    fn archive(&self, dir: &Path, name: &str) -> Result<()> {
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
fn optimisation(file: &Path, variant: Variant) -> &'static str {
    let slow = file.to_str().is_some_and(|f| f.contains("__Slow"));
    if slow || variant != Variant::Fast {
        "-O1"
    } else {
        "-O2"
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
        "8000",
        "--output-split-cfuncs",
        "1000",
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

/// Flags of every C++ file. The target is the plain architecture, so that a model behaves and
/// performs the same wherever it was built.
fn cxx_flags(variant: Variant) -> Vec<String> {
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
    if variant == Variant::Wave {
        flags.push("-fno-gnu-unique".to_owned());
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

/// Runs a command; gives all it printed.
fn run(command: &mut Command) -> Result<String> {
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

/// A hash of everything that went into a result.
#[derive(Default)]
struct Key(Sha256);

impl Key {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// A file, or the sources in a folder and in those below it that are not benches.
    fn tree(&mut self, root: &Path, path: &Path) -> Result<()> {
        let full = root.join(path);
        let mut files = if full.is_dir() {
            files_below(&full)?
        } else {
            vec![full]
        };
        files.retain(|f| {
            f.extension()
                .is_some_and(|e| SOURCES.iter().any(|s| e == *s))
        });
        files.sort();
        for file in files {
            self.text(
                &file
                    .strip_prefix(root)
                    .unwrap_or(&file)
                    .display()
                    .to_string(),
            );
            self.0.update(fs::read(&file).map_err(at(&file))?);
        }
        Ok(())
    }

    /// What Verilator may read for a top. rtl/siov.f names the packages, so all of them count.
    fn rtl(&mut self, root: &Path, top: &Top) -> Result<()> {
        let package = |f: &PathBuf| f.to_str().is_some_and(|f| f.ends_with("_pkg.sv"));
        let mut packages = files_below(&root.join("rtl"))?;
        packages.retain(package);
        packages.sort();
        for file in packages {
            self.tree(root, &file)?;
        }
        let lists = ["rtl/siov.f", "rtl/lint.vlt", top.file];
        lists
            .iter()
            .chain(top.rooms)
            .try_for_each(|f| self.tree(root, Path::new(f)))
    }

    fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        if !path.is_dir() {
            files.push(path);
        } else if path.file_name().is_none_or(|n| n != "bench") {
            files.append(&mut files_below(&path)?);
        }
    }
    Ok(files)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BuildError + '_ {
    |source| BuildError::Io {
        path: path.to_owned(),
        source,
    }
}
