// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Enumeration of a device with a small config space.

use super::*;
use crate::pcie::{AccessError, Capability, EnumerateError, ExtendedCapability, Rcb};

/// Config space as dwords, with the bits of each that can be written.
struct ConfigSpace {
    values: [u32; 1024],
    writable: [u32; 1024],
}

impl ConfigSpace {
    /// BAR0 64 KiB, BAR2 16 MiB, both 64-bit prefetchable; PCI Express and MSI-X capabilities;
    /// two extended capabilities.
    fn new() -> Self {
        let mut space = Self {
            values: [0; 1024],
            writable: [0; 1024],
        };
        for (offset, value, writable) in [
            (0x00, 0x510b_1234, 0),
            (0x04, 0x0010_0000, 0x0547),
            (0x08, 0x0880_0001, 0),
            (0x10, 0xc, 0xffff_0000),
            (0x14, 0, !0),
            (0x18, 0xc, 0xff00_0000),
            (0x1c, 0, !0),
            (0x2c, 0x0002_0001, 0),
            (0x34, 0x40, 0),
            (0x40, 0x0002_8010, 0),
            // 512 bytes and extended tags supported.
            (0x44, 0x0000_0022, 0),
            (0x48, 0x0000_2810, 0xffff),
            (0x50, 0, 0x8),
            (0x80, 0x0008_0011, 0),
            (0x100, 0x1481_0001, 0),
            (0x148, 0x0001_001b, 0),
        ] {
            space.values[offset / 4] = value;
            space.writable[offset / 4] = writable;
        }
        space
    }

    fn device(mut self) -> Mock {
        Mock::new(move |_, tlp| match tlp {
            Tlp::ConfigRead { request } => {
                let value = self.values[usize::from(request.register) / 4];
                vec![(3, config_completion(&request, vec![value]))]
            }
            Tlp::ConfigWrite { request, data } => {
                let register = usize::from(request.register) / 4;
                let enabled = (0..4)
                    .filter(|byte| request.first_be >> byte & 1 != 0)
                    .fold(0, |mask, byte| mask | 0xff << (byte * 8));
                let mask = self.writable[register] & enabled;
                let old = self.values[register];
                self.values[register] = old & !mask | data & mask;
                vec![(3, config_completion(&request, vec![]))]
            }
            _ => vec![],
        })
    }

    fn with(mut self, offset: usize, value: u32) -> Self {
        self.values[offset / 4] = value;
        self
    }
}

fn enumerate_error(space: ConfigSpace) -> EnumerateError {
    let (host, _) = host(space.device());
    host.run(host.enumerate()).unwrap().unwrap_err()
}

#[test]
fn enumeration_finds_ids_bars_and_capabilities() {
    let (host, _) = host(ConfigSpace::new().device());
    let info = host.run(host.enumerate()).unwrap().unwrap();
    assert_eq!(
        (info.bdf, info.vendor_id, info.device_id),
        (DEVICE, 0x1234, 0x510b)
    );
    assert_eq!((info.class, info.revision), (0x08_8000, 1));
    assert_eq!((info.subsystem_vendor_id, info.subsystem_id), (1, 2));
    let bars: Vec<_> = info
        .bars
        .iter()
        .map(|b| (b.index, b.address, b.size))
        .collect();
    assert_eq!(
        bars,
        [
            (0, 0x40_0000_0000, 0x1_0000),
            (2, 0x40_0100_0000, 0x100_0000)
        ]
    );
    assert!(info.bars.iter().all(|bar| bar.is_64bit && bar.prefetchable));
    assert_eq!(
        info.capabilities,
        [
            Capability {
                id: 0x10,
                offset: 0x40
            },
            Capability {
                id: 0x11,
                offset: 0x80
            }
        ]
    );
    assert_eq!(
        info.extended,
        [
            ExtendedCapability {
                id: 1,
                version: 1,
                offset: 0x100
            },
            ExtendedCapability {
                id: 0x1b,
                version: 1,
                offset: 0x148
            }
        ]
    );
    assert_eq!(
        (info.capability(0x11), info.extended_capability(0x1b)),
        (Some(0x80), Some(0x148))
    );
}

