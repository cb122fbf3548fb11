// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! Carries out the events of a scenario at their time.

use futures_util::future::try_join_all;

use super::EventSetting;
use super::hypervisor::Hypervisor;
use super::run::RunError;
use super::stage::Stage;
use super::story::Done;
use crate::pcie::Host;

/// Does what the scenario wants done until the guests are done, and then lets them go. Returns what
/// has happened, event by event.
pub async fn carry_out(
    events: &[EventSetting],
    host: &Host,
    hypervisor: &Hypervisor<'_>,
    stage: &Stage,
) -> Result<Vec<Vec<Done>>, RunError> {
    stage.begun().await;
    let all = events
        .iter()
        .map(|event| repeat(event, host, hypervisor, stage));
    let done = try_join_all(all).await?;
    stage.until_all_done().await;
    stage.end();
    Ok(done)
}

async fn repeat(
    event: &EventSetting,
    host: &Host,
    hypervisor: &Hypervisor<'_>,
    stage: &Stage,
) -> Result<Vec<Done>, RunError> {
    let mut done = Vec::new();
    match event.after_descriptors {
        Some(descriptors) => stage.until_ended(descriptors).await,
        None => sleep(event.at.unwrap_or(0), host, stage).await,
    }
    while !stage.all_done() && (done.len() as u64) < event.most() {
        done.push(hypervisor.perform(&event.deed, stage).await?);
        if let Some(every) = event.every {
            sleep(every, host, stage).await;
        }
    }
    Ok(done)
}

/// Waits for cycles to pass, or for the guests to be done.
async fn sleep(cycles: u64, host: &Host, stage: &Stage) {
    tokio::select! {
        biased;
        () = stage.until_all_done() => {}
        () = host.sleep(cycles) => {}
    }
}
