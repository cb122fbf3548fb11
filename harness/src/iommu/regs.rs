// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Offsets and bits of the registers (VT-d 11.4), for the IOMMU and for its driver.

/// Version.
pub const VER: u32 = 0x00;
/// Capabilities, 64 bits.
pub const CAP: u32 = 0x08;
/// Extended capabilities, 64 bits.
pub const ECAP: u32 = 0x10;
/// Global command.
pub const GCMD: u32 = 0x18;
/// Global status.
pub const GSTS: u32 = 0x1c;
/// Root table address and mode, 64 bits.
pub const RTADDR: u32 = 0x20;
/// Fault status.
pub const FSTS: u32 = 0x34;
/// Fault event: control, data, address, upper address.
pub const FECTL: u32 = 0x38;
/// Invalidation queue head, 64 bits.
pub const IQH: u32 = 0x80;
/// Invalidation queue tail, 64 bits.
pub const IQT: u32 = 0x88;
/// Invalidation queue address, 64 bits.
pub const IQA: u32 = 0x90;
/// Invalidation completion status.
pub const ICS: u32 = 0x9c;
/// Invalidation event: control, data, address, upper address.
pub const IECTL: u32 = 0xa0;
/// Invalidation queue error record, 64 bits.
pub const IQER: u32 = 0xb0;
/// Interrupt remapping table address, 64 bits.
pub const IRTA: u32 = 0xb8;
/// Page request queue head, 64 bits.
pub const PQH: u32 = 0xc0;
/// Page request queue tail, 64 bits.
pub const PQT: u32 = 0xc8;
/// Page request queue address, 64 bits.
pub const PQA: u32 = 0xd0;
/// Page request status.
pub const PRS: u32 = 0xdc;
/// Page request event: control, data, address, upper address.
pub const PECTL: u32 = 0xe0;
/// The first fault recording register, 128 bits each; CAP.FRO says so too.
pub const FRCD: u32 = 0x400;

/// Offset of an event's data register from its control register.
pub const EVENT_DATA: u32 = 4;
/// Offset of an event's address register from its control register.
pub const EVENT_ADDRESS: u32 = 8;
/// Offset of an event's upper address register from its control register.
pub const EVENT_UPPER_ADDRESS: u32 = 12;

/// GCMD, GSTS: translation enable.
pub const TE: u32 = 1 << 31;
/// GCMD, GSTS: set root table pointer.
pub const SRTP: u32 = 1 << 30;
/// GCMD, GSTS: queued invalidation enable.
pub const QIE: u32 = 1 << 26;
/// GCMD, GSTS: interrupt remapping enable.
pub const IRE: u32 = 1 << 25;
/// GCMD, GSTS: set interrupt remapping table pointer.
pub const SIRTP: u32 = 1 << 24;
/// GCMD, GSTS: compatibility format interrupts pass.
pub const CFI: u32 = 1 << 23;

/// RTADDR.TTM 01b: scalable mode.
pub const TTM_SCALABLE: u64 = 0b01 << 10;
/// RTADDR.TTM 11b: block all DMA.
pub const TTM_ABORT: u64 = 0b11 << 10;

/// FSTS: a fault was lost for want of a free recording register.
pub const PFO: u32 = 1 << 0;
/// FSTS: a fault recording register is in use.
pub const PPF: u32 = 1 << 1;
/// FSTS: invalidation queue error.
pub const IQE: u32 = 1 << 4;
/// FSTS: an invalidation completion that nobody waits for.
pub const ICE: u32 = 1 << 5;
/// FSTS: a device did not complete an invalidation in time.
pub const ITE: u32 = 1 << 6;
/// FSTS: position of FRI, the first recording register in use.
pub const FRI_SHIFT: u32 = 8;

/// Event control: masked.
pub const IM: u32 = 1 << 31;
/// Event control: waits for the mask to be lifted.
pub const IP: u32 = 1 << 30;

/// IQA: descriptors of 256 bits.
pub const IQA_WIDE: u64 = 1 << 11;
/// ICS: a wait descriptor with its interrupt flag has completed.
pub const IWC: u32 = 1 << 0;
/// IRTA: x2APIC destinations.
pub const EIME: u64 = 1 << 11;

/// PRS: a page request was queued.
pub const PPR: u32 = 1 << 0;
/// PRS: a page request found the queue full.
pub const PRO: u32 = 1 << 1;

/// FRCD, upper quadword: the record is valid.
pub const FRCD_F: u64 = 1 << 63;

/// Fault recording registers.
pub const FAULT_RECORDS: usize = 64;
/// Largest mask value of an address: 2^52 pages.
pub const MAMV: u8 = 52;

/// Major version 8: requests to execute are refused.
pub(super) const VERSION: u32 = 8 << 4;

/// All 2^16 domain IDs; second stage of 3 to 5 levels, 57 bits of guest address; zero-length
/// reads of write-only pages; pages of 2 MiB and 1 GiB; 5-level first stage; page-selective
/// invalidation; drained reads and writes; posted interrupts. CM is 0: what is not present is not
/// cached. ESRTPS and ESIRTPS are 0: a new table needs invalidations.
pub(super) const CAPABILITIES: u64 = 6
    | 0b0_1110 << 8
    | (57 - 1) << 16
    | 1 << 22
    | (FRCD as u64 / 16) << 24
    | 0b0011 << 34
    | 1 << 39
    | (FAULT_RECORDS as u64 - 1) << 40
    | (MAMV as u64) << 48
    | 0b11 << 54
    | 1 << 56
    | 1 << 59
    | 1 << 60;

/// Coherent, queued invalidation, device-TLBs, interrupt remapping with x2APIC, pass-through,
/// snoop control, nesting, page requests, supervisor requests, NW, 20 bits of PASID, page request
/// drain, scalable mode, second-stage accessed and dirty flags, both stages, coherent walks,
/// RID_PASID with privilege, stop markers.
pub(super) const EXTENDED_CAPABILITIES: u64 = 1 << 0
    | 1 << 1
    | 1 << 2
    | 1 << 3
    | 1 << 4
    | 1 << 6
    | 1 << 7
    | 0xf << 20
    | 1 << 26
    | 1 << 29
    | 1 << 31
    | 1 << 33
    | 19 << 35
    | 1 << 40
    | 1 << 42
    | 1 << 43
    | 1 << 45
    | 1 << 46
    | 1 << 47
    | 1 << 48
    | 1 << 49
    | 1 << 53
    | 1 << 58;
