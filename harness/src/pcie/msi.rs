// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt messages: where device writes to FEEx_xxxxh end.

use crate::endpoint::Cycle;

/// An interrupt message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msi {
    /// FEEx_xxxxh.
    pub address: u64,
    /// The dword written.
    pub data: u32,
}

/// How often a message has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MsiCount {
    /// Messages since the vector was claimed.
    pub count: u64,
    /// When the last one came.
    pub last: Cycle,
}

/// Receives one message, from [`super::Host::on_msi`] until dropped.
#[derive(Debug)]
pub struct MsiVector {}

impl MsiVector {
    /// Messages so far.
    pub fn count(&self) -> MsiCount {
        todo!()
    }

    /// Waits until more than `seen` messages have come. Give it the `count` of the last return
    /// value and no message is missed.
    pub async fn wait(&self, _seen: u64) -> MsiCount {
        todo!()
    }
}
