// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What tests build on: a device with a host around it, its registers, and tenants with memory.
//! Helpers build and observe; they do not judge.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use siov::dsa::{Command, CompletionRecord, Descriptor, PortalPage, SoftwareError, Status};
use siov::endpoint::Endpoint;
use siov::host::{AddressSpace, Adi, Driver, WqConfig};
use siov::iommu;
use siov::mem::{Gpa, Hpa, Memory, PAGE_SIZE, pieces};
use siov::pcie::tlp::{AddressType, MemRequest, Message, Tlp, TlpRef};
use siov::pcie::{AccessError, DeviceInfo, Direction, Host, Knobs, TlpEvent, TlpListener};
use siov::rtl::RtlEndpoint;
use siov::scenario::Profile;
use siov_firmware::regs;
use siov_sim::Straps;
use tokio::sync::mpsc::UnboundedReceiver;

/// A TLP that crossed the port.
#[derive(Clone, Debug)]
pub struct Seen {
    pub direction: Direction,
    pub tlp: Tlp,
}

/// All TLPs since it was last emptied.
#[derive(Clone, Debug, Default)]
pub struct TlpLog(Rc<RefCell<Vec<Seen>>>);

impl TlpListener for TlpLog {
    fn tlp(&mut self, event: &TlpEvent<'_>) -> io::Result<()> {
        // Tests may send what is not a TLP.
        if let Ok(tlp) = TlpRef::decode(event.words) {
            self.0.borrow_mut().push(Seen {
                direction: event.direction,
                tlp: tlp.into_owned(),
            });
        }
        Ok(())
    }
}

impl TlpLog {
    /// What was seen so far; forgets it.
    pub fn take(&self) -> Vec<Seen> {
        self.0.take()
    }

    /// What the device sent so far; forgets everything.
    pub fn take_from_device(&self) -> Vec<Seen> {
        let mut seen = self.take();
        seen.retain(|seen| seen.direction == Direction::FromDevice);
        seen
    }

    /// Memory requests that the device sent so far, and the payload of writes; forgets everything.
    pub fn take_requests(&self) -> Vec<(MemRequest, Vec<u32>)> {
        let seen = self.take_from_device().into_iter();
        seen.filter_map(|seen| match seen.tlp {
            Tlp::MemRead { request } => Some((request, Vec::new())),
            Tlp::MemWrite { request, data } => Some((request, data)),
            _ => None,
        })
        .collect()
    }

    /// Memory requests but for interrupts that the device sent so far; forgets everything.
    pub fn take_dma(&self) -> Vec<MemRequest> {
        let requests = self.take_requests().into_iter();
        let requests = requests.map(|(request, _)| request);
        requests.filter(|request| !is_message(request)).collect()
    }

    /// Translation Requests that the device sent so far; forgets everything.
    pub fn take_translation_requests(&self) -> Vec<MemRequest> {
        let mut requests = self.take_dma();
        requests.retain(|request| request.at == AddressType::TranslationRequest);
        requests
    }

    /// Message TLPs with `code` that the device sent so far; forgets everything.
    pub fn take_messages(&self, code: u8) -> Vec<Message> {
        let seen = self.take_from_device().into_iter();
        seen.filter_map(|seen| match seen.tlp {
            Tlp::Message { message, .. } if message.code == code => Some(message),
            _ => None,
        })
        .collect()
    }
}

/// A write to where interrupts go.
pub fn is_message(request: &MemRequest) -> bool {
    request.address >> 20 == 0xfee
}

/// Registers of the Advanced Error Reporting capability, and their bits (PCIe 7.8.4).
pub mod aer {
    pub const UNCORRECTABLE: u16 = 0x104;
    pub const MASK: u16 = 0x108;
    pub const SEVERITY: u16 = 0x10c;
    pub const CORRECTABLE: u16 = 0x110;
    pub const CORRECTABLE_MASK: u16 = 0x114;
    pub const CONTROL: u16 = 0x118;
    pub const HEADER_LOG: u16 = 0x11c;
    pub const PREFIX_LOG: u16 = 0x138;

