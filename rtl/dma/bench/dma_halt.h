// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

// What shares the posted stream with data, and what Halt leaves of it. Cases of siov_dma_bench.cpp.

#include "dma_translation.h"

CASE(event_log_entry_is_one_untranslated_write_of_its_own_pasid) {
  DmaBench& b = translation::room();
  for (const Tenant& tenant : {Tenant{true, true, 0x12345}, Tenant{true, false, 1}, Tenant{}}) {
    b.sent.clear();
    b.add_entry(random_bits() & ~63ull, tenant);

    b.run();  // which holds it against what was given

    CHECK(b.sent.size() == 1 && b.sent[0] == DmaBench::kEntry && b.atc.lookups.empty());
  }
}

CASE(message_goes_before_an_entry_that_before_a_record_and_that_before_data) {
  DmaBench& b = translation::room();
  b.around.ats = false;
  b.around.ready = 0;
  Job j = translation::move(9, 1);
  j.fill = true;
  b.to_do.push_back(j);
  translation::run(b, 100);
  b.add_record(1, 0x1000, random_tenant());
  b.add_entry(0x2000, random_tenant());
  b.add_message();
  translation::run(b, 100);
  b.around.ready = 100;
  b.run();

  // What has been chosen before they came stays where it is.
  const auto message = std::find(b.sent.begin(), b.sent.end(), DmaBench::kMessage);
  CHECK(b.sent.end() - message > 10);
  CHECK(message[1] == DmaBench::kEntry && message[2] == DmaBench::kRecord);
  CHECK(std::count(message + 3, b.sent.end(), DmaBench::kData) == b.sent.end() - message - 3);
}

CASE(in_halt_a_tlp_that_has_begun_goes_on_to_its_end_and_no_other_follows) {
  DmaBench& b = translation::room();
  Job j = translation::move(9, 2);
  j.fill = true;
  b.to_do.push_back(j);
  while (b.sent.size() < 3) b.clock();  // the first of four beats of the third write has been taken
  b.halt = true;
  translation::run(b, 500);

  CHECK(b.sent.size() == 3 && b.job_ends.empty());
  CHECK(b.jobs[9]->bytes == 3 * 256, "%u", b.jobs[9]->bytes);
}

CASE(in_halt_messages_leave_and_records_and_entries_do_not) {
  DmaBench& b = translation::room();
  b.halt = true;
  b.add_entry(0x2000, random_tenant());
  b.add_message();
  b.add_message();
  translation::run(b, 500);

  CHECK((b.sent == std::deque<DmaBench::Sent>{DmaBench::kMessage, DmaBench::kMessage}));
}

CASE(record_that_has_not_begun_when_halt_comes_is_lost_without_a_word) {
  DmaBench& b = translation::room();
  b.around.ready = 0;
  b.add_record(1, 0x1000, random_tenant());  // this one is offered
  b.add_record(2, 0x1020, random_tenant());
  translation::run(b, 100);
  b.halt = true;
  translation::run(b, 100);
  b.around.ready = 100;
  translation::run(b, 100);

  CHECK(b.record_ends.size() == 1 && b.record_ends[0].id == 1 && b.sent.size() == 1);
}

CASE(in_halt_nothing_is_read_or_looked_up) {
  DmaBench& b = translation::room();
  b.around.latency = 50;
  b.to_do.push_back(translation::move(9, 4));
  while (b.reads_sent < 5) b.clock();
  const size_t lookups = b.atc.lookups.size();
  const uint64_t reads = b.reads_sent;
  b.halt = true;
  translation::run(b, 500);

  CHECK(b.atc.lookups.size() <= lookups + 1 && b.reads_sent <= reads + 1);
  CHECK(!b.top.np_pending_o);
}

CASE(in_halt_an_epoch_ends_with_the_last_read_in_flight) {
  DmaBench& b = translation::room();
  b.around.latency = 300;
  b.to_do.push_back(translation::move(9, 1));
  while (b.reads_sent < 4) b.clock();
  b.halt = true;
  b.atc.flip();
  translation::run(b, 200);
  CHECK(!b.atc.drained() && b.top.np_pending_o);

  translation::run(b, 300);
  CHECK(b.atc.drained() && !b.top.np_pending_o);
}
