// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Descriptors that are wrong: which status each gets, where it is reported, and that nothing else
//! happens (DSA 3.13, 5.4 to 5.9).

use siov::dsa::{CompletionRecord, Descriptor, Flags, Opcode, SoftwareError, Status};
use siov::scenario::MAX_TRANSFER;

use crate::bench::{BASE, BYTES, Bench, DATA, Function, RECORD, Tenant, pattern};

const SOURCE: u64 = BASE + 32 * 4096;

fn good_move() -> Descriptor {
    Descriptor::memory_move(SOURCE, DATA, 256)
}

/// Runs a descriptor and gives its record. Nothing but the record may have changed.
async fn run_refused(tenant: &Tenant, descriptor: Descriptor) -> CompletionRecord {
    let before = tenant.contents();
    let record = tenant.run(descriptor).await;
    tenant.adi.drain().await.unwrap();
    assert_eq!(tenant.contents()[32..], before[32..], "{descriptor:x?}");
    record
}

/// The record of a descriptor that is to be refused.
fn refused(descriptor: Descriptor) -> CompletionRecord {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(BASE, &pattern(9, BYTES as usize));
        run_refused(&tenant, descriptor).await
    })
}

/// The software error of a descriptor that has no usable record. Nothing may have changed.
fn reported(descriptor: Descriptor) -> SoftwareError {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(BASE, &pattern(9, BYTES as usize));
        let before = tenant.contents();
        let error = tenant.run_into_error(&descriptor).await;
        tenant.adi.drain().await.unwrap();
        assert!(tenant.contents() == before);
        error
    })
}

fn with_flags(descriptor: Descriptor, bits: u32) -> Descriptor {
    descriptor.with_flags(Flags::from_bits_retain(bits))
}

#[test]
fn operations_that_do_not_exist_are_10h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for opcode in (0..=255).filter(|opcode| ![0, 3, 4].contains(opcode)) {
            let record = run_refused(&tenant, Descriptor::new(Opcode(opcode))).await;

            assert_eq!(record.status(), Status::BAD_OPCODE, "{opcode:#x}");
        }
    });
}

/// Flags that may be set, by operation (DSA 5.4), in this device: no block on fault, no readback.
const ALLOWED: [(Opcode, u32); 3] = [
    // CRAV, RCR, RCI; record TC.
    (Opcode::NOP, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12),
    // And cache control 1, address 1 and 2 TC, strict ordering.
    (Opcode::MEMORY_MOVE, 0x101c | 1 << 8 | 3 << 9 | 1 << 13),
    // And the 16-byte pattern, but no source.
    (Opcode::FILL, 0x101c | 1 << 8 | 1 << 10 | 1 << 13 | 1 << 18),
];

#[test]
fn each_flag_that_is_not_allowed_is_11h_with_its_bit_in_the_record() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for (opcode, allowed) in ALLOWED {
            for bit in (0..24).map(|bit| 1 << bit).filter(|bit| bit & allowed == 0) {
                let mut descriptor = with_flags(Descriptor::new(opcode), bit);
                if opcode != Opcode::NOP {
                    descriptor.src = SOURCE.into();
                    descriptor.dst = DATA.into();
                    descriptor.size = 64.into();
                }

                let record = run_refused(&tenant, descriptor).await;

                assert_eq!(record.status(), Status::INVALID_FLAGS, "{descriptor:x?}");
                let mask = [
                    record.specific[0],
                    record.specific[1],
                    record.specific[2],
                    0,
                ];
                assert_eq!(u32::from_le_bytes(mask), bit, "{descriptor:x?}");
            }
        }
    });
}

#[test]
fn each_flag_that_is_allowed_is_accepted() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for (opcode, allowed) in ALLOWED {
            for bit in (0..24).map(|bit| 1 << bit).filter(|bit| bit & allowed != 0) {
                let mut descriptor = with_flags(Descriptor::new(opcode), bit);
                if opcode != Opcode::NOP {
                    descriptor.src = SOURCE.into();
                    descriptor.dst = DATA.into();
                    descriptor.size = 64.into();
                }
                descriptor.interrupt_handle = if bit == 1 << 4 { tenant.handle } else { 0 }.into();

                let record = tenant.run(descriptor).await;

                assert_eq!(record.status(), Status::SUCCESS, "{descriptor:x?}");
            }
        }
    });
}

