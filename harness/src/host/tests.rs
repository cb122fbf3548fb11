// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The host driver and the IOMMU it drives, with a device whose messages are scripted.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use siov_sim::Straps;

use super::*;
use crate::dsa::Command;
use crate::endpoint::{Credits, Cycle, Endpoint, EndpointError, Stop};
use crate::iommu::FaultReason;
use crate::mem::{Gpa, Hpa, Memory};
use crate::pcie::tlp::{
    AddressType, Attributes, MemRequest, Message, PasidPrefix, Routing, Tlp, TlpRef,
};
use crate::pcie::{Bdf, Host, Knobs, Pasid, Tag};
use crate::rtl::RtlEndpoint;

const DEVICE: Bdf = Bdf::new(1, 0, 0);
const PASID: Pasid = Pasid::new(1).unwrap();
const PAGE: Gpa = Gpa(0x5000);
const TIMEOUT: u64 = 5000;

/// What a test does in the device's place.
#[derive(Debug, Default)]
struct Script {
    to_send: VecDeque<Vec<u32>>,
    /// ATS messages of the host, with the cycle of each.
    received: Vec<(Cycle, Message)>,
    /// Invalidations are not completed.
    mute: bool,
    /// So many of them do not even arrive.
    lost: u32,
}

/// The RTL, which never sees an ATS message: the script takes them.
struct Scripted {
    rtl: RtlEndpoint,
    script: Rc<RefCell<Script>>,
    sent: Vec<u32>,
}

impl Endpoint for Scripted {
    fn push(&mut self, ready_at: Cycle, tlp: &[u32]) -> Result<(), EndpointError> {
        let Ok(Tlp::Message { message, .. }) = TlpRef::decode(tlp) else {
            return self.rtl.push(ready_at, tlp);
        };
        let script = &mut *self.script.borrow_mut();
        script.received.push((ready_at, message));
        let invalidation = message.code == Message::INVALIDATE_REQUEST;
        if invalidation && script.lost > 0 {
            script.lost -= 1;
        } else if invalidation && !script.mute {
            let header = [1, 1 << message.tag.raw()];
            let completion = device_message(Message::INVALIDATE_COMPLETION, header);
            script.to_send.push_back(encoded(&completion));
        }
        Ok(())
    }

    fn run(&mut self, max_cycles: u64) -> Result<Stop, EndpointError> {
        match self.script.borrow().to_send.is_empty() {
            true => self.rtl.run(max_cycles),
            false => Ok(Stop::Tlp),
        }
    }

    fn next_tlp(&mut self) -> Option<(Cycle, &[u32])> {
        let Some(tlp) = self.script.borrow_mut().to_send.pop_front() else {
            return self.rtl.next_tlp();
        };
        self.sent = tlp;
        Some((self.rtl.now(), &self.sent))
    }

    fn now(&self) -> Cycle {
        self.rtl.now()
    }

    fn idle(&self) -> bool {
        self.rtl.idle()
    }

    fn set_credits(&mut self, credits: &Credits) {
        self.rtl.set_credits(credits);
    }
}

fn encoded(tlp: &Tlp) -> Vec<u32> {
    let mut words = Vec::new();
    tlp.encode(&mut words);
    words
}

fn device_message(code: u8, header: [u32; 2]) -> Tlp {
    let routing = match code {
        Message::PAGE_REQUEST => Routing::RootComplex,
        _ => Routing::Id,
    };
    let message = Message {
        requester: DEVICE,
        tag: Tag::default(),
        code,
        routing,
        header,
        attr: Attributes::default(),
        pasid: (code == Message::PAGE_REQUEST).then(|| PasidPrefix::new(PASID)),
    };
    Tlp::Message {
        message,
        data: vec![],
    }
}

/// One ADI, whose PASID is `PASID`, on an empty address space.
struct Setup {
    host: Host,
    driver: Rc<Driver>,
    adi: Adi,
    space: AddressSpace,
    script: Rc<RefCell<Script>>,
}

