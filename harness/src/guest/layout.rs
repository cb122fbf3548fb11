// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Where a guest driver puts its records and buffers in guest-physical memory.

use crate::scenario::{Vdev, Vm, Workload};

const PAGE: u64 = 4096;
/// Bytes kept free behind each buffer, so that a write past its end is seen.
const GUARD: u64 = 64;
/// Completion records are 32 bytes; one cache line each, as drivers do.
const RECORD_STRIDE: u64 = 64;

/// The first page stays free: address 0 is nobody's buffer.
const FIRST_FREE: u64 = PAGE;

/// The memory of one virtual device's driver, from `base` on: records, then for each slot a source
/// and a destination of whole pages. A slot holds one outstanding descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    base: u64,
    /// Bytes of records, whole pages.
    records: u64,
}

impl Layout {
    /// Memory of device number `index` of `vm`, behind that of the devices before it.
    pub fn of_vdev(vm: &Vm, index: usize) -> Layout {
        let before: u64 = vm.vdevs.iter().take(index).map(vdev_bytes).sum();
        Layout {
            base: FIRST_FREE + before,
            records: vm.vdevs.get(index).map_or(0, records_bytes),
        }
    }

    /// Bytes of guest-physical memory, from 0, that the drivers of `vm` use.
    pub fn memory_needed(vm: &Vm) -> u64 {
        FIRST_FREE + vm.vdevs.iter().map(vdev_bytes).sum::<u64>()
    }

    /// Pages of completion records: the first, and how many bytes.
    pub fn records(self) -> (u64, u64) {
        (self.base, self.records)
    }

    /// Completion record of a slot.
    pub fn record(self, slot: u32) -> u64 {
        self.base + u64::from(slot) * RECORD_STRIDE
    }

    /// Source of a slot.
    pub fn source(self, workload: &Workload, slot: u32) -> u64 {
        self.slot(workload, slot) + u64::from(workload.src_offset)
    }

    /// Destination of a slot.
    pub fn destination(self, workload: &Workload, slot: u32) -> u64 {
        self.slot(workload, slot)
            + buffer_bytes(workload, workload.src_offset)
            + u64::from(workload.dst_offset)
    }

    fn slot(self, workload: &Workload, slot: u32) -> u64 {
        self.base + self.records + u64::from(slot) * slot_bytes(workload)
    }
}

fn vdev_bytes(vdev: &Vdev) -> u64 {
    let buffers = vdev.workloads.iter();
    let buffers = buffers.map(|w| u64::from(w.depth) * slot_bytes(w)).max();
    records_bytes(vdev) + buffers.unwrap_or(0)
}

fn records_bytes(vdev: &Vdev) -> u64 {
    let depth = vdev.workloads.iter().map(|w| w.depth).max().unwrap_or(0);
    (u64::from(depth) * RECORD_STRIDE).next_multiple_of(PAGE)
}

fn slot_bytes(workload: &Workload) -> u64 {
    buffer_bytes(workload, workload.src_offset) + buffer_bytes(workload, workload.dst_offset)
}

fn buffer_bytes(workload: &Workload, offset: u32) -> u64 {
    if workload.size == 0 {
        return 0;
    }
    (u64::from(offset) + u64::from(workload.size) + GUARD).next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn scenario() -> Scenario {
        let text = r#"{ "vms": [{ "name": "a", "vdevs": [
            { "name": "d0", "workloads": [
                { "op": "memory_move", "size": 4096, "depth": 3, "dst_offset": 1 },
                { "op": "nop" } ] },
            { "name": "d1", "workloads": [{ "op": "fill", "size": 1 }] }
        ] }] }"#;
        Scenario::parse("test.json", text).unwrap()
    }

    #[test]
    fn buffers_of_two_slots_do_not_touch() {
        let scenario = scenario();
        let workload = &scenario.vms[0].vdevs[0].workloads[0];
        let layout = Layout::of_vdev(&scenario.vms[0], 0);

        assert_eq!(layout.record(2), 0x1080);
        assert_eq!(layout.source(workload, 0), 0x2000);
        assert_eq!(layout.destination(workload, 0), 0x4001);
        assert_eq!(layout.source(workload, 1), 0x6000);
    }

    #[test]
    fn second_device_starts_behind_the_largest_workload_of_the_first() {
        let scenario = scenario();

        assert_eq!(Layout::of_vdev(&scenario.vms[0], 1).record(0), 0xe000);
        assert_eq!(Layout::memory_needed(&scenario.vms[0]), 0x1_1000);
    }
}
