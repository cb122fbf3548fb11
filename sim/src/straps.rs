// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What software sees of the device, sampled during reset (docs/tlp-port.md, `strap_t`). The
/// defaults are those of profile `small`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Straps {
    /// PCI vendor ID.
    pub vendor_id: u16,
    /// PCI device ID.
    pub device_id: u16,
    /// Work queues, each an ADI: at most 1,024.
    pub wqs: u16,
    /// Descriptors that all work queues together can hold: at most 4,096.
    pub wq_entries: u16,
    /// Entries of the MSI-X table: at most 64.
    pub msix_entries: u16,
    /// Entries of the Interrupt Message Storage: a multiple of 256, at most 4,096.
    pub ims_entries: u16,
    /// Groups of work queues and engines: at most 4.
    pub groups: u8,
    /// Engines: at most 4.
    pub engines: u8,
}

/// A named set of straps.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// What scenario files call it.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Its numbers.
    pub straps: Straps,
}

/// All profiles, the default first.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "small",
        summary: "16 ADIs, quick to set up",
        straps: Straps {
            vendor_id: 0x1234,
            device_id: 0x510b,
            wqs: 16,
            wq_entries: 256,
            msix_entries: 17,
            ims_entries: 256,
            groups: 4,
            engines: 4,
        },
    },
    Profile {
        name: "idxd",
        summary: "the numbers and IDs of Intel DSA, for drivers that look for them",
        straps: Straps {
            vendor_id: 0x8086,
            device_id: 0x0b25,
            wqs: 8,
            wq_entries: 128,
            msix_entries: 9,
            ims_entries: 2048,
            groups: 4,
            engines: 4,
        },
    },
    Profile {
        name: "scale",
        summary: "as large as the RTL goes: 1,024 ADIs",
        straps: Straps {
            vendor_id: 0x1234,
            device_id: 0x510b,
            wqs: 1024,
            wq_entries: 4096,
            msix_entries: 64,
            ims_entries: 4096,
            groups: 4,
            engines: 4,
        },
    },
];

impl Default for Straps {
    fn default() -> Self {
        PROFILES[0].straps
    }
}

impl Straps {
    /// The straps of a profile, if there is one of this name.
    #[must_use]
    pub fn profile(name: &str) -> Option<Self> {
        PROFILES.iter().find(|p| p.name == name).map(|p| p.straps)
    }

    /// The four words of `strap_t`.
    #[must_use]
    pub fn words(self) -> [u32; 4] {
        let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        [
            pair(self.vendor_id, self.device_id),
            pair(self.wqs, self.wq_entries),
            pair(self.msix_entries, self.ims_entries),
            u32::from(self.groups) | u32::from(self.engines) << 8,
        ]
    }

    /// The straps that `strap_t` words hold.
    #[must_use]
    pub fn from_words(words: [u32; 4]) -> Self {
        let low = |word: u32| word as u16;
        let high = |word: u32| (word >> 16) as u16;
        Self {
            vendor_id: low(words[0]),
            device_id: high(words[0]),
            wqs: low(words[1]),
            wq_entries: high(words[1]),
            msix_entries: low(words[2]),
            ims_entries: high(words[2]),
            groups: words[3] as u8,
            engines: (words[3] >> 8) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_straps_read_back_as_the_straps() {
        for profile in PROFILES {
            assert_eq!(Straps::from_words(profile.straps.words()), profile.straps);
        }
    }
}
