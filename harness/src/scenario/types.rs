// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The format of scenario files. Doc comments here are the descriptions in the schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FaultSetting, HostSettings, Number};
use crate::dsa::{Flags, Status};

/// One run of the simulator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Path of the schema, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the run is for.
    #[serde(default)]
    pub description: String,
    /// The device.
    #[serde(default)]
    pub device: Device,
    /// The host around it.
    #[serde(default)]
    pub host: HostSettings,
    /// Virtual machines; all run at the same time.
    pub vms: Vec<Vm>,
    /// Faults put into the traffic once the guests work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultSetting>,
}

/// The device.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// How large it is, and whose IDs it has.
    #[serde(default)]
    pub profile: Profile,
}

/// Sizes and IDs of the device.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// 16 work queues.
    #[default]
    Small,
    /// What the Linux driver idxd knows: 8 work queues, 8086:0b25.
    Idxd,
    /// 1,024 work queues.
    Scale,
}

/// A virtual machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vm {
    /// Its name in the report.
    pub name: String,
    /// Guest-physical memory from address 0, KiB, a multiple of 4.
    #[serde(default = "default_memory")]
    pub memory_kib: u32,
    /// Which of its pages devices find.
    #[serde(default)]
    pub paging: Paging,
    /// Cycles from a page request to its answer.
    #[serde(default)]
    pub paging_delay: u64,
    /// Cycles that it lets the others work before it begins.
    #[serde(default)]
    pub start_after: u64,
    /// Its virtual devices; all run at the same time.
    pub vdevs: Vec<Vdev>,
}

/// Which pages of a virtual machine devices find. Unless all are pinned, descriptors block on
/// faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// All of them, all the time.
    #[default]
    Pinned,
    /// None at first. The host maps a page when the device asks for it.
    OnDemand,
    /// Completion records, and nothing else: all page requests are answered with Invalid Request.
    Refused,
}

fn default_memory() -> u32 {
    1024
}

/// A virtual device: one dedicated work queue and its interrupts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vdev {
    /// Its name in the report.
    pub name: String,
    /// Entries of its work queue.
    #[serde(default = "default_wq_size")]
    pub wq_size: u16,
    /// Priority of its work queue in the group, 1 to 15.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// Group its work queue belongs to. Engines are dealt to the groups that are used.
    #[serde(default)]
    pub group: u8,
    /// What its driver does, one after the other.
    pub workloads: Vec<Workload>,
}

fn default_wq_size() -> u16 {
    16
}

fn default_priority() -> u8 {
    1
}

/// Descriptors of one kind.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The operation.
    pub op: Operation,
    /// Bytes each descriptor moves; not for nop.
    #[serde(default)]
    pub size: u32,
    /// How many descriptors.
    #[serde(default = "default_one")]
    pub count: u32,
    /// How many are outstanding at once, at most the queue's size.
    #[serde(default = "default_one")]
    pub depth: u32,
    /// Bytes from a page boundary to each source.
    #[serde(default)]
    pub src_offset: u32,
    /// Bytes from a page boundary to each destination.
    #[serde(default)]
    pub dst_offset: u32,
    /// How the driver learns of completions.
    #[serde(default)]
    pub completion: CompletionMode,
    /// Further flags of each descriptor.
    #[serde(default)]
    pub flags: Vec<FlagName>,
    /// Fields to overwrite in each descriptor, to break it on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poke: Option<Poke>,
    /// How each descriptor must end.
    #[serde(default)]
    pub expect: Expect,
    /// How descriptors may end otherwise, because of faults put in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerate: Vec<Expect>,
}

fn default_one() -> u32 {
    1
}

/// An operation of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Nothing but a completion.
    Nop,
    /// Copy random bytes.
    MemoryMove,
    /// Repeat a random 8-byte pattern.
    Fill,
}

/// How a driver learns of completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompletionMode {
    /// It watches the completion record.
    #[default]
    Poll,
    /// It waits for the completion interrupt.
    Interrupt,
}

/// A descriptor flag a workload may add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlagName {
    /// Write to the cache.
    CacheControl,
    /// Data writes become visible in order.
    StrictOrdering,
}

impl FlagName {
    /// The flag bit.
    pub fn bits(self) -> Flags {
        match self {
            FlagName::CacheControl => Flags::CACHE_CONTROL,
            FlagName::StrictOrdering => Flags::STRICT_ORDERING,
        }
    }
}

/// Fields of the descriptor to overwrite just before it is submitted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Poke {
    /// Operation code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opcode: Option<u8>,
    /// Flag bits to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_flags: Option<Number>,
    /// Flag bits to clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_flags: Option<Number>,
    /// Completion record address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Number>,
    /// Source address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<Number>,
    /// Destination address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<Number>,
    /// Destination address, in bytes from the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_from_src: Option<u32>,
    /// Transfer size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// Interrupt handle; also sets the flag that asks for an interrupt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupt_handle: Option<u16>,
    /// Bytes 38 and 39, reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<u16>,
}

/// How a descriptor must end: the name of a status code, or `none` if the guest must hear nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect(pub Status);

impl Default for Expect {
    fn default() -> Self {
        Self(Status::SUCCESS)
    }
}

fn status_names() -> Vec<&'static str> {
    Status::KNOWN.iter().filter_map(|s| s.name()).collect()
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Status::from_name(&name).map(Expect).ok_or_else(|| {
            let names = status_names().join(", ");
            serde::de::Error::custom(format!("unknown status `{name}`, expected one of {names}"))
        })
    }
}

impl Serialize for Expect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name().unwrap_or("none"))
    }
}

impl JsonSchema for Expect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Status a descriptor must end with; none: the guest must hear nothing",
            "type": "string",
            "enum": status_names(),
        })
    }
}
