// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Memory requests to the BARs: sizes, alignments, byte enables, and what is refused.

use siov::pcie::tlp::{Completion, CompletionStatus, MemRequest, Tlp};
use siov::pcie::{AccessError, Bdf, Knobs, Pasid, Tag, tlp};
use siov_firmware::regs;

use crate::bench::{Bench, Function, aer, pattern};

/// Eight bytes of BAR0 that keep what is written and do nothing.
const SCRATCH: u32 = regs::SIOV_CMDPARAM_OFFSET;
const SCRATCH_VALUE: u64 = 0x8877_6655_4433_2211;

fn request(address: u64, length: u16, first_be: u8, last_be: u8) -> MemRequest {
    MemRequest {
        requester: Bdf::new(0, 0, 0),
        tag: Tag::new(0xf7),
        address,
        length,
        first_be,
        last_be,
        attr: Default::default(),
        at: Default::default(),
        no_write: false,
        pasid: None,
    }
}

fn send(bench: &Bench, tlp: &Tlp) {
    let mut words = Vec::new();
    tlp.encode(&mut words);
    bench.host.send_raw(&words);
}

/// Sends a read as it is and gives the completions.
async fn raw_read(bench: &Bench, request: MemRequest) -> Vec<(Completion, Vec<u32>)> {
    bench.log.take();
    send(bench, &Tlp::MemRead { request });
    // A read of 4 KiB takes 1,024 register accesses.
    bench.host.sleep(20_000).await;
    let answers = bench.log.take_from_device().into_iter();
    answers
        .filter_map(|seen| match seen.tlp {
            Tlp::Completion { completion, data } => Some((completion, data)),
            _ => None,
        })
        .collect()
}

fn raw_write(bench: &Bench, request: MemRequest, data: &[u32]) {
    let data = data.to_vec();
    send(bench, &Tlp::MemWrite { request, data });
}

async fn with_scratch(bench: &Bench) -> Function {
    let function = bench.function().await;
    function.write64(SCRATCH, SCRATCH_VALUE);
    function
}

/// Registers are read and written as aligned bytes, words, dwords and quadwords (DSA 9.1).
const SIZES: [usize; 4] = [1, 2, 4, 8];

/// The dword enables that such accesses have.
const ALIGNED: [u8; 8] = [
    0b0000, 0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100, 0b1111,
];

#[test]
fn aligned_read_gives_the_bytes_asked_for() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        let address = function.bar0() + u64::from(SCRATCH);
        let all = SCRATCH_VALUE.to_le_bytes();
        for size in SIZES {
            for start in (0..8).step_by(size) {
                let mut data = vec![0; size];

                let read = bench.host.read(address + start as u64, &mut data).await;

                assert_eq!(read, Ok(()));
                assert_eq!(data, all[start..start + size], "{size} bytes at {start}");
            }
        }
    });
}

#[test]
fn aligned_write_changes_only_its_bytes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let address = function.bar0() + u64::from(SCRATCH);
        for size in SIZES {
            for start in (0..8).step_by(size) {
                let mut expected = SCRATCH_VALUE.to_le_bytes();
                expected[start..start + size].fill(0xee);
                function.write64(SCRATCH, SCRATCH_VALUE);

                let write = vec![0xee; size];
                bench.host.write(address + start as u64, &write);

                let found = function.read64(SCRATCH).await.to_le_bytes();
                assert_eq!(found, expected, "{size} bytes at {start}");
            }
        }
    });
}

#[test]
fn read_of_other_bytes_than_an_aligned_access_has_is_aborted() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        let address = function.bar0() + u64::from(SCRATCH);
        for enables in (0..16).filter(|enables| !ALIGNED.contains(enables)) {
            let answers = raw_read(&bench, request(address, 1, enables, 0)).await;

            let [(completion, data)] = answers.as_slice() else {
                panic!("{answers:?}");
            };
            assert_eq!(completion.status, CompletionStatus::CompleterAbort);
            assert!(data.is_empty());
        }
    });
}

