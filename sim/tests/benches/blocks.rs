// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The blocks that have a bench.

use crate::verilate::Top;

/// TLPs in and out, config space, errors, FLR.
pub static PCIE: Top = Top {
    name: "siov_pcie_bench",
    file: "rtl/pcie/bench/siov_pcie_bench.sv",
    rooms: &["rtl/lib", "rtl/pcie", "rtl/mgmt"],
    shim: "rtl/pcie/bench/siov_pcie_bench.cpp",
};

<<<<<<< HEAD
/// Jobs to reads and writes.
pub static DMA: Top = Top {
    name: "siov_dma_bench",
    file: "rtl/dma/bench/siov_dma_bench.sv",
    rooms: &["rtl/lib", "rtl/dma"],
    shim: "rtl/dma/bench/siov_dma_bench.cpp",
};

/// Portals, queues, turns and descriptors: everything before data moves.
pub static FRONT: Top = Top {
    name: "siov_front_bench",
    file: "rtl/engine/bench/siov_front_bench.sv",
    rooms: &["rtl/lib", "rtl/adi", "rtl/sched", "rtl/engine"],
    shim: "rtl/engine/bench/siov_front_bench.cpp",
=======
/// Registers, event log, and the management core with its firmware.
pub static MGMT: Top = Top {
    name: "siov_mgmt_bench",
    file: "rtl/mgmt/bench/siov_mgmt_bench.sv",
    rooms: &["rtl/lib", "rtl/mgmt"],
    shim: "rtl/mgmt/bench/siov_mgmt_bench.cpp",
};

/// Translations: cache, requests, invalidation, page requests.
pub static ATC: Top = Top {
    name: "siov_atc_bench",
    file: "rtl/atc/bench/siov_atc_bench.sv",
    rooms: &["rtl/lib", "rtl/atc"],
    shim: "rtl/atc/bench/siov_atc_bench.cpp",
>>>>>>> strict
};
