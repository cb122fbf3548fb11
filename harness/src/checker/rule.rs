// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The rules: one table of identifiers, texts and citations.

use std::fmt;

macro_rules! rules {
    ($($name:ident $id:literal $text:literal $citation:literal;)*) => {
        /// A rule that TLPs must keep.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $text] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in messages; never changes.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What it demands.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Where it is from.
            pub const fn citation(self) -> &'static str {
                match self { $(Self::$name => $citation,)* }
            }
        }
    };
}

rules! {
    HeaderComplete "header-complete" "A TLP has all dwords of its header" "PCIe 2.2.1";
    HeaderType "header-type" "Fmt and Type name a TLP that the sender may send" "PCIe 2.2.1";
    HeaderPrefix "header-prefix" "The only TLP prefix in use is PASID" "PCIe 2.2.10";
    HeaderReserved "header-reserved" "Reserved header bits are 0, and so are TH and TD" "PCIe 2.2.1";
    PayloadLength "payload-length" "Length is the number of payload dwords" "PCIe 2.2.2";
    MaxPayload "max-payload" "A payload is at most Max_Payload_Size" "PCIe 2.2.2";
    MaxRead "max-read" "A read asks for at most Max_Read_Request_Size" "PCIe 2.2.7";
    Crosses4K "crosses-4k" "A request stays within a naturally aligned 4 KiB" "PCIe 2.2.7";
    AddressFormat "address-format" "Addresses below 4 GiB have 3-dword headers" "PCIe 2.2.4.1";
    ByteEnables "byte-enables" "Byte enables have no gaps, and Last is 0 for one dword only" "PCIe 2.2.5";
    AddressType "address-type" "AT is not 11b, and 00b in all but memory requests" "PCIe 2.2.4.1";
    ConfigForm "config-form" "A configuration request has TC 0, no attributes and one dword" "PCIe 2.2.7";
    Relaxed "relaxed-enable" "Relaxed Ordering only when Device Control enables it" "PCIe 7.5.3.4";
    NoSnoop "no-snoop-enable" "No Snoop only when Device Control enables it" "PCIe 7.5.3.4";
    IdOrdering "ido-enable" "ID-based Ordering only when Device Control 2 enables it" "PCIe 7.5.3.16";
    BusMaster "bus-master" "No request before Bus Master Enable, and none after it is cleared" "PCIe 7.5.1.1.3";
    RequesterId "requester-id" "Requests and messages carry the ID captured from configuration writes" "PCIe 2.2.6.2";
    TagUnique "tag-unique" "A tag is not used again while its request is outstanding" "PCIe 2.2.6.2, 2.8";
    TagRange "tag-range" "Tags are as wide as the tag enables say" "PCIe 2.2.6.2";
    CompletionUnasked "completion-unasked" "A completion answers an outstanding request" "PCIe 2.3.2";
    CompleterId "completer-id" "A completion carries the ID of its completer" "PCIe 2.2.9";
    CompletionAttributes "completion-attributes" "A completion has TC, RO and NS of its request" "PCIe 2.2.9";
    CompletionStatus "completion-status" "Status is SC, UR, CA, or RRS for configuration requests and DMWr" "PCIe 2.2.9";
    CompletionLocked "completion-locked" "A locked completion answers a locked read, and nothing else does" "PCIe 2.2.1";
    LockedRead "locked-read" "An Endpoint that is not legacy refuses locked reads as unsupported" "PCIe 6.5.7";
    CompletionData "completion-data" "Successful reads are completed with data, all else without" "PCIe 2.2.9";
    CompletionByteCount "completion-byte-count" "Byte Count is what is left of the request" "PCIe 2.2.9";
    CompletionOrder "completion-order" "Completions of one request come in address order" "PCIe 2.3.1.1";
    CompletionLowerAddress "completion-lower-address" "Lower Address is that of the completion's first byte" "PCIe 2.2.9";
    CompletionBoundary "completion-boundary" "A completion ends with its request or at a Read Completion Boundary" "PCIe 2.3.1.1";
    CompletionTooLong "completion-too-long" "Completions carry no more than was asked for" "PCIe 2.3.1.1";
    Credits "credits" "A TLP is sent only with credits for its header and payload" "PCIe 2.6.1";
    PasidEnable "pasid-enable" "A PASID only when PASID is enabled" "PCIe 6.20";
    PasidPlace "pasid-place" "A PASID only on memory requests, invalidations and page requests" "PCIe 6.20.1";
    PasidModes "pasid-modes" "Privileged and execute only when enabled, and only in translation and page requests" "PCIe 6.20.2";
    PasidOnInterrupt "pasid-on-interrupt" "Interrupt messages have no PASID" "PCIe 6.1.4, VT-d 3.14";
    InterruptForm "interrupt-form" "An interrupt message is one whole dword, untranslated, not relaxed" "PCIe 6.1.4";
    RecordFirst "record-first" "A completion interrupt follows the record that it tells of" "DSA 3.7, PCIe 2.4.1";
    MessageCode "message-code" "The message code is known, and the sender's to send" "PCIe 2.2.8";
    MessageRouting "message-routing" "A message is routed as its code demands" "PCIe 2.2.8";
    MessageTc "message-tc" "A message has TC 0 unless its code allows others" "PCIe 2.2.8";
    MessageData "message-data" "A message has the payload that its code demands" "PCIe 2.2.8";
    ErrorMessage "error-message" "Error messages only as Device Control or SERR# enables them" "PCIe 6.2.5";
    AtsEnable "ats-enable" "Translation and translated requests only with ATS enabled" "PCIe 10.2.1";
    AtsRequestForm "ats-request-form" "A Translation Request is page aligned, of even Length, all bytes enabled" "PCIe 10.2.2";
    AtsCompletion "ats-completion" "A Translation Completion has whole entries, no more than asked for" "PCIe 10.2.3";
    AtsStale "ats-stale" "A translated address was given by the translation agent and not invalidated since" "PCIe 10.3.1";
    AtsRights "ats-rights" "A translated request has the rights that its translation gave" "PCIe 10.2.3";
    AtsPasid "ats-pasid" "A translated request has a PASID only when enabled" "PCIe 10.2.1";
    InvalidateTag "invalidate-tag" "An ITag is not used again while its invalidation is outstanding" "PCIe 10.3.1";
    InvalidateCompletion "invalidate-completion" "An Invalidate Completion names outstanding ITags and who sent them" "PCIe 10.3.2";
    PriEnable "pri-enable" "Page Requests only with page requests enabled" "PCIe 10.4.1";
    PriAllocation "pri-allocation" "Outstanding page requests stay within the allocation" "PCIe 10.4.1";
    PriIndex "pri-index" "A group index is not used again before its response" "PCIe 10.4.1";
    PriStopMarker "pri-stop-marker" "A page request for nothing is a Stop Marker: plain PASID, L alone, no RO" "PCIe 10.4.1.2";
    PriResponse "pri-response" "A response answers an outstanding group" "PCIe 10.4.2";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} ({})", self.id(), self.text(), self.citation())
    }
}

/// What a check finds.
pub(super) type Verdict<T = ()> = Result<T, Rule>;

/// The rule, if what it demands is not so.
pub(super) fn demand(is_so: bool, rule: Rule) -> Verdict {
    if is_so { Ok(()) } else { Err(rule) }
}
