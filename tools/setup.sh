#!/bin/sh
# Copyright siov contributors.
# Licensed under the Apache License, Version 2.0, see LICENSE for details.
# SPDX-License-Identifier: Apache-2.0

# Installs the system packages that a build or test needs and that are missing. Says which.

set -eu

# verilator, g++, zlib1g-dev: the model (zlib for waves). clang, lld: the firmware. libclang-dev:
# bindgen. pciutils: tests decode config space with lspci. python3-venv: make regs, make lint.
packages="verilator g++ zlib1g-dev clang lld libclang-dev pciutils python3-venv"

if ! command -v cargo >/dev/null; then
  echo "setup: no cargo; install Rust first, see https://rustup.rs" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "setup: no apt-get here; please see yourself to: $packages" >&2
  exit 0
fi

missing=
for package in $packages; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "setup: installing$missing"
$sudo apt-get update
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing
