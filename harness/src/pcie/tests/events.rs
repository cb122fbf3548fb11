// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Simulated time, interrupts, watched lines, listeners, deadlocks.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use super::*;
use crate::Cycle;
use crate::mem::Hpa;
use crate::pcie::{Direction, Msi, RunError, TlpEvent, TlpListener};

const MSI: Msi = Msi {
    address: 0xfee0_1004,
    data: 0x41,
};

fn message(msi: Msi) -> Tlp {
    Tlp::MemWrite {
        request: request(0, msi.address, 4),
        data: vec![msi.data],
    }
}

fn write_to(address: u64) -> Tlp {
    Tlp::MemWrite {
        request: request(0, address, 4),
        data: vec![1],
    }
}

#[test]
fn sleeping_tasks_wake_in_the_order_of_time() {
    let (host, _) = host(Mock::silent());
    let log = Rc::new(RefCell::new(vec![]));
    host.run(async {
        let tasks: Vec<_> = [30, 10, 20]
            .map(|cycles| {
                let (host, log) = (host.clone(), log.clone());
                tokio::task::spawn_local(async move {
                    host.sleep(cycles).await;
                    log.borrow_mut().push(host.now().0);
                })
            })
            .into();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .unwrap();
    assert_eq!(*log.borrow(), [10, 20, 30]);
}

#[test]
fn chain_of_tasks_takes_no_time() {
    let (host, _) = host(Mock::silent());
    let now = host.run(async {
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        let relay = tokio::task::spawn_local(async move {
            let mut sum = 0;
            while let Some(value) = receive.recv().await {
                sum += value;
            }
            sum
        });
        for i in 0..100 {
            send.send(i).await.unwrap();
        }
        drop(send);
        assert_eq!(relay.await.unwrap(), 4950);
        host.now()
    });
    assert_eq!(now.unwrap(), Cycle(0));
}

#[test]
fn claimed_message_is_counted_and_ends_the_wait() {
    let device = Mock::silent()
        .sends(50, &message(MSI))
        .sends(70, &message(MSI));
    let (host, _) = host(device);
    let vector = host.on_msi(MSI);
    let (first, second) = host
        .run(async {
            let first = vector.wait(0).await;
            (first, vector.wait(first.count).await)
        })
        .unwrap();
    assert_eq!((first.count, first.last), (1, Cycle(50)));
    assert_eq!((second.count, second.last), (2, Cycle(70)));
    assert!(host.take_unclaimed_msis().is_empty());
}

#[test]
fn unclaimed_message_is_kept() {
    let other = Msi {
        data: MSI.data + 1,
        ..MSI
    };
    let (host, _) = host(Mock::silent().sends(50, &message(other)));
    let vector = host.on_msi(MSI);
    host.run(host.sleep(100)).unwrap();
    assert_eq!(vector.count().count, 0);
    assert_eq!(host.take_unclaimed_msis(), [(Cycle(50), other)]);
}

#[test]
fn dropped_claim_no_longer_counts() {
    let (host, _) = host(Mock::silent().sends(50, &message(MSI)));
    drop(host.on_msi(MSI));
    host.run(host.sleep(100)).unwrap();
    assert_eq!(host.take_unclaimed_msis().len(), 1);
}

#[test]
fn two_dwords_to_the_interrupt_range_are_no_interrupt() {
    let write = Tlp::MemWrite {
        request: request(0, MSI.address, 8),
        data: vec![1, 2],
    };
    let (host, _) = host(Mock::silent().sends(50, &write));
    host.run(host.sleep(100)).unwrap();
    assert!(host.take_unclaimed_msis().is_empty());
    assert_eq!(host.stats().dropped_writes, 1);
}

#[test]
fn wait_for_write_ends_with_a_write_to_the_line_and_no_other() {
    let device = Mock::silent()
        .sends(10, &write_to(0x1fc0))
        .sends(20, &write_to(0x2040))
        // Same place in the filter as 0x2000.
        .sends(25, &write_to(0x2000 + 64 * 4096))
        .sends(30, &write_to(0x203c));
    let (host, _) = host(device);
    let now = host.run(async {
        host.wait_for_write(Hpa(0x2008)).await;
        host.now()
    });
    assert_eq!(now.unwrap(), Cycle(31));
}

#[test]
fn wait_for_write_sees_the_second_line_of_a_write() {
    let write = Tlp::MemWrite {
        request: request(0, 0x2000, 128),
        data: vec![7; 32],
    };
    let (host, _) = host(Mock::silent().sends(10, &write));
    host.run(host.wait_for_write(Hpa(0x2050))).unwrap();
    assert_eq!(host.memory().read_u32(Hpa(0x2050)), Ok(7));
}

#[test]
fn cancelled_wait_leaves_nothing_behind() {
    let (host, _) = host(Mock::silent().sends(50, &write_to(0x2000)));
    let vector = host.on_msi(MSI);
    host.run(async {
        tokio::select! {
            () = host.wait_for_write(Hpa(0x2000)) => panic!("nothing was written"),
            _ = vector.wait(0) => panic!("no interrupt was sent"),
            () = host.sleep(10) => {}
        }
        host.wait_for_write(Hpa(0x2000)).await;
    })
    .unwrap();
    assert_eq!(host.now(), Cycle(51));
}

#[test]
fn silence_while_tasks_wait_is_a_deadlock_that_names_the_waits() {
    let knobs = Knobs {
        deadlock_after: 5000,
        ..Knobs::default()
    };
    let (host, _) = host_with(Mock::silent().sends(100, &write_to(0x2000)), knobs);
    let vector = host.on_msi(MSI);
    let error = host.run(async {
        tokio::join!(host.wait_for_write(Hpa(0x3000)), vector.wait(0));
    });
    let message = error.unwrap_err().to_string();
    assert_eq!(
        message,
        "deadlock: cycle 5100, no TLP for 5000 cycles; waiting for a write to 0x3000, \
         message 0x41 to 0xfee01004"
    );
}

#[test]
fn malformed_device_tlp_ends_the_run() {
    let (host, _) = host(Mock::silent().sends_words(40, vec![0x0000_0002, 0, 0]));
    let error = host.run(host.sleep(100)).unwrap_err();
    assert!(
        matches!(
            error,
            RunError::Malformed {
                cycle: Cycle(40),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn device_messages_are_kept() {
    use crate::pcie::tlp::{Message, Routing};
    let message = Message {
        requester: DEVICE,
        tag: Tag::new(0),
        code: 0x31,
        routing: Routing::RootComplex,
        header: [0, 0],
        attr: Attributes::default(),
        pasid: None,
    };
    let (host, _) = host(Mock::silent().sends(
        40,
        &Tlp::Message {
            message,
            data: vec![],
        },
    ));
    host.run(host.sleep(100)).unwrap();
    assert_eq!(host.take_messages(), [(Cycle(40), message)]);
}

/// Keeps directions and cycles; fails at the third TLP.
struct Ears(Rc<RefCell<Vec<(Direction, u64)>>>);

impl TlpListener for Ears {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        if self.0.borrow().len() == 2 {
            return Err(io::Error::other("enough"));
        }
        self.0.borrow_mut().push((event.direction, event.cycle.0));
        Ok(())
    }
}

#[test]
fn listener_hears_both_directions_and_its_error_ends_the_run() {
    let read = Tlp::MemRead {
        request: request(3, 0x2000, 64),
    };
    let (host, _) = host(Mock::silent().sends(40, &read).sends(50, &read));
    let heard = Rc::new(RefCell::new(vec![]));
    host.add_listener(Box::new(Ears(heard.clone())));
    let error = host.run(host.sleep(1000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write what was heard at the TLP port: enough"
    );
    let expected = [(Direction::FromDevice, 40), (Direction::ToDevice, 340)];
    assert_eq!(*heard.borrow(), expected);
}

#[test]
fn second_run_goes_on_where_the_first_ended() {
    let (host, _) = host(Mock::silent());
    host.run(host.sleep(100)).unwrap();
    host.run(host.sleep(100)).unwrap();
    assert_eq!(host.now(), Cycle(200));
}
