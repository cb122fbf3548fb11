// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What operations do to memory, byte for byte, whatever size, alignment and host.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use siov::dsa::{Descriptor, Flags, Opcode, Status};
use siov::mem::Hpa;
use siov::pcie::Knobs;
use siov_firmware::regs;

use crate::bench::{BASE, BYTES, Bench, DATA, Function, RECORD, Tenant, pattern};

/// Where sources are; destinations are from `DATA` on.
const SOURCE: u64 = BASE + 32 * 4096;

/// Changes `memory`, a tenant's whole, as `descriptor` must.
fn apply(memory: &mut [u8], descriptor: &Descriptor) {
    let at = |address: u64| (address - BASE) as usize;
    let size = descriptor.size.get() as usize;
    match descriptor.opcode() {
        Opcode::MEMORY_MOVE => {
            let (src, dst) = (at(descriptor.src.get()), at(descriptor.dst.get()));
            memory.copy_within(src..src + size, dst);
        }
        Opcode::FILL => {
            let mut pattern = descriptor.src.get().to_le_bytes().to_vec();
            if descriptor.flags().contains(Flags::FILL_PATTERN_16) {
                pattern.extend_from_slice(&descriptor.specific[..8]);
            }
            let dst = at(descriptor.dst.get());
            let bytes = pattern.iter().cycle();
            for (to, &from) in memory[dst..dst + size].iter_mut().zip(bytes) {
                *to = from;
            }
        }
        _ => {}
    }
}

/// First byte at which two memories differ, the page with records aside.
fn difference(found: &[u8], expected: &[u8]) -> Option<String> {
    let skip = (DATA - BASE) as usize;
    let at = (skip..found.len()).find(|&at| found[at] != expected[at])?;
    let (found, expected) = (found[at], expected[at]);
    Some(format!(
        "{:#x} holds {found:#04x}, not {expected:#04x}",
        BASE + at as u64
    ))
}

/// Runs descriptors one after the other; after each, all memory must be as it should.
async fn run_and_compare(tenant: &Tenant, descriptors: impl IntoIterator<Item = Descriptor>) {
    let mut expected = pattern(0xa5, BYTES as usize);
    tenant.write(BASE, &expected);
    for descriptor in descriptors {
        let record = tenant.run(descriptor).await;

        assert_eq!(record.status(), Status::SUCCESS, "{descriptor:x?}");
        assert_eq!(record.bytes_completed.get(), 0);
        apply(&mut expected, &descriptor);
        let difference = difference(&tenant.contents(), &expected);
        assert_eq!(difference, None, "after {descriptor:x?}");
    }
}

fn compare(knobs: Knobs, descriptors: impl IntoIterator<Item = Descriptor>) {
    let bench = Bench::knobs(knobs);
    bench.run(async {
        let [tenant] = bench.tenants().await;
        run_and_compare(&tenant, descriptors).await;
    });
}

#[test]
fn nop_changes_nothing_but_its_record() {
    compare(Knobs::default(), [Descriptor::nop()]);
}

/// Submits quadwords as they are to queue 0 of a function without IOMMU, whose memory has a
/// pattern of 4 KiB at 200000h. Gives what is at 300000h and 1000h afterwards.
fn submit_quadwords(words: [u64; 8]) -> (Vec<u8>, u64) {
    let bench = Bench::new();
    let memory = bench.host.memory();
    memory.write(Hpa(0x20_0000), &pattern(1, 4096)).unwrap();
    bench.run(async {
        let function = bench.function().await;
        assert_eq!(function.start_wq0(0).await, 0);

        let bytes = zerocopy::transmute!(words);
        bench.host.write_portal(function.bar2(), &bytes).unwrap();
        bench.host.sleep(2000).await;
    });
    let mut data = vec![0; 4096];
    memory.read(Hpa(0x30_0000), &mut data).unwrap();
    (data, memory.read_u64(Hpa(0x1000)).unwrap())
}

