// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What is easier to review whole: `cargo insta review` shows changes.

use std::io::Write;
use std::process::Command;

use siov::dsa::Descriptor;
use siov::lspci;
use siov::scenario::Profile;
use siov::trace::JsonlTrace;

use crate::bench::{Bench, DATA, RECORD, pattern};
use crate::determinism::Buffer;

#[test]
fn config_space_of_profile_small() {
    insta::assert_snapshot!(lspci::dump(Profile::Small.straps()).unwrap());
}

#[test]
fn config_space_of_profile_idxd() {
    insta::assert_snapshot!(lspci::dump(Profile::Idxd.straps()).unwrap());
}

/// Every TLP of one descriptor with an interrupt, cycles counted from the portal write.
#[test]
fn tlps_of_one_move() {
    let bench = Bench::new();
    let trace = Buffer::default();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(DATA + 4096, &pattern(0, 700));
        bench.host.sleep(1000).await;
        bench
            .host
            .add_listener(Box::new(JsonlTrace::new(trace.clone())));
        let descriptor = Descriptor::memory_move(DATA + 4096 + 60, DATA + 2, 600)
            .with_completion(RECORD)
            .with_interrupt(tenant.handle);

        tenant.submit(&descriptor);
        tenant.adi.vector().wait(0).await;
    });
    bench.host.finish_listeners().unwrap();

    let text = String::from_utf8(trace.take()).unwrap();
    let mut start = None;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            let cycle = line["cycle"].as_u64().unwrap();
            line["cycle"] = (cycle - *start.get_or_insert(cycle)).into();
            line.to_string()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// What `lspci -vvv` makes of the configuration space.
fn lspci(profile: Profile) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let dump = lspci::dump(profile.straps()).unwrap();
    file.write_all(dump.as_bytes()).unwrap();
    let output = Command::new("lspci")
        .args(["-vvv", "-nn", "-F"])
        .arg(file.path())
        .output()
        .expect("lspci cannot be run: `make setup` installs it (package pciutils)");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn lspci_decodes_every_capability_without_a_complaint() {
    for profile in Profile::ALL {
        let text = lspci(profile);

        let capabilities = text.matches("\tCapabilities: [").count();
        assert_eq!(capabilities, 3 + 8, "{text}");
        for name in [
            "Express (v2) Root Complex Integrated Endpoint",
            "MSI-X: Enable- Count=",
            "Power Management version 3",
            "Advanced Error Reporting",
            "Latency Tolerance Reporting",
            "Transaction Processing Hints",
            "Virtual Channel",
            "Address Translation Service (ATS)",
            "Process Address Space ID (PASID)",
            "Page Request Interface (PRI)",
            "Designated Vendor-Specific: Vendor=8086 ID=0005 Rev=1 Len=24",
        ] {
            assert!(text.contains(name), "{name} is missing:\n{text}");
        }
        // It knows no vendor's DVSEC, and says so.
        let text = text.replace("Rev=1 Len=24 <?>", "Rev=1 Len=24");
        for complaint in ["<?>", "!!!", "<chain", "<unreadable", "nknown", "broken"] {
            assert!(!text.contains(complaint), "{complaint}:\n{text}");
        }
    }
}
