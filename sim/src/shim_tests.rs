// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The shim, against a device that sends back every beat one cycle later.

use std::path::PathBuf;

use crate::verilate::{LOOPBACK, Variant};
use crate::{Config, CreditLimit, Credits, Error, Model, Stop, StopOn, Straps, ffi, library};

const ON_TLP: StopOn = StopOn {
    tlp: true,
    sent: false,
    idle: false,
};
const ON_IDLE: StopOn = StopOn {
    tlp: false,
    sent: false,
    idle: true,
};

/// Memory read, header of 3 DWs.
const MRD32: u32 = 0x0000_0000;
/// Memory write, header of 3 DWs.
const MWR32: u32 = 0x4000_0000;
/// Memory write, header of 4 DWs.
const MWR64: u32 = 0x6000_0000;
const PASID: u32 = 0x9100_0007;
/// Completion without data.
const CPL: u32 = 0x0a00_0000;
/// What the loopback's assertion wants never to see.
const FORBIDDEN: u32 = 0xdead_dead;

fn loopback_with_firmware(hex: &str) -> Result<Model, Error> {
    let dir = tempfile::tempdir().unwrap();
    let firmware = dir.path().join("firmware.hex");
    std::fs::write(&firmware, hex).unwrap();
    let config = Config {
        straps: Straps::default(),
        firmware,
        wave: None,
    };
    // SAFETY: gives the address of a constant.
    Model::with_api(unsafe { &*ffi::siov_loopback_api() }, None, &config)
}

fn loopback() -> Model {
    loopback_with_firmware("0").unwrap()
}

/// A TLP with a header that starts with `dw0`, and `payload` DWs that count up.
fn tlp(dw0: u32, payload: u32) -> Vec<u32> {
    let header = if dw0 >> 29 & 1 == 1 { 4 } else { 3 };
    let mut dws = vec![0; header];
    dws[0] = dw0;
    dws.extend(0x100..0x100 + payload);
    dws
}

/// Runs until idle; gives each device TLP as (sop, eop, DWs).
fn drain(model: &mut Model) -> Vec<(u64, u64, Vec<u32>)> {
    assert_eq!(model.run(1000, ON_IDLE).unwrap(), Stop::Idle);
    let mut tlps = Vec::new();
    while let Some(tlp) = model.next_tlp() {
        tlps.push((tlp.sop, tlp.eop, tlp.dws.to_vec()));
    }
    tlps
}

#[test]
fn model_starts_at_cycle_0_and_idle() {
    let model = loopback();

    assert_eq!(model.cycle(), 0);
    assert!(model.is_idle());
}

#[test]
fn tlp_of_every_shape_comes_back_unchanged() {
    let mut prefixed = vec![PASID];
    prefixed.extend(tlp(MWR64, 33));
    for sent in [
        tlp(0, 0),
        tlp(MWR32, 1),
        tlp(MWR64, 16),
        prefixed,
        tlp(MWR64, 1024),
    ] {
        let mut model = loopback();

        model.push(0, &sent).unwrap();

        let back = drain(&mut model);
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].2, sent);
    }
}

#[test]
fn payload_of_17_dws_takes_two_beats() {
    let mut model = loopback();

    model.push(0, &tlp(MWR32, 17)).unwrap();

    let back = drain(&mut model);
    assert_eq!((back[0].0, back[0].1), (1, 2));
}

#[test]
fn tlp_starts_in_the_cycle_it_is_ready_at() {
    let mut model = loopback();
    model.log_sent(true);

    let id = model.push(40, &tlp(MWR32, 32)).unwrap();
    drain(&mut model);

    let sent = model.next_sent().unwrap();
    assert_eq!((sent.id, sent.sop, sent.eop), (id, 40, 41));
    assert_eq!(model.next_sent(), None);
}

#[test]
fn tlps_leave_by_ready_at_and_then_by_id() {
    let mut model = loopback();
    for (ready_at, dw0) in [
        (30, MWR32 | 1),
        (10, MWR32 | 2),
        (30, MWR32 | 3),
        (0, MWR32 | 4),
    ] {
        model.push(ready_at, &tlp(dw0, 1)).unwrap();
    }

    let back = drain(&mut model);

    let order: Vec<_> = back
        .iter()
        .map(|(sop, _, dws)| (*sop, dws[0] & 0xf))
        .collect();
    assert_eq!(order, [(1, 4), (11, 2), (31, 1), (32, 3)]);
}

