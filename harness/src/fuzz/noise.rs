// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! TLPs that disturb: legal ones out of place, and such as no host may send. None of them may
//! change anything that a tenant can see.

use std::collections::BTreeMap;

use super::estate::{BASE, PAGES};
use super::tally::{Answer, Tally};
use super::world::World;
use super::{Dice, FuzzError, TENANTS};
use crate::host::Driver;
use crate::mem::PAGE_SIZE;
use crate::pcie::tlp::{
    AddressType, Attributes, Completion, CompletionStatus, ConfigRequest, MemRequest, Message,
    PasidPrefix, Routing, Tlp,
};
use crate::pcie::{Bdf, CreditClass, CreditWindow, Host, Pasid, Tag};

/// Who the noise says it is. The root complex is another.
const STRANGER: Bdf = Bdf::new(0, 0x1f, 0);
/// Who sends what nobody may answer.
const UNHEARD: Bdf = Bdf::new(0, 0x1e, 0);
/// Queues that no tenant has, in every profile.
const FIRST_UNUSED: u64 = TENANTS as u64;
const UNUSED: u64 = 2;
const PORTALS_PER_WQ: u64 = 4;

struct Noise<'a> {
    host: &'a Host,
    tally: &'a Tally,
    dice: Dice,
    device: Bdf,
    bar0: u64,
    bar2: u64,
    bar2_end: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// Makes noise until the end is near, and with `stalls` lets the device wait for credits; what it
/// sent.
pub async fn make(
    driver: &Driver,
    tally: &Tally,
    dice: Dice,
    stalls: bool,
    world: &World,
) -> Result<BTreeMap<&'static str, u64>, FuzzError> {
    let (host, info) = (&world.host, driver.info());
    let bar = |index| {
        info.bar(index)
            .ok_or_else(|| FuzzError::Wrong(format!("BAR{index} is missing")))
    };
    let (bar0, bar2) = (bar(0)?, bar(2)?);
    let mut noise = Noise {
        host,
        tally,
        dice,
        device: info.bdf,
        bar0: bar0.address,
        bar2: bar2.address,
        bar2_end: bar2.address + bar2.size,
        counts: BTreeMap::new(),
    };
    while !world.ending.get() {
        let pause = 1 + noise.dice.below(100);
        host.sleep(pause).await;
        if world.asleep.get() {
            continue;
        }
        noise.one();
        if stalls && noise.dice.one_in(500) {
            noise.stall().await;
        }
    }
    Ok(noise.counts)
}

