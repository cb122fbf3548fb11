// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Events and paging of a scenario on the RTL, and the promises that come with them.

use super::Scenario;
use crate::report::Report;
use crate::rtl::RtlEndpoint;

/// One guest that moves 256 bytes 64 times; HOST, VM and WORKLOAD stand for further fields.
const SCENARIO: &str = r#"{
    "host": { "seed": 1 HOST },
    "vms": [{ "name": "alice", VM "vdevs": [{ "name": "d", "workloads": [WORKLOAD] }] }]
    MORE
}"#;
const MOVES: &str = r#"{ "op": "memory_move", "size": 256, "count": 64, "depth": 8 }"#;
const PRI: &str = r#""ats": true, "pri": 8"#;

fn text(host: &str, vm: &str, workload: &str) -> String {
    let comma = if host.is_empty() { "" } else { ", " };
    let text = SCENARIO.replace("HOST", &format!("{comma}{host}"));
    text.replace("VM", vm).replace("WORKLOAD", workload)
}

fn play(text: &str) -> Report {
    let scenario = Scenario::parse("test.json", &text.replace("MORE", "")).unwrap();
    let rtl = RtlEndpoint::new(scenario.device.profile.straps(), None).unwrap();
    scenario.run(Box::new(rtl), Vec::new(), &|| {}).unwrap()
}

fn says(report: &Report, words: &str) -> bool {
    report.story.iter().any(|sentence| sentence.contains(words))
}

#[test]
fn pages_are_mapped_as_the_device_asks_for_them() {
    let on_demand = r#""paging": "on_demand", "paging_delay": 700,"#;

    let report = play(&text(PRI, on_demand, MOVES));

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let requests = report.page_requests.unwrap();
    // Records, and source and destination of each of the 8 slots.
    assert_eq!((requests.requests, requests.success), (17, 17));
    assert!(requests.cycles.mean >= 700);
    assert!(says(&report, "17 for alice, all answered with Success"));
}

#[test]
fn refused_pages_end_descriptors_with_04h() {
    let moves = MOVES.replace('}', r#", "expect": "page_request_failed" }"#);

    let report = play(&text(PRI, r#""paging": "refused","#, &moves));

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(report.statuses["page_request_failed"], 64);
    assert!(report.page_requests.unwrap().invalid_request > 0);
}

#[test]
fn reset_loses_what_had_not_ended_and_the_guest_does_the_rest() {
    let host = r#""events": [{ "after_descriptors": 20, "do": "flr" }]"#;
    let moves = MOVES.replace('}', r#", "completion": "interrupt" }"#);

    let report = play(&text(host, "", &moves));

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let alice = &report.vdevs[0];
    assert_eq!((alice.descriptors, alice.lost), (64, 8));
    assert_eq!(alice.bytes, 256 * (64 - 8));
    assert_eq!(alice.traps.fast_path, 0);
    assert!(
        says(&report, "the host resets the function"),
        "{:?}",
        report.story
    );
}

#[test]
fn guest_that_is_done_gets_its_device_back_too() {
    let host = r#""events": [{ "after_descriptors": 80, "do": "flr" }]"#;
    let other = format!(r#"}}, {{ "name": "e", "workloads": [{MOVES}"#);
    let short = format!(r#"{{ "op": "nop", "count": 20 }}] {other}"#);

    let report = play(&text(host, "", &short));

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(report.vdevs[0].lost, 0);
    assert!(report.vdevs[1].lost > 0);
}

#[test]
fn stalled_class_holds_the_guest_up_and_loses_nothing() {
    const CYCLES: u64 = 20_000;
    let stall = format!(r#"{{ "stall_credits": {{ "class": "posted", "cycles": {CYCLES} }} }}"#);
    let host = format!(r#""events": [{{ "after_descriptors": 8, "do": {stall} }}]"#);

    let report = play(&text(&host, "", MOVES));

    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(report.vdevs[0].latency_cycles.max >= CYCLES - 1_000);
    assert!(says(
        &report,
        "no credits for posted requests for 20,000 cycles"
    ));
}

#[test]
fn guest_begins_as_late_as_it_is_told() {
    let report = play(&text("", r#""start_after": 30000,"#, MOVES));

    let early = play(&text("", "", MOVES));

    let later = report.totals.cycles - early.totals.cycles;
    assert!((29_900..30_100).contains(&later), "{later}");
}

#[test]
fn event_that_comes_too_late_is_a_failure() {
    let host = r#""events": [{ "at": 9000000, "do": "flr" }]"#;

    let report = play(&text(host, "", MOVES));

    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    assert!(report.failures[0].starts_with("host.events[0]: did not happen"));
}

#[test]
fn pages_that_are_refused_but_never_asked_for_are_a_failure() {
    let nops = r#"{ "op": "nop", "count": 4 }"#;

    let report = play(&text(PRI, r#""paging": "refused","#, nops));

    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    assert!(report.failures[0].contains("no page request was answered with Invalid Request"));
}

#[test]
fn fault_that_hits_nothing_is_a_failure() {
    let faults = r#", "faults": [{ "on": "page_request", "do": "drop" }]"#;

    let report = play(&text("", "", MOVES).replace("MORE", faults));

    let expected = "faults[0]: drop was never done: no TLP has matched";
    assert_eq!(report.failures, [expected]);
}
