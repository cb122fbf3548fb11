// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The trace: one JSON object a line, one TLP each, in the order of simulated time.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::line::Line;
use crate::endpoint::Cycle;
use crate::pcie::{Direction, TlpEvent, TlpListener};

/// Writes each TLP as a line of JSON.
#[derive(Debug)]
pub struct JsonlTrace<W> {
    out: W,
    /// Lines of host TLPs that are queued for a later cycle than any device TLP so far.
    ahead: BTreeMap<(Cycle, u64), String>,
    lines: u64,
}

impl<W: Write> JsonlTrace<W> {
    /// A trace that goes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            out,
            ahead: BTreeMap::new(),
            lines: 0,
        }
    }

    /// Writes what is queued for `cycle` or earlier.
    fn catch_up(&mut self, cycle: Cycle) -> io::Result<()> {
        while let Some(entry) = self.ahead.first_entry()
            && entry.key().0 <= cycle
        {
            writeln!(self.out, "{}", entry.remove())?;
        }
        Ok(())
    }
}

impl<W: Write> TlpListener for JsonlTrace<W> {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        let line = serde_json::to_string(&Line::new(event))?;
        self.lines += 1;
        match event.direction {
            Direction::ToDevice => {
                self.ahead.insert((event.cycle, self.lines), line);
                Ok(())
            }
            Direction::FromDevice => {
                self.catch_up(event.cycle)?;
                writeln!(self.out, "{line}")
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.catch_up(Cycle(u64::MAX))?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(events: &[TlpEvent<'_>]) -> String {
        let mut out = Vec::new();
        let mut trace = JsonlTrace::new(&mut out);
        for event in events {
            trace.tlp(event).unwrap();
        }
        trace.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_holds_the_decoded_fields_and_the_dwords() {
        let words = [0x9180_0142, 0x2000_2010, 0x0100_05ff, 0x12, 0x3400_0040];
        let event = TlpEvent {
            direction: Direction::FromDevice,
            cycle: Cycle(7),
            words: &words,
        };
        assert_eq!(
            traced(&[event]),
            concat!(
                r#"{"cycle":7,"dir":"from_device","tlp":"mem_read","requester":"01:00.0","#,
                r#""tag":5,"address":"0x1234000040","dwords":16,"first_be":"1111","#,
                r#""last_be":"1111","pasid":"0x142","flags":["relaxed","privileged"],"#,
                r#""hex":"91800142 20002010 010005ff 00000012 34000040"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn malformed_tlp_is_traced_with_its_error() {
        let event = TlpEvent {
            direction: Direction::ToDevice,
            cycle: Cycle(7),
            words: &[0xff00_0000],
        };
        assert_eq!(
            traced(&[event]),
            concat!(
                r#"{"cycle":7,"dir":"to_device","tlp":"malformed","#,
                r#""error":"TLP prefix 0xff000000 is not a PASID prefix","hex":"ff000000"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn host_tlps_are_sorted_into_the_order_of_time() {
        let words = [0x0400_0001, 0xf, 0x0100_0000];
        let event = |direction, cycle| TlpEvent {
            direction,
            cycle: Cycle(cycle),
            words: &words,
        };
        let trace = traced(&[
            event(Direction::ToDevice, 300),
            event(Direction::ToDevice, 20),
            event(Direction::FromDevice, 100),
            event(Direction::ToDevice, 110),
        ]);
        let cycles: Vec<u64> = trace
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["cycle"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(cycles, [20, 100, 110, 300]);
    }
}