impl Noise<'_> {
    /// Sends one TLP.
    fn one(&mut self) {
        match self.dice.below(17) {
            0 => self.register_read(),
            1 => self.portal_read(),
            2 => self.read_beyond(),
            3 => self.portal_write(),
            4 => self.write_beyond(),
            5 => self.dmwr(),
            6 => self.config_read(),
            7 => self.config_of_nobody(),
            8 => self.poisoned_config_write(),
            9 => self.unexpected_completion(),
            10 => self.message(),
            11 => self.unsupported_type(),
            12 => self.length_that_lies(),
            13 => self.crossing_read(),
            14 => self.poisoned_write(),
            15 => self.invalidation(),
            _ => self.reserved_type(),
        }
    }

    /// For some time, the device may send nothing of one class.
    async fn stall(&mut self) {
        const MOST: u64 = 3_000;
        // Reads that wait must not time out.
        const MOST_NON_POSTED: u64 = 500;
        let class = [
            CreditClass::Posted,
            CreditClass::NonPosted,
            CreditClass::Completion,
        ][self.dice.below(3) as usize];
        self.count("stalled class");
        self.host.set_credit_window(class, CreditWindow::Stalled);
        let cycles = 1 + match class {
            CreditClass::NonPosted => self.dice.below(MOST_NON_POSTED),
            _ => self.dice.below(MOST),
        };
        self.host.sleep(cycles).await;
        let window = match self.dice.one_in(2) {
            true => CreditWindow::Infinite,
            false => CreditWindow::Open {
                headers: 8,
                data: 256,
            },
        };
        self.host.set_credit_window(class, window);
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn tag(&mut self) -> Option<Tag> {
        let tag = Tag::new(self.dice.below(256) as u16);
        self.tally.free(STRANGER, tag).then_some(tag)
    }

    fn send(&mut self, what: &'static str, tlp: &Tlp) {
        let mut words = Vec::new();
        tlp.encode(&mut words);
        self.send_words(what, &words);
    }

    fn send_words(&mut self, what: &'static str, words: &[u32]) {
        self.count(what);
        self.host.send_raw(words);
    }

    fn request(&mut self, tag: Tag, address: u64, length: u16) -> MemRequest {
        let first_be = match length {
            1 => self.dice.below(16) as u8,
            _ => 0xf << self.dice.below(4) & 0xf,
        };
        let last_be = match length {
            1 => 0,
            _ => 0xf >> self.dice.below(4),
        };
        MemRequest {
            requester: STRANGER,
            tag,
            address,
            length,
            first_be,
            last_be,
            attr: Attributes {
                relaxed: self.dice.one_in(2),
                no_snoop: self.dice.one_in(2),
                tc: self.dice.below(8) as u8,
                ..Attributes::default()
            },
            at: AddressType::Untranslated,
            no_write: false,
            pasid: None,
        }
    }

    fn read(&mut self, what: &'static str, address: u64, length: u16, answer: Answer) {
        let Some(tag) = self.tag() else { return };
        let request = self.request(tag, address, length);
        self.tally.expect(STRANGER, tag, what, answer);
        self.send(what, &Tlp::MemRead { request });
    }

    /// Bytes, aligned words and dwords are read; other pieces of a register are aborted
    /// (DSA 9.1).
    fn register_read(&mut self) {
        const WHAT: &str = "read of registers";
        let Some(tag) = self.tag() else { return };
        let length = 1 + self.dice.below(4) as u16;
        let address = self.bar0 + self.dice.below(0x100) * 4;
        let request = self.request(tag, address, length);
        let aligned = |enables: u8| matches!(enables, 0 | 1 | 2 | 4 | 8 | 3 | 0xc | 0xf);
        let status = match aligned(request.first_be) && aligned(request.last_be) {
            true => CompletionStatus::Success,
            false => CompletionStatus::CompleterAbort,
        };
        self.tally
            .expect(STRANGER, tag, WHAT, Answer::Status(status));
        self.send(WHAT, &Tlp::MemRead { request });
    }

    fn portal_read(&mut self) {
        let length = 1 + self.dice.below(16) as u16;
        let address = self.bar2 + self.dice.below(0x3000) * 4 / 64 * 64;
        let answer = Answer::Status(CompletionStatus::Success);
        self.read("read of a portal", address, length, answer);
    }

    fn read_beyond(&mut self) {
        let address = self.bar2_end + (1 << 32) + self.dice.below(1 << 20) * 4;
        let answer = Answer::Status(CompletionStatus::UnsupportedRequest);
        self.read("read outside the BARs", address, 1, answer);
    }

    /// Not 64 bytes, or not aligned: ignored whatever the queue.
    fn portal_write(&mut self) {
        let queue = self.dice.below(16);
        let page = self.bar2 + (queue * PORTALS_PER_WQ + self.dice.below(4)) * 0x1000;
        let length = 1 + self.dice.below(15) as u16;
        let address = page + self.dice.below(60) * 64;
        let request = self.request(Tag::default(), address, length);
        self.write("portal write of a wrong size", request);
    }

    fn write(&mut self, what: &'static str, request: MemRequest) {
        let data = (0..request.length).map(|_| self.dice.word()).collect();
        self.send(what, &Tlp::MemWrite { request, data });
    }

    fn write_beyond(&mut self) {
        let address = self.bar2_end + (1 << 32) + self.dice.below(1 << 20) * 4;
        let request = self.request(Tag::default(), address & !0x3f, 8);
        self.write("write outside the BARs", request);
    }

    /// To a queue that is disabled, so that it must be told to try again.
    fn dmwr(&mut self) {
        const WHAT: &str = "DMWr to a queue that is disabled";
        let Some(tag) = self.tag() else { return };
        let queue = FIRST_UNUSED + self.dice.below(UNUSED);
        let page = queue * PORTALS_PER_WQ + self.dice.below(4);
        let request = MemRequest {
            first_be: 0xf,
            last_be: 0xf,
            ..self.request(tag, self.bar2 + page * 0x1000, 16)
        };
        let data = (0..16).map(|_| self.dice.word()).collect();
        let answer = Answer::Status(CompletionStatus::Retry);
        self.tally.expect(STRANGER, tag, WHAT, answer);
        self.send(WHAT, &Tlp::DmWr { request, data });
    }

    fn config(&mut self, tag: Tag, target: Bdf) -> ConfigRequest {
        ConfigRequest {
            requester: STRANGER,
            tag,
            target,
            register: self.dice.below(1024) as u16 * 4,
            first_be: self.dice.below(16) as u8,
            type1: false,
            attr: Attributes::default(),
        }
    }

    fn config_read(&mut self) {
        const WHAT: &str = "configuration read";
        let Some(tag) = self.tag() else { return };
        let request = self.config(tag, self.device);
        let answer = Answer::Status(CompletionStatus::Success);
        self.tally.expect(STRANGER, tag, WHAT, answer);
        self.send(WHAT, &Tlp::ConfigRead { request });
    }

    fn config_of_nobody(&mut self) {
        const WHAT: &str = "configuration access to a function that is not there";
        let Some(tag) = self.tag() else { return };
        let function = 1 + self.dice.below(7) as u8;
        let target = Bdf::new(self.device.bus(), self.device.device(), function);
        let request = self.config(tag, target);
        let answer = Answer::Status(CompletionStatus::UnsupportedRequest);
        self.tally.expect(STRANGER, tag, WHAT, answer);
        let data = self.dice.word();
        match self.dice.one_in(2) {
            true => self.send(WHAT, &Tlp::ConfigRead { request }),
            false => self.send(WHAT, &Tlp::ConfigWrite { request, data }),
        }
    }

    fn poisoned_config_write(&mut self) {
        const WHAT: &str = "poisoned configuration write";
        let Some(tag) = self.tag() else { return };
        let request = ConfigRequest {
            attr: Attributes {
                poisoned: true,
                ..Attributes::default()
            },
            ..self.config(tag, self.device)
        };
        let answer = Answer::Status(CompletionStatus::UnsupportedRequest);
        self.tally.expect(STRANGER, tag, WHAT, answer);
        let data = self.dice.word();
        self.send(WHAT, &Tlp::ConfigWrite { request, data });
    }

    /// For a tag that the device does not use, or only for requests of another kind, or to somebody
    /// else.
    fn unexpected_completion(&mut self) {
        let to_device = self.dice.one_in(2);
        let completion = Completion {
            completer: Bdf::new(0, 0, 0),
            status: CompletionStatus::Success,
            byte_count: 64,
            requester: if to_device { self.device } else { STRANGER },
            tag: Tag::new(0x80 + self.dice.below(0x80) as u16),
            lower_address: 0,
            attr: Attributes::default(),
        };
        let data = (0..16).map(|_| self.dice.word()).collect();
        let tlp = Tlp::Completion { completion, data };
        self.send("completion that nobody asked for", &tlp);
    }

    fn message(&mut self) {
        const CODES: [u8; 6] = [0x7e, 0x7f, 0x12, 0x14, 0x19, 0x77];
        let routing =
            [Routing::Local, Routing::Broadcast, Routing::Id][self.dice.below(3) as usize];
        let message = Message {
            requester: STRANGER,
            tag: Tag::default(),
            code: CODES[self.dice.below(CODES.len() as u64) as usize],
            routing,
            header: [u32::from(self.device.raw()) << 16, self.dice.word()],
            attr: Attributes::default(),
            pasid: None,
        };
        let data = vec![];
        self.send("message", &Tlp::Message { message, data });
    }

    /// Of another translation agent. Its ITags may be those of the IOMMU, or some that it has not got
    /// back.
    fn invalidation(&mut self) {
        const MOST: usize = 8;
        const ALL: u64 = (1 << 63) - (1 << 12);
        const SIZED: u64 = 1 << 11;
        if self.tally.invalidating() >= MOST {
            return;
        }
        let itag = self.dice.below(32) as u8;
        let range = match self.dice.one_in(8) {
            true => ALL | SIZED,
            false => BASE + self.dice.below(PAGES) * PAGE_SIZE,
        };
        let pasid = Pasid::from_field(1 + self.dice.below(u64::from(TENANTS)) as u32);
        let with_pasid = self.dice.one_in(2);
        let all_pasids = u64::from(with_pasid && self.dice.one_in(4));
        let message = Message {
            requester: STRANGER,
            tag: Tag::new(itag.into()),
            code: Message::INVALIDATE_REQUEST,
            routing: Routing::Id,
            header: [u32::from(self.device.raw()) << 16, 0],
            attr: Attributes::default(),
            pasid: with_pasid.then(|| PasidPrefix::new(pasid)),
        };
        let bytes = (range | all_pasids).to_be_bytes();
        let dword = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
        let data = vec![dword(0), dword(4)];
        self.tally.expect_invalidation(STRANGER, itag);
        self.send(
            "invalidation by another agent",
            &Tlp::Message { message, data },
        );
    }

    /// I/O and atomic requests: known to PCIe, not to this device.
    fn unsupported_type(&mut self) {
        const WHAT: &str = "I/O or atomic request";
        let Some(tag) = self.tag() else { return };
        let low = 0x1000 + (self.dice.word() & 0xfff0);
        let second = u32::from(STRANGER.raw()) << 16 | u32::from(tag.raw()) << 8 | 0xf;
        let answer = Answer::Status(CompletionStatus::UnsupportedRequest);
        self.tally.expect(STRANGER, tag, WHAT, answer);
        let data = self.dice.word();
        match self.dice.below(4) {
            0 => self.send_words(WHAT, &[0x0200_0001, second, low]),
            1 => self.send_words(WHAT, &[0x4200_0001, second, low, data]),
            2 => self.send_words(WHAT, &[0x4d00_0001, second, low, data]),
            _ => self.send_words(WHAT, &[0x4c00_0001, second, low, data]),
        }
    }

    fn length_that_lies(&mut self) {
        let second = u32::from(STRANGER.raw()) << 16 | 0xff;
        let length = 0x6000_0000 | (2 + self.dice.word() % 30);
        let (high, low) = ((self.bar2 >> 32) as u32, self.bar2 as u32);
        let data = self.dice.word();
        let words = [length, second, high, low, data];
        self.send_words("write shorter than its Length", &words);
    }

    /// Malformed: dropped without an answer.
    fn crossing_read(&mut self) {
        const WHAT: &str = "read across 4 KiB";
        let tag = Tag::new(self.dice.below(256) as u16);
        let request = MemRequest {
            requester: UNHEARD,
            first_be: 0xf,
            last_be: 0xf,
            ..self.request(tag, self.bar2 + 0xff8, 8)
        };
        self.tally.expect(UNHEARD, tag, WHAT, Answer::None);
        self.send(WHAT, &Tlp::MemRead { request });
    }

    fn poisoned_write(&mut self) {
        let page = self.dice.below(4 * FIRST_UNUSED);
        let request = MemRequest {
            first_be: 0xf,
            last_be: 0xf,
            ..self.request(Tag::default(), self.bar2 + page * 0x1000, 16)
        };
        let attr = Attributes {
            poisoned: true,
            ..request.attr
        };
        self.write("poisoned descriptor", MemRequest { attr, ..request });
    }

    fn reserved_type(&mut self) {
        let second = u32::from(STRANGER.raw()) << 16 | 0xf;
        let words = [0x1e00_0001, second, 0x1000];
        self.send_words("TLP of a reserved type", &words);
    }
}