    pub const POISONED: u32 = 1 << 12;
    pub const COMPLETION_TIMEOUT: u32 = 1 << 14;
    pub const COMPLETER_ABORT: u32 = 1 << 15;
    pub const UNEXPECTED_COMPLETION: u32 = 1 << 16;
    pub const MALFORMED: u32 = 1 << 18;
    pub const UNSUPPORTED_REQUEST: u32 = 1 << 20;

    /// The correctable one: Advisory Non-Fatal Error.
    pub const ADVISORY: u32 = 1 << 13;
}

/// Bytes of host memory.
const HOST_MEMORY: u64 = 64 << 20;

/// A device with a host around it.
pub struct Bench {
    pub host: Host,
    pub log: TlpLog,
}

impl Bench {
    /// The small profile, and a host as it is by default.
    pub fn new() -> Self {
        Self::with(Profile::Small.straps(), Knobs::default())
    }

    pub fn profile(profile: Profile) -> Self {
        Self::with(profile.straps(), Knobs::default())
    }

    pub fn knobs(knobs: Knobs) -> Self {
        Self::with(Profile::Small.straps(), knobs)
    }

    pub fn with(straps: Straps, knobs: Knobs) -> Self {
        Self::on(Box::new(RtlEndpoint::new(straps, None).unwrap()), knobs)
    }

    pub fn on(endpoint: Box<dyn Endpoint>, knobs: Knobs) -> Self {
        let host = Host::new(endpoint, Memory::new(HOST_MEMORY).unwrap(), knobs);
        let log = TlpLog::default();
        host.add_listener(Box::new(log.clone()));
        Self { host, log }
    }

    /// All of host memory but what belongs to `tenant`.
    pub fn memory_without(&self, tenant: &Tenant) -> Vec<u8> {
        let mut memory = vec![0; HOST_MEMORY as usize];
        self.host.memory().read(Hpa(0), &mut memory).unwrap();
        for page in &tenant.pages {
            memory[page.0 as usize..][..PAGE_SIZE as usize].fill(0);
        }
        memory
    }

    /// Lets messages in compatibility format pass, so that a test may choose any.
    pub fn allow_compatibility_messages(&self) {
        let enabled = iommu::regs::TE | iommu::regs::QIE | iommu::regs::IRE;
        let enabled = self.host.iommu_read32(iommu::regs::GSTS) & enabled;
        self.host
            .iommu_write32(iommu::regs::GCMD, enabled | iommu::regs::CFI);
    }

    /// Runs a story to its end.
    pub fn run<F: Future>(&self, story: F) -> F::Output {
        self.host.run(story).unwrap()
    }

    /// The function, enumerated, with memory space and bus mastering on.
    pub async fn function(&self) -> Function {
        let function = self.quiet_function().await;
        self.host
            .enable_bus_master(function.info.bdf)
            .await
            .unwrap();
        function
    }

    /// The function, enumerated, with memory space on.
    pub async fn quiet_function(&self) -> Function {
        let info = self.host.enumerate().await.unwrap();
        self.host.enable_memory(info.bdf).await.unwrap();
        self.host.configure_link(&info).await.unwrap();
        Function {
            host: self.host.clone(),
            info,
        }
    }

    /// The device with the host driver on it, and `N` tenants with a queue of 16 entries each.
    pub async fn tenants<const N: usize>(&self) -> [Tenant; N] {
        let wqs: Vec<_> = (0..N as u16).map(|index| wq(index, 16)).collect();
        let tenants = self.tenants_on(&wqs).await;
        tenants.try_into().ok().unwrap()
    }

    /// The same, where the device keeps translations of its own (ATS) and, with an allocation,
    /// asks for pages (PRI).
    pub async fn translated<const N: usize>(&self, page_requests: Option<u32>) -> [Tenant; N] {
        let wqs: Vec<_> = (0..N as u16).map(|index| wq(index, 16)).collect();
        let driver = self.ats_driver(page_requests).await;
        let tenants = self.tenants_of(&driver, &wqs).await;
        tenants.try_into().ok().unwrap()
    }

