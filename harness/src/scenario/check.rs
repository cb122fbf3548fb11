// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a scenario must fulfil beyond its types.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{Operation, Profile, Scenario, Vdev, Vm, Workload, check_events};
use crate::dsa::Status;
use crate::guest::Layout;
use crate::pcie::Pasid;

/// Largest transfer the host driver lets a queue do: 2 MiB, as Linux does by default.
pub const MAX_TRANSFER: u32 = 1 << 21;

/// Queues that the capability register can count.
const WQS_VISIBLE: u16 = 255;

/// Where in the file, and what is wrong.
#[derive(Debug)]
pub struct Problem {
    pub path: String,
    pub message: String,
}

pub(super) type Checked = Result<(), Problem>;

pub(super) fn problem(path: impl Display, message: impl Display) -> Checked {
    Err(Problem {
        path: path.to_string(),
        message: message.to_string(),
    })
}

pub(super) fn in_range<T>(path: impl Display, value: T, range: RangeInclusive<T>) -> Checked
where
    T: PartialOrd + Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    problem(
        path,
        format_args!("is {value}, expected {} to {}", range.start(), range.end()),
    )
}

pub fn check(scenario: &Scenario) -> Checked {
    check_host(scenario)?;
    if scenario.vms.is_empty() {
        return problem("vms", "is empty, expected at least one virtual machine");
    }
    let mut names = BTreeSet::new();
    for (i, vm) in scenario.vms.iter().enumerate() {
        let path = format!("vms[{i}]");
        check_name(&path, &vm.name, &mut names)?;
        check_vm(&path, vm, scenario.device.profile)?;
    }
    check_events::check(scenario)?;
    check_faults(scenario)?;
    check_device(scenario)
}

fn check_faults(scenario: &Scenario) -> Checked {
    for (i, fault) in scenario.faults.iter().enumerate() {
        let path = |field| format!("faults[{i}].{field}");
        in_range(path("tag"), fault.tag.unwrap_or_default(), 0..=1023)?;
        let pasid = fault.pasid.unwrap_or_default();
        in_range(path("pasid"), pasid, 0..=Pasid::MAX.raw())?;
        in_range(path("every"), fault.every, 1..=u64::MAX)?;
        in_range(path("one_in"), fault.one_in, 1..=u64::MAX)?;
    }
    Ok(())
}

fn check_host(scenario: &Scenario) -> Checked {
    const LONGEST: u32 = 50_000; // half of the completion timeout of the host
    let host = &scenario.host;
    in_range("host.latency", host.latency, 1..=LONGEST)?;
    in_range("host.jitter", host.jitter, 0..=LONGEST)?;
    if ![128, 256, 512].contains(&host.mps) {
        return problem(
            "host.mps",
            format_args!("is {}, expected 128, 256 or 512", host.mps),
        );
    }
    if !host.mrrs.is_power_of_two() || !(128..=4096).contains(&host.mrrs) {
        let message = format!("is {}, expected a power of two from 128 to 4096", host.mrrs);
        return problem("host.mrrs", message);
    }
    Ok(())
}

fn check_name<'a>(path: &str, name: &'a str, names: &mut BTreeSet<&'a str>) -> Checked {
    if name.is_empty() {
        return problem(
            format_args!("{path}.name"),
            "is empty, expected a name for the report",
        );
    }
    if !names.insert(name) {
        let message = format!("`{name}` is used before, expected another name");
        return problem(format_args!("{path}.name"), message);
    }
    Ok(())
}

fn check_vm(path: &str, vm: &Vm, profile: Profile) -> Checked {
    const LATEST_START: u64 = 10_000_000;
    let start = format!("{path}.start_after");
    in_range(start, vm.start_after, 0..=LATEST_START)?;
    let memory = format!("{path}.memory_kib");
    in_range(&memory, vm.memory_kib, 64..=64 * 1024)?;
    if !vm.memory_kib.is_multiple_of(4) {
        return problem(
            memory,
            format_args!("is {}, expected a multiple of 4", vm.memory_kib),
        );
    }
    if vm.vdevs.is_empty() {
        let message = "is empty, expected at least one virtual device";
        return problem(format_args!("{path}.vdevs"), message);
    }
    let mut names = BTreeSet::new();
    for (i, vdev) in vm.vdevs.iter().enumerate() {
        let path = format!("{path}.vdevs[{i}]");
        check_name(&path, &vdev.name, &mut names)?;
        check_vdev(&path, vdev, profile)?;
    }
    let needed = Layout::memory_needed(vm).div_ceil(1024);
    if needed > u64::from(vm.memory_kib) {
        let message = format!(
            "is {}, but the buffers of the workloads need {needed}: more memory, less depth or size",
            vm.memory_kib
        );
        return problem(memory, message);
    }
    Ok(())
}

