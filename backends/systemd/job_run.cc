#include "backends/systemd/job_run.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "backends/systemd/errors.h"
#include "gna/base/log.h"

namespace gna::systemd {

namespace {

using Clock = std::chrono::steady_clock;

// A job that never arrived is sent again, but not for ever.
constexpr int kMostSends = 3;

// For the look at a unit whose time is over already.
constexpr auto kGrace = std::chrono::seconds(5);

std::uint64_t monotonic_us() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

std::string_view verb_of(plan::Job job) {
  switch (job) {
    case plan::Job::restart: return "restart";
    case plan::Job::start: return "start";
    case plan::Job::stop: return "stop";
  }
  return "restart";
}

std::string_view method_of(plan::Job job) {
  switch (job) {
    case plan::Job::restart: return "RestartUnit";
    case plan::Job::start: return "StartUnit";
    case plan::Job::stop: return "StopUnit";
  }
  return "RestartUnit";
}

// Whether what was asked for is so, though nobody told of the job's end.
bool has_happened(plan::Job job, const Sight& seen, std::uint64_t sent_us) {
  const bool down = seen.now.active == "inactive" || seen.now.active == "failed";
  const bool up = seen.now.active == "active" || seen.now.active == "reloading";
  const bool started_since = seen.last_started_us >= sent_us;
  const bool ran_through = started_since && seen.now.active == "inactive" && seen.result == "success";
  switch (job) {
    case plan::Job::stop: return down;
    case plan::Job::start: return up || ran_through;
    case plan::Job::restart: return (up && started_since) || ran_through;
  }
  return false;
}

}  // namespace

JobRun::JobRun(BusClient& client, std::span<const JobRequest> requests, const Ended& ended, Deadline by)
    : client_(client), requests_(requests), ended_(ended), by_(by), jobs_(requests.size()) {}

bool JobRun::is_news() const {
  return std::ranges::any_of(jobs_, [this](const Job& job) {
    return job.phase == Phase::refused || job.phase == Phase::lost ||
           (job.phase == Phase::queued && removed_.contains(job.path));
  });
}

std::string JobRun::name(std::size_t i) const {
  return fmt::format("{} {}", verb_of(requests_[i].job), requests_[i].unit);
}

std::vector<std::size_t> JobRun::all_in(Phase phase) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < jobs_.size(); ++i)
    if (jobs_[i].phase == phase) out.push_back(i);
  return out;
}

Sight JobRun::sight_of(std::size_t i, const std::map<std::string, Sight>& seen) const {
  const auto found = seen.find(requests_[i].unit);
  if (found != seen.end() && !found->second.now.active.empty()) return found->second;
  return {.now = {.load = {}, .active = "unknown", .sub = "nobody answers", .job_path = {}}};
}

std::map<std::string, Sight> JobRun::look_at(const std::vector<std::size_t>& indices) {
  std::set<std::string> units;
  for (const auto i : indices) units.insert(requests_[i].unit);
  return client_.look_at(units, std::max(by_, Clock::now() + kGrace)).value_or(std::map<std::string, Sight>());
}

Result<void> JobRun::connect() {
  GNA_TRY(client_.connect(by_));
  // Before the first job is queued, so that no end is missed. There is no need to Subscribe:
  // systemd tells whoever queued a job of its end.
  generation_ = client_.generation();
  return client_.connection().watch_jobs([this](const JobRemoved& job) { removed_[job.job_path] = job.result; });
}

void JobRun::send(std::size_t i) {
  auto& job = jobs_[i];
  if (job.sends++ == 0) {
    job.sent_us = monotonic_us();
    job.by = std::min(by_, Clock::now() + client_.options().per_job);
  }
  job.phase = Phase::sent;
  const auto call = manager_call(std::string(method_of(requests_[i].job)), {requests_[i].unit, std::string("replace")});
  client_.connection().send(call, job.by, [this, &job](const Reply& reply) {
    if (!reply) {
      if (reply.error().vanished) {
        job.phase = Phase::lost;
      } else if (reply.error().error.code != Code::DeadlineExceeded) {  // else it will be found expired
        job.phase = Phase::refused;
        job.error = reply.error().error;
      }
      return;
    }
    const char* path = nullptr;
    if (client_.api().sd_bus_message_read(*reply, "o", &path) < 0) return;
    job.phase = Phase::queued;
    job.accepted = true;
    job.path = path;
  });
}

