// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Block benches: C++ in `rtl/<room>/bench` around one room of the RTL, a process for each case.
//!
//! A new bench is a top module and a C++ file with cases (sim/cpp/bench.h), a row in `blocks.rs`, and
//! the names of its cases below. It is compiled when a test first needs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

#[path = "../../build/verilate.rs"]
#[allow(dead_code, reason = "build.rs and the crate use the rest")]
mod verilate;

mod assertions;
mod blocks;
mod checks;
mod mutants;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use blocks::{ATC, BAR0, DMA, FRONT, IRQ, MGMT, PCIE};
use verilate::{Builder, Top};

const ROOT: &str = env!("SIOV_ROOT");

static BUILDER: LazyLock<Builder> = LazyLock::new(|| {
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    Builder::new(Path::new(ROOT), Path::new(env!("SIOV_MODEL_CACHE")), jobs)
        .unwrap_or_else(|error| panic!("{error}"))
});

/// Builds a block's bench if need be. Gives what runs one case of it.
fn command(block: &Top, case: &str) -> Command {
    let program = BUILDER
        .bench(block, &mutants::replacements(block))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(program);
    command
        .arg(case)
        .arg(format!("+firmware={}", siov_firmware::IMAGE))
        .current_dir(ROOT);
    command
}

/// One test for each case, and one that knows whether there are more.
macro_rules! bench {
    ($name:ident $block:ident: $($case:ident)*) => {
        mod $name {
            use super::*;
            $(
                #[test]
                fn $case() {
                    let mut command = command(&$block, stringify!($case));

                    let output = command.output().unwrap();

                    let said = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
                }
            )*

            #[test]
            fn every_case_has_a_test() {
                let output = command(&$block, "--list").output().unwrap();

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
    deferrable_write_is_answered_as_adi_says
    deferrable_write_that_no_portal_can_take_does_nothing
    deferrable_writes_keep_their_place_among_posted_ones
    deferrable_write_waits_for_no_completion
    function_level_reset_defers_the_writes_it_throws_away
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
    moves_of_many_adis_keep_the_link_busy
    moves_keep_the_link_busy_at_twice_the_latency
    fills_do_not_wait_for_reads_that_cannot_leave
    slow_memory_of_one_adi_costs_the_others_little
    adis_that_wait_for_slots_all_get_on
    misaligned_moves_of_4_kib_stay_within_86_clocks
    moves_of_64_bytes_keep_all_tags_busy
    each_copy_looks_up_both_its_pages
    each_fill_looks_up_its_page
    copy_looks_up_its_second_page_though_ats_was_disabled_after_the_first
    job_waits_for_its_page_without_asking_again_and_goes_on_after_the_wake
    job_that_waits_for_both_pages_needs_both_wakes
    job_may_have_to_wait_again_after_its_wake
    wake_in_the_clock_after_the_answer_is_not_lost
    job_that_waits_holds_up_no_other
    page_that_may_be_used_untranslated_only_is_accessed_as_the_tenant
    fault_ends_the_job_with_its_status_its_page_and_what_was_moved
    fault_beside_a_wait_is_told_after_the_wake
    job_is_forgotten_when_it_ends_and_when_its_record_does
    record_that_waits_for_its_page_lets_others_pass
    record_whose_page_is_refused_is_lost_and_its_end_says_why
    hits_of_two_epochs_are_not_used_and_looked_up_again
    epoch_of_a_hit_is_busy_from_the_clock_after_the_answer_until_its_write_has_left
    translation_invalidated_between_lookup_and_read_keeps_its_epoch_busy
    translation_invalidated_between_read_and_write_keeps_its_epoch_busy
    translation_of_a_record_keeps_its_epoch_busy_until_it_has_left
    hit_whose_job_waits_for_another_page_keeps_no_epoch_busy
    jobs_over_pages_that_come_and_go_move_their_bytes
    jobs_and_records_over_pages_that_are_refused_end_where_they_say
    event_log_entry_is_one_untranslated_write_of_its_own_pasid
    message_goes_before_an_entry_that_before_a_record_and_that_before_data
    in_halt_a_tlp_that_has_begun_goes_on_to_its_end_and_no_other_follows
    in_halt_messages_leave_and_records_and_entries_do_not
    record_that_has_not_begun_when_halt_comes_is_lost_without_a_word
    in_halt_nothing_is_read_or_looked_up
    in_halt_an_epoch_ends_with_the_last_read_in_flight
    without_ats_work_is_of_the_epoch_it_begins_in
}

bench! { front FRONT:
    portal_write_during_init_is_dropped
    lone_descriptor_gives_its_wq_one_turn
    job_leaves_seven_clocks_after_its_portal_write
    moves_take_less_than_five_clocks
    turns_follow_priority
    overflow_of_a_full_wq_is_reported
    full_shared_wq_refuses_and_reports_nothing
    threshold_holds_at_limited_portals_from_its_write_on
    threshold_says_nothing_of_unlimited_portals_and_dedicated_wqs
    each_kind_of_wq_ignores_the_write_of_the_other
    abort_of_a_pasid_leaves_others_in_a_shared_wq
    mark_tells_when_what_was_there_has_ended_while_more_comes
    every_descriptor_ends_as_dsa_says
    failed_reads_end_their_descriptors
    abandoned_descriptors_end_in_silence
    wqs_whose_jobs_never_end_leave_jobs_to_others
}

bench! { irq IRQ:
    interrupt_becomes_the_message_of_its_entry
    ims_address_outside_the_interrupt_range_is_refused
    masked_ims_interrupt_is_sent_once_when_unmasked
    masked_msix_interrupt_is_sent_once_when_unmasked
    function_state_holds_msix_interrupts
    ignored_interrupt_ends_without_a_message
    event_goes_to_msix_entry_0_even_if_ignored
    handle_is_right_if_granted_and_pasids_agree
    handle_beyond_the_straps_is_wrong
    interrupts_wait_for_messages_to_leave_and_registers_do_not
    clear_keeps_the_msix_table_and_nothing_else
}

bench! { bar0 BAR0:
    registers_answer_in_the_clocks_they_promise
    host_is_served_while_the_core_reads_without_end
    host_is_served_between_clears
    byte_enables_keep_the_other_bytes
    host_writes_nothing_that_belongs_to_firmware
    wqs_beyond_the_straps_are_not_there
    first_software_error_is_kept
}

bench! { mgmt MGMT:
    error_goes_to_swerror_while_the_event_log_is_off
    second_error_only_sets_overflow
    swerror_has_the_handle_alone_of_an_interrupt_error
    entry_of_the_event_log_is_laid_out_as_dsa_says
    entry_without_a_record_ends_with_zeros
    tail_and_interrupt_come_when_the_entry_is_written
    interrupt_of_the_event_log_waits_for_pending_to_be_cleared
    event_log_without_its_interrupt_leaves_pending_alone
    full_event_log_drops_and_tells_swerror
    event_log_begins_anew_behind_its_last_entry
    stalled_event_log_holds_up_no_error_that_does_not_go_there
    command_written_while_one_is_active_is_an_error
    drain_waits_for_the_event_log
    event_log_is_configured_while_disabled_and_begins_at_enable
    reset_device_clears_the_configuration_of_the_event_log_and_keeps_its_status
    reset_device_clears_between_accesses
    each_change_of_the_function_while_enabled_halts
    command_in_halt_ends_with_05
    halt_ends_the_command_under_way_with_03
    error_in_halt_goes_to_swerror
    function_level_reset_ends_halt
    change_of_the_function_while_disabled_is_nothing
    response_failure_does_not_halt
    translations_of_a_wq_are_dropped_when_it_is_enabled
    threshold_reaches_adi_while_its_wq_is_enabled
    threshold_in_adi_is_cleared_with_its_register
    threshold_of_a_wq_beyond_the_straps_goes_nowhere
    page_request_allocation_is_checked
}

bench! { atc ATC:
    miss_asks_once_and_then_hits
    request_names_the_tenant_and_the_access
    page_of_any_size_serves_all_of_it
    translation_is_for_its_pasid_and_mode_only
    write_needs_the_right_to_write
    untranslated_only_is_said_and_kept
    rights_of_the_other_mode_do_not_count
    page_smaller_than_stu_is_an_error
    page_without_rights_is_of_no_size
    held_result_cannot_be_evicted
    one_adi_cannot_evict_another
    row_holds_eight_pages_of_an_adi
    waiters_for_one_page_share_a_request
    submitters_of_one_adi_ask_each_for_themselves
    adi_has_half_of_the_requests
    tags_follow_the_enables
    hits_are_one_a_clock
    lookups_without_ats_use_the_address_as_it_is
    enabling_ats_empties_the_cache
    waiters_end_when_ats_is_disabled
    wq_that_changes_hands_leaves_nothing
    requests_wait_for_bus_master_enable
    error_ends_the_lookup_with_a_status
    poisoned_translation_is_not_used
    completion_that_does_not_fit_is_unexpected
    completions_of_reads_are_not_for_this_room
    request_without_completion_times_out
    tag_rests_on_when_a_completion_does_not_fit
    tag_comes_back_after_sixteen_timeouts
    timeout_can_be_disabled
    invalidation_drops_what_it_names
    invalidation_of_a_part_drops_the_whole_page
    invalidation_with_pasid_disabled_is_just_completed
    invalidation_with_ats_disabled_is_completed
    invalidation_in_d3hot_is_swept_then_and_completed_in_d0
    completion_waits_for_the_old_epoch
    requests_swept_meanwhile_are_completed_together
    completion_goes_in_every_class_that_carried_writes
    translation_on_its_way_when_invalidated_is_asked_for_again
    large_page_on_its_way_is_cut_when_a_part_is_invalidated
    invalidation_of_another_pasid_does_not_disturb
    sweep_leaves_lookups_three_clocks_of_four
    page_request_asks_for_what_is_missing
    fault_that_may_not_block_is_told_at_once
    refused_page_request_ends_the_lookup
    refusal_that_a_job_was_woken_for_outlives_an_invalidation
    translation_that_a_job_was_woken_for_does_not_outlive_an_invalidation
    success_without_a_page_is_not_believed_for_ever
    failure_ends_all_page_requests
    page_request_not_offered_when_pri_is_disabled_never_is
    response_to_nothing_is_unexpected
    allocation_is_obeyed_and_shared
    adi_that_faults_for_ever_holds_up_nobody
    many_that_fault_for_ever_leave_page_requests_to_others
    half_as_many_adis_as_there_are_page_requests_have_one_each_whatever_others_take
    page_of_one_submitter_holds_up_no_other_of_its_adi
    waiters_for_one_page_share_a_page_request
    who_is_stopped_waits_for_no_page
    lookup_of_who_is_stopped_asks_for_no_page
    stop_names_wqs_or_a_pasid_or_everybody
    response_to_a_stale_page_request_only_gives_its_group_back
    group_is_not_used_again_while_its_request_is_stale
    who_is_stopped_for_ever_takes_no_more_than_its_share
    stale_page_requests_are_not_the_next_owners
    failure_ends_stale_page_requests_too
    stop_marker_follows_the_page_requests_of_before
    stop_marker_passes_a_queue_that_waits
    stop_marker_is_dropped_without_page_requests
    each_pasid_with_stale_page_requests_is_told_once
    random_traffic_is_never_given_a_stale_page
    random_traffic_with_every_kind_of_error
    random_traffic_in_an_invalidation_storm
    random_traffic_of_tenants_that_are_stopped
    random_traffic_with_stalled_streams
}
