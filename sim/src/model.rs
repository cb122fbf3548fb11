// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;

use libloading::Library;

use crate::error::Error;
use crate::ffi::{self, Api, Raw};
use crate::library;
use crate::straps::Straps;
use crate::verilate::{Replacement, Variant};

/// Names the RTL and C++ that this program simulates. Equal IDs give equal cycles.
pub const BUILD_ID: &str = env!("SIOV_BUILD_ID");

/// What a model starts from.
#[derive(Debug, Clone)]
pub struct Config {
    /// What software sees of the device.
    pub straps: Straps,
    /// Image of the management core's memory, as `$readmemh` reads it.
    pub firmware: PathBuf,
    /// Write waves (FST) to this file. Needs Verilator and the source tree at run time.
    pub wave: Option<PathBuf>,
}

/// When [`Model::run`] returns before its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopOn {
    /// A device TLP is complete.
    pub tlp: bool,
    /// The device has taken a whole host TLP.
    pub sent: bool,
    /// Nothing is in flight in the device and no host TLP waits.
    pub idle: bool,
}

/// Why [`Model::run`] returned. Of several reasons in one cycle, the first of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A device TLP is complete: see [`Model::next_tlp`].
    Tlp,
    /// The device has taken a whole host TLP.
    Sent,
    /// Nothing is in flight in the device and no host TLP waits.
    Idle,
    /// All cycles asked for have passed.
    Limit,
}

/// A device TLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlp<'a> {
    /// Cycle of its first beat.
    pub sop: u64,
    /// Cycle of its last beat.
    pub eop: u64,
    /// PASID prefix if it has one, header, payload (docs/tlp-port.md has the byte order).
    pub dws: &'a [u32],
}

/// When the device took a host TLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// What [`Model::push`] gave.
    pub id: u64,
    /// Cycle of its first beat.
    pub sop: u64,
    /// Cycle of its last beat.
    pub eop: u64,
}

/// What all device TLPs so far add up to. Equal digests: equal TLPs at equal cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Number of TLPs.
    pub tlps: u64,
    /// Their DWs, prefixes and headers included.
    pub dws: u64,
    /// FNV-1a over the cycles and DWs of all.
    pub hash: u64,
}

/// Credits granted to the device in one class, as totals since reset (PCIe 2.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditLimit {
    /// No limit.
    Infinite,
    /// Only what these totals allow.
    Total {
        /// TLPs, modulo 2^12.
        headers: u16,
        /// Units of 16 bytes of payload, modulo 2^16.
        data: u16,
    },
}

/// Credits granted to the device in each class. Infinite after reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credits {
    /// Memory writes and messages.
    pub posted: CreditLimit,
    /// Requests that want a completion.
    pub non_posted: CreditLimit,
    /// Completions.
    pub completions: CreditLimit,
}

impl CreditLimit {
    fn word(self) -> u32 {
        match self {
            Self::Infinite => 1 << 28,
            Self::Total { headers, data } => u32::from(headers & 0xfff) << 16 | u32::from(data),
        }
    }
}

/// The device, clocked. Cycle 0 is the first rising edge after reset; [`Model::cycle`] is the edge
/// that comes next. Same pushes, same cycles: a model has no other input.
#[derive(Debug)]
pub struct Model {
    api: &'static Api,
    raw: Raw,
    /// Holds `api` for a model with waves; dropped after `raw` is destroyed.
    _library: Option<Library>,
}

// SAFETY: C++ keeps nothing of a model in the thread that last ran it.
unsafe impl Send for Model {}

