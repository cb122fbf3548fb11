// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Tests of the whole device: suite/ has the tests, testplan.toml says which requirement each of
//! them stands for, scenarios/ has the shipped scenarios.

#![forbid(unsafe_code)]
