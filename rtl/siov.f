// What a tool needs to find every module of the device: packages in order, then the rooms.
// Paths are relative to this file: `verilator -F rtl/siov.f --top-module siov_endpoint`.
pkg/siov_pkg.sv
regs/siov_regs_pkg.sv
regs/siov_ctl_regs_pkg.sv
engine/siov_dsa_pkg.sv
pcie/siov_pcie_pkg.sv
pcie/siov_pcie_cfg_pkg.sv
mgmt/siov_rv32_pkg.sv
dma/siov_dma_pkg.sv
irq/siov_irq_pkg.sv
atc/siov_atc_pkg.sv
-y .
-y lib
-y pcie
-y adi
-y sched
-y engine
-y atc
-y dma
-y irq
-y mgmt
