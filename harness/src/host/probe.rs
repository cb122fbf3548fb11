// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Finding the device and learning what it can do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use siov_firmware::regs;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::DriverError;
use super::address_space::AddressSpaces;
use super::interrupt::Interrupts;
use super::iommu::IommuDriver;
use super::misc::Misc;
use super::page_request::Groups;
use super::registers::Registers;
use crate::dsa::Command;
use crate::dsa::field::get;
use crate::iommu::interrupt_entry::cpu_message;
use crate::iommu::{FaultRecord, regs as iommu_regs};
use crate::pcie::{DeviceInfo, Host};
use crate::scenario::Profile;

/// Class code of an accelerator without a class of its own: system peripheral, other.
const CLASS: u32 = 0x08_8000;
const CAP_MSIX: u8 = 0x11;
pub(super) const CAP_PCIE: u8 = 0x10;
const EXT_CAP_ATS: u16 = 0x0f;
const EXT_CAP_PRI: u16 = 0x13;
const EXT_CAP_PASID: u16 = 0x1b;

/// What the capability registers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// VERSION.
    pub version: u32,
    /// GENCAP.
    pub gencap: u64,
    /// WQCAP.
    pub wqcap: u64,
    /// GRPCAP.
    pub grpcap: u64,
    /// ENGCAP.
    pub engcap: u64,
    /// OPCAP.
    pub opcap: [u64; 4],
    /// CMDCAP, bit n for command n.
    pub commands: u32,
}

impl Capabilities {
    /// Entries of all queues together.
    pub fn wq_entries(&self) -> u32 {
        get(self.wqcap, regs::SIOV_WQCAP_TOTAL_SIZE_MASK) as u32
    }

    /// Queues.
    pub fn wqs(&self) -> u32 {
        get(self.wqcap, regs::SIOV_WQCAP_NUM_WQS_MASK) as u32
    }

    /// Bytes from one WQCFG entry to the next.
    pub fn wqcfg_stride(&self) -> u32 {
        32 << get(self.wqcap, regs::SIOV_WQCAP_WQCFG_SIZE_MASK)
    }

    /// Groups.
    pub fn groups(&self) -> u32 {
        get(self.grpcap, regs::SIOV_GRPCAP_NUM_GROUPS_MASK) as u32
    }

    /// Engines.
    pub fn engines(&self) -> u32 {
        get(self.engcap, regs::SIOV_ENGCAP_NUM_ENGINES_MASK) as u32
    }

    /// IMS entries.
    pub fn ims_entries(&self) -> u32 {
        256 * get(self.gencap, regs::SIOV_GENCAP_IMS_SIZE_MASK) as u32
    }
}

/// Byte offsets of the tables in BAR0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables {
    pub grpcfg: u32,
    pub wqcfg: u32,
    pub ims: u32,
    pub msix: u32,
}

/// The driver of one physical function.
#[derive(Debug)]
pub struct Driver {
    pub(super) host: Host,
    pub(super) info: DeviceInfo,
    pub(super) registers: Registers,
    /// Address of BAR2.
    pub(super) portals: u64,
    pub(super) capabilities: Capabilities,
    pub(super) tables: Tables,
    pub(super) misc: Misc,
    /// Held by whoever has a command running; the device takes one at a time.
    pub(super) command_turn: Mutex<()>,
    pub(super) iommu: Rc<IommuDriver>,
    pub(super) interrupts: RefCell<Interrupts>,
    pub(super) address_spaces: RefCell<AddressSpaces>,
    pub(super) page_groups: Groups,
    pub(super) next_pasid: Cell<u32>,
    /// The device may ask for pages.
    pub(super) page_requests: Cell<bool>,
    /// What serves interrupts.
    pub(super) tasks: RefCell<Vec<AbortHandle>>,
    /// The function was reset.
    pub(super) retired: Cell<bool>,
}

