// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What events and page requests of a scenario must fulfil beyond their types.

use super::check::{Checked, in_range, problem};
use super::{EventSetting, HostDeed, Paging, Scenario, Vm};

/// Page requests that the device can have outstanding by its PRI capability.
const PRI_CAPACITY: u32 = 512;
const LONGEST_PAGING: u64 = 1_000_000;
/// Half of the completion timeout of the host.
const LONGEST_STALL: u64 = 50_000;

pub fn check(scenario: &Scenario) -> Checked {
    check_page_requests(scenario)?;
    for (i, vm) in scenario.vms.iter().enumerate() {
        check_paging(scenario, &format!("vms[{i}]"), vm)?;
    }
    for (i, event) in scenario.host.events.iter().enumerate() {
        check_event(scenario, &format!("host.events[{i}]"), event)?;
    }
    Ok(())
}

fn check_page_requests(scenario: &Scenario) -> Checked {
    let Some(allocation) = scenario.host.pri else {
        return Ok(());
    };
    in_range("host.pri", allocation, 1..=PRI_CAPACITY)?;
    match scenario.host.ats {
        true => Ok(()),
        false => problem(
            "host.pri",
            "is given, but host.ats is false: a device that asks for pages translates by itself",
        ),
    }
}

fn check_paging(scenario: &Scenario, path: &str, vm: &Vm) -> Checked {
    in_range(
        format_args!("{path}.paging_delay"),
        vm.paging_delay,
        0..=LONGEST_PAGING,
    )?;
    match vm.paging {
        Paging::Pinned if vm.paging_delay > 0 => problem(
            format_args!("{path}.paging_delay"),
            "is given, but all pages are there: set paging to `on_demand` or `refused`",
        ),
        Paging::OnDemand | Paging::Refused if scenario.host.pri.is_none() => problem(
            format_args!("{path}.paging"),
            "needs page requests: set host.ats, and host.pri to how many may be outstanding",
        ),
        _ => Ok(()),
    }
}

fn check_event(scenario: &Scenario, path: &str, event: &EventSetting) -> Checked {
    match (event.at, event.after_descriptors) {
        (Some(_), None) | (None, Some(_)) => {}
        _ => {
            let message = "needs either `at` or `after_descriptors`, and not both";
            return problem(path, message);
        }
    }
    let descriptors = scenario.descriptors();
    if let Some(after) = event.after_descriptors.filter(|&n| n >= descriptors) {
        return problem(
            format_args!("{path}.after_descriptors"),
            format_args!("is {after}, expected less than the {descriptors} of all workloads"),
        );
    }
    if let Some(every) = event.every {
        in_range(format_args!("{path}.every"), every, 1..=u64::MAX)?;
    }
    if let Some(times) = event.times {
        in_range(format_args!("{path}.times"), times, 1..=u64::MAX)?;
        if event.every.is_none() {
            let message = "is given without `every`: how many cycles are between them?";
            return problem(format_args!("{path}.times"), message);
        }
    }
    match &event.deed {
        HostDeed::Flr => check_reset(scenario, path),
        HostDeed::MigratePages(which) => {
            check_pages(scenario, &format!("{path}.do.migrate_pages"), which)
        }
        HostDeed::ReclaimPages(which) => {
            check_pages(scenario, &format!("{path}.do.reclaim_pages"), which)
        }
        HostDeed::StallCredits(stall) => in_range(
            format_args!("{path}.do.stall_credits.cycles"),
            stall.cycles,
            1..=LONGEST_STALL,
        ),
    }
}

/// A reset would take the commands with which a guest waits for poked descriptors.
fn check_reset(scenario: &Scenario, path: &str) -> Checked {
    for (i, vm) in scenario.vms.iter().enumerate() {
        for (j, vdev) in vm.vdevs.iter().enumerate() {
            if let Some(k) = vdev.workloads.iter().position(|w| w.poke.is_some()) {
                let message = format!(
                    "resets the function, but vms[{i}].vdevs[{j}].workloads[{k}] has `poke`: \
                     take one of them out"
                );
                return problem(format_args!("{path}.do"), message);
            }
        }
    }
    Ok(())
}

fn check_pages(scenario: &Scenario, path: &str, which: &super::SomePages) -> Checked {
    let Some(vm) = scenario.vms.iter().find(|vm| vm.name == which.vm) else {
        let names: Vec<_> = scenario.vms.iter().map(|vm| vm.name.as_str()).collect();
        let message = format!("is `{}`, expected one of {}", which.vm, names.join(", "));
        return problem(format_args!("{path}.vm"), message);
    };
    in_range(
        format_args!("{path}.pages"),
        which.pages,
        1..=vm.memory_kib / 4,
    )?;
    match vm.paging {
        Paging::OnDemand => Ok(()),
        _ => problem(
            format_args!("{path}.vm"),
            format_args!(
                "is `{}`, whose paging is not `on_demand`: its device cannot wait for pages",
                which.vm
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
