// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The firmware of the device's management core, and what Rust shares with it: register numbers
//! (rtl/regs/*.rdl) and command codes (include/siov_commands.h), through bindgen.

#![forbid(unsafe_code)]

/// BAR0: offsets, masks, shifts and reset values, as docs/registers.md lists them.
#[allow(missing_docs)]
pub mod regs {
    include!(concat!(env!("OUT_DIR"), "/regs.rs"));
}

/// The management core's control block, in the same form.
#[allow(missing_docs)]
pub mod ctl_regs {
    include!(concat!(env!("OUT_DIR"), "/ctl_regs.rs"));
}

/// Command codes and their error codes.
#[allow(missing_docs, non_camel_case_types)]
pub mod abi {
    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}

/// Path of the firmware's image, a `$readmemh` file: what a model of the device is given.
pub const IMAGE: &str = env!("SIOV_FIRMWARE");
