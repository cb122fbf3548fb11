// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What configuration software finds.

use siov::dsa::Descriptor;
use siov::pcie::tlp::{CompletionStatus, ConfigRequest, Tlp};
use siov::pcie::{AccessError, Bdf, Direction, Knobs, Tag};
use siov::scenario::Profile;
use siov_sim::Straps;

use crate::bench::{Bench, DATA};

const COMMAND: u16 = 0x04;
const CACHE_LINE: u16 = 0x0c;
const PCIE: u16 = 0x40;
const DEVCTL: u16 = 0x48;
const MSIX: u16 = 0x80;
const AER: u16 = 0x100;
const ATS: u16 = 0x220;
const PASID: u16 = 0x230;
const PRI: u16 = 0x240;
const SIOV: u16 = 0x260;

/// Config registers from `offset` on.
fn config<const N: usize>(straps: Straps, offset: u16) -> [u32; N] {
    let bench = Bench::with(straps, Knobs::default());
    bench.run(async {
        let function = bench.function().await;
        let mut registers = [0; N];
        for (register, offset) in registers.iter_mut().zip((offset..).step_by(4)) {
            *register = function.config(offset).await;
        }
        registers
    })
}

fn ids(profile: Profile) -> (u16, u16, u16) {
    let bench = Bench::profile(profile);
    let info = bench.run(async { bench.function().await.info });
    (info.vendor_id, info.device_id, info.subsystem_vendor_id)
}

#[test]
fn ids_are_neutral_by_default() {
    assert_eq!(ids(Profile::Small), (0x1234, 0x510b, 0x1234));
}

#[test]
fn ids_of_profile_idxd_are_those_its_driver_looks_for() {
    assert_eq!(ids(Profile::Idxd), (0x8086, 0x0b25, 0x8086));
}

#[test]
fn class_is_system_peripheral_without_a_standard_interface() {
    let bench = Bench::new();

    let info = bench.run(async { bench.function().await.info });

    assert_eq!(info.class, 0x08_8000);
}

#[test]
fn bar0_is_64_bit_prefetchable_256_kib() {
    let bench = Bench::new();

    let info = bench.run(async { bench.function().await.info });

    let bar = info.bar(0).unwrap();
    assert!(bar.is_64bit && bar.prefetchable);
    assert_eq!(bar.size, 256 << 10);
}

fn bar2_size(straps: Straps) -> u64 {
    let bench = Bench::with(straps, Knobs::default());
    bench.run(async { bench.function().await.info.bar(2).unwrap().size })
}

#[test]
fn bar2_has_four_pages_for_each_wq() {
    assert_eq!(bar2_size(Profile::Idxd.straps()), 128 << 10);
    assert_eq!(bar2_size(Profile::Small.straps()), 256 << 10);
    assert_eq!(bar2_size(Profile::Scale.straps()), 16 << 20);
}

#[test]
fn bar2_is_rounded_up_to_a_power_of_two() {
    let straps = Straps {
        wqs: 5,
        ..Straps::default()
    };

    assert_eq!(bar2_size(straps), 128 << 10);
}

#[test]
fn there_are_two_bars() {
    let bench = Bench::new();

    let info = bench.run(async { bench.function().await.info });

    let indices: Vec<_> = info.bars.iter().map(|bar| bar.index).collect();
    assert_eq!(indices, [0, 2]);
}

#[test]
fn capabilities_are_pcie_msix_and_power_management() {
    let bench = Bench::new();

    let info = bench.run(async { bench.function().await.info });

    let found: Vec<_> = info.capabilities.iter().map(|c| (c.id, c.offset)).collect();
    assert_eq!(found, [(0x10, 0x40), (0x11, 0x80), (0x01, 0x90)]);
}

