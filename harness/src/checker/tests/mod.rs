// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the checker lets pass, and what not: a lie for each rule, and honest traffic.

mod honest;
mod lies;
mod port;
mod reports;
mod timeouts;