    /// The host driver with ATS enabled, and page requests with an allocation. The device is not
    /// configured yet.
    pub async fn ats_driver(&self, page_requests: Option<u32>) -> Rc<Driver> {
        let driver = Driver::probe(&self.host).await.unwrap();
        driver.enable_ats(page_requests).await.unwrap();
        driver
    }

    /// The same with page requests, and descriptors may block on faults.
    pub async fn blocking<const N: usize>(&self, allocation: u32) -> [Tenant; N] {
        let tenants = self.translated(Some(allocation)).await;
        for tenant in &tenants {
            tenant.allow_blocking().await;
        }
        self.log.take();
        tenants
    }

    /// A tenant for each queue.
    pub async fn tenants_on(&self, wqs: &[WqConfig]) -> Vec<Tenant> {
        let driver = Driver::probe(&self.host).await.unwrap();
        self.tenants_of(&driver, wqs).await
    }

    /// Configures the device; a tenant for each queue.
    pub async fn tenants_of(&self, driver: &Rc<Driver>, wqs: &[WqConfig]) -> Vec<Tenant> {
        driver.configure(wqs).await.unwrap();
        let mut tenants = Vec::new();
        for wq in wqs {
            tenants.push(Tenant::new(driver, *wq).await);
        }
        self.log.take();
        tenants
    }
}

/// A queue of group 0 with priority 1.
pub fn wq(index: u16, size: u16) -> WqConfig {
    WqConfig {
        index,
        size,
        priority: 1,
        group: 0,
    }
}

/// The physical function, register by register.
#[derive(Clone, Debug)]
pub struct Function {
    pub host: Host,
    pub info: DeviceInfo,
}

impl Function {
    /// The function under a driver.
    pub fn of(driver: &Driver) -> Self {
        Self {
            host: driver.host().clone(),
            info: driver.info().clone(),
        }
    }

    pub fn bar0(&self) -> u64 {
        self.info.bar(0).unwrap().address
    }

    pub fn bar2(&self) -> u64 {
        self.info.bar(2).unwrap().address
    }

    pub async fn read32(&self, offset: u32) -> u32 {
        self.host
            .read32(self.bar0() + u64::from(offset))
            .await
            .unwrap()
    }

    pub async fn read64(&self, offset: u32) -> u64 {
        self.host
            .read64(self.bar0() + u64::from(offset))
            .await
            .unwrap()
    }

    pub fn write32(&self, offset: u32, value: u32) {
        self.host.write32(self.bar0() + u64::from(offset), value);
    }

    pub fn write64(&self, offset: u32, value: u64) {
        self.host.write64(self.bar0() + u64::from(offset), value);
    }

    /// Config register at `offset`.
    pub async fn config(&self, offset: u16) -> u32 {
        self.host
            .config_read32(self.info.bdf, offset)
            .await
            .unwrap()
    }

    pub async fn set_config(&self, offset: u16, value: u32) {
        self.try_set_config(offset, value).await.unwrap();
    }

    pub async fn try_set_config(&self, offset: u16, value: u32) -> Result<(), AccessError> {
        let bdf = self.info.bdf;
        self.host.config_write32(bdf, offset, value).await
    }

    /// Lets errors that are advisory show in the uncorrectable error status too.
    pub async fn unmask_advisory_errors(&self) {
        let mask = self.config(aer::CORRECTABLE_MASK).await;
        self.set_config(aer::CORRECTABLE_MASK, mask & !aer::ADVISORY)
            .await;
    }

    /// Runs the command in `word` and gives CMDSTATUS after it.
    pub async fn command(&self, word: u32) -> u32 {
        self.write32(regs::SIOV_CMD_OFFSET, word);
        loop {
            let status = self.read32(regs::SIOV_CMDSTATUS_OFFSET).await;
            if status & regs::SIOV_CMDSTATUS_ACTIVE_MASK == 0 {
                return status;
            }
        }
    }

