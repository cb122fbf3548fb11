// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The model with waves: built when it is first asked for, loaded at run time. Most people never
//! need it, and it takes a while to compile.

use std::path::Path;

use libloading::{Library, Symbol};

use crate::error::Error;
use crate::ffi::{Api, GetApi};
use crate::model::BUILD_ID;
use crate::verilate::{Builder, ENDPOINT, Top};

const ROOT: &str = env!("SIOV_ROOT");
const CACHE: &str = env!("SIOV_MODEL_CACHE");

/// The device with waves. The library must outlive the table.
pub fn load() -> Result<(Library, *const Api), Error> {
    let found = Builder::source_id(Path::new(ROOT), &ENDPOINT)?;
    if found != BUILD_ID {
        return Err(Error::Stale {
            built: BUILD_ID,
            found,
        });
    }
    load_top(&ENDPOINT)
}

pub fn load_top(top: &Top) -> Result<(Library, *const Api), Error> {
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    let builder = Builder::new(Path::new(ROOT), Path::new(CACHE), jobs)?;
    let path = builder.wave_library(top)?;
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
