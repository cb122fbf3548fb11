// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt remapping and posting.

use super::*;
use crate::iommu::interrupt_entry::{InterruptEntry, cpu_message, remappable_message};
use crate::iommu::posted::PostedDescriptor;
use crate::pcie::Msi;

const INDEX: u16 = 5;
const VECTOR: u8 = 0x91;
const NOTIFICATION: Msi = cpu_message(7, 0xf2);

/// A bench with interrupt remapping on and a table of 16 entries.
struct Interrupts {
    bench: Bench,
    table: Hpa,
}

impl Interrupts {
    fn new() -> Self {
        let mut bench = Bench::new();
        let table = bench.memory.alloc_page().unwrap();
        bench.write64(regs::IRTA, table.0 | 3);
        bench.command(regs::SIRTP);
        bench.command(regs::IRE);
        Self { bench, table }
    }

    /// With `entry` at `INDEX`.
    fn with(entry: InterruptEntry) -> Self {
        let mut interrupts = Self::new();
        interrupts.set(entry);
        interrupts
    }

    fn set(&mut self, entry: InterruptEntry) {
        let at = self
            .table
            .offset(u64::from(INDEX) * InterruptEntry::ENTRY_SIZE);
        self.bench
            .memory
            .write(at, bytemuck::cast_slice(&entry.0.map(u64::to_le)))
            .unwrap();
    }

    fn send(&mut self, msi: Msi) -> Option<Msi> {
        self.send_from(SOURCE, msi)
    }

    fn send_from(&mut self, source: Bdf, msi: Msi) -> Option<Msi> {
        let bench = &mut self.bench;
        bench
            .iommu
            .interrupt(&bench.memory, source, msi.address, msi.data)
    }

    /// Why the message is blocked, and the index on record.
    fn reason_of(&mut self, msi: Msi) -> (FaultReason, u64) {
        assert_eq!(self.send(msi), None);
        let fault = self.bench.pop_fault().unwrap();
        (fault.reason, fault.address.0 >> 48)
    }

    /// A posted-interrupt descriptor whose notifications are `NOTIFICATION`.
    fn descriptor(&self) -> PostedDescriptor {
        let memory = &self.bench.memory;
        let descriptor = PostedDescriptor::at(memory, memory.alloc_page().unwrap());
        descriptor.set_notification(7, 0xf2, false).unwrap();
        descriptor
    }
}

/// An entry that remaps to vector 91h of CPU 3.
fn remapped() -> InterruptEntry {
    InterruptEntry::remapped(SOURCE, 3, VECTOR, false)
}

fn message() -> Msi {
    remappable_message(INDEX)
}

/// Entry `INDEX` with a change.
fn changed(change: impl FnOnce(&mut [u64; 2])) -> InterruptEntry {
    let mut words = remapped().0;
    change(&mut words);
    InterruptEntry(words)
}

#[test]
fn remappable_message_has_the_handle_around_its_format_bits() {
    assert_eq!(remappable_message(0).address, 0xfee0_0018);
    assert_eq!(remappable_message(1).address, 0xfee0_0038);
    assert_eq!(remappable_message(0xffff).address, 0xfeef_fffc);
}

#[test]
fn interrupts_pass_as_they_are_while_remapping_is_off() {
    let mut interrupts = Interrupts::new();
    interrupts.bench.command(regs::IRE);
    let plain = cpu_message(1, 0x41);
    assert_eq!(interrupts.send(plain), Some(plain));
}

#[test]
fn remapped_interrupt_goes_where_the_entry_says() {
    let mut interrupts = Interrupts::with(remapped());
    assert_eq!(interrupts.send(message()), Some(cpu_message(3, VECTOR)));
}

#[test]
fn delivery_and_trigger_modes_are_those_of_the_entry() {
    let lowest_priority = changed(|words| words[0] |= 1 << 2 | 1 << 3 | 1 << 5);
    let sent = Interrupts::with(lowest_priority).send(message()).unwrap();
    assert_eq!(sent.address & 0xc, 0xc);
    assert_eq!(sent.data >> 8, 1);
}

#[test]
fn x2apic_destination_has_32_bits() {
    let mut interrupts =
        Interrupts::with(InterruptEntry::remapped(SOURCE, 0x12_3456, VECTOR, true));
    let table = interrupts.table.0;
    interrupts.bench.write64(regs::IRTA, table | 3 | regs::EIME);
    interrupts.bench.command(regs::SIRTP);
    let sent = interrupts.send(message());
    assert_eq!(sent, Some(cpu_message(0x12_3456, VECTOR)));
}