impl Setup {
    async fn of(driver: Rc<Driver>, script: Rc<RefCell<Script>>) -> Self {
        let wq = WqConfig {
            index: 0,
            size: 8,
            priority: 1,
            group: 0,
        };
        driver.configure(&[wq]).await.unwrap();
        driver.allow_device_tlb(true).await.unwrap();
        let space = driver.new_address_space().unwrap();
        let (adi, _errors) = driver.assign(wq, &space).unwrap();
        assert_eq!(adi.pasid(), PASID);
        Self {
            host: driver.host().clone(),
            driver,
            adi,
            space,
            script,
        }
    }

    /// The function reset, and a new driver on it; also the driver that lost it.
    async fn reset(self) -> (Self, Rc<Driver>) {
        let Self { driver, script, .. } = self;
        driver.reset_function().await.unwrap();
        let next = Driver::probe(driver.host()).await.unwrap();
        (Self::of(next, script).await, driver)
    }

    /// The device asks for `PAGE`; `last` of group `index` or not.
    fn request_page(&self, index: u32, last: bool) {
        let low = PAGE.0 as u32 | index << 3 | u32::from(last) << 2 | 0b11;
        let message = device_message(Message::PAGE_REQUEST, [0, low]);
        self.script
            .borrow_mut()
            .to_send
            .push_back(encoded(&message));
    }

    /// The device writes a dword.
    fn write_dword(&self, pasid: Option<PasidPrefix>, address: u64, value: u32) {
        let write = Tlp::MemWrite {
            request: MemRequest {
                requester: DEVICE,
                tag: Tag::default(),
                address,
                length: 1,
                first_be: 0xf,
                last_be: 0,
                attr: Attributes::default(),
                at: AddressType::Untranslated,
                no_write: false,
                pasid,
            },
            data: vec![value],
        };
        self.script.borrow_mut().to_send.push_back(encoded(&write));
    }

    /// The device sends the ADI's interrupt.
    fn send_interrupt(&self) {
        let message = self.adi.message();
        self.write_dword(None, message.address, message.data);
    }

    /// Response codes so far.
    fn responses(&self) -> Vec<u32> {
        let script = self.script.borrow();
        let responses = script
            .received
            .iter()
            .filter(|(_, message)| message.code == Message::PRG_RESPONSE);
        responses
            .map(|(_, message)| message.header[0] >> 12 & 0xf)
            .collect()
    }

    fn invalidations(&self) -> usize {
        let script = self.script.borrow();
        let code = |message: &Message| message.code == Message::INVALIDATE_REQUEST;
        script
            .received
            .iter()
            .filter(|(_, message)| code(message))
            .count()
    }

    /// Answers every page request for the address space like this.
    fn answer(&self, demand: Demand, delay: u64) {
        self.space
            .on_page_request(move |_, _| Paged { demand, delay });
    }
}

fn with_setup<F: Future>(test: impl FnOnce(Setup) -> F) -> F::Output {
    let script = Rc::new(RefCell::new(Script::default()));
    let endpoint = Scripted {
        rtl: RtlEndpoint::new(Straps::default(), None).unwrap(),
        script: Rc::clone(&script),
        sent: Vec::new(),
    };
    let knobs = Knobs {
        invalidation_timeout: TIMEOUT,
        checker: false, // the script asks although nothing is enabled
        ..Knobs::default()
    };
    let host = Host::new(Box::new(endpoint), Memory::new(16 << 20).unwrap(), knobs);
    let main = async {
        let driver = Driver::probe(&host).await.unwrap();
        test(Setup::of(driver, script).await).await
    };
    host.run(main).unwrap()
}

fn memory_page(setup: &Setup) -> Hpa {
    setup.host.memory().alloc_page().unwrap()
}

#[test]
fn page_that_a_device_asks_for_is_mapped_and_the_device_told() {
    with_setup(async |mut setup| {
        let to = memory_page(&setup);
        setup.answer(Demand::Map(to), 0);
        setup.request_page(3, true);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [0]);
        let again = setup.space.map(PAGE, to, 0x1000);
        assert!(matches!(again, Err(DriverError::Tables(_))));
    });
}

#[test]
fn page_asked_for_twice_is_mapped_once() {
    with_setup(async |setup| {
        setup.answer(Demand::Map(memory_page(&setup)), 0);
        setup.request_page(3, true);
        setup.request_page(4, true);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [0, 0]);
    });
}

