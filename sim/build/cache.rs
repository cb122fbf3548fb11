// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Results kept under a key made of all that went into them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::Top;
use super::error::{Result, at};

const SOURCES: [&str; 7] = ["sv", "svh", "v", "f", "vlt", "cpp", "h"];
/// Of one name, the last so many are kept: branches take turns.
const CACHE_GENERATIONS: usize = 4;

/// The folder of results.
#[derive(Debug)]
pub struct Cache(pub PathBuf);

impl Cache {
    /// The folder `<name>-<key>`, made by `make` if it is not there. Made elsewhere and moved into
    /// place, so that a build that was interrupted, or is done twice at once, does no harm.
    pub fn folder(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let done = self.0.join(format!("{name}-{key}"));
        if done.is_dir() {
            return Ok(done);
        }
        let work = self.0.join(format!("tmp-{}-{name}", std::process::id()));
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
        let mut old: Vec<_> = fs::read_dir(&self.0)
            .map_err(at(&self.0))?
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
}

/// A hash of everything that went into a result.
#[derive(Default)]
pub struct Key(Sha256);

impl Key {
    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// A file, or the sources in a folder and in those below it that are not benches.
    pub fn tree(&mut self, root: &Path, path: &Path) -> Result<()> {
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
    pub fn rtl(&mut self, root: &Path, top: &Top) -> Result<()> {
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

    /// The key, short enough for a file name.
    pub fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

/// All files of a folder and of those below it, but in none named `bench`.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
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
