// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! `siov replay`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use siov_sim::{Model, StopOn, Straps};

use super::error::CliError;
use super::files;
use crate::endpoint::Cycle;
use crate::pcie::Direction;
use crate::rtl;
use crate::trace::{RecordError, RecordHeader, RecordReader};

/// Options of `siov replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The record, from `siov run --record`.
    pub file: PathBuf,
    /// Write waves of the whole device, for GTKWave.
    #[arg(long, value_name = "FILE.fst")]
    pub wave: Option<PathBuf>,
}

/// One TLP of a record.
type RecordedTlp = (Cycle, Vec<u32>);

/// A whole record.
struct Record {
    header: RecordHeader,
    host: Vec<RecordedTlp>,
    device: VecDeque<RecordedTlp>,
}

/// Cycles without a TLP after which one that the record has will not come.
const PATIENCE: u64 = 1_000_000;

/// Drives the device with a record.
pub fn replay(args: &Args) -> Result<(), CliError> {
    let mut record = read(&args.file)?;
    files::check(args.wave.as_deref())?;
    let straps = Straps::from_words(record.header.straps);
    let mut model = Model::new(&rtl::config(straps, args.wave.as_deref()))?;
    for (ready_at, words) in &record.host {
        model.push(ready_at.0, words)?;
    }
    let count = record.device.len();
    while let Some(expected) = record.device.pop_front() {
        if let Some(difference) = next_differs(&mut model, &expected)? {
            return Err(CliError::Differs {
                difference,
                recorded: record.header.build,
                own: siov_sim::BUILD_ID,
            });
        }
    }
    files::print(&format!(
        "{}: {} host TLPs in, {count} device TLPs out, all equal to the record in content \
         and cycle; {} cycles",
        args.file.display(),
        record.host.len(),
        model.cycle(),
    ))
}

/// How the device's next TLP differs from the expected one, if it does.
fn next_differs(model: &mut Model, expected: &RecordedTlp) -> Result<Option<String>, CliError> {
    const ON_TLP: StopOn = StopOn {
        tlp: true,
        sent: false,
        idle: false,
    };
    let (cycle, words) = expected;
    let mut silent = false;
    loop {
        if let Some(tlp) = model.next_tlp() {
            let same = tlp.eop == cycle.0 && tlp.dws == words.as_slice();
            return Ok((!same).then(|| {
                format!(
                    "cycle {}: {:08x?}, recorded cycle {cycle}: {words:08x?}",
                    tlp.eop, tlp.dws
                )
            }));
        }
        if silent {
            return Ok(Some(format!(
                "nothing came, recorded cycle {cycle}: {words:08x?}"
            )));
        }
        silent = model.run(PATIENCE, ON_TLP)? == siov_sim::Stop::Limit;
    }
}

fn read(path: &Path) -> Result<Record, CliError> {
    let file = File::open(path).map_err(|source| CliError::Open {
        path: path.to_owned(),
        source,
    })?;
    read_all(BufReader::new(file)).map_err(|source| CliError::Record {
        path: path.to_owned(),
        source,
    })
}

fn read_all(input: impl std::io::Read) -> Result<Record, RecordError> {
    let mut reader = RecordReader::new(input)?;
    let header = reader.header().clone();
    let mut record = Record {
        header,
        host: Vec::new(),
        device: VecDeque::new(),
    };
    while let Some(event) = reader.next_tlp()? {
        let tlp = (event.cycle, event.words.to_vec());
        match event.direction {
            Direction::ToDevice => record.host.push(tlp),
            Direction::FromDevice => record.device.push_back(tlp),
        }
    }
    Ok(record)
}
