// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the device profiles stand for.

use super::Profile;

/// IDs and sizes of a profile, in the order the device's straps take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// PCI vendor ID.
    pub vendor_id: u16,
    /// PCI device ID.
    pub device_id: u16,
    /// Work queues.
    pub wqs: u16,
    /// Entries of all work queues together.
    pub wq_entries: u16,
    /// MSI-X table entries.
    pub msix_entries: u16,
    /// IMS entries.
    pub ims_entries: u16,
    /// Groups.
    pub groups: u8,
    /// Engines.
    pub engines: u8,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 3] = [Profile::Small, Profile::Idxd, Profile::Scale];

    /// The name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Small => "small",
            Profile::Idxd => "idxd",
            Profile::Scale => "scale",
        }
    }

    /// IDs and sizes.
    pub fn sizes(self) -> Sizes {
        let neutral = Sizes {
            vendor_id: 0x1234,
            device_id: 0x510b,
            wqs: 16,
            wq_entries: 256,
            msix_entries: 17,
            ims_entries: 256,
            groups: 4,
            engines: 4,
        };
        match self {
            Profile::Small => neutral,
            Profile::Idxd => Sizes {
                vendor_id: 0x8086,
                device_id: 0x0b25,
                wqs: 8,
                wq_entries: 128,
                msix_entries: 9,
                ims_entries: 2048,
                ..neutral
            },
            Profile::Scale => Sizes {
                wqs: 1024,
                wq_entries: 4096,
                msix_entries: 64,
                ims_entries: 4096,
                ..neutral
            },
        }
    }
}