#[test]
fn page_may_be_refused_or_the_device_be_told_to_stop() {
    with_setup(async |setup| {
        setup.request_page(0, true); // nobody serves the address space yet
        setup.host.sleep(10).await;
        setup.answer(Demand::Refuse, 0);
        setup.request_page(1, true);
        setup.host.sleep(10).await;
        setup.answer(Demand::Fail, 0);
        setup.request_page(2, true);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [1, 1, 0xf]);
    });
}

#[test]
fn answer_takes_its_time_and_holds_up_nobody_else() {
    with_setup(async |setup| {
        setup.answer(Demand::Refuse, 500);
        setup.request_page(1, true);
        setup.host.sleep(10).await;
        setup.answer(Demand::Map(memory_page(&setup)), 0);
        setup.request_page(2, true);
        setup.host.sleep(400).await;
        assert_eq!(setup.responses(), [0]);
        setup.host.sleep(200).await;
        assert_eq!(setup.responses(), [0, 1]);
    });
}

#[test]
fn group_gets_one_answer_the_worst_of_its_requests() {
    with_setup(async |setup| {
        setup.answer(Demand::Refuse, 0);
        setup.request_page(7, false);
        setup.host.sleep(10).await;
        assert!(setup.responses().is_empty());
        setup.answer(Demand::Map(memory_page(&setup)), 0);
        setup.request_page(7, true);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [1]);
    });
}

#[test]
fn stop_marker_is_read_and_not_answered() {
    with_setup(async |setup| {
        setup.answer(Demand::Refuse, 0);
        let marker = device_message(Message::PAGE_REQUEST, [0, 0b100]);
        let marker = encoded(&marker);
        setup.script.borrow_mut().to_send.push_back(marker);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [0; 0]);
        setup.request_page(3, true);
        setup.host.sleep(10).await;
        assert_eq!(setup.responses(), [1]);
    });
}

#[test]
fn unmapping_returns_when_the_device_has_forgotten_the_pages() {
    with_setup(async |mut setup| {
        let to = memory_page(&setup);
        setup.space.map(PAGE, to, 0x1000).unwrap();
        let unmapped = setup.driver.unmap(&setup.space, PAGE, 0x1000).await;
        unmapped.unwrap();
        assert_eq!(setup.invalidations(), 1);
    });
}

#[test]
fn more_invalidations_than_the_queue_holds_are_all_done() {
    with_setup(async |setup| {
        // 1 page, 2 pages, 4 pages... up and down again, for each of 16 ranges.
        for _ in 0..16 {
            let (from, bytes) = (Gpa(0x1000), (1 << 30) - 0x2000);
            setup.driver.unmap(&setup.space, from, bytes).await.unwrap();
        }
        assert_eq!(setup.invalidations(), 16 * 34);
    });
}

#[test]
fn invalidation_that_is_lost_is_tried_again() {
    with_setup(async |setup| {
        setup.script.borrow_mut().lost = 1;

        let result = setup.driver.unmap(&setup.space, PAGE, 0x1000).await;

        result.unwrap();
        assert_eq!(setup.invalidations(), 2);
        assert_eq!(setup.driver.invalidation_stops(), 1);
    });
}

#[test]
fn function_in_d3hot_has_no_registers_until_it_wakes() {
    with_setup(async |setup| {
        let register = setup.driver.info().bar(0).unwrap().address;
        let version = setup.host.read32(register).await.unwrap();

        let asleep = setup.driver.sleep_in_d3hot().await.unwrap();

        assert!(setup.host.read32(register).await.is_err());
        asleep.wake().await.unwrap();
        assert_eq!(setup.host.read32(register).await.unwrap(), version);
    });
}

#[test]
fn device_that_does_not_forget_in_time_is_an_error() {
    with_setup(async |setup| {
        setup.script.borrow_mut().mute = true;
        let result = setup.driver.unmap(&setup.space, PAGE, 0x1000).await;
        assert!(matches!(result, Err(DriverError::Invalidation { .. })));
        setup.script.borrow_mut().mute = false;
        let result = setup.driver.unmap(&setup.space, PAGE, 0x1000).await;
        result.unwrap();
    });
}