#[test]
fn descriptor_as_drivers_write_it_moves_4_kib() {
    let (data, record) = submit_quadwords([
        0x0300_000c_0000_0000,
        0x1000,
        0x20_0000,
        0x30_0000,
        0x1000,
        0,
        0,
        0,
    ]);

    assert_eq!(data, pattern(1, 4096));
    assert_eq!(record, 1);
}

#[test]
fn descriptor_as_drivers_write_it_asks_for_interrupt_handle_1() {
    let (data, record) = submit_quadwords([
        0x0300_001c_0000_0000,
        0x1000,
        0x20_0000,
        0x30_0000,
        0x0000_0001_0000_1000,
        0,
        0,
        0,
    ]);

    // Nobody was given the handle, so nothing moves.
    assert_eq!(data, [0; 4096]);
    assert_eq!(record, 0x19);
}

#[test]
fn moves_of_1_to_130_bytes_are_exact() {
    let moves = (1..=130).map(|size| Descriptor::memory_move(SOURCE + 3, DATA + 13, size));

    compare(Knobs::default(), moves);
}

#[test]
fn moves_around_every_limit_are_exact() {
    let sizes = [
        191, 192, 193, 255, 256, 257, 511, 512, 513, 1023, 2049, 4095, 4096, 4097, 4099,
    ];
    let moves = sizes.map(|size| Descriptor::memory_move(SOURCE + 1, DATA + 6, size));

    compare(Knobs::default(), moves);
}

#[test]
fn moves_between_all_alignments_within_a_dword_are_exact() {
    let offsets = (0..8).flat_map(|src| (0..8).map(move |dst| (src, dst)));
    let moves = offsets.map(|(src, dst)| Descriptor::memory_move(SOURCE + src, DATA + dst, 77));

    compare(Knobs::default(), moves);
}

#[test]
fn moves_between_all_dwords_of_a_line_are_exact() {
    let moves = (0..64)
        .map(|i| Descriptor::memory_move(SOURCE + i, DATA + (i * 23 + 5) % 64, 200 + i as u32));

    compare(Knobs::default(), moves);
}

#[test]
fn moves_across_pages_are_exact() {
    let moves = (0..40).map(|i| {
        Descriptor::memory_move(SOURCE + 4096 - i, DATA + 4096 - (i * 7) % 40, 20 + i as u32)
    });

    compare(Knobs::default(), moves);
}

#[test]
fn move_of_many_pages_is_exact() {
    let descriptor = Descriptor::memory_move(SOURCE + 5, DATA + 2, 100_003);

    compare(Knobs::default(), [descriptor]);
}

#[test]
fn adjacent_source_and_destination_do_not_overlap() {
    let moves = [
        Descriptor::memory_move(DATA, DATA + 100, 100),
        Descriptor::memory_move(DATA + 300, DATA + 200, 100),
    ];

    compare(Knobs::default(), moves);
}

#[test]
fn fills_of_1_to_130_bytes_are_exact() {
    let fills = (1..=130).map(|size| Descriptor::fill(0x8877_6655_4433_2211, DATA + 11, size));

    compare(Knobs::default(), fills);
}

#[test]
fn fill_starts_its_pattern_at_any_alignment() {
    let fills = (0..64).map(|i| Descriptor::fill(0x8877_6655_4433_2211, DATA + i, 300));

    compare(Knobs::default(), fills);
}

#[test]
fn fill_across_pages_is_exact() {
    let fill = Descriptor::fill(0x8877_6655_4433_2211, DATA + 4003, 12_345);

    compare(Knobs::default(), [fill]);
}

#[test]
fn fill_with_16_bytes_uses_both_halves_of_the_pattern() {
    let fills = (0..32).map(|i| {
        let mut fill = Descriptor::fill(0x8877_6655_4433_2211, DATA + i, 500 + i as u32)
            .with_flags(Flags::FILL_PATTERN_16);
        fill.specific[..8].copy_from_slice(&0x00ff_eedd_ccbb_aa99_u64.to_le_bytes());
        fill
    });

    compare(Knobs::default(), fills);
}

