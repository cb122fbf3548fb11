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

mod bar_access;
mod bench;
mod bus_master;
mod clients;
mod commands;
mod completer;
mod determinism;
mod enabling;
mod enumeration;
mod error_logs;
mod error_reports;
mod errors;
mod event_log;
mod flow_control;
mod halt;
mod ims_entries;
mod interrupt_handles;
mod interrupts;
mod invalidation;
mod iommu;
mod isolation;
mod large_pages;
mod msix;
mod one_queue;
mod operations;
mod owed_answers;
mod own_tables;
mod page_faults;
mod permissions;
mod portals;
mod power;
mod quotas;
mod records;
mod registers;
mod remapping;
mod requester;
mod requests;
mod reset;
mod scenarios;
mod scheduling;
mod shared_commands;
mod shared_portals;
mod sleep;
mod snapshots;
mod stop;
mod stray_tlps;
mod submitters;
mod tampered;
mod testplan;
mod timing;
mod translation;
mod translation_errors;
mod watched;
mod waves;
