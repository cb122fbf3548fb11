// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Mirror of sim/cpp/endpoint.h.

use std::ffi::{c_char, c_void};

/// `SiovModel*`
pub type Raw = *mut c_void;

pub const STOP_TLP: u32 = 1;
pub const STOP_SENT: u32 = 2;
pub const STOP_IDLE: u32 = 4;
pub const STOP_FAILED: u32 = 8;

#[repr(C)]
pub struct Tlp {
    pub sop: u64,
    pub eop: u64,
    pub dws: *const u32,
    pub count: usize,
}

#[repr(C)]
#[derive(Default)]
pub struct Sent {
    pub id: u64,
    pub sop: u64,
    pub eop: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct Digest {
    pub tlps: u64,
    pub dws: u64,
    pub hash: u64,
}

#[repr(C)]
#[derive(Debug)]
pub struct Api {
    pub create: unsafe extern "C" fn(*const u32, *const c_char, *const c_char) -> Raw,
    pub destroy: unsafe extern "C" fn(Raw),
    pub failure: unsafe extern "C" fn(Raw) -> *const c_char,
    pub cycle: unsafe extern "C" fn(Raw) -> u64,
    pub idle: unsafe extern "C" fn(Raw) -> bool,
    pub push: unsafe extern "C" fn(Raw, u64, *const u32, usize) -> u64,
    pub pending: unsafe extern "C" fn(Raw) -> usize,
    pub run: unsafe extern "C" fn(Raw, u64, u32) -> u32,
    pub next_tlp: unsafe extern "C" fn(Raw, *mut Tlp) -> bool,
    pub log_sent: unsafe extern "C" fn(Raw, bool),
    pub next_sent: unsafe extern "C" fn(Raw, *mut Sent) -> bool,
    pub keep_tlps: unsafe extern "C" fn(Raw, bool),
    pub digest: unsafe extern "C" fn(Raw, *mut Digest),
    pub set_credits: unsafe extern "C" fn(Raw, *const u32),
    pub set_tx_ready: unsafe extern "C" fn(Raw, u64, u64),
}

/// What a library exports to give its table.
pub type GetApi = unsafe extern "C" fn() -> *const Api;

unsafe extern "C" {
    pub fn siov_endpoint_api() -> *const Api;
    #[cfg(test)]
    pub fn siov_loopback_api() -> *const Api;
}
