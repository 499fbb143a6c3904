// The jobs of one UnitManager::run over the bus.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backends/systemd/bus_client.h"

namespace gna::systemd {

// Sends all jobs, then follows each to its end, across re-executions of systemd. Call-backs
// only note down what was heard; all decisions are made between them, in go().
class JobRun {
 public:
  using Ended = std::function<void(std::size_t, Result<void>)>;
  JobRun(BusClient& client, std::span<const JobRequest> requests, const Ended& ended, Deadline by);
  void go();

 private:
  enum class Phase {
    fresh,
    sent,     // no answer yet
    queued,   // systemd has given it a job
    refused,  // systemd has not
    lost,     // systemd went away before the answer, or before the end was heard
    over
  };
  struct Job {
    Phase phase = Phase::fresh;
    std::string path = {};  // of the job object
    bool accepted = false;  // systemd gave it a job once
    int sends = 0;
    std::uint64_t sent_us = 0;  // the first time, CLOCK_MONOTONIC
    Deadline by = {};
    Error error = {};  // of refused
  };

  std::vector<std::size_t> all_in(Phase phase) const;
  bool is_news() const;  // something was heard that is not settled yet
  bool all_over() const { return all_in(Phase::over).size() == jobs_.size(); }
  std::string name(std::size_t i) const;
  Sight sight_of(std::size_t i, const std::map<std::string, Sight>& seen) const;
  // How their units are; empty if nobody answers, for then there is nothing to add.
  std::map<std::string, Sight> look_at(const std::vector<std::size_t>& indices);

  Result<void> connect();
  void send(std::size_t i);
  void settle_heard();
  void settle_expired();
  void settle_lost();
  void wait();
  void lose_jobs_of_old_connection();
  void end(std::size_t i, Result<void> result);

  BusClient& client_;
  std::span<const JobRequest> requests_;
  const Ended& ended_;
  Deadline by_;
  std::vector<Job> jobs_;
  int generation_ = 0;  // of the connection that hears of ends
  // Job path → result; may be heard before we know that the job is ours.
  std::map<std::string, std::string> removed_ = {};
};

}  // namespace gna::systemd