#[test]
fn extended_capabilities_are_where_dsa_has_them_and_siov_follows() {
    let bench = Bench::new();

    let info = bench.run(async { bench.function().await.info });

    let found: Vec<_> = info.extended.iter().map(|c| (c.id, c.offset)).collect();
    let expected = [
        (0x0001, 0x100), // AER
        (0x0018, 0x150), // LTR
        (0x0017, 0x160), // TPH
        (0x0002, 0x170), // VC
        (0x000f, 0x220), // ATS
        (0x001b, 0x230), // PASID
        (0x0013, 0x240), // PRI
        (0x0023, 0x260), // DVSEC
    ];
    assert_eq!(found, expected);
}

#[test]
fn pcie_capability_is_a_root_complex_integrated_endpoint_with_flr() {
    let [header, devcap] = config(Straps::default(), PCIE);

    assert_eq!(header >> 16, 0x0092);
    assert_eq!(devcap & 1 << 28, 1 << 28, "FLR");
    assert_eq!(devcap & 1 << 5, 1 << 5, "8-bit tags");
    assert_eq!(devcap & 7, 2, "payloads of 512 bytes");
}

#[test]
fn device_capabilities_2_offer_deferrable_writes_and_end_to_end_prefixes() {
    let [devcap2] = config(Straps::default(), PCIE + 0x24);

    assert_eq!(devcap2 & 1 << 28, 1 << 28, "DMWr completer");
    assert_eq!(devcap2 & 1 << 21, 1 << 21, "End-End TLP prefix");
}

#[test]
fn device_control_resets_to_what_dsa_says() {
    let bench = Bench::new();
    bench.run(async {
        let info = bench.host.enumerate().await.unwrap();

        let devctl = bench.host.config_read32(info.bdf, DEVCTL).await.unwrap();

        assert_eq!(devctl, 0x2910);
    });
}

#[test]
fn msix_capability_has_the_entries_of_the_profile_in_bar0() {
    let [control, table, pba] = config(Profile::Idxd.straps(), MSIX);

    assert_eq!(control >> 16 & 0x7ff, 9 - 1);
    assert_eq!((table & 7, pba & 7), (0, 0));
}

#[test]
fn advisory_errors_and_internal_errors_are_masked_after_reset() {
    let [_, _, uncorrectable_mask, severity, _, correctable_mask] = config(Straps::default(), AER);

    assert_eq!(uncorrectable_mask, 0x0040_0000);
    assert_eq!(severity, 0x0044_0000);
    assert_eq!(correctable_mask, 0x0000_2000);
}

#[test]
fn ats_capability_promises_aligned_requests_and_global_invalidation() {
    assert_eq!(config(Straps::default(), ATS + 4), [0x0060]);
}

#[test]
fn pasid_capability_has_20_bits_and_privileged_mode() {
    assert_eq!(config(Straps::default(), PASID + 4), [0x1404]);
}

#[test]
fn page_requests_are_stopped_after_reset_and_responses_carry_the_pasid() {
    let [control_status, capacity] = config(Straps::default(), PRI + 4);

    assert_eq!(control_status, 0x8100_0000);
    assert_eq!(capacity, 0x200);
}

#[test]
fn siov_dvsec_is_the_published_one() {
    let dvsec = config(Straps::default(), SIOV);

    // Last of the list; DVSEC of Intel, revision 1, 18h bytes; ID 5; 4 KiB pages; IMS.
    assert_eq!(dvsec, [0x0001_0023, 0x0181_8086, 5, 1, 1, 1]);
}

#[test]
fn siov_dvsec_says_no_ims_if_there_is_none() {
    let straps = Straps {
        ims_entries: 0,
        ..Straps::default()
    };

    assert_eq!(config(straps, SIOV + 0x14), [0]);
}

#[test]
fn unsupported_system_page_size_is_not_taken() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        for size in [0, 2, 3, u32::MAX] {
            function.set_config(SIOV + 0x10, size).await;
        }

        assert_eq!(function.config(SIOV + 0x10).await, 1);
    });
}

