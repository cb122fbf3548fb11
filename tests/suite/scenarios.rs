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
    let scenario = Scenario::load(path).unwrap();
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
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let report = play(&path);

        let name = path.display();
        assert!(report.failures.is_empty(), "{name}: {:?}", report.failures);
    }
}

#[test]
fn guests_work_without_traps_once_they_are_set_up() {
    let report = play(&folder().join("two_guests.json"));

    assert!(report.vdevs.len() >= 2);
    for vdev in &report.vdevs {
        assert!(vdev.descriptors > 0 && vdev.interrupts > 0, "{vdev:?}");
        assert!(vdev.traps.setup > 0, "{vdev:?}");
        assert_eq!(vdev.traps.fast_path, 0, "{vdev:?}");
    }
}
