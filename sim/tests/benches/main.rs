// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Block benches: C++ in `rtl/<room>/bench` around one room of the RTL, a process for each case.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

#[path = "../../build/verilate.rs"]
#[allow(dead_code, reason = "build.rs and the crate use the rest")]
mod verilate;

mod assertions;
mod blocks;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use blocks::{DMA, FRONT, PCIE};
use verilate::{Builder, Top};

const ROOT: &str = env!("SIOV_ROOT");

static BUILDER: LazyLock<Builder> = LazyLock::new(|| {
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    Builder::new(Path::new(ROOT), Path::new(env!("SIOV_MODEL_CACHE")), jobs)
        .unwrap_or_else(|error| panic!("{error}"))
});

/// Builds a block's bench if need be, and runs one case of it.
fn run(block: &Top, words: &[&str]) -> Output {
    let program = BUILDER
        .bench(block, &assertions::mutants(block))
        .unwrap_or_else(|error| panic!("{error}"));
    Command::new(program)
        .args(words)
        .current_dir(ROOT)
        .output()
        .unwrap()
}

/// One test for each case, and one that knows whether there are more.
macro_rules! bench {
    ($name:ident $block:ident: $($case:ident)*) => {
        mod $name {
            use super::*;
            $(
                #[test]
                fn $case() {
                    let output = run(&$block, &[stringify!($case)]);

                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                }
            )*

            #[test]
            fn every_case_has_a_test() {
                let output = run(&$block, &["--list"]);

                let listed = String::from_utf8(output.stdout).unwrap();
                let tests: BTreeSet<&str> = [$(stringify!($case)),*].into();
                assert_eq!(listed.lines().collect::<BTreeSet<_>>(), tests);
            }
        }
    };
}

bench! { pcie PCIE:
    bars_have_the_sizes_of_the_straps
    config_write_changes_only_enabled_bytes
    completer_id_is_captured_by_the_first_config_write
    reads_bring_every_byte_asked_for
    mixed_traffic_keeps_its_order
    read_of_portals_brings_zeros
    access_without_byte_enables_touches_nothing
    unsupported_requests_are_answered
    deferrable_write_to_a_portal_is_to_be_retried
    posted_tlps_that_nobody_wants_are_dropped
    portals_beyond_the_straps_are_ignored
    malformed_tlps_are_dropped
    any_header_leaves_the_device_working
    completions_pass_a_stalled_portal
    transmission_fills_every_clock
    sources_are_merged_whole_and_in_order
    tlps_wait_for_credits_of_their_class
    class_without_credits_blocks_no_other
    function_level_reset_waits_for_reads_and_answers_first
    function_level_reset_does_not_wait_forever
    function_level_reset_cuts_no_tlp_short
    function_level_reset_forgets_posted_writes
    each_error_is_recorded_logged_and_reported
    advisory_errors_are_masked_after_reset
    completer_abort_is_answered
    errors_are_recorded_and_reported_as_enabled
    error_in_the_clock_that_clears_its_bit_wins
    messages_wait_for_credits_and_none_is_lost
    timeout_in_d3hot_is_reported_in_d0
    aer_is_kept_through_function_level_reset
    completion_statuses_of_requests_are_seen_in_status
    posted_writes_and_completions_pass_stalled_requests
    non_posted_requests_never_fill_reception
    register_read_waits_for_earlier_portal_writes
    register_write_waits_for_earlier_portal_writes
    stalled_class_leaves_the_others_alone
    message_stays_behind_writes_accepted_before_it
    completions_are_routed_by_tag
    invalidate_requests_and_page_responses_go_to_atc
    messages_that_are_not_for_us_are_errors
    page_request_interface_stops_when_its_requests_have_ended
    response_failure_stops_page_requests_until_enabled_again
    response_failure_while_stopping_stops_at_once
    page_request_interface_is_reset_only_while_disabled
    completions_are_marked_for_id_based_ordering_if_enabled
    d3hot_takes_config_requests_and_messages_only
}

bench! { dma DMA:
    jobs_of_any_size_and_alignment_move_their_bytes
    long_jobs_move_their_bytes
    failed_reads_end_their_job_and_say_how_far_it_came
    unexpected_completions_change_nothing
    no_tlp_starts_while_requests_are_held
    fills_wait_while_the_host_takes_nothing
    read_leaves_three_clocks_after_its_job_came
    moves_of_4_kib_keep_the_link_busy
    misaligned_moves_of_4_kib_stay_within_90_clocks
    moves_of_64_bytes_keep_all_tags_busy
}

bench! { front FRONT:
    portal_write_during_init_is_dropped
    lone_descriptor_gives_its_wq_one_turn
    job_leaves_seven_clocks_after_its_portal_write
    moves_take_less_than_five_clocks
    turns_follow_priority
    overflow_of_a_full_wq_is_reported
    every_descriptor_ends_as_dsa_says
    failed_reads_end_their_descriptors
}