void JobRun::end(std::size_t i, Result<void> result) {
  jobs_[i].phase = Phase::over;
  if (!result) result = std::unexpected(std::move(result).error().with(name(i)));
  ended_(i, std::move(result));
}

void JobRun::settle_heard() {
  for (const auto i : all_in(Phase::refused)) {
    // What does not exist does not run.
    if (requests_[i].job == plan::Job::stop && jobs_[i].error.code == Code::NotFound)
      end(i, {});
    else
      end(i, std::unexpected(jobs_[i].error));
  }

  std::vector<std::size_t> unhappy;
  for (const auto i : all_in(Phase::queued)) {
    const auto result = removed_.find(jobs_[i].path);
    if (result == removed_.end()) continue;
    if (result->second == "done")
      end(i, {});
    else
      unhappy.push_back(i);
  }
  if (unhappy.empty()) return;
  const auto seen = look_at(unhappy);
  for (const auto i : unhappy) {
    const auto& result = removed_.at(jobs_[i].path);
    const auto sight = sight_of(i, seen);
    auto text = fmt::format("job {}, the unit is {}", result, sight.text());
    if (!sight.result.empty() && sight.result != "success") text += ", result " + sight.result;
    end(i, fail(code_of_job_result(result), std::move(text), "journalctl -u " + requests_[i].unit));
  }
}

void JobRun::settle_expired() {
  std::vector<std::size_t> expired;
  for (std::size_t i = 0; i < jobs_.size(); ++i)
    if (jobs_[i].phase != Phase::over && jobs_[i].by <= Clock::now()) expired.push_back(i);
  if (expired.empty()) return;
  const auto seen = look_at(expired);
  for (const auto i : expired)
    end(i, fail(Code::DeadlineExceeded, "outcome unknown, looked again: " + sight_of(i, seen).text(),
                "journalctl -u " + requests_[i].unit));
}

void JobRun::settle_lost() {
  const auto lost = all_in(Phase::lost);
  if (lost.empty()) return;
  log::event(log::Level::info, "systemd-away", "systemd went away while jobs ran; looking for them");
  client_.pause(by_);
  if (auto connected = connect(); !connected) {
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_[i].phase != Phase::over)
        end(i, fail(Code::DeadlineExceeded, "outcome unknown: " + connected.error().message));
    return;
  }
  // The jobs are another client's now, as it has another name, so all ends have to be asked for.
  if (auto told = client_.tell(manager_call("Subscribe"), by_); !told)  // as when we have done so before
    log::event(log::Level::debug, "systemd-subscribe", "not subscribed", {{"error", told.error().message}});
  const auto seen = look_at(lost);
  for (const auto i : lost) {
    auto& job = jobs_[i];
    const auto sight = sight_of(i, seen);
    if (removed_.contains(job.path)) {
      job.phase = Phase::queued;
    } else if (sight.now.has_job()) {
      job.phase = Phase::queued;
      job.accepted = true;
      job.path = sight.now.job_path;
    } else if (has_happened(requests_[i].job, sight, job.sent_us)) {
      end(i, {});
    } else if (!job.accepted && job.sends < kMostSends) {
      send(i);
    } else if (sight.now.active == "failed") {
      end(i, fail(Code::Unavailable, "the unit is " + sight.text(), "journalctl -u " + requests_[i].unit));
    } else {
      end(i, fail(Code::DeadlineExceeded, "outcome unknown, looked again: " + sight.text()));
    }
  }
}

void JobRun::wait() {
  auto until = by_;
  for (const auto& job : jobs_)
    if (job.phase != Phase::over) until = std::min(until, job.by);
  if (auto turned = client_.connection().turn(until); !turned)
    log::event(log::Level::debug, "systemd-away", "the connection broke", {{"error", turned.error().message}});
}

void JobRun::lose_jobs_of_old_connection() {
  if (client_.connected() && client_.connection().is_open() && client_.generation() == generation_) return;
  for (auto& job : jobs_)
    if (job.phase == Phase::queued || job.phase == Phase::sent) job.phase = Phase::lost;
}

void JobRun::go() {
  if (auto connected = connect(); !connected) {
    for (std::size_t i = 0; i < jobs_.size(); ++i) end(i, std::unexpected(connected.error()));
    return;
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i) send(i);
  while (true) {
    settle_heard();
    settle_expired();
    lose_jobs_of_old_connection();
    settle_lost();
    if (all_over()) break;
    if (!is_news()) wait();  // a look at units may have heard of others
  }
  if (client_.connected()) client_.connection().stop_watching();
}

}  // namespace gna::systemd
