// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Serves page requests: asks the owner of the address space, maps the page, answers the device.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Driver;
use super::iommu::PageRequestQueue;
use crate::iommu::PageRequest;
use crate::iommu::descriptor::{Descriptor, ResponseCode};
use crate::mem::{Gpa, Hpa, PAGE_SIZE};
use crate::pcie::MsiVector;

/// What is to be done about a page that a device asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Map it to this host page, unless it has been mapped since.
    Map(Hpa),
    /// Success, although the page is not there yet: the device finds so, and asks again.
    AskAgain,
    /// The page may not be had: Invalid Request.
    Refuse,
    /// Response Failure: the device is to stop asking for pages at all.
    Fail,
}

/// How an address space answers page requests.
pub(super) type Pager = Box<dyn FnMut(Gpa, bool) -> Paged>;

/// An answer, and how many cycles it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paged {
    /// The answer.
    pub demand: Demand,
    /// Cycles until it is given.
    pub delay: u64,
}

/// Groups of page requests of which the last has not come: the answer so far, by PASID and index.
pub(super) type Groups = RefCell<BTreeMap<(u32, u16), Answer>>;

/// What becomes of a group: the worst of its requests' answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    code: ResponseCode,
    delay: u64,
}

impl Driver {
    /// Takes page requests out of their queue whenever the IOMMU says there are some.
    pub(super) async fn serve_page_requests(
        self: Rc<Self>,
        queue: PageRequestQueue,
        vector: MsiVector,
    ) {
        let mut seen = 0;
        loop {
            seen = vector.wait(seen).await.count;
            while let Ok(Some(request)) = queue.take() {
                self.serve_page_request(&request);
            }
        }
    }

    fn serve_page_request(self: &Rc<Self>, request: &PageRequest) {
        if request.is_stop_marker() {
            return;
        }
        let key = (request.pasid.map_or(0, |pasid| pasid.raw()), request.index);
        let answer = self.answer(request);
        let group = self.page_groups.borrow_mut().remove(&key);
        let answer = group.map_or(answer, |group| group.worse(answer));
        if !request.last {
            self.page_groups.borrow_mut().insert(key, answer);
            return;
        }
        let (driver, response) = (Rc::clone(self), request.response(answer.code));
        tokio::task::spawn_local(async move {
            if answer.delay > 0 {
                driver.host.sleep(answer.delay).await;
            }
            // A queue that has stopped is reported to whoever waits for an invalidation.
            let _ = driver
                .iommu
                .queue(&[Descriptor::GroupResponse(response)])
                .await;
        });
    }

    /// Asks the address space of the request's PASID, and maps the page if it says so.
    fn answer(&self, request: &PageRequest) -> Answer {
        let refused = Answer {
            code: ResponseCode::InvalidRequest,
            delay: 0,
        };
        let spaces = self.address_spaces.borrow();
        let Some(space) = request.pasid.and_then(|pasid| spaces.attached(pasid)) else {
            return refused;
        };
        let page = Gpa(request.page.0);
        let Some(paged) = space.page(page, request.write) else {
            return refused;
        };
        let code = match paged.demand {
            Demand::Map(to) => match space.map_if_absent(page, to, PAGE_SIZE) {
                Ok(()) => ResponseCode::Success,
                Err(_) => ResponseCode::InvalidRequest,
            },
            Demand::AskAgain => ResponseCode::Success,
            Demand::Refuse => ResponseCode::InvalidRequest,
            Demand::Fail => ResponseCode::ResponseFailure,
        };
        Answer {
            code,
            delay: paged.delay,
        }
    }
}

impl Answer {
    fn worse(self, other: Self) -> Self {
        Self {
            code: if self.code as u8 > other.code as u8 {
                self.code
            } else {
                other.code
            },
            delay: self.delay.max(other.delay),
        }
    }
}
