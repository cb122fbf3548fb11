// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Finding the device and learning what it can do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use siov_firmware::regs;
use tokio::sync::Mutex;

use super::DriverError;
use super::address_space::AddressSpaces;
use super::interrupt::Interrupts;
use super::misc::Misc;
use super::registers::Registers;
use crate::dsa::Command;
use crate::dsa::field::get;
use crate::pcie::{DeviceInfo, Host};
use crate::scenario::Profile;

/// Class code of an accelerator without a class of its own: system peripheral, other.
const CLASS: u32 = 0x08_8000;
const CAP_MSIX: u8 = 0x11;
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
    pub(super) interrupts: RefCell<Interrupts>,
    pub(super) address_spaces: RefCell<AddressSpaces>,
    pub(super) next_pasid: Cell<u32>,
}

impl Driver {
    /// Finds the device, resets it, and enables what ADIs need: memory space, bus mastering, PASID
    /// and MSI-X. Starts a task that serves MSI-X vector 0.
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
        let address_spaces = AddressSpaces::new(host, info.bdf)?;
        host.enable_bus_master(info.bdf).await?;

        let driver = Rc::new(Driver {
            host: host.clone(),
            registers,
            portals,
            capabilities,
            tables,
            misc: Misc::default(),
            command_turn: Mutex::new(()),
            interrupts: RefCell::new(Interrupts::new(capabilities.ims_entries())),
            address_spaces: RefCell::new(address_spaces),
            next_pasid: Cell::new(1), // 0 is RID_PASID, the address space of the host itself
            info,
        });
        driver.start_misc_interrupt().await?;
        Ok(driver)
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
