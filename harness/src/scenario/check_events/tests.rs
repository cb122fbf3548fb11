// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use crate::scenario::{Scenario, ScenarioError};

/// Two machines; HOST and VM stand for further fields.
const SCENARIO: &str = r#"{
    "host": { "seed": 1, HOST },
    "vms": [
        { "name": "a", VM
          "vdevs": [{ "name": "d", "workloads": [{ "op": "memory_move", "size": 64, "count": 9 }] }] },
        { "name": "b", "vdevs": [{ "name": "d", "workloads": [WORKLOAD] }] }
    ]
}"#;
const PRI: &str = r#""ats": true, "pri": 8"#;
const ON_DEMAND: &str = r#""paging": "on_demand","#;

fn parse(host: &str, vm: &str, workload: &str) -> Result<Scenario, ScenarioError> {
    let text = SCENARIO.replace("HOST", host).replace("VM", vm);
    Scenario::parse("test.json", &text.replace("WORKLOAD", workload))
}

/// Path and message of what is wrong.
fn wrong(host: &str, vm: &str) -> (String, String) {
    match parse(host, vm, r#"{ "op": "nop" }"#) {
        Err(ScenarioError::Field { path, message, .. }) => (path, message),
        other => panic!("not an error about a field: {other:?}"),
    }
}

/// The same for an event, of a host that lets the device ask for pages of machine `a`.
fn wrong_event(event: &str) -> (String, String) {
    wrong(&format!(r#"{PRI}, "events": [{event}]"#), ON_DEMAND)
}

#[test]
fn page_requests_need_ats() {
    let (path, message) = wrong(r#""pri": 8"#, "");

    assert_eq!(path, "host.pri");
    assert!(message.contains("host.ats is false"), "{message}");
}

#[test]
fn no_more_page_requests_than_the_device_can_have() {
    let (path, message) = wrong(r#""ats": true, "pri": 513"#, "");

    assert_eq!(path, "host.pri");
    assert_eq!(message, "is 513, expected 1 to 512");
}

#[test]
fn paging_needs_page_requests() {
    let (path, message) = wrong(r#""ats": true"#, ON_DEMAND);

    assert_eq!(path, "vms[0].paging");
    assert!(message.contains("set host.ats, and host.pri"), "{message}");
}

#[test]
fn unknown_paging_lists_the_known_ones() {
    let (path, message) = wrong(PRI, r#""paging": "lazy","#);

    assert_eq!(path, "vms[0].paging");
    assert!(message.contains("`on_demand`"), "{message}");
}

#[test]
fn paging_delay_needs_paging() {
    let (path, message) = wrong(PRI, r#""paging_delay": 5,"#);

    assert_eq!(path, "vms[0].paging_delay");
    assert!(message.contains("set paging to"), "{message}");
}

#[test]
fn start_has_a_limit() {
    let (path, _) = wrong(PRI, r#""start_after": 10000001,"#);

    assert_eq!(path, "vms[0].start_after");
}

#[test]
fn event_needs_one_time() {
    for times in ["", r#""at": 1, "after_descriptors": 2,"#] {
        let (path, message) = wrong_event(&format!(r#"{{ {times} "do": "flr" }}"#));

        assert_eq!(path, "host.events[0]");
        assert!(message.contains("either `at` or"), "{message}");
    }
}

#[test]
fn event_after_more_descriptors_than_there_are_is_refused() {
    let (path, message) = wrong_event(r#"{ "after_descriptors": 10, "do": "flr" }"#);

    assert_eq!(path, "host.events[0].after_descriptors");
    assert_eq!(message, "is 10, expected less than the 10 of all workloads");
}

#[test]
fn event_that_repeats_needs_time_in_between() {
    let (path, _) = wrong_event(r#"{ "at": 1, "every": 0, "do": "flr" }"#);
    assert_eq!(path, "host.events[0].every");

    let (path, _) = wrong_event(r#"{ "at": 1, "times": 2, "do": "flr" }"#);
    assert_eq!(path, "host.events[0].times");
}

#[test]
fn unknown_deed_lists_the_known_ones() {
    let (path, message) = wrong_event(r#"{ "at": 1, "do": "reboot" }"#);

    assert!(path.starts_with("host.events[0]"), "{path}");
    assert!(message.contains("`flr`"), "{message}");
}

#[test]
fn pages_of_a_machine_that_does_not_exist_are_refused() {
    let deed = r#"{ "migrate_pages": { "vm": "c", "pages": 1 } }"#;

    let (path, message) = wrong_event(&format!(r#"{{ "at": 1, "do": {deed} }}"#));

    assert_eq!(path, "host.events[0].do.migrate_pages.vm");
    assert_eq!(message, "is `c`, expected one of a, b");
}

#[test]
fn pages_of_a_machine_whose_device_cannot_wait_are_refused() {
    let deed = r#"{ "reclaim_pages": { "vm": "b", "pages": 1 } }"#;

    let (path, message) = wrong_event(&format!(r#"{{ "at": 1, "do": {deed} }}"#));

    assert_eq!(path, "host.events[0].do.reclaim_pages.vm");
    assert!(message.contains("not `on_demand`"), "{message}");
}

#[test]
fn more_pages_than_the_machine_has_are_refused() {
    let deed = r#"{ "reclaim_pages": { "vm": "a", "pages": 257 } }"#;

    let (path, message) = wrong_event(&format!(r#"{{ "at": 1, "do": {deed} }}"#));

    assert_eq!(path, "host.events[0].do.reclaim_pages.pages");
    assert_eq!(message, "is 257, expected 1 to 256");
}

#[test]
fn stall_is_shorter_than_the_hosts_patience() {
    let deed = r#"{ "stall_credits": { "class": "posted", "cycles": 50001 } }"#;

    let (path, _) = wrong_event(&format!(r#"{{ "at": 1, "do": {deed} }}"#));

    assert_eq!(path, "host.events[0].do.stall_credits.cycles");
}

#[test]
fn reset_and_broken_descriptors_do_not_go_together() {
    let events = r#""events": [{ "at": 1, "do": "flr" }]"#;
    let poke = r#"{ "op": "nop", "poke": { "opcode": 63 }, "expect": "bad_opcode" }"#;

    let Err(ScenarioError::Field { path, message, .. }) = parse(events, "", poke) else {
        panic!("not refused");
    };

    assert_eq!(path, "host.events[0].do");
    assert!(
        message.contains("vms[1].vdevs[0].workloads[0]"),
        "{message}"
    );
}

#[test]
fn descriptor_that_nothing_is_heard_of_must_be_broken() {
    let silent = r#"{ "op": "nop", "expect": "none" }"#;

    let Err(ScenarioError::Field { path, .. }) = parse(PRI, "", silent) else {
        panic!("not refused");
    };

    assert_eq!(path, "vms[1].vdevs[0].workloads[0].expect");
}
