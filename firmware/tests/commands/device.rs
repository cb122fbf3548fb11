// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The device as the firmware sees it: registers that hold what was written, and the few that do
//! something. The firmware runs as a program of this machine (tests/host.c) on the other end of a
//! pipe.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use siov_firmware::{ctl_regs::*, regs::*};

const BAR0: u32 = 0x1000_0000;
const CTL: u32 = 0x2000_0000;

/// Operations the device has: OPCAP's first DW.
pub const OPCAP: u32 = 0x19;

/// Dispatch throws descriptors away: all, or those of one PASID.
pub const DISCARDS: u32 = SIOV_CTL_ROW_FLAGS_DISCARD_MASK | SIOV_CTL_ROW_FLAGS_DISCARD_PASID_MASK;

/// What a write to the commit register gave to a WQ.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub wq: u32,
    pub flags: u32,
    pub pasid: u32,
    pub opcfg: [u32; 2],
    pub base: u32,
    pub size: u32,
}

/// A device of 8 WQs, 128 entries, 4 groups, 4 engines, 9 MSI-X and 2,048 IMS entries, Bus Master
/// and PASID enabled.
pub struct Device {
    firmware: Child,
    to_firmware: ChildStdin,
    from_firmware: BufReader<ChildStdout>,
    words: BTreeMap<u32, u32>,
    /// Rows committed, in order.
    pub rows: Vec<Row>,
    /// How many more looks at the WQ find work in it.
    pub busy_polls: [u32; 8],
    /// How many more looks at the WQ, once it is marked, find work from before that.
    pub older_polls: [u32; 8],
    /// WQs marked, in order.
    pub marks: Vec<u32>,
    /// How many more looks at the event log find it busy.
    pub log_busy_polls: u32,
    /// The look at a WQ, counted from 1, at which the device halts.
    pub halt_at_poll: Option<u32>,
    /// The clear register was written.
    pub cleared: bool,
    /// What was written to the stop register, in order.
    pub stops: Vec<u32>,
    /// PASIDs with page requests that were left without response.
    pub left: VecDeque<u32>,
    /// How many more looks find a page request or Stop Marker that has not left.
    pub marker_busy_polls: u32,
    /// PASIDs of the Stop Markers, in order.
    pub markers: Vec<u32>,
}

