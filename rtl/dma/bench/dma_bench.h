// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>

#include "Vsiov_dma_bench.h"
#include "dma_atc.h"
#include "dma_host.h"

/// How engine and host behave.
struct Surroundings {
  uint32_t mps = 1, mrrs = 2;            // 256 and 512 bytes
  bool ext_tag = true, relaxed = true;
  uint32_t ready = 100;                  // percent of clocks
  uint32_t gap = 0;                      // percent of clocks
  uint32_t max_jobs = 64;
  uint32_t records = 50, messages = 10;  // percent of jobs
  uint32_t latency = 20, jitter = 0;     // clocks from read to completion
  uint32_t boundary = 64;                // Read Completion Boundary
  uint32_t failing = 0;                  // percent of reads
  uint32_t unexpected = 0;               // percent of completions
  bool holds = false;                    // Bus Master Enable and quiesce come and go
  bool one_link = false;                 // reads and writes share a beat a clock
  bool no_reads = false;                 // no read is taken
  bool stalls = false;                   // neither reads nor writes are taken for a while
  int slow_adi = -1;                     // its reads wait this long:
  uint32_t slow_latency = 0;
  bool ats = false;                      // pages are looked up in `DmaBench::atc`
  uint32_t logs = 0;                     // percent of jobs
};

/// The room, and all around it. Checks every TLP against the jobs that are open.
class DmaBench : public siov::bench::Clocked<Vsiov_dma_bench> {
 public:
  static constexpr uint32_t kRid = 0x3a00;
  static constexpr uint32_t kReadError = 0x20;  // DSA 5.4
  static constexpr uint32_t kIds = 256;         // of jobs and records

  Surroundings around;
  std::map<uint32_t, std::unique_ptr<Job>> jobs;  // open, by id
  std::deque<Job> to_do;
  uint64_t jobs_done = 0, jobs_failed = 0, reads_sent = 0;
  std::array<uint64_t, 1024> done_of_adi = {};
  MockAtc atc;
  uint64_t faults = 0, records_lost = 0;

  /// How a job ended, or a record.
  struct End {
    uint32_t id, status;
    bool write;
    uint32_t done;
    uint64_t page;
  };
  std::deque<End> job_ends, record_ends;
  /// What posted TLPs there were.
  enum Sent { kData, kRecord, kEntry, kMessage };
  std::deque<Sent> sent;
  bool halt = false;
  bool ats_ends = false;  // look-ups that have begun are still answered

  void reset() {
    top.rst_ni = 0;
    top.bme_i = 1;
    for (int i = 0; i < 4; ++i) edge();
    top.rst_ni = 1;
    edge();
  }

  /// Until all jobs are done; then the room must be idle.
  void run() {
    uint64_t limit = siov::bench::cycle + 3'000'000;
    while (!to_do.empty() || !jobs.empty() || !records_.empty() || !records_sent_.empty() ||
           !messages_.empty() || !messages_sent_.empty() || !entries_.empty() || !cpl_.empty()) {
      clock();
      CHECK(siov::bench::cycle < limit, "%zu jobs open", jobs.size());
    }
    for (int i = 0; i < 10; ++i) clock();
    CHECK(!top.busy_o && !top.np_pending_o && !top.p_tx_valid_o && !top.np_tx_valid_o);
    CHECK(reads_.empty());
  }

  void clock() {
    drive();
    settle();
    if (around.one_link) share_link();
    check_stream(np_, top.np_tx_valid_o, top.np_tx_ready_i, top.np_tx_o);
    check_stream(p_, top.p_tx_valid_o, top.p_tx_ready_i, top.p_tx_o);
    CHECK(top.busy_o || jobs.empty() || halt);  // Halt throws jobs away
    CHECK(top.np_pending_o || reads_.empty());
    if (around.ats) sample_atc();
    take_inputs();
    take_writes();
    if (top.done_valid_o && top.done_ready_i) end_job();
    if (top.np_tx_valid_o && top.np_tx_ready_i) take_read(&top.np_tx_o[0]);
    edge();
  }

