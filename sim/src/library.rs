// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Models other than the fast one: built when they are first asked for, loaded at run time. Most
//! people never need the one with waves, and it takes a while to compile.

use std::path::Path;

use libloading::{Library, Symbol};

use crate::error::Error;
use crate::ffi::{Api, GetApi};
use crate::model::BUILD_ID;
use crate::verilate::{Builder, ENDPOINT, Replacement, Top, Variant};

const ROOT: &str = env!("SIOV_ROOT");
const CACHE: &str = env!("SIOV_MODEL_CACHE");

/// The device. The library must outlive the table.
pub fn load_device(
    variant: Variant,
    replacements: &[Replacement],
) -> Result<(Library, *const Api), Error> {
    let found = Builder::source_id(Path::new(ROOT), &ENDPOINT)?;
    if found != BUILD_ID {
        return Err(Error::Stale {
            built: BUILD_ID,
            found,
        });
    }
    load(&ENDPOINT, variant, replacements)
}

pub fn load(
    top: &Top,
    variant: Variant,
    replacements: &[Replacement],
) -> Result<(Library, *const Api), Error> {
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    let builder = Builder::new(Path::new(ROOT), Path::new(CACHE), jobs)?;
    let path = builder.library(top, variant, replacements)?;
    let error = |source| Error::Load {
        path: path.clone(),
        source,
    };
    // SAFETY: the library is ours; its constructors only make Verilator's own statics.
    let library = unsafe { Library::new(&path) }.map_err(error)?;
    let symbol = format!("{}_api", top.name);
    // SAFETY: endpoint.cpp exports this symbol with this type.
    let get: Symbol<'_, GetApi> = unsafe { library.get(symbol.as_bytes()) }.map_err(error)?;
    // SAFETY: it takes nothing and returns the address of a constant in the library.
    let api = unsafe { get() };
    Ok((library, api))
}
