// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Builds the fast models and links them in. They are optimised whatever the Cargo profile, and
//! live in `target/verilated`, where all profiles share them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[path = "build/verilate.rs"]
#[allow(dead_code, reason = "the crate itself uses the rest")]
mod verilate;

use verilate::{Builder, ENDPOINT, LOOPBACK, RV32, Variant};

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?)
        .join("..")
        .canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Cargo marks its target folder as a cache.
    let target = out
        .ancestors()
        .find(|d| d.join("CACHEDIR.TAG").is_file())
        .unwrap_or(&out);
    let cache = target.join("verilated");
    let jobs = env::var("NUM_JOBS")
        .ok()
        .and_then(|j| j.parse().ok())
        .unwrap_or(1);

    println!("cargo:rerun-if-env-changed=CXX");
    for input in [
        "rtl",
        "sim/build.rs",
        "sim/build",
        "sim/cpp",
        "sim/tests/loopback",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }

    let builder = Builder::new(&root, &cache, jobs)?;
    for top in [&ENDPOINT, &LOOPBACK, &RV32] {
        let [shim, model] = builder.archives(top)?;
        println!("cargo:rustc-link-search=native={}", shim.display());
        println!("cargo:rustc-link-lib=static={}_shim", top.name);
        println!("cargo:rustc-link-search=native={}", model.display());
        println!("cargo:rustc-link-lib=static=V{}", top.name);
    }
    println!(
        "cargo:rustc-link-search=native={}",
        builder.runtime(Variant::Fast)?.display()
    );
    println!("cargo:rustc-link-lib=static=siov_runtime");
    println!("cargo:rustc-link-lib=dylib=stdc++");
    for warning in builder.warnings() {
        println!("cargo:warning={warning}");
    }

    println!("cargo:rustc-env=SIOV_ROOT={}", root.display());
    println!("cargo:rustc-env=SIOV_MODEL_CACHE={}", cache.display());
    println!(
        "cargo:rustc-env=SIOV_BUILD_ID={}",
        Builder::source_id(&root, &ENDPOINT)?
    );
    Ok(())
}