  void offer(const Job& job) {
    top.job_valid_i = 1;
    top.job_id_i = job.id;
    top.job_pasid_valid_i = job.tenant.pasid_valid;
    top.job_priv_i = job.tenant.priv;
    top.job_pasid_i = job.tenant.pasid;
    top.job_adi_i = job.tenant.adi;
    top.job_fill_i = job.fill;
    top.job_strict_i = job.strict;
    top.job_block_i = job.block;
    top.job_tc_src_i = job.tc_src;
    top.job_tc_dst_i = job.tc_dst;
    top.job_src_i = job.src;
    top.job_pattern_hi_i = job.pattern_hi;
    top.job_dst_i = job.dst;
    top.job_len_i = job.len;
  }

  void add_record(uint32_t id, uint64_t addr, const Tenant& tenant) {
    Record record = {id, addr, tenant, below(8), {}};
    for (uint32_t& word : record.data) word = static_cast<uint32_t>(random_bits());
    records_.push_back(record);
  }

  void add_entry(uint64_t addr, const Tenant& tenant) {
    Entry entry = {addr, tenant, {}};
    for (uint32_t& word : entry.data) word = static_cast<uint32_t>(random_bits());
    entries_.push_back(entry);
  }

  void add_message() {
    const uint32_t data = static_cast<uint32_t>(random_bits());
    messages_.push_back({0xfee00000 | (below(1 << 20) & ~3u), data});
  }

 private:
  void drive() {
    if (around.holds) {
      bme_ = bme_ != percent(bme_ ? 1 : 10);
      quiesce_ = quiesce_ != percent(quiesce_ ? 10 : 1);
    } else {
      bme_ = true;
      quiesce_ = false;
    }
    top.rid_i = kRid;
    top.bme_i = bme_;
    top.quiesce_i = quiesce_;
    top.mps_i = around.mps;
    top.mrrs_i = around.mrrs;
    top.ext_tag_i = around.ext_tag;
    top.relaxed_i = around.relaxed;
    top.halt_i = halt;
    top.ats_en_i = around.ats && !ats_ends;
    if (around.ats) atc.drive(top);

    top.job_valid_i = 0;
    if (!to_do.empty() && jobs.size() < around.max_jobs && !percent(around.gap)) {
      Job& job = to_do.front();
      while (jobs.count(job.id)) job.id = (job.id + 1) % kIds;
      offer(job);
    }
    if (cpl_.empty()) send_completion();
    top.cpl_valid_i = !cpl_.empty() && !percent(around.gap / 3);
    if (top.cpl_valid_i) std::copy_n(cpl_.front().begin(), Beat::kWords, &top.cpl_i[0]);

    // A record's id is its own until it is done.
    top.rec_valid_i = !records_.empty() && records_sent_.size() < kIds;
    if (!records_.empty()) {
      const Record& r = records_.front();
      top.rec_id_i = r.id;
      top.rec_addr_i = r.addr;
      top.rec_pasid_valid_i = r.tenant.pasid_valid;
      top.rec_priv_i = r.tenant.priv;
      top.rec_pasid_i = r.tenant.pasid;
      top.rec_tc_i = r.tc;
      std::copy_n(r.data.begin(), 8, &top.rec_data_i[0]);
    }
    top.log_valid_i = !entries_.empty() && !entry_given_;
    if (!entries_.empty()) {
      const Entry& e = entries_.front();
      top.log_line_i = e.addr >> 6;
      top.log_pasid_valid_i = e.tenant.pasid_valid;
      top.log_priv_i = e.tenant.priv;
      top.log_pasid_i = e.tenant.pasid;
      std::copy_n(e.data.begin(), 16, &top.log_data_i[0]);
    }
    top.msg_valid_i = !messages_.empty();
    if (!messages_.empty()) {
      top.msg_addr_i = messages_.front().addr;
      top.msg_data_i = messages_.front().data;
    }
    if (around.stalls) {
      np_stalled_ = np_stalled_ != (below(500) == 0);
      p_stalled_ = p_stalled_ != (below(p_stalled_ ? 300 : 1000) == 0);
    }
    top.p_tx_ready_i = percent(around.ready) && !(around.stalls && p_stalled_);
    top.np_tx_ready_i = percent(around.ready) && !(around.stalls && np_stalled_) &&
                        !around.no_reads;
    top.done_ready_i = percent(std::max(around.ready, 50u));
  }

