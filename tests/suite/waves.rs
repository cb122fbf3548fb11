// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Waves: what a person wants to see of one descriptor's life is in the file. The first run builds
//! the model with waves, which takes about a minute.

use std::fs;
use std::path::Path;

use siov::dsa::Descriptor;
use siov::pcie::Knobs;
use siov::rtl::RtlEndpoint;
use siov_sim::Straps;
use wellen::simple::{Waveform, read};

use crate::bench::{Bench, DATA, RECORD};

const TOP: &str = "TOP.siov_endpoint.";

/// Waves of one move with an interrupt, from reset on.
fn waves() -> Waveform {
    let file = tempfile::NamedTempFile::new().unwrap();
    let endpoint = RtlEndpoint::new(Straps::default(), Some(file.path())).unwrap();
    let bench = Bench::on(Box::new(endpoint), Knobs::default());
    bench.run(async {
        let [tenant] = bench.tenants().await;
        let descriptor = Descriptor::memory_move(DATA + 4096, DATA, 64)
            .with_completion(RECORD)
            .with_interrupt(tenant.handle);
        tenant.submit(&descriptor);
        tenant.adi.vector().wait(0).await;
    });
    drop(bench);
    read(file.path()).unwrap()
}

/// Values of a signal, in order.
fn values(waves: &mut Waveform, name: &str) -> Vec<String> {
    let hierarchy = waves.hierarchy();
    let name = format!("{TOP}{name}");
    let variable = hierarchy
        .iter_vars()
        .find(|variable| variable.full_name(hierarchy) == name)
        .unwrap_or_else(|| panic!("{name} is not in the file"));
    let signal = variable.signal_ref();
    waves.load_signals(&[signal]);
    let signal = waves.get_signal(signal).unwrap();
    signal
        .iter_changes()
        .map(|(_, value)| value.to_string())
        .collect()
}

fn rises(waves: &mut Waveform, name: &str) -> usize {
    let values = values(waves, name);
    values.iter().filter(|value| *value == "1").count()
}

#[test]
fn waves_show_each_step_of_a_descriptors_life_once() {
    let mut waves = waves();

    for step in [
        "portal_valid",
        "pop_valid",
        "work_valid",
        "job_valid",
        "done_valid",
        "rec_valid",
        "irq_valid",
        "retire_valid",
    ] {
        assert_eq!(rises(&mut waves, step), 1, "{step}");
    }
}

#[test]
fn waves_show_tlps_queue_state_and_engine_state_moving() {
    let mut waves = waves();

    for signal in ["rx_valid_i", "tx_valid_o", "msg_valid", "idle_o"] {
        assert!(rises(&mut waves, signal) > 1, "{signal}");
    }
    for signal in [
        "tx_o.hdr.[0]",
        "tx_o.prefix",
        "u_adi.u_ring.occupancy_o",
        "u_adi.u_ring.inflight_o",
        "u_engine.u_front.state_q",
        "u_dma.u_fetch.u_slots.free_q",
    ] {
        assert!(values(&mut waves, signal).len() > 2, "{signal}");
    }
}

/// Signals in the table of docs/first-run.md. A name that begins with a dot goes on from the one
/// before it.
fn documented() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/first-run.md");
    let text = fs::read_to_string(path).unwrap();
    let table = text.split("| signal | to see |").nth(1).unwrap();
    let mut names = Vec::<String>::new();
    for row in table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let column = row.split('|').nth(1).unwrap();
        for name in column.split('`').skip(1).step_by(2) {
            let name = name.replace('[', ".[");
            names.push(match name.strip_prefix('.') {
                Some(last) => {
                    let before = names.last().unwrap();
                    let parent = before.rsplit_once('.').unwrap().0;
                    format!("{parent}.{last}")
                }
                None => name,
            });
        }
    }
    names
}

#[test]
fn signals_that_the_documentation_names_are_in_the_waves() {
    let waves = waves();
    let hierarchy = waves.hierarchy();
    let all: Vec<_> = hierarchy
        .iter_vars()
        .map(|v| v.full_name(hierarchy))
        .collect();
    let documented = documented();

    let missing: Vec<_> = documented
        .iter()
        .filter(|name| {
            let name = format!("{TOP}{name}");
            let field = format!("{name}.");
            !all.iter().any(|v| *v == name || v.starts_with(&field))
        })
        .collect();

    assert!(documented.len() > 20, "{documented:?}");
    assert!(missing.is_empty(), "{missing:?}");
}
