// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The scenarios that come with the project, played whole: host driver, VDCM, guests.

use std::path::{Path, PathBuf};

use siov::report::Report;
use siov::rtl::RtlEndpoint;
use siov::scenario::Scenario;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn play(path: &Path) -> Report {
    play_with(path, |_| ())
}

fn shipped(name: &str) -> PathBuf {
    folder().join(name).with_extension("json")
}

/// Plays a scenario that `change` has been done to.
fn play_with(path: &Path, change: impl FnOnce(&mut Scenario)) -> Report {
    let mut scenario = Scenario::load(path).unwrap();
    change(&mut scenario);
    let straps = scenario.device.profile.straps();
    let endpoint = RtlEndpoint::new(straps, None).unwrap();
    scenario
        .run(Box::new(endpoint), Vec::new(), &|| ())
        .unwrap()
}

#[test]
fn every_scenario_ends_as_it_expects() {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    assert!(files.len() >= 9, "{files:?}");
    for path in files {
        let report = play(&path);

        let name = path.display();
        assert!(report.failures.is_empty(), "{name}: {:?}", report.failures);
    }
}

#[test]
fn guests_work_without_traps_once_they_are_set_up() {
    let report = play(&shipped("two_guests"));

    assert!(report.vdevs.len() >= 2);
    for vdev in &report.vdevs {
        assert!(vdev.descriptors > 0 && vdev.interrupts > 0, "{vdev:?}");
        assert!(vdev.traps.setup > 0, "{vdev:?}");
        assert_eq!(vdev.traps.fast_path, 0, "{vdev:?}");
    }
}

#[test]
fn storm_of_page_faults_costs_a_neighbour_at_most_5_percent() {
    let report = play(&shipped("page_fault_storm"));

    let [alice, mallory, bob] = report.vdevs.as_slice() else {
        panic!("{:?}", report.vdevs);
    };
    assert!(alice.page_requests.unwrap().success > 200);
    assert_eq!(mallory.errors, mallory.descriptors);
    // For each source and each destination once, although the host invalidates meanwhile.
    let refused = mallory.page_requests.unwrap().invalid_request;
    assert_eq!(refused, 2 * mallory.descriptors);
    assert_eq!(bob.page_requests.unwrap().requests, 0);
    let bob = bob.beside_page_requests.unwrap();
    assert!(bob.meanwhile <= 1.05 * bob.before, "{bob:?}");
}

#[test]
fn pages_may_move_under_the_device_while_it_works() {
    let report = play(&shipped("invalidation_storm"));

    let invalidations = report.invalidations.unwrap();
    assert!(invalidations.requests > 200, "{invalidations:?}");
    assert_eq!(invalidations.completed, invalidations.requests);
    // Some pages are asked for just while they are gone.
    let pages = report.page_requests.unwrap();
    assert!(pages.requests > 100 && pages.success == pages.requests);
    assert_eq!(report.translations.unwrap().failed, 0);
}

#[test]
fn guests_go_on_after_the_function_was_reset_under_load() {
    let report = play(&shipped("flr_under_load"));

    let resets = report.story.iter();
    let resets = resets.filter(|sentence| sentence.contains("the host resets the function"));
    assert_eq!(resets.count(), 2, "{:?}", report.story);
    for vdev in &report.vdevs {
        assert!(
            vdev.lost > 0 && vdev.lost < vdev.descriptors / 2,
            "{vdev:?}"
        );
        assert_eq!((vdev.errors, vdev.traps.fast_path), (0, 0), "{vdev:?}");
    }
}

#[test]
fn report_depends_on_scenario_and_seed_alone() {
    let report = |seed| {
        let report = play_with(&shipped("flr_under_load"), |s| s.host.seed = seed);
        let mut json = serde_json::to_value(report).unwrap();
        json["totals"]["wall_seconds"].take();
        json
    };

    let first = report(1);

    assert_eq!(first, report(1));
    assert_ne!(first, report(2));
}