  void share_link() {
    top.np_tx_ready_i = top.np_tx_valid_o && !p_.in_tlp && !around.no_reads;
    top.p_tx_ready_i = !top.np_tx_ready_i;
    settle();
  }

  /// What docs/tlp-port.md says of a stream, and that no TLP starts while requests are held.
  struct Stream {
    bool waiting = false, in_tlp = false;
    BeatWords beat;
  };

  template <typename Port>
  void check_stream(Stream& stream, bool valid, bool ready, const Port& beat) {
    if (stream.waiting) {
      CHECK(valid && std::equal(stream.beat.begin(), stream.beat.end(), &beat[0]));
    } else if (valid && !stream.in_tlp) {
      CHECK(bme_ && !quiesce_, "a TLP starts while requests are held");
    }
    std::copy_n(&beat[0], Beat::kWords, stream.beat.begin());
    stream.waiting = valid && !ready;
    if (valid && ready) stream.in_tlp = !(beat[Beat::kFlags] & Beat::kEop);
  }

  void take_inputs() {
    if (top.job_valid_i && top.job_ready_o) {
      const uint32_t id = to_do.front().id;
      jobs[id] = std::make_unique<Job>(to_do.front());
      jobs[id]->written.resize(jobs[id]->len);
      to_do.pop_front();
    }
    if (top.cpl_valid_i) cpl_.pop_front();
    if (top.rec_valid_i && top.rec_ready_o) {
      records_sent_.push_back(records_.front());
      records_.pop_front();
    }
    if (top.log_valid_i && top.log_ready_o) entry_given_ = true;
    if (top.msg_valid_i && top.msg_ready_o) {
      messages_sent_.push_back(messages_.front());
      messages_.pop_front();
    }
  }

  // ---- translation

  void sample_atc() {
    const size_t before = atc.lookups.size();
    atc.sample(top);
    if (atc.lookups.size() != before) check_lookup(atc.lookups.back());
    for (const auto& [tag, read] : reads_) {
      if (read.translated) atc.use(read.address);
    }
  }

  /// Look-ups name the pages that they are for, and whose these are.
  void check_lookup(const MockAtc::Lookup& l) {
    CHECK(l.write == (l.operand != MockAtc::kSrc));
    if (l.operand == MockAtc::kRec) {
      const Record& r = *sent_record(l.job);
      CHECK(l.page == r.addr >> 12 && l.prefix == r.tenant.prefix() && l.tc == r.tc && l.block);
      return;
    }
    CHECK(jobs.count(l.job), "job %u", l.job);
    const Job& job = *jobs[l.job];
    const uint64_t start = l.write ? job.dst : job.src;
    CHECK(l.page >= start >> 12 && l.page <= (start + job.len - 1) >> 12);
    CHECK(l.prefix == job.tenant.prefix() && l.block == job.block);
    CHECK(l.tc == (l.write ? job.tc_dst : job.tc_src));
  }

  /// A request's own address becomes the one that was looked up. Gives the prefix it must have.
  uint32_t look_back(Request& r, const Tenant& tenant) {
    if (!r.translated) return tenant.prefix();
    r.address = atc.use(r.address);
    return 0;
  }

  std::deque<Record>::iterator sent_record(uint32_t id) {
    const auto is_it = [id](const Record& r) { return r.id == id; };
    const auto found = std::find_if(records_sent_.begin(), records_sent_.end(), is_it);
    CHECK(found != records_sent_.end(), "record %u", id);
    return found;
  }

  // ---- reads and their completions

