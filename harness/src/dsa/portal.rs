// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Portals: where a store submits a descriptor (DSA 3.3).

/// Bytes of a portal page; each is mapped into one address space as a whole.
pub const PORTAL_PAGE: u64 = 0x1000;

/// Which of a queue's four portal pages. The page chooses the table that completion interrupts
/// come from, and whether the queue's threshold limits the submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalPage {
    /// MSI-X, whole queue.
    UnlimitedMsix = 0,
    /// MSI-X, up to the threshold.
    LimitedMsix = 1,
    /// IMS, whole queue.
    UnlimitedIms = 2,
    /// IMS, up to the threshold.
    LimitedIms = 3,
}

/// Byte offset in BAR2 of a portal page of queue `wq`.
pub fn portal_address(wq: u16, page: PortalPage) -> u64 {
    const PAGES_PER_WQ: u64 = 4;
    (u64::from(wq) * PAGES_PER_WQ + page as u64) * PORTAL_PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portals_of_a_queue_are_four_consecutive_pages() {
        assert_eq!(portal_address(0, PortalPage::UnlimitedMsix), 0x0000);
        assert_eq!(portal_address(0, PortalPage::LimitedIms), 0x3000);
        assert_eq!(portal_address(7, PortalPage::UnlimitedIms), 0x1_e000);
    }

    #[test]
    fn portal_of_the_last_adi_does_not_overflow() {
        assert_eq!(portal_address(1023, PortalPage::LimitedIms), 0xff_f000);
    }
}