#[test]
fn enabling_sets_one_command_bit_and_keeps_status() {
    let (host, taken) = host(ConfigSpace::new().device());
    let command = host.run(async {
        host.enable_memory(DEVICE).await?;
        host.enable_bus_master(DEVICE).await?;
        host.config_read32(DEVICE, 4).await
    });
    assert_eq!(command.unwrap(), Ok(0x0010_0006));
    let enables: Vec<_> = taken
        .borrow()
        .iter()
        .filter_map(|(_, tlp)| match tlp {
            Tlp::ConfigWrite { request, .. } => Some(request.first_be),
            _ => None,
        })
        .collect();
    assert_eq!(enables, [0b0011, 0b0011]);
}

#[test]
fn link_is_configured_by_knobs_and_device() {
    let knobs = Knobs {
        mps: 1024,
        mrrs: 512,
        rcb: Rcb::Bytes128,
        ..Knobs::default()
    };
    let (host, _) = host_with(ConfigSpace::new().device(), knobs);
    let (devctl, lnkctl) = host
        .run(async {
            let info = host.enumerate().await.unwrap();
            host.configure_link(&info).await.unwrap();
            let devctl = host.config_read32(DEVICE, 0x48).await.unwrap();
            (devctl, host.config_read32(DEVICE, 0x50).await.unwrap())
        })
        .unwrap();
    // MRRS 512 (2), extended tags, MPS 512 (2) because the device has no more, RO as it was.
    assert_eq!(devctl, 2 << 12 | 1 << 11 | 1 << 8 | 2 << 5 | 1 << 4);
    assert_eq!(lnkctl, 8);
}

#[test]
fn empty_slot_is_no_device() {
    let refusing = Mock::new(|_, tlp| match tlp {
        Tlp::ConfigRead { request } => {
            let status = CompletionStatus::UnsupportedRequest;
            let header = completion(request.requester, request.tag, 4, 0);
            let completion = Completion { status, ..header };
            vec![(
                3,
                Tlp::Completion {
                    completion,
                    data: vec![],
                },
            )]
        }
        _ => vec![],
    });
    let (host, _) = host(refusing);
    let error = host.run(host.enumerate()).unwrap();
    assert_eq!(error, Err(EnumerateError::NoDevice { bdf: DEVICE }));
}

#[test]
fn silent_slot_is_a_timeout() {
    let (host, _) = host(Mock::silent());
    let error = host.run(host.enumerate()).unwrap().unwrap_err();
    assert!(
        matches!(error, EnumerateError::Access(AccessError::Timeout { .. })),
        "{error}"
    );
}

#[test]
fn bridge_header_is_refused() {
    let error = enumerate_error(ConfigSpace::new().with(0x0c, 0x0001_0000));
    assert_eq!(
        error,
        EnumerateError::HeaderType {
            bdf: DEVICE,
            header_type: 1
        }
    );
}

#[test]
fn io_bar_is_refused() {
    let error = enumerate_error(ConfigSpace::new().with(0x20, 1));
    assert!(
        matches!(error, EnumerateError::BadBar { index: 4, .. }),
        "{error}"
    );
}

#[test]
fn bar_larger_than_the_address_space_is_refused() {
    // Low half read-only: all that can be written is bit 63.
    let mut space = ConfigSpace::new();
    space.writable[0x10 / 4] = 0;
    space.writable[0x14 / 4] = 1 << 31;
    let error = enumerate_error(space);
    assert!(
        matches!(
            error,
            EnumerateError::BadBar {
                index: 0,
                reason: "does not fit",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn circular_capability_lists_are_refused() {
    let list = enumerate_error(ConfigSpace::new().with(0x80, 0x0008_4011));
    let extended = enumerate_error(ConfigSpace::new().with(0x148, 0x1001_001b));
    assert!(
        matches!(
            list,
            EnumerateError::BadList {
                offset: 0x80,
                pointer: 0x40,
                ..
            }
        ),
        "{list}"
    );
    assert!(
        matches!(
            extended,
            EnumerateError::BadList {
                offset: 0x148,
                pointer: 0x100,
                ..
            }
        ),
        "{extended}"
    );
}

#[test]
fn capability_pointer_into_the_header_is_refused() {
    let error = enumerate_error(ConfigSpace::new().with(0x34, 0x20));
    assert!(
        matches!(
            error,
            EnumerateError::BadList {
                offset: 0x34,
                pointer: 0x20,
                ..
            }
        ),
        "{error}"
    );
}