#[test]
fn write_of_any_byte_enables_changes_all_enabled_bytes_or_nothing() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let address = function.bar0() + u64::from(SCRATCH);
        for enables in 0..16 {
            let mask = (0..4).fold(0, |mask, byte| {
                mask | ((enables >> byte & 1) * 0xff) << (8 * byte)
            });
            let mask = match ALIGNED.contains(&(enables as u8)) {
                true => mask,
                false => 0,
            };
            function.write32(SCRATCH, 0x4433_2211);

            raw_write(
                &bench,
                request(address, 1, enables as u8, 0),
                &[0xeeee_eeee],
            );

            let expected = 0x4433_2211 & !mask | 0xeeee_eeee & mask;
            assert_eq!(function.read32(SCRATCH).await, expected, "{enables:04b}");
        }
    });
}

#[test]
fn write_with_gaps_in_its_byte_enables_is_a_completer_abort() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        let address = function.bar0() + u64::from(SCRATCH);

        raw_write(&bench, request(address, 2, 0b0101, 0b1010), &[0; 2]);

        assert_eq!(function.read64(SCRATCH).await, SCRATCH_VALUE);
        assert_eq!(
            function.config(aer::UNCORRECTABLE).await,
            aer::COMPLETER_ABORT
        );
    });
}

#[test]
fn zero_length_read_is_completed_with_one_dword() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        let address = function.bar0() + u64::from(SCRATCH);

        let answers = raw_read(&bench, request(address, 1, 0, 0)).await;

        let [(completion, data)] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(completion.status, CompletionStatus::Success);
        assert_eq!((completion.byte_count, data.len()), (1, 1));
    });
}

#[test]
fn read_of_4_kib_gives_what_single_reads_give() {
    const TABLE: u32 = regs::SIOV_MSIX_OFFSET;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        for (entry, value) in (TABLE..).step_by(16).zip(0x1111_0000..0x1111_0010) {
            function.write32(entry + 8, value);
        }
        let mut single = Vec::new();
        for offset in (TABLE..TABLE + 4096).step_by(4) {
            single.push(function.read32(offset).await);
        }
        let address = function.bar0() + u64::from(TABLE);

        let answers = raw_read(&bench, request(address, 1024, 0xf, 0xf)).await;

        let data: Vec<_> = answers.iter().flat_map(|(_, data)| data).copied().collect();
        assert_eq!(data, single);
    });
}

#[test]
fn completions_of_a_long_read_count_down_its_bytes() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let address = function.bar0() + u64::from(regs::SIOV_WQCFG_OFFSET) + 0x10;

        let answers = raw_read(&bench, request(address, 100, 0b1000, 0b0001)).await;

        // Bytes 13h to 19Ch.
        let (mut next, mut left) = (0x13, 394);
        for (completion, data) in &answers {
            assert_eq!(u32::from(completion.lower_address), next & 0x7f);
            assert_eq!(u32::from(completion.byte_count), left);
            let end = (next & !3) + 4 * data.len() as u32;
            left = left.saturating_sub(end - next);
            next = end;
        }
        assert_eq!(left, 0);
        assert!(answers.len() > 1);
    });
}

#[test]
fn completion_returns_tag_attributes_and_traffic_class() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let mut read = request(function.bar0(), 1, 0xf, 0);
        read.attr.tc = 3;
        read.attr.relaxed = true;
        read.attr.no_snoop = true;

        let answers = raw_read(&bench, read).await;

        let (completion, _) = &answers[0];
        assert_eq!(completion.tag, read.tag);
        assert_eq!(completion.requester, read.requester);
        assert_eq!(completion.attr, read.attr);
    });
}

#[test]
fn read_outside_the_bars_is_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let bar = *function.info.bar(2).unwrap();

        let answer = bench.host.read32(bar.address + bar.size).await;

        assert!(matches!(
            answer,
            Err(AccessError::UnsupportedRequest { .. })
        ));
    });
}

#[test]
fn read_is_unsupported_while_memory_space_is_disabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.set_config(4, 0).await;

        let answer = bench.host.read32(function.bar0()).await;

        assert!(matches!(
            answer,
            Err(AccessError::UnsupportedRequest { .. })
        ));
    });
}

