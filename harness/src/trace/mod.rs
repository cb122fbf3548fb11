// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs in files: a trace for people, and a record that can be played again.

mod jsonl;
mod line;
mod record;

pub use jsonl::JsonlTrace;
pub use record::{RecordError, RecordHeader, RecordReader, RecordWriter};

/// A TLP as one line of the trace.
pub(crate) fn describe(event: &crate::pcie::TlpEvent<'_>) -> String {
    serde_json::to_string(&line::Line::new(event)).unwrap_or_default()
}
