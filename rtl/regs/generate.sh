#!/bin/sh
# Copyright siov contributors.
# Licensed under the Apache License, Version 2.0, see LICENSE for details.
# SPDX-License-Identifier: Apache-2.0

# Makes the generated files from the .rdl files. With --check, says whether the files in the tree
# are what would be made, and changes nothing. $PYTHON has tools/requirements.txt installed, by
# default it is that of .venv.

set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

if [ "${1:-}" = --check ]; then
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  "$python" rtl/regs/export.py "$fresh"
  (cd "$fresh" && find . -type f) | while read -r file; do
    diff -u "$file" "$fresh/$file" || { echo "$file is stale: run 'make regs'" >&2; exit 1; }
  done
else
  "$python" rtl/regs/export.py
fi