#[test]
fn late_tlp_does_not_pass_one_that_was_ready_before_it_came() {
    let mut model = loopback();
    model.set_tx_ready(20, u64::MAX);
    model.push(0, &tlp(MWR32, 16)).unwrap();
    model.push(8, &tlp(MWR32 | 1, 1)).unwrap();
    model.run(10, StopOn::default()).unwrap();

    model.push(5, &tlp(MWR32 | 2, 1)).unwrap();

    let order: Vec<_> = drain(&mut model)
        .iter()
        .map(|(_, _, dws)| dws[0] & 0xf)
        .collect();
    assert_eq!(order, [0, 1, 2]);
}

/// Lets the loopback take non-posted TLPs or not; takes a cycle.
fn set_np_ready(model: &mut Model, ready: bool) {
    let non_posted = match ready {
        true => CreditLimit::Infinite,
        false => CreditLimit::Total {
            headers: 0,
            data: 0,
        },
    };
    model.set_credits(&Credits {
        posted: CreditLimit::Infinite,
        non_posted,
        completions: CreditLimit::Infinite,
    });
    model.run(1, StopOn::default()).unwrap();
}

/// The first DW, without prefix, of each TLP that has come back.
fn came_back(model: &mut Model) -> Vec<u32> {
    let mut headers = Vec::new();
    while let Some(tlp) = model.next_tlp() {
        headers.push(tlp.dws[usize::from(tlp.dws[0] == PASID)]);
    }
    headers
}

#[test]
fn every_non_posted_tlp_waits_until_the_device_has_room_for_it() {
    // MRd, MRdLk, IORd, IOWr, CfgRd0, CfgWr0, CfgWr1, FetchAdd, Swap, CAS, DMWr.
    for dw0 in [
        0x0000_0000_u32,
        0x2000_0000,
        0x0100_0000,
        0x0200_0000,
        0x4200_0000,
        0x0400_0000,
        0x4400_0000,
        0x4500_0000,
        0x4c00_0000,
        0x6d00_0000,
        0x4e00_0000,
        0x5b00_0000,
        0x7b00_0000,
    ] {
        for prefixed in [false, true] {
            let mut model = loopback();
            set_np_ready(&mut model, false);
            let mut sent = tlp(dw0, dw0 >> 30 & 1);
            if prefixed {
                sent.insert(0, PASID);
            }
            model.push(0, &sent).unwrap();
            assert_eq!(model.run(100, ON_TLP).unwrap(), Stop::Limit, "{dw0:#x}");
            assert_eq!(model.pending(), 1);

            set_np_ready(&mut model, true);

            assert_eq!(drain(&mut model)[0].2, sent);
        }
    }
}

#[test]
fn posted_tlps_and_completions_never_wait_for_room_for_non_posted_ones() {
    // MWr, Msg, MsgD, Cpl, CplD, CplLk, and what is no TLP at all.
    for dw0 in [
        MWR32,
        MWR64,
        0x3000_0000,
        0x7200_0000,
        CPL,
        0x4a00_0000,
        0x0b00_0000,
        0x1f00_0000,
    ] {
        let mut model = loopback();
        set_np_ready(&mut model, false);

        model.push(0, &tlp(dw0, dw0 >> 30 & 1)).unwrap();

        assert_eq!(model.run(100, ON_TLP).unwrap(), Stop::Tlp, "{dw0:#x}");
    }
}

#[test]
fn non_posted_tlp_without_room_lets_all_others_pass() {
    let mut model = loopback();
    set_np_ready(&mut model, false);
    for read in 0..100 {
        model.push(0, &tlp(MRD32 | read, 0)).unwrap();
    }
    for other in 0..10 {
        model.push(20, &tlp(MWR32 | other, 1)).unwrap();
        model.push(20, &tlp(CPL | other, 0)).unwrap();
    }

    model.run(200, StopOn::default()).unwrap();

    let others: Vec<_> = (0..10).flat_map(|n| [MWR32 | n, CPL | n]).collect();
    assert_eq!(came_back(&mut model), others);
    assert_eq!(model.pending(), 100);
    set_np_ready(&mut model, true);
    model.run(200, ON_IDLE).unwrap();
    let reads = Vec::from_iter((0..100).map(|read| MRD32 | read));
    assert_eq!(came_back(&mut model), reads);
}

#[test]
fn non_posted_tlp_passes_nothing_that_was_ready_before_it() {
    let mut model = loopback();
    model.set_tx_ready(50, u64::MAX);
    for (ready_at, dw0) in [(9, MRD32 | 3), (8, MWR32 | 2), (9, CPL | 4), (7, MRD32 | 1)] {
        model.push(ready_at, &tlp(dw0, dw0 >> 30)).unwrap();
    }

    model.run(200, ON_IDLE).unwrap();

    let in_order = [MRD32 | 1, MWR32 | 2, MRD32 | 3, CPL | 4];
    assert_eq!(came_back(&mut model), in_order);
}