impl Driver {
    /// Finds the device, resets it, and enables what ADIs need: memory space, bus mastering, PASID
    /// and MSI-X. Starts a task that serves MSI-X vector 0. Takes the IOMMU over from a driver
    /// before it, which must have been retired ([`Self::reset_function`]).
    pub async fn probe(host: &Host) -> Result<Rc<Driver>, DriverError> {
        let info = host.enumerate().await?;
        if !is_ours(&info) {
            return Err(DriverError::UnknownDevice {
                vendor: info.vendor_id,
                device: info.device_id,
                class: info.class,
            });
        }
        let control = info.bar(0).ok_or(DriverError::Missing("BAR0"))?.address;
        let portals = info.bar(2).ok_or(DriverError::Missing("BAR2"))?.address;
        host.enable_memory(info.bdf).await?;
        host.configure_link(&info).await?;

        let registers = Registers::new(host.clone(), control);
        reset(&registers).await?;
        enable_pasid(host, &info).await?;
        let capabilities = read_capabilities(&registers).await?;
        let tables = find_tables(host, &info, &registers).await?;
        let iommu = IommuDriver::new(host)?;
        let address_spaces = AddressSpaces::new(host, &iommu, info.bdf).await?;
        let mut interrupts = Interrupts::new(host, info.bdf, capabilities.ims_entries())?;
        interrupts.enable_remapping(&iommu).await?;
        host.enable_bus_master(info.bdf).await?;

        let driver = Rc::new(Driver {
            host: host.clone(),
            registers,
            portals,
            capabilities,
            tables,
            misc: Misc::default(),
            command_turn: Mutex::new(()),
            iommu,
            interrupts: RefCell::new(interrupts),
            address_spaces: RefCell::new(address_spaces),
            page_groups: Groups::default(),
            next_pasid: Cell::new(1), // 0 is RID_PASID, the address space of the host itself
            page_requests: Cell::new(false),
            tasks: RefCell::default(),
            retired: Cell::new(false),
            info,
        });
        driver.start_iommu_interrupts()?;
        driver.start_misc_interrupt().await?;
        Ok(driver)
    }

    /// Serves faults and page requests from now on.
    fn start_iommu_interrupts(self: &Rc<Self>) -> Result<(), DriverError> {
        let message = |driver: &Self| {
            let (cpu, vector) = driver.interrupts.borrow().cpu_vector()?;
            Ok::<_, DriverError>(cpu_message(cpu, vector))
        };
        let iommu = &self.iommu;
        let faults = iommu.route_event(iommu_regs::FECTL, message(self)?);
        let faults = tokio::task::spawn_local(Rc::clone(iommu).serve_faults(faults));
        let queue = iommu.enable_page_requests()?;
        let requests = iommu.route_event(iommu_regs::PECTL, message(self)?);
        let pages = Rc::clone(self).serve_page_requests(queue, requests);
        let pages = tokio::task::spawn_local(pages);
        let handles = [faults.abort_handle(), pages.abort_handle()];
        self.tasks.borrow_mut().extend(handles);
        Ok(())
    }

    /// Requests and interrupts that the IOMMU has blocked, oldest first; forgets them.
    pub fn take_faults(&self) -> Vec<FaultRecord> {
        self.iommu.take_faults()
    }

    /// How often the IOMMU's invalidation queue has stopped: for each invalidation that the device
    /// has not completed in time, or for several at once.
    pub fn invalidation_stops(&self) -> u64 {
        self.iommu.stops()
    }

    /// Whether the IOMMU has blocked some that it had no room to record.
    pub fn faults_lost(&self) -> bool {
        self.iommu.faults_lost()
    }

