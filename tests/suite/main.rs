// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The whole device, compiled from RTL, against what PCIe, S-IOV and DSA ask of it. Each test
//! builds a device of its own; `bench` has what they build on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod aer;
mod bar_access;
mod bench;
mod commands;
mod determinism;
mod enabling;
mod enumeration;
mod errors;
mod event_log;
mod faults;
mod flow_control;
mod halt;
mod interrupts;
mod invalidation;
mod iommu;
mod isolation;
mod large_pages;
mod one_queue;
mod operations;
mod own_tables;
mod page_faults;
mod permissions;
mod portals;
mod quotas;
mod records;
mod registers;
mod remapping;
mod requests;
mod reset;
mod scenarios;
mod scheduling;
mod shared;
mod sleep;
mod snapshots;
mod stop;
mod testplan;
mod timing;
mod translation;
mod translation_errors;
mod waves;