    /// Enables the device with queue 0 alone: 16 entries, dedicated, priority 1, and the further
    /// bits of `mode`. Gives CMDSTATUS of Enable WQ. There is no IOMMU then.
    pub async fn start_wq0(&self, mode: u32) -> u32 {
        const DEDICATED: u32 = 0x11;
        const LIMITS: u32 = 5 << 5 | 21; // batches of 32, transfers of 2 MiB
        let (wq, group) = (regs::SIOV_WQCFG_OFFSET, regs::SIOV_GRPCFG_OFFSET);
        self.write32(wq + regs::SIOV_WQCFG_SIZE_OFFSET, 16);
        self.write32(wq + regs::SIOV_WQCFG_MODE_OFFSET, DEDICATED | mode);
        self.write32(wq + regs::SIOV_WQCFG_LIMITS_OFFSET, LIMITS);
        self.write64(group + regs::SIOV_GRPCFG_WQS_OFFSET, 1);
        self.write64(group + regs::SIOV_GRPCFG_ENGINES_OFFSET, 1);
        self.command(Command::EnableDevice.word(false)).await;
        self.command(Command::EnableWq(0).word(false)).await
    }

    pub async fn software_error(&self) -> SoftwareError {
        SoftwareError([
            self.read64(regs::SIOV_SWERROR0_OFFSET).await,
            self.read64(regs::SIOV_SWERROR1_OFFSET).await,
            self.read64(regs::SIOV_SWERROR2_OFFSET).await,
            self.read64(regs::SIOV_SWERROR3_OFFSET).await,
        ])
    }
}

/// Guest-physical address of every tenant's memory.
pub const BASE: u64 = 0x10_0000;
/// Bytes of it. What follows is not mapped.
pub const BYTES: u64 = 64 * PAGE_SIZE;
/// Where `Tenant::run` lets the completion record go: in the first page, which holds nothing else.
pub const RECORD: u64 = BASE;
/// First byte for data.
pub const DATA: u64 = BASE + PAGE_SIZE;

/// Owner of one ADI, with memory that nobody else can reach.
#[derive(Debug)]
pub struct Tenant {
    pub adi: Adi,
    /// The interrupt handle of its IMS entry, which is not masked.
    pub handle: u16,
    errors: RefCell<UnboundedReceiver<SoftwareError>>,
    pub space: AddressSpace,
    /// In host memory in descending order, so that nothing works by chance without translation.
    pages: Vec<Hpa>,
}

impl Tenant {
    /// The owner of a configured queue, which is enabled.
    pub async fn new(driver: &Rc<Driver>, wq: WqConfig) -> Self {
        let memory = driver.host().memory();
        let mut space = driver.new_address_space().unwrap();
        let mut pages: Vec<_> = (0..BYTES / PAGE_SIZE)
            .map(|_| memory.alloc_page().unwrap())
            .collect();
        pages.reverse();
        for (gpa, &page) in (BASE..).step_by(PAGE_SIZE as usize).zip(&pages) {
            space.map(Gpa(gpa), page, PAGE_SIZE).unwrap();
        }
        Self::own(driver, wq, space, pages).await
    }

    /// The same, with all its memory in one page of 2 MiB.
    pub async fn on_large_page(driver: &Rc<Driver>, wq: WqConfig) -> Self {
        const LARGE: u64 = 2 << 20;
        let block = driver.host().memory().alloc(LARGE, LARGE).unwrap();
        let mut space = driver.new_address_space().unwrap();
        space.map(Gpa(0), block, LARGE).unwrap();
        let pages = (BASE..BASE + BYTES).step_by(PAGE_SIZE as usize);
        let pages = pages.map(|gpa| block.offset(gpa)).collect();
        Self::own(driver, wq, space, pages).await
    }

    async fn own(driver: &Rc<Driver>, wq: WqConfig, space: AddressSpace, pages: Vec<Hpa>) -> Self {
        let (adi, errors) = driver.assign(wq, &space).unwrap();
        adi.enable().await.unwrap();
        adi.mask_interrupt(false);
        Self {
            handle: adi.request_interrupt_handle().await.unwrap(),
            errors: RefCell::new(errors),
            adi,
            space,
            pages,
        }
    }