#[test]
fn non_posted_tlp_that_is_offered_stays_when_the_room_is_gone() {
    let mut model = loopback();
    model.set_tx_ready(40, u64::MAX);
    model.push(0, &tlp(MWR32, 1)).unwrap();
    model.push(1, &tlp(MRD32 | 1, 0)).unwrap();
    model.run(10, StopOn::default()).unwrap();

    set_np_ready(&mut model, false);
    model.push(10, &tlp(MWR32 | 2, 1)).unwrap();

    model.run(200, ON_IDLE).unwrap();
    assert_eq!(came_back(&mut model), [MWR32, MRD32 | 1, MWR32 | 2]);
}

#[test]
fn run_stops_after_the_cycle_in_which_a_tlp_completes() {
    let mut model = loopback();
    model.push(5, &tlp(MWR32, 1)).unwrap();

    let stop = model.run(1000, ON_TLP).unwrap();

    assert_eq!(stop, Stop::Tlp);
    assert_eq!(model.cycle(), 7);
}

#[test]
fn run_stops_after_the_cycle_in_which_a_tlp_is_sent() {
    let mut model = loopback();
    model.push(5, &tlp(MWR32, 17)).unwrap();

    let stop = model
        .run(
            1000,
            StopOn {
                sent: true,
                ..StopOn::default()
            },
        )
        .unwrap();

    assert_eq!(stop, Stop::Sent);
    assert_eq!(model.cycle(), 7);
}

#[test]
fn run_without_stops_takes_all_its_cycles() {
    let mut model = loopback();
    model.push(5, &tlp(MWR32, 1)).unwrap();

    let stop = model.run(100, StopOn::default()).unwrap();

    assert_eq!(stop, Stop::Limit);
    assert_eq!(model.cycle(), 100);
}

#[test]
fn model_is_not_idle_while_a_host_tlp_waits() {
    let mut model = loopback();

    model.push(50, &tlp(MWR32, 1)).unwrap();

    assert_eq!(model.pending(), 1);
    assert!(!model.is_idle());
}

#[test]
fn tx_pattern_stalls_beats() {
    let mut model = loopback();
    model.set_tx_ready(0, 1 << 9);

    model.push(0, &tlp(MWR32, 17)).unwrap();

    let back = drain(&mut model);
    assert_eq!((back[0].0, back[0].1), (9, 64 + 9));
}

#[test]
fn device_without_credits_waits_for_them() {
    let mut model = loopback();
    let none = CreditLimit::Total {
        headers: 0,
        data: 0,
    };
    let mut credits = Credits {
        posted: none,
        non_posted: CreditLimit::Infinite,
        completions: CreditLimit::Infinite,
    };
    model.set_credits(&credits);
    model.push(0, &tlp(MWR32, 1)).unwrap();
    let starved = model.run(100, ON_TLP).unwrap();

    credits.posted = CreditLimit::Total {
        headers: 1,
        data: 1,
    };
    model.set_credits(&credits);

    assert_eq!(starved, Stop::Limit);
    assert_eq!(model.run(100, ON_TLP).unwrap(), Stop::Tlp);
}

#[test]
fn equal_runs_have_equal_digests() {
    let mut models = [loopback(), loopback()];

    for model in &mut models {
        model.keep_tlps(false);
        model.push(3, &tlp(MWR64, 20)).unwrap();
        model.run(100, StopOn::default()).unwrap();
    }

    let [a, b] = models.each_ref().map(Model::digest);
    assert_eq!((a.tlps, a.dws), (1, 24));
    assert_eq!(a, b);
}

#[test]
fn digest_tells_cycles_apart() {
    let mut models = [loopback(), loopback()];

    for (model, ready_at) in models.iter_mut().zip([3, 4]) {
        model.push(ready_at, &tlp(MWR64, 20)).unwrap();
        model.run(100, StopOn::default()).unwrap();
    }

    assert_ne!(models[0].digest().hash, models[1].digest().hash);
}

#[test]
fn kept_tlps_off_gives_none() {
    let mut model = loopback();
    model.keep_tlps(false);

    model.push(0, &tlp(MWR32, 1)).unwrap();

    assert!(drain(&mut model).is_empty());
}