  void take_read(const uint32_t* beat) {
    Request r(beat, 0, kRid, 128u << around.mrrs);
    const uint64_t address = r.address;
    ++reads_sent;
    CHECK(beat[Beat::kFlags] ==
          (Beat::kSop | Beat::kEop | (beat[Beat::kPrefix] ? Beat::kPrefixValid : 0)));
    CHECK(r.tag < (around.ext_tag ? 112 : 16) && !reads_.count(r.tag), "tag %u", r.tag);
    CHECK(r.relaxed == around.relaxed);
    look_back(r, {});
    for (auto& [id, job] : jobs) {
      if (!job->fill && r.address >= job->src && r.address + r.bytes <= job->src + job->len &&
          beat[Beat::kPrefix] == (r.translated ? 0 : job->tenant.prefix())) {
        CHECK(r.tc == job->tc_src);
        answer(*job, r);
        reads_[r.tag].translated = r.translated;
        reads_[r.tag].address = address;
        return;
      }
    }
    CHECK(false, "no job reads %llx", static_cast<unsigned long long>(r.address));
  }

  /// Cuts the read's data at multiples of the boundary, as PCIe 2.3.1.1 lets a completer do.
  void answer(Job& job, const Request& r) {
    const bool slow = static_cast<int>(job.tenant.adi) == around.slow_adi;
    const uint32_t latency = slow ? around.slow_latency : around.latency;
    Read read = {siov::bench::cycle + latency + below(around.jitter + 1), {}, false, 0};
    const uint64_t end = r.address + r.bytes;
    const uint64_t most = std::max(around.boundary, 64u << below(4));
    bool fails = percent(around.failing);
    const bool poisoned = percent(50);
    for (uint64_t at = r.address; at < end;) {
      const uint64_t steps = below((end - at) / around.boundary + 2);
      uint64_t stop = steps == 0 ? end : (at / around.boundary + steps) * around.boundary;
      stop = std::min({stop, end, at / around.boundary * around.boundary + most});
      Completion c = {};
      c.byte_count = static_cast<uint32_t>(end - at);
      c.lower_address = at & 127;
      c.tc = r.tc;
      c.relaxed = r.relaxed;
      const bool this_one = fails && (stop == end || percent(40));
      if (this_one) {
        fails = false;
        job.failed = true;
        job.failed_at = std::min(job.failed_at, static_cast<uint32_t>(r.address - job.src));
        c.poisoned = poisoned;
        c.status = poisoned ? 0 : std::array{1, 2, 4, 7}[below(4)];
      }
      if (c.status == 0) {
        for (uint64_t dw = at & ~3ull; dw < stop; dw += 4) {
          uint32_t value = 0;
          for (int i = 0; i < 4; ++i) value |= uint32_t{host_byte(dw + i, job.tenant)} << 8 * i;
          c.data.push_back(value);
        }
      }
      read.left.push_back(c);
      if (c.status != 0) break;
      at = stop;
    }
    reads_[r.tag] = read;
  }

  void send_completion() {
    std::vector<uint32_t> due;
    for (const auto& [tag, read] : reads_) {
      if (read.due <= siov::bench::cycle) due.push_back(tag);
    }
    if (due.empty() || percent(around.gap)) return;
    const auto earlier = [this](uint32_t a, uint32_t b) { return reads_[a].due < reads_[b].due; };
    const uint32_t tag = around.jitter ? due[below(due.size())]
                                       : *std::min_element(due.begin(), due.end(), earlier);
    if (percent(around.unexpected)) {
      send_unexpected(tag);
      return;
    }
    Read& read = reads_[tag];
    for (const BeatWords& beat : read.left.front().beats(kRid, tag)) cpl_.push_back(beat);
    read.left.pop_front();
    if (read.left.empty()) reads_.erase(tag);
  }

  /// A completion with data that its tag does not expect.
  void send_unexpected(uint32_t tag) {
    Completion c = reads_[tag].left.front();
    if (c.data.empty()) return;
    uint32_t rid = kRid;
    switch (below(7)) {
      case 0: tag = (around.ext_tag ? 112 : 16) + below(64); break;
      case 1: rid ^= 1u << below(16); break;
      case 2: c.byte_count ^= 1u << below(12); break;
      case 3: c.lower_address ^= 1u << below(7); break;
      case 4: c.tc ^= 1u << below(3); break;
      case 5: c.relaxed = !c.relaxed; break;
      default: c.data.resize(c.data.size() + 129); break;
    }
    for (const BeatWords& beat : c.beats(rid, tag)) cpl_.push_back(beat);
  }