#[test]
fn revoked_pasid_is_blocked_and_its_requests_are_on_record() {
    with_setup(async |mut setup| {
        let to = memory_page(&setup);
        setup.space.map(PAGE, to, 0x1000).unwrap();
        setup.adi.revoke().await.unwrap();
        setup.write_dword(Some(PasidPrefix::new(PASID)), PAGE.0, 0xdead);
        setup.host.sleep(10).await;
        assert_eq!(setup.host.memory().read_u32(to), Ok(0));
        let faults = setup.driver.take_faults();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].reason, FaultReason::PasidEntryNotPresent);
    });
}

#[test]
fn interrupt_leads_to_a_vector_of_the_host_until_it_is_routed() {
    with_setup(async |setup| {
        setup.send_interrupt();
        let count = setup.adi.vector().wait(0).await;
        assert_eq!(count.count, 1);
    });
}

#[test]
fn interrupt_reaches_a_virtual_cpu_with_the_vector_it_was_routed_to() {
    with_setup(async |setup| {
        let delivered = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&delivered);
        let posted = setup
            .driver
            .post_interrupts(move |vector| log.borrow_mut().push(vector))
            .unwrap();
        for vector in [0x61, 0x62] {
            setup.adi.route_interrupt(&posted, vector).await.unwrap();
            setup.send_interrupt();
            setup.host.sleep(10).await;
        }
        assert_eq!(*delivered.borrow(), [0x61, 0x62]);
        assert_eq!(setup.adi.vector().count().count, 0);
    });
}

#[test]
fn interrupt_of_a_revoked_adi_is_blocked() {
    with_setup(async |setup| {
        setup.send_interrupt();
        setup.adi.vector().wait(0).await;
        setup.adi.revoke().await.unwrap();
        setup.send_interrupt();
        setup.host.sleep(10).await;
        assert_eq!(setup.adi.vector().count().count, 1);
        let faults = setup.driver.take_faults();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].reason, FaultReason::InterruptNotPresent);
    });
}

#[test]
fn driver_after_a_function_reset_has_the_iommu_to_itself() {
    with_setup(async |setup| {
        let old = memory_page(&setup);
        setup.answer(Demand::Map(old), 0);
        setup.request_page(3, true);
        setup.host.sleep(10).await;
        let (mut setup, _) = setup.reset().await;
        let to = memory_page(&setup);

        setup.space.map(PAGE, to, 0x1000).unwrap();
        setup.write_dword(Some(PasidPrefix::new(PASID)), PAGE.0, 0xbeef);
        setup.send_interrupt();
        setup.adi.vector().wait(0).await;
        setup
            .driver
            .unmap(&setup.space, PAGE, 0x1000)
            .await
            .unwrap();
        setup.answer(Demand::Refuse, 0);
        setup.request_page(3, true);
        setup.host.sleep(10).await;

        let memory = setup.host.memory();
        assert_eq!(memory.read_u32(to), Ok(0xbeef));
        assert_eq!(memory.read_u32(old), Ok(0));
        assert_eq!(setup.responses(), [0, 1]);
        assert_eq!(setup.invalidations(), 1);
    });
}

#[test]
fn driver_that_lost_its_function_says_so() {
    with_setup(async |setup| {
        let space = setup.space.clone();
        let (_setup, lost) = setup.reset().await;

        let command = lost.command(Command::DrainAll).await;
        let unmapped = lost.unmap(&space, PAGE, 0x1000).await;

        assert!(matches!(command, Err(DriverError::Retired)), "{command:?}");
        assert!(
            matches!(unmapped, Err(DriverError::Retired)),
            "{unmapped:?}"
        );
    });
}

#[test]
fn page_request_from_before_a_function_reset_is_not_answered_after_it() {
    with_setup(async |setup| {
        setup.answer(Demand::Refuse, 20_000);
        setup.request_page(3, true);
        setup.host.sleep(10).await;

        let (setup, _) = setup.reset().await;
        setup.host.sleep(30_000).await;

        assert!(setup.responses().is_empty());
    });
}

#[test]
fn success_without_a_page_leaves_it_unmapped() {
    with_setup(async |mut setup| {
        setup.answer(Demand::AskAgain, 0);

        setup.request_page(3, true);
        setup.host.sleep(10).await;

        assert_eq!(setup.responses(), [0]);
        let to = memory_page(&setup);
        setup.space.map(PAGE, to, 0x1000).unwrap();
    });
}
