// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The handle that host software holds: accesses to the device, simulated time, interrupts.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::access::{Access, AccessError, Enqcmd};
use super::credits::{CreditClass, CreditWindow};
use super::listener::TlpListener;
use super::msi::{CompletionInterrupt, Msi, MsiVector};
use super::root_complex::RootComplex;
use super::tlp::{AddressType, Attributes, ConfigRequest, MemRequest, Message, Tlp, TlpRef};
use super::waits::{WaitFor, WaitId};
use super::{Bdf, Knobs, Stats, Tag};
use crate::endpoint::{Cycle, Endpoint};
use crate::faults::{Fault, Hit, Injected, Injector};
use crate::iommu::{self, Iommu};
use crate::mem::{Hpa, Memory};

/// Host software's handle to the root complex. Clones are handles to the same one; all of them
/// stay on one thread.
#[derive(Clone)]
pub struct Host {
    rc: Rc<RefCell<RootComplex>>,
    memory: Memory,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// A root complex with `endpoint` on its port.
    pub fn new(endpoint: Box<dyn Endpoint>, memory: Memory, knobs: Knobs) -> Self {
        let rc = RootComplex::new(endpoint, memory.clone(), knobs);
        Self {
            rc: Rc::new(RefCell::new(rc)),
            memory,
        }
    }

