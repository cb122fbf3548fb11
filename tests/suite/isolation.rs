// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Tenants that try to reach what is not theirs. Two tenants have the same guest-physical
//! addresses; `attacker` does what it likes, everything of `victim` must stay as it is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use siov::dsa::{Descriptor, Flags, Opcode, Status};
use siov::iommu::{FaultAccess, FaultRecord};
use siov::mem::PAGE_SIZE;
use siov::pcie::{Bdf, Pasid, tlp};
use siov_firmware::regs;

use crate::bench::{BASE, BYTES, Bench, DATA, Function, RECORD, Tenant, pattern};

/// Attacker and victim, with memory full of their own bytes.
async fn pair(bench: &Bench) -> [Tenant; 2] {
    let tenants = bench.tenants::<2>().await;
    for (tenant, seed) in tenants.iter().zip([0x11, 0xee]) {
        tenant.write(BASE, &pattern(seed, BYTES as usize));
    }
    tenants
}

/// Lets the attacker run a descriptor and gives how it ended, and the IOMMU's faults. Nothing of
/// the victim may have changed, and of the attacker nothing but the record.
fn attack(
    descriptor: impl FnOnce(&Tenant, &Tenant) -> Descriptor,
) -> (Status, Vec<FaultRecord>, Pasid) {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;
        let before = (attacker.contents(), victim.contents());

        let record = attacker.run(descriptor(&attacker, &victim)).await;
        attacker.adi.drain().await.unwrap();

        assert!(attacker.contents()[32..] == before.0[32..]);
        assert!(victim.contents() == before.1);
        assert_eq!(victim.adi.vector().count().count, 0);
        let faults = attacker.adi.driver().take_faults();
        (record.status(), faults, attacker.adi.pasid())
    })
}

/// All faults are the attacker's and for `access`.
fn blamed(faults: &[FaultRecord], pasid: Pasid, access: FaultAccess) -> bool {
    let by_attacker = |fault: &FaultRecord| {
        (fault.source, fault.pasid, fault.access) == (Bdf::new(1, 0, 0), Some(pasid), access)
    };
    !faults.is_empty() && faults.iter().all(by_attacker)
}

#[test]
fn same_guest_address_reaches_each_tenants_own_memory() {
    let bench = Bench::new();
    bench.run(async {
        let [first, second] = pair(&bench).await;

        first
            .run(Descriptor::fill(0x1111_1111_1111_1111, DATA, 256))
            .await;
        second
            .run(Descriptor::fill(0x2222_2222_2222_2222, DATA, 256))
            .await;

        assert_eq!(first.read(DATA, 256), [0x11; 256]);
        assert_eq!(second.read(DATA, 256), [0x22; 256]);
    });
}

#[test]
fn read_of_the_victims_host_memory_fails_and_is_blamed_on_the_attacker() {
    let (status, faults, pasid) =
        attack(|_, victim| Descriptor::memory_move(victim.hpa(DATA).0, DATA, 256));

    assert_eq!(status, Status::READ_ERROR);
    assert!(blamed(&faults, pasid, FaultAccess::Read), "{faults:?}");
}

#[test]
fn write_to_the_victims_host_memory_is_dropped_and_blamed_on_the_attacker() {
    let (_, faults, pasid) = attack(|_, victim| Descriptor::fill(0, victim.hpa(DATA).0, 256));

    assert!(blamed(&faults, pasid, FaultAccess::Write), "{faults:?}");
}

#[test]
fn fault_record_names_the_page_asked_for() {
    let (_, faults, _) = attack(|_, _| Descriptor::memory_move(BASE + BYTES + 0x123, DATA, 64));

    assert_eq!(faults[0].address.0, BASE + BYTES);
}

#[test]
fn completion_record_at_the_victims_host_memory_is_dropped_and_blamed() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;
        let before = victim.contents();

        attacker.submit(&Descriptor::nop().with_completion(victim.hpa(DATA).0));
        attacker.adi.drain().await.unwrap();

        assert!(victim.contents() == before);
        let faults = attacker.adi.driver().take_faults();
        assert!(blamed(&faults, attacker.adi.pasid(), FaultAccess::Write));
    });
}

#[test]
fn pasid_in_the_descriptor_is_ignored() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;
        let before = victim.contents();
        let mut descriptor = Descriptor::fill(0, DATA, 256);
        const PRIVILEGED: u32 = 1 << 31;
        descriptor.pasid = (victim.adi.pasid().raw() | PRIVILEGED).into();

        attacker.run(descriptor).await;

        assert!(victim.contents() == before);
        assert_eq!(attacker.read(DATA, 256), [0; 256]);
    });
}

#[test]
fn write_to_the_interrupt_range_interrupts_nobody() {
    let (_, faults, pasid) = attack(|_, victim| {
        let msi = victim.adi.message();
        Descriptor::fill(msi.data.into(), msi.address, 4)
    });

    assert!(blamed(&faults, pasid, FaultAccess::Write), "{faults:?}");
}

