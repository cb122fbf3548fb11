// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs in files: a trace for people, and a record that can be played again.

mod jsonl;
mod line;
mod record;

pub use jsonl::JsonlTrace;
pub use record::{RecordError, RecordHeader, RecordReader, RecordWriter};