    /// What the device can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What enumeration found.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The root complex.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

impl Drop for Driver {
    /// Before its tables are gone.
    fn drop(&mut self) {
        self.iommu.release();
    }
}

fn is_ours(info: &DeviceInfo) -> bool {
    let known = Profile::ALL
        .map(Profile::straps)
        .iter()
        .any(|s| (s.vendor_id, s.device_id) == (info.vendor_id, info.device_id));
    known && info.class == CLASS
}

/// Reset Device, polled because there are no interrupts yet. The device may come from any state
/// but Halt.
async fn reset(registers: &Registers) -> Result<(), DriverError> {
    const HALT: u64 = 3;
    let gensts = registers.read32(regs::SIOV_GENSTS_OFFSET).await?;
    if get(gensts, regs::SIOV_GENSTS_STATE_MASK) == HALT {
        return Err(DriverError::Halted { gensts });
    }
    super::command::run_polled(registers, Command::ResetDevice).await
}

/// PASID without privileged or execute permission. The device must be disabled.
async fn enable_pasid(host: &Host, info: &DeviceInfo) -> Result<(), DriverError> {
    const CONTROL: u16 = 4; // control in the upper half, read-only capability in the lower
    const ENABLE: u32 = 1 << 16;
    let cap = info.extended_capability(EXT_CAP_PASID);
    let cap = cap.ok_or(DriverError::Missing("PASID capability"))?;
    host.config_write(info.bdf, cap + CONTROL, ENABLE, 0b1100)
        .await?;
    Ok(())
}

async fn read_capabilities(registers: &Registers) -> Result<Capabilities, DriverError> {
    let gencap = registers.read64(regs::SIOV_GENCAP_OFFSET).await?;
    if get(gencap, regs::SIOV_GENCAP_CMDCAP_MASK) == 0 {
        return Err(DriverError::Missing("CMDCAP register"));
    }
    Ok(Capabilities {
        version: registers.read32(regs::SIOV_VERSION_OFFSET).await?,
        gencap,
        commands: registers.read32(regs::SIOV_CMDCAP_OFFSET).await?,
        grpcap: registers.read64(regs::SIOV_GRPCAP_OFFSET).await?,
        engcap: registers.read64(regs::SIOV_ENGCAP_OFFSET).await?,
        wqcap: registers.read64(regs::SIOV_WQCAP_OFFSET).await?,
        opcap: [
            registers.read64(regs::SIOV_OPCAP0_OFFSET).await?,
            registers.read64(regs::SIOV_OPCAP1_OFFSET).await?,
            registers.read64(regs::SIOV_OPCAP2_OFFSET).await?,
            registers.read64(regs::SIOV_OPCAP3_OFFSET).await?,
        ],
    })
}

async fn find_tables(
    host: &Host,
    info: &DeviceInfo,
    registers: &Registers,
) -> Result<Tables, DriverError> {
    const UNIT: u32 = 0x100;
    let offsets = registers.read64(regs::SIOV_OFFSETS0_OFFSET).await?;
    let cap = info
        .capability(CAP_MSIX)
        .ok_or(DriverError::Missing("MSI-X capability"))?;
    let msix = host.config_read32(info.bdf, cap + 4).await?;
    if msix & 7 != 0 {
        return Err(DriverError::Missing("MSI-X table in BAR0"));
    }
    Ok(Tables {
        grpcfg: UNIT * get(offsets, regs::SIOV_OFFSETS0_GRPCFG_MASK) as u32,
        wqcfg: UNIT * get(offsets, regs::SIOV_OFFSETS0_WQCFG_MASK) as u32,
        ims: UNIT * get(offsets, regs::SIOV_OFFSETS0_IMS_MASK) as u32,
        msix: msix & !7,
    })
}

impl Driver {
    /// Lets the device keep translations (ATS) and, with an allocation of outstanding requests, ask
    /// for pages (PRI). The device must be disabled: call it before [`Self::configure`].
    pub async fn enable_ats(&self, page_requests: Option<u32>) -> Result<(), DriverError> {
        const ATS_ENABLE: u32 = 1 << 31; // bit 15 of the control half
        const PRI_CONTROL: u16 = 4;
        const PRI_ENABLE: u32 = 1 << 0;
        const PRI_ALLOCATION: u16 = 12;
        let find = |id, name| {
            let cap = self.info.extended_capability(id);
            cap.ok_or(DriverError::Missing(name))
        };
        let ats = find(EXT_CAP_ATS, "ATS capability")?;
        self.allow_device_tlb(page_requests.is_some()).await?;
        let (host, bdf) = (&self.host, self.info.bdf);
        if let Some(allocation) = page_requests {
            let pri = find(EXT_CAP_PRI, "PRI capability")?;
            host.config_write32(bdf, pri + PRI_ALLOCATION, allocation)
                .await?;
            host.config_write(bdf, pri + PRI_CONTROL, PRI_ENABLE, 0b0011)
                .await?;
            self.page_requests.set(true);
        }
        host.config_write(bdf, ats + 4, ATS_ENABLE, 0b1100).await?;
        Ok(())
    }

    /// Sets MSI-X Enable.
    pub(super) async fn enable_msix(&self) -> Result<(), DriverError> {
        const ENABLE: u32 = 1 << 31; // bit 15 of the control half
        let cap = self.info.capability(CAP_MSIX);
        let cap = cap.ok_or(DriverError::Missing("MSI-X capability"))?;
        self.host
            .config_write(self.info.bdf, cap, ENABLE, 0b1100)
            .await?;
        Ok(())
    }
}