#[test]
fn completion_record_in_the_interrupt_range_interrupts_nobody() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;

        attacker.submit(&Descriptor::nop().with_completion(victim.adi.message().address));
        attacker.adi.drain().await.unwrap();

        assert_eq!(victim.adi.vector().count().count, 0);
        assert_eq!(bench.host.take_unclaimed_msis(), []);
    });
}

#[test]
fn write_to_the_devices_own_registers_goes_upstream_and_is_blocked() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, _] = pair(&bench).await;
        let function = Function::of(attacker.adi.driver());
        let scratch = function.bar0() + u64::from(regs::SIOV_CMDPARAM_OFFSET);

        attacker.run(Descriptor::fill(u64::MAX, scratch, 8)).await;
        attacker.adi.drain().await.unwrap();

        assert_eq!(function.read64(regs::SIOV_CMDPARAM_OFFSET).await, 0);
        let faults = attacker.adi.driver().take_faults();
        assert!(blamed(&faults, attacker.adi.pasid(), FaultAccess::Write));
    });
}

#[test]
fn every_request_of_interleaved_tenants_carries_the_pasid_of_its_own() {
    const TENANTS: usize = 8;
    const PER_TENANT: u64 = 8;
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants::<TENANTS>().await;
        // Each works on a page of its own number, so that addresses tell whose a request is.
        let page = |tenant: usize| DATA + tenant as u64 * PAGE_SIZE;
        for slot in 0..PER_TENANT {
            for (i, tenant) in tenants.iter().enumerate() {
                let at = page(i) + slot * 256;
                let descriptor = Descriptor::memory_move(at, at + 2048, 256);
                tenant.submit(&descriptor.with_completion(page(i) + 4096 - 32 * (slot + 1)));
            }
        }
        for tenant in &tenants {
            tenant.adi.drain().await.unwrap();
        }

        let requests = bench.log.take_requests();
        let dma = requests.iter().filter(|(r, _)| r.address < BASE + BYTES);
        let mut count = 0;
        for (request, _) in dma {
            let owner = ((request.address - DATA) / PAGE_SIZE) as usize;
            let expected = tlp::PasidPrefix::new(tenants[owner].adi.pasid());
            assert_eq!(request.pasid, Some(expected), "{request:?}");
            count += 1;
        }
        // A read, a write and a record for each.
        assert_eq!(count, 3 * TENANTS * PER_TENANT as usize);
    });
}

#[test]
fn data_of_interleaved_tenants_never_mixes() {
    const TENANTS: usize = 16;
    let bench = Bench::knobs(siov::pcie::Knobs {
        seed: 11,
        jitter: 500,
        split_completions: true,
        ..Default::default()
    });
    bench.run(async {
        let tenants = bench.tenants::<TENANTS>().await;
        for (i, tenant) in tenants.iter().enumerate() {
            tenant.write(DATA, &[i as u8 + 1; 8 * 4096]);
        }
        for slot in 0..8 {
            for tenant in &tenants {
                let source = DATA + slot * 4096 + 5;
                let descriptor = Descriptor::memory_move(source, source + 16 * 4096, 2000);
                tenant.submit(&descriptor.with_completion(RECORD + 32 * slot));
            }
        }
        for tenant in &tenants {
            tenant.adi.drain().await.unwrap();
        }

        for (i, tenant) in tenants.iter().enumerate() {
            for slot in 0..8 {
                let moved = tenant.read(DATA + (16 + slot) * 4096 + 5, 2000);
                assert_eq!(moved, [i as u8 + 1; 2000], "tenant {i}, slot {slot}");
            }
        }
    });
}

#[test]
fn flooding_a_portal_loses_the_flooders_descriptors_only() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;
        for _ in 0..200 {
            attacker.submit(&Descriptor::memory_move(DATA + 8192, DATA, 4096));
        }
        for slot in 0..16 {
            victim.submit(&Descriptor::nop().with_completion(RECORD + 32 * slot));
        }
        (0..16).for_each(|slot| victim.write(RECORD + 32 * slot, &[0; 32]));

        for slot in 0..16 {
            let record = victim.ended(RECORD + 32 * slot).await;
            assert_eq!(record.status(), Status::SUCCESS);
        }

        let error = attacker.next_error().await;
        assert_eq!(error.status(), Status::QUEUE_OVERFLOW);
        assert!(!victim.has_error());
    });
}

#[test]
fn portal_write_leaves_registers_and_other_queues_alone() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, _] = pair(&bench).await;
        let function = Function::of(attacker.adi.driver());
        let mut before = vec![0; 0x4000];
        let mut after = before.clone();
        let ims = function.bar0() + u64::from(regs::SIOV_IMS_OFFSET);
        let wqcfg = function.bar0() + u64::from(regs::SIOV_WQCFG_OFFSET);
        bench.host.read(ims, &mut before[..0x1000]).await.unwrap();
        bench
            .host
            .read(wqcfg, &mut before[0x1000..0x1400])
            .await
            .unwrap();

        attacker.run(Descriptor::nop()).await;
        attacker.run(Descriptor::new(Opcode(0xff))).await;

        bench.host.read(ims, &mut after[..0x1000]).await.unwrap();
        bench
            .host
            .read(wqcfg, &mut after[0x1000..0x1400])
            .await
            .unwrap();
        assert!(after == before);
    });
}