fn check_vdev(path: &str, vdev: &Vdev, profile: Profile) -> Checked {
    let sizes = profile.straps();
    in_range(
        format_args!("{path}.wq_size"),
        vdev.wq_size,
        1..=sizes.wq_entries,
    )?;
    in_range(format_args!("{path}.priority"), vdev.priority, 1..=15)?;
    in_range(
        format_args!("{path}.group"),
        vdev.group,
        0..=sizes.groups - 1,
    )?;
    if vdev.workloads.is_empty() {
        let message = "is empty, expected at least one workload";
        return problem(format_args!("{path}.workloads"), message);
    }
    for (i, workload) in vdev.workloads.iter().enumerate() {
        check_workload(&format!("{path}.workloads[{i}]"), workload, vdev)?;
    }
    Ok(())
}

fn check_workload(path: &str, workload: &Workload, vdev: &Vdev) -> Checked {
    let size = format!("{path}.size");
    match workload.op {
        Operation::Nop => in_range(size, workload.size, 0..=0)?,
        Operation::MemoryMove | Operation::Fill => in_range(size, workload.size, 1..=MAX_TRANSFER)?,
    }
    in_range(format_args!("{path}.count"), workload.count, 1..=u32::MAX)?;
    let depth = format!("{path}.depth");
    in_range(&depth, workload.depth, 1..=u32::from(vdev.wq_size))?;
    in_range(
        format_args!("{path}.src_offset"),
        workload.src_offset,
        0..=4095,
    )?;
    in_range(
        format_args!("{path}.dst_offset"),
        workload.dst_offset,
        0..=4095,
    )?;
    if workload.op == Operation::Nop && !workload.flags.is_empty() {
        let message = "are given, but nop takes none: use poke.set_flags to break one";
        return problem(format_args!("{path}.flags"), message);
    }
    if workload.poke.is_some() && workload.depth != 1 {
        let message = format!(
            "is {}, expected 1: descriptors that are broken are submitted one at a time",
            workload.depth
        );
        return problem(depth, message);
    }
    if workload.poke.is_none() && workload.expect.0 == Status::NONE {
        let message = "is `none`, but nothing is broken by `poke`: the guest would wait for ever";
        return problem(format_args!("{path}.expect"), message);
    }
    Ok(())
}

/// What all virtual devices together may take of the device.
fn check_device(scenario: &Scenario) -> Checked {
    let profile = scenario.device.profile;
    let sizes = profile.straps();
    let vdevs = || scenario.vms.iter().flat_map(|vm| &vm.vdevs);

    let wqs = sizes.wqs.min(WQS_VISIBLE).min(sizes.ims_entries);
    let used = vdevs().count();
    if used > usize::from(wqs) {
        let message = format!(
            "have {used} virtual devices, but profile `{}` has {wqs} work queues",
            profile.name()
        );
        return problem("vms", message);
    }
    let entries: u32 = vdevs().map(|vdev| u32::from(vdev.wq_size)).sum();
    if entries > u32::from(sizes.wq_entries) {
        let message = format!(
            "have wq_size {entries} in all, but profile `{}` has {} entries",
            profile.name(),
            sizes.wq_entries
        );
        return problem("vms", message);
    }
    let groups: BTreeSet<u8> = vdevs().map(|vdev| vdev.group).collect();
    if groups.len() > usize::from(sizes.engines) {
        let message = format!(
            "use {} groups, but there are {} engines, and each group needs one",
            groups.len(),
            sizes.engines
        );
        return problem("vms", message);
    }
    Ok(())
}
