// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The event log: errors in host memory (DSA 5.9).

use siov::dsa::{Descriptor, Opcode, SoftwareError, Status};
use siov::mem::Hpa;
use siov::pcie::Msi;
use siov_firmware::regs;

use crate::bench::{Bench, Function};

const LOG: u64 = 0x20_0000;
const ENTRIES: u64 = 64;
const ENTRY_BYTES: u64 = 64;
const LOG_FULL: u8 = 0x54;
/// Cycles in which all that was submitted has ended.
const LONG: u64 = 20_000;
const MESSAGE: Msi = Msi {
    address: 0xfee1_0000,
    data: 0x44,
};

/// The function with queue 0, the event log with its interrupt, and no IOMMU.
async fn logging(bench: &Bench) -> Function {
    let function = bench.function().await;
    function.write64(regs::SIOV_EVLCFG0_OFFSET, LOG);
    function.write64(regs::SIOV_EVLCFG1_OFFSET, ENTRIES);
    function.write32(regs::SIOV_GENCFG_OFFSET, regs::SIOV_GENCFG_EVL_EN_MASK);
    function.write32(
        regs::SIOV_GENCTRL_OFFSET,
        regs::SIOV_GENCTRL_EVL_INT_EN_MASK,
    );
    function.write64(regs::SIOV_MSIX_OFFSET, MESSAGE.address);
    function.write64(regs::SIOV_MSIX_OFFSET + 8, MESSAGE.data.into());
    function.set_config(0x80, 1 << 31).await; // MSI-X Enable
    assert_eq!(function.start_wq0(0).await, 0);
    function
}

/// Submits a descriptor whose error has nowhere to go but the log.
fn fail(function: &Function) {
    let bytes = zerocopy::transmute!(Descriptor::new(Opcode(0xff)));
    function.host.write_portal(function.bar2(), &bytes).unwrap();
}

fn entry(function: &Function, index: u64) -> SoftwareError {
    let mut words = [0_u64; 4];
    let at = Hpa(LOG + index * ENTRY_BYTES);
    let bytes = zerocopy::IntoBytes::as_mut_bytes(&mut words);
    function.host.memory().read(at, bytes).unwrap();
    SoftwareError(words)
}

async fn tail(function: &Function) -> u64 {
    let status = function.read64(regs::SIOV_EVLSTATUS_OFFSET).await;
    (status & regs::SIOV_EVLSTATUS_TAIL_MASK) >> regs::SIOV_EVLSTATUS_TAIL_SHIFT
}

#[test]
fn error_is_an_entry_of_the_log_and_interrupts_once() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;
        let vector = bench.host.on_msi(MESSAGE);

        fail(&function);
        vector.wait(0).await;

        // The entry is there when the interrupt comes.
        assert_eq!(entry(&function, 0).status(), Status::BAD_OPCODE);
        assert_eq!(entry(&function, 0).wq(), Some(0));
        assert_eq!(tail(&function).await, 1);
        let cause = function.read32(regs::SIOV_INTCAUSE_OFFSET).await;
        assert_eq!(
            cause & regs::SIOV_INTCAUSE_EVL_MASK,
            regs::SIOV_INTCAUSE_EVL_MASK
        );
        assert!(!function.software_error().await.valid());
        fail(&function);
        bench.host.sleep(LONG).await;
        assert_eq!(tail(&function).await, 2);
        assert_eq!(
            vector.count().count,
            1,
            "software has not cleared the first"
        );
    });
}

#[test]
fn full_log_drops_entries_and_says_so() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;

        for _ in 0..ENTRIES + 3 {
            fail(&function);
            bench.host.sleep(200).await;
        }
        bench.host.sleep(LONG).await;

        assert_eq!(tail(&function).await, ENTRIES - 1);
        assert_eq!(entry(&function, ENTRIES - 1).0[0], 0, "the last stays free");
        assert_eq!(function.software_error().await.status().code(), LOG_FULL);
    });
}

#[test]
fn log_goes_on_at_its_start_once_software_has_read() {
    let bench = Bench::new();
    bench.run(async {
        let function = logging(&bench).await;
        for _ in 0..ENTRIES - 1 {
            fail(&function);
            bench.host.sleep(200).await;
        }
        bench.host.sleep(LONG).await;

        function.write32(regs::SIOV_EVLSTATUS_OFFSET, 10);
        fail(&function);
        fail(&function);
        bench.host.sleep(LONG).await;

        assert_eq!(tail(&function).await, 1);
        assert_eq!(entry(&function, ENTRIES - 1).status(), Status::BAD_OPCODE);
        assert!(!function.software_error().await.valid());
    });
}
