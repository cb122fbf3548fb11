// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What all tenants of one life of the device share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::tenant::Tenant;
use super::{Translation, trouble};
use crate::faults::{Deed, Hit, Kind};
use crate::pcie::Host;

pub struct World {
    pub host: Host,
    pub mode: Translation,
    /// Whether work may be thrown away.
    pub resets: bool,
    /// Nothing new is begun.
    pub ending: Cell<bool>,
    /// The function is in D3hot.
    pub asleep: Cell<bool>,
    /// A response has told the device to ask for no pages any more.
    pub no_requests: Cell<bool>,
    /// Invalidations that never reached the device.
    pub lost_invalidations: Cell<u64>,
    /// Owners of ADIs whose page requests nobody will ever answer.
    pub abandoned: Cell<u64>,
    tenants: RefCell<Vec<Rc<Tenant>>>,
}

impl World {
    pub fn new(host: &Host, mode: Translation, resets: bool) -> Rc<Self> {
        Rc::new(Self {
            host: host.clone(),
            mode,
            resets,
            ending: Cell::new(false),
            asleep: Cell::new(false),
            no_requests: Cell::new(false),
            lost_invalidations: Cell::new(0),
            abandoned: Cell::new(0),
            tenants: RefCell::default(),
        })
    }

    pub fn add(&self, tenant: Rc<Tenant>) {
        self.tenants.borrow_mut().push(tenant);
    }

    pub fn tenants(&self) -> Vec<Rc<Tenant>> {
        self.tenants.borrow().clone()
    }

    /// An interrupt handle that is not this tenant's: of the one after it, which may just be losing
    /// it to this one.
    pub fn handle_of_another(&self, tenant: &Tenant) -> u16 {
        const NOBODYS: u16 = 200;
        let tenants = self.tenants.borrow();
        let next = (usize::from(tenant.wq.index) + 1) % tenants.len();
        match tenants[next].handle() {
            handle if handle == tenant.handle() => NOBODYS,
            handle => handle,
        }
    }

    /// Tells tenants which of their jobs were hit by faults so far.
    pub fn attribute(&self) {
        for hit in self.host.take_hits() {
            match hit.kind {
                Kind::Interrupt => self.interrupt(&hit),
                Kind::PageResponse => self.response(&hit),
                Kind::InvalidateRequest if hit.deed == Deed::Drop => {
                    self.lost_invalidations
                        .set(self.lost_invalidations.get() + 1);
                }
                _ if trouble::is_legal(hit.deed) => {}
                _ => self.request(&hit),
            }
        }
    }

    fn interrupt(&self, hit: &Hit) {
        for tenant in &*self.tenants.borrow() {
            if Some(tenant.adi().message().address) == hit.address {
                match hit.deed {
                    Deed::Drop => tenant.bells.lost(),
                    _ => tenant.bells.doubled(),
                }
            }
        }
    }

    /// Whose request it answers is not said, but whose PASID.
    fn response(&self, hit: &Hit) {
        const INVALID_REQUEST: u8 = 1;
        let Deed::Response(code) = hit.deed else {
            return;
        };
        let invalid = code == INVALID_REQUEST;
        if !invalid {
            self.no_requests.set(true);
        }
        for tenant in &*self.tenants.borrow() {
            if !invalid || hit.pasid == Some(tenant.pasid()) {
                tenant.harm_all(|job| {
                    job.harm.refused |= job.harm.evicted;
                    job.harm.record |= job.harm.record_evicted;
                });
            }
        }
    }

    /// A request names its tenant by PASID, or else by whose page its address is.
    fn request(&self, hit: &Hit) {
        let Some(address) = hit.address else { return };
        for tenant in &*self.tenants.borrow() {
            match hit.pasid {
                Some(pasid) if pasid == tenant.pasid() => tenant.harm(hit.kind, address),
                Some(_) => {}
                None => {
                    if let Some(address) = tenant.estate.address_of(address) {
                        tenant.harm(hit.kind, address);
                    }
                }
            }
        }
    }
}
