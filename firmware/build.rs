// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Compiles the firmware with clang and lld, for the management core and, for its tests, for this
//! machine; turns its headers into Rust with bindgen.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use bindgen::callbacks::{IntKind, ParseCallbacks};

const WARNINGS: [&str; 4] = ["-std=c11", "-Wall", "-Wextra", "-Werror"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firmware: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for input in ["build.rs", "include", "link.ld", "src", "tests/host.c"] {
        println!("cargo:rerun-if-changed={input}");
    }
    bindings(&out)?;
    image(&out)?;
    host(&out)?;
    println!(
        "cargo:rustc-env=SIOV_FIRMWARE={}",
        out.join("firmware.hex").display()
    );
    println!(
        "cargo:rustc-env=SIOV_FIRMWARE_HOST={}",
        out.join("firmware_host").display()
    );
    Ok(())
}

/// Gives masks that reach bit 63, which bindgen takes for negative numbers, their own type.
#[derive(Debug)]
struct UnsignedMasks;

impl ParseCallbacks for UnsignedMasks {
    fn int_macro(&self, _name: &str, value: i64) -> Option<IntKind> {
        (value < 0).then_some(IntKind::U64)
    }
}

fn bindings(out: &Path) -> Result<(), Box<dyn Error>> {
    // bindgen itself would panic.
    clang_sys::load().map_err(|error| format!("{error}: `make setup` installs libclang"))?;
    for (name, header) in [
        ("regs", "include/gen/siov_regs.h"),
        ("ctl_regs", "include/gen/siov_ctl_regs.h"),
        ("abi", "include/siov_commands.h"),
    ] {
        bindgen::Builder::default()
            .header(header)
            .allowlist_var("SIOV_.*")
            .allowlist_type("siov_.*")
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            .layout_tests(false)
            .formatter(bindgen::Formatter::None)
            .parse_callbacks(Box::new(UnsignedMasks))
            .generate()?
            .write_to_file(out.join(name).with_extension("rs"))?;
    }
    Ok(())
}

/// The image as the words of a `$readmemh` file.
fn image(out: &Path) -> Result<(), Box<dyn Error>> {
    let raw = out.join("firmware.bin");
    run(Command::new("clang")
        .args([
            "--target=riscv32",
            "-march=rv32im",
            "-mabi=ilp32",
            "-Os",
            "-mno-relax",
        ])
        .args([
            "-ffreestanding",
            "-nostdlib",
            "-static",
            "-fuse-ld=lld",
            "-Iinclude",
        ])
        .args(WARNINGS)
        .args(["-Wl,-Tlink.ld", "-Wl,--oformat=binary", "-o"])
        .arg(&raw)
        .args(["src/start.S", "src/main.c", "src/commands.c"]))?;
    let mut hex = String::new();
    for word in fs::read(raw)?.chunks(4) {
        let mut bytes = [0; 4];
        bytes[..word.len()].copy_from_slice(word);
        writeln!(hex, "{:08x}", u32::from_le_bytes(bytes))?;
    }
    fs::write(out.join("firmware.hex"), hex)?;
    Ok(())
}

/// The command logic as a program whose device is whoever runs it: tests/host.c.
fn host(out: &Path) -> Result<(), Box<dyn Error>> {
    run(Command::new("clang")
        .args(["-O1", "-g", "-Iinclude"])
        .args(WARNINGS)
        .arg("-o")
        .arg(out.join("firmware_host"))
        .args(["tests/host.c", "src/commands.c"]))
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command
        .output()
        .map_err(|error| format!("clang does not run ({error}): `make setup` installs it"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let hint = if said.contains("invalid linker name") {
        "`make setup` installs lld"
    } else {
        ""
    };
    Err(format!("{command:?}:\n{said}{hint}").into())
}
