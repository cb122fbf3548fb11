// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

use super::*;

const MINIMAL: &str = r#"{
    "vms": [{
        "name": "a",
        "vdevs": [{ "name": "d", "workloads": [{ "op": "memory_move", "size": 64 }] }]
    }]
}"#;

/// The minimal scenario with one piece of its text replaced.
fn parse_with(from: &str, to: &str) -> Result<Scenario, ScenarioError> {
    assert!(MINIMAL.contains(from));
    Scenario::parse("test.json", &MINIMAL.replacen(from, to, 1))
}

/// Path and message of the error about a field.
fn field_error(result: Result<Scenario, ScenarioError>) -> (String, String) {
    match result.expect_err("the scenario is wrong") {
        ScenarioError::Field { path, message, .. } => (path, message),
        other => panic!("not an error about a field: {other}"),
    }
}

#[test]
fn minimal_scenario_gets_the_documented_defaults() {
    let scenario = Scenario::parse("test.json", MINIMAL).unwrap();

    assert_eq!(scenario.device.profile, Profile::Small);
    assert_eq!(
        (scenario.host.latency, scenario.host.mps, scenario.host.mrrs),
        (300, 256, 512)
    );
    assert_eq!(
        scenario.vms[0].vdevs[0].workloads[0].expect,
        Expect::default()
    );
}

#[test]
fn unknown_field_is_named_with_its_path() {
    let (path, message) = field_error(parse_with(r#""size""#, r#""sise""#));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].sise");
    assert!(message.contains("expected one of"), "{message}");
}

#[test]
fn wrong_type_is_named_with_its_path() {
    let (path, message) = field_error(parse_with("64", r#""big""#));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].size");
    assert!(message.contains("expected u32"), "{message}");
}

#[test]
fn missing_field_is_named() {
    let (path, message) = field_error(parse_with(r#""name": "d", "#, ""));

    assert_eq!(path, "vms[0].vdevs[0]");
    assert!(message.contains("missing field `name`"), "{message}");
}

#[test]
fn size_zero_is_refused_for_a_memory_move() {
    let (path, message) = field_error(parse_with("64", "0"));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].size");
    assert_eq!(message, "is 0, expected 1 to 2097152");
}

#[test]
fn depth_above_the_queue_is_refused() {
    let (path, message) = field_error(parse_with(r#""size": 64"#, r#""size": 64, "depth": 17"#));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].depth");
    assert_eq!(message, "is 17, expected 1 to 16");
}

#[test]
fn buffers_that_do_not_fit_the_memory_are_refused() {
    let (path, message) = field_error(parse_with("64", "2097152"));

    assert_eq!(path, "vms[0].memory_kib");
    assert!(message.starts_with("is 1024, but"), "{message}");
}

#[test]
fn unknown_status_lists_the_known_ones() {
    let (path, message) = field_error(parse_with(
        r#""size": 64"#,
        r#""size": 64, "expect": "bad_luck""#,
    ));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].expect");
    assert!(message.contains("bad_opcode"), "{message}");
}

#[test]
fn address_may_be_hexadecimal_text() {
    let poke = r#""size": 64, "poke": { "src": "0x1f000", "dst": 4096 }"#;

    let scenario = parse_with(r#""size": 64"#, poke).unwrap();

    let poke = scenario.vms[0].vdevs[0].workloads[0].poke.clone().unwrap();
    assert_eq!(poke.src, Some(Number(0x1f000)));
    assert_eq!(poke.dst, Some(Number(4096)));
}

#[test]
fn text_that_is_no_number_is_refused_as_address() {
    let poke = r#""size": 64, "poke": { "src": "here" }"#;

    let (path, message) = field_error(parse_with(r#""size": 64"#, poke));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].poke.src");
    assert!(message.contains("0x1f000"), "{message}");
}

#[test]
fn fault_that_no_tlp_can_match_is_refused() {
    for (field, message) in [
        (r#""pasid": 1048576"#, "is 1048576, expected 0 to 1048575"),
        (r#""tag": 1024"#, "is 1024, expected 0 to 1023"),
        (r#""every": 0"#, "is 0, expected 1 to 18446744073709551615"),
        (r#""one_in": 0"#, "is 0, expected 1 to 18446744073709551615"),
    ] {
        let fault = format!(r#"{{ "faults": [{{ "on": "read", "do": "drop", {field} }}], "#);

        let (path, said) = field_error(parse_with("{", &fault));

        assert!(
            field.starts_with(&format!("\"{}\"", &path["faults[0].".len()..])),
            "{path}"
        );
        assert_eq!(said, message);
    }
}

#[test]
fn two_machines_of_one_name_are_refused() {
    let vm = MINIMAL
        .trim()
        .trim_start_matches("{")
        .replace("\"vms\": [", "");
    let vm = vm.trim().trim_end_matches("}").trim().trim_end_matches("]");
    let text = format!(r#"{{ "vms": [{vm}, {vm}] }}"#);

    let (path, _) = field_error(Scenario::parse("test.json", &text));

    assert_eq!(path, "vms[1].name");
}

#[test]
fn more_entries_than_the_profile_has_are_refused() {
    let devices: Vec<String> = (0..3)
        .map(|i| {
            format!(r#"{{ "name": "d{i}", "wq_size": 100, "workloads": [{{ "op": "nop" }}] }}"#)
        })
        .collect();
    let text = format!(
        r#"{{ "vms": [{{ "name": "a", "vdevs": [{}] }}] }}"#,
        devices.join(", ")
    );

    let (path, message) = field_error(Scenario::parse("test.json", &text));

    assert_eq!(path, "vms");
    assert_eq!(
        message,
        "have wq_size 300 in all, but profile `small` has 256 entries"
    );
}

#[test]
fn poked_descriptors_are_submitted_one_at_a_time() {
    let poke = r#""size": 64, "depth": 2, "poke": { "opcode": 63 }"#;

    let (path, _) = field_error(parse_with(r#""size": 64"#, poke));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].depth");
}

#[test]
fn broken_json_says_where() {
    let error = Scenario::parse("test.json", "{ \"vms\": [").unwrap_err();

    assert!(matches!(&error, ScenarioError::Syntax { .. }));
    assert!(error.to_string().contains("line 1 column"), "{error}");
}

#[test]
fn missing_file_is_named() {
    let error = Scenario::load(Path::new("no/such/scenario.json")).unwrap_err();

    assert!(
        error.to_string().contains("no/such/scenario.json"),
        "{error}"
    );
}

#[test]
fn schema_knows_every_field_of_the_top_level() {
    let schema = serde_json::to_value(Scenario::schema()).unwrap();

    let properties = schema["properties"].as_object().unwrap();
    for field in ["device", "host", "vms", "description"] {
        assert!(properties.contains_key(field), "{field}");
    }
}

#[test]
fn shipped_scenarios_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));

    assert!(files.len() >= 5);
    for file in files {
        Scenario::load(&file).unwrap();
    }
}

#[test]
fn nop_takes_no_flags() {
    let nop = r#"{ "op": "nop", "flags": ["strict_ordering"] }"#;

    let (path, _) = field_error(parse_with(r#"{ "op": "memory_move", "size": 64 }"#, nop));

    assert_eq!(path, "vms[0].vdevs[0].workloads[0].flags");
}
