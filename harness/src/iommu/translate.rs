// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Translation Requests of device-TLBs (VT-d 4.1, PCIe 10.2).

use super::descriptor::Pages;
use super::messages::TranslationEntry;
use super::{Fault, Iommu, Purpose, Request, Stream, is_interrupt_range};
use crate::mem::{Hpa, Memory, PAGE_SIZE};
use crate::pcie::tlp::CompletionStatus;

/// What a Translation Request is to be told.
struct Rights {
    page: Hpa,
    order: u8,
    read: bool,
    write: bool,
    snoop: bool,
}

impl Iommu {
    /// The quadword that answers a Translation Request for the page of `request`, or the status of
    /// a completion without data. `no_write`: the device asks for reading only.
    ///
    /// Faults that a page request may cure are answered with no rights, and not recorded.
    pub fn translate(
        &mut self,
        memory: &Memory,
        request: &Request,
        no_write: bool,
    ) -> Result<u64, CompletionStatus> {
        self.counts.translation_requests += 1;
        if !self.enabled() {
            return Err(CompletionStatus::UnsupportedRequest);
        }
        if request.pasid.is_none() && is_interrupt_range(request.address.0) {
            // Interrupts are written untranslated.
            let entry = TranslationEntry {
                write: !no_write,
                untranslated: !no_write,
                ..TranslationEntry::default()
            };
            return Ok(entry.raw());
        }
        let nothing = TranslationEntry {
            privileged: request.privileged,
            ..TranslationEntry::default()
        };
        match self.rights(memory, request, no_write) {
            Ok(rights) if !rights.read && !rights.write => Ok(nothing.raw()),
            Ok(rights) => Ok(TranslationEntry {
                pages: rights.pages(),
                read: rights.read,
                write: rights.write,
                snoop: rights.snoop,
                ..nothing
            }
            .raw()),
            Err(fault) => match fault.reason.translation_status() {
                CompletionStatus::Success => Ok(nothing.raw()),
                status => {
                    self.report(request, &fault);
                    Err(status)
                }
            },
        }
    }

    fn rights(
        &mut self,
        memory: &Memory,
        request: &Request,
        no_write: bool,
    ) -> Result<Rights, Fault> {
        let context = self.admit(memory, request, Purpose::TranslationRequest)?;
        let cached = self.iotlb.get(Stream::of(request), request.address.0);
        // A page that may be written must be marked dirty before the device is told so.
        if let Some(hit) = cached.filter(|hit| no_write || hit.write || !hit.writable) {
            return Ok(Rights {
                page: hit.page,
                order: hit.order,
                read: hit.read,
                write: hit.write && !no_write,
                snoop: hit.snoop,
            });
        }
        let reached = self.walk(memory, request, &context, !no_write)?;
        Ok(Rights {
            page: reached.address,
            order: reached.order,
            read: reached.read,
            write: reached.write && !no_write,
            snoop: reached.snoop,
        })
    }
}

impl Rights {
    /// The host pages: the whole page of the tables, unless it holds the interrupt range.
    fn pages(&self) -> Pages {
        const INTERRUPTS: Pages = Pages {
            address: 0xfee0_0000,
            order: 8,
        };
        let whole = Pages {
            address: self.page.0 & !(PAGE_SIZE - 1),
            order: self.order,
        };
        match whole.overlap(INTERRUPTS) {
            true => Pages::one(whole.address),
            false => whole,
        }
    }
}