    /// The root complex; never held over an await.
    pub(super) fn rc(&self) -> RefMut<'_, RootComplex> {
        self.rc.borrow_mut()
    }

    /// The current cycle.
    pub fn now(&self) -> Cycle {
        self.rc().endpoint.now()
    }

    /// Waits for `cycles` to pass.
    pub async fn sleep(&self, cycles: u64) {
        let until = self.now() + cycles;
        let wait = self.wait(WaitFor::Cycle(until));
        self.rc().timers.add(until, wait.id);
        wait.await;
    }

    /// Host memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The settings the root complex was made with.
    pub fn knobs(&self) -> Knobs {
        self.rc().knobs.clone()
    }

    /// Reads a dword of the IOMMU's registers; `offset` is a multiple of 4.
    pub fn iommu_read32(&self, offset: u32) -> u32 {
        self.rc().iommu.read32(offset)
    }

    /// Reads a quadword of the IOMMU's registers; `offset` is a multiple of 8.
    pub fn iommu_read64(&self, offset: u32) -> u64 {
        self.rc().iommu.read64(offset)
    }

    /// Writes a dword of the IOMMU's registers; `offset` is a multiple of 4.
    pub fn iommu_write32(&self, offset: u32, value: u32) {
        self.with_iommu(|iommu, memory, now| iommu.write32(memory, now, offset, value));
    }

    /// Writes a quadword of the IOMMU's registers; `offset` is a multiple of 8.
    pub fn iommu_write64(&self, offset: u32, value: u64) {
        self.with_iommu(|iommu, memory, now| iommu.write64(memory, now, offset, value));
    }

    fn with_iommu(&self, write: impl FnOnce(&mut Iommu, &Memory, Cycle)) {
        let rc = &mut *self.rc();
        let now = rc.endpoint.now();
        write(&mut rc.iommu, &rc.memory, now);
        rc.carry_out_effects(now);
    }

    /// What the IOMMU has done since reset.
    pub fn iommu_counts(&self) -> iommu::Counts {
        self.rc().iommu.counts().clone()
    }

    /// Counts of what went wrong without ending the run.
    pub fn stats(&self) -> Stats {
        self.rc().stats
    }

    /// Adds somebody who sees every TLP.
    pub fn add_listener(&self, listener: Box<dyn TlpListener>) {
        self.rc().listeners.push(listener);
    }

    /// Tells all listeners that the run is over, and drops them.
    pub fn finish_listeners(&self) -> io::Result<()> {
        let listeners = std::mem::take(&mut self.rc().listeners);
        listeners
            .into_iter()
            .try_for_each(|mut listener| listener.finish())
    }

    /// Whether the device has nothing in flight and has taken all TLPs.
    pub fn device_idle(&self) -> bool {
        self.rc().endpoint.idle()
    }

    /// Reads a config register; `offset` is a multiple of 4.
    pub async fn config_read32(&self, bdf: Bdf, offset: u16) -> Result<u32, AccessError> {
        let what = Access::ConfigRead { bdf, offset };
        let bytes = self
            .request(what, 4, |requester, tag| Tlp::ConfigRead {
                request: config_request(requester, tag, bdf, offset, 0xf),
            })
            .await?;
        let dword = <[u8; 4]>::try_from(bytes.as_slice());
        dword
            .map(u32::from_le_bytes)
            .map_err(|_| AccessError::BadCompletion {
                what,
                reason: "not one dword",
            })
    }

    /// Writes the enabled bytes of a config register; `offset` is a multiple of 4.
    pub async fn config_write(
        &self,
        bdf: Bdf,
        offset: u16,
        value: u32,
        byte_enables: u8,
    ) -> Result<(), AccessError> {
        let what = Access::ConfigWrite { bdf, offset };
        let tlp = |requester, tag| Tlp::ConfigWrite {
            request: config_request(requester, tag, bdf, offset, byte_enables),
            data: value,
        };
        self.request(what, 0, tlp).await.map(|_| ())
    }

    /// Writes a whole config register.
    pub async fn config_write32(
        &self,
        bdf: Bdf,
        offset: u16,
        value: u32,
    ) -> Result<(), AccessError> {
        self.config_write(bdf, offset, value, 0xf).await
    }

    /// Reads device memory: any address, any length; split at 4 KiB and at Max_Payload_Size.
    pub async fn read(&self, address: u64, data: &mut [u8]) -> Result<(), AccessError> {
        let mut done = 0;
        while done < data.len() {
            let at = address + done as u64;
            let bytes = self.piece(at, data.len() - done);
            let what = Access::MemRead {
                address: at,
                bytes: bytes as u32,
            };
            let tlp = |requester, tag| Tlp::MemRead {
                request: mem_request(requester, tag, at, bytes),
            };
            let answer = self.request(what, bytes as u32, tlp).await?;
            data[done..done + bytes].copy_from_slice(&answer);
            done += bytes;
        }
        Ok(())
    }

    /// Reads a dword of device memory.
    pub async fn read32(&self, address: u64) -> Result<u32, AccessError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes).await?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads a quadword of device memory.
    pub async fn read64(&self, address: u64) -> Result<u64, AccessError> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).await?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Posts a write to device memory: any address, any length; split at 4 KiB and at
    /// Max_Payload_Size.
    pub fn write(&self, address: u64, data: &[u8]) {
        let mut done = 0;
        while done < data.len() {
            let at = address + done as u64;
            let bytes = self.piece(at, data.len() - done);
            let mut words = [0u32; 1024];
            let skip = at as usize & 3;
            bytemuck::cast_slice_mut(&mut words)[skip..skip + bytes]
                .copy_from_slice(&data[done..done + bytes]);
            let mut rc = self.rc();
            let request = mem_request(rc.knobs.root, Tag::default(), at, bytes);
            let data = &words[..usize::from(request.length)];
            rc.send(&Tlp::MemWrite { request, data });
            done += bytes;
        }
    }

    /// Posts a dword.
    pub fn write32(&self, address: u64, value: u32) {
        self.write(address, &value.to_le_bytes());
    }

    /// Posts a quadword.
    pub fn write64(&self, address: u64, value: u64) {
        self.write(address, &value.to_le_bytes());
    }

    /// Posts one 64-byte write, as MOVDIR64B does.
    pub fn write_portal(&self, address: u64, data: &[u8; 64]) -> Result<(), AccessError> {
        if !address.is_multiple_of(64) {
            return Err(AccessError::UnalignedPortal { address });
        }
        self.write(address, data);
        Ok(())
    }

    /// Offers one 64-byte write to a shared queue, as ENQCMD does with what it has made of a
    /// descriptor, and waits for the answer.
    pub async fn enqcmd(&self, address: u64, data: &[u8; 64]) -> Result<Enqcmd, AccessError> {
        if !address.is_multiple_of(64) {
            return Err(AccessError::UnalignedPortal { address });
        }
        let data: [u32; 16] = bytemuck::pod_read_unaligned(data);
        let data = data.map(u32::from_le);
        let tlp = |requester, tag| Tlp::DmWr {
            request: mem_request(requester, tag, address, 64),
            data: &data[..],
        };
        match self.request(Access::Enqcmd { address }, 0, tlp).await {
            Ok(_) => Ok(Enqcmd::Accepted),
            Err(AccessError::Retry { .. }) => Ok(Enqcmd::Retry),
            Err(error) => Err(error),
        }
    }

    /// Sends a TLP as it is, legal or not: no fault is put in, and the checker does not judge it.
    /// Completions to it count as unexpected.
    pub fn send_raw(&self, words: &[u32]) {
        self.rc().send_deliberate(words);
    }

    /// Puts a fault into the traffic from now on.
    pub fn inject(&self, fault: Fault) {
        let rc = &mut *self.rc();
        let seed = rc.knobs.seed;
        rc.faults
            .get_or_insert_with(|| Box::new(Injector::new(seed)))
            .add(fault);
    }

    /// Faults put in so far, by the name of the deed.
    pub fn injected(&self) -> Injected {
        let rc = self.rc();
        rc.faults
            .as_ref()
            .map(|faults| faults.injected().clone())
            .unwrap_or_default()
    }

    /// Faults put in since this was last asked, in order.
    pub fn take_hits(&self) -> Vec<Hit> {
        let rc = &mut *self.rc();
        rc.faults
            .as_mut()
            .map(|faults| faults.take_hits())
            .unwrap_or_default()
    }

    /// Sets how much of a class the device may send before the root complex has taken it.
    pub fn set_credit_window(&self, class: CreditClass, window: CreditWindow) {
        let rc = &mut *self.rc();
        rc.credits.set(class, window, rc.mps);
        rc.grant_credits();
    }

    /// Tells the checker of an interrupt that descriptors may ask for: it follows their records.
    pub fn expect_records(&self, interrupt: CompletionInterrupt) {
        if let Some(checker) = &mut self.rc().checker {
            checker.expect_records(interrupt);
        }
    }

    /// Claims an interrupt message. A second claim of the same message shares its count.
    pub fn on_msi(&self, msi: Msi) -> MsiVector {
        if let Some(checker) = &mut self.rc().checker {
            checker.claimed(msi);
        }
        MsiVector::new(self.clone(), msi)
    }

    /// The number of a CPU's vector that nobody has had before, whichever driver asks.
    pub fn next_vector(&self) -> u32 {
        let msis = &mut self.rc().msis;
        msis.vectors += 1;
        msis.vectors - 1
    }

    /// Calls `notified` at once whenever a message comes: hardware of the CPU, as for posted
    /// interrupts, not software. It must not use the root complex.
    pub fn on_notification(&self, msi: Msi, notified: impl FnMut() + 'static) {
        self.rc().msis.notify(msi, notified);
    }

    /// Messages that nobody had claimed, with the cycle each came, oldest first; forgets them.
    pub fn take_unclaimed_msis(&self) -> Vec<(Cycle, Msi)> {
        std::mem::take(&mut self.rc().msis.unclaimed)
    }

    /// Message TLPs of the device (errors, power management), oldest first; forgets them.
    pub fn take_messages(&self) -> Vec<(Cycle, Message)> {
        std::mem::take(&mut self.rc().messages)
    }

    /// Waits until the device writes to the 64-byte line that holds `address`. To poll a record,
    /// read it first and wait only if it is not there: nothing passes between the two.
    pub async fn wait_for_write(&self, address: Hpa) {
        let wait = self.wait(WaitFor::Write(address));
        self.rc().watch.add(address, wait.id);
        wait.await;
    }

    /// Bytes of an access at `address` that one TLP can carry, of `bytes` in all.
    fn piece(&self, address: u64, bytes: usize) -> usize {
        let payload = u64::from(self.rc().mps) - (address & 3);
        let page = 0x1000 - (address & 0xfff);
        bytes.min(payload.min(page) as usize)
    }

    /// Sends a non-posted request and waits for all its completions.
    async fn request<'a>(
        &self,
        what: Access,
        bytes: u32,
        tlp: impl FnOnce(Bdf, Tag) -> TlpRef<'a>,
    ) -> Result<Vec<u8>, AccessError> {
        let tag = self.tag().await;
        let wait = self.wait(WaitFor::Completion(what));
        let request = SentRequest { host: self, tag };
        let (since, cycles) = {
            let rc = &mut *self.rc();
            let now = rc.endpoint.now();
            rc.requester.sent(tag, what, bytes, wait.id);
            rc.timers.add(now + rc.knobs.completion_timeout, wait.id);
            rc.send(&tlp(rc.knobs.root, tag));
            (now, rc.knobs.completion_timeout)
        };
        wait.await;
        let answer = request.finish();
        answer.unwrap_or(Err(AccessError::Timeout {
            what,
            since,
            cycles,
        }))
    }

    /// A free tag.
    async fn tag(&self) -> Tag {
        loop {
            if let Some(tag) = self.rc().requester.take_tag() {
                return tag;
            }
            let wait = self.wait(WaitFor::Tag);
            self.rc().requester.waiting.push(wait.id);
            wait.await;
        }
    }

    pub(super) fn wait(&self, wait_for: WaitFor) -> Wait<'_> {
        Wait {
            host: self,
            id: self.rc().waits.add(wait_for),
        }
    }
}