/// A descriptor that is mostly wrong, and when it is right, points anywhere.
fn garbage(random: &mut ChaCha8Rng, attacker: &Tenant, victim: &Tenant) -> Descriptor {
    let mut below = |n: u64| random.next_u64() % n;
    let mut address = || match below(6) {
        0 => victim.hpa(BASE + below(BYTES)).0,
        1 => victim.adi.message().address,
        2 => BASE + BYTES + below(1 << 20),
        3 => below(u64::MAX),
        _ => DATA + below(BYTES / 2),
    };
    let (src, dst, completion) = (address(), address(), address());
    let mut descriptor = match below(8) {
        0 => Descriptor::nop(),
        1 => Descriptor::new(Opcode(below(256) as u8)),
        2..5 => Descriptor::fill(src, dst, below(600) as u32),
        _ => Descriptor::memory_move(src, dst, below(600) as u32),
    };
    if below(2) == 0 {
        descriptor = descriptor.with_completion(completion & !31);
    }
    if below(4) == 0 {
        let handles = [attacker.handle, victim.handle, below(1 << 16) as u16];
        descriptor = descriptor.with_interrupt(handles[below(3) as usize]);
    }
    if below(8) == 0 {
        descriptor = descriptor.with_flags(Flags::from_bits_retain(1 << below(24)));
    }
    descriptor.pasid = (below(1 << 32) as u32).into();
    descriptor
}

#[test]
fn garbage_descriptors_touch_nobody_else() {
    let bench = Bench::new();
    bench.run(async {
        let [attacker, victim] = pair(&bench).await;
        let before = bench.memory_without(&attacker);
        let mut random = ChaCha8Rng::seed_from_u64(21);
        for _ in 0..100 {
            for _ in 0..8 {
                attacker.submit(&garbage(&mut random, &attacker, &victim));
            }
            attacker.adi.drain().await.unwrap();
        }

        assert!(bench.memory_without(&attacker) == before);
        assert_eq!(victim.adi.vector().count().count, 0);
        assert_eq!(bench.host.take_unclaimed_msis(), []);
        assert!(!attacker.adi.driver().halted());
        let faults = attacker.adi.driver().take_faults();
        let pasid = Some(attacker.adi.pasid());
        assert!(faults.iter().all(|fault| fault.pasid == pasid));
        let record = victim.run(Descriptor::nop()).await;
        assert_eq!(record.status(), Status::SUCCESS);
    });
}

/// The PASID prefix on all that queue 0 does when `mode` is written to its configuration. Without
/// IOMMU; the privileged mode is enabled.
fn prefixes(mode: u32) -> Vec<Option<tlp::PasidPrefix>> {
    const SRC: u64 = 0x10_0000;
    let bench = Bench::new();
    bench.run(async {
        let function = bench.function().await;
        function.set_config(0x234, 0b101 << 16).await;
        assert_eq!(function.start_wq0(mode).await, 0);
        bench.log.take();

        let descriptor = Descriptor::memory_move(SRC, SRC + 4096, 64).with_completion(SRC + 8192);
        let bytes = zerocopy::transmute!(descriptor);
        bench.host.write_portal(function.bar2(), &bytes).unwrap();
        bench.host.sleep(2000).await;

        let requests = bench.log.take_requests();
        assert_eq!(requests.len(), 3, "{requests:?}");
        requests.iter().map(|(request, _)| request.pasid).collect()
    })
}

#[test]
fn pasids_of_all_20_bits_are_carried() {
    for pasid in [0, 1, 0x8_0000, 0xf_fffe, 0xf_ffff] {
        let found = prefixes(1 << 28 | pasid << 8);

        let prefix = tlp::PasidPrefix::new(Pasid::new(pasid).unwrap());
        assert_eq!(found, [Some(prefix); 3]);
    }
}

#[test]
fn privileged_queue_says_so_in_its_prefix() {
    let found = prefixes(1 << 29 | 1 << 28 | 5 << 8);

    let prefix = tlp::PasidPrefix {
        pasid: Pasid::new(5).unwrap(),
        privileged: true,
        execute: false,
    };
    assert_eq!(found, [Some(prefix); 3]);
}

#[test]
fn queue_without_pasid_sends_no_prefix() {
    // The PASID is there, but not enabled.
    assert_eq!(prefixes(5 << 8), [None; 3]);
}

#[test]
fn queue_without_pasid_is_blocked_where_the_host_has_no_address_space_of_its_own() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let function = Function::of(tenant.adi.driver());
        tenant.adi.disable().await.unwrap();
        let mode = regs::SIOV_WQCFG_OFFSET + regs::SIOV_WQCFG_MODE_OFFSET;
        function.write32(mode, 0x11);
        tenant.adi.enable().await.unwrap();

        tenant.submit(&Descriptor::nop().with_completion(RECORD));
        tenant.adi.drain().await.unwrap();

        assert_eq!(tenant.record(RECORD).status(), Status::NONE);
        let fault = tenant.adi.driver().take_faults().pop().unwrap();
        assert_eq!(fault.pasid, None);
    });
}
