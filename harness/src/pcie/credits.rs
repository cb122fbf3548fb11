// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Flow control credits that the root complex grants to the device (PCIe 2.6).

use serde::{Deserialize, Serialize};

use crate::endpoint::{CreditLimit, Credits};

/// A flow control class of what the device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreditClass {
    /// Memory writes and messages.
    Posted,
    /// Reads and Translation Requests.
    NonPosted,
    /// Completions.
    Completion,
}

/// How much of a class the device may send before the root complex has taken it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreditWindow {
    /// Any number, as after reset.
    #[default]
    Infinite,
    /// So many TLPs and 16-byte units of payload.
    Open {
        /// TLPs.
        headers: u16,
        /// 16-byte units of payload.
        data: u16,
    },
    /// Nothing is granted any more. What the device is sending just then still comes.
    Stalled,
}

/// One class.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    window: CreditWindow,
    /// Spent since reset; the limits of a stall are frozen here.
    headers: u16,
    data: u16,
    stalled: (u16, u16),
}

/// All classes.
#[derive(Debug, Default)]
pub(super) struct CreditWindows {
    classes: [State; 3],
}

impl CreditWindows {
    /// Changes a window. `payload` is the largest payload in bytes.
    pub fn set(&mut self, class: CreditClass, window: CreditWindow, payload: u16) {
        let state = &mut self.classes[class as usize];
        state.window = window;
        state.stalled = (
            state.headers.wrapping_add(1),
            state.data.wrapping_add(payload / 16),
        );
    }

    /// The root complex has taken a device TLP; whether limits have moved.
    pub fn taken(&mut self, words: &[u32]) -> bool {
        let header = words[usize::from(words[0] >> 29 == 0b100)];
        let payload = match header >> 30 & 1 {
            0 => 0,
            _ => (header.wrapping_sub(1) & 0x3ff) + 1,
        };
        let state = &mut self.classes[class_of(header) as usize];
        state.headers = state.headers.wrapping_add(1);
        state.data = state.data.wrapping_add(payload.div_ceil(4) as u16);
        matches!(state.window, CreditWindow::Open { .. })
    }

    /// What is granted.
    pub fn credits(&self) -> Credits {
        let [posted, non_posted, completions] = self.classes.map(|state| match state.window {
            CreditWindow::Infinite => CreditLimit::Infinite,
            CreditWindow::Open { headers, data } => CreditLimit::Total {
                headers: state.headers.wrapping_add(headers) & 0xfff,
                data: state.data.wrapping_add(data),
            },
            CreditWindow::Stalled => CreditLimit::Total {
                headers: state.stalled.0 & 0xfff,
                data: state.stalled.1,
            },
        });
        Credits {
            posted,
            non_posted,
            completions,
        }
    }
}

/// The class of a TLP by its first header dword.
fn class_of(header: u32) -> CreditClass {
    match header >> 24 & 0x1f {
        0b0_1010 | 0b0_1011 => CreditClass::Completion,
        0 if header >> 30 & 1 == 1 => CreditClass::Posted,
        kind if kind >> 3 == 0b10 => CreditClass::Posted,
        _ => CreditClass::NonPosted,
    }
}