#[test]
fn subhandle_is_added_to_the_handle() {
    let mut interrupts = Interrupts::with(remapped());
    let sent = interrupts.send(Msi {
        data: 2,
        ..remappable_message(INDEX - 2)
    });
    assert_eq!(sent, Some(cpu_message(3, VECTOR)));
    let without_subhandle = Msi {
        address: message().address & !(1 << 3),
        data: 0xffff_ffff,
    };
    assert!(interrupts.send(without_subhandle).is_some());
}

#[test]
fn subhandle_of_more_than_16_bits_is_reserved() {
    let wide = Msi {
        data: 1 << 16,
        ..message()
    };
    let (reason, _) = Interrupts::with(remapped()).reason_of(wide);
    assert_eq!(reason, FaultReason::InterruptReserved);
}

#[test]
fn index_beyond_the_table_is_blocked() {
    assert_eq!(
        Interrupts::new().reason_of(remappable_message(16)),
        (FaultReason::InterruptIndex, 16)
    );
}

#[test]
fn entry_that_is_not_present_is_blocked() {
    assert_eq!(
        Interrupts::new().reason_of(message()),
        (FaultReason::InterruptNotPresent, 5)
    );
}

#[test]
fn table_outside_memory_is_an_access_fault() {
    let mut interrupts = Interrupts::new();
    interrupts.bench.write64(regs::IRTA, 1 << 40 | 3);
    interrupts.bench.command(regs::SIRTP);
    assert_eq!(
        interrupts.reason_of(message()).0,
        FaultReason::InterruptAccess
    );
}

#[test]
fn reserved_bits_and_values_of_an_entry_are_found() {
    let posted = |bit: u32| {
        let mut words = InterruptEntry::posted(SOURCE, Hpa(0x1000), VECTOR).0;
        words[0] |= 1 << bit;
        InterruptEntry(words)
    };
    for entry in [
        changed(|words| words[0] |= 1 << 12),
        changed(|words| words[0] |= 1 << 24),
        changed(|words| words[0] |= 1 << 32), // xAPIC destinations are in bits 47:40
        changed(|words| words[0] |= 3 << 5),
        changed(|words| words[0] |= 6 << 5),
        changed(|words| words[1] |= 3 << 18),
        changed(|words| words[1] |= 1 << 20),
        posted(2),
        posted(12),
        posted(24),
    ] {
        let (reason, _) = Interrupts::with(entry).reason_of(message());
        assert_eq!(reason, FaultReason::InterruptEntryReserved, "{entry:x?}");
    }
}

#[test]
fn fpd_of_an_entry_keeps_qualified_faults_out_of_the_log() {
    let mut interrupts = Interrupts::with(InterruptEntry([2, 0]));
    assert_eq!(interrupts.send(message()), None);
    assert_eq!(interrupts.bench.pop_fault(), None);
}

#[test]
fn compatibility_format_is_blocked_unless_allowed() {
    let mut interrupts = Interrupts::new();
    let plain = cpu_message(1, 0x41);
    assert_eq!(
        interrupts.reason_of(plain).0,
        FaultReason::InterruptCompatibility
    );
    interrupts.bench.command(regs::CFI);
    assert_eq!(interrupts.send(plain), Some(plain));
}

#[test]
fn compatibility_format_is_blocked_with_x2apic_even_if_allowed() {
    let mut interrupts = Interrupts::new();
    let table = interrupts.table.0;
    interrupts.bench.write64(regs::IRTA, table | regs::EIME);
    interrupts.bench.command(regs::SIRTP);
    interrupts.bench.command(regs::CFI);
    assert_eq!(
        interrupts.reason_of(cpu_message(1, 0x41)).0,
        FaultReason::InterruptCompatibility
    );
}

#[test]
fn interrupt_of_another_requester_is_blocked() {
    let mut interrupts = Interrupts::with(remapped());
    let stranger = Bdf::new(1, 0, 1);
    assert_eq!(interrupts.send_from(stranger, message()), None);
    let fault = interrupts.bench.pop_fault().unwrap();
    assert_eq!(
        (fault.reason, fault.source),
        (FaultReason::InterruptSource, stranger)
    );
}

