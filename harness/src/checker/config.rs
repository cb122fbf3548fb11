// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the device is allowed, learnt from the configuration accesses that pass.

use crate::pcie::tlp::ConfigRequest;

const DWORDS: usize = 1024;
const COMMAND: u16 = 0x04;
const CAP_POINTER: u16 = 0x34;
const EXTENDED: u16 = 0x100;

const PCIE: u32 = 0x10;
const PM: u32 = 0x01;
const EXT_ATS: u32 = 0x0f;
const EXT_PRI: u32 = 0x13;
const EXT_PASID: u32 = 0x1b;

/// Relaxed Ordering and No Snoop on, MRRS 512, 8-bit tags: a device may come so from reset.
const DEVICE_CONTROL_RESET: u32 = 0x2910;

/// What the registers allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub bus_master: bool,
    /// Max_Payload_Size, bytes.
    pub payload: u32,
    /// Max_Read_Request_Size, bytes.
    pub read: u32,
    pub relaxed: bool,
    pub no_snoop: bool,
    pub id_ordering: bool,
    pub tags_8: bool,
    pub tags_10: bool,
    pub correctable: bool,
    pub non_fatal: bool,
    pub fatal: bool,
    pub pasid: bool,
    pub execute: bool,
    pub privileged: bool,
    pub translated_with_pasid: bool,
    pub ats: bool,
    pub pri: bool,
    /// Outstanding Page Request Allocation.
    pub pri_allocation: u32,
    /// Smallest Translation Unit, log2 of bytes.
    pub translation_unit: u32,
    /// Cycles after which a request may be given up, if ever.
    pub timeout: Option<u64>,
}

impl Limits {
    /// What either allows: while a register is being written, nobody knows which holds.
    fn or(self, other: Self) -> Self {
        Self {
            bus_master: self.bus_master | other.bus_master,
            payload: self.payload.max(other.payload),
            read: self.read.max(other.read),
            relaxed: self.relaxed | other.relaxed,
            no_snoop: self.no_snoop | other.no_snoop,
            id_ordering: self.id_ordering | other.id_ordering,
            tags_8: self.tags_8 | other.tags_8,
            tags_10: self.tags_10 | other.tags_10,
            correctable: self.correctable | other.correctable,
            non_fatal: self.non_fatal | other.non_fatal,
            fatal: self.fatal | other.fatal,
            pasid: self.pasid | other.pasid,
            execute: self.execute | other.execute,
            privileged: self.privileged | other.privileged,
            translated_with_pasid: self.translated_with_pasid | other.translated_with_pasid,
            ats: self.ats | other.ats,
            pri: self.pri | other.pri,
            pri_allocation: self.pri_allocation.max(other.pri_allocation),
            translation_unit: self.translation_unit,
            timeout: [self.timeout, other.timeout].into_iter().flatten().min(),
        }
    }
}

/// The least that a Completion Timeout Value of Device Control 2 allows, in cycles: one is 1 ns, and
/// the device lets time run 16 times as fast.
const fn completion_timeout(control2: u32) -> Option<u64> {
    const MICROSECOND: u64 = 1_000;
    const SPEED: u64 = 16;
    let microseconds = match control2 & 0xf {
        0x2 => 1_000,
        0x5 => 16_000,
        0x6 => 65_000,
        0x9 => 260_000,
        0xa => 1_000_000,
        0xd => 4_000_000,
        0xe => 17_000_000,
        _ => 50,
    };
    match bit(control2, 4) {
        true => None,
        false => Some(microseconds * MICROSECOND / SPEED),
    }
}

/// What a completed configuration write has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// All state is gone: FLR, or D0 after D3hot.
    Reset,
    /// The translation cache is to be empty: ATS was enabled.
    AtsEnabled,
    /// Page requests start over.
    PriEnabled,
}

/// Registers as far as they are known.
#[derive(Debug)]
pub(super) struct Config {
    words: Box<[u32; DWORDS]>,
    /// Offsets where a capability starts.
    starts: Box<[bool; DWORDS]>,
    pcie: Option<u16>,
    pm: Option<u16>,
    ats: Option<u16>,
    pri: Option<u16>,
    pasid: Option<u16>,
    limits: Limits,
    /// `limits`, and what writes that are not completed would allow.
    allowed: Limits,
    writing: u32,
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            words: Box::new([0; DWORDS]),
            starts: Box::new([false; DWORDS]),
            pcie: None,
            pm: None,
            ats: None,
            pri: None,
            pasid: None,
            limits: NOTHING,
            allowed: NOTHING,
            writing: 0,
        };
        config.starts[usize::from(EXTENDED / 4)] = true;
        config.limits = config.read_limits();
        config.allowed = config.limits;
        config
    }
}

const NOTHING: Limits = Limits {
    bus_master: false,
    payload: 128,
    read: 128,
    relaxed: false,
    no_snoop: false,
    id_ordering: false,
    tags_8: false,
    tags_10: false,
    correctable: false,
    non_fatal: false,
    fatal: false,
    pasid: false,
    execute: false,
    privileged: false,
    translated_with_pasid: false,
    ats: false,
    pri: false,
    pri_allocation: 0,
    translation_unit: 12,
    timeout: completion_timeout(0),
};

impl Config {
    /// What the device may do now.
    pub fn allowed(&self) -> &Limits {
        &self.allowed
    }

    /// A configuration write is on its way.
    pub fn writing(&mut self, request: &ConfigRequest, data: u32) {
        let dword = usize::from(request.register / 4);
        let old = self.words[dword];
        self.words[dword] = merge(old, data, request.first_be);
        self.allowed = self.allowed.or(self.read_limits());
        self.words[dword] = old;
        self.writing += 1;
    }