/// A request on its way. If the task that sent it is dropped, nobody takes the answer.
struct SentRequest<'a> {
    host: &'a Host,
    tag: Tag,
}

impl SentRequest<'_> {
    fn finish(&self) -> Option<Result<Vec<u8>, AccessError>> {
        let rc = &mut *self.host.rc();
        rc.requester.finish(self.tag, &mut rc.waits)
    }
}

impl Drop for SentRequest<'_> {
    fn drop(&mut self) {
        // The answer, if it was not taken.
        let _ = self.finish();
    }
}

/// Ends when the event it was made for has happened.
pub(super) struct Wait<'a> {
    host: &'a Host,
    id: WaitId,
}

impl Wait<'_> {
    pub fn id(&self) -> WaitId {
        self.id
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.host.rc().waits.poll(self.id, context)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let rc = &mut *self.host.rc();
        match rc.waits.remove(self.id) {
            Some(WaitFor::Write(address)) => rc.watch.remove(address, self.id),
            Some(WaitFor::Msi(msi)) => rc.msis.remove_wait(msi, self.id),
            Some(WaitFor::Tag) => rc.requester.waiting.retain(|&id| id != self.id),
            Some(WaitFor::Cycle(_) | WaitFor::Completion(_)) | None => {}
        }
    }
}

fn config_request(
    requester: Bdf,
    tag: Tag,
    target: Bdf,
    register: u16,
    first_be: u8,
) -> ConfigRequest {
    ConfigRequest {
        requester,
        tag,
        target,
        register,
        first_be,
        type1: false,
        attr: Attributes::default(),
    }
}

/// A request for `bytes` from `address` on, which one TLP can carry.
fn mem_request(requester: Bdf, tag: Tag, address: u64, bytes: usize) -> MemRequest {
    let skip = (address & 3) as usize;
    let length = (skip + bytes).div_ceil(4);
    let first = 0xf << skip & 0xf;
    let last = 0xf >> (length * 4 - skip - bytes);
    let (first_be, last_be) = if length == 1 {
        (first & last, 0)
    } else {
        (first, last)
    };
    MemRequest {
        requester,
        tag,
        address: address & !3,
        length: length as u16,
        first_be,
        last_be,
        attr: Attributes::default(),
        at: AddressType::Untranslated,
        no_write: false,
        pasid: None,
    }
}