impl Device {
    pub fn new() -> Self {
        let mut firmware = Command::new(env!("SIOV_FIRMWARE_HOST"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut device = Self {
            to_firmware: firmware.stdin.take().unwrap(),
            from_firmware: BufReader::new(firmware.stdout.take().unwrap()),
            firmware,
            words: BTreeMap::new(),
            rows: Vec::new(),
            busy_polls: [0; 8],
            older_polls: [0; 8],
            marks: Vec::new(),
            log_busy_polls: 0,
            halt_at_poll: None,
            cleared: false,
            stops: Vec::new(),
            left: VecDeque::new(),
            marker_busy_polls: 0,
            markers: Vec::new(),
        };
        device.set_reg(SIOV_OPCAP0_OFFSET, OPCAP);
        for wq in 0..8 {
            device.set_wq(wq, SIOV_WQCFG_OPCFG_OFFSET, OPCAP);
        }
        device.set_ctl(
            SIOV_CTL_PCIE_OFFSET,
            SIOV_CTL_PCIE_BME_MASK | SIOV_CTL_PCIE_PASID_EN_MASK,
        );
        device.set_ctl(SIOV_CTL_STRAP_QUEUES_OFFSET, 8 | 128 << 16);
        device.set_ctl(SIOV_CTL_STRAP_INTS_OFFSET, 9 | 2048 << 16);
        device.set_ctl(SIOV_CTL_STRAP_GROUPS_OFFSET, 4 | 4 << 8);
        device.set_pri_allocation(0);
        device
    }

    /// Has the firmware carry out a command; what it writes to Done.
    pub fn command(&mut self, cmd: u32) -> u32 {
        self.run(&format!("command {cmd:x}"))
    }

    /// Has the firmware handle the Halt event.
    pub fn handle_halt(&mut self) {
        self.run("halt");
    }

    fn run(&mut self, what: &str) -> u32 {
        writeln!(self.to_firmware, "{what}").unwrap();
        loop {
            let mut line = String::new();
            self.from_firmware.read_line(&mut line).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |i: usize| u32::from_str_radix(words[i], 16).unwrap();
            match words[..] {
                ["read", _] => {
                    let value = self.read(number(1));
                    writeln!(self.to_firmware, "{value:x}").unwrap();
                }
                ["write", ..] => self.write(number(1), number(2)),
                ["done", _] => return number(1),
                _ => panic!("the firmware said {line:?}"),
            }
        }
    }

    fn read(&mut self, address: u32) -> u32 {
        match address.wrapping_sub(CTL) {
            SIOV_CTL_WQ_STATUS_OFFSET => self.look_at_wq(),
            SIOV_CTL_EVL_OFFSET => {
                let busy = self.log_busy_polls > 0;
                self.log_busy_polls -= u32::from(busy);
                busy.into()
            }
            SIOV_CTL_LEFT_OFFSET => {
                let pasid = self.left.front();
                pasid.map_or(0, |pasid| pasid | SIOV_CTL_LEFT_VALID_MASK)
            }
            SIOV_CTL_MARKER_OFFSET => {
                let busy = self.marker_busy_polls > 0;
                self.marker_busy_polls -= u32::from(busy);
                u32::from(busy) << SIOV_CTL_MARKER_BUSY_SHIFT
            }
            _ => self.word(address),
        }
    }

    fn look_at_wq(&mut self) -> u32 {
        if let Some(polls) = &mut self.halt_at_poll {
            *polls -= 1;
            if *polls == 0 {
                self.halt_at_poll = None;
                self.halt();
            }
        }
        let wq = self.ctl(SIOV_CTL_WQ_SELECT_OFFSET) as usize;
        let busy = self.busy_polls[wq] > 0;
        self.busy_polls[wq] -= u32::from(busy);
        let older = self.older_polls[wq] > 0 && self.marks.contains(&(wq as u32));
        self.older_polls[wq] -= u32::from(older);
        u32::from(busy) | u32::from(older) << SIOV_CTL_WQ_STATUS_OLDER_SHIFT
    }

    fn write(&mut self, address: u32, value: u32) {
        match address.wrapping_sub(CTL) {
            SIOV_CTL_EVENTS_OFFSET => {
                let events = self.ctl(SIOV_CTL_EVENTS_OFFSET);
                self.set_ctl(SIOV_CTL_EVENTS_OFFSET, events & !value);
                return;
            }
            SIOV_CTL_ROW_COMMIT_OFFSET => self.commit(value),
            SIOV_CTL_WQ_SELECT_OFFSET if value & SIOV_CTL_WQ_SELECT_MARK_MASK != 0 => {
                self.marks.push(value & SIOV_CTL_WQ_SELECT_WQ_MASK);
            }
            SIOV_CTL_CLEAR_OFFSET => self.cleared = true,
            SIOV_CTL_STOP_OFFSET => self.stops.push(value),
            SIOV_CTL_LEFT_OFFSET => drop(self.left.pop_front()),
            SIOV_CTL_MARKER_OFFSET => {
                assert_eq!(self.marker_busy_polls, 0, "a Stop Marker waits");
                self.marker_busy_polls = 2;
                self.markers.push(value);
            }
            _ => {}
        }
        let halted = self.ctl(SIOV_CTL_EVENTS_OFFSET) & SIOV_CTL_EVENTS_HALT_MASK != 0;
        if address == BAR0 + SIOV_GENSTS_OFFSET && halted {
            return; // as the hardware does
        }
        self.words.insert(address, value);
    }

    fn commit(&mut self, wq: u32) {
        let entries = self.ctl(SIOV_CTL_ROW_ENTRIES_OFFSET);
        self.rows.push(Row {
            wq,
            flags: self.ctl(SIOV_CTL_ROW_FLAGS_OFFSET),
            pasid: self.ctl(SIOV_CTL_ROW_PASID_OFFSET),
            opcfg: [0, 4].map(|dw| self.ctl(SIOV_CTL_ROW_OPCFG_OFFSET + dw)),
            base: entries & 0xffff,
            size: entries >> 16,
        });
    }

    /// Each row committed: WQ, enabled, discard.
    pub fn modes_of_rows(&self) -> Vec<(u32, bool, bool)> {
        let set = |row: &Row, mask| row.flags & mask != 0;
        self.rows
            .iter()
            .map(|row| {
                let enabled = set(row, SIOV_CTL_ROW_FLAGS_ENABLED_MASK);
                (row.wq, enabled, set(row, DISCARDS))
            })
            .collect()
    }

    /// The device goes to Halt by itself.
    pub fn halt(&mut self) {
        self.set_state(3);
        self.set_ctl(SIOV_CTL_EVENTS_OFFSET, SIOV_CTL_EVENTS_HALT_MASK);
    }

    fn word(&self, address: u32) -> u32 {
        self.words.get(&address).copied().unwrap_or(0)
    }

    pub fn reg(&self, offset: u32) -> u32 {
        self.word(BAR0 + offset)
    }

    pub fn set_reg(&mut self, offset: u32, value: u32) {
        self.words.insert(BAR0 + offset, value);
    }

    pub fn ctl(&self, offset: u32) -> u32 {
        self.word(CTL + offset)
    }

    pub fn set_ctl(&mut self, offset: u32, value: u32) {
        self.words.insert(CTL + offset, value);
    }

    pub fn wq(&self, wq: u32, offset: u32) -> u32 {
        self.reg(SIOV_WQCFG_OFFSET + wq * SIOV_WQCFG_STRIDE + offset)
    }

    /// Page request allocation of config space; the capacity is 512.
    pub fn set_pri_allocation(&mut self, requests: u32) {
        self.set_ctl(
            SIOV_CTL_PRI_OFFSET,
            512 << SIOV_CTL_PRI_CAPACITY_SHIFT | requests,
        );
    }

    /// More that config space enables, `SIOV_CTL_PCIE_*_MASK`.
    pub fn enable_in_config_space(&mut self, bits: u32) {
        self.set_ctl(SIOV_CTL_PCIE_OFFSET, self.ctl(SIOV_CTL_PCIE_OFFSET) | bits);
    }

    pub fn set_wq(&mut self, wq: u32, offset: u32, value: u32) {
        self.set_reg(SIOV_WQCFG_OFFSET + wq * SIOV_WQCFG_STRIDE + offset, value);
    }

    pub fn set_group(&mut self, group: u32, wqs: u32, engines: u32) {
        let entry = SIOV_GRPCFG_OFFSET + group * SIOV_GRPCFG_STRIDE;
        self.set_reg(entry + SIOV_GRPCFG_WQS_OFFSET, wqs);
        self.set_reg(entry + SIOV_GRPCFG_ENGINES_OFFSET, engines);
    }

    pub fn wq_state(&self, wq: u32) -> u32 {
        self.wq(wq, SIOV_WQCFG_STATUS_OFFSET) >> SIOV_WQCFG_STATUS_STATE_SHIFT
    }

    pub fn state(&self) -> u32 {
        self.reg(SIOV_GENSTS_OFFSET) & SIOV_GENSTS_STATE_MASK
    }

    pub fn set_state(&mut self, state: u32) {
        self.set_reg(SIOV_GENSTS_OFFSET, state);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Both fail only if the program has ended already.
        let _ = self.firmware.kill();
        let _ = self.firmware.wait();
    }
}
