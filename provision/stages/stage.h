// Work on a new machine in stages: each may run again, and each is held against what it promises.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::provision {

enum class Outcome { done, already, skipped };

// What a stage has to say: one line for a person, "gardener-node-agent.service is enabled".
struct Found {
  Outcome outcome = Outcome::done;
  std::string words = {};
  std::vector<std::string> warnings = {};
};

struct Stage {
  std::string name = {};
  std::function<Result<Found>(Deadline)> act = {};
  // The post-condition, read anew from the machine. Empty: `act` is one.
  std::function<Result<void>(Deadline)> holds = {};
};

struct StageReport {
  std::string name = {};
  std::size_t number = 0, of = 0;  // from 1
  Result<Found> result = {};
  std::chrono::milliseconds took = {};
};

struct StageHooks {
  std::function<void(const std::string& name, std::size_t number, std::size_t of)> started = {};
  std::function<void(const StageReport&)> ended = {};
  std::function<bool()> stopping = {};  // asked before each stage
};

struct StagesEnd {
  std::size_t done = 0, of = 0;
  bool failed = false, stopped = false;
  Error error = {};  // of the stage that failed
};

// One after the other; the first that fails ends it, since each builds upon those before it.
StagesEnd run_stages(const std::vector<Stage>& stages, const StageHooks& hooks, Deadline by);

}  // namespace gna::provision