#[test]
fn other_function_numbers_are_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for number in 1..8 {
            let bdf = Bdf::new(function.info.bdf.bus(), 0, number);

            let answer = bench.host.config_read32(bdf, 0).await;

            assert!(matches!(
                answer,
                Err(AccessError::UnsupportedRequest { .. })
            ));
        }
    });
}

#[test]
fn type_1_config_request_is_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let request = Tlp::<Vec<u32>>::ConfigRead {
            request: ConfigRequest {
                requester: bench.host.knobs().root,
                tag: Tag::new(0xff),
                target: function.info.bdf,
                register: 0,
                first_be: 0xf,
                type1: true,
                attr: Default::default(),
            },
        };
        let mut words = Vec::new();
        request.encode(&mut words);
        bench.log.take();

        bench.host.send_raw(&words);
        bench.host.sleep(100).await;

        let answers = bench.log.take_from_device();
        let [answer] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        let Tlp::Completion { completion, .. } = &answer.tlp else {
            panic!("{answer:?}");
        };
        assert_eq!(completion.status, CompletionStatus::UnsupportedRequest);
        assert_eq!(completion.tag, Tag::new(0xff));
    });
}

#[test]
fn config_write_changes_only_enabled_bytes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let bdf = function.info.bdf;
        function.set_config(0x10, 0x1234_0000).await;

        bench
            .host
            .config_write(bdf, 0x10, 0xabcd_ffff, 0b0100)
            .await
            .unwrap();

        assert_eq!(function.config(0x10).await, 0x12cc_000c);
    });
}

#[test]
fn config_write_without_enabled_bytes_changes_nothing() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let bdf = function.info.bdf;
        function.set_config(CACHE_LINE, 0x10).await;

        bench
            .host
            .config_write(bdf, CACHE_LINE, 0xff, 0)
            .await
            .unwrap();

        assert_eq!(function.config(CACHE_LINE).await & 0xff, 0x10);
    });
}

#[test]
fn ids_cannot_be_written() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let before = (function.config(0).await, function.config(8).await);

        function.set_config(0, u32::MAX).await;
        function.set_config(8, u32::MAX).await;

        assert_eq!((function.config(0).await, function.config(8).await), before);
    });
}

#[test]
fn command_register_has_the_bits_that_dsa_lists() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.set_config(COMMAND, 0xffff).await;

        // Memory space, bus master, parity error response, SERR#.
        assert_eq!(function.config(COMMAND).await & 0xffff, 0x0146);
    });
}

#[test]
fn extended_config_space_beyond_the_last_capability_reads_0() {
    assert_eq!(config(Straps::default(), 0x400), [0; 8]);
    assert_eq!(config(Straps::default(), 0xffc), [0]);
}

#[test]
fn requests_carry_the_bus_number_that_config_writes_came_with() {
    let bench = Bench::knobs(Knobs {
        device_bus: 0x5a,
        ..Knobs::default()
    });
    bench.run(async {
        let [tenant] = bench.tenants().await;

        tenant
            .run(Descriptor::memory_move(DATA, DATA + 4096, 64))
            .await;

        let requests = bench.log.take_requests();
        assert!(requests.len() >= 3, "{requests:?}");
        assert!(
            requests
                .iter()
                .all(|(r, _)| r.requester == Bdf::new(0x5a, 0, 0))
        );
    });
}

#[test]
fn completions_carry_the_captured_bus_number() {
    let bench = Bench::knobs(Knobs {
        device_bus: 0x5a,
        ..Knobs::default()
    });
    bench.run(async {
        let function = bench.function().await;
        bench.log.take();

        function.read32(0).await;

        let seen = bench.log.take();
        let answer = seen.iter().find(|s| s.direction == Direction::FromDevice);
        let Some(Tlp::Completion { completion, .. }) = answer.map(|s| &s.tlp) else {
            panic!("{seen:?}");
        };
        assert_eq!(completion.completer, Bdf::new(0x5a, 0, 0));
    });
}
