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

// Runs them to their end, a line or (JSON) an object for each as it ends, a summary last; gives the exit code.
// SIGUSR1 says where it is; SIGINT and SIGTERM stop it after the stage that runs.
int run_stages(const std::vector<provision::Stage>& stages, const Options& options, Console& console, Deadline by);

}  // namespace gna::cli