    /// The write was refused.
    pub fn not_written(&mut self) {
        self.write_ended();
    }

    /// The write was completed.
    pub fn written(&mut self, request: &ConfigRequest, data: u32) -> Effect {
        let dword = usize::from(request.register / 4);
        let before = self.words[dword];
        self.words[dword] = merge(before, data, request.first_be);
        let old = self.limits;
        let effect = match () {
            () if self.resets(request.register, before, self.words[dword]) => {
                self.reset();
                Effect::Reset
            }
            () => {
                self.limits = self.read_limits();
                match () {
                    () if self.limits.ats && !old.ats => Effect::AtsEnabled,
                    () if self.limits.pri && !old.pri => Effect::PriEnabled,
                    () => Effect::None,
                }
            }
        };
        if effect == Effect::Reset {
            // What the device had begun may still come, until it answers the next configuration
            // request: that waits for the end of the reset.
            self.writing = self.writing.saturating_sub(1);
        } else {
            self.write_ended();
        }
        effect
    }

    fn write_ended(&mut self) {
        self.writing = self.writing.saturating_sub(1);
        if self.writing == 0 {
            self.allowed = self.limits;
        }
    }

    fn resets(&self, register: u16, before: u32, after: u32) -> bool {
        const FLR: u32 = 1 << 15;
        const STATE: u32 = 3;
        const NO_SOFT_RESET: u32 = 1 << 3;
        match register {
            _ if self.pcie.is_some_and(|cap| register == cap + 8) => after & FLR != 0,
            _ if self.pm.is_some_and(|cap| register == cap + 4) => {
                before & STATE == 3 && after & (STATE | NO_SOFT_RESET) == 0
            }
            _ => false,
        }
    }

    /// All registers that matter here go back, but for Max_Payload_Size.
    fn reset(&mut self) {
        const MPS: u32 = 7 << 5;
        self.words[usize::from(COMMAND / 4)] = 0;
        let control = self.pcie.map(|cap| usize::from(cap + 8) / 4);
        for register in [
            self.pcie.map(|cap| cap + 0x28),
            self.ats.map(|cap| cap + 4),
            self.pasid.map(|cap| cap + 4),
            self.pri.map(|cap| cap + 4),
            self.pri.map(|cap| cap + 12),
        ]
        .into_iter()
        .flatten()
        {
            self.words[usize::from(register / 4)] = 0;
        }
        if let Some(dword) = control {
            self.words[dword] = self.words[dword] & MPS | DEVICE_CONTROL_RESET;
        }
        self.limits = self.read_limits();
    }

    /// A configuration read was completed with `data`.
    pub fn was_read(&mut self, register: u16, data: u32) {
        let dword = usize::from(register / 4);
        self.words[dword] = data;
        if register == CAP_POINTER {
            self.starts[usize::from(data as u8 / 4)] = true;
        } else if register >= EXTENDED && self.starts[dword] {
            let cap = Some(register);
            match data & 0xffff {
                EXT_ATS => self.ats = cap,
                EXT_PRI => self.pri = cap,
                EXT_PASID => self.pasid = cap,
                _ => {}
            }
            self.starts[(data >> 22) as usize] = true;
        } else if self.starts[dword] {
            let cap = Some(register);
            match data & 0xff {
                PCIE if self.pcie.is_none() => {
                    self.pcie = cap;
                    let control = &mut self.words[dword + 2];
                    if *control == 0 {
                        *control = DEVICE_CONTROL_RESET;
                    }
                }
                PM => self.pm = cap,
                _ => {}
            }
            self.starts[(data >> 10 & 0x3f) as usize] = true;
        }
        self.limits = self.read_limits();
        if self.writing == 0 {
            self.allowed = self.limits;
        }
    }

    fn word(&self, cap: Option<u16>, offset: u16) -> u32 {
        cap.map_or(0, |cap| self.words[usize::from((cap + offset) / 4)])
    }

    fn read_limits(&self) -> Limits {
        let command = self.words[usize::from(COMMAND / 4)];
        let control = match self.pcie {
            None => DEVICE_CONTROL_RESET,
            cap => self.word(cap, 8),
        };
        let control2 = self.word(self.pcie, 0x28);
        let pasid = self.word(self.pasid, 4) >> 16;
        let ats = self.word(self.ats, 4) >> 16;
        let system_error = bit(command, 8);
        Limits {
            bus_master: bit(command, 2),
            payload: 128 << (control >> 5 & 7),
            read: 128 << (control >> 12 & 7),
            relaxed: bit(control, 4),
            no_snoop: bit(control, 11),
            id_ordering: bit(control2, 8) || bit(control2, 9),
            tags_8: bit(control, 8),
            tags_10: bit(control2, 12),
            correctable: bit(control, 0),
            non_fatal: bit(control, 1) || system_error,
            fatal: bit(control, 2) || system_error,
            pasid: bit(pasid, 0),
            execute: bit(pasid, 1),
            privileged: bit(pasid, 2),
            translated_with_pasid: bit(pasid, 3),
            ats: bit(ats, 15),
            pri: bit(self.word(self.pri, 4), 0),
            pri_allocation: self.word(self.pri, 12),
            translation_unit: 12 + (ats & 0x1f),
            timeout: completion_timeout(control2),
        }
    }
}

const fn bit(word: u32, bit: u32) -> bool {
    word >> bit & 1 != 0
}

fn merge(old: u32, new: u32, byte_enables: u8) -> u32 {
    let mask = (0..4)
        .filter(|byte| byte_enables >> byte & 1 != 0)
        .fold(0_u32, |mask, byte| mask | 0xff << (8 * byte));
    old & !mask | new & mask
}
