// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The function with the smallest configuration that works, register by register.

use siov::dsa::Command;
use siov_firmware::regs;

use crate::bench::{Bench, Function};

pub const PASID_CONTROL: u16 = 0x234;

/// Registers of queue `n`.
pub fn wqcfg(n: u32) -> u32 {
    regs::SIOV_WQCFG_OFFSET + n * regs::SIOV_WQCFG_STRIDE
}

/// Registers of group `n`: queues at 0, engines at 20h.
pub fn grpcfg(n: u32) -> u32 {
    regs::SIOV_GRPCFG_OFFSET + n * regs::SIOV_GRPCFG_STRIDE
}

pub const ENGINES: u32 = regs::SIOV_GRPCFG_ENGINES_OFFSET;
pub const MODE: u32 = regs::SIOV_WQCFG_MODE_OFFSET;
pub const LIMITS: u32 = regs::SIOV_WQCFG_LIMITS_OFFSET;
pub const OPCFG: u32 = regs::SIOV_WQCFG_OPCFG_OFFSET;
/// Dedicated, priority 1.
pub const DEDICATED: u32 = 0x11;
pub const PASID_ENABLE: u32 = 1 << 28;
pub const PRIVILEGED: u32 = 1 << 29;
/// 2 MiB transfers, batches of 32.
pub const USUAL_LIMITS: u32 = 5 << 5 | 21;

/// The smallest configuration that works: queue 0 with 16 entries, engine 0, group 0.
pub async fn configured(bench: &Bench) -> Function {
    let function = bench.function().await;
    function.write32(wqcfg(0), 16);
    function.write32(wqcfg(0) + MODE, DEDICATED);
    function.write32(wqcfg(0) + LIMITS, USUAL_LIMITS);
    function.write64(grpcfg(0), 1);
    function.write64(grpcfg(0) + ENGINES, 1);
    function
}

pub async fn enabled(bench: &Bench) -> Function {
    let function = configured(bench).await;
    let status = function.command(Command::EnableDevice.word(false)).await;
    assert_eq!(status, 0);
    function
}

pub async fn running(bench: &Bench) -> Function {
    let function = enabled(bench).await;
    let status = function.command(Command::EnableWq(0).word(false)).await;
    assert_eq!(status, 0);
    function
}

pub async fn state(function: &Function) -> u32 {
    function.read32(regs::SIOV_GENSTS_OFFSET).await & 3
}

pub async fn wq_state(function: &Function, wq: u32) -> u32 {
    let status = wqcfg(wq) + regs::SIOV_WQCFG_STATUS_OFFSET;
    function.read32(status).await >> 30
}

/// CMDSTATUS of a command on a device that runs with queue 0.
pub fn on_running(word: u32) -> u32 {
    let bench = Bench::new();
    bench.run(async { running(&bench).await.command(word).await })
}