#[test]
fn assertion_stops_the_model_and_says_where() {
    let mut model = loopback();
    model.push(7, &tlp(FORBIDDEN, 0)).unwrap();

    let error = model.run(100, StopOn::default()).unwrap_err();

    let Error::Rtl { cycle, message } = error else {
        panic!("{error}")
    };
    assert_eq!(cycle, 8);
    assert!(
        message.contains("header that the loopback does not take"),
        "{message}"
    );
    assert!(message.contains("siov_loopback.sv"), "{message}");
}

#[test]
fn stopped_model_says_the_same_again() {
    let mut model = loopback();
    model.push(7, &tlp(FORBIDDEN, 0)).unwrap();
    let first = model.run(100, StopOn::default()).unwrap_err().to_string();

    let again = model.run(100, StopOn::default()).unwrap_err().to_string();

    assert_eq!(first, again);
}

#[test]
fn model_next_to_a_stopped_one_runs_on() {
    let mut stopped = loopback();
    let mut model = loopback();
    stopped.push(7, &tlp(FORBIDDEN, 0)).unwrap();

    stopped.run(100, StopOn::default()).unwrap_err();

    assert_eq!(model.run(100, StopOn::default()).unwrap(), Stop::Limit);
}

#[test]
fn tlp_that_ends_within_its_header_is_refused() {
    let mut model = loopback();

    for short in [
        &[][..],
        &[MWR32, 0],
        &[MWR64, 0, 0],
        &[PASID],
        &[PASID, MWR32, 0],
    ] {
        let error = model.push(0, short).unwrap_err();

        assert!(matches!(error, Error::Tlp { .. }), "{short:x?}: {error}");
    }
}

#[test]
fn tlp_longer_than_the_largest_is_refused() {
    let mut model = loopback();

    let error = model.push(0, &tlp(MWR32, 1025)).unwrap_err();

    assert!(matches!(error, Error::Tlp { dws: 1028, .. }), "{error}");
}

#[test]
fn missing_firmware_is_named() {
    let firmware = PathBuf::from("/nonexistent/firmware.hex");
    let config = Config {
        straps: Straps::default(),
        firmware,
        wave: None,
    };

    let error = Model::new(&config).unwrap_err();

    assert!(
        error.to_string().contains("/nonexistent/firmware.hex"),
        "{error}"
    );
}

#[test]
fn firmware_that_is_not_hex_stops_the_model() {
    let error = loopback_with_firmware("not hex").unwrap_err();

    assert!(matches!(error, Error::Rtl { cycle: 0, .. }), "{error}");
}

#[test]
fn wave_shows_the_port_and_changes_no_cycle() {
    let dir = tempfile::tempdir().unwrap();
    let fst = dir.path().join("loopback.fst");
    let firmware = dir.path().join("firmware.hex");
    std::fs::write(&firmware, "0").unwrap();
    let config = Config {
        straps: Straps::default(),
        firmware,
        wave: Some(fst.clone()),
    };
    let (library, api) = library::load(&LOOPBACK, Variant::Wave, &[]).unwrap();
    // SAFETY: the table is in the library, which the model keeps.
    let mut waved = Model::with_api(unsafe { &*api }, Some(library), &config).unwrap();
    let mut plain = loopback();

    for model in [&mut waved, &mut plain] {
        model.push(3, &tlp(MWR64, 20)).unwrap();
        model.run(100, StopOn::default()).unwrap();
    }

    assert_eq!(waved.digest(), plain.digest());
    drop(waved);
    let wave = wellen::simple::read(&fst).unwrap();
    let hierarchy = wave.hierarchy();
    let names: Vec<_> = hierarchy
        .iter_vars()
        .map(|v| v.full_name(hierarchy))
        .collect();
    for name in [
        "TOP.siov_loopback.rx_i.hdr.[0]",
        "TOP.siov_loopback.tx_valid_o",
    ] {
        assert!(names.iter().any(|n| n == name), "no {name} in {names:#?}");
    }
}

#[test]
fn wave_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let firmware = dir.path().join("firmware.hex");
    std::fs::write(&firmware, "0").unwrap();
    let config = Config {
        straps: Straps::default(),
        firmware,
        wave: Some(dir.path().join("missing/loopback.fst")),
    };
    let (library, api) = library::load(&LOOPBACK, Variant::Wave, &[]).unwrap();

    // SAFETY: as above.
    let error = Model::with_api(unsafe { &*api }, Some(library), &config).unwrap_err();

    assert!(
        error.to_string().contains("missing/loopback.fst"),
        "{error}"
    );
}
