// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What a descriptor must have done to memory, by its fields and its status.

use zerocopy::IntoBytes;

use super::{GuestMemory, GuestMemoryError};
use crate::dsa::{CompletionRecord, Descriptor, Flags, Opcode, Status};
use crate::mem::Gpa;

/// Bytes checked before and behind each destination.
const GUARD: u64 = 64;

/// Enters the effects into the expected memory and checks the destination with its surroundings.
/// Returns the bytes moved.
///
/// A source or destination that is not the guest's has no effect that the guest may see.
pub fn apply(
    memory: &GuestMemory,
    descriptor: &Descriptor,
    record: &CompletionRecord,
) -> Result<u64, GuestMemoryError> {
    memory.expect(Gpa(descriptor.completion.get()), record.as_bytes())?;
    let size = descriptor.size.get() as usize;
    let destination = Gpa(descriptor.dst.get());
    let writes = matches!(descriptor.opcode(), Opcode::MEMORY_MOVE | Opcode::FILL);
    if !writes || !memory.contains(destination, size) {
        return Ok(0);
    }
    let moved = match record.status() {
        Status::SUCCESS => {
            expect_all(memory, descriptor, size)?;
            size as u64
        }
        Status::READ_ERROR
        | Status::WRITE_ERROR
        | Status::PAGE_FAULT
        | Status::PAGE_REQUEST_FAILED
        | Status::TRANSLATION_ERROR => {
            memory.accept(destination, size)?;
            0
        }
        _ => 0,
    };
    let before = GUARD.min(destination.0);
    let start = Gpa(destination.0 - before);
    let with_guards = before as usize + size + GUARD as usize;
    let checked = if memory.contains(start, with_guards) {
        with_guards
    } else {
        size
    };
    memory.verify(start, checked)?;
    Ok(moved)
}

/// The device was reset before the guest heard of the descriptor: its destination and its record
/// may hold anything.
pub fn lost(memory: &GuestMemory, descriptor: &Descriptor) -> Result<(), GuestMemoryError> {
    memory.accept(Gpa(descriptor.completion.get()), CompletionRecord::SIZE)?;
    unknown(memory, descriptor)
}

/// Nothing was heard of the descriptor: its destination may hold anything.
pub fn unknown(memory: &GuestMemory, descriptor: &Descriptor) -> Result<(), GuestMemoryError> {
    let (destination, size) = (Gpa(descriptor.dst.get()), descriptor.size.get() as usize);
    match memory.contains(destination, size) {
        true => memory.accept(destination, size),
        false => Ok(()),
    }
}

fn expect_all(
    memory: &GuestMemory,
    descriptor: &Descriptor,
    size: usize,
) -> Result<(), GuestMemoryError> {
    let mut data = vec![0; size];
    if descriptor.opcode() == Opcode::FILL {
        let pattern = fill_pattern(descriptor);
        for (byte, value) in data.iter_mut().zip(pattern.into_iter().cycle()) {
            *byte = value;
        }
    } else if memory.contains(Gpa(descriptor.src.get()), size) {
        memory.read(Gpa(descriptor.src.get()), &mut data)?;
    } else {
        return Ok(());
    }
    memory.expect(Gpa(descriptor.dst.get()), &data)
}

/// The 16 bytes that repeat; an 8-byte pattern is there twice.
fn fill_pattern(descriptor: &Descriptor) -> [u8; 16] {
    let low = descriptor.src.get().to_le_bytes();
    let mut pattern = [low, low].concat();
    if descriptor.flags().contains(Flags::FILL_PATTERN_16) {
        pattern[8..].copy_from_slice(&descriptor.specific[..8]);
    }
    std::array::from_fn(|i| pattern[i])
}