#[test]
fn request_for_a_record_without_its_address_is_11h() {
    let mut descriptor = good_move();
    descriptor.set_flags(Flags::RCR);

    let error = reported(descriptor);

    assert_eq!(error.status(), Status::INVALID_FLAGS);
    assert_eq!(error.0[1] >> 32, 1 << 3);
}

#[test]
fn each_reserved_byte_of_a_move_must_be_0() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for byte in 38..64 {
            let mut descriptor = good_move();
            set_byte(&mut descriptor, byte, 0x40);

            let record = run_refused(&tenant, descriptor).await;

            assert_eq!(record.status(), Status::NONZERO_RESERVED, "byte {byte}");
        }
    });
}

#[test]
fn each_reserved_byte_of_a_nop_must_be_0() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for byte in (16..36).chain(38..64) {
            let mut descriptor = Descriptor::nop();
            set_byte(&mut descriptor, byte, 1);

            let record = run_refused(&tenant, descriptor).await;

            assert_eq!(record.status(), Status::NONZERO_RESERVED, "byte {byte}");
        }
    });
}

#[test]
fn upper_pattern_of_a_fill_must_be_0_without_its_flag() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        for byte in 40..48 {
            let mut descriptor = Descriptor::fill(0, DATA, 64);
            set_byte(&mut descriptor, byte, 1);

            let record = run_refused(&tenant, descriptor).await;

            assert_eq!(record.status(), Status::NONZERO_RESERVED, "byte {byte}");
        }
    });
}

/// Overwrites a byte of a descriptor, whatever field it belongs to.
fn set_byte(descriptor: &mut Descriptor, byte: usize, value: u8) {
    let mut bytes: [u8; 64] = zerocopy::transmute!(*descriptor);
    bytes[byte] = value;
    *descriptor = zerocopy::transmute!(bytes);
}

#[test]
fn interrupt_handle_without_request_for_an_interrupt_is_12h() {
    let mut descriptor = good_move();
    descriptor.interrupt_handle = 1.into();

    assert_eq!(refused(descriptor).status(), Status::NONZERO_RESERVED);
}

#[test]
fn record_address_without_its_flag_is_12h() {
    let mut descriptor = good_move();
    descriptor.completion = RECORD.into();

    let error = reported(descriptor);

    assert_eq!(error.status(), Status::NONZERO_RESERVED);
}

#[test]
fn transfer_of_0_bytes_is_13h() {
    let no_move = Descriptor::memory_move(SOURCE, DATA, 0);
    let no_fill = Descriptor::fill(0, DATA, 0);

    assert_eq!(refused(no_move).status(), Status::BAD_TRANSFER_SIZE);
    assert_eq!(refused(no_fill).status(), Status::BAD_TRANSFER_SIZE);
}

#[test]
fn transfer_beyond_the_queues_limit_is_13h() {
    let size = MAX_TRANSFER + 1;
    let descriptor = Descriptor::memory_move(SOURCE, DATA + (1 << 40), size);

    assert_eq!(refused(descriptor).status(), Status::BAD_TRANSFER_SIZE);
}

#[test]
fn transfer_of_the_queues_limit_is_tried() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        // Runs into the end of the tenant's memory.
        let size = MAX_TRANSFER;
        let descriptor = Descriptor::memory_move(SOURCE, DATA + (1 << 40), size);

        let record = tenant.run(descriptor).await;

        assert_eq!(record.status(), Status::READ_ERROR);
    });
}

#[test]
fn overlapping_buffers_are_16h() {
    for distance in [0, 1, 64, 255] {
        let ahead = Descriptor::memory_move(SOURCE, SOURCE + distance, 256);
        let behind = Descriptor::memory_move(SOURCE + distance, SOURCE, 256);

        assert_eq!(refused(ahead).status(), Status::OVERLAPPING_BUFFERS);
        assert_eq!(refused(behind).status(), Status::OVERLAPPING_BUFFERS);
    }
}

