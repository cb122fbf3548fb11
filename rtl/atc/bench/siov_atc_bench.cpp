// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// How addresses are translated, as rtl/atc/README.md says. One behaviour at a time by subject; all
// of them together, at random, here.

#include "atc_errors.h"
#include "atc_invalidation.h"
#include "atc_page_requests.h"
#include "atc_stop.h"
#include "atc_traffic.h"
#include "atc_translation.h"

CASE(random_traffic_is_never_given_a_stale_page) {
  Traffic t;
  t.run_for(400'000);
  t.finish();
}

CASE(random_traffic_with_every_kind_of_error) {
  Traffic t;
  t.errors = 5;
  t.drops = 1;
  t.lies = 10;
  t.run_for(400'000);
  t.finish();
}

CASE(random_traffic_in_an_invalidation_storm) {
  Traffic t;
  t.invalidations = 30;
  t.run_for(200'000);
  t.finish();
}

CASE(random_traffic_of_tenants_that_are_stopped) {
  Traffic t;
  t.stops = 1;
  t.lies = 10;
  t.run_for(300'000);
  t.finish();
}

CASE(random_traffic_with_stalled_streams) {
  Traffic t;
  t.tr_ready = 5;
  t.msg_ready = 5;
  t.run_for(200'000);
  t.finish();
}

// ---- what neighbours must not do

VIOLATION(operand_that_waits_is_looked_up) {
  AtcBench& b = room();
  b.look_up(lookup(0x50));
  b.look_up(lookup(0x51));
}

VIOLATION(stop_marker_while_another_waits) {
  AtcBench& b = room();
  b.top.fn_bme_i = 0;
  for (int i = 0; i < 3; ++i) b.send_marker(kPasid);
}

VIOLATION(answers_of_an_epoch_are_used_while_the_next_ends) {
  AtcBench& b = room();
  b.epoch_busy = 2;  // not the epoch that is in use
  b.messages.push_back(b.invalidate(0, kPasid, 0, 52));
  b.run(1000);
}

int main(int argc, char** argv) { return siov::bench::main(argc, argv); }
