// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The record: all that crossed the TLP port, enough to drive the device alone.
//!
//! | bytes | content, little-endian |
//! |---|---|
//! | 8 | `SIOVREC1` |
//! | 4 | n |
//! | n | [`RecordHeader`] as JSON |
//! | 12 + 4m, repeated | cycle (8), direction in bit 31 (1 = from the device) and m in bits 30:0 (4), m dwords |
//! | 12 | zeros: the record is complete |
//!
//! Host TLPs are in the order they were queued in, with the cycle they are ready in: queueing them
//! all at once in this order gives the same run. Device TLPs are there to compare.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::endpoint::Cycle;
use crate::pcie::codec::MAX_DWORDS;
use crate::pcie::{Direction, TlpEvent, TlpListener};

const MAGIC: &[u8; 8] = b"SIOVREC1";
const FROM_DEVICE: u32 = 1 << 31;
const MAX_HEADER: u32 = 1 << 20;

/// What a device must be to play a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHeader {
    /// The build of the device.
    pub build: String,
    /// Its strap words (docs/tlp-port.md).
    pub straps: [u32; 4],
    /// Seed of the run.
    pub seed: u64,
}

/// A file is not a record that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Reading failed, or the file ends too early.
    #[error("record: {0}")]
    Io(#[from] io::Error),
    /// Something else.
    #[error("not a siov record")]
    NotARecord,
    /// The header does not say what is needed.
    #[error("record header: {0}")]
    Header(#[from] serde_json::Error),
    /// A TLP with more dwords than a TLP has.
    #[error("record: TLP of {dwords} dwords in cycle {cycle}")]
    TooLong {
        /// Its cycle.
        cycle: Cycle,
        /// What the record says.
        dwords: usize,
    },
}

/// Writes a record.
#[derive(Debug)]
pub struct RecordWriter<W> {
    out: W,
}

impl<W: Write> RecordWriter<W> {
    /// Begins a record in `out`, which should be buffered.
    pub fn new(mut out: W, header: &RecordHeader) -> io::Result<Self> {
        let header = serde_json::to_vec(header)?;
        out.write_all(MAGIC)?;
        out.write_all(&(header.len() as u32).to_le_bytes())?;
        out.write_all(&header)?;
        Ok(Self { out })
    }
}

impl<W: Write> TlpListener for RecordWriter<W> {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let direction = match event.direction {
            Direction::ToDevice => 0,
            Direction::FromDevice => FROM_DEVICE,
        };
        self.out.write_all(&event.cycle.0.to_le_bytes())?;
        self.out
            .write_all(&(event.words.len() as u32 | direction).to_le_bytes())?;
        event
            .words
            .iter()
            .try_for_each(|dword| self.out.write_all(&dword.to_le_bytes()))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&[0; 12])?;
        self.out.flush()
    }
}

/// Reads a record.
#[derive(Debug)]
pub struct RecordReader<R> {
    input: R,
    header: RecordHeader,
    words: Vec<u32>,
}

impl<R: Read> RecordReader<R> {
    /// Reads the header. `input` should be buffered.
    pub fn new(mut input: R) -> Result<Self, RecordError> {
        let mut magic = [0; 8];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(RecordError::NotARecord),
        }
        let bytes = u32::from_le_bytes(take(&mut input)?);
        if bytes > MAX_HEADER {
            return Err(RecordError::NotARecord);
        }
        let mut header = vec![0; bytes as usize];
        input.read_exact(&mut header)?;
        let header = serde_json::from_slice(&header)?;
        Ok(Self {
            input,
            header,
            words: Vec::new(),
        })
    }

    /// What the device must be.
    pub fn header(&self) -> &RecordHeader {
        &self.header
    }

    /// The next TLP; `None` after the last.
    pub fn next_tlp(&mut self) -> Result<Option<TlpEvent<'_>>, RecordError> {
        let cycle = Cycle(u64::from_le_bytes(take(&mut self.input)?));
        let dwords = u32::from_le_bytes(take(&mut self.input)?);
        let direction = match dwords & FROM_DEVICE {
            0 => Direction::ToDevice,
            _ => Direction::FromDevice,
        };
        let dwords = (dwords & !FROM_DEVICE) as usize;
        if dwords == 0 {
            return Ok(None);
        }
        if dwords > MAX_DWORDS {
            return Err(RecordError::TooLong { cycle, dwords });
        }
        self.words.resize(dwords, 0);
        self.input
            .read_exact(bytemuck::cast_slice_mut(&mut self.words))?;
        self.words
            .iter_mut()
            .for_each(|dword| *dword = u32::from_le(*dword));
        Ok(Some(TlpEvent {
            direction,
            cycle,
            words: &self.words,
        }))
    }
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> RecordHeader {
        RecordHeader {
            build: "abc".into(),
            straps: [1, 2, 3, 4],
            seed: 5,
        }
    }

    const EVENTS: [(Direction, u64, &[u32]); 3] = [
        (Direction::ToDevice, 10, &[0x0400_0001, 0xf, 0x0100_0000]),
        (Direction::FromDevice, 14, &[0x4a00_0001, 4, 0, 0x510b_1234]),
        (Direction::ToDevice, 12, &[1, 2, 3]),
    ];

    fn record() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = RecordWriter::new(&mut out, &header()).unwrap();
        for (direction, cycle, words) in EVENTS {
            writer
                .tlp(&TlpEvent {
                    direction,
                    cycle: Cycle(cycle),
                    words,
                })
                .unwrap();
        }
        writer.finish().unwrap();
        out
    }

    #[test]
    fn record_reads_back_as_written() {
        let record = record();
        let mut reader = RecordReader::new(record.as_slice()).unwrap();
        assert_eq!(reader.header(), &header());
        for (direction, cycle, words) in EVENTS {
            let event = reader.next_tlp().unwrap().unwrap();
            assert_eq!(
                (event.direction, event.cycle.0, event.words),
                (direction, cycle, words)
            );
        }
        assert!(reader.next_tlp().unwrap().is_none());
    }

    #[test]
    fn record_cut_short_is_an_error() {
        let record = record();
        for missing in [1, 12, 20] {
            let mut reader = RecordReader::new(&record[..record.len() - missing]).unwrap();
            let error = loop {
                match reader.next_tlp() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("complete without its last {missing} bytes"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, RecordError::Io(_)), "{error}");
        }
    }

    #[test]
    fn other_files_are_no_records() {
        for file in [&b""[..], b"SIOV", b"{\"not\": \"a record\"}"] {
            assert!(matches!(
                RecordReader::new(file),
                Err(RecordError::NotARecord)
            ));
        }
    }

    #[test]
    fn length_beyond_any_tlp_is_an_error() {
        let mut record = record();
        let length = record.len() - 12 - 12 - 4;
        record[length..length + 4].copy_from_slice(&5000u32.to_le_bytes());
        let mut reader = RecordReader::new(record.as_slice()).unwrap();
        reader.next_tlp().unwrap();
        reader.next_tlp().unwrap();
        assert!(matches!(
            reader.next_tlp(),
            Err(RecordError::TooLong { dwords: 5000, .. })
        ));
    }
}