  // ---- writes

  void take_writes() {
    const bool taken = top.p_tx_valid_o && top.p_tx_ready_i;
    const bool lost = top.rec_done_o && top.rec_done_status_o != 0;
    CHECK(taken ? !lost : (lost || !top.rec_done_o) && !top.msg_done_o && !top.log_done_o);
    if (top.rec_done_o) record_ends.push_back({top.rec_done_id_o, top.rec_done_status_o, 1, 0, 0});
    if (lost) lose_record();
    if (!taken) return;
    const uint32_t* beat = &top.p_tx_o[0];
    if (beat[Beat::kFlags] & Beat::kSop) {
      CHECK(write_dws_ == 0);
      const Request r(beat, 1, kRid, 128u << around.mps);
      CHECK(r.tag == 0);
      sent.push_back(top.rec_done_o   ? kRecord
                     : top.log_done_o ? kEntry
                     : top.msg_done_o ? kMessage
                                      : kData);
      switch (sent.back()) {
        case kRecord: take_record(r, beat); return;
        case kEntry: take_entry(r, beat); return;
        case kMessage: take_message(r, beat); return;
        case kData: begin_write(r, beat);
      }
    }
    if (write_translated_) atc.use(write_address_);
    take_data(beat);
  }

  void begin_write(Request r, const uint32_t* beat) {
    write_translated_ = r.translated;
    write_address_ = r.address;
    look_back(r, {});
    writer_ = nullptr;
    for (auto& [id, job] : jobs) {
      if (r.address >= job->dst && r.address + r.bytes <= job->dst + job->len) writer_ = job.get();
    }
    CHECK(writer_ != nullptr, "no job writes %llx", static_cast<unsigned long long>(r.address));
    CHECK(beat[Beat::kPrefix] == (r.translated ? 0 : writer_->tenant.prefix()));
    CHECK(r.tc == writer_->tc_dst && r.relaxed == (around.relaxed && !writer_->strict));
    write_dws_ = r.dws;
    write_lane_ = r.lane;
    write_bytes_ = r.bytes;
    write_offset_ = static_cast<uint32_t>(r.address - writer_->dst);
  }

  void take_data(const uint32_t* beat) {
    const uint32_t dws = std::min(16u, write_dws_);
    CHECK((beat[Beat::kFlags] & Beat::kDwEn) == (1u << dws) - 1);
    for (; write_lane_ < 4 * dws && write_bytes_ > 0; ++write_lane_, --write_bytes_) {
      const uint8_t byte = beat[write_lane_ / 4] >> 8 * (write_lane_ % 4);
      CHECK(byte == writer_->expected(write_offset_), "offset %u", write_offset_);
      CHECK(!writer_->written[write_offset_], "offset %u twice", write_offset_);
      writer_->written[write_offset_++] = true;
      ++writer_->bytes;
    }
    write_lane_ = 0;
    write_dws_ -= dws;
    CHECK((write_dws_ == 0) == ((beat[Beat::kFlags] & Beat::kEop) != 0));
  }

  void take_record(Request r, const uint32_t* beat) {
    const auto found = sent_record(top.rec_done_id_o);
    CHECK(around.ats || found == records_sent_.begin());
    const Record& record = *found;
    CHECK(beat[Beat::kPrefix] == look_back(r, record.tenant));
    CHECK(r.address == record.addr && r.bytes == 32 && r.tc == record.tc && !r.relaxed);
    CHECK((beat[Beat::kFlags] & ~Beat::kPrefixValid) == (Beat::kSop | Beat::kEop | 0xff));
    CHECK(std::equal(record.data.begin(), record.data.end(), beat));
    records_sent_.erase(found);
  }