impl Model {
    /// Makes a device and takes it through reset. Builds the model with waves first if `config`
    /// asks for it and nobody has before, which takes minutes.
    ///
    /// # Errors
    ///
    /// If a file cannot be used, the model with waves cannot be built, or the RTL does not get
    /// through reset.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let (library, api) = match &config.wave {
            Some(_) => {
                let (library, api) = library::load_device(Variant::Wave, &[])?;
                (Some(library), api)
            }
            // SAFETY: gives the address of a constant.
            None => (None, unsafe { ffi::siov_endpoint_api() }),
        };
        // SAFETY: the table lives as long as the program or, in `library`, as the model.
        Self::with_api(unsafe { &*api }, library, config)
    }

    /// The same of a device of which some RTL is replaced, for tests that hold the device against
    /// it. Builds that first.
    ///
    /// # Errors
    ///
    /// As [`Model::new`]. Such a model has no waves: [`Config::wave`] is refused.
    pub fn with_replacements(config: &Config, rtl: &[Replacement]) -> Result<Self, Error> {
        let (library, api) = library::load_device(Variant::Bench, rtl)?;
        // SAFETY: the table lives as long as `library`, which the model keeps.
        Self::with_api(unsafe { &*api }, Some(library), config)
    }

    pub(crate) fn with_api(
        api: &'static Api,
        library: Option<Library>,
        config: &Config,
    ) -> Result<Self, Error> {
        File::open(&config.firmware).map_err(|source| Error::Firmware {
            path: config.firmware.clone(),
            source,
        })?;
        let firmware = c_path(&config.firmware)?;
        let wave = config.wave.as_deref().map(c_path).transpose()?;
        let wave = wave.as_ref().map_or(ptr::null(), |w| w.as_ptr());
        let straps = config.straps.words();
        // SAFETY: four words and two strings that outlive the call.
        let raw = unsafe { (api.create)(straps.as_ptr(), firmware.as_ptr(), wave) };
        let model = Self {
            api,
            raw,
            _library: library,
        };
        model.check()?;
        Ok(model)
    }

    /// Clock cycles since reset.
    #[must_use]
    pub fn cycle(&self) -> u64 {
        // SAFETY: `raw` is a model of `api`; the same in all methods below.
        unsafe { (self.api.cycle)(self.raw) }
    }

    /// Whether nothing is in flight in the device and no host TLP waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        unsafe { (self.api.idle)(self.raw) }
    }

    /// Host TLPs that the device has not wholly taken.
    #[must_use]
    pub fn pending(&self) -> usize {
        unsafe { (self.api.pending)(self.raw) }
    }

    /// Queues a host TLP: PASID prefix if any, header, payload. It starts in the first cycle from
    /// `ready_at` on in which the port is free and no TLP with a lower (`ready_at`, id) is ready.
    /// While the device has no room for non-posted TLPs, those wait and the others pass them.
    /// A `ready_at` in the past counts as the present. Gives its id: 0, 1, 2, ...
    ///
    /// # Errors
    ///
    /// If the slice ends within the header, or is longer than the largest TLP.
    pub fn push(&mut self, ready_at: u64, dws: &[u32]) -> Result<u64, Error> {
        let problem = |problem| {
            Err(Error::Tlp {
                dws: dws.len(),
                problem,
            })
        };
        // Fmt is bits 31:29: 100b is a prefix, 0x1b a header of 4 DWs (PCIe 2.2.1).
        let tlp = match dws {
            [prefix, rest @ ..] if prefix >> 29 == 4 => rest,
            _ => dws,
        };
        let header = match tlp.first() {
            Some(dw) if dw >> 29 & 1 == 1 => 4,
            _ => 3,
        };
        match tlp.len().checked_sub(header) {
            None => problem("ends within the header"),
            Some(payload) if payload > 1024 => problem("more than 1,024 DWs of payload"),
            Some(_) => Ok(unsafe { (self.api.push)(self.raw, ready_at, dws.as_ptr(), dws.len()) }),
        }
    }

    /// Clocks the device for `max_cycles`, or less if something of `stop_on` happens.
    ///
    /// # Errors
    ///
    /// If an assertion fires. The model then stays in that cycle, and each further call says the
    /// same.
    pub fn run(&mut self, max_cycles: u64, stop_on: StopOn) -> Result<Stop, Error> {
        let bit = |on, bit| if on { bit } else { 0 };
        let mask = bit(stop_on.tlp, ffi::STOP_TLP)
            | bit(stop_on.sent, ffi::STOP_SENT)
            | bit(stop_on.idle, ffi::STOP_IDLE);
        let seen = unsafe { (self.api.run)(self.raw, max_cycles, mask) };
        if seen & ffi::STOP_FAILED != 0 {
            self.check()?;
        }
        Ok(match seen {
            _ if seen & ffi::STOP_TLP != 0 => Stop::Tlp,
            _ if seen & ffi::STOP_SENT != 0 => Stop::Sent,
            _ if seen & ffi::STOP_IDLE != 0 => Stop::Idle,
            _ => Stop::Limit,
        })
    }

    /// The next device TLP that is complete, in the order in which they left.
    pub fn next_tlp(&mut self) -> Option<Tlp<'_>> {
        let mut tlp = ffi::Tlp {
            sop: 0,
            eop: 0,
            dws: ptr::null(),
            count: 0,
        };
        if !unsafe { (self.api.next_tlp)(self.raw, &mut tlp) } {
            return None;
        }
        // SAFETY: the DWs stay until the next call, which needs `&mut self`.
        let dws = unsafe { slice::from_raw_parts(tlp.dws, tlp.count) };
        Some(Tlp {
            sop: tlp.sop,
            eop: tlp.eop,
            dws,
        })
    }

    /// Whether [`Model::next_sent`] is fed. Off after reset.
    pub fn log_sent(&mut self, on: bool) {
        unsafe { (self.api.log_sent)(self.raw, on) }
    }

    /// The next host TLP that the device has wholly taken, if the log is on.
    pub fn next_sent(&mut self) -> Option<Sent> {
        let mut sent = ffi::Sent::default();
        let some = unsafe { (self.api.next_sent)(self.raw, &mut sent) };
        some.then_some(Sent {
            id: sent.id,
            sop: sent.sop,
            eop: sent.eop,
        })
    }

    /// Whether [`Model::next_tlp`] is fed. On after reset; off, TLPs are only counted in
    /// [`Model::digest`], as a replay wants it.
    pub fn keep_tlps(&mut self, on: bool) {
        unsafe { (self.api.keep_tlps)(self.raw, on) }
    }

    /// What all device TLPs so far add up to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut digest = ffi::Digest::default();
        unsafe { (self.api.digest)(self.raw, &mut digest) };
        Digest {
            tlps: digest.tlps,
            dws: digest.dws,
            hash: digest.hash,
        }
    }

    /// Grants credits to the device, from the next cycle on.
    pub fn set_credits(&mut self, credits: &Credits) {
        let Credits {
            posted,
            non_posted,
            completions,
        } = *credits;
        let words = [posted, non_posted, completions].map(CreditLimit::word);
        unsafe { (self.api.set_credits)(self.raw, words.as_ptr()) }
    }

    /// When the host takes beats: never before `from_cycle`, then in cycle n if bit n mod 64 of
    /// `pattern` is set. Always after reset.
    pub fn set_tx_ready(&mut self, from_cycle: u64, pattern: u64) {
        unsafe { (self.api.set_tx_ready)(self.raw, from_cycle, pattern) }
    }

    fn check(&self) -> Result<(), Error> {
        let text = unsafe { (self.api.failure)(self.raw) };
        if text.is_null() {
            return Ok(());
        }
        // SAFETY: a C string that lives as long as the model.
        let message = unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .trim_end()
            .to_owned();
        Err(Error::Rtl {
            cycle: self.cycle(),
            message,
        })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        unsafe { (self.api.destroy)(self.raw) }
    }
}

fn c_path(path: &Path) -> Result<CString, Error> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Path {
        path: path.to_owned(),
    })
}