#[test]
fn write_is_lost_while_memory_space_is_disabled() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        function.read32(SCRATCH).await;
        function.set_config(4, 0).await;

        function.write64(SCRATCH, 0);

        function.set_config(4, 2).await;
        assert_eq!(function.read64(SCRATCH).await, SCRATCH_VALUE);
    });
}

#[test]
fn request_with_a_pasid_is_unsupported() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let mut read = request(function.bar0(), 1, 0xf, 0);
        read.pasid = Some(tlp::PasidPrefix::new(Pasid::new(5).unwrap()));

        let answers = raw_read(&bench, read).await;

        assert_eq!(answers[0].0.status, CompletionStatus::UnsupportedRequest);
    });
}

#[test]
fn unsupported_read_is_noted_in_device_status_and_as_advisory_error() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let bar = *function.info.bar(2).unwrap();

        let _ = bench.host.read32(bar.address + bar.size).await;

        const UNSUPPORTED_AND_CORRECTABLE: u32 = 0b1001;
        let status = function.config(0x48).await >> 16 & 0xf;
        assert_eq!(status, UNSUPPORTED_AND_CORRECTABLE, "Device Status");
        assert_eq!(function.config(aer::CORRECTABLE).await, aer::ADVISORY);
        assert_eq!(function.config(aer::UNCORRECTABLE).await, 0);
    });
}

#[test]
fn unsupported_read_is_logged_as_such_once_advisory_errors_are_unmasked() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let bar = *function.info.bar(2).unwrap();
        function.unmask_advisory_errors().await;

        let _ = bench.host.read32(bar.address + bar.size).await;

        assert_eq!(function.config(aer::CORRECTABLE).await, aer::ADVISORY);
        let found = function.config(aer::UNCORRECTABLE).await;
        assert_eq!(found, aer::UNSUPPORTED_REQUEST);
    });
}

#[test]
fn one_write_fills_many_entries_of_a_table() {
    let bench = Bench::knobs(Knobs {
        mps: 512,
        ..Knobs::default()
    });
    bench.run(async {
        let function = bench.function().await;
        // Message data of all MSI-X entries, by one write of whole entries.
        let table = function.bar0() + u64::from(regs::SIOV_MSIX_OFFSET);
        let entries = pattern(0x5a, 16 * 17);

        bench.host.write(table, &entries);

        let mut found = vec![0; entries.len()];
        bench.host.read(table, &mut found).await.unwrap();
        for (found, entry) in found.chunks(16).zip(entries.chunks(16)) {
            assert_eq!(found[8..12], entry[8..12]);
            assert_eq!(found[0], entry[0] & 0xfc);
        }
    });
}

#[test]
fn register_space_without_a_register_reads_0_and_ignores_writes() {
    const NOTHING: u32 = 0x3000;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        function.write32(NOTHING, u32::MAX);

        assert_eq!(function.read32(NOTHING).await, 0);
    });
}

#[test]
fn portals_read_0() {
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        let mut data = [0xff; 64];

        bench.host.read(function.bar2(), &mut data).await.unwrap();

        assert_eq!(data, [0; 64]);
    });
}

#[test]
fn dummy_portal_reads_0() {
    const DUMMY_PORTAL: u32 = 0xf000;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;

        assert_eq!(function.read32(DUMMY_PORTAL).await, 0);
    });
}

#[test]
fn write_that_arrives_during_a_read_does_not_disturb_it() {
    let bench = Bench::new();
    bench.run(async {
        let function = with_scratch(&bench).await;
        for delay in 0..20 {
            function.write64(SCRATCH, SCRATCH_VALUE);

            let read = function.read64(SCRATCH);
            let write = async {
                bench.host.sleep(delay).await;
                function.write32(regs::SIOV_MSIX_OFFSET, 0xffff_ff00);
            };
            let (value, ()) = tokio::join!(read, write);

            assert_eq!(value, SCRATCH_VALUE);
        }
    });
}