/// Moves and fills of random places and sizes, `count` of them, eight at a time in flight.
fn sweep(knobs: Knobs, count: u64) {
    const SLOTS: u64 = 8;
    const SLOT_PAGES: u64 = 3;
    let mut random = ChaCha8Rng::seed_from_u64(knobs.seed);
    let mut below = move |n: u64| random.next_u64() % n;
    let bench = Bench::knobs(knobs);
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let mut expected = pattern(0x3c, BYTES as usize);
        tenant.write(BASE, &expected);
        for _ in 0..count / SLOTS {
            let descriptors: Vec<_> = (0..SLOTS)
                .map(|slot| {
                    let size = match below(3) {
                        0 => 1 + below(130),
                        1 => 1 + below(1000),
                        _ => 1 + below(4099),
                    } as u32;
                    let offset = slot * SLOT_PAGES * 4096 + below(8000);
                    let dst = DATA + offset + below(64);
                    match below(4) {
                        0 => Descriptor::fill(below(u64::MAX), dst, size),
                        _ => Descriptor::memory_move(SOURCE + below(20 * 4096), dst, size),
                    }
                    .with_completion(RECORD + 32 * slot)
                })
                .collect();
            tenant.write(RECORD, &[0; 32 * SLOTS as usize]);

            descriptors.iter().for_each(|d| tenant.submit(d));

            for descriptor in &descriptors {
                let record = tenant.ended(descriptor.completion.get()).await;
                assert_eq!(record.status(), Status::SUCCESS, "{descriptor:x?}");
                apply(&mut expected, descriptor);
            }
            let difference = difference(&tenant.contents(), &expected);
            assert_eq!(difference, None, "after {descriptors:x?}");
        }
    });
}

#[test]
fn random_operations_are_exact() {
    sweep(Knobs::default(), 320);
}

#[test]
fn random_operations_are_exact_with_the_smallest_payloads_and_reads() {
    sweep(
        Knobs {
            seed: 1,
            mps: 128,
            mrrs: 128,
            ..Knobs::default()
        },
        160,
    );
}

#[test]
fn random_operations_are_exact_with_the_largest_payloads_and_reads() {
    sweep(
        Knobs {
            seed: 2,
            mps: 512,
            mrrs: 4096,
            ..Knobs::default()
        },
        160,
    );
}

#[test]
fn random_operations_are_exact_with_reads_smaller_than_payloads() {
    sweep(
        Knobs {
            seed: 3,
            mps: 512,
            mrrs: 128,
            ..Knobs::default()
        },
        160,
    );
}

#[test]
fn random_operations_are_exact_with_split_completions_out_of_order() {
    sweep(
        Knobs {
            seed: 4,
            jitter: 700,
            split_completions: true,
            ..Knobs::default()
        },
        320,
    );
}

#[test]
fn random_operations_are_exact_with_a_host_that_answers_at_once() {
    sweep(
        Knobs {
            seed: 5,
            latency: 0,
            ..Knobs::default()
        },
        320,
    );
}

#[test]
fn operations_that_the_queue_does_not_allow_are_refused_and_others_are_not() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        tenant.adi.disable().await.unwrap();
        let opcfg = regs::SIOV_WQCFG_OFFSET + regs::SIOV_WQCFG_OPCFG_OFFSET;
        function.write32(opcfg, 1 << 4); // Fill
        tenant.adi.enable().await.unwrap();

        let moved = tenant.run(Descriptor::memory_move(SOURCE, DATA, 64)).await;
        let filled = tenant.run(Descriptor::fill(0, DATA, 64)).await;

        assert_eq!(moved.status(), Status::BAD_OPCODE);
        assert_eq!(filled.status(), Status::SUCCESS);
    });
}