    pub fn host(&self) -> &Host {
        self.adi.driver().host()
    }

    /// Lets its descriptors ask to block on page faults.
    pub async fn allow_blocking(&self) {
        let function = Function::of(self.adi.driver());
        let wqcfg = u32::from(self.adi.wq().index) * regs::SIOV_WQCFG_STRIDE;
        let mode = regs::SIOV_WQCFG_OFFSET + wqcfg + regs::SIOV_WQCFG_MODE_OFFSET;
        self.adi.disable().await.unwrap();
        let value = function.read32(mode).await;
        function.write32(mode, value | regs::SIOV_WQCFG_MODE_BLOCK_ON_FAULT_MASK);
        self.adi.enable().await.unwrap();
    }

    /// Where guest-physical `gpa` is.
    pub fn hpa(&self, gpa: u64) -> Hpa {
        let offset = gpa - BASE;
        self.pages[(offset / PAGE_SIZE) as usize].offset(offset % PAGE_SIZE)
    }

    pub fn read(&self, gpa: u64, bytes: usize) -> Vec<u8> {
        let mut data = vec![0; bytes];
        for (at, piece) in pieces(gpa, bytes) {
            let memory = self.host().memory();
            memory.read(self.hpa(at), &mut data[piece]).unwrap();
        }
        data
    }

    pub fn write(&self, gpa: u64, data: &[u8]) {
        for (at, piece) in pieces(gpa, data.len()) {
            let memory = self.host().memory();
            memory.write(self.hpa(at), &data[piece]).unwrap();
        }
    }

    /// All its memory.
    pub fn contents(&self) -> Vec<u8> {
        self.read(BASE, BYTES as usize)
    }

    /// Stores a descriptor to its portal.
    pub fn submit(&self, descriptor: &Descriptor) {
        self.submit_to(PortalPage::UnlimitedIms, descriptor);
    }

    pub fn submit_to(&self, page: PortalPage, descriptor: &Descriptor) {
        let bytes = zerocopy::transmute!(*descriptor);
        self.host()
            .write_portal(self.adi.portal(page), &bytes)
            .unwrap();
    }

    /// The completion record at `gpa`, as it is now.
    pub fn record(&self, gpa: u64) -> CompletionRecord {
        CompletionRecord::from_bytes(&self.read(gpa, CompletionRecord::SIZE)).unwrap()
    }

    /// Waits until there is a completion record at `gpa`.
    pub async fn ended(&self, gpa: u64) -> CompletionRecord {
        loop {
            let record = self.record(gpa);
            if record.status() != Status::NONE {
                return record;
            }
            self.host().wait_for_write(self.hpa(gpa)).await;
        }
    }

    /// Runs a descriptor with its record at `RECORD`.
    pub async fn run(&self, descriptor: Descriptor) -> CompletionRecord {
        self.run_as_is(&descriptor.with_completion(RECORD)).await
    }

    /// Runs a descriptor that already names a completion record.
    pub async fn run_as_is(&self, descriptor: &Descriptor) -> CompletionRecord {
        let record = descriptor.completion.get();
        self.write(record, &[0; CompletionRecord::SIZE]);
        self.submit(descriptor);
        self.ended(record).await
    }

    /// Runs a descriptor that does not say where its completion record goes, and waits for the
    /// software error that it ends with.
    pub async fn run_into_error(&self, descriptor: &Descriptor) -> SoftwareError {
        self.submit(descriptor);
        self.next_error().await
    }

    /// Waits for a software error of the tenant's queue.
    pub async fn next_error(&self) -> SoftwareError {
        let error = poll_fn(|context| self.errors.borrow_mut().poll_recv(context)).await;
        error.unwrap()
    }

    /// Whether there is a software error that nobody has asked for.
    pub fn has_error(&self) -> bool {
        !self.errors.borrow().is_empty()
    }
}

/// Bytes of which each says where it is.
pub fn pattern(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ seed)
        .collect()
}