#[test]
fn source_check_may_leave_out_function_bits_compare_buses_or_be_off() {
    let accepts = |svt_sq_sid: u64, source| {
        let entry = changed(|words| words[1] = svt_sq_sid);
        Interrupts::with(entry)
            .send_from(source, message())
            .is_some()
    };
    let sid = u64::from(SOURCE.raw());
    let function = |f| Bdf::new(1, 0, f);
    assert!(accepts(1 << 18 | 1 << 16 | sid, function(4)));
    assert!(!accepts(1 << 18 | 1 << 16 | sid, function(2)));
    assert!(accepts(1 << 18 | 2 << 16 | sid, function(6)));
    assert!(accepts(1 << 18 | 3 << 16 | sid, function(7)));
    let buses = 2 << 18 | 0x0103;
    assert!(accepts(buses, Bdf::new(2, 9, 0)));
    assert!(!accepts(buses, Bdf::new(4, 0, 0)));
    assert!(accepts(0, Bdf::new(9, 9, 1)));
}

#[test]
fn entries_are_cached_until_they_are_invalidated() {
    let forgets = |which| {
        let mut interrupts = Interrupts::with(remapped());
        interrupts.send(message()).unwrap();
        interrupts.set(InterruptEntry::default());
        assert!(interrupts.send(message()).is_some());
        interrupts.bench.submit(Descriptor::InterruptEntries(which));
        interrupts.send(message()).is_none()
    };
    assert!(forgets(None));
    assert!(forgets(Some((INDEX, 0))));
    assert!(forgets(Some((INDEX - 1, 1))));
    assert!(!forgets(Some((INDEX + 1, 0))));
}

#[test]
fn posted_interrupt_sets_its_bit_and_notifies_once() {
    let mut interrupts = Interrupts::new();
    let descriptor = interrupts.descriptor();
    interrupts.set(InterruptEntry::posted(SOURCE, descriptor.address(), VECTOR));
    assert_eq!(interrupts.send(message()), Some(NOTIFICATION));
    assert_eq!(interrupts.send(message()), None);
    let vectors = descriptor.take().unwrap();
    assert_eq!(vectors, [0, 0, 1 << (VECTOR - 128), 0]);
    assert_eq!(interrupts.send(message()), Some(NOTIFICATION));
    assert_eq!(interrupts.bench.pop_fault(), None);
}

#[test]
fn suppressed_descriptor_collects_and_only_urgent_interrupts_notify() {
    let mut interrupts = Interrupts::new();
    let descriptor = interrupts.descriptor();
    descriptor.suppress(true).unwrap();
    let posted = InterruptEntry::posted(SOURCE, descriptor.address(), VECTOR);
    interrupts.set(posted);
    assert_eq!(interrupts.send(message()), None);
    interrupts.set(posted.urgent());
    interrupts.bench.submit(Descriptor::InterruptEntries(None));
    assert_eq!(interrupts.send(message()), Some(NOTIFICATION));
    descriptor.suppress(false).unwrap();
    assert_eq!(descriptor.take().unwrap()[2], 1 << (VECTOR - 128));
}

#[test]
fn posted_interrupt_is_told_to_those_who_wait_for_the_descriptor() {
    let mut interrupts = Interrupts::new();
    let descriptor = interrupts.descriptor();
    let at = descriptor.address();
    interrupts.set(InterruptEntry::posted(SOURCE, at, VECTOR));
    interrupts.send(message()).unwrap();
    let effects = interrupts.bench.iommu.take_effects();
    assert_eq!(effects, [Effect::Written(at, 64)]);
}

#[test]
fn descriptor_outside_memory_or_with_reserved_bits_is_a_fault() {
    let mut outside =
        Interrupts::with(InterruptEntry::posted(SOURCE, Hpa(0x123_4567_8900), VECTOR));
    assert_eq!(outside.reason_of(message()).0, FaultReason::PostedAccess);
    for bit in [2, 15, 24, 32, 48] {
        let mut interrupts = Interrupts::new();
        let at = interrupts.descriptor().address();
        interrupts
            .bench
            .memory
            .write_u64(at.offset(32), 1 << bit)
            .unwrap();
        interrupts.set(InterruptEntry::posted(SOURCE, at, VECTOR));
        let (reason, _) = interrupts.reason_of(message());
        assert_eq!(reason, FaultReason::PostedReserved, "{bit}");
        assert_eq!(interrupts.bench.memory.read_u64(at.offset(16)), Ok(0));
    }
}
