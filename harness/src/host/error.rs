// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What can go wrong in the host driver.

use crate::dsa::{Command, CommandStatus};
use crate::iommu::tables::TableError;
use crate::mem::MemoryError;
use crate::pcie::{AccessError, EnumerateError};

/// The host driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The device could not be enumerated.
    #[error("enumeration: {0}")]
    Enumerate(#[from] EnumerateError),
    /// A register access failed.
    #[error("register access: {0}")]
    Access(#[from] AccessError),
    /// Host memory could not hold what the driver needs.
    #[error("host memory: {0}")]
    Memory(#[from] MemoryError),
    /// The IOMMU's tables could not be written.
    #[error("IOMMU tables: {0}")]
    Tables(#[from] TableError),
    /// The IOMMU did not take a command.
    #[error("the IOMMU did not take command {command:#010x}")]
    Iommu {
        /// The bit of GCMD.
        command: u32,
    },
    /// The IOMMU's invalidation queue has stopped.
    #[error("invalidation failed (FSTS {status:#x}, IQER {record:#x})")]
    Invalidation {
        /// IQE or ITE of the fault status register.
        status: u32,
        /// The error record register.
        record: u64,
    },
    /// The device found is not one this driver drives.
    #[error("device {vendor:04x}:{device:04x}, class {class:06x}, is not an S-IOV endpoint")]
    UnknownDevice {
        /// Vendor ID.
        vendor: u16,
        /// Device ID.
        device: u16,
        /// Class code.
        class: u32,
    },
    /// The device lacks something that it must have.
    #[error("the device has no {0}")]
    Missing(&'static str),
    /// The device is halted.
    #[error("the device is halted (GENSTS {gensts:#010x})")]
    Halted {
        /// The general status register.
        gensts: u32,
    },
    /// The function was reset, or is being reset: this driver has lost it.
    #[error("the function was reset under the driver")]
    Retired,
    /// The device refused a command.
    #[error("command {command:?} failed: {status:?}")]
    Command {
        /// What was asked.
        command: Command,
        /// The answer.
        status: CommandStatus,
    },
    /// The configuration asks for more than the device has.
    #[error("{what} {wanted} does not exist, the device has {available}")]
    OutOfRange {
        /// Queue, group, interrupt...
        what: &'static str,
        /// Which one.
        wanted: u32,
        /// How many there are.
        available: u32,
    },
}
