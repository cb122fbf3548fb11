// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The programming model of the Data Streaming Accelerator as data: what software and device
//! exchange, and nothing that acts. Register positions come from `siov_firmware::regs`.

mod command;
mod completion;
mod descriptor;
pub mod field;
mod portal;
mod software_error;
mod status;

pub use command::{Command, CommandStatus, InterruptTable};
pub use completion::CompletionRecord;
pub use descriptor::{Descriptor, Flags, Opcode};
pub use portal::{PORTAL_PAGE, PortalPage, portal_address};
pub use software_error::SoftwareError;
pub use status::Status;
