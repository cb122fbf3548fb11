// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Interrupt handles: whoever names one that is not its own ends with 19h, and interrupts nobody
//! (DSA 5.4).

use siov::dsa::{Descriptor, PortalPage, Status};
use siov::iommu::interrupt_entry::remappable_message;

use crate::bench::{Bench, RECORD, Tenant, is_message};
use crate::interrupts::{LONG, function, give_msix, ims_control, msix_interrupt, nop, owned_by};

/// Status of a NOP that asks for an interrupt with a handle that `spoil` has made wrong, and how
/// many messages came. The error must be reported both ways.
fn bad_handle(spoil: impl AsyncFnOnce(&[Tenant; 2]) -> u16) -> (Status, usize) {
    let bench = Bench::new();
    bench.run(async {
        let tenants = bench.tenants().await;
        let handle = spoil(&tenants).await;
        bench.log.take();

        let record = tenants[0]
            .run(Descriptor::nop().with_interrupt(handle))
            .await;

        let error = tenants[0].next_error().await;
        assert_eq!(error.status(), record.status());
        assert_eq!(error.0[1] >> 32, u64::from(handle));
        bench.host.sleep(LONG).await;
        let requests = bench.log.take_requests();
        // Vector 0 tells the host of the software error.
        let misc = remappable_message(0).address;
        let messages = requests
            .iter()
            .filter(|(r, _)| is_message(r) && r.address != misc);
        (record.status(), messages.count())
    })
}

#[test]
fn handle_of_another_pasid_is_19h_and_nobody_is_interrupted() {
    let outcome = bad_handle(async |tenants| tenants[1].handle);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_that_was_never_given_out_is_19h() {
    let outcome = bad_handle(async |_| 77);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_beyond_the_table_is_19h() {
    let outcome = bad_handle(async |_| 256);

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_that_was_given_back_is_19h() {
    let outcome = bad_handle(async |tenants| {
        tenants[0].adi.release_interrupt_handle().await.unwrap();
        tenants[0].handle
    });

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn handle_of_an_entry_without_pasid_is_19h() {
    let outcome = bad_handle(async |tenants| {
        let handle = tenants[0].handle;
        function(&tenants[0]).write32(ims_control(handle), 0);
        handle
    });

    assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0));
}

#[test]
fn entry_of_a_pasid_that_differs_in_one_bit_is_19h() {
    for bit in 0..20 {
        let outcome = bad_handle(async |tenants| {
            let handle = tenants[0].handle;
            let control = owned_by(&tenants[0]) ^ 1 << (12 + bit);
            function(&tenants[0]).write32(ims_control(handle), control);
            handle
        });

        assert_eq!(outcome, (Status::BAD_INTERRUPT_HANDLE, 0), "bit {bit}");
    }
}

#[test]
fn ims_handle_through_an_msix_portal_is_19h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant] = bench.tenants().await;
        tenant.write(RECORD, &[0; 32]);

        tenant.submit_to(PortalPage::UnlimitedMsix, &nop(&tenant));

        let status = tenant.ended(RECORD).await.status();
        assert_eq!(status, Status::BAD_INTERRUPT_HANDLE);
    });
}

#[test]
fn msix_permission_of_another_pasid_is_19h() {
    let bench = Bench::new();
    bench.run(async {
        let [tenant, other] = bench.tenants().await;
        let vector = give_msix(&bench, &other).await;

        let status = msix_interrupt(&tenant).await;

        assert_eq!(status, Status::BAD_INTERRUPT_HANDLE);
        assert_eq!(vector.count().count, 0);
    });
}