#[test]
fn misaligned_record_is_1bh_in_the_software_error_register() {
    let error = reported(good_move().with_completion(RECORD + 16));

    assert_eq!(error.status(), Status::COMPLETION_ADDRESS_MISALIGNED);
    assert_eq!(error.wq(), Some(0));
}

#[test]
fn software_error_says_whose_descriptor_it_was() {
    let bench = Bench::new();
    bench.run(async {
        let [_, _, tenant] = bench.tenants().await;

        let error = tenant
            .run_into_error(&good_move().with_completion(RECORD + 1))
            .await;

        assert_eq!(error.wq(), Some(2));
        let first = error.0[0];
        assert_eq!(first >> 2 & 1, 1, "descriptor valid");
        assert_eq!(first >> 32 & 0xff, 3, "operation");
        let pasid = first >> 40 & 0xf_ffff;
        assert_eq!(pasid, u64::from(tenant.adi.pasid().raw()));
    });
}

#[test]
fn error_without_a_record_is_reported_in_the_software_error_register() {
    let error = reported(Descriptor::memory_move(SOURCE, DATA, 0));

    assert_eq!(error.status(), Status::BAD_TRANSFER_SIZE);
}

#[test]
fn error_writes_a_record_although_none_is_requested_for_success() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let mut descriptor = Descriptor::memory_move(SOURCE, DATA, 0).with_completion(RECORD);
        descriptor.set_flags(Flags::CRAV);

        let record = tenant.run_as_is(&descriptor).await;

        assert_eq!(record.status(), Status::BAD_TRANSFER_SIZE);
    });
}

#[test]
fn read_that_the_host_refuses_is_20h() {
    let descriptor = Descriptor::memory_move(BASE + BYTES, DATA, 256);

    let record = refused(descriptor);

    assert_eq!(record.status(), Status::READ_ERROR);
    assert_eq!(record.bytes_completed.get(), 0);
}

#[test]
fn read_that_fails_on_its_way_says_how_far_everything_is_written() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let source = pattern(1, 4096);
        tenant.write(BASE + BYTES - 4096, &source);
        let descriptor = Descriptor::memory_move(BASE + BYTES - 4096, DATA, 8192);

        let record = tenant.run(descriptor).await;

        assert_eq!(record.status(), Status::READ_ERROR);
        assert_eq!(record.bytes_completed.get(), 4096);
        assert_eq!(tenant.read(DATA, 4096), source);
    });
}

#[test]
fn failed_work_does_not_stop_what_follows() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(SOURCE, &[0x77; 256]);
        let bad = Descriptor::memory_move(BASE + BYTES, DATA + 8192, 4096);
        tenant.submit(&bad.with_completion(RECORD + 64));

        let record = tenant.run(good_move()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert_eq!(tenant.read(DATA, 256), [0x77; 256]);
        let failed = tenant.ended(RECORD + 64).await;
        assert_eq!(failed.status(), Status::READ_ERROR);
    });
}

#[test]
fn write_that_the_iommu_drops_harms_nobody() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let lost = Descriptor::fill(0, BASE + BYTES, 256);

        // Posted: without ATS the device cannot know (DSA 5.6).
        let record = run_refused(&tenant, lost).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert!(bench.host.stats().dropped_writes > 0);
    });
}

#[test]
fn device_runs_on_after_every_kind_of_error() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        tenant.run(Descriptor::new(Opcode(0x3f))).await;
        tenant.run(with_flags(good_move(), 1 << 6)).await;
        tenant.run(Descriptor::memory_move(SOURCE, DATA, 0)).await;
        tenant.run(Descriptor::memory_move(0, DATA, 64)).await;
        tenant
            .run_into_error(&good_move().with_completion(RECORD + 1))
            .await;

        let record = tenant.run(good_move()).await;

        assert_eq!(record.status(), Status::SUCCESS);
        assert_eq!(function.read32(0x90).await & 3, 1, "Enabled");
    });
}
