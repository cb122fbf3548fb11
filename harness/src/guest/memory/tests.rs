// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::pcie::Knobs;
use crate::pcie::mock::Mock;

const PAGE: Gpa = Gpa(PAGE_SIZE);

fn memory() -> GuestMemory {
    let ram = Memory::new(1 << 20).unwrap();
    let host = Host::new(Box::new(Mock::silent()), ram, Knobs::default());
    let mut random = ChaCha8Rng::seed_from_u64(1);
    GuestMemory::new(&host, 4 * PAGE_SIZE, &mut random).unwrap()
}

#[test]
fn moved_page_holds_what_it_held_in_another_place() {
    let memory = memory();
    let from = memory.host_page(PAGE).unwrap();

    let to = memory.move_page(PAGE).unwrap();

    assert_ne!(from, to);
    assert_eq!(memory.host_page(PAGE), Some(to));
    memory.verify_all().unwrap();
}

#[test]
fn write_to_where_a_page_was_is_found() {
    let memory = memory();
    let from = memory.host_page(PAGE).unwrap();
    memory.move_page(PAGE).unwrap();

    memory.memory().write_u32(from.offset(0x40), 1).unwrap();

    let found = memory.verify_all();
    assert!(matches!(found, Err(GuestMemoryError::Vacated { page }) if page == from));
}

#[test]
fn write_to_where_a_page_was_is_found_before_the_place_is_used_again() {
    let memory = memory();
    let from = memory.host_page(PAGE).unwrap();
    memory.move_page(PAGE).unwrap();
    memory.memory().write_u32(from, 1).unwrap();

    let moves = (0..VACANCIES).map(|_| memory.move_page(PAGE));
    let found = moves.collect::<Result<Vec<_>, _>>();

    assert!(matches!(found, Err(GuestMemoryError::Vacated { .. })));
}

#[tokio::test]
async fn whoever_waits_for_a_write_looks_again_when_a_page_is_moved() {
    let memory = memory();

    let waiting = memory.wait_for_write(PAGE);
    let moving = async { memory.move_page(PAGE) };

    let (waited, moved) = tokio::join!(waiting, moving);
    waited.unwrap();
    moved.unwrap();
}