  /// There is no TLP of a record whose page faults.
  void lose_record() {
    const MockAtc::Reply& reply = atc.last[{top.rec_done_id_o, MockAtc::kRec}];
    CHECK(reply.answer.kind == MockAtc::kFault && reply.answer.status == top.rec_done_status_o);
    records_sent_.erase(sent_record(top.rec_done_id_o));
    ++records_lost;
  }

  void take_entry(const Request& r, const uint32_t* beat) {
    CHECK(!entries_.empty() && entry_given_);
    const Entry& entry = entries_.front();
    CHECK(r.address == entry.addr && r.bytes == 64 && r.tc == 0 && !r.relaxed && !r.translated);
    CHECK(beat[Beat::kPrefix] == entry.tenant.prefix());
    CHECK(std::equal(entry.data.begin(), entry.data.end(), beat));
    entries_.pop_front();
    entry_given_ = false;
  }

  void take_message(const Request& r, const uint32_t* beat) {
    CHECK(!messages_sent_.empty());
    const Message& message = messages_sent_.front();
    CHECK(r.address == message.addr && r.bytes == 4 && r.tc == 0 && !r.relaxed);
    CHECK(beat[Beat::kFlags] == (Beat::kSop | Beat::kEop | 1) && beat[0] == message.data);
    messages_sent_.pop_front();
  }

  void end_job() {
    const auto found = jobs.find(top.done_id_o);
    CHECK(found != jobs.end(), "job %u", top.done_id_o);
    const Job& job = *found->second;
    job_ends.push_back({job.id, top.done_status_o, top.done_write_o != 0, top.done_done_o,
                        top.done_page_o});
    const bool faulted = around.ats && !job.failed && top.done_status_o != 0;
    if (faulted) {
      check_fault(job);
    } else {
      CHECK(top.done_status_o == (job.failed ? kReadError : 0));
      CHECK(!top.done_write_o && top.done_page_o == 0);
    }
    if (job.failed) {
      ++jobs_failed;
      CHECK(top.done_done_o == job.failed_at);
      for (uint32_t i = 0; i < job.failed_at; ++i) CHECK(job.written[i], "offset %u", i);
      CHECK(!job.written[job.failed_at]);
    } else {
      const uint32_t len = faulted ? top.done_done_o : job.len;
      CHECK(job.bytes == len, "%u of %u", job.bytes, len);
    }
    ++jobs_done;
    ++done_of_adi[job.tenant.adi];
    if (percent(around.records)) {
      add_record(record_id_++ % kIds, random_bits() >> 12 & ~31ull, random_tenant());
    }
    if (percent(around.logs)) add_entry(random_bits() & ~63ull, random_tenant());
    if (percent(around.messages)) add_message();
    jobs.erase(found);
  }

  /// A page that was refused ends its job there: what is before it has been moved, and no more.
  void check_fault(const Job& job) {
    const auto operand = top.done_write_o ? MockAtc::kDst : MockAtc::kSrc;
    const MockAtc::Reply& reply = atc.last[{job.id, operand}];
    const uint64_t at = (top.done_write_o ? job.dst : job.src) + top.done_done_o;
    CHECK(reply.answer.kind == MockAtc::kFault && reply.answer.status == top.done_status_o);
    CHECK(top.done_page_o == reply.to.page && reply.to.page == at >> 12);
    for (uint32_t i = 0; i < top.done_done_o; ++i) CHECK(job.written[i], "offset %u", i);
    ++faults;
  }

  std::map<uint32_t, Read> reads_;  // by tag
  std::deque<BeatWords> cpl_;
  std::deque<Record> records_, records_sent_;
  uint32_t record_id_ = 0;
  std::deque<Entry> entries_;
  bool entry_given_ = false;  // the first is on its way
  std::deque<Message> messages_, messages_sent_;
  bool bme_ = true, quiesce_ = false, np_stalled_ = false, p_stalled_ = false;
  Stream np_, p_;

  // The write that is being sent: what is left of it, from its next byte on.
  Job* writer_ = nullptr;
  bool write_translated_ = false;
  uint64_t write_address_ = 0;
  uint32_t write_dws_ = 0, write_lane_ = 0, write_bytes_ = 0, write_offset_ = 0;
};
