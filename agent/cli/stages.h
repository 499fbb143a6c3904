// What a person sees of the stages of a new machine: bootstrap, provision run.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "agent/cli/console.h"
#include "agent/cli/options.h"
#include "agent/cli/signals.h"
#include "provision/stages/stage.h"

namespace gna::cli {

// While it lives, SIGUSR1 says where the run is; SIGINT and SIGTERM stop it after the stage that runs, or sooner if
// that one asks stopping().
class StagesView {
 public:
  StagesView(const Options& options, Console& console, Deadline by);

  bool stopping() const { return signals_.stopping(); }

  // A line or (JSON) an object for each stage as it ends, a summary last; gives the exit code.
  int run(const std::vector<provision::Stage>& stages);

 private:
  void started(const std::string& name, std::size_t number, std::size_t of);
  void ended(const provision::StageReport& report);
  void report();

  Console& console_;
  const bool lines_;
  const Deadline by_;
  std::mutex mutex_;  // guards what follows: report() runs on the signals' thread
  std::string name_ = {};
  std::size_t number_ = 0, of_ = 0;
  std::chrono::steady_clock::time_point since_ = {};
  Signals signals_;
};

}  // namespace gna::cli
